package deliver

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/dnstest"
	"github.com/mailweir/weir/gateway/internal/resolver"
)

// TestLookup shows hosts in order with addresses, and why there are none.
func TestLookup(t *testing.T) {
	s := dnstest.Start(t, `
two.test. 60 IN MX 20 b.two.test.
two.test. 60 IN MX 10 a.two.test.
a.two.test. 60 IN A 192.0.2.1
a.two.test. 60 IN AAAA 2001:db8::1
null.test. 60 IN MX 0 .
bare.test. 60 IN A 192.0.2.7
inside.test. 60 IN MX 10 lo.inside.test.
lo.inside.test. 60 IN A 127.0.0.1
`)
	e := engine(t, func(o *Options) {
		o.Resolver = resolver.New(resolver.Options{Servers: []string{s.Addr}, HostsFile: "none"})
	})
	for _, tc := range []struct {
		r    Route
		want string
	}{
		{Route{MX: "two.test"}, "a.two.test:25 [2001:db8::1]:25 192.0.2.1:25; b.two.test:25 451"},
		{Route{MX: "bare.test", Port: 2525}, "bare.test:2525 192.0.2.7:2525"},
		{Route{MX: "null.test"}, "556"},
		{Route{MX: "none.test"}, "550"},
		{Route{MX: "inside.test"}, "lo.inside.test:25 550"},
		{Route{Hosts: []string{"127.0.0.1:26", "unix:/run/lmtp"}}, "127.0.0.1:26 127.0.0.1:26; /run/lmtp:0 /run/lmtp"},
		{Route{}, "451"},
	} {
		hosts, reply := e.Lookup(context.Background(), tc.r)
		var got []string
		for _, h := range hosts {
			line := fmt.Sprintf("%s:%d %s", h.Host, h.Port, strings.Join(h.Addrs, " "))
			if h.Reply != nil {
				line += fmt.Sprint(h.Reply.Code)
			}
			got = append(got, line)
		}
		if reply != nil {
			got = append(got, fmt.Sprint(reply.Code))
		}
		if strings.Join(got, "; ") != tc.want {
			t.Errorf("%+v: %s, want %s", tc.r, strings.Join(got, "; "), tc.want)
		}
	}
}
