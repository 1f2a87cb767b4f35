package tasks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/mailweir/weir/gateway/internal/actions"
	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/policy"
	"github.com/mailweir/weir/sdk/abi"
)

// Host is the plugin host as tasks use it; *filter.Host is one.
type Host interface {
	Hooks(plugin string, s abi.Stage) bool
	Loaded(plugin string) bool
	Call(ctx context.Context, plugin string, ev *abi.Event, msg filter.MessageView) (*abi.Verdict, error)
}

// Clock is the time, and timers on it.
type Clock interface {
	Now() time.Time
	// Timer sends once after d; stop frees it.
	Timer(d time.Duration) (c <-chan time.Time, stop func())
}

// Limits bound what may wait. A zero field is its default.
type Limits struct {
	PerOwner int // tasks of one plugin for one tenant; 1,000
	Bytes    int // of the same, octets; 4 MiB
	Tenant   int // tasks of one tenant; 10,000
	Plugin   int // tasks of one plugin; 20,000
	Workers  int // calls at one time; 4
	Running  int // of them for one plugin and tenant; 2
	Notices  int // that one plugin may submit for one tenant in an hour; 60
}

func (l Limits) withDefaults() Limits {
	def := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&l.PerOwner, 1000)
	def(&l.Bytes, 4<<20)
	def(&l.Tenant, 10_000)
	def(&l.Plugin, 20_000)
	def(&l.Workers, 4)
	def(&l.Running, 2)
	def(&l.Notices, 60)
	return l
}

// maxFailed is how many failed tasks of one owner are kept to be seen.
const maxFailed = 100

// Options make a Service. All but Clock, Logger, Wake and Limits are needed.
type Options struct {
	Store   store.Store
	Host    func() Host // asked late: the host is made with this service as its queue
	Policy  func() *policy.Policy
	Actions func() *actions.Service // carries out the orders of plugins
	Clock   Clock                   // nil: the machine's
	Logger  *slog.Logger            // nil: nothing is logged
	Wake    func()                  // called after something has become due for delivery
	Limits  Limits
}

// Service plans, makes and shows calls. It is safe in parallel.
type Service struct {
	o     Options
	log   *slog.Logger
	clock Clock
	lim   Limits
	wake  chan struct{} // capacity 1: the index changed
	rates *rates
	count counters

	mu  sync.Mutex // of index; never held across the store or a plugin
	idx *index
}

// Open reads what waits from the store. Damaged tasks are logged and left.
func Open(ctx context.Context, o Options) (*Service, error) {
	s := &Service{o: o, log: o.Logger, clock: o.Clock, lim: o.Limits.withDefaults(), wake: make(chan struct{}, 1), idx: newIndex()}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.clock == nil {
		s.clock = machine{}
	}
	if s.o.Wake == nil {
		s.o.Wake = func() {}
	}
	s.rates = newRates(s.lim.Notices)
	docs, err := o.Store.ListDocs(ctx, "", kindDoc, "")
	if err != nil {
		return nil, fmt.Errorf("reading the tasks of plugins: %w", err)
	}
	for _, d := range docs {
		t, err := decode(d.Key, d.JSON)
		if err != nil {
			s.log.Error("a task of a plugin cannot be read; it is not done", "task", d.Key, "err", err)
			continue
		}
		s.idx.put(newEntry(t, d.Rev, len(d.JSON)))
	}
	return s, nil
}

// newEntry leaves out what is read again when it is needed.
func newEntry(t *Task, rev uint64, size int) *entry {
	e := &entry{Task: *t, rev: rev, size: size, at: -1}
	e.Info, e.Payload = nil, nil
	return e
}

// longestSleep bounds a timer, so that a clock that was set is noticed.
const longestSleep = time.Minute

// Run makes calls until ctx ends, and returns its cause once none runs any
// more. Calls that are under way are stopped, and made again after the next
// start.
func (s *Service) Run(ctx context.Context) error {
	var work sync.WaitGroup
	defer work.Wait()
	free := make(chan struct{}, s.lim.Workers)
	for range s.lim.Workers {
		free <- struct{}{}
	}
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-free:
		}
		e, err := s.next(ctx)
		if err != nil {
			return err
		}
		work.Go(func() {
			s.do(ctx, e)
			free <- struct{}{}
		})
	}
}

// next waits for a task that is due.
func (s *Service) next(ctx context.Context) (*entry, error) {
	for {
		now := s.clock.Now()
		s.mu.Lock()
		e, due := s.idx.take(now, s.lim.Running)
		s.mu.Unlock()
		if e != nil {
			return e, nil
		}
		wait := longestSleep
		if !due.IsZero() {
			wait = min(wait, max(due.Sub(now), time.Millisecond))
		}
		timer, stop := s.clock.Timer(wait)
		select {
		case <-ctx.Done():
			stop()
			return nil, context.Cause(ctx)
		case <-s.wake:
		case <-timer:
		}
		stop()
	}
}

