package journal

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Delivery is a row of the delivery log: one attempt, for one recipient (B138).
type Delivery struct {
	store.Row
	Attempt Attempt // with the one recipient's result alone
}

// Result is what came of it.
func (d *Delivery) Result() Result { return d.Attempt.Results[0] }

// Values are what a filter of the delivery log asks the row about.
func (d *Delivery) Values() query.Values { return asked{d} }

// DeliveryPage is one page of the delivery log, latest attempt first.
type DeliveryPage struct {
	Rows []Delivery
	Next string // cursor to go on from; "" at the end
	// SearchedBackTo is set where not everything was looked at: of attempts that
	// began before it some may be missing, whenever their messages came.
	SearchedBackTo time.Time
}

const (
	// maxTried is how many recipients are looked at for a page, those that
	// changed last.
	maxTried = 20_000
	// early is how much before its message came an attempt may seem to begin: a
	// clock may have been set.
	early = time.Minute
	// soon is how much later than the last change of a recipient its last attempt
	// may seem to have begun.
	soon = 5 * time.Second
)

// Attempted searches the delivery log. The filter may ask about the attempt
// (query.AttemptFields) and about the recipient's row. Rows come in the order in
// which the attempts began, latest first; one that is recorded while pages are
// turned does not move the others, and is on a later page only if it began before
// those of the page at hand.
//
// The order is that of attempts and not of messages, and nothing is indexed by it.
// But a recipient's record changed when its last attempt ended, or later. So the
// recipients that had an attempt are looked at in the order of their last change,
// for which the store has an index, until no attempt that has not been seen can
// belong on the page.
func (l *Log) Attempted(ctx context.Context, sc scope.Scope, q Query) (DeliveryPage, error) {
	if err := sc.Validate(); err != nil {
		return DeliveryPage{}, err
	}
	if err := q.Filter.ValidateDeliveries(); err != nil {
		return DeliveryPage{}, err
	}
	at, from, err := l.readPlace(q.Cursor)
	if err != nil {
		return DeliveryPage{}, err
	}
	if q.Limit <= 0 || q.Limit > maxPage {
		q.Limit = maxPage
	}
	f := query.Resolve(q.Filter, at)
	match, err := query.CompileDeliveries(f, at)
	if err != nil {
		return DeliveryPage{}, err
	}
	since, until := query.AttemptedIn(f, at)
	if from != nil && (until.IsZero() || from.start.Before(until)) {
		until = from.start.Add(1)
	}
	budget, cancel := context.WithTimeout(ctx, l.o.Budget)
	defer cancel()
	p := gathering{l: l, sc: sc, match: match, from: from, limit: q.Limit, since: since, read: map[recipient]time.Time{}}
	// That attempts are asked for in these words lets the store walk its index of them.
	rows := query.And(sc.Restrict(query.WithoutAttempts(f)), query.Where("attempts", query.After, "0"))
	if !until.IsZero() {
		rows = query.And(rows, query.Where("received", query.Before, until.Add(early).UTC().Format(time.RFC3339Nano)))
	}
	if err := p.tried(ctx, budget, rows); err != nil {
		return DeliveryPage{}, err
	}
	p.cut(q.Limit + 1)
	out := DeliveryPage{Rows: p.found, SearchedBackTo: p.back}
	if len(p.found) > q.Limit {
		out.Rows = p.found[:q.Limit]
		if !out.Rows[q.Limit-1].Attempt.Start.Before(p.back) {
			out.SearchedBackTo = time.Time{} // what may be missing belongs on later pages
		}
		out.Next = strconv.FormatInt(at.UnixMilli(), 36) + "~" + placeOf(&out.Rows[q.Limit-1]).String()
	}
	return out, nil
}

// gathering collects the latest rows of a page.
type gathering struct {
	l     *Log
	sc    scope.Scope
	match *query.Matcher
	from  *place
	since time.Time
	limit int

	found []Delivery
	back  time.Time

	last     mail.ID // whose attempts were read last
	attempts []Attempt

	looked int
	read   map[recipient]time.Time // when those that were read had changed
}

// recipient names a recipient of a message.
type recipient struct {
	id mail.ID
	n  int
}

func recipientOf(r store.Row) recipient { return recipient{r.Message.ID, r.Recipient.N} }

