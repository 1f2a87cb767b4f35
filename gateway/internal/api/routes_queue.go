package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/report"
	"github.com/mailweir/weir/gateway/internal/store"
)

func (s *server) queueRoutes(a huma.API) {
	huma.Register(a, route("queue-shape", http.MethodGet, "/v1/queue/shape", "queue", "The queue by destination, reason and age",
		"Recipients that wait for delivery, summed up as qshape does: by what they have in common, and by the age of their messages.",
		http.StatusUnprocessableEntity, http.StatusGatewayTimeout), s.shape)
	huma.Register(a, route("outbound-report", http.MethodGet, "/v1/reports/outbound", "queue", "Outgoing mail of late",
		"How the outgoing mail since a time stands, and what happened to each of the newest messages (B95).",
		http.StatusUnprocessableEntity, http.StatusGatewayTimeout), s.outbound)
	huma.Register(a, route("start-job", http.MethodPost, "/v1/jobs", "queue", "Apply a verb to all that a search finds",
		"In the background: what came in before the job began, however much it is (B96). Ask for the job until its state is over.",
		http.StatusForbidden, http.StatusConflict, http.StatusUnprocessableEntity), s.startJob)
	huma.Register(a, route("list-jobs", http.MethodGet, "/v1/jobs", "queue", "Jobs there are and were", "Newest first; those that are over are kept for 7 days."), s.listJobs)
	huma.Register(a, route("get-job", http.MethodGet, "/v1/jobs/{id}", "queue", "One job", "", http.StatusNotFound), s.getJob)
	huma.Register(a, route("job-results", http.MethodGet, "/v1/jobs/{id}/results", "queue", "What became of each recipient",
		"In the order it was done. While the job runs, the last results may be missing.", http.StatusNotFound), s.jobResults)
	huma.Register(a, route("cancel-job", http.MethodPost, "/v1/jobs/{id}/cancel", "queue", "Stop a job",
		"The messages that were begun are finished; what was done stays done.", http.StatusForbidden, http.StatusNotFound), s.cancelJob)
}

func (s *server) shape(ctx context.Context, in *struct {
	Q      string   `query:"q" maxLength:"4096" doc:"Filter in its text form"`
	Filter string   `query:"filter" maxLength:"65536" doc:"Filter as JSON; narrows q"`
	By     []string `query:"by" doc:"What to sum up by: destination, reason, next_hop, route, tenant, sender_domain, sender" default:"destination,reason"`
	Top    int      `query:"top" minimum:"1" maximum:"1000" default:"20" doc:"Groups of each, the largest first"`
}) (*output[QueueShape], error) {
	ctx, cancel := context.WithTimeout(ctx, actionTimes*s.Timeout)
	defer cancel()
	f, p := filterOf(in.Q, in.Filter)
	if p != nil {
		return nil, p
	}
	now := s.Queue.Now()
	sh, err := report.Queue(ctx, s.Queue, scopeOf(ctx), f, in.By, in.Top, now)
	if err != nil {
		return nil, s.problemOf(ctx, "summing up the queue", err)
	}
	out := QueueShape{At: now, Counts: map[string]int{}, Bounds: []int64{}, All: groupOf(&sh.All), By: map[string][]QueueGroup{}, Others: sh.Others}
	for st, n := range sh.Counts {
		out.Counts[string(st)] = n
	}
	for _, b := range report.Ages {
		out.Bounds = append(out.Bounds, int64(b/time.Second))
	}
	for d, gs := range sh.By {
		list := make([]QueueGroup, len(gs))
		for i := range gs {
			list[i] = groupOf(&gs[i])
		}
		out.By[d] = list
	}
	return &output[QueueShape]{out}, nil
}

func groupOf(g *report.Group) QueueGroup {
	ages := g.Ages
	if ages == nil {
		ages = make([]int, len(report.Ages)+1)
	}
	return QueueGroup{Key: g.Key, Total: g.Total, Frozen: g.Frozen, Ages: ages, Oldest: g.Oldest}
}

