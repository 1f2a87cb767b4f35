package resolver

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// authority is a name server on the loopback, UDP and TCP on one port.
type authority struct {
	addr  string
	mu    sync.Mutex
	zone  map[string][]string // "name TYPE" -> records
	rcode map[string]int
	asked map[string]int
	tc    bool // truncate over UDP
	mute  bool // answer nothing
}

func startAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{zone: map[string][]string{}, rcode: map[string]int{}, asked: map[string]int{}}
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a.addr = pc.LocalAddr().String()
	l, err := net.Listen("tcp", a.addr)
	if err != nil {
		pc.Close()
		t.Skip("the port is taken for TCP: ", err)
	}
	for _, s := range []*dns.Server{{PacketConn: pc, Handler: a}, {Listener: l, Handler: a}} {
		up := make(chan struct{})
		s.NotifyStartedFunc = func() { close(up) }
		done := make(chan struct{})
		go func() { defer close(done); _ = s.ActivateAndServe() }()
		<-up
		t.Cleanup(func() { _ = s.Shutdown(); <-done })
	}
	return a
}

func (a *authority) add(records ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range records {
		rr, err := dns.NewRR(r)
		if err != nil {
			panic(err)
		}
		k := rr.Header().Name + " " + dns.TypeToString[rr.Header().Rrtype]
		a.zone[k] = append(a.zone[k], r)
		if _, ok := a.zone[rr.Header().Name]; !ok {
			a.zone[rr.Header().Name] = nil
		}
	}
}

// set changes how the server behaves.
func (a *authority) set(f func(*authority)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f(a)
}

func (a *authority) count(q string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked[q]
}

func (a *authority) ServeDNS(w dns.ResponseWriter, r *dns.Msg) {
	a.mu.Lock()
	defer a.mu.Unlock()
	q := r.Question[0]
	name := strings.ToLower(q.Name)
	kind := dns.TypeToString[q.Qtype]
	a.asked[name+" "+kind]++
	if a.mute {
		return
	}
	m := new(dns.Msg)
	m.SetReply(r)
	soa, _ := dns.NewRR("test. 60 IN SOA ns.test. root.test. 1 1 1 1 30")
	if code, ok := a.rcode[name]; ok {
		m.Rcode = code
	} else {
		for range 10 {
			for _, s := range a.zone[name+" "+kind] {
				rr, _ := dns.NewRR(s)
				m.Answer = append(m.Answer, rr)
			}
			alias := a.zone[name+" CNAME"]
			if len(alias) == 0 || kind == "CNAME" {
				break
			}
			rr, _ := dns.NewRR(alias[0])
			m.Answer = append(m.Answer, rr)
			name = rr.(*dns.CNAME).Target
		}
		if _, exists := a.zone[name]; !exists {
			m.Rcode = dns.RcodeNameError
		}
		if len(m.Answer) == 0 {
			m.Ns = []dns.RR{soa}
		}
	}
	if _, udp := w.RemoteAddr().(*net.UDPAddr); udp && a.tc {
		m.Answer, m.Truncated = nil, true
	}
	_ = w.WriteMsg(m)
}

func (a *authority) client(o Options) *Client {
	o.Servers = append(o.Servers, a.addr)
	if o.HostsFile == "" {
		o.HostsFile = "none"
	}
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	return New(o)
}

func TestMX(t *testing.T) {
	a := startAuthority(t)
	a.add("two.test. 300 IN MX 20 B.two.test.", "two.test. 300 IN MX 10 a.two.test.",
		"null.test. 300 IN MX 0 .", "mixed.test. 300 IN MX 0 .", "mixed.test. 300 IN MX 5 real.test.",
		"plain.test. 300 IN A 192.0.2.1", "alias.test. 300 IN CNAME two.test.")
	a.set(func(a *authority) { a.rcode["broken.test."] = dns.RcodeServerFailure })
	c := a.client(Options{})
	for _, tc := range []struct {
		domain string
		want   []MX
		err    func(*Error) bool
	}{
		{"two.test", []MX{{"a.two.test", 10}, {"b.two.test", 20}}, nil},
		{"TWO.test", []MX{{"a.two.test", 10}, {"b.two.test", 20}}, nil},
		{"alias.test", []MX{{"a.two.test", 10}, {"b.two.test", 20}}, nil},
		{"null.test", []MX{{"", 0}}, nil},
		{"mixed.test", []MX{{"real.test", 5}}, nil},
		{"plain.test", nil, nil},
		{"none.test", nil, func(e *Error) bool { return e.NoDomain && e.NotFound && !e.Temporary && e.TTL == 30*time.Second }},
		{"broken.test", nil, func(e *Error) bool { return e.Temporary && !e.NotFound }},
		{strings.Repeat("a", 70) + ".test", nil, func(e *Error) bool { return e.NoDomain }},
	} {
		got, err := c.MX(t.Context(), tc.domain)
		var e *Error
		switch {
		case tc.err == nil && err != nil:
			t.Errorf("%s: %v", tc.domain, err)
		case tc.err != nil && (!errors.As(err, &e) || !tc.err(e)):
			t.Errorf("%s: error %#v", tc.domain, err)
		case !slices.Equal(got, tc.want):
			t.Errorf("%s: got %v, want %v", tc.domain, got, tc.want)
		}
	}
}