// cut keeps the latest n, in order, each once.
func (g *gathering) cut(n int) {
	slices.SortFunc(g.found, func(a, b Delivery) int { return placeOf(&a).compare(placeOf(&b)) })
	g.found = slices.CompactFunc(g.found, func(a, b Delivery) bool { return placeOf(&a).compare(placeOf(&b)) == 0 })
	if len(g.found) > n {
		clear(g.found[n:])
		g.found = g.found[:n]
	}
}

// full tells since when an attempt has to have begun to be among the page's
// rows; the zero time: the page is not full.
func (g *gathering) full() time.Time {
	if len(g.found) <= g.limit {
		return time.Time{}
	}
	g.cut(g.limit + 1)
	return g.found[g.limit].Attempt.Start
}

// until notes that of what was tried before a time not all was looked at.
func (g *gathering) until(t time.Time) {
	if t.After(g.back) {
		g.back = t
	}
}

// rounds is how often a page's recipients are read again, where they changed
// meanwhile: one that is missed even so changed in each round.
const rounds = 3

// tried takes what belongs on the page of recipients that match and had an
// attempt. While it reads one part of them after the other, some that it has yet to
// come to change, and are before the parts that it has read then: so it begins
// again with what changed since it began, until that is one part, or nothing new.
func (g *gathering) tried(ctx, budget context.Context, f query.Filter) error {
	for since, n := g.since, 0; n <= rounds; n++ {
		began, had := g.l.o.Clock(), g.looked
		q := f
		if !since.IsZero() {
			q = query.And(f, query.Where("changed", query.After, since.Add(-soon).UTC().Format(time.RFC3339Nano)))
		}
		parts, all, err := g.scan(ctx, budget, q)
		if err != nil || !all || parts <= 1 || g.looked == had {
			return err
		}
		if began.After(since) {
			since = began
		}
	}
	return nil
}

// scan looks at recipients, those that changed last first, and tells in how many
// parts it read them, and whether it came to the end of what may belong on the page.
func (g *gathering) scan(ctx, budget context.Context, f query.Filter) (parts int, all bool, err error) {
	q := store.Query{Filter: f, Order: store.Order{Field: "changed"}, Limit: min(maxPage, 2*g.limit+200)}
	for {
		found, err := g.l.o.Store.Find(budget, q)
		if err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
			g.until(g.l.o.Clock())
			return parts, false, nil
		}
		if err != nil {
			return parts, false, fmt.Errorf("search the delivery log: %w", err)
		}
		parts++
		if !found.Back.IsZero() { // older messages were not looked at, whenever they were tried
			g.until(g.l.o.Clock())
		}
		var full time.Time
		for i, r := range found.Rows {
			if i%50 == 0 {
				full = g.full()
			}
			changed := r.Recipient.Changed.Add(soon)
			if changed.Before(full) {
				return parts, true, nil // nor can any that follows have been tried later
			}
			if was, ok := g.read[recipientOf(r)]; ok && was.Equal(r.Recipient.Changed) {
				continue
			}
			if g.looked >= maxTried || budget.Err() != nil {
				g.until(changed)
				return parts, false, nil
			}
			g.looked++
			if err := g.row(ctx, r); err != nil {
				return parts, false, err
			}
		}
		if q.Cursor = found.Next; q.Cursor == "" {
			return parts, true, nil
		}
		if !found.Reached.IsZero() && found.Reached.Add(soon).Before(g.full()) {
			return parts, true, nil
		}
		if budget.Err() == nil {
			continue
		}
		switch n := len(found.Rows); {
		case !found.Reached.IsZero():
			g.until(found.Reached.Add(soon))
		case n > 0:
			g.until(found.Rows[n-1].Recipient.Changed.Add(soon))
		default:
			g.until(g.l.o.Clock())
		}
		return parts, false, nil
	}
}

