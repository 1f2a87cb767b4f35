package mtasts_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mailweir/weir/gateway/internal/dnstest"
	"github.com/mailweir/weir/gateway/internal/mtasts"
	"github.com/mailweir/weir/gateway/internal/resolver"
	"github.com/mailweir/weir/gateway/internal/smtpc/smtptest"
	"github.com/mailweir/weir/gateway/internal/store/softkv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const enforce = "version: STSv1\r\nmode: enforce\r\nmx: mx.dest.test\r\nmx: *.pool.test\r\nmax_age: 86400\r\n"

// world is a domain dest.test with its policy host, a name server and a clock.
type world struct {
	dns  *dnstest.Server
	ca   *smtptest.CA
	port int

	mu      sync.Mutex
	answer  http.HandlerFunc
	now     time.Time
	fetched atomic.Int32
}

func newWorld(t *testing.T, leaf smtptest.Leaf) *world {
	t.Helper()
	w := &world{ca: smtptest.NewCA(t, "web"), now: time.Now()}
	w.text(enforce)
	conf, _ := w.ca.Issue(t, leaf)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.fetched.Add(1)
		w.mu.Lock()
		f := w.answer
		w.mu.Unlock()
		f(rw, r)
	}))
	srv.TLS = conf
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	_, port, _ := net.SplitHostPort(srv.Listener.Addr().String())
	_, _ = fmt.Sscan(port, &w.port)
	w.dns = dnstest.Start(t, `
		_mta-sts.dest.test. 1 TXT "v=STSv1; id=20260101;"
		mta-sts.dest.test. A 127.0.0.1`)
	return w
}

func good() smtptest.Leaf { return smtptest.Leaf{Names: []string{"mta-sts.dest.test"}} }

func (w *world) set(f http.HandlerFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = f
}

// text makes the policy host answer with a policy.
func (w *world) text(policy string) {
	w.set(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/.well-known/mta-sts.txt" || r.Host != "mta-sts.dest.test" {
			http.NotFound(rw, r)
			return
		}
		rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(rw, policy)
	})
}

// id announces another policy.
func (w *world) id(t *testing.T, record string) {
	w.dns.Remove("_mta-sts.dest.test")
	if record != "" {
		w.dns.Add(t, `_mta-sts.dest.test. 1 TXT "`+record+`"`)
	}
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) checker(t *testing.T, o mtasts.Options) *mtasts.Checker {
	t.Helper()
	o.Resolver = resolver.New(resolver.Options{Servers: []string{w.dns.Addr}, HostsFile: "none", Now: w.clock})
	o.Roots, o.Now = w.ca.Pool(), w.clock
	if o.Port == 0 {
		o.Port = w.port
	}
	if o.Refuse == nil {
		o.Refuse = func(netip.Addr) string { return "" }
	}
	c := mtasts.New(o)
	t.Cleanup(c.Close)
	return c
}

func TestPolicy_is_fetched_once_and_kept(t *testing.T) {
	w := newWorld(t, good())
	c := w.checker(t, mtasts.Options{})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			p, err := c.Policy(t.Context(), "DEST.test")
			if err != nil || p == nil || p.Mode != mtasts.Enforce || p.ID != "20260101" || p.MaxAge != 24*time.Hour {
				t.Errorf("%+v, %v", p, err)
			}
		})
	}
	wg.Wait()
	if n := w.fetched.Load(); n != 1 {
		t.Errorf("fetched %d times", n)
	}
	for _, none := range []string{"other.test", "[192.0.2.1]", "localhost", ""} {
		if p, err := c.Policy(t.Context(), none); p != nil || err != nil {
			t.Errorf("%q: %+v, %v", none, p, err)
		}
	}
}

func TestMatches(t *testing.T) {
	p := &mtasts.Policy{MX: []string{"mx.dest.test", "*.pool.test", "xn--bcher-kva.test"}}
	for mx, want := range map[string]bool{
		"mx.dest.test": true, "MX.dest.test.": true, "a.pool.test": true, "bücher.test": true,
		"dest.test": false, "pool.test": false, "a.b.pool.test": false, "evil.mx.dest.test": false, "": false, "apool.test": false,
	} {
		if p.Matches(mx) != want {
			t.Errorf("%q: %v", mx, !want)
		}
	}
}

