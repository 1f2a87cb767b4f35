package interop_test

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/daemon"
	"github.com/mailweir/weir/gateway/internal/daemon/daemontest"
	"github.com/mailweir/weir/gateway/internal/sink"
)

// clock is a gateway's time, which the test moves.
type clock struct {
	mu      sync.Mutex
	now     time.Time
	sleeper []sleeper
}

type sleeper struct {
	at time.Time
	ch chan time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch := make(chan time.Time, 1)
	if d <= 0 {
		ch <- c.now
		return ch
	}
	c.sleeper = append(c.sleeper, sleeper{c.now.Add(d), ch})
	return ch
}

// set moves the time and wakes who waited for it.
func (c *clock) set(to time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if to.After(c.now) {
		c.now = to
	}
	var still []sleeper
	for _, s := range c.sleeper {
		if s.at.After(c.now) {
			still = append(still, s)
			continue
		}
		s.ch <- c.now
	}
	c.sleeper = still
}

const schedulePolicy = `
gateway {
  hostname = "mx.weir.test"
  data_dir = %q
}
listener "submission" {
  address   = "127.0.0.1:0"
  direction = "outbound"
  allow     = ["127.0.0.0/8"]
}
route "far" {
  hosts = [%q]
  tls   = "none"
}
via "far" {
  recipient = ["*@far.test"]
  route     = route.far
}
destination "far" {
  domains       = ["far.test"]
  suspend_after = 0
}
tenant "acme" {
  domains = ["acme.test"]
  route {
    hosts = [%q]
    tls   = "none"
  }
  recipients {
    verify = "local"
    local  = ["*@acme.test"]
  }
}
`

// scheduled is when the attempts of B74 to B77 are, in hours since the first
// failure; those that follow are 6 hours apart, and the last is at 96.
var scheduled = []float64{0, .25, .5, .75, 1, 1.25, 1.5, 1.75, 2, 2.25, 2.625, 3.188, 4.031, 5.297, 7.195, 10.043, 14.314, 20.722}

// One message goes through the whole schedule, in the gateway's own time: 31
// attempts at a destination that puts it off, one notice of the delay, which
// is delivered, and at the end the bounce, which is not and freezes.
func TestB74toB80_B104_B105_whole_schedule(t *testing.T) {
	t.Parallel()
	far, farDir := startDestination(t)
	near, nearDir := startDestination(t)
	setMode(t, farDir, sink.Defer)
	start := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	clk := &clock{now: start}
	dir := daemontest.Folder(t)
	g := startGatewayWith(t, dir, fmt.Sprintf(schedulePolicy, filepath.Join(dir, "data"), far, near), daemon.Options{Now: clk.Now, After: clk.After, Jitter: func() float64 { return 0 }})
	began := time.Now()
	s := call(t, g.listener("submission"))
	s.must("250", "EHLO client.test")
	s.must("250", "MAIL FROM:<me@acme.test>")
	s.must("250", "RCPT TO:<you@far.test>")
	s.must("354", "DATA")
	answer := s.must("250", "Subject: patience\r\n\r\nhello\r\n.")
	s.must("221", "QUIT")
	id := answer[strings.LastIndexByte(answer, ' ')+1:]
	message := func() *api.Message {
		m, err := g.api.Message(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	// until waits for so many attempts to be on record.
	until := func(attempts int) *api.Message {
		var m *api.Message
		await(t, patience, fmt.Sprintf("attempt %d", attempts), func() bool {
			m = message()
			return m.Recipients[0].Attempts >= attempts
		})
		if n := m.Recipients[0].Attempts; n != attempts {
			t.Fatalf("%d attempts, want %d", n, attempts)
		}
		return m
	}
	const whole = 31
	noticed := 0
	for n := 1; n <= whole; n++ {
		m := until(n)
		want := 96.
		switch {
		case n <= len(scheduled):
			want = scheduled[n-1]
		case n < whole:
			want = scheduled[len(scheduled)-1] + 6*float64(n-len(scheduled))
		}
		if at := clk.Now().Sub(start).Hours(); math.Abs(at-want) > .001 {
			t.Errorf("attempt %d after %.3f h, want %.3f", n, at, want)
		}
		r := m.Recipients[0]
		if n == whole {
			if r.Status != "queue-bounced" {
				t.Fatalf("ended as %s", r.Status)
			}
			break
		}
		if state := "attempt-failed"; r.State != state && r.State != "delay-noticed" || (r.State == "delay-noticed") != (want >= 4) {
			t.Errorf("after %.3f h it is %s (B100, B101)", want, r.State)
		}
		if r.State == "delay-noticed" && noticed == 0 {
			noticed = n
			await(t, patience, "the notice of the delay", func() bool { return len(mailbox(t, nearDir)) == 1 })
		}
		if n == whole-1 {
			setMode(t, nearDir, sink.Defer) // nobody takes the bounce
		}
		clk.set(r.Next)
	}
	if got := mailbox(t, nearDir); len(got) != 1 || !strings.Contains(got[0], "Action: delayed") {
		t.Errorf("%d notices were delivered, want the one of the delay (B104)", len(got))
	}
	var frozen []api.Row
	await(t, patience, "the bounce to freeze", func() bool {
		frozen = g.rows(t, "kind:dsn status:queue-frozen")
		return len(frozen) == 1
	})
	if r := frozen[0]; r.Recipient != "me@acme.test" || r.Sender != "" || !r.Next.IsZero() {
		t.Errorf("frozen: %+v (B79, B80)", r)
	}
	// Frozen is frozen, whatever the time (B80).
	clk.set(clk.Now().Add(24 * time.Hour))
	if again := g.rows(t, "kind:dsn status:queue-frozen"); len(again) != 1 || again[0].Attempts != frozen[0].Attempts {
		t.Errorf("after a day: %+v", again)
	}
	if got := mailbox(t, farDir); len(got) != 0 {
		t.Errorf("the destination took %d messages", len(got))
	}
	t.Logf("%d attempts over 96 hours in %v", whole, time.Since(began).Round(time.Millisecond))
}
