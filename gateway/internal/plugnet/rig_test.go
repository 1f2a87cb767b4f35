package plugnet

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mailweir/weir/gateway/internal/resolver"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(cacheDir())
		os.Exit(code)
	}))
}

// cacheDir keeps the compiled guest for this run of the tests.
var cacheDir = sync.OnceValue(func() string {
	dir, err := os.MkdirTemp("", "weir-cache")
	if err != nil {
		panic(err)
	}
	return dir
})

// zone is a resolver: each look-up of a name takes the next of its answers, the
// last one stays.
type zone struct {
	mu      sync.Mutex
	addrs   map[string][]string
	records map[string]resolver.Records // "name TYPE"
	hang    bool
}

func (z *zone) Addrs(ctx context.Context, host string) ([]netip.Addr, error) {
	if z.hang {
		<-ctx.Done()
		return nil, &resolver.Error{Name: host, Temporary: true, Err: context.Cause(ctx)}
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	l := z.addrs[host]
	if len(l) == 0 {
		return nil, &resolver.Error{Name: host, Type: "A", NotFound: true, NoDomain: true}
	}
	if len(l) > 1 {
		z.addrs[host] = l[1:]
	}
	return []netip.Addr{netip.MustParseAddr(l[0])}, nil
}

func (z *zone) Records(ctx context.Context, name, kind string) (resolver.Records, error) {
	if z.hang {
		<-ctx.Done()
		return resolver.Records{}, &resolver.Error{Name: name, Temporary: true, Err: context.Cause(ctx)}
	}
	r, ok := z.records[name+" "+kind]
	switch {
	case ok && len(r.Values) == 0:
		return r, &resolver.Error{Name: name, Type: kind, NotFound: true}
	case !ok:
		return r, &resolver.Error{Name: name, Type: kind, NotFound: true, NoDomain: true}
	}
	return r, nil
}

func newNet(t testing.TB, o Options) *Net {
	if o.Resolver == nil {
		o.Resolver = &zone{}
	}
	n := New(o)
	t.Cleanup(n.Close)
	return n
}

// soon is a context that ends in a moment; took fails the test when what waited
// for it went on for longer.
func soon(t testing.TB) (ctx context.Context, took func()) {
	begin := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
	t.Cleanup(cancel)
	return ctx, func() {
		t.Helper()
		if d := time.Since(begin); d > 3*time.Second {
			t.Errorf("went on for %v", d)
		}
	}
}

// listen serves connections of a raw server until the test ends.
func listen(t testing.TB, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(10 * time.Second))
				serve(c)
			})
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return l.Addr().String()
}

// untilGone reads until the other side closes.
func untilGone(c net.Conn) {
	b := make([]byte, 4096)
	for {
		if _, err := c.Read(b); err != nil {
			return
		}
	}
}

func isTime(err error) bool { return errors.Is(err, context.DeadlineExceeded) }
