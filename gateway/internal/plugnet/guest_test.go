package plugnet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/gateway/internal/resolver"
	"github.com/mailweir/weir/sdk/abi"
	"github.com/mailweir/weir/sdk/abi/manifest"
)

// The tests of this file go through a real guest and the plugin host, down to
// sockets: filter/testdata/guest does what the sender of the event says.

var module = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "weir-guest")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "guest.wasm")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", out, "../filter/testdata/guest")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=")
	if msg, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the guest: %w\n%s", err, msg)
	}
	code, err := os.ReadFile(out)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile("../filter/testdata/guest/manifest.json")
	if err != nil {
		return nil, err
	}
	m, err := manifest.Parse(text)
	if err != nil {
		return nil, err
	}
	return manifest.Append(code, m)
})

// rig is a plugin host with the guest.
type rig struct {
	*filter.Host
	t    *testing.T
	body []byte
}

func guest(t *testing.T, z *zone, deadline time.Duration, grants map[string][]string) *rig {
	t.Helper()
	mod, err := module()
	if err != nil {
		t.Fatal(err)
	}
	n := newNet(t, Options{Resolver: z})
	h := filter.NewHost(filter.Options{DNS: n, Net: n, CacheDir: cacheDir()})
	t.Cleanup(func() {
		if err := h.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	grants["lists"] = nil
	s := filter.Spec{Name: "guest", Module: mod, Grants: grants, Limits: filter.Limits{Instances: 16, Deadline: map[abi.Stage]time.Duration{0: deadline}}}
	if err := h.Swap(t.Context(), []filter.Spec{s}, nil); err != nil {
		t.Fatal(err)
	}
	return &rig{h, t, bytes.Repeat([]byte("0123456789abcdef"), 64<<10)} // 1 MiB
}

func (h *rig) call(ctx context.Context, what string) (*abi.Verdict, error) {
	return h.Call(ctx, "guest", &abi.Event{Stage: abi.StageMessage, Tenant: "acme", Sender: what, PartCount: 1, Size: 7}, view{h.body})
}

// said runs an order and joins what the guest says.
func (h *rig) said(what string) string {
	h.t.Helper()
	v, err := h.call(h.t.Context(), what)
	if err != nil {
		h.t.Fatalf("%s: %v", what, err)
	}
	return said(v)
}

func said(v *abi.Verdict) string {
	var l []string
	for _, f := range v.Findings {
		l = append(l, f.Explanation)
	}
	return strings.Join(l, "|")
}

// view is a message of one part.
type view struct{ body []byte }

func (view) Headers() []abi.Header { return nil }

func (v view) Parts() abi.PartList {
	return abi.PartList{Parts: []abi.Part{{Type: "text/plain", Size: uint64(len(v.body))}}}
}

func (v view) ReadPart(part int, off int64, p []byte) (int, error) {
	b := v.body
	if part == -1 {
		b = []byte("raw\r\n\r\nx, which is longer than Event.Size says")
	}
	if off >= int64(len(b)) {
		return 0, io.EOF
	}
	return copy(p, b[off:]), nil
}

const patience = 10 * time.Second

func TestGuest_asks_the_DNS(t *testing.T) {
	z := &zone{records: map[string]resolver.Records{
		"a.zen.example A":             {Values: []string{"127.0.0.2"}, TTL: time.Minute, Secure: true},
		"4.3.2.1.in-addr.arpa PTR":    {Values: []string{"host.example"}},
		"outside.example A":           {Values: []string{"192.0.2.1"}},
		"zen.example TXT":             {},
		"1.2.0.192.in-addr.arpa PTR":  {Values: []string{"secret.example"}},
		"a.zen.example.evil.test TXT": {Values: []string{"x"}},
	}}
	h := guest(t, z, patience, map[string][]string{"dns": {".zen.example", "4.3.2.1.in-addr.arpa"}})
	for what, want := range map[string]string{
		"dns a.zen.example a zen.example TXT no.zen.example MX 1.2.3.4 PTR": "ok 127.0.0.2 60 true|no_data  0 false|not_found  0 false|ok host.example 0 false",
		"dns a.zen.example A outside.example A":                             `err=denied: not granted|the grant dns does not name "outside.example"`,
		"dns a.zen.example.evil.test TXT":                                   `err=denied: not granted|the grant dns does not name "a.zen.example.evil.test"`,
		"dns 192.0.2.1 PTR":                                                 `err=denied: not granted|the grant dns does not name "1.2.0.192.in-addr.arpa"`,
		"dns a.zen.example AXFR":                                            "err=bad argument|question 0: types are A AAAA MX TXT PTR TLSA SRV CNAME NS",
		"dns 1.2.3.4 A":                                                     "err=bad argument|question 0 is not for a name",
		"dns" + strings.Repeat(" a.zen.example A", 33):                      "err=too large|at most 32 questions at once",
	} {
		if got := h.said(what); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", what, got, want)
		}
	}
}

func TestGuest_fetches(t *testing.T) {
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	mux := http.NewServeMux()
	mux.HandleFunc("/api/move", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) })
	mux.HandleFunc("/api/long", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 5<<20)) })
	mux.HandleFunc("/api/take", func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprintf(w, "%s took %d of %d", r.Method, n, r.ContentLength)
	})
	mux.HandleFunc("/api/hang", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/", func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) })
	srv := httptest.NewServer(mux)
	defer srv.Close()
	_, port, _ := net.SplitHostPort(srv.Listener.Addr().String())
	z := &zone{addrs: map[string][]string{"turn.example.com": {"127.0.0.1"}, "meta.example.com": {"169.254.169.254"}}}
	h := guest(t, z, patience, map[string][]string{"http": {srv.URL + "/api", "http://turn.example.com:" + port + "/", "http://meta.example.com/"}})
	api := "fetch " + srv.URL + "/api"
	for what, want := range map[string]string{
		api + "/move":                   "302 ",
		api + "/long":                   "200 65536 true|",
		api + "/long max=4194304":       "200 4194304 true|",
		api + "/long max=4194305":       "err=too large|at most 4 MiB",
		api + "/take part=0":            "200 28 false|POST took 1048576 of 1048576",
		api + "/take part=-1":           "200 18 false|POST took 46 of -1",
		api + "/take part=7":            "err=bad argument|no such part",
		api + "/take part=-2":           "200 ",
		api + "/take part=-3":           "err=bad argument|no such part",
		api + "/hang timeout=100":       "err=timeout|",
		api + "/take header=Host":       "err=bad argument|",
		"fetch " + srv.URL + "/apis":    "err=denied: not granted|the grant http has no beginning of " + srv.URL + "/apis",
		"fetch " + srv.URL + "/":        "err=denied: not granted|",
		"fetch " + other.URL:            "err=denied: not granted|",
		api + "/../x":                   "err=bad argument|url: a dot segment",
		api + "/%2e%2e/x":               "err=bad argument|url: a dot segment",
		"fetch http://x@127.0.0.1/":     "err=bad argument|url: a user name",
		"fetch http://meta.example.com": "err=denied: not granted|GET meta.example.com:80: refused: the address of meta.example.com, 169.254.169.254 is a link-local or metadata address; the operator opens it",
		"fetch http://turn.example.com:" + port + "/api/take": "200 ",
	} {
		if strings.Contains(what, "turn.") { // its address stands in the grant, and so is open
			want = "200 "
		}
		if got := h.said(what); !strings.HasPrefix(got, want) {
			t.Errorf("%s\ngot  %s\nwant %s...", what, got, want)
		}
	}
	if elsewhere.Load() != 0 {
		t.Error("a request arrived where none may go")
	}
}

