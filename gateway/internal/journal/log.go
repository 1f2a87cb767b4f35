// Package journal is the log as operators read it: search, one message with
// its attempts and events, and an explanation in plain words. Everything is
// asked for within a scope.
//
// It changes nothing (package actions does) and does not store: it reads
// package store.
package journal

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Options make a Log. Store is needed; everything else has a default.
type Options struct {
	Store  store.Store
	Clock  func() time.Time // default time.Now
	Budget time.Duration    // for one page of a search; default 5 s
	// DomainForce tells whether a tenant lets its own operators force stalled
	// mail; nil: none does.
	DomainForce func(tenant string) bool
	// Phases are those of a retry schedule, for the words about the next
	// attempt; nil: the words do without.
	Phases func(schedule string) []Phase
}

// Phase is one phase of a retry schedule: until this long after the first
// failure, an attempt comes Every after the last, times Factor each time.
type Phase struct {
	Until, Every time.Duration
	Factor       float64
}

// Log reads the journal. It is safe in parallel.
type Log struct{ o Options }

// New makes a Log.
func New(o Options) *Log {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Budget <= 0 {
		o.Budget = 5 * time.Second
	}
	if o.DomainForce == nil {
		o.DomainForce = func(string) bool { return false }
	}
	if o.Phases == nil {
		o.Phases = func(string) []Phase { return nil }
	}
	return &Log{o}
}

// Query is a search.
type Query struct {
	Filter query.Filter
	Order  store.Order // zero: newest message first
	Cursor string      // "" the start
	Limit  int         // rows at most; 0 as many as a page may have
}

// Page is one page of a search.
type Page struct {
	// Rows are recipients, in the order asked for. Each row's message has only
	// the recipients that the scope sees.
	Rows []store.Row
	Next string // cursor to go on from; "" at the end
	// SearchedBackTo is set where not everything was looked at: what came in
	// before it was not. Where the time for a page ran out, Next goes on there;
	// where the rows to sort were too many, a narrower search helps.
	SearchedBackTo time.Time
}

// Partial reports a page that is short because time ran out, or a sorted one
// that does not have all there is to sort.
func (p *Page) Partial() bool { return !p.SearchedBackTo.IsZero() }

// maxPage bounds a page, whatever is asked for.
const maxPage = 1000

// ErrCursor: the cursor is not one that a search gave out.
var ErrCursor = errors.New("not a cursor of a search; begin without one")

// Page is Find, newest message first.
func (l *Log) Page(ctx context.Context, sc scope.Scope, f query.Filter, cursor string, limit int) (Page, error) {
	return l.Find(ctx, sc, Query{Filter: f, Cursor: cursor, Limit: limit})
}

// Find searches. Relative times in the filter count from the first page on, so
// that a search is the same on each. Errors wrap query.ErrInvalid or ErrCursor
// where they are the caller's.
func (l *Log) Find(ctx context.Context, sc scope.Scope, q Query) (Page, error) {
	f, err := restricted(sc, q.Filter)
	if err != nil {
		return Page{}, err
	}
	at, inner, err := l.readCursor(q.Cursor)
	if err != nil {
		return Page{}, err
	}
	if q.Limit <= 0 || q.Limit > maxPage {
		q.Limit = maxPage
	}
	f = query.Resolve(f, at)
	budget, cancel := context.WithTimeout(ctx, l.o.Budget)
	defer cancel()
	var p Page
	for len(p.Rows) < q.Limit {
		found, err := l.o.Store.Find(budget, store.Query{Filter: f, Order: q.Order, Cursor: inner, Limit: q.Limit - len(p.Rows)})
		if err != nil && (inner == "" || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded)) {
			return Page{}, fmt.Errorf("search the log: %w", err)
		}
		if err != nil {
			found.Next = inner
		}
		for _, r := range found.Rows {
			if sc.Sees(r.Message, r.Recipient) {
				p.Rows = append(p.Rows, visible(sc, r))
			}
		}
		if found.Back.After(p.SearchedBackTo) {
			p.SearchedBackTo = found.Back
		}
		if inner = found.Next; inner == "" {
			return p, nil
		}
		if budget.Err() != nil || q.Order.Newest() && !found.Back.IsZero() {
			if q.Order.Newest() && p.SearchedBackTo.IsZero() && len(p.Rows) < q.Limit { // another order is not one of reception: Next goes on
				p.SearchedBackTo = reached(inner, p.Rows)
			}
			break
		}
	}
	p.Next = strconv.FormatInt(at.UnixMilli(), 36) + "~" + inner
	return p, nil
}

// restricted is a filter narrowed to a scope, both checked.
func restricted(sc scope.Scope, f query.Filter) (query.Filter, error) {
	if err := sc.Validate(); err != nil {
		return f, err
	}
	if err := f.Validate(); err != nil {
		return f, err
	}
	return sc.Restrict(f), nil
}

// Search is Find, newest message first, without more words.
func (l *Log) Search(ctx context.Context, sc scope.Scope, f query.Filter, cursor string, limit int) ([]store.Row, string, error) {
	p, err := l.Page(ctx, sc, f, cursor, limit)
	return p.Rows, p.Next, err
}

// readCursor splits a cursor into the search's beginning and the store's own.
func (l *Log) readCursor(c string) (at time.Time, inner string, err error) {
	if c == "" {
		return l.o.Clock(), "", nil
	}
	ms, inner, ok := strings.Cut(c, "~")
	n, err := strconv.ParseInt(ms, 36, 64)
	if !ok || err != nil || inner == "" {
		return at, "", ErrCursor
	}
	return time.UnixMilli(n).In(l.o.Clock().Location()), inner, nil
}

// reached is how far back a search has come: the time of the message that
// the store's cursor begins with, or of the last row.
func reached(cursor string, rows []store.Row) time.Time {
	head, _, _ := strings.Cut(cursor, ".")
	if id, err := mail.ParseID(head); err == nil {
		return id.Time()
	}
	if len(rows) > 0 {
		return rows[len(rows)-1].Message.Received
	}
	return time.Time{}
}

// visible narrows a row's message to what the scope sees.
func visible(sc scope.Scope, r store.Row) store.Row {
	if sc.Everything() {
		return r
	}
	n := r.Recipient.N
	r.Message = sc.View(r.Message)
	for i := range r.Message.Recipients {
		if r.Message.Recipients[i].N == n {
			r.Recipient = &r.Message.Recipients[i]
		}
	}
	return r
}

// Counts is the number of recipients by live status. For less than an
// administrator they are counted one by one, within ctx.
func (l *Log) Counts(ctx context.Context, sc scope.Scope) (map[mail.Status]int, error) {
	if err := sc.Validate(); err != nil {
		return nil, err
	}
	if sc.Everything() {
		return l.o.Store.Counts(ctx)
	}
	var live []string
	for _, s := range mail.Statuses() {
		if s.Live() {
			live = append(live, string(s))
		}
	}
	f := sc.Restrict(query.OneOf("status", live...))
	out := map[mail.Status]int{}
	for cursor := ""; ; {
		rows, next, err := l.o.Store.Search(ctx, f, cursor, maxPage)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, fmt.Errorf("count mail: %w", err)
		}
		for _, r := range rows {
			if sc.Sees(r.Message, r.Recipient) {
				out[r.Recipient.Status]++
			}
		}
		if cursor = next; cursor == "" {
			return out, nil
		}
	}
}
