package apitest

import (
	"context"
	"sync"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/scope"
)

// Destinations are four next hops, one in each state.
type Destinations struct {
	mu   sync.Mutex
	held map[string]api.SuspendRequest
}

// Destinations implements api.Destinations.
func (d *Destinations) Destinations() []api.DestinationStatus {
	d.mu.Lock()
	defer d.mu.Unlock()
	four := 4
	out := []api.DestinationStatus{
		{NextHop: "gmail.com", Destination: "google", Site: "google", State: "back-off", Until: Now.Add(4 * time.Minute), Fails: 2, Limit: 1, RateLeft: &four,
			Delivered: 51200, Deferred: 40, Throttled: 900, Last: &api.Reply{Code: 421, Enhanced: "4.7.28", Text: "Our system has detected an unusual rate of mail"}, LastAt: Now.Add(-time.Minute)},
		{NextHop: "mail.acme.test:25", Site: "mail.acme.test:25", State: "ok", Open: 3, Idle: 2, Limit: 20, Delivered: 812, Failed: 3,
			Last: &api.Reply{Code: 250, Enhanced: "2.0.0", Text: "Ok: queued as 4F1"}, LastAt: Now.Add(-time.Second)},
		{NextHop: "outlook.example", Site: "mx.outlook.example:25", State: "recovering", Open: 1, Limit: 2, Delivered: 7, Deferred: 12,
			Last: &api.Reply{Code: 250, Text: "ok"}, LastAt: Now.Add(-time.Minute)},
		{NextHop: "partner.test", Site: "mx.partner.test:25", State: "suspended", Until: Now.Add(7 * time.Minute), Limit: 1, Failed: 20,
			Last: &api.Reply{Code: 550, Enhanced: "5.7.1", Text: "Service unavailable; client host blocked"}, LastAt: Now.Add(-3 * time.Minute)},
	}
	for i := range out {
		if r, ok := d.held[out[i].NextHop]; ok {
			out[i].State, out[i].Until, out[i].By, out[i].Why = "suspended", r.Until, "operator", r.Why
		}
	}
	return out
}

// Suspend implements api.Destinations.
func (d *Destinations) Suspend(_ context.Context, _ scope.Scope, r api.SuspendRequest) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.held == nil {
		d.held = map[string]api.SuspendRequest{}
	}
	d.held[r.Name] = r
	return r.Name == "mail.acme.test:25", nil
}

// Resume implements api.Destinations.
func (d *Destinations) Resume(_ context.Context, _ scope.Scope, name string) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, was := d.held[name]
	delete(d.held, name)
	return was, nil
}