// peer is a server that counts its open connections.
type peer struct {
	addr         string
	open, served atomic.Int32
}

// allClosed waits for the server to see the end of every connection.
func (p *peer) allClosed(t *testing.T, served int32) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); p.open.Load() > 0 || p.served.Load() < served; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d connections are open, %d came, want %d", p.open.Load(), p.served.Load(), served)
		}
	}
	if n := p.served.Load(); n != served {
		t.Fatalf("%d connections came, want %d", n, served)
	}
}

func newPeer(t *testing.T, network string, serve func(c net.Conn)) *peer {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(t.TempDir(), "s")
	}
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{addr: l.Addr().String()}
	if network == "unix" {
		p.addr = "unix:" + p.addr
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.open.Add(1)
			p.served.Add(1)
			wg.Go(func() {
				defer p.open.Add(-1)
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(20 * time.Second))
				serve(c)
			})
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return p
}

func TestGuest_talks(t *testing.T) {
	answer := func(c net.Conn) {
		b := make([]byte, 6)
		if _, err := io.ReadFull(c, b); err == nil {
			_, _ = io.WriteString(c, "you said "+string(b))
		}
	}
	tcp, unix := newPeer(t, "tcp", answer), newPeer(t, "unix", answer)
	_, port, _ := net.SplitHostPort(tcp.addr)
	z := &zone{addrs: map[string][]string{"inside.example.com": {"127.0.0.1"}, "box.internal": {"127.0.0.1"}, "alone.example.com": {"127.0.0.1"}}}
	h := guest(t, z, patience, map[string][]string{"dial": {tcp.addr, unix.addr, "box.internal:" + port}})
	for _, addr := range []string{tcp.addr, unix.addr, "box.internal:" + port, "BOX.internal.:" + port} {
		if got := h.said("talk " + addr); got != "you said hello." {
			t.Errorf("%s: %s", addr, got)
		}
	}
	tcp.allClosed(t, 3)
	unix.allClosed(t, 1)
	for addr, want := range map[string]string{
		"127.0.0.1:1":                         `err=denied: not granted|the grant dial does not name "127.0.0.1:1"`,
		"inside.example.com:" + port:          "err=denied: not granted|the grant dial does not name",
		unix.addr + "x":                       "err=denied: not granted|",
		"unix:/tmp/../etc/x":                  "err=bad argument|address: it is not the absolute path",
		"nowhere":                             `err=bad argument|address: it has no port; write "unix:/path`,
		"x" + strings.Repeat("y", 600) + ":1": "err=too large|an address",
	} {
		if got := h.said("talk " + addr); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", addr, got)
		}
	}
	alone := guest(t, z, patience, map[string][]string{"dial": {"alone.example.com:" + port}})
	if got := alone.said("talk alone.example.com:" + port); !strings.HasPrefix(got, "err=denied: not granted|refused: the address of alone.example.com, 127.0.0.1 is a loopback address") {
		t.Error(got)
	}
	tcp.allClosed(t, 3)
}

