package main

import (
	"bytes"
	"flag"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/apitest"
	"github.com/mailweir/weir/gateway/internal/api/client"
	"github.com/mailweir/weir/gateway/internal/terminal"
)

var update = flag.Bool("update", false, "write testdata/golden anew")

// gateway serves a gateway in memory on a unix socket and returns a client.
func serveInMemory(t *testing.T, g *apitest.Gateway) *client.Client {
	t.Helper()
	path := filepath.Join(t.TempDir(), api.SocketName)
	l, err := api.ListenSocket(path)
	if err != nil {
		t.Fatal(err)
	}
	serve(t, l, api.New(g.Services()))
	c := client.New(client.Options{Socket: path})
	t.Cleanup(c.Close)
	return c
}

func serve(t *testing.T, l net.Listener, h http.Handler) {
	srv := api.NewServer(h, nil)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(l) // ends with ErrServerClosed
	}()
	t.Cleanup(func() {
		srv.Close()
		<-done
	})
}

// TestOutputFits80Columns compares what operators see with what is committed,
// and measures every line.
func TestOutputFits80Columns(t *testing.T) {
	c := serveInMemory(t, apitest.Sample())
	v := view{now: apitest.Now, loc: time.UTC}
	rows := func(q string) []api.Row {
		var out []api.Row
		for r, err := range c.All(t.Context(), client.Search{Q: q}, 0) {
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, r)
		}
		return out
	}
	table := func(q string, cols ...column) func(*terminal.Screen) {
		return func(s *terminal.Screen) {
			if err := rowTable(v, rows(q), cols, false).Write(s); err != nil {
				t.Fatal(err)
			}
		}
	}
	explain := func(q string) func(*terminal.Screen) {
		return func(s *terminal.Screen) {
			x, err := c.Explain(t.Context(), rows(q)[0].ID[:26])
			if err != nil {
				t.Fatal(err)
			}
			p := story{s, v}
			p.state(x)
			p.attempts(x.Attempts)
			p.history(x.Events)
		}
	}
	for _, tc := range []struct {
		name string
		draw func(*terminal.Screen)
	}{
		{"queue", table("status:queued,queue-frozen", queueColumns...)},
		{"stalled", table("status:stalled", heldColumns...)},
		{"quarantine", table("status:quarantined", heldColumns...)},
		{"log", table("*", logColumns...)},
		{"explain_queued", explain("status:queued")},
		{"explain_stalled", explain("status:stalled")},
		{"explain_bounce", explain("status:queue-frozen")},
		{"destinations", func(s *terminal.Screen) {
			ds, err := c.Destinations(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := destinationTable(v, ds).Write(s); err != nil {
				t.Fatal(err)
			}
		}},
		{"deliveries", func(s *terminal.Screen) {
			p, err := c.Deliveries(t.Context(), client.Search{})
			if err != nil {
				t.Fatal(err)
			}
			if err := attemptTable(v, attemptsOf(p.Items), false).Write(s); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var b bytes.Buffer
			tc.draw(terminal.NewFixedScreen(&b, 80, false))
			for _, line := range strings.Split(b.String(), "\n") {
				if terminal.Columns(line) > 80 {
					t.Errorf("%d columns: %s", terminal.Columns(line), line)
				}
				for _, r := range line {
					if r < 0x20 || r == 0x7f || r == 0x202e {
						t.Errorf("a control character in %q", line)
					}
				}
			}
			path := filepath.Join("testdata", "golden", tc.name+".txt")
			if *update {
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if b.String() != string(want) {
				t.Errorf("differs from %s (go test ./gateway -update writes it anew):\n%s", path, &b)
			}
		})
	}
}
