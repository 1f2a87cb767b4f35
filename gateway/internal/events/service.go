package events

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Options make a Service. Source and Docs are needed.
type Options struct {
	Source Source
	Docs   store.Docs
	Clock  func() time.Time                     // default time.Now
	After  func(time.Duration) <-chan time.Time // default time.After
	Jitter func() float64                       // in [0,1); default by chance
	Logger *slog.Logger                         // default slog.Default()
}

// Service has the receivers at work. It is safe in parallel; Run owns its
// goroutines.
type Service struct {
	o Options

	mu    sync.Mutex
	ctx   context.Context // of Run; nil: it does not run
	want  []Sink
	sinks map[string]*running
	wg    sync.WaitGroup
}

type running struct {
	*sink
	cancel context.CancelFunc
	ended  chan struct{}
}

// Status is how a receiver does.
type Status struct {
	Name, Kind, To string
	State          string // "ok", "retrying", "disabled", "stopped"
	Error          string // why, unless ok
	Seq            uint64 // the last event that is done with
	Behind         uint64 // events of the journal that are not done with
	Oldest         time.Time
	Delivered      uint64 // since the gateway started
	Failures       uint64 // failed tries since the gateway started
	Tries          int    // failed ones in a row
	Lost           uint64 // events that it did not get, ever
	Last           time.Time
	Next           time.Time // next try
}

// New makes a Service without receivers.
func New(o Options) *Service {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.After == nil {
		o.After = time.After
	}
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return &Service{o: o, sinks: map[string]*running{}}
}

// Run has the receivers work until ctx ends, and returns when they have ended.
func (s *Service) Run(ctx context.Context) error {
	s.mu.Lock()
	s.ctx = ctx
	want := s.want
	s.mu.Unlock()
	s.Apply(want)
	<-ctx.Done()
	s.mu.Lock()
	s.ctx = nil
	s.mu.Unlock()
	s.wg.Wait()
	return ctx.Err()
}

// Apply makes these the receivers: those that are as they were go on, others
// end or begin. A receiver goes on from its place under its name, also when it
// was away for a time. It waits for those that end, unless they write just now.
func (s *Service) Apply(want []Sink) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.want = want
	if s.ctx == nil {
		return
	}
	for name, r := range s.sinks {
		if !slices.ContainsFunc(want, func(w Sink) bool { return w.Name == name && w.Print == r.Print }) {
			r.cancel()
			delete(s.sinks, name)
			<-r.ended // every wait and write of a receiver ends with its context
		}
	}
	for _, w := range want {
		if s.sinks[w.Name] == nil {
			s.begin(w)
		}
	}
}

func (s *Service) begin(w Sink) {
	k := &sink{
		Sink: w, o: &s.o, log: s.o.Logger.With("sink", w.Name), wake: make(chan struct{}, 1),
		r: reader{src: s.o.Source}, limit: max(1, w.Batch), st: Status{Name: w.Name, Kind: w.Kind, To: w.To, State: "ok"},
	}
	if !w.Filter.IsZero() {
		m, err := query.Compile(w.Filter, s.o.Clock())
		if err != nil { // the policy checked it
			k.log.Error("a receiver's filter does not read; it gets nothing", "error", err)
			return
		}
		k.match = m
	}
	ctx, cancel := context.WithCancel(s.ctx)
	r := &running{k, cancel, make(chan struct{})}
	s.sinks[w.Name] = r
	s.wg.Go(func() {
		defer close(r.ended)
		defer cancel()
		k.run(ctx)
	})
}

// note changes a receiver's status.
func (s *sink) note(f func(*Status)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.st.Seq = s.cur.Seq
	f(&s.st)
}

func (s *sink) status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.st
	if last := s.r.src.LastSeq(); last > st.Seq {
		st.Behind = last - st.Seq
	}
	return st
}

// Status gives all receivers, by name.
func (s *Service) Status() []Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Status, 0, len(s.sinks))
	for _, r := range s.sinks {
		out = append(out, r.status())
	}
	slices.SortFunc(out, func(a, b Status) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Resume has a receiver tried at once: one that is disabled, or waits to be
// tried again. store.ErrNotFound.
func (s *Service) Resume(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.sinks[name]
	if r == nil {
		return fmt.Errorf("receiver of events %.60q: %w", name, store.ErrNotFound)
	}
	select {
	case r.wake <- struct{}{}:
	default:
	}
	return nil
}
