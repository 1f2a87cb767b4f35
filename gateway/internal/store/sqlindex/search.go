package sqlindex

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
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

// Position is a place in the order of rows: that of IDs, newest first, and
// within a message that of recipients. It is behind recipient N of the message,
// or behind all of it where N is negative; the zero Position is the start.
type Position struct {
	ID mail.ID
	N  int
}

// IsZero reports the start.
func (p Position) IsZero() bool { return p.ID.IsZero() }

// behind reports whether a row comes after the position.
func (p Position) behind(k Key) bool {
	c := slices.Compare(k.ID[:], p.ID[:])
	return p.IsZero() || c < 0 || c == 0 && p.N >= 0 && k.N > p.N
}

// Question is a search.
type Question struct {
	Filter query.Filter
	Now    time.Time     // what relative times count from
	After  Position      // where to go on
	Limit  int           // rows at most
	Budget time.Duration // after which it stops, having got on by one step at least
}

// Page is a part of what a search finds, newest first.
type Page struct {
	Keys []Key
	Next Position // where to go on, when there is More
	More bool
	// Back is how far back was searched, set where time ran out before the page
	// was full or the end was reached.
	Back time.Time
	// Exact: what was found matches. Otherwise it may also be rows that do not,
	// and the caller looks at each.
	Exact bool
}

// asked is a question that is being answered: rows with keys in [from, to).
type asked struct {
	Question
	*query.SQL
	from, to int64
	until    time.Time
}

func (x *Index) ask(q Question) (*asked, error) {
	c, err := query.ToSQL(q.Filter, q.Now)
	if err != nil {
		return nil, err
	}
	a := &asked{Question: q, SQL: &c, to: math.MaxInt64, until: time.Now().Add(q.Budget)}
	late := x.late()
	if c.Since != math.MinInt64 {
		a.from = keyOfMilli(milli(c.Since) - late.max)
	}
	if c.Until != math.MaxInt64 {
		a.to = keyOfMilli(milli(c.Until) - late.min + 1)
	}
	return a, nil
}

func milli(ns int64) int64 { return time.Unix(0, ns).UnixMilli() }

func (a *asked) over() bool { return time.Now().After(a.until) }

// view is the index as it is at one time: several statements see the same rows.
type view struct {
	*Index
	read interface {
		QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error)
		QueryRowContext(ctx context.Context, text string, args ...any) *sql.Row
	}
}

// look makes a view, and what ends it.
func (x *Index) look(ctx context.Context) (v view, end func(), err error) {
	tx, err := x.read.BeginTx(ctx, nil)
	if err != nil {
		return view{}, nil, fmt.Errorf("search index: %w", err)
	}
	return view{x, tx}, func() { _ = tx.Rollback() }, nil // nothing was written
}

// Search finds rows in the order of positions. ctx ends it with an error.
func (x *Index) Search(ctx context.Context, q Question) (Page, error) {
	a, err := x.ask(q)
	if err != nil {
		return Page{}, err
	}
	v, end, err := x.look(ctx)
	if err != nil {
		return Page{}, err
	}
	defer end()
	return v.search(ctx, a)
}

func (x view) search(ctx context.Context, a *asked) (Page, error) {
	q := a.Question
	p := Page{Exact: a.Exact}
	first := int64(-1) // the keys of the position's millisecond
	if !q.After.IsZero() {
		first = keyOf(q.After.ID.Time())
		a.to = min(a.to, first+counters)
	}
	pl, err := x.plan(ctx, a)
	if err != nil || pl.none {
		return p, err
	}
	if first >= 0 && a.to > first {
		hits, err := x.hits(ctx, pl, max(a.from, first), a.to, 0)
		if err != nil {
			return p, err
		}
		hits = slices.DeleteFunc(hits, func(h hit) bool { return !q.After.behind(h.Key) })
		if p.take(hits, q.Limit) {
			return p, nil
		}
		a.to = first
	}
	for step := x.firstStep; a.to > a.from; step = min(2*step, x.maxStep) {
		low := a.from
		if !pl.sparse {
			if low, err = x.stepBack(ctx, pl, a.from, a.to, step); err != nil {
				return p, err
			}
		}
		if err := x.window(ctx, pl, low, a.to, q.Limit-len(p.Keys), &p); err != nil || p.More {
			return p, err
		}
		if a.to = low; a.to <= a.from {
			break
		}
		if a.over() {
			ms := (a.to - 1) >> counterBits
			p.Back, p.More, p.Next = time.UnixMilli(ms+1), true, before(ms+1)
			return p, nil
		}
		if pl.settled = pl.settled || len(p.Keys)*10 >= q.Limit; !pl.settled { // a few more steps would fill the page
			if pl, err = x.settle(ctx, a, pl); err != nil || pl.none {
				return p, err
			}
		}
	}
	return p, nil
}

// before is the position behind everything that is not older than a time in
// milliseconds: no message has the ID.
func before(ms int64) Position {
	var id mail.ID
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	return Position{ID: id, N: -1}
}

