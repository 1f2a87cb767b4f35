package interop_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/client"
	"github.com/mailweir/weir/gateway/internal/daemon"
	"github.com/mailweir/weir/gateway/internal/daemon/daemontest"
	"github.com/mailweir/weir/gateway/internal/peers"
)

// absent skips a test whose peers are not there, and fails it where they must be.
func absent(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, peers.ErrMissing) && !peers.Required() {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// gateway is a whole one, in this process.
type gateway struct {
	log  *daemontest.Log
	at   daemon.Addresses
	path string // the policy
	api  *client.Client
}

// startGateway runs a gateway under a policy to the end of the test. Its
// data_dir is "./data".
func startGateway(t testing.TB, policy string) *gateway {
	t.Helper()
	return startGatewayIn(t, nil, policy)
}

// startGatewayIn is startGateway in a network of the test.
func startGatewayIn(t testing.TB, lab *daemon.Lab, policy string) *gateway {
	t.Helper()
	return startGatewayWith(t, daemontest.Folder(t), policy, daemon.Options{Lab: lab})
}

// startGatewayWith is startGateway in a folder, with more that is the test's.
func startGatewayWith(t testing.TB, dir, policy string, o daemon.Options) *gateway {
	t.Helper()
	o.Version = api.VersionInfo{Version: "interop"}
	d := daemontest.Start(t, dir, map[string]string{"config.hcl": policy}, o)
	return &gateway{log: d.Log, at: d.At, path: d.Config, api: client.New(client.Options{Socket: d.At.Socket})}
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

// listener is the address of one of the gateway's listeners.
func (g *gateway) listener(name string) string { return g.at.Listeners[name] }

// drop is a folder that smtp-sink writes messages to.
type drop struct {
	dir  string
	addr string
}

// arrival is one message as smtp-sink wrote it. It writes lines without CR.
type arrival struct {
	from string
	to   []string
	text string // header and body, without what smtp-sink put in front
}

// startSink runs smtp-sink to the end of the test.
func startSink(t testing.TB, args ...string) *drop {
	t.Helper()
	dir, err := os.MkdirTemp("", "weir-drop-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil { // smtp-sink gives up root
		t.Fatal(err)
	}
	p, err := peers.Sink(context.Background(), dir, append([]string{"-d", "m."}, args...)...)
	absent(t, err)
	t.Cleanup(p.Stop)
	return &drop{dir, p.Addr}
}

func (d *drop) count(t testing.TB) int {
	t.Helper()
	f, err := os.Open(d.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// messages reads all that arrived. Call it when nothing is on its way.
func (d *drop) messages(t testing.TB) []arrival {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(d.dir, "m.*"))
	if err != nil {
		t.Fatal(err)
	}
	var all []arrival
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, parseArrival(t, string(b)))
	}
	return all
}

func parseArrival(t testing.TB, s string) (a arrival) {
	t.Helper()
	for {
		line, rest, ok := strings.Cut(s, "\n")
		key, value, _ := strings.Cut(line, ": ")
		switch {
		case !ok:
			t.Fatalf("smtp-sink wrote %q", line)
		case key == "X-Mail-Args":
			a.from = value
		case key == "X-Rcpt-Args":
			a.to = append(a.to, value)
		case key == "Received": // smtp-sink's own, of three lines
			parts := strings.SplitN(s, "\n", 4)
			if len(parts) < 4 {
				t.Fatalf("smtp-sink wrote %q", s)
			}
			a.text = strings.TrimSuffix(parts[3], "\n") // it ends a message as a mailbox file does
			return a
		}
		s = rest
	}
}

// await polls until ok, and fails the test after a time.
func await(t testing.TB, wait time.Duration, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(wait); !ok(); time.Sleep(25 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", wait, what)
		}
	}
}

// peer is a mail server of somebody else's that passes mail on to a sink.
type peer struct {
	name string
	*peers.Process
	waiting func() int // messages in its queue
}

// startPeers runs Postfix and Exim, in this order, each for one domain.
func startPeers(t testing.TB, nextHop string, domain func(peer string) string) []*peer {
	t.Helper()
	var all []*peer
	for _, p := range []struct {
		name  string
		start func(ctx context.Context, dir, nextHop string, domains []string, extra ...string) (*peers.Process, error)
		queue []string
		file  func(name string) bool
		more  []string // for its configuration
	}{
		{"postfix", peers.Postfix, []string{"queue/incoming", "queue/active", "queue/deferred", "queue/maildrop"}, func(string) bool { return true }, []string{"smtpd_relay_restrictions = reject_unauth_destination"}},
		{"exim", peers.Exim, []string{"spool/input"}, func(n string) bool { return strings.HasSuffix(n, "-H") }, nil},
	} {
		dir, err := os.MkdirTemp("", "weir-"+p.name+"-")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		proc, err := p.start(context.Background(), dir, nextHop, []string{domain(p.name)}, p.more...)
		absent(t, err)
		t.Cleanup(proc.Stop)
		all = append(all, &peer{p.name, proc, func() int {
			n := 0
			for _, q := range p.queue {
				// A file that goes away meanwhile is one message less.
				_ = filepath.WalkDir(filepath.Join(dir, q), func(_ string, e os.DirEntry, err error) error {
					if err == nil && e.Type().IsRegular() && p.file(e.Name()) {
						n++
					}
					return nil
				})
			}
			return n
		}})
	}
	return all
}
