package interop_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/peers"
)

// relayPolicy takes mail for dest.test and passes it on to a destination.
// direct is how long a client waits for that.
func relayPolicy(dest, direct, more string) string {
	return fmt.Sprintf(`
gateway {
  hostname       = "mx.weir.test"
  data_dir       = "./data"
  direct_inbound = "%s"
  log_level      = "warn"
  queue {
    workers = 64
    per_hop = 20
  }
}
listener "mx" {
  address   = "127.0.0.1:0"
  direction = "inbound"
  tls { auto = "self-signed" }
  limits {
    per_client = 500
    recipients = 1000
    commands   = 100000
  }
}
tenant "dest" {
  domains = ["dest.test"]
  route {
    hosts       = ["%s"]
    connections = 20
  }
  %s
}
`, direct, dest, more)
}

// takeAll makes every recipient one that may be queued.
const takeAll = `recipients {
    verify = "local"
    local  = ["*@dest.test"]
  }`

// Five thousand messages over fifty sessions of smtp-source, all of which
// arrive at smtp-sink, once each; while the client waits, and by the queue.
func TestEveryMessageOfALoadArrives(t *testing.T) {
	n := 5000
	if raceEnabled || testing.Short() {
		n = 500
	}
	for _, mode := range []struct{ name, direct, says string }{{"direct", "30s", "delivered"}, {"queued", "0s", "queued"}} {
		t.Run(mode.name, func(t *testing.T) {
			sink := startSink(t)
			g := startGateway(t, relayPolicy(sink.addr, mode.direct, takeAll))
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			// -N makes a recipient, and so a message, tell from every other.
			took, err := peers.Source(ctx, g.listener("mx"), "-d", "-N", "-m", strconv.Itoa(n), "-s", "50", "-l", "4096", "-f", "load@client.test", "-t", "box@dest.test")
			absent(t, err)
			begun := time.Now()
			await(t, time.Minute, "everything arrives", func() bool { return sink.count(t) >= n })
			if mode.name == "direct" && time.Since(begun) > 5*time.Second {
				t.Errorf("what was answered 250 took another %s to arrive", time.Since(begun))
			}
			g.idle(t)
			// The mode is what it is called.
			if r := send(t, g.listener("mx"), []string{"mode@dest.test"}, "Subject: mode\r\n\r\n"); !strings.HasPrefix(r, "250 2.0.0 Ok: "+mode.says) {
				t.Errorf("a message was answered %q", r)
			}
			await(t, patience, "the last one arrives", func() bool { return sink.count(t) == n+1 })
			g.idle(t)
			n := n + 1
			to := map[string]int{}
			for _, m := range sink.messages(t) {
				for _, r := range m.to {
					to[r]++
				}
			}
			if len(to) != n {
				t.Errorf("%d recipients, want %d", len(to), n)
			}
			for r, times := range to {
				if times != 1 {
					t.Errorf("%s got it %d times", r, times)
				}
			}
			t.Logf("%d messages in %s: %.0f a second; all arrived %s later", n, took.Round(time.Millisecond), float64(n)/took.Seconds(), time.Since(begun).Round(time.Millisecond))
		})
	}
}

// idle waits until nothing is queued or under way.
func (g *gateway) idle(t *testing.T) {
	t.Helper()
	await(t, 30*time.Second, "the queue is empty", func() bool {
		s, err := g.api.Summary(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for status, n := range s.Counts {
			if n > 0 && mail.Status(status).Due() {
				return false
			}
		}
		return true
	})
}
