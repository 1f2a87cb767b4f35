package events

import (
	"context"
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

const (
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