func TestParse(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{enforce, "[version: STSv1 mode: enforce mx: mx.dest.test mx: *.pool.test max_age: 86400]"},
		{"version:STSv1\nmode:testing\nmx:a.test\nmax_age:1", "[version: STSv1 mode: testing mx: a.test max_age: 1]"},
		{"version: STSv1\nmode: none\nmax_age: 99999999\n", "[version: STSv1 mode: none max_age: 31557600]"},
		{"version: STSv1\nmode: none\nmax_age: 9999999999\n", "[version: STSv1 mode: none max_age: 31557600]"},
		{"version: STSv1\nmode: enforce\nmode: none\nnew_thing: 1\nmx: A.test\nmax_age: 5\n\n", "[version: STSv1 mode: enforce mx: a.test max_age: 5]"},
		{"version: STSv2\nmode: enforce\nmx: a.test\nmax_age: 5\n", "version"},
		{"mode: enforce\nmx: a.test\nmax_age: 5\n", "version"},
		{"version: STSv1\nmode: Enforce\nmx: a.test\nmax_age: 5\n", "mode"},
		{"version: STSv1\nmode: enforce\nmax_age: 5\n", "names no mail server"},
		{"version: STSv1\nmode: enforce\nmx: a.*.test\nmax_age: 5\n", "no mail server"},
		{"version: STSv1\nmode: enforce\nmx: *.\nmax_age: 5\n", "no mail server"},
		{"version: STSv1\nmode: enforce\nmx: a.test\n", "max_age"},
		{"version: STSv1\nmode: enforce\nmx: a.test\nmax_age: -5\n", "max_age"},
		{"version: STSv1\nmode: enforce\nmx: a.test\nmax_age: 99999999999999999999\n", "max_age"},
		{"<html>", "colon"},
		{"", "version"},
	} {
		p, err := mtasts.Parse([]byte(tc.text))
		got := fmt.Sprint(err)
		if err == nil {
			got = fmt.Sprint(p.Lines())
		}
		if err == nil && got != tc.want || err != nil && !strings.Contains(got, tc.want) {
			t.Errorf("%q: %s, want %s", tc.text, got, tc.want)
		}
	}
}

func TestRecord_must_be_one_and_whole(t *testing.T) {
	w := newWorld(t, good())
	for record, want := range map[string]bool{
		"v=STSv1; id=1": true, "v=STSv1;id=a1;ext=x;": true, "v=STSv1 ; x=y; id = b2": true,
		"v=STSv2; id=1": false, "v=STSv1; id=": false, "v=STSv1": false, "v=STSv1; id=a-b": false, "v=STSv1; id=" + strings.Repeat("x", 33): false, "spf": false,
	} {
		w.id(t, record)
		w.pass(time.Hour) // past what the resolver keeps
		p, err := w.checker(t, mtasts.Options{}).Policy(t.Context(), "dest.test")
		if err != nil || (p != nil) != want {
			t.Errorf("%q: %+v, %v", record, p, err)
		}
	}
	w.id(t, "v=STSv1; id=1")
	w.dns.Add(t, `_mta-sts.dest.test. 1 TXT "something else"`)
	w.pass(time.Hour)
	if p, err := w.checker(t, mtasts.Options{}).Policy(t.Context(), "dest.test"); p == nil || err != nil {
		t.Errorf("beside another: %+v, %v", p, err)
	}
	w.dns.Add(t, `_mta-sts.dest.test. 1 TXT "v=STSv1; id=2"`)
	w.pass(time.Hour)
	if p, err := w.checker(t, mtasts.Options{}).Policy(t.Context(), "dest.test"); p != nil || err != nil {
		t.Errorf("two: %+v, %v", p, err)
	}
}

// hostile are answers of a policy host that must not become a policy, nor cost
// much.
var hostile = []struct {
	name, result string
	answer       http.HandlerFunc
}{
	{"redirect", mtasts.ResultFetch, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		http.Redirect(w, r, "/.well-known/mta-sts.txt?again", http.StatusFound)
	}},
	{"not found", mtasts.ResultFetch, http.NotFound},
	{"not text", mtasts.ResultFetch, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, enforce)
	}},
	{"oversize", mtasts.ResultFetch, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, enforce+strings.Repeat("x: "+strings.Repeat("y", 1000)+"\n", 100))
	}},
	{"endless", mtasts.ResultFetch, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 32<<10)); err != nil {
				return
			}
		}
	}},
	{"slow", mtasts.ResultFetch, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		for i := range enforce {
			_, _ = io.WriteString(w, enforce[i:i+1])
			_ = http.NewResponseController(w).Flush()
			select {
			case <-r.Context().Done():
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	}},
	{"huge header", mtasts.ResultFetch, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("X-Much", strings.Repeat("x", 64<<10))
		_, _ = io.WriteString(w, enforce)
	}},
	{"no policy", mtasts.ResultInvalid, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, "hello\n")
	}},
	{"hangs up", mtasts.ResultFetch, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
}