func (s *Service) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// put makes a task durable. With replace, one of the same ID gives way;
// otherwise it stays, and nothing is done. held keeps it from being done
// before settle. ErrLimit: too much waits.
func (s *Service) put(ctx context.Context, t *Task, replace, held bool) (*entry, error) {
	doc, err := t.encode()
	if err != nil {
		return nil, err
	}
	for range 5 {
		rev, mine, err := s.reserve(t, len(doc), replace)
		if err != nil || mine == nil && !replace {
			return nil, err
		}
		rev, err = s.o.Store.PutDoc(ctx, store.Doc{Kind: kindDoc, Key: t.ID, JSON: doc}, rev)
		if err != nil {
			s.giveBack(mine)
		}
		if errors.Is(err, store.ErrConflict) {
			if !replace {
				return nil, nil // made at the same moment, or known from before
			}
			if err := s.reread(ctx, t.ID); err != nil {
				return nil, err
			}
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("keeping a task of plugin %q: %w", t.Plugin, err)
		}
		e := newEntry(t, rev, len(doc))
		e.held = held
		s.mu.Lock()
		s.idx.put(e)
		s.mu.Unlock()
		s.poke()
		return e, nil
	}
	return nil, fmt.Errorf("keeping a task of plugin %q: it is being changed: %w", t.Plugin, store.ErrConflict)
}

// ErrLimit: too many tasks of the plugin, or for the tenant, wait already.
var ErrLimit = errors.New("too much of this plugin's work waits already")

// reserve checks the limits. It gives the revision of the task of the same ID,
// or a place in the index for one that is new; neither when there is one that
// is not to be replaced.
func (s *Service) reserve(t *Task, size int, replace bool) (rev uint64, mine *entry, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	have := s.idx.byID[t.ID]
	if have != nil && !replace {
		return 0, nil, nil
	}
	l := s.idx.lanes[owner{t.Plugin, t.Tenant}]
	bytes, count := size, 1
	if l != nil {
		bytes, count = bytes+l.bytes, count+l.waiting
	}
	tenant, plugin := s.idx.tenant[t.Tenant]+1, s.idx.plugin[t.Plugin]+1
	if have != nil {
		bytes -= have.size
		if have.Failed.IsZero() {
			count, tenant, plugin = count-1, tenant-1, plugin-1
		}
	}
	if count > s.lim.PerOwner || bytes > s.lim.Bytes || tenant > s.lim.Tenant || plugin > s.lim.Plugin {
		return 0, nil, ErrLimit
	}
	if have != nil {
		return have.rev, nil, nil
	}
	mine = newEntry(t, 0, size)
	mine.held = true
	s.idx.put(mine)
	return 0, mine, nil
}

// giveBack frees the place of a task that was not written.
func (s *Service) giveBack(mine *entry) {
	if mine == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.idx.byID[mine.ID] == mine {
		s.idx.remove(mine.ID)
	}
}

// reread takes a task over from the store as it is there.
func (s *Service) reread(ctx context.Context, id string) error {
	d, err := s.o.Store.GetDoc(ctx, "", kindDoc, id)
	if errors.Is(err, store.ErrNotFound) {
		s.mu.Lock()
		s.idx.remove(id)
		s.mu.Unlock()
		return nil
	}
	if err != nil {
		return err
	}
	t, err := decode(id, d.JSON)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idx.put(newEntry(t, d.Rev, len(d.JSON)))
	return nil
}

// drop forgets a task for good; one that is not there is no error.
func (s *Service) drop(ctx context.Context, id string) error {
	for range 5 {
		s.mu.Lock()
		e := s.idx.byID[id]
		s.mu.Unlock()
		if e == nil {
			return nil
		}
		err := s.o.Store.DeleteDoc(ctx, "", kindDoc, id, e.rev)
		if errors.Is(err, store.ErrConflict) {
			if err := s.reread(ctx, id); err != nil {
				return err
			}
			continue
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("dropping task %s: %w", id, err)
		}
		s.mu.Lock()
		if s.idx.byID[id] == e {
			s.idx.remove(id)
		}
		s.mu.Unlock()
		return nil
	}
	return fmt.Errorf("dropping task %s: it is being changed: %w", id, store.ErrConflict)
}

// machine is the machine's clock.
type machine struct{}

func (machine) Now() time.Time { return time.Now() }

func (machine) Timer(d time.Duration) (<-chan time.Time, func()) {
	t := time.NewTimer(d)
	return t.C, func() { t.Stop() }
}
