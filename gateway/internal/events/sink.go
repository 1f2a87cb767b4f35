package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Sink is one receiver, as the policy describes it.
type Sink struct {
	Name    string
	Kind    string // "file" or "webhook"
	To      string // where to, for people
	Types   []string
	Tenants []string
	Filter  query.Filter
	Keep    time.Duration // how long events wait for it
	Batch   int           // events at a time at most
	Print   string        // changes with anything of the above, and with what Open uses
	// Open makes the output; it is called again after an error.
	Open func() (Output, error)
}

// Batch is what an output is given at a time: events in order. The same batch
// may come again after an error, or after a restart with others around it.
type Batch struct {
	Sink   string
	Events []Event
}

// Output takes batches, one at a time. A batch is taken once Write returns nil.
type Output interface {
	Write(ctx context.Context, b Batch) error
	Close() error
}

// Refusal is an answer of a receiver that tells how to go on.
type Refusal struct {
	Text     string
	Gone     bool          // it wants nothing any more
	TooLarge bool          // it wants less at a time
	After    time.Duration // when to try again; 0: it did not say
}

// Error is what the receiver said.
func (r *Refusal) Error() string { return r.Text }

// kindCursor are the documents with the places of receivers.
const kindCursor = "events-cursor"

// cursor is a receiver's durable place.
type cursor struct {
	Seq      uint64    `json:"seq"`                // the last event that is done with
	Lost     uint64    `json:"lost,omitempty"`     // events that it did not get, in all
	Untold   uint64    `json:"untold,omitempty"`   // of Lost, those it was not told of yet
	Disabled string    `json:"disabled,omitempty"` // why nothing is sent any more
	Print    string    `json:"print,omitempty"`    // of the receiver that disabled it
	At       time.Time `json:"at"`
}

const (
	firstWait = time.Second
	longest   = 10 * time.Minute
	// gather is how long a first event waits for company.
	gather = 100 * time.Millisecond
	// looked is how many events that are not for a receiver may be passed
	// before its place is written.
	looked = 5000
	// noted is how often a place is written where nothing is for the receiver.
	noted = time.Minute
)

// sink is a receiver at work.
type sink struct {
	Sink
	o     *Options
	log   *slog.Logger
	match *query.Matcher // nil: everything
	wake  chan struct{}  // capacity 1: an operator wants it tried now

	r       reader
	cur     cursor
	rev     uint64
	written time.Time
	limit   int // events at a time, after the receiver wanted less
	out     Output

	mu sync.Mutex
	st Status
}

// Run works until ctx ends.
func (s *sink) run(ctx context.Context) {
	defer func() {
		if s.out != nil {
			_ = s.out.Close()
		}
	}()
	for n := 0; ; n++ {
		err := s.start(ctx)
		if err == nil {
			break
		}
		if !s.pause(ctx, n, &Refusal{Text: err.Error()}) {
			return
		}
	}
	for ctx.Err() == nil {
		if s.cur.Disabled != "" {
			s.note(func(st *Status) { st.State, st.Error = "disabled", s.cur.Disabled })
			select {
			case <-s.wake:
				s.cur.Disabled, s.cur.Print = "", ""
				s.save(ctx)
			case <-ctx.Done():
			}
			continue
		}
		more := s.r.src.Committed()
		back := from{s.cur, s.r.seq}
		b, err := s.collect(ctx)
		if err != nil {
			s.cur, s.r.seq = back.cur, back.seq
			if ctx.Err() == nil {
				s.log.Warn("events could not be read", "error", err)
				s.wait(ctx, firstWait)
			}
			continue
		}
		if len(b.Events) == 0 {
			s.quiet(ctx, more)
			continue
		}
		s.deliver(ctx, b, back)
	}
}

// from is where a batch began.
type from struct {
	cur cursor
	seq uint64
}

// start reads the receiver's place; a new one begins with what comes next.
func (s *sink) start(ctx context.Context) error {
	d, err := s.o.Docs.GetDoc(ctx, "", kindCursor, s.Name)
	switch {
	case errors.Is(err, store.ErrNotFound):
		s.cur = cursor{Seq: s.r.src.LastSeq()}
		s.r.seq = s.cur.Seq
		return s.put(ctx)
	case err != nil:
		return fmt.Errorf("reading the place of %s: %w", s.Name, err)
	}
	if err := json.Unmarshal(d.JSON, &s.cur); err != nil {
		return fmt.Errorf("reading the place of %s: %w", s.Name, err)
	}
	s.rev, s.written = d.Rev, s.o.Clock()
	if s.cur.Print != s.Print { // it is another one now
		s.cur.Disabled, s.cur.Print = "", ""
	}
	if last := s.r.src.LastSeq(); s.cur.Seq > last { // of another store's sequence
		s.log.Warn("the place is past the last event; going on from there", "place", s.cur.Seq, "last", last)
		s.cur.Seq = last
	}
	s.r.seq = s.cur.Seq
	s.note(func(st *Status) { st.Lost = s.cur.Lost })
	return nil
}

