package sqlindex

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
)

// Tally is a sum over what a question matches.
type Tally struct {
	N int
	// Back is how far back was counted when time ran out; zero: it is all.
	Back time.Time
	// Exact: the condition is the filter's, no more. Otherwise nothing was
	// counted, and the caller looks at the rows.
	Exact bool
}

// Count counts what matches. Limit and After do not matter.
func (x *Index) Count(ctx context.Context, q Question) (Tally, error) {
	return x.tally(ctx, q, "", true, nil)
}

// Facets sums what matches by the values of a field, as Key makes them, and
// gives each with its number. Of a field with several values each counts.
func (x *Index) Facets(ctx context.Context, q Question, field string, add func(value string, n int)) (Tally, error) {
	expr, ofLow, decode, err := x.facet(field)
	if err != nil {
		return Tally{}, err
	}
	return x.tally(ctx, q, expr, ofLow, func(v string, n int) {
		if decode != nil {
			v = decode(v)
		}
		if !query.Several(field) || v == "" {
			add(v, n)
			return
		}
		for _, one := range strings.Split(strings.Trim(v, "\n"), "\n") {
			add(one, n)
		}
	})
}

// Histogram sums what matches by time, in steps counted from 1970 on.
func (x *Index) Histogram(ctx context.Context, q Question, step time.Duration, add func(at time.Time, n int)) (Tally, error) {
	ms := max(1, step.Milliseconds())
	return x.tally(ctx, q, fmt.Sprintf("(r.at >> %d) / %d", counterBits, ms), false, func(v string, n int) {
		k, _ := strconv.ParseInt(v, 10, 64)
		add(time.UnixMilli(k*ms), n)
	})
}

// facet is the expression for a field's values, whether it is one of low, and what
// they stand for.
func (x *Index) facet(field string) (expr string, ofLow bool, decode func(string) string, err error) {
	low := func(shift, bits int) string { return fmt.Sprintf("r.low >> %d & %d", shift, 1<<bits-1) }
	switch err := CanFacet(field); {
	case err != nil:
		return "", false, nil, err
	case numeric(field): // those of REAL columns have a point
		return `r."` + field + `"`, false, func(v string) string {
			if n, err := strconv.ParseFloat(v, 64); err == nil {
				return numberText(n)
			}
			return v
		}, nil
	case field == "direction":
		return low(0, 1), true, func(v string) string {
			if v == "1" {
				return string(mail.Outbound)
			}
			return string(mail.Inbound)
		}, nil
	case field == "status":
		return low(lowStatus, 5), true, func(v string) string {
			if n, err := strconv.Atoi(v); err == nil && n < len(mail.Statuses()) {
				return string(mail.Statuses()[n])
			}
			return v
		}, nil
	case field == "tenant":
		return low(lowTenant, 20), true, x.nameOf("tenant"), nil
	case field == "main":
		return low(lowMain, 20), true, x.nameOf("main"), nil
	}
	return `r."` + field + `"`, false, nil, nil
}

