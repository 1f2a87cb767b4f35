package deliver

import (
	"fmt"
	"testing"
	"time"

	"github.com/mailweir/weir/policy"
)

// BenchmarkRoom is what a claim asks of each next hop, with 2,000 of them.
func BenchmarkRoom(b *testing.B) {
	e := New(Options{Destination: gentle(policy.Destination{Name: "", Connections: 20, Backoff: time.Minute, MaxBackoff: time.Hour})})
	defer e.Close()
	hops := make([]string, 2000)
	for i := range hops {
		hops[i] = fmt.Sprintf("d%d.test", i)
		p, h := e.sites.enter(Route{MX: hops[i]}, []host{{network: "tcp", host: "mx." + hops[i], port: 25}}, false)
		if h != nil {
			b.Fatal(h)
		}
		p.leave(finding{health: well})
	}
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		if !ready(e, hops[i%len(hops)]) {
			b.Fatal("not ready")
		}
	}
}

// BenchmarkAdmission is an attempt's way in and out, without the attempt.
func BenchmarkAdmission(b *testing.B) {
	e := New(Options{Destination: gentle(policy.Destination{Name: "big", Connections: 20, Rate: 1_000_000_000, RatePer: time.Second})})
	defer e.Close()
	r := Route{Name: "mx", MX: "big.test"}
	hosts := []host{{network: "tcp", host: "mx1.big.test", port: 25}, {network: "tcp", host: "mx2.big.test", port: 25}}
	for b.Loop() {
		p, h := e.sites.enter(r, hosts, false)
		if h != nil {
			b.Fatal(h)
		}
		if _, h := p.pay(time.Second); h != nil {
			b.Fatal(h)
		}
		p.leave(finding{health: well})
	}
}