func (s *server) outbound(ctx context.Context, in *struct {
	Since time.Time `query:"since" doc:"RFC 3339; a day ago when absent"`
	Limit int       `query:"limit" minimum:"0" maximum:"500" default:"50" doc:"Messages that are told of, the newest"`
	Q     string    `query:"q" maxLength:"4096" doc:"Filter in its text form"`
}) (*output[OutboundReport], error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	f, p := filterOf(in.Q, "")
	if p != nil {
		return nil, p
	}
	now := s.Queue.Now()
	if in.Since.IsZero() {
		in.Since = now.Add(-24 * time.Hour)
	}
	r, err := report.Outbound(ctx, s.Queue, scopeOf(ctx), f, in.Since, now, in.Limit)
	if err != nil {
		return nil, s.problemOf(ctx, "reporting on outgoing mail", err)
	}
	out := OutboundReport{Since: r.Since, Until: r.Until, Messages: r.Messages, Counts: map[string]int{}, Recent: []OutboundMessage{}}
	for st, n := range r.Counts {
		out.Counts[string(st)] = n
	}
	for _, m := range r.Recent {
		x := OutboundMessage{ID: m.Message.ID.String(), Received: m.Message.Received, Sender: m.Message.Sender.String(), Subject: m.Message.Summary.Subject, Events: []Event{}}
		for i := range m.Message.Recipients {
			x.Recipients = append(x.Recipients, rowOf(m.Message, &m.Message.Recipients[i]))
		}
		for _, e := range m.Events {
			x.Events = append(x.Events, eventOf(e))
		}
		out.Recent = append(out.Recent, x)
	}
	return &output[OutboundReport]{out}, nil
}

func (s *server) startJob(ctx context.Context, in *struct{ Body JobRequest }) (*output[Job], error) {
	if verbs := s.Actions.Verbs(); !slices.Contains(verbs, in.Body.Verb) {
		return nil, problem(http.StatusUnprocessableEntity, "there is no verb "+in.Body.Verb, "see the verbs of a row")
	}
	_, f, p := s.selection(ctx, nil, in.Body.Q, in.Body.Filter)
	if in.Body.All && in.Body.Q == "" && (in.Body.Filter == nil || in.Body.Filter.IsZero()) {
		f, p = new(query.Filter), nil
	}
	if p != nil {
		return nil, p
	}
	j, err := s.Jobs.Start(ctx, scopeOf(ctx), in.Body.Verb, *f, in.Body.Args)
	if err != nil {
		return nil, s.problemOf(ctx, in.Body.Verb, err)
	}
	return &output[Job]{j}, nil
}

func (s *server) listJobs(ctx context.Context, in *PageInput) (*output[listItems[Job]], error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	all, err := s.Jobs.List(ctx, scopeOf(ctx))
	if err != nil {
		return nil, s.problemOf(ctx, "listing jobs", err)
	}
	return paged(*in, "jobs", all, func(j *Job) string { return downwards(j.ID) })
}

type jobInput struct {
	ID string `path:"id" maxLength:"20" doc:"A job's ID"`
}

func (s *server) getJob(ctx context.Context, in *jobInput) (*output[Job], error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	j, err := s.Jobs.Get(ctx, scopeOf(ctx), in.ID)
	if err != nil {
		return nil, s.noJob(ctx, in.ID, err)
	}
	return &output[Job]{j}, nil
}

func (s *server) cancelJob(ctx context.Context, in *jobInput) (*output[Job], error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	j, err := s.Jobs.Cancel(ctx, scopeOf(ctx), in.ID)
	if err != nil {
		return nil, s.noJob(ctx, in.ID, err)
	}
	return &output[Job]{j}, nil
}

func (s *server) jobResults(ctx context.Context, in *struct {
	ID string `path:"id" maxLength:"20" doc:"A job's ID"`
	PageInput
	Refused bool `query:"refused" doc:"Only what was not done"`
}) (*output[JobResults], error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	from, skip := in.Cursor, 0
	if part, n, ok := strings.Cut(in.Cursor, "."); ok {
		var err error
		if skip, err = strconv.Atoi(n); err != nil || skip < 0 {
			return nil, problem(http.StatusUnprocessableEntity, "cursor: that is none of these results'", "begin without one")
		}
		from = part
	}
	items, next, err := s.Jobs.Results(ctx, scopeOf(ctx), in.ID, from, in.Refused)
	if err != nil {
		return nil, s.noJob(ctx, in.ID, err)
	}
	items = items[min(skip, len(items)):]
	if len(items) > in.Limit { // the service's pages may be longer than ours
		items, next = items[:in.Limit], from+"."+strconv.Itoa(skip+in.Limit)
	}
	return &output[JobResults]{JobResults{Items: append([]ActionItem{}, items...), Next: next}}, nil
}

func (s *server) noJob(ctx context.Context, id string, err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return problem(http.StatusNotFound, "there is no job "+id, "see: weir jobs")
	}
	return s.problemOf(ctx, "job "+id, err)
}
