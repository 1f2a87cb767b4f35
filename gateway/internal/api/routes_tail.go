package api

import (
	"context"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/mailweir/weir/gateway/internal/events"
	"github.com/mailweir/weir/gateway/internal/query"
)

// Change is one line of the live tail: what happened to a recipient, and its
// row, with the status that the event gave it.
type Change struct {
	Seq   uint64    `json:"seq" doc:"Grows with every event; the ID of the server-sent event"`
	At    time.Time `json:"at"`
	Type  string    `json:"type" doc:"What happened, such as Delivery" example:"Delivery"`
	Actor string    `json:"actor,omitempty" doc:"Who did it; absent: the gateway itself"`
	Text  string    `json:"text,omitempty" doc:"More about it, for people"`
	Row   Row       `json:"row"`
}

// StreamEnd is the last event of a stream that ends by itself.
type StreamEnd struct {
	Reason string `json:"reason"`
}

func (s *server) tailRoutes(a huma.API) {
	huma.Register(a, streamRoute(a, route("tail", http.MethodGet, "/v1/tail", "messages", "Watch the log",
		"A change of a recipient that matches is an event, as it happens: `data` is a Change, `id` its seq. What is seen is what a search of the same caller sees. "+
			"Who comes back with Last-Event-ID, or after, goes on from there and misses nothing that is still in the log; otherwise it begins now. "+
			"A comment comes at least every 15 s. An event named `end` says that the caller's session has ended.",
		http.StatusUnprocessableEntity, http.StatusTooManyRequests), reflect.TypeFor[Change](), "Change"), s.tail)
	huma.Register(a, streamRoute(a, route("job-events", http.MethodGet, "/v1/jobs/{id}/events", "queue", "Watch a job",
		"The job as it gets on: `data` is a Job. After the event named `end`, which holds the job as it ended, the stream is over.",
		http.StatusNotFound, http.StatusTooManyRequests), reflect.TypeFor[Job](), "Job"), s.jobEvents)
}

func (s *server) tail(ctx context.Context, in *struct {
	Q         string `query:"q" maxLength:"4096" doc:"Filter in its text form"`
	Filter    string `query:"filter" maxLength:"16384" doc:"Filter as JSON; narrows q"`
	After     string `query:"after" maxLength:"20" pattern:"^[0-9]*$" doc:"Go on behind this seq"`
	LastEvent string `header:"Last-Event-ID" maxLength:"20" pattern:"^[0-9]*$" doc:"As after; sent by readers that come back"`
}) (*huma.StreamResponse, error) {
	f, p := filterOf(in.Q, in.Filter)
	if p != nil {
		return nil, p
	}
	match, err := query.Compile(f, time.Now())
	if err != nil {
		return nil, s.problemOf(ctx, "watching the log", err)
	}
	if s.Tail == nil {
		return nil, problem(http.StatusServiceUnavailable, "the log cannot be watched here", "")
	}
	after := s.Tail.LastSeq()
	for _, from := range []string{in.After, in.LastEvent} {
		if from == "" {
			continue
		}
		if after, err = strconv.ParseUint(from, 10, 64); err != nil {
			return nil, problem(http.StatusUnprocessableEntity, "there is no event "+from, "leave it out to begin now")
		}
	}
	t := events.Follow(s.Tail, scopeOf(ctx), match, after)
	return s.streaming(ctx, func(st *stream) error { return s.follow(st, t) })
}

// follow writes changes as they come, and a heartbeat when none do.
func (s *server) follow(st *stream, t *events.Tail) error {
	beat := time.NewTicker(s.Heartbeat)
	defer beat.Stop()
	if err := st.beat(seqID(t.Seq())); err != nil { // where it begins, should it break off before the first
		return err
	}
	for {
		select { // also while there is no end of changes
		case <-beat.C:
			if err := st.beat(seqID(t.Seq())); err != nil {
				return err
			}
		default:
		}
		changes, more, err := t.Next(st.ctx)
		if err != nil {
			return err
		}
		for _, c := range changes {
			id := ""
			if c.Last { // only then nothing is missed by who comes back
				id = seqID(c.Event.Seq)
			}
			if err := st.event(id, "change", changeOf(c)); err != nil {
				return err
			}
		}
		if more == nil {
			continue
		}
		select {
		case <-more:
			if err := st.ctx.Err(); err != nil {
				return err
			}
			if s.Closing != nil && s.Closing.Err() != nil {
				return nil
			}
		case <-beat.C:
			if err := st.beat(seqID(t.Seq())); err != nil {
				return err
			}
		case <-st.ctx.Done():
			return st.ctx.Err()
		}
	}
}

func seqID(n uint64) string { return strconv.FormatUint(n, 10) }

func changeOf(c events.Change) Change {
	return Change{
		Seq: c.Event.Seq, At: c.Event.At, Type: string(c.Event.Type), Actor: c.Event.Actor, Text: c.Event.Text,
		Row: rowOf(c.Row.Message, c.Row.Recipient),
	}
}

// jobTick is how often a watched job is looked at.
const jobTick = 200 * time.Millisecond

func (s *server) jobEvents(ctx context.Context, in *jobInput) (*huma.StreamResponse, error) {
	first, err := s.Jobs.Get(ctx, scopeOf(ctx), in.ID)
	if err != nil {
		return nil, s.noJob(ctx, in.ID, err)
	}
	return s.streaming(ctx, func(st *stream) error {
		tick, beat := time.NewTicker(jobTick), time.NewTicker(s.Heartbeat)
		defer tick.Stop()
		defer beat.Stop()
		j, was := first, Job{}
		for {
			if j.Over {
				return st.event("", "end", j)
			}
			if j != was {
				if err := st.event("", "progress", j); err != nil {
					return err
				}
				was = j
			}
			select {
			case <-tick.C:
			case <-beat.C:
				if err := st.beat(""); err != nil {
					return err
				}
			case <-st.ctx.Done():
				return st.ctx.Err()
			}
			var err error
			if j, err = s.Jobs.Get(st.ctx, scopeOf(ctx), in.ID); err != nil {
				return err
			}
		}
	})
}
