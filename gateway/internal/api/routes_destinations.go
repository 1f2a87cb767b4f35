package api

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/mailweir/weir/gateway/internal/scope"
)

// Destinations are the hosts that mail goes to, as the gateway treats them
// (B89). Only the administrator may ask: they are of no one tenant. A Mistake
// is the caller's.
type Destinations interface {
	// Destinations gives every next hop that is remembered, by name, and those
	// names that an operator has suspended and nothing goes to.
	Destinations() []DestinationStatus
	// Suspend reports whether a next hop of that name is remembered.
	Suspend(ctx context.Context, s scope.Scope, r SuspendRequest) (known bool, err error)
	// Resume ends suspension and back-off; whether there was any to end.
	Resume(ctx context.Context, s scope.Scope, name string) (bool, error)
}

// DestinationStatus is one next hop and how it is doing.
type DestinationStatus struct {
	NextHop     string `json:"next_hop" doc:"A domain, or the hosts of a route"`
	Destination string `json:"destination,omitempty" doc:"Its destination block, or the provider that is built in"`
	Site        string `json:"site,omitempty" doc:"What shares its limits: the destination's name, or the hosts that serve it"`

	State string    `json:"state" enum:"ok,recovering,back-off,suspended" doc:"suspended: by an operator, or since it refused everybody"`
	Until time.Time `json:"until,omitzero" doc:"Nothing is tried before it; absent while an operator's suspension has no end"`
	By    string    `json:"by,omitempty" doc:"The operator who suspended it"`
	Why   string    `json:"why,omitempty" doc:"The reason the operator gave"`
	Fails int       `json:"fails,omitempty" doc:"Episodes of trouble in a row"`

	Open     int  `json:"open" doc:"Connections to the site, idle ones included"`
	Idle     int  `json:"idle"`
	Limit    int  `json:"limit" doc:"Connections allowed now; fewer than the policy's while it recovers"`
	RateLeft *int `json:"rate_left,omitempty" doc:"Messages that may go at once now, where there is a rate"`

	Last   *Reply    `json:"last,omitempty" doc:"The last answer to a recipient, or our word for its failure"`
	LastAt time.Time `json:"last_at,omitzero"`

	Delivered uint64 `json:"delivered" doc:"Recipients since the gateway started, or forgot the next hop"`
	Deferred  uint64 `json:"deferred"`
	Failed    uint64 `json:"failed"`
	Throttled uint64 `json:"throttled" doc:"Kept back by our own limits; no failures"`
}

// SuspendRequest suspends a destination.
type SuspendRequest struct {
	Name  string    `json:"name" minLength:"1" maxLength:"4096" doc:"Of a destination, or a next hop: a domain, or the hosts of a route"`
	Until time.Time `json:"until,omitzero" doc:"Its end; absent: until it is resumed"`
	Why   string    `json:"why,omitempty" maxLength:"500"`
}

// Suspended is a suspension that is in force.
type Suspended struct {
	Name  string    `json:"name"`
	Until time.Time `json:"until,omitzero"`
	Known bool      `json:"known" doc:"Something goes there, or did of late"`
}

// ResumeRequest resumes a destination.
type ResumeRequest struct {
	Name string `json:"name" minLength:"1" maxLength:"4096"`
}

// Resumed says whether there was anything to end.
type Resumed struct {
	Resumed bool `json:"resumed"`
}

func (s *server) destinationRoutes(a huma.API) {
	const tag = "destinations"
	huma.Register(a, route("list-destinations", http.MethodGet, "/v1/destinations", tag, "Where mail goes, and how that is doing",
		"Next hops are remembered while mail goes to them or they are in trouble.", http.StatusForbidden), s.destinations)
	huma.Register(a, route("suspend-destination", http.MethodPost, "/v1/destinations/suspend", tag, "Keep back what goes to a destination",
		"Its mail stays queued, and is told of and expires as ever. What is under way ends by itself. It outlasts a restart.",
		http.StatusForbidden, http.StatusUnprocessableEntity), s.suspendDestination)
	huma.Register(a, route("resume-destination", http.MethodPost, "/v1/destinations/resume", tag, "Try a destination again",
		"Ends an operator's suspension, and our own suspension and back-off.", http.StatusForbidden), s.resumeDestination)
}

func (s *server) destinations(ctx context.Context, in *PageInput) (*output[listItems[DestinationStatus]], error) {
	if err := adminOnly(ctx); err != nil {
		return nil, err
	}
	return paged(*in, "destinations", s.Destinations.Destinations(), func(d *DestinationStatus) string { return d.NextHop })
}

func (s *server) suspendDestination(ctx context.Context, in *struct{ Body SuspendRequest }) (*output[Suspended], error) {
	if err := adminOnly(ctx); err != nil {
		return nil, err
	}
	who := scopeOf(ctx)
	known, err := s.Destinations.Suspend(ctx, who, in.Body)
	if err != nil {
		return nil, s.problemOf(ctx, "suspending the destination", err)
	}
	s.log.InfoContext(ctx, "a destination was suspended", slog.String("actor", who.Actor), slog.String("destination", in.Body.Name), slog.Time("until", in.Body.Until))
	return &output[Suspended]{Suspended{in.Body.Name, in.Body.Until, known}}, nil
}

func (s *server) resumeDestination(ctx context.Context, in *struct{ Body ResumeRequest }) (*output[Resumed], error) {
	if err := adminOnly(ctx); err != nil {
		return nil, err
	}
	who := scopeOf(ctx)
	was, err := s.Destinations.Resume(ctx, who, in.Body.Name)
	if err != nil {
		return nil, s.problemOf(ctx, "resuming the destination", err)
	}
	s.log.InfoContext(ctx, "a destination was resumed", slog.String("actor", who.Actor), slog.String("destination", in.Body.Name), slog.Bool("was", was))
	return &output[Resumed]{Resumed{was}}, nil
}