func numberText(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

// nameOf gives the names of numbers of a kind.
func (x *Index) nameOf(kind string) func(string) string {
	names := map[string]string{"0": ""}
	x.nameMu.RLock()
	defer x.nameMu.RUnlock()
	for k, no := range x.names {
		if name, ok := strings.CutPrefix(k, kind+"\x00"); ok {
			names[strconv.Itoa(no)] = name
		}
	}
	return func(v string) string { return names[v] }
}

// tally sums by an expression; "" counts only. ofLow: it is one of low.
func (x *Index) tally(ctx context.Context, q Question, expr string, ofLow bool, add func(string, int)) (Tally, error) {
	a, err := x.ask(q)
	if err != nil || !a.Exact {
		return Tally{}, err
	}
	v, end, err := x.look(ctx)
	if err != nil {
		return Tally{}, err
	}
	defer end()
	return v.tally(ctx, a, expr, ofLow, add)
}

func (x view) tally(ctx context.Context, a *asked, expr string, ofLow bool, add func(string, int)) (Tally, error) {
	t := Tally{Exact: true}
	pl, err := x.plan(ctx, a)
	if err != nil || pl.none {
		return t, err
	}
	if pl.lowOnly && ofLow {
		err := x.sumLows(ctx, pl.low, expr, &t, add)
		return t, err
	}
	inner := x.within(a)
	for step := x.firstTally; a.to > a.from; {
		start := time.Now()
		low, bare := a.from, pl
		if !pl.sparse {
			if low, err = x.stepBack(ctx, pl, a.from, a.to, step); err != nil {
				return t, err
			}
			if pl.covered {
				low = inner.cut(low, a.to)
				if low >= inner.from && a.to <= inner.to {
					bare.rest = ""
				}
			}
		}
		if err := x.sum(ctx, bare, expr, low, a.to, &t, add); err != nil {
			return t, err
		}
		if a.to = low; a.to > a.from && a.over() {
			t.Back = time.UnixMilli(a.to >> counterBits)
			return t, nil
		}
		switch took := time.Since(start); {
		case took < 20*time.Millisecond:
			step = min(2*step, x.maxTally)
		case took > 50*time.Millisecond:
			step = max(step/2, x.firstTally)
		}
	}
	return t, nil
}

// keys is a range of keys.
type keys struct{ from, to int64 }

// within is where every row is in the question's time of reception.
func (x *Index) within(a *asked) keys {
	late := x.late()
	k := keys{0, a.to}
	if a.from > 0 {
		k.from = keyOfMilli(milli(a.Since) - late.min + 1)
	}
	if a.Until != (1<<63 - 1) {
		k.to = keyOfMilli(milli(a.Until) - late.max)
	}
	return k
}

// cut ends a step that goes down to low from to at an edge of k.
func (k keys) cut(low, to int64) int64 {
	if low < k.to && k.to < to {
		return k.to
	}
	if low < k.from && k.from < to {
		return k.from
	}
	return low
}

func (x view) sum(ctx context.Context, pl plan, expr string, from, to int64, t *Tally, add func(string, int)) error {
	what := "r.at"
	if expr != "" {
		what += ", " + expr + " AS v"
	}
	var parts []string
	var args []any
	for _, acc := range pl.access {
		text, as := acc.query(what, pl, from, to)
		parts, args = append(parts, text), append(args, as...)
	}
	union := " UNION " // which gives each once
	if pl.access[0].apart {
		union = " UNION ALL "
	}
	from1 := " FROM (" + strings.Join(parts, union) + ")"
	if expr == "" {
		return x.addSums(ctx, "SELECT '', count(*)"+from1, args, t, nil)
	}
	return x.addSums(ctx, "SELECT ifnull(CAST(v AS TEXT), ''), count(*)"+from1+" GROUP BY v", args, t, add)
}

// sumLows is sum of everything that low has, by the table lows.
func (x view) sumLows(ctx context.Context, l lowTerms, expr string, t *Tally, add func(string, int)) error {
	where, args := l.condition("r")
	if expr == "" {
		return x.addSums(ctx, "SELECT '', ifnull(sum(r.n), 0) FROM lows r WHERE "+where, args, t, nil)
	}
	return x.addSums(ctx, "SELECT CAST("+expr+" AS TEXT) AS v, sum(r.n) FROM lows r WHERE "+where+" GROUP BY v", args, t, add)
}

// addSums adds values and their numbers to a tally.
func (x view) addSums(ctx context.Context, text string, args []any, t *Tally, add func(string, int)) error {
	rows, err := x.read.QueryContext(ctx, text, args...)
	if err != nil {
		return fmt.Errorf("search index: %w", err)
	}
	defer func() { _ = rows.Close() }() // read to its end by then, or given up
	for rows.Next() {
		var v string
		var n int
		if err := rows.Scan(&v, &n); err != nil {
			return fmt.Errorf("search index: %w", err)
		}
		if t.N += n; add != nil {
			add(v, n)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("search index: %w", err)
	}
	return nil
}