func TestHostile_answers_are_no_policy(t *testing.T) {
	for _, tc := range hostile {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, good())
			w.set(tc.answer)
			c := w.checker(t, mtasts.Options{Timeout: time.Second})
			start := time.Now()
			p, err := c.Policy(t.Context(), "dest.test")
			var e *mtasts.Error
			if p != nil || !errors.As(err, &e) || e.Result != tc.result {
				t.Fatalf("%+v, %v", p, err)
			}
			if d := time.Since(start); d > 20*time.Second {
				t.Errorf("took %v", d)
			}
			// It is not asked again at once.
			if _, err := c.Policy(t.Context(), "dest.test"); err == nil || w.fetched.Load() != 1 {
				t.Errorf("%v after %d fetches", err, w.fetched.Load())
			}
			w.text(enforce)
			w.pass(6 * time.Minute)
			if p, err := c.Policy(t.Context(), "dest.test"); p == nil || err != nil {
				t.Errorf("later: %+v, %v", p, err)
			}
		})
	}
}

// A policy host that takes connections and says nothing costs no connection
// beyond the time of the fetch.
func TestSilent_policy_host_keeps_no_connection(t *testing.T) {
	w := newWorld(t, good())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	gone := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err == nil {
			defer conn.Close()
			_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
			_, err = io.Copy(io.Discard, conn) // nil: the other side closed
		}
		gone <- err
	}()
	c := w.checker(t, mtasts.Options{Port: l.Addr().(*net.TCPAddr).Port, Timeout: 300 * time.Millisecond})
	if p, err := c.Policy(t.Context(), "dest.test"); p != nil || err == nil {
		t.Errorf("%+v, %v", p, err)
	}
	if err := <-gone; err != nil {
		t.Errorf("the connection stays: %v", err)
	}
}

func TestCertificate_of_the_policy_host_must_be_good(t *testing.T) {
	for name, leaf := range map[string]smtptest.Leaf{
		"wrong name":  {Names: []string{"dest.test", "www.dest.test"}},
		"expired":     {Names: []string{"mta-sts.dest.test"}, Expired: true},
		"self-signed": {Names: []string{"mta-sts.dest.test"}, SelfSigned: true},
	} {
		w := newWorld(t, leaf)
		p, err := w.checker(t, mtasts.Options{}).Policy(t.Context(), "dest.test")
		var e *mtasts.Error
		if p != nil || !errors.As(err, &e) || e.Result != mtasts.ResultWebPKI {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}

func TestPrivate_addresses_are_not_asked(t *testing.T) {
	w := newWorld(t, good())
	c := mtasts.New(mtasts.Options{Resolver: resolver.New(resolver.Options{Servers: []string{w.dns.Addr}, HostsFile: "none"}), Roots: w.ca.Pool(), Port: w.port})
	defer c.Close()
	for _, addr := range []string{"A 127.0.0.1", "A 10.0.0.1", "A 169.254.169.254", "AAAA ::1", "AAAA fd00::1", "AAAA ::ffff:127.0.0.1"} {
		domain := strings.NewReplacer(" ", "-", ":", "-", ".", "-").Replace(addr) + ".test"
		w.dns.Add(t, `_mta-sts.`+domain+`. TXT "v=STSv1; id=1"
			mta-sts.`+domain+`. `+addr)
		p, err := c.Policy(t.Context(), domain)
		if p != nil || err == nil || !strings.Contains(err.Error(), "not a public address") {
			t.Errorf("%s: %+v, %v", addr, p, err)
		}
	}
	if n := w.fetched.Load(); n != 0 {
		t.Errorf("asked %d times", n)
	}
}

func TestKnown_policy_outlives_every_failure_until_it_expires(t *testing.T) {
	for name, attack := range map[string]func(t *testing.T, w *world){
		"record gone":     func(t *testing.T, w *world) { w.id(t, "") },
		"record nonsense": func(t *testing.T, w *world) { w.id(t, "v=STSv1; id=!") },
		"DNS broken":      func(_ *testing.T, w *world) { w.dns.Set("_mta-sts.dest.test", dnstest.ServFail) },
		"new id, fetch fails": func(t *testing.T, w *world) {
			w.id(t, "v=STSv1; id=2")
			w.set(http.NotFound)
		},
		"new id, redirected": func(t *testing.T, w *world) {
			w.id(t, "v=STSv1; id=2")
			w.set(hostile[0].answer)
		},
		"new id, policy host gone": func(t *testing.T, w *world) {
			w.id(t, "v=STSv1; id=2")
			w.dns.Set("mta-sts.dest.test", dnstest.NXDomain)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, good())
			c := w.checker(t, mtasts.Options{})
			if p, err := c.Policy(t.Context(), "dest.test"); p == nil || err != nil {
				t.Fatal(p, err)
			}
			attack(t, w)
			w.pass(23 * time.Hour)
			p, err := c.Policy(t.Context(), "dest.test")
			if err != nil || p == nil || p.Mode != mtasts.Enforce || p.ID != "20260101" {
				t.Errorf("with a known policy: %+v, %v", p, err)
			}
			w.pass(2 * time.Hour)
			if p, _ := c.Policy(t.Context(), "dest.test"); p != nil {
				t.Errorf("an expired policy was used: %+v", p)
			}
		})
	}
}

