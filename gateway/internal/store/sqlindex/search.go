package sqlindex

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
)

// Key names a row that was found.
type Key struct {
	ID mail.ID
	N  int
}

// Page is a part of what a search finds, newest first.
type Page struct {
	Keys []Key
	// Next is where to go on from; "" is the end.
	Next string
	// Back is how far back was searched, set where time ran out before the page
	// was full or the end was reached. Next goes on from there.
	Back time.Time
	// Exact: what was found matches. Otherwise it may also be rows that do not,
	// and the caller looks at each.
	Exact bool
}

// step is how many rows are looked at between two looks at the clock.
const step = 20_000

// Search finds rows from cursor ("" the newest) on, at most limit. Relative
// times count from now. It stops when its budget is used up, having got on by
// one step at least; ctx ends it with an error.
func (x *Index) Search(ctx context.Context, f query.Filter, now time.Time, cursor string, limit int, budget time.Duration) (Page, error) {
	q, err := query.ToSQL(f, now)
	if err != nil {
		return Page{}, err
	}
	to, err := x.position(ctx, cursor)
	if err != nil {
		return Page{}, err
	}
	from := int64(0)
	if q.Since != math.MinInt64 {
		from = keyOf(time.Unix(0, q.Since))
	}
	if q.Until != math.MaxInt64 {
		to = min(to, keyOf(time.Unix(0, q.Until))+counters)
	}
	p := Page{Exact: q.Exact}
	plan, err := x.plan(ctx, &q, from, to)
	if err != nil || plan.none {
		return p, err
	}
	until := time.Now().Add(budget)
	for to > from {
		low := from
		if !plan.sparse {
			if low, err = x.stepBack(ctx, plan.access[0], from, to); err != nil {
				return p, err
			}
		}
		last, err := x.window(ctx, plan, low, to, limit-len(p.Keys), &p)
		if err != nil {
			return p, err
		}
		if len(p.Keys) >= limit {
			p.Next = cursorOf(last)
			return p, nil
		}
		if to = low; to > from && time.Now().After(until) {
			p.Next, p.Back = cursorOf(to), time.UnixMilli(to>>counterBits)
			return p, nil
		}
	}
	return p, nil
}

// A cursor is the key below which to go on.
func cursorOf(at int64) string { return strconv.FormatInt(at, 36) }

func (x *Index) position(ctx context.Context, cursor string) (int64, error) {
	if cursor == "" {
		return math.MaxInt64, nil
	}
	at, err := strconv.ParseInt(cursor, 36, 64)
	if err != nil || at < 0 {
		return 0, fmt.Errorf("%w: %.40q is not a cursor", query.ErrInvalid, cursor)
	}
	return at, nil
}

// stepBack is the key that lies one step of an index below to, not below from.
func (x *Index) stepBack(ctx context.Context, a access, from, to int64) (at int64, err error) {
	if a.order != "r.at" { // of words: to count them would be to find them
		a = everything
	}
	text, args := a.query("r.at", plan{}, from, to)
	err = x.read.QueryRowContext(ctx, text+" ORDER BY r.at DESC LIMIT 1 OFFSET "+strconv.Itoa(step), args...).Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		return from, nil
	}
	if err != nil {
		return 0, fmt.Errorf("search index: %w", err)
	}
	return at, nil
}

// window adds what it finds in [from, to) to the page, and returns the key of
// the last row.
func (x *Index) window(ctx context.Context, pl plan, from, to int64, limit int, p *Page) (last int64, err error) {
	var found []hit
	for _, acc := range pl.access {
		text, args := acc.query("r.id, r.n, r.at", pl, from, to)
		hits, err := x.hits(ctx, text+" ORDER BY "+acc.order+" DESC LIMIT ?", append(args, limit))
		if err != nil {
			return 0, err
		}
		found = merge(found, hits, limit)
	}
	for _, h := range found {
		id, err := mail.ParseID(h.id)
		if err != nil {
			return 0, fmt.Errorf("search index: %w", err)
		}
		p.Keys = append(p.Keys, Key{id, h.n})
		last = h.at
	}
	return last, nil
}

type hit struct {
	id string
	n  int
	at int64
}

func (x *Index) hits(ctx context.Context, text string, args []any) ([]hit, error) {
	rows, err := x.read.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, fmt.Errorf("search index: %w", err)
	}
	defer rows.Close()
	var out []hit
	for rows.Next() {
		var h hit
		if err := rows.Scan(&h.id, &h.n, &h.at); err != nil {
			return nil, fmt.Errorf("search index: %w", err)
		}
		out = append(out, h)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("search index: %w", err)
	}
	return out, nil
}

// merge joins two lists that are in order, each row once.
func merge(a, b []hit, limit int) []hit {
	if len(a) == 0 {
		return b
	}
	var out []hit
	for len(out) < limit && (len(a) > 0 || len(b) > 0) {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].at > b[0].at:
			out, a = append(out, a[0]), a[1:]
		case len(a) == 0 || b[0].at > a[0].at:
			out, b = append(out, b[0]), b[1:]
		default:
			out, a, b = append(out, a[0]), a[1:], b[1:]
		}
	}
	return out
}

// plan is the way to the rows: through one index, or two for the fields that
// have a second column.
type plan struct {
	access []access
	sparse bool // so few that they are looked at at once
	none   bool // there are none
	// what is known of low, for every index carries it
	mask, want int64
	// rest is the condition that remains for the row itself; "" nothing does.
	rest     string
	restArgs []any
}

// access is one index and what is asked of it.
type access struct {
	from  string // of the FROM clause
	order string // the column of the key
	where string
	args  []any
	// sparseOnly: its rows are not in order, which is no matter for few.
	sparseOnly bool
}

// query is SELECT … WHERE for a range of keys.
func (a access) query(what string, pl plan, from, to int64) (string, []any) {
	var b strings.Builder
	b.WriteString("SELECT " + what + " FROM " + a.from + " WHERE " + a.order + " >= ? AND " + a.order + " < ?")
	args := []any{from, to}
	if a.where != "" {
		b.WriteString(" AND " + a.where)
		args = append(args, a.args...)
	}
	if pl.mask != 0 {
		b.WriteString(" AND r.low & ? = ?")
		args = append(args, pl.mask, pl.want)
	}
	if pl.rest != "" {
		b.WriteString(" AND (" + pl.rest + ")")
		args = append(args, pl.restArgs...)
	}
	return b.String(), args
}
