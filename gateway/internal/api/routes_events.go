package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/mailweir/weir/gateway/internal/store"
)

// EventSink is how a receiver of events does.
type EventSink struct {
	Name      string    `json:"name" doc:"As in the policy; TENANT/NAME of a tenant's own" example:"siem"`
	Kind      string    `json:"kind" enum:"file,webhook"`
	To        string    `json:"to" doc:"File, or where the requests go"`
	State     string    `json:"state" enum:"ok,retrying,disabled" doc:"disabled: the receiver answered 410; it waits for resume"`
	Error     string    `json:"error,omitempty" doc:"Why, unless ok"`
	Seq       uint64    `json:"seq" doc:"The last event that is done with"`
	Behind    uint64    `json:"behind" doc:"Events of the journal that are not done with; not all are for this receiver"`
	Lag       int64     `json:"lag_s" doc:"Age of the oldest event that waits, in seconds"`
	Delivered uint64    `json:"delivered" doc:"Events taken since the gateway started"`
	Failures  uint64    `json:"failures" doc:"Failed tries since the gateway started"`
	Tries     int       `json:"tries,omitempty" doc:"Failed tries in a row"`
	Lost      uint64    `json:"lost" doc:"Events that it did not get, ever: older than its keep, or forgotten with their messages"`
	Last      time.Time `json:"last,omitzero" doc:"When it last took events"`
	Next      time.Time `json:"next,omitzero" doc:"Next try"`
}

func (s *server) eventRoutes(a huma.API) {
	const tag = "gateway"
	huma.Register(a, route("list-event-sinks", http.MethodGet, "/v1/event-sinks", tag, "Receivers of events", "The events blocks of the policy, and how far each receiver is. For the administrator of everything.",
		http.StatusForbidden), s.sinks)
	huma.Register(a, route("resume-event-sink", http.MethodPost, "/v1/event-sinks/resume", tag, "Try a receiver now", "Also one that answered 410.",
		http.StatusForbidden, http.StatusNotFound), s.resumeSink)
}

func (s *server) sinks(ctx context.Context, in *PageInput) (*output[listItems[EventSink]], error) {
	if !everything(ctx) {
		return nil, problem(http.StatusForbidden, "receivers of events are for the administrator of everything", "")
	}
	if s.Sinks == nil {
		return nil, notRunning()
	}
	now := s.now()
	items := []EventSink{}
	for _, st := range s.Sinks.Status() {
		x := EventSink{
			Name: st.Name, Kind: st.Kind, To: st.To, State: st.State, Error: st.Error, Seq: st.Seq, Behind: st.Behind,
			Delivered: st.Delivered, Failures: st.Failures, Tries: st.Tries, Lost: st.Lost, Last: st.Last, Next: st.Next,
		}
		if !st.Oldest.IsZero() {
			x.Lag = int64(max(now.Sub(st.Oldest), 0) / time.Second)
		}
		items = append(items, x)
	}
	return paged(*in, "event-sinks", items, func(x *EventSink) string { return x.Name })
}

func (s *server) resumeSink(ctx context.Context, in *struct {
	Body struct {
		Name string `json:"name" minLength:"1" maxLength:"200"`
	}
}) (*output[Done], error) {
	if !everything(ctx) {
		return nil, problem(http.StatusForbidden, "receivers of events are for the administrator of everything", "")
	}
	if s.Sinks == nil {
		return nil, notRunning()
	}
	if err := s.Sinks.Resume(in.Body.Name); err != nil {
		if errors.Is(err, store.ErrNotFound) {
			return nil, problem(http.StatusNotFound, "there is no receiver of events "+in.Body.Name, "see: weir events status")
		}
		return nil, s.problemOf(ctx, "resuming "+in.Body.Name, err)
	}
	return &output[Done]{Done{true}}, nil
}

func notRunning() *Problem {
	return problem(http.StatusConflict, "this needs the running gateway", "")
}
