package daemon

import (
	"context"
	"time"

	"github.com/mailweir/weir/gateway/internal/actions"
	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/jobs"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

// jobService is package jobs as the API sees it.
type jobService struct{ s *jobs.Service }

func (j jobService) Start(ctx context.Context, sc scope.Scope, verb string, f query.Filter, args map[string]string) (api.Job, error) {
	a, err := actions.ArgsFrom(args)
	if err != nil {
		return api.Job{}, badArgs{err}
	}
	out, err := j.s.Start(ctx, sc, lifecycle.Verb(verb), f, a)
	return jobOf(out), err
}

func (j jobService) List(ctx context.Context, sc scope.Scope) ([]api.Job, error) {
	all, err := j.s.List(ctx, sc)
	out := make([]api.Job, len(all))
	for i := range all {
		out[i] = jobOf(all[i])
	}
	return out, err
}

func (j jobService) Get(ctx context.Context, sc scope.Scope, id string) (api.Job, error) {
	out, err := j.s.Get(ctx, sc, id)
	return jobOf(out), err
}

func (j jobService) Cancel(ctx context.Context, sc scope.Scope, id string) (api.Job, error) {
	out, err := j.s.Cancel(ctx, sc, id)
	return jobOf(out), err
}

func (j jobService) Results(ctx context.Context, sc scope.Scope, id, cursor string, refusedOnly bool) ([]api.ActionItem, string, error) {
	rs, next, err := j.s.Results(ctx, sc, id, cursor, refusedOnly)
	out := make([]api.ActionItem, len(rs))
	for i, r := range rs {
		out[i] = api.ActionItem{ID: r.ID, Recipient: r.Recipient, Status: r.Status, Error: r.Error, Note: r.Note}
	}
	return out, next, err
}

func jobOf(j jobs.Job) api.Job {
	return api.Job{
		ID: j.ID, Verb: j.Verb, Query: j.Filter.String(), Reason: j.Reason, Actor: j.Actor, State: string(j.State), Over: j.State.Over(),
		Started: j.Started, Ended: j.Ended, Total: j.Total, Tried: j.Tried, Changed: j.Changed, Refused: j.Refused, Error: j.Error, Cancels: j.Cancels,
	}
}

// queueRows are what reports are made of.
type queueRows struct {
	store.Store
	now func() time.Time
}

func (q queueRows) Now() time.Time { return q.now() }
