package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

// List gives the jobs that a scope sees, newest first.
func (s *Service) List(ctx context.Context, sc scope.Scope) ([]Job, error) {
	if err := sc.Validate(); err != nil {
		return nil, err
	}
	docs, err := s.o.Docs.ListDocs(ctx, "", kindJob, "")
	if err != nil {
		return nil, fmt.Errorf("listing jobs: %w", err)
	}
	out := []Job{}
	for _, d := range docs {
		j, err := read(d)
		if err == nil && j.sees(sc) {
			out = append(out, s.fresh(j))
		}
	}
	slices.SortFunc(out, func(a, b Job) int { return strings.Compare(b.ID, a.ID) })
	return out, nil
}

// Get gives one job. store.ErrNotFound, also for one that the scope does not
// see.
func (s *Service) Get(ctx context.Context, sc scope.Scope, id string) (Job, error) {
	if err := sc.Validate(); err != nil {
		return Job{}, err
	}
	notFound := fmt.Errorf("job %.40q: %w", id, store.ErrNotFound)
	d, err := s.o.Docs.GetDoc(ctx, "", kindJob, id)
	if errors.Is(err, store.ErrNotFound) {
		return Job{}, notFound
	}
	if err != nil {
		return Job{}, fmt.Errorf("looking for job %.40q: %w", id, err)
	}
	j, err := read(d)
	if err != nil {
		return Job{}, fmt.Errorf("reading job %.40q: %w", id, err)
	}
	if !j.sees(sc) {
		return Job{}, notFound
	}
	return s.fresh(j), nil
}

// fresh is a job as it is now, where it runs.
func (s *Service) fresh(j Job) Job {
	s.mu.Lock()
	l := s.live[j.ID]
	s.mu.Unlock()
	if l == nil {
		return j
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.job
}

// Cancel stops a job once the messages that were begun are done; what was done
// stays done. One that is over is left as it is. lifecycle.ErrRefused: the scope
// only sees it.
func (s *Service) Cancel(ctx context.Context, sc scope.Scope, id string) (Job, error) {
	j, err := s.Get(ctx, sc, id)
	if err != nil {
		return Job{}, err
	}
	if !j.stops(sc) {
		return Job{}, fmt.Errorf("stopping job %.40q: %w: your role does not let you stop another's", id, lifecycle.ErrRefused)
	}
	s.mu.Lock()
	l := s.live[id]
	s.mu.Unlock()
	if l == nil {
		return j, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.job.State.Over() {
		l.job.Cancels = sc.Actor
		l.cancel(errCancelled)
	}
	return l.job, nil
}

// Results gives what became of recipients, in the order it was done, from
// cursor ("" the start) on, and the cursor to go on from ("" the end, as yet).
// With refusedOnly it gives only what was not done.
func (s *Service) Results(ctx context.Context, sc scope.Scope, id, cursor string, refusedOnly bool) ([]Result, string, error) {
	j, err := s.Get(ctx, sc, id)
	if err != nil {
		return nil, "", err
	}
	n := 0
	if cursor != "" {
		if n, err = strconv.Atoi(cursor); err != nil || n < 0 {
			return nil, "", badCursor(cursor)
		}
	}
	var out []Result
	for ; n < j.Written; n++ {
		d, err := s.o.Docs.GetDoc(ctx, "", kindResult, resultKey(id, n))
		if errors.Is(err, store.ErrNotFound) {
			continue // could not be written, or pruned meanwhile
		}
		if err != nil {
			return nil, "", fmt.Errorf("reading results of job %.40q: %w", id, err)
		}
		var rs []Result
		if err := json.Unmarshal(d.JSON, &rs); err != nil {
			return nil, "", fmt.Errorf("reading results of job %.40q: %w", id, err)
		}
		if refusedOnly {
			rs = slices.DeleteFunc(rs, func(r Result) bool { return r.Error == "" })
		}
		out = append(out, rs...)
		if len(out) >= chunk && n+1 < j.Written {
			return out, strconv.Itoa(n + 1), nil
		}
	}
	return out, "", nil
}

// badCursor is a mistake of the caller's.
type badCursor string

func (c badCursor) Error() string {
	return fmt.Sprintf("%.40q is not a cursor of these results", string(c))
}

// Mistake tells the API whose it is.
func (badCursor) Mistake() bool { return true }
