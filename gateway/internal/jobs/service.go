package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mailweir/weir/gateway/internal/actions"
	"github.com/mailweir/weir/gateway/internal/audit"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

const (
	// together is how many jobs run at one time, and ofOne how many of them are
	// one tenant's, or administrators': no tenant keeps another from its jobs.
	together = 16
	ofOne    = 4
	// keepFor and keepMost bound the jobs that are over; keepMost those of one
	// tenant, so that none drops another's.
	keepFor  = 7 * 24 * time.Hour
	keepMost = 100
	// chunk is how many results stand in one document.
	chunk = 1000
	// notedEvery is how often the progress of a running job becomes durable.
	notedEvery = 2 * time.Second
)

const (
	kindJob    = "job"
	kindResult = "job-result"
)

// ErrBusy: as many jobs run as may at one time.
var ErrBusy error = busy{}

type busy struct{}

func (busy) Error() string { return "as many jobs run already as may" }

// Mistake tells the API whose it is, and Remedy what to do.
func (busy) Mistake() bool  { return true }
func (busy) Remedy() string { return "wait for one to end, or cancel it; see: weir jobs" }

// Verbs are what jobs need of package actions.
type Verbs interface {
	Check(sc scope.Scope, verb lifecycle.Verb, sel actions.Selection, args actions.Args) error
	Count(ctx context.Context, sc scope.Scope, verb lifecycle.Verb, f query.Filter) (int, error)
	DoEach(ctx context.Context, sc scope.Scope, verb lifecycle.Verb, sel actions.Selection, args actions.Args, each func(actions.ItemResult)) (actions.Result, error)
}

// Options make a Service. Docs and Verbs are needed.
type Options struct {
	Docs   store.Docs
	Verbs  Verbs
	Clock  func() time.Time // default time.Now
	Logger *slog.Logger     // default slog.Default()
}

// Service runs jobs. It is safe in parallel.
type Service struct {
	o       Options
	running sync.WaitGroup
	ended   ends

	mu     sync.Mutex
	live   map[string]*live
	closed bool
}

// live is a job that runs.
type live struct {
	mu      sync.Mutex // of what follows
	job     Job
	rev     uint64
	results []Result // not written yet
	noted   time.Time
	cancel  context.CancelCauseFunc
}

// errCancelled and errStopping are why a job's context ends.
var (
	errCancelled = errors.New("cancelled")
	errStopping  = errors.New("the gateway stops")
)

// Open makes a Service. Jobs that an earlier process left running are marked
// as stopped.
func Open(ctx context.Context, o Options) (*Service, error) {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	s := &Service{o: o, live: map[string]*live{}}
	docs, err := o.Docs.ListDocs(ctx, "", kindJob, "")
	if err != nil {
		return nil, fmt.Errorf("reading the jobs there were: %w", err)
	}
	for _, d := range docs {
		j, err := read(d)
		if err != nil {
			o.Logger.Warn("a job that cannot be read is left out", "job", d.Key, "error", err)
			continue
		}
		if j.State.Over() {
			continue
		}
		if err := s.count(ctx, &j); err != nil {
			return nil, err
		}
		j.State, j.Ended = Stopped, o.Clock()
		j.Error = "the gateway ended while it ran; what is left is found by the same search"
		if _, err := s.write(ctx, &j, d.Rev); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// count finds the results that were written after the job itself was last.
func (s *Service) count(ctx context.Context, j *Job) error {
	for ; ; j.Written++ {
		_, err := s.o.Docs.GetDoc(ctx, "", kindResult, resultKey(j.ID, j.Written))
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("counting the results of job %s: %w", j.ID, err)
		}
	}
}

// Close stops what runs, after the messages that were begun, and returns when
// all of it has ended and is written.
func (s *Service) Close() {
	s.mu.Lock()
	s.closed = true
	for _, l := range s.live {
		l.cancel(errStopping)
	}
	s.mu.Unlock()
	s.running.Wait()
}

// Start begins a job. What comes in from now on is not part of it. Errors are
// those of actions.Service.Check, ErrBusy, and those of the store.
func (s *Service) Start(ctx context.Context, sc scope.Scope, verb lifecycle.Verb, f query.Filter, args actions.Args) (Job, error) {
	now := s.o.Clock()
	sel := actions.Selection{Filter: f, All: true}
	if err := s.o.Verbs.Check(sc, verb, sel, args); err != nil {
		return Job{}, err
	}
	s.prune(ctx, now)
	l := &live{job: Job{Verb: string(verb), Filter: query.Resolve(f, now), Reason: args.Reason, Actor: sc.Actor, State: Counting, Started: now, Owner: owner(sc), House: house(sc)}, noted: now}
	work, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	l.cancel = cancel
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		cancel(nil)
		return Job{}, store.ErrUnavailable
	case len(s.live) >= together || s.runningOf(l.job.House) >= ofOne:
		cancel(nil)
		return Job{}, ErrBusy
	}
	for n := now.UnixMilli(); ; n++ { // names are short, and so may have been given
		l.job.ID = strconv.FormatInt(n, 36)
		rev, err := s.write(ctx, &l.job, 0)
		if errors.Is(err, store.ErrConflict) {
			continue
		}
		if err != nil {
			cancel(nil)
			return Job{}, err
		}
		l.rev = rev
		break
	}
	s.live[l.job.ID] = l
	begun := l.job
	sel.Filter = query.And(l.job.Filter, query.Where("received", query.Before, now.UTC().Format(time.RFC3339Nano)))
	work = audit.Because(work, audit.Cause{Details: map[string]string{"job": l.job.ID}})
	s.running.Go(func() {
		defer cancel(nil)
		s.run(work, l, sc, verb, sel, args)
		s.mu.Lock()
		delete(s.live, l.job.ID)
		s.mu.Unlock()
	})
	return begun, nil
}