// quiet waits for events. What was passed over is written now and then, so
// that a restart does not look at it again, and retention takes nothing that
// would have to be told.
func (s *sink) quiet(ctx context.Context, more <-chan struct{}) {
	if passed := s.r.seq - s.cur.Seq; passed >= looked || passed > 0 && s.o.Clock().Sub(s.written) >= noted {
		s.done(ctx)
	}
	s.note(func(st *Status) { st.State, st.Oldest, st.Seq = "ok", time.Time{}, s.r.seq })
	if s.r.seq < s.r.src.LastSeq() {
		return // there are more that were not looked at
	}
	select {
	case <-more:
		s.wait(ctx, gather)
	case <-s.wake:
	case <-ctx.Done():
	}
}

// collect reads the next batch. What is too old, or was gone before it was
// read, is counted as lost.
func (s *sink) collect(ctx context.Context) (Batch, error) {
	b := Batch{Sink: s.Name}
	for len(b.Events) < s.limit {
		es, lost, err := s.r.next(ctx, s.limit-len(b.Events))
		if err != nil {
			return b, err
		}
		if lost > 0 {
			s.lose(lost, "their messages were forgotten before the receiver took them")
		}
		old := uint64(0)
		for i := range es {
			m, ok, err := s.wanted(ctx, &es[i])
			switch {
			case err != nil:
				return b, err
			case !ok:
			case s.o.Clock().Sub(es[i].At) > s.Keep:
				old++
			default:
				b.Events = append(b.Events, of(&es[i], m))
			}
		}
		if old > 0 {
			s.lose(old, "they waited longer than the receiver's keep")
		}
		if len(es) == 0 || s.r.seq-s.cur.Seq > looked {
			break
		}
	}
	if n := s.cur.Untold; n > 0 && len(b.Events) > 0 {
		first := b.Events[0]
		told := Event{Seq: first.Seq - 1, At: s.o.Clock().UTC(), Type: TypeLost, Lost: n, Text: "this many events, at most, were not given to this receiver"}
		b.Events = slices.Insert(b.Events, 0, told)
	}
	return b, nil
}

func (s *sink) lose(n uint64, why string) {
	s.cur.Lost += n
	s.cur.Untold += n
	s.log.Warn("events were lost to a receiver; no mail was", "events", n, "why", why)
	s.note(func(st *Status) { st.Lost = s.cur.Lost })
}

// wanted tells whether an event is for the receiver.
func (s *sink) wanted(ctx context.Context, e *mail.Event) (*store.Message, bool, error) {
	if len(s.Types) > 0 && !slices.Contains(s.Types, string(e.Type)) {
		return nil, false, nil
	}
	m, err := s.r.message(ctx, e.Message)
	if err != nil {
		return nil, false, err
	}
	if len(s.Tenants) == 0 && s.match == nil {
		return m, true, nil
	}
	if m == nil && s.match == nil { // without a message, or it is gone
		return nil, slices.Contains(s.Tenants, e.Tenant), nil
	}
	for _, row := range rows(e, m) {
		if (len(s.Tenants) == 0 || slices.Contains(s.Tenants, row.Recipient.Tenant)) && (s.match == nil || s.match.Match(row)) {
			return m, true, nil
		}
	}
	return nil, false, nil
}

// deliver gives a batch until the receiver takes it, and then writes the place.
func (s *sink) deliver(ctx context.Context, b Batch, back from) {
	var next []Event // what follows, after the receiver wanted less at a time
	for n := 0; ctx.Err() == nil; n++ {
		s.note(func(st *Status) { st.Oldest = b.Events[0].At })
		err := s.give(ctx, b)
		if err == nil {
			s.taken(ctx, b, len(next) == 0)
			if len(next) == 0 {
				return
			}
			k := min(s.limit, len(next))
			b.Events, next, n = next[:k], next[k:], -1
			continue
		}
		if ctx.Err() != nil {
			return
		}
		var r *Refusal
		if !errors.As(err, &r) {
			r = &Refusal{Text: err.Error()}
		}
		if r.TooLarge && len(b.Events) > 1 {
			k := len(b.Events) / 2
			s.limit = max(1, k)
			next = append(slices.Clone(b.Events[k:]), next...)
			b.Events = b.Events[:k]
			continue
		}
		if r.Gone {
			s.log.Error("a receiver of events wants nothing any more; nothing is sent to it until it is resumed", "answer", r.Text)
			if s.cur.Seq == back.cur.Seq { // nothing of the batch was taken
				s.cur, s.r.seq = back.cur, back.seq
			} else {
				s.r.seq = s.cur.Seq
			}
			s.cur.Disabled, s.cur.Print = r.Text, s.Print
			s.save(ctx)
			return
		}
		if s.expired(&b, &next) {
			n = -1
			if len(b.Events) == 0 {
				s.done(ctx)
				return
			}
		}
		if !s.pause(ctx, max(n, 0), r) {
			return
		}
	}
}