// row takes the attempts of a recipient that belong on the page.
func (g *gathering) row(ctx context.Context, r store.Row) error {
	if !g.sc.Sees(r.Message, r.Recipient) || r.Message.Attempts == 0 {
		return nil
	}
	r = visible(g.sc, r)
	key := recipientOf(r)
	_, again := g.read[key]
	if again {
		g.last = mail.ID{} // there may be further attempts
	}
	g.read[key] = r.Recipient.Changed
	if r.Message.ID != g.last {
		as, err := g.l.attempts(ctx, g.sc, r.Message)
		var es []mail.Event
		if err == nil && len(as) > 0 { // they tell what expired
			es, err = g.l.events(ctx, g.sc, r.Message)
		}
		if errors.Is(err, store.ErrNotFound) { // it was forgotten meanwhile
			as, es, err = nil, nil, nil
		}
		if err != nil {
			return err
		}
		g.last, g.attempts = r.Message.ID, Attempts(r.Message, as, es)
	}
	for _, a := range g.attempts {
		i := slices.IndexFunc(a.Results, func(x Result) bool { return x.N == r.Recipient.N })
		if i < 0 || a.Start.Before(g.since) {
			continue
		}
		a.Results = a.Results[i : i+1 : i+1]
		d := Delivery{r, a}
		if g.from != nil && placeOf(&d).compare(*g.from) <= 0 || !g.match.Match(d.Values()) {
			continue
		}
		if again {
			g.found = slices.DeleteFunc(g.found, func(o Delivery) bool { return placeOf(&o) == placeOf(&d) }) // as it was
		}
		if g.found = append(g.found, d); len(g.found) >= 2*(g.limit+1) {
			g.cut(g.limit + 1)
		}
	}
	return nil
}

// place is where a row stands in the delivery log.
type place struct {
	start time.Time
	id    mail.ID
	k, n  int
}

func placeOf(d *Delivery) place {
	return place{d.Attempt.Start, d.Message.ID, d.Attempt.K, d.Recipient.N}
}

// compare is less than 0 where p comes first: the latest attempt does.
func (p place) compare(o place) int {
	return cmp.Or(o.start.Compare(p.start), bytes.Compare(o.id[:], p.id[:]), cmp.Compare(o.k, p.k), cmp.Compare(p.n, o.n))
}

func (p place) String() string {
	return fmt.Sprintf("%s.%s.%d.%d", strconv.FormatInt(p.start.UnixNano(), 36), p.id, p.k, p.n)
}

// readPlace splits a cursor into the search's beginning and the row to go on behind.
func (l *Log) readPlace(cursor string) (at time.Time, p *place, err error) {
	at, inner, err := l.readCursor(cursor)
	if err != nil || inner == "" {
		return at, nil, err
	}
	parts := strings.Split(inner, ".")
	if len(parts) != 4 {
		return at, nil, ErrCursor
	}
	ns, err1 := strconv.ParseInt(parts[0], 36, 64)
	id, err2 := mail.ParseID(parts[1])
	k, err3 := strconv.Atoi(parts[2])
	n, err4 := strconv.Atoi(parts[3])
	if errors.Join(err1, err2, err3, err4) != nil {
		return at, nil, ErrCursor
	}
	return at, &place{time.Unix(0, ns), id, k, n}, nil
}

// asked answers what a filter of the delivery log asks.
type asked struct{ d *Delivery }

func (v asked) Text(field string) []string {
	a, r := &v.d.Attempt, v.d.Result()
	one := func(s string) []string {
		if s == "" {
			return nil
		}
		return []string{s}
	}
	switch field {
	case "attempt_result":
		return one(r.Outcome)
	case "attempt_host":
		return one(a.Host)
	case "attempt_address":
		return one(a.Addr)
	case "attempt_reply":
		return one(r.Reply.String())
	case "attempt_enhanced":
		return one(r.Reply.Enhanced.String())
	case "attempt_route":
		return one(a.Route)
	case "attempt_tls":
		return one(a.TLS)
	}
	return v.d.Text(field)
}

func (v asked) Num(field string) (float64, bool) {
	switch field {
	case "attempt":
		return float64(v.d.Attempt.K), true
	case "attempt_took":
		return float64(v.d.Attempt.Took), true
	case "attempt_code":
		code := v.d.Result().Reply.Code
		return float64(code), code != 0
	}
	return v.d.Num(field)
}

func (v asked) Time(field string) (time.Time, bool) {
	if field == "attempt_time" {
		return v.d.Attempt.Start, !v.d.Attempt.Start.IsZero()
	}
	return v.d.Row.Time(field)
}
