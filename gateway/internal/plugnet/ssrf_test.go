package plugnet

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/sdk/abi"
)

func TestSpecial(t *testing.T) {
	for _, s := range []string{
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "100.100.100.200", "127.0.0.1", "127.255.255.254", "168.63.129.16",
		"169.254.169.254", "169.254.1.1", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1",
		"198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.7", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0:127.0.0.1",
		"64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::1", "2002:a00:1::", "2002:a9fe:a9fe::",
		"2001:0:5ef5:79fd::1", "2001:2::1", "2001:10::1", "2001:db8::1", "3fff::1", "100::1", "fc00::1", "fd00::1", "fd00:ec2::254", "fd20:ce::254",
		"fe80::1", "fe80::1%lo", "fec0::1", "ff02::1", "5f00::1", "4000::1", "e000::1",
	} {
		if special(netip.MustParseAddr(s)) == "" {
			t.Errorf("%s passes for public", s)
		}
	}
	for _, s := range []string{"1.1.1.1", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1", "126.255.255.255", "128.0.0.1", "172.15.0.1", "172.32.0.1", "192.167.1.1", "192.169.1.1", "198.17.0.1", "198.20.0.1", "223.255.255.255",
		"2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1", "2001:4860::1"} {
		if what := special(netip.MustParseAddr(s)); what != "" {
			t.Errorf("%s passes for %s", s, what)
		}
	}
	if special(netip.Addr{}) == "" {
		t.Error("no address passes for public")
	}
}

func TestRefused(t *testing.T) {
	named := []netip.AddrPort{netip.MustParseAddrPort("10.1.2.3:80"), netip.MustParseAddrPort("169.254.169.254:80")}
	for _, c := range []struct {
		host, addr string
		named      bool
		open       bool
	}{
		{"hooks.example.com", "8.8.8.8", false, true},
		{"hooks.example.com", "10.1.2.3", false, false},
		{"hooks.example.com", "10.1.2.3", true, true},
		{"hooks.example.com", "::ffff:10.1.2.3", true, true},
		{"hooks.example.com", "10.1.2.4", true, false},
		{"hooks.example.com", "127.0.0.1", false, false},
		{"10.1.2.3", "10.1.2.3", true, true},
		{"10.1.2.3", "10.1.2.3", false, false},
		{"fd00::1", "fd00::1", false, false},
		{"localhost", "127.0.0.1", false, true},
		{"a.localhost", "::1", false, true},
		{"rspamd", "172.18.0.2", false, true},
		{"rspamd.internal", "fd12::1", false, true},
		{"nas.home.arpa", "192.168.0.9", false, true},
		{"rspamd.internal", "169.254.169.254", false, false},
		{"metadata.google.internal", "169.254.169.254", false, false},
		{"metadata.google.internal", "169.254.169.254", true, true},
		{"rspamd.internal", "fe80::1", false, false},
		{"rspamd.internal", "0.0.0.0", false, false},
		{"rspamd.internal", "100.100.100.200", false, false},
		{"rspamd.internal.example.com", "10.9.9.9", false, false},
		{"notlocal.example", "10.9.9.9", false, false},
		{"xlocal", "10.9.9.9", false, true},
		{"internal.evil", "10.9.9.9", false, false},
	} {
		l := named
		if !c.named {
			l = nil
		}
		if what := refused(c.host, netip.AddrPortFrom(netip.MustParseAddr(c.addr), 80), l); (what == "") != c.open {
			t.Errorf("%s at %s (named: %v): %q", c.host, c.addr, c.named, what)
		}
	}
	// Whoever runs a granted name's zone does not get at other ports of what else is granted.
	if refused("hooks.example.com", netip.MustParseAddrPort("10.1.2.3:443"), named) == "" {
		t.Error("another port of a named address is open")
	}
}

