package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/mailweir/weir/gateway/internal/query"
)

// ActionRequest names a verb and what to apply it to: IDs, or a filter in one
// of its forms.
type ActionRequest struct {
	Verb   string            `json:"verb" minLength:"1" doc:"See the verbs of a row" example:"retry"`
	IDs    []string          `json:"ids,omitempty" maxItems:"1000" doc:"Message or recipient IDs, or unique beginnings"`
	Q      string            `json:"q,omitempty" maxLength:"4096" doc:"Filter in its text form"`
	Filter *query.Filter     `json:"filter,omitempty" doc:"Filter as a tree; narrows q"`
	DryRun bool              `json:"dry_run,omitempty" doc:"Count only"`
	Args   map[string]string `json:"args,omitempty" doc:"What the verb needs beside, such as reason"`
}

func (s *server) actionRoutes(a huma.API) {
	huma.Register(a, route("act", http.MethodPost, "/v1/actions", "actions", "Apply a verb to messages",
		"The answer has one item for each recipient; a verb that does not apply to one of them says so there and is applied to the others.",
		http.StatusForbidden, http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity), s.act)
	huma.Register(a, route("queue-summary", http.MethodGet, "/v1/queue/summary", "actions", "Recipients by live status", ""), s.summary)
}

// actionTimes is how many times longer an action may take than a search: it
// commits every message it changes.
const actionTimes = 10

func (s *server) act(ctx context.Context, in *struct{ Body ActionRequest }) (*output[ActionResult], error) {
	ctx, cancel := context.WithTimeout(ctx, actionTimes*s.Timeout)
	defer cancel()
	order, p := s.order(ctx, &in.Body)
	if p != nil {
		return nil, p
	}
	out, err := s.Actions.Do(ctx, scopeOf(ctx), order)
	if err != nil {
		return nil, s.problemOf(ctx, halfDone(order.Verb, out), err)
	}
	const most = 1000 // items in an answer
	res := ActionResult{Verb: order.Verb, DryRun: order.DryRun, Matched: out.Matched, Changed: out.Changed, Items: out.Items}
	if len(res.Items) > most {
		res.Items = res.Items[:most]
	}
	if res.Items == nil {
		res.Items = []ActionItem{}
	}
	return &output[ActionResult]{res}, nil
}

// halfDone says what a verb that failed had been doing, and how far it came.
func halfDone(verb string, out ActionOutcome) string {
	if out.Changed == 0 {
		return verb
	}
	return fmt.Sprintf("%s, after %d of %d recipients were done", verb, out.Changed, out.Matched)
}

// order checks a request to act. An empty selection is refused rather than
// read as everything.
func (s *server) order(ctx context.Context, r *ActionRequest) (ActionOrder, *Problem) {
	o := ActionOrder{Verb: r.Verb, IDs: r.IDs, Args: r.Args, DryRun: r.DryRun}
	var p *Problem
	if verbs := s.Actions.Verbs(); !slices.Contains(verbs, r.Verb) {
		return o, problem(http.StatusUnprocessableEntity, fmt.Sprintf("there is no verb %q", r.Verb), "the verbs are "+strings.Join(verbs, ", "))
	}
	o.IDs, o.Filter, p = s.selection(ctx, r.IDs, r.Q, r.Filter)
	return o, p
}

// selection checks what a request selects: whole IDs, or a filter.
func (s *server) selection(ctx context.Context, ids []string, q string, tree *query.Filter) ([]string, *query.Filter, *Problem) {
	filtered := q != "" || tree != nil && !tree.IsZero()
	switch {
	case len(ids) == 0 && !filtered:
		return nil, nil, problem(http.StatusUnprocessableEntity, "nothing is selected", "give ids or a filter")
	case len(ids) > 0 && filtered:
		return nil, nil, problem(http.StatusUnprocessableEntity, "the selection is ambiguous", "give either ids or a filter")
	}
	if len(ids) > 0 {
		whole := make([]string, len(ids))
		for i, id := range ids {
			full, p := s.complete(ctx, id)
			if p != nil {
				return nil, nil, p
			}
			whole[i] = full
		}
		return whole, nil, nil
	}
	f, p := filterOf(q, "")
	if p != nil {
		return nil, nil, p
	}
	if tree != nil {
		f = query.And(f, *tree)
	}
	f, p = checked(f)
	return nil, &f, p
}

// complete turns the beginning of an ID into the whole, and keeps its ".n".
func (s *server) complete(ctx context.Context, id string) (string, *Problem) {
	prefix, n, err := splitID(id)
	if err != nil {
		return "", problem(http.StatusUnprocessableEntity, err.Error(), "copy an ID from a list, or its first characters")
	}
	full, err := s.Log.Resolve(ctx, scopeOf(ctx), prefix)
	if err != nil {
		if p, ok := s.problemOf(ctx, "looking for message "+prefix, err).(*Problem); ok {
			return "", p
		}
	}
	if n == 0 {
		return full.String(), nil
	}
	return recipientID(full, n), nil
}

func (s *server) summary(ctx context.Context, _ *struct{}) (*output[Summary], error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	counts, err := s.Log.Counts(ctx, scopeOf(ctx))
	if err != nil {
		return nil, s.problemOf(ctx, "counting the queue", err)
	}
	out := Summary{Counts: make(map[string]int, len(counts))}
	for st, n := range counts {
		out.Counts[string(st)] = n
	}
	return &output[Summary]{out}, nil
}
