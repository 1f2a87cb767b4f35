package api

import (
	"context"
	"time"

	"github.com/mailweir/weir/gateway/internal/events"
	"github.com/mailweir/weir/gateway/internal/saved"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Outward is what the API needs for streams, saved searches, receivers of
// events, and for requests that come twice or too often.
type Outward struct {
	Tail    events.Source   // nil: the log cannot be watched
	Closing context.Context // ends with the gateway, and streams with it; nil: never
	Saved   Saved
	Sinks   Sinks
	Docs    store.Docs    // where answers to idempotent requests are kept; nil: keys are refused
	Limits  func() Limits // for callers over the network; nil: none
	// Heartbeat is how often a silent stream says that it is there; 0 is 15 s.
	Heartbeat time.Duration
	Now       func() time.Time // nil: time.Now
}

// Saved are saved searches and what a user's screens remember (*saved.Service).
type Saved interface {
	List(ctx context.Context, sc scope.Scope) ([]saved.Search, error)
	Get(ctx context.Context, sc scope.Scope, name string) (saved.Search, error)
	Put(ctx context.Context, sc scope.Scope, s saved.Search) (saved.Search, error)
	Delete(ctx context.Context, sc scope.Scope, name string) error
	Preferences(ctx context.Context, sc scope.Scope) (saved.Preferences, error)
	SetPreferences(ctx context.Context, sc scope.Scope, p saved.Preferences) (saved.Preferences, error)
}

var _ Saved = (*saved.Service)(nil)

// Sinks are the receivers of events (*events.Service).
type Sinks interface {
	Status() []events.Status
	// Resume has one tried at once. store.ErrNotFound.
	Resume(name string) error
}

var _ Sinks = (*events.Service)(nil)

// Limits bound one caller over the network.
type Limits struct {
	Requests int // in a minute, on average; 0: no limit
	Burst    int // at once
	Streams  int // at one time; 0: no limit
}

func (s *server) limits() Limits {
	if s.Limits == nil {
		return Limits{}
	}
	return s.Limits()
}

func (s *server) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}