// TestNames_that_lead_inside: a name of the public DNS never leads to this
// machine or its network, at once or after a first harmless answer.
func TestNames_that_lead_inside(t *testing.T) {
	var asked atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer srv.Close()
	_, port, _ := net.SplitHostPort(srv.Listener.Addr().String())
	z := &zone{addrs: map[string][]string{
		"inside.example.com": {"127.0.0.1"}, "meta.example.com": {"169.254.169.254"}, "mapped.example.com": {"::ffff:127.0.0.1"},
		"six.example.com": {"::1"}, "nat.example.com": {"64:ff9b::7f00:1"}, "any.example.com": {"0.0.0.0"},
		"named.example.com": {"127.0.0.1"}, "box": {"127.0.0.1"},
	}}
	n := newNet(t, Options{Resolver: z})
	get := func(host string, granted ...string) error {
		u := "http://" + host + ":" + port + "/"
		_, err := n.Fetch(t.Context(), &abi.HTTPRequest{URL: u, MaxBody: 100}, nil, 0, append(granted, u))
		return err
	}
	for _, host := range []string{"inside.example.com", "meta.example.com", "mapped.example.com", "six.example.com", "nat.example.com", "any.example.com"} {
		if err := get(host); !errors.Is(err, filter.ErrRefused) || !strings.Contains(err.Error(), "entry of the grant") {
			t.Errorf("%s: %v", host, err)
		}
		address := host + ":" + port
		if c, err := n.Dial(t.Context(), address, []string{address}); !errors.Is(err, filter.ErrRefused) {
			t.Errorf("dial %s: %v", host, err)
			if c != nil {
				c.Close()
			}
		}
	}
	if asked.Load() != 0 {
		t.Fatal("a request went inside")
	}
	if err := get("named.example.com", "http://127.0.0.1:"+port+"/"); err != nil {
		t.Errorf("with its address in the grant: %v", err)
	}
	// What another grant opened is not there for this one, though the connection still is.
	if err := get("named.example.com"); !errors.Is(err, filter.ErrRefused) {
		t.Errorf("over a connection of another grant: %v", err)
	}
	for _, host := range []string{"127.0.0.1", "box"} {
		if err := get(host); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
	if asked.Load() != 3 {
		t.Errorf("%d requests arrived, want 3", asked.Load())
	}
}

// TestRebinding: the address is looked at again where the socket gets it, so
// it does not matter what the resolver said before.
func TestRebinding(t *testing.T) {
	z := &zone{addrs: map[string][]string{"turn.example.com": {"8.8.8.8", "127.0.0.1"}}}
	n := newNet(t, Options{Resolver: z})
	first, err := n.open(t.Context(), "turn.example.com", 80, nil)
	if err != nil || first[0].String() != "8.8.8.8" {
		t.Fatalf("%v, %v", first, err)
	}
	if _, err := n.open(t.Context(), "turn.example.com", 80, nil); !errors.Is(err, filter.ErrRefused) {
		t.Errorf("second answer: %v", err)
	}
	addr := listen(t, func(net.Conn) { t.Error("a connection arrived") })
	if _, err := n.dialAddr(t.Context(), "turn.example.com", netip.MustParseAddrPort(addr), nil, false); !errors.Is(err, filter.ErrRefused) {
		t.Errorf("the socket's hook: %v", err)
	}
}

func TestDial(t *testing.T) {
	n := newNet(t, Options{})
	tcp := listen(t, untilGone)
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, address := range []string{tcp, "unix:" + path} {
		c, err := n.Dial(t.Context(), address, []string{address})
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		c.Close()
	}
	if _, err := n.Dial(t.Context(), "unix:"+path+".none", nil); err == nil || errors.Is(err, filter.ErrRefused) {
		t.Errorf("no such socket: %v", err)
	}
	if _, err := n.Dial(t.Context(), "unix:../x", nil); !errors.Is(err, filter.ErrBadRequest) {
		t.Errorf("no address: %v", err)
	}
	if _, err := n.Dial(t.Context(), "gone.example.com:80", nil); err == nil || !strings.Contains(err.Error(), "gone.example.com") {
		t.Errorf("no such host: %v", err)
	}
	ctx, took := soon(t)
	slow := newNet(t, Options{Resolver: &zone{hang: true}})
	if _, err := slow.Dial(ctx, "slow.example.com:80", nil); !isTime(err) {
		t.Errorf("a resolver that hangs: %v", err)
	}
	took()
}
