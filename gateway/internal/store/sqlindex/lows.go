package sqlindex

import (
	"context"
	"fmt"
	"strings"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
)

// lowTerms is what terms that must all match say of low.
//
// The table lows has the values that low has and how many rows have each: a few
// thousand with hundreds of tenants. A question that asks about nothing else is
// counted by it, and of every other it says at once how many rows are possible: a
// common status and a common class may have none together, or ten among ten million.
type lowTerms struct {
	lowValue            // what all say
	terms    []lowValue // what each says
	never    bool       // they contradict each other
}

// lowValue is a part of low.
type lowValue struct{ mask, want int64 }

// note adds a term, and tells whether low says all that it says.
func (l *lowTerms) note(x *Index, t query.Filter) (all bool) {
	if t.Op != query.Is {
		return false
	}
	set := func(shift, bits uint, n int) {
		v := lowValue{(int64(1)<<bits - 1) << shift, int64(n) << shift}
		l.never = l.never || l.mask&v.mask != 0 && l.want&v.mask != v.want
		l.mask, l.want, l.terms = l.mask|v.mask, l.want|v.want, append(l.terms, v)
	}
	switch t.Field {
	case "direction":
		n := 0
		if strings.EqualFold(t.Value, string(mail.Outbound)) {
			n = 1
		}
		set(0, 1, n)
		return true
	case "status":
		if n := query.StatusNumber(mail.Status(strings.ToLower(t.Value))); n >= 0 {
			set(lowStatus, 5, n)
			return true
		}
	case "main":
		if n := x.number("main\x00" + query.Key(t.Value)); n > 0 {
			set(lowMain, 20, n)
			return true
		}
	case "class":
		main, _, more := strings.Cut(query.Key(t.Value), "/")
		if n := x.number("main\x00" + main); n > 0 {
			set(lowMain, 20, n)
			return !more
		}
	case "tenant":
		if n := x.number("tenant\x00" + query.Key(t.Value)); n > 0 {
			set(lowTenant, 20, n)
			return true
		}
	}
	return false
}

// condition is that of rows, or of the table lows, under an alias.
func (l lowValue) condition(alias string) (string, []any) {
	text, args := alias+".low & ? = ?", []any{l.mask, l.want}
	if tenant := int64(lowNumbers-1) << lowTenant; l.mask&tenant != 0 {
		first := l.want & tenant
		text, args = text+" AND "+alias+".low BETWEEN ? AND ?", append(args, first, first|(1<<lowTenant-1))
	}
	return text, args
}

// maxLows is up to how many values of low are each looked up, each with all that a
// question asks; and maxArgs what SQLite takes of that.
const maxLows, maxArgs = 32, 30_000

// together is the way to the rows that have what all terms say of low, where that
// is better than the way of one of them; nil: it is not. none: there are no rows.
func (x view) together(ctx context.Context, l lowTerms, args int) (ways []access, none bool, err error) {
	if l.never || len(l.terms) == 0 {
		return nil, l.never, nil
	}
	values, rows, err := x.countLows(ctx, l.lowValue)
	switch {
	case err != nil:
		return nil, false, err
	case rows == 0:
		return nil, true, nil
	case rows <= x.few:
		where, args := l.condition("l")
		return []access{{from: "lows l CROSS JOIN rows r INDEXED BY by_low ON r.low = l.low", order: "r.at", where: where, args: args, sparseOnly: true}}, false, nil
	case len(l.terms) < 2 || values > maxLows || values*args > maxArgs:
		return nil, false, nil
	}
	for _, t := range l.terms {
		if _, n, err := x.countLows(ctx, t); err != nil || n < 2*rows { // hardly more has this alone
			return nil, false, err
		}
	}
	where, as := l.condition("l")
	found, err := x.read.QueryContext(ctx, "SELECT l.low FROM lows l WHERE "+where, as...)
	if err != nil {
		return nil, false, fmt.Errorf("search index: %w", err)
	}
	defer func() { _ = found.Close() }() // read to its end by then, or given up
	for found.Next() {
		var low int64
		if err := found.Scan(&low); err != nil {
			return nil, false, fmt.Errorf("search index: %w", err)
		}
		ways = append(ways, access{from: "rows r INDEXED BY by_low", order: "r.at", where: "r.low = ?", args: []any{low}, apart: true})
	}
	if err := found.Err(); err != nil {
		return nil, false, fmt.Errorf("search index: %w", err)
	}
	return ways, false, nil
}

// countLows is how many values low has that have a part, and how many rows.
func (x view) countLows(ctx context.Context, l lowValue) (values, rows int, err error) {
	where, args := l.condition("l")
	err = x.read.QueryRowContext(ctx, "SELECT count(*), ifnull(sum(l.n), 0) FROM lows l WHERE "+where, args...).Scan(&values, &rows)
	if err != nil {
		return 0, 0, fmt.Errorf("search index: %w", err)
	}
	return values, rows, nil
}