// take adds rows, in their order, up to limit over all, and tells whether the
// page is full.
func (p *Page) take(hits []hit, limit int) bool {
	for _, h := range hits {
		p.Keys = append(p.Keys, h.Key)
		if len(p.Keys) >= limit {
			p.More, p.Next = true, Position(h.Key)
			return true
		}
	}
	return false
}

// stepBack is the beginning of the millisecond that lies some steps of the
// plan's indexes below to, not below from.
func (x view) stepBack(ctx context.Context, pl plan, from, to int64, step int) (low int64, err error) {
	low = from
	step /= min(len(pl.access), 4) // of many, few have most of the rows
	for _, a := range pl.access {
		if a.order != "r.at" { // of words: to count them would be to find them
			a = everything
		}
		var at int64
		text, args := a.query("r.at", plan{}, from, to)
		err = x.read.QueryRowContext(ctx, text+" ORDER BY r.at DESC LIMIT 1 OFFSET "+strconv.Itoa(step), args...).Scan(&at)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("search index: %w", err)
		}
		if at = at >> counterBits << counterBits; at < to {
			low = max(low, at)
		}
	}
	return low, nil
}

// window adds what it finds in [from, to), which ends with a millisecond.
func (x view) window(ctx context.Context, pl plan, from, to int64, limit int, p *Page) error {
	hits, err := x.hits(ctx, pl, from, to, limit)
	if err != nil {
		return err
	}
	if n := len(hits); n >= limit { // it may end within a millisecond
		last := hits[n-1].at
		for _, h := range hits {
			last = min(last, h.at)
		}
		rest, err := x.hits(ctx, pl, max(from, last>>counterBits<<counterBits), last, 0)
		if err != nil {
			return err
		}
		hits = append(hits, rest...)
		slices.SortFunc(hits, hit.compare)
	}
	p.take(hits, len(p.Keys)+limit)
	return nil
}

// hit is a row that was found.
type hit struct {
	Key
	at int64
}

// compare is the order of positions.
func (a hit) compare(b hit) int {
	return cmp.Or(slices.Compare(b.ID[:], a.ID[:]), cmp.Compare(a.N, b.N))
}

// hits finds rows in [from, to) in the order of positions, each once: those
// with the highest keys, limit at most where it is not 0.
func (x view) hits(ctx context.Context, pl plan, from, to int64, limit int) ([]hit, error) {
	if limit <= 0 {
		limit = -1 // none, to SQLite
	}
	var found []hit
	for _, acc := range pl.access {
		text, args := acc.query("r.id, r.n, r.at", pl, from, to)
		if err := x.rows(ctx, &found, text+" ORDER BY "+acc.order+" DESC LIMIT ?", append(args, limit)); err != nil {
			return nil, err
		}
	}
	if len(pl.access) > 1 {
		slices.SortFunc(found, func(a, b hit) int { return cmp.Compare(b.at, a.at) })
		found = slices.CompactFunc(found, func(a, b hit) bool { return a.at == b.at })
		if limit > 0 && len(found) > limit {
			found = found[:limit]
		}
	}
	slices.SortFunc(found, hit.compare)
	return found, nil
}

func (x view) rows(ctx context.Context, out *[]hit, text string, args []any) error {
	rows, err := x.read.QueryContext(ctx, text, args...)
	if err != nil {
		return fmt.Errorf("search index: %w", err)
	}
	defer func() { _ = rows.Close() }() // read to its end by then, or given up
	for rows.Next() {
		var h hit
		var id string
		if err := rows.Scan(&id, &h.N, &h.at); err != nil {
			return fmt.Errorf("search index: %w", err)
		}
		if h.ID, err = mail.ParseID(id); err != nil {
			return fmt.Errorf("search index: %w", err)
		}
		*out = append(*out, h)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("search index: %w", err)
	}
	return nil
}

// plan is the way to the rows: through one index, or several whose rows are
// joined.
type plan struct {
	access  []access
	sparse  bool     // so few that they are looked at at once
	none    bool     // there are none
	settled bool     // the indexes were compared as far as it pays
	low     lowTerms // what is known of low, for every index carries it
	lowOnly bool     // low says it all
	// rest is the condition that remains for the row itself; "" nothing does.
	rest     string
	restArgs []any
	// covered: but for the time of reception, the indexes say it all.
	covered bool
}

// access is one index and what is asked of it.
type access struct {
	from  string // of the FROM clause
	order string // the column of the key
	where string
	args  []any
	// exact: its rows are those that match the term.
	exact bool
	// apart: no other access of the plan has its rows.
	apart bool
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
	if pl.low.mask != 0 {
		b.WriteString(" AND r.low & ? = ?")
		args = append(args, pl.low.mask, pl.low.want)
	}
	if pl.rest != "" {
		b.WriteString(" AND (" + pl.rest + ")")
		args = append(args, pl.restArgs...)
	}
	return b.String(), args
}