func TestGuest_sends_a_part(t *testing.T) {
	p := newPeer(t, "tcp", func(c net.Conn) {
		var all []byte
		b := make([]byte, 64<<10)
		for !bytes.HasSuffix(all, []byte("\nend\n")) {
			n, err := c.Read(b)
			if err != nil {
				return
			}
			all = append(all, b[:n]...)
		}
		fmt.Fprintf(c, "%d %q", len(all)-5, all[:min(len(all)-5, 4)])
	})
	h := guest(t, &zone{}, patience, map[string][]string{"dial": {p.addr}})
	for args, want := range map[string]string{
		"0 0 9000000000":          `sent 1048576|1048576 "0123"`,
		"0 1 100000":              `sent 100000|100000 "1234"`,
		"0 1048570 100":           `sent 6|6 "abcd"`,
		"0 2000000 100":           `sent 0|0 ""`,
		"-1 0 3":                  `sent 3|3 "raw"`,
		"0 0 0":                   `sent 0|0 ""`,
		"5 0 1":                   "err=bad argument|no such part",
		"0 -1 1":                  "err=bad argument|no such range",
		"0 1 -1":                  "err=bad argument|no such range",
		"0 5 9223372036854775807": "err=bad argument|no such range",
	} {
		if got := h.said("send " + p.addr + " " + args); got != want {
			t.Errorf("%s: %s, want %s", args, got, want)
		}
	}
	p.allClosed(t, 10)
}

// TestGuest_leaves_nothing_open however a call ends.
func TestGuest_leaves_nothing_open(t *testing.T) {
	p := newPeer(t, "tcp", untilGone)
	h := guest(t, &zone{}, time.Second, map[string][]string{"dial": {p.addr}})
	if got := h.said("open " + p.addr + " 8 well"); got != "" {
		t.Errorf("eight: %s", got)
	}
	p.allClosed(t, 8)
	if got := h.said("open " + p.addr + " 9 well"); got != "err=too large|at most 8 connections are open at a time; close one" {
		t.Errorf("nine: %s", got)
	}
	p.allClosed(t, 16)
	for i, how := range []string{"fail", "panic", "loop"} {
		if _, err := h.call(t.Context(), "open "+p.addr+" 3 "+how); err == nil {
			t.Errorf("%s: no error", how)
		}
		p.allClosed(t, 16+3*int32(i+1))
	}
	served := p.served.Load()
	if got := h.said("dials " + p.addr); got != "err=too large|a call has at most 32 network calls|32" {
		t.Errorf("many: %s", got)
	}
	p.allClosed(t, served+32)
}

// TestGuest_is_told_that_time_is_over, rather than stopped, and the caller who
// gives up does not wait.
func TestGuest_is_told_that_time_is_over(t *testing.T) {
	mute := newPeer(t, "tcp", untilGone)
	full := newPeer(t, "tcp", func(c net.Conn) { time.Sleep(2 * time.Second) }) // reads nothing
	h := guest(t, &zone{hang: true}, time.Second, map[string][]string{
		"dial": {mute.addr, full.addr, "slow.internal:1"}, "http": {"http://" + mute.addr + "/", "http://slow.internal/"}, "dns": nil,
	})
	h.body = make([]byte, 32<<20)
	var wg sync.WaitGroup
	for what, want := range map[string]string{
		"talk " + mute.addr:                      "err=timeout|",
		"talk slow.internal:1":                   "err=timeout|",
		"send " + full.addr + " 0 0 99999999":    "err=timeout|",
		"fetch http://" + mute.addr + "/":        "err=timeout|",
		"fetch http://" + mute.addr + "/ part=0": "err=timeout|",
		"fetch http://slow.internal/":            "err=timeout|",
		"dns a.test A":                           "failed  0 false",
	} {
		wg.Go(func() {
			v, err := h.call(t.Context(), what)
			if err != nil || len(v.Findings) == 0 || !strings.HasPrefix(said(v), want) {
				t.Errorf("%s: %v, %v", what, v, err)
			}
		})
		wg.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(100*time.Millisecond, cancel)
			_, err := h.call(ctx, what)
			var f *filter.Failure
			if !errors.As(err, &f) || f.Kind != filter.KindDeadline || !errors.Is(err, context.Canceled) {
				t.Errorf("%s, given up: %v", what, err)
			}
		})
	}
	wg.Wait()
	mute.allClosed(t, mute.served.Load())
	full.allClosed(t, full.served.Load())
}
