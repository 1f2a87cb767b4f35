package deliver

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/policy"
)

// What is remembered is bounded, also of destinations in trouble: whoever sends
// mail can name any number of those.
func TestB89_trouble_is_remembered_within_bounds(t *testing.T) {
	now := time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)
	dest := policy.Destination{Connections: 20, PerConnection: 100, Backoff: time.Minute, MaxBackoff: time.Hour, SuspendAfter: 20, SuspendFor: time.Minute}
	x := &sites{
		now: func() time.Time { return now }, log: slog.New(slog.DiscardHandler), dest: func(string, string, string) policy.Destination { return dest },
		by: map[string]*site{}, hops: map[string]*hopState{}, held: map[string]Suspension{},
	}
	visit := func(domain string, h health) *pass {
		p, held := x.enter(Route{MX: domain}, []host{{network: "tcp", host: "mx." + domain, port: 25}}, false)
		if held != nil {
			t.Fatalf("%s: %+v", domain, held)
		}
		if h != unknown {
			p.leave(finding{health: h, reply: *mail.NewReply(451, "4.4.1", "connection refused")})
		}
		return p
	}
	under := visit("running.test", unknown)
	for i := range 3 * maxSites {
		now = now.Add(time.Millisecond)
		visit(fmt.Sprintf("d%d.test", i), unreachable)
		if len(x.by) > maxSites || len(x.hops) > maxSites {
			t.Fatalf("%d sites and %d next hops after %d", len(x.by), len(x.hops), i)
		}
	}
	if x.by[under.site.key] != under.site {
		t.Error("a site was forgotten while an attempt to it runs")
	}
	under.leave(finding{health: well})
	if h := x.known(fmt.Sprintf("d%d.test", 3*maxSites-1)); h == nil || h.why != WhyBackoff {
		t.Errorf("the last in trouble: %+v", h)
	}
	now = now.Add(forgetTrouble + time.Minute)
	visit("another.test", well)
	if len(x.by) != 1 || len(x.hops) != 1 {
		t.Errorf("%d sites and %d next hops are remembered after half a day", len(x.by), len(x.hops))
	}
}