func TestNewer_policy_takes_the_place(t *testing.T) {
	w := newWorld(t, good())
	c := w.checker(t, mtasts.Options{})
	if p, _ := c.Policy(t.Context(), "dest.test"); p == nil || p.Mode != mtasts.Enforce {
		t.Fatal(p)
	}
	w.text("version: STSv1\nmode: none\nmax_age: 60\n")
	w.id(t, "v=STSv1; id=2")
	w.pass(time.Minute)
	if p, err := c.Policy(t.Context(), "dest.test"); err != nil || p == nil || p.Mode != mtasts.None || p.ID != "2" {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestPolicy_survives_a_restart(t *testing.T) {
	w := newWorld(t, good())
	dir := filepath.Join(t.TempDir(), "soft")
	for run := range 2 {
		kv, err := softkv.Open(dir, softkv.Options{Clock: w.clock})
		if err != nil {
			t.Fatal(err)
		}
		c := w.checker(t, mtasts.Options{Cache: mtasts.Soft{KV: kv}})
		p, err := c.Policy(t.Context(), "dest.test")
		if err != nil || p == nil || p.Mode != mtasts.Enforce {
			t.Errorf("run %d: %+v, %v", run, p, err)
		}
		c.Close()
		if err := kv.Close(); err != nil {
			t.Fatal(err)
		}
		w.id(t, "") // whoever owns the DNS now cannot take the policy away
		w.pass(time.Hour)
	}
	if n := w.fetched.Load(); n != 1 {
		t.Errorf("fetched %d times", n)
	}
}

func TestPolicy_is_refreshed_before_it_expires(t *testing.T) {
	w := newWorld(t, good())
	c := w.checker(t, mtasts.Options{})
	if p, err := c.Policy(t.Context(), "dest.test"); p == nil || err != nil {
		t.Fatal(p, err)
	}
	if n := c.Sweep(t.Context()); n != 0 {
		t.Errorf("a fresh policy was fetched again")
	}
	for range 10 { // ten days of a policy that lives one, with nobody using it
		w.pass(20 * time.Hour)
		if n := c.Sweep(t.Context()); n != 1 {
			t.Fatalf("%d were fetched", n)
		}
	}
	w.set(http.NotFound)
	if p, err := c.Policy(t.Context(), "dest.test"); p == nil || err != nil {
		t.Errorf("%+v, %v", p, err)
	}
	// Use refreshes too, without waiting.
	w.text(enforce)
	before := w.fetched.Load()
	w.pass(13 * time.Hour)
	if p, err := c.Policy(t.Context(), "dest.test"); p == nil || err != nil {
		t.Errorf("%+v, %v", p, err)
	}
	for end := time.Now().Add(20 * time.Second); w.fetched.Load() == before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("a policy in use is not fetched again")
		}
	}
}

func TestWaiting_ends_with_the_caller_and_with_Close(t *testing.T) {
	w := newWorld(t, good())
	asked := make(chan struct{}, 10)
	w.set(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	})
	c := w.checker(t, mtasts.Options{Timeout: time.Minute})
	ctx, cancel := context.WithCancelCause(t.Context())
	mine := errors.New("enough")
	go func() { <-asked; cancel(mine) }()
	if p, err := c.Policy(ctx, "dest.test"); p != nil || !errors.Is(err, mine) {
		t.Errorf("%+v, %v", p, err)
	}
	start := time.Now()
	c.Close()
	if d := time.Since(start); d > 20*time.Second {
		t.Errorf("Close took %v", d)
	}
	if p, err := c.Policy(t.Context(), "dest.test"); p != nil || err == nil {
		t.Errorf("after Close: %+v, %v", p, err)
	}
}