func TestAddrs(t *testing.T) {
	a := startAuthority(t)
	a.add("both.test. 300 IN A 192.0.2.1", "both.test. 300 IN A 192.0.2.2", "both.test. 300 IN AAAA 2001:db8::1",
		"four.test. 300 IN A 192.0.2.4", "alias.test. 300 IN CNAME four.test.", "empty.test. 300 IN TXT x",
		"loop.test. 300 IN CNAME loop.test.")
	hosts := filepath.Join(t.TempDir(), "hosts")
	if err := os.WriteFile(hosts, []byte("192.0.2.9 Near.test near # comment\nnonsense x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := a.client(Options{HostsFile: hosts})
	for _, tc := range []struct{ host, want string }{
		{"both.test", "2001:db8::1 192.0.2.1 192.0.2.2"},
		{"alias.test", "192.0.2.4"},
		{"near.test", "192.0.2.9"},
		{"near", "192.0.2.9"},
		{"localhost", "127.0.0.1 ::1"},
		{"192.0.2.77", "192.0.2.77"},
	} {
		got, err := c.Addrs(t.Context(), tc.host)
		var s []string
		for _, g := range got {
			s = append(s, g.String())
		}
		if err != nil || strings.Join(s, " ") != tc.want {
			t.Errorf("%s: got %v, %v; want %s", tc.host, s, err, tc.want)
		}
	}
	for _, host := range []string{"empty.test", "loop.test", "gone.test"} {
		var e *Error
		if got, err := c.Addrs(t.Context(), host); !errors.As(err, &e) || !e.NotFound || len(got) > 0 {
			t.Errorf("%s: got %v, %v; want not found", host, got, err)
		}
	}
}

func TestPTR_is_confirmed_forward(t *testing.T) {
	a := startAuthority(t)
	a.add("1.2.0.192.in-addr.arpa. 300 IN PTR liar.test.", "1.2.0.192.in-addr.arpa. 300 IN PTR mx.good.test.",
		"liar.test. 300 IN A 192.0.2.99", "mx.good.test. 300 IN A 192.0.2.1",
		"99.2.0.192.in-addr.arpa. 300 IN PTR mx.good.test.")
	c := a.client(Options{})
	if got, err := c.PTR(t.Context(), netip.MustParseAddr("::ffff:192.0.2.1")); got != "mx.good.test" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	for _, ip := range []string{"192.0.2.99", "192.0.2.50"} {
		var e *Error
		if got, err := c.PTR(t.Context(), netip.MustParseAddr(ip)); got != "" || !errors.As(err, &e) || !e.NotFound {
			t.Errorf("%s: got %q, %v", ip, got, err)
		}
	}
}

func TestCache_holds_for_the_records_time(t *testing.T) {
	a := startAuthority(t)
	a.add("x.test. 120 IN MX 1 y.test.")
	now := time.Unix(1e9, 0)
	c := a.client(Options{Now: func() time.Time { return now }})
	ask := func(name string, times int) {
		t.Helper()
		_, _ = c.MX(t.Context(), name)
		if got := a.count(name + ". MX"); got != times {
			t.Errorf("%s was asked %d times, want %d", name, got, times)
		}
	}
	ask("x.test", 1)
	now = now.Add(119 * time.Second)
	ask("x.test", 1)
	now = now.Add(time.Second)
	ask("x.test", 2)
	ask("none.test", 1) // negative: 30 s by its SOA
	now = now.Add(29 * time.Second)
	ask("none.test", 1)
	now = now.Add(time.Second)
	ask("none.test", 2)
}

func TestCache_is_bounded(t *testing.T) {
	a := startAuthority(t)
	c := a.client(Options{CacheSize: 10})
	for i := range 50 {
		_, _ = c.MX(t.Context(), strings.Repeat("x", i+1)+".test")
	}
	if len(c.cache.m) > 10 {
		t.Errorf("%d entries", len(c.cache.m))
	}
}

func TestTruncated_answer_is_asked_over_TCP(t *testing.T) {
	a := startAuthority(t)
	a.add("x.test. 120 IN MX 1 y.test.")
	a.set(func(a *authority) { a.tc = true })
	if got, err := a.client(Options{}).MX(t.Context(), "x.test"); err != nil || len(got) != 1 {
		t.Errorf("got %v, %v", got, err)
	}
	if got := a.count("x.test. MX"); got != 2 {
		t.Errorf("asked %d times, want UDP and TCP", got)
	}
}

func TestDead_server_is_passed_over_and_remembered(t *testing.T) {
	dead, live := startAuthority(t), startAuthority(t)
	dead.set(func(a *authority) { a.mute = true })
	live.add("x.test. 120 IN MX 1 y.test.", "z.test. 120 IN MX 1 y.test.")
	c := live.client(Options{Servers: []string{dead.addr}, Timeout: 200 * time.Millisecond})
	for _, name := range []string{"x.test", "z.test"} {
		if got, err := c.MX(t.Context(), name); err != nil || len(got) != 1 {
			t.Fatalf("%s: got %v, %v", name, got, err)
		}
	}
	if got := dead.count("z.test. MX"); got != 0 {
		t.Errorf("the dead server was asked %d times again", got)
	}
}

func TestBudget_and_context_end_a_lookup(t *testing.T) {
	a := startAuthority(t)
	a.set(func(a *authority) { a.mute = true })
	c := a.client(Options{Timeout: time.Minute, Budget: 100 * time.Millisecond})
	start := time.Now()
	var e *Error
	if _, err := c.MX(t.Context(), "x.test"); !errors.As(err, &e) || !e.Temporary {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.MX(ctx, "y.test"); !errors.As(err, &e) || !e.Temporary {
		t.Errorf("got %v", err)
	}
	if d := time.Since(start); d > 20*time.Second {
		t.Errorf("took %v", d)
	}
}
