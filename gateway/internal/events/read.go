package events

import (
	"context"
	"errors"
	"fmt"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Source is what is followed; every store that can be followed is one.
type Source interface {
	store.Tailer
	Get(ctx context.Context, id mail.ID) (*store.Message, error)
}

// reader reads events after a place, with their messages.
type reader struct {
	src  Source
	seq  uint64 // the last event looked at
	last struct {
		id mail.ID
		m  *store.Message
	}
}

// next reads up to limit events. lost is how many sequence numbers retention
// took before they were read; the place moves past them.
func (r *reader) next(ctx context.Context, limit int) (es []mail.Event, lost uint64, err error) {
	end := r.src.LastSeq()
	es, err = r.src.EventsAfter(ctx, r.seq, limit)
	if err != nil {
		return nil, 0, err
	}
	for i := range es {
		lost += es[i].Seq - r.seq - 1
		r.seq = es[i].Seq
	}
	if len(es) == 0 && end > r.seq { // all of it is gone
		lost, r.seq = end-r.seq, end
	}
	r.last.m = nil // what is read anew is to be as it is now
	return es, lost, nil
}

// message gives an event's message; nil: there is none, or it is gone.
func (r *reader) message(ctx context.Context, id mail.ID) (*store.Message, error) {
	if id.IsZero() {
		return nil, nil
	}
	if r.last.m != nil && r.last.id == id {
		return r.last.m, nil
	}
	m, err := r.src.Get(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading message %s of an event: %w", id, err)
	}
	r.last.id, r.last.m = id, m
	return m, nil
}

// rows are the recipients that an event is about, as they are now but with the
// status that the event gave them.
func rows(e *mail.Event, m *store.Message) []store.Row {
	if m == nil {
		return nil
	}
	var out []store.Row
	for i := range m.Recipients {
		if e.N != 0 && m.Recipients[i].N != e.N {
			continue
		}
		rc := m.Recipients[i]
		if e.Status != "" && e.N != 0 {
			rc.Status = e.Status
		}
		out = append(out, store.Row{Message: m, Recipient: &rc})
	}
	return out
}

// Change is a change of one recipient.
type Change struct {
	Event mail.Event
	Row   store.Row
	Last  bool // nothing more comes of the same event
}

// Tail follows changes within a scope. It is one caller's, and not safe in
// parallel.
type Tail struct {
	r     reader
	sc    scope.Scope
	match *query.Matcher
}

// Follow begins a tail after the event with number after. The scope restricts
// it as it restricts a search.
func Follow(src Source, sc scope.Scope, match *query.Matcher, after uint64) *Tail {
	return &Tail{r: reader{src: src, seq: min(after, src.LastSeq())}, sc: sc, match: match}
}

// Seq is the number of the last event that was looked at.
func (t *Tail) Seq() uint64 { return t.r.seq }

// perRead is how many events are read at a time.
const perRead = 200

// Next gives the changes among the events that are there, without waiting.
// more is closed once there may be further ones; nil: there are some already.
func (t *Tail) Next(ctx context.Context) (changes []Change, more <-chan struct{}, err error) {
	more = t.r.src.Committed()
	es, _, err := t.r.next(ctx, perRead)
	if err != nil {
		return nil, nil, err
	}
	for i := range es {
		m, err := t.r.message(ctx, es[i].Message)
		if err != nil {
			return nil, nil, err
		}
		from, e := len(changes), es[i]
		if m != nil && !t.sc.Everything() {
			ours := t.sc.Events(m, es[i:i+1])
			if len(ours) == 0 {
				continue // about somebody else's part of the message
			}
			e, m = ours[0], t.sc.View(m)
		}
		for _, row := range rows(&e, m) {
			if t.sc.Sees(row.Message, row.Recipient) && t.match.Match(row) {
				changes = append(changes, Change{Event: e, Row: row})
			}
		}
		if n := len(changes); n > from {
			changes[n-1].Last = true
		}
	}
	if len(es) > 0 {
		return changes, nil, nil
	}
	return nil, more, nil
}
