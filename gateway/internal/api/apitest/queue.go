package apitest

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Queue is the messages as reports read them.
type Queue struct{ g *Gateway }

// Now is the instant at which the gateway stands.
func (q Queue) Now() time.Time { return Now }

// Each walks the rows that match.
func (q Queue) Each(ctx context.Context, f query.Filter, do func(store.Row) error) error {
	rows, _, err := q.g.Search(ctx, scope.Admin("test"), f, "", 1<<30)
	for _, r := range rows {
		if err == nil {
			err = do(r)
		}
	}
	return err
}

// Events are those of a message.
func (q Queue) Events(_ context.Context, id mail.ID) ([]mail.Event, error) {
	return q.g.events[id], nil
}

// Jobs are done before they are answered.
type Jobs struct {
	g    *Gateway
	list *[]job
}

type job struct {
	api.Job
	items []api.ActionItem
}

// Start does the whole job.
func (j Jobs) Start(ctx context.Context, s scope.Scope, verb string, f query.Filter, args map[string]string) (api.Job, error) {
	out, err := j.g.Do(ctx, s, api.ActionOrder{Verb: verb, Filter: &f, Args: args})
	if err != nil {
		return api.Job{}, err
	}
	n := job{items: out.Items, Job: api.Job{
		ID: strconv.Itoa(len(*j.list) + 1), Verb: verb, Query: f.String(), Reason: args["reason"], Actor: s.Actor, State: "done", Over: true,
		Started: Now, Ended: Now, Total: out.Matched, Tried: out.Matched, Changed: out.Changed, Refused: out.Matched - out.Changed,
	}}
	*j.list = append(*j.list, n)
	return n.Job, nil
}

// List gives them in order.
func (j Jobs) List(context.Context, scope.Scope) ([]api.Job, error) {
	var out []api.Job
	for _, n := range *j.list {
		out = append(out, n.Job)
	}
	return out, nil
}

func (j Jobs) find(id string) (*job, error) {
	for i := range *j.list {
		if (*j.list)[i].ID == id {
			return &(*j.list)[i], nil
		}
	}
	return nil, fmt.Errorf("job %q: %w", id, store.ErrNotFound)
}

// Get gives one.
func (j Jobs) Get(_ context.Context, _ scope.Scope, id string) (api.Job, error) {
	n, err := j.find(id)
	if err != nil {
		return api.Job{}, err
	}
	return n.Job, nil
}

// Cancel comes too late.
func (j Jobs) Cancel(ctx context.Context, s scope.Scope, id string) (api.Job, error) {
	return j.Get(ctx, s, id)
}

// Results are all on one page.
func (j Jobs) Results(_ context.Context, _ scope.Scope, id, _ string, refusedOnly bool) ([]api.ActionItem, string, error) {
	n, err := j.find(id)
	if err != nil {
		return nil, "", err
	}
	var out []api.ActionItem
	for _, it := range n.items {
		if !refusedOnly || it.Error != "" {
			out = append(out, it)
		}
	}
	return out, "", nil
}