// runningOf is how many jobs of a house run. It wants the lock.
func (s *Service) runningOf(house string) (n int) {
	for _, l := range s.live {
		if l.job.House == house { // it never changes
			n++
		}
	}
	return n
}

func (s *Service) run(ctx context.Context, l *live, sc scope.Scope, verb lifecycle.Verb, sel actions.Selection, args actions.Args) {
	total, err := s.o.Verbs.Count(ctx, sc, verb, sel.Filter)
	if err == nil {
		l.mu.Lock()
		l.job.State, l.job.Total = Running, total
		l.mu.Unlock()
		_, err = s.o.Verbs.DoEach(ctx, sc, verb, sel, args, func(it actions.ItemResult) { s.took(l, it) })
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	j := &l.job
	j.State, j.Ended = Done, s.o.Clock()
	switch cause := context.Cause(ctx); {
	case err == nil:
	case errors.Is(cause, errCancelled):
		j.State = Cancelled
	case errors.Is(cause, errStopping):
		j.State, j.Error = Stopped, "the gateway was stopped while it ran; what is left is found by the same search"
	default:
		j.State, j.Error = Failed, err.Error()
	}
	s.ended.add(j.State)
	s.flush(l)
	s.note(l)
	s.o.Logger.Info("job ended", "job", j.ID, "action", j.Verb, "actor", j.Actor, "state", string(j.State), "total", j.Total, "tried", j.Tried, "changed", j.Changed, "refused", j.Refused)
}

// took takes in one recipient's result.
func (s *Service) took(l *live, it actions.ItemResult) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.job.Tried++
	switch {
	case it.Code != "":
		l.job.Refused++
	case it.Changed:
		l.job.Changed++
	}
	l.results = append(l.results, Result{ID: it.ID, Recipient: it.Recipient, Status: string(it.Status), Changed: it.Changed, Error: it.Error, Note: it.Note})
	if len(l.results) >= chunk {
		s.flush(l)
	}
	if now := s.o.Clock(); now.Sub(l.noted) >= notedEvery {
		l.noted = now
		s.note(l)
	}
}

// flush writes the results there are.
func (s *Service) flush(l *live) {
	if len(l.results) == 0 {
		return
	}
	b, err := json.Marshal(l.results)
	if err == nil {
		_, err = s.o.Docs.PutDoc(context.Background(), store.Doc{Kind: kindResult, Key: resultKey(l.job.ID, l.job.Written), JSON: b}, 0)
	}
	if err != nil {
		s.o.Logger.Warn("results of a job could not be written", "job", l.job.ID, "error", err)
	} else {
		l.job.Written++
	}
	l.results = l.results[:0]
}

// note writes the job itself.
func (s *Service) note(l *live) {
	rev, err := s.write(context.Background(), &l.job, l.rev)
	if err != nil {
		s.o.Logger.Warn("the progress of a job could not be written", "job", l.job.ID, "error", err)
		return
	}
	l.rev = rev
}

func (s *Service) write(ctx context.Context, j *Job, rev uint64) (uint64, error) {
	b, err := json.Marshal(j)
	if err == nil {
		rev, err = s.o.Docs.PutDoc(ctx, store.Doc{Kind: kindJob, Key: j.ID, JSON: b}, rev)
	}
	if err != nil {
		return rev, fmt.Errorf("writing job %s: %w", j.ID, err)
	}
	return rev, nil
}

func read(d store.Doc) (Job, error) {
	var j Job
	err := json.Unmarshal(d.JSON, &j)
	return j, err
}

func resultKey(job string, n int) string { return fmt.Sprintf("%s/%06d", job, n) }

// prune drops jobs that are long over.
func (s *Service) prune(ctx context.Context, now time.Time) {
	all, err := s.o.Docs.ListDocs(ctx, "", kindJob, "")
	if err != nil {
		return
	}
	slices.SortFunc(all, func(a, b store.Doc) int { return strings.Compare(b.Key, a.Key) }) // newest first
	kept := map[string]int{}
	for _, d := range all {
		j, err := read(d)
		if err == nil && (!j.State.Over() || kept[j.House] < keepMost && now.Sub(j.Ended) < keepFor) {
			kept[j.House]++
			continue
		}
		for n := 0; ; n++ { // a crash leaves some that the job does not know of
			key := resultKey(d.Key, n)
			r, err := s.o.Docs.GetDoc(ctx, "", kindResult, key)
			if err == nil {
				_ = s.o.Docs.DeleteDoc(ctx, "", kindResult, key, r.Rev) // tried again with the next job
			} else if n >= j.Written {
				break
			}
		}
		_ = s.o.Docs.DeleteDoc(ctx, "", kindJob, d.Key, d.Rev)
	}
}