// expired drops what waited too long; it reports whether something was.
func (s *sink) expired(b *Batch, next *[]Event) bool {
	now, n := s.o.Clock(), uint64(0)
	all := append(slices.Clone(b.Events), *next...)
	for len(all) > 0 && (all[0].Type == TypeLost || now.Sub(all[0].At) > s.Keep) {
		if all[0].Type == TypeLost {
			if len(all) == 1 || now.Sub(all[1].At) <= s.Keep {
				break
			}
		} else {
			n++
		}
		all = all[1:]
	}
	if n == 0 {
		return false
	}
	s.lose(n, "they waited longer than the receiver's keep")
	k := min(s.limit, len(all))
	b.Events, *next = all[:k], all[k:]
	return true
}

func (s *sink) give(ctx context.Context, b Batch) error {
	if s.out == nil {
		out, err := s.Open()
		if err != nil {
			return err
		}
		s.out = out
	}
	return s.out.Write(ctx, b)
}

// taken notes that a batch arrived. whole: nothing of what was read is left.
func (s *sink) taken(ctx context.Context, b Batch, whole bool) {
	told := uint64(0)
	for i := range b.Events {
		if b.Events[i].Type == TypeLost {
			told = b.Events[i].Lost
		}
	}
	s.cur.Untold -= min(told, s.cur.Untold)
	s.note(func(st *Status) {
		st.State, st.Error, st.Tries, st.Next = "ok", "", 0, time.Time{}
		st.Delivered += uint64(len(b.Events))
		st.Last = s.o.Clock()
	})
	if whole {
		s.done(ctx)
		return
	}
	s.cur.Seq = b.Events[len(b.Events)-1].Seq
	s.save(ctx)
}

// done writes that everything up to the reader's place is done with.
func (s *sink) done(ctx context.Context) {
	s.cur.Seq = s.r.seq
	s.save(ctx)
}

// save writes the place. Where it cannot, the receiver goes on all the same:
// what it gets twice after a restart is better than what it does not get.
func (s *sink) save(ctx context.Context) {
	if err := s.put(ctx); err != nil && ctx.Err() == nil {
		s.log.Warn("the place of a receiver could not be written; after a restart it may get events again", "error", err)
	}
}

func (s *sink) put(ctx context.Context) error {
	s.cur.At = s.o.Clock()
	j, err := json.Marshal(s.cur)
	if err != nil {
		return fmt.Errorf("writing the place of %s: %w", s.Name, err)
	}
	rev, err := s.o.Docs.PutDoc(ctx, store.Doc{Kind: kindCursor, Key: s.Name, JSON: j}, s.rev)
	if err != nil {
		return fmt.Errorf("writing the place of %s: %w", s.Name, err)
	}
	s.rev, s.written = rev, s.cur.At
	return nil
}

// pause waits after a failed try, for longer each time; false: ctx ended.
func (s *sink) pause(ctx context.Context, n int, r *Refusal) bool {
	d := longest
	if n < 20 {
		d = min(longest, firstWait<<n)
	}
	d -= time.Duration(s.o.Jitter() * float64(d) / 4)
	if r.After > 0 {
		d = min(max(r.After, d), 24*time.Hour)
	}
	level := slog.LevelWarn
	if n > 3 && n%10 != 0 {
		level = slog.LevelDebug
	}
	s.log.Log(ctx, level, "a receiver of events does not take them; trying again", "error", r.Text, "in", d.Round(time.Millisecond), "tries", n+1)
	s.note(func(st *Status) {
		st.State, st.Error, st.Tries, st.Next = "retrying", r.Text, n+1, s.o.Clock().Add(d)
		st.Failures++
	})
	return s.wait(ctx, d)
}

// wait waits for d, for an operator, or for the end; false: that was it.
func (s *sink) wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-s.o.After(d):
	case <-s.wake:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}
