package plugnet

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"time"

	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/sdk/abi/grant"
)

const (
	maxAddrs = 4               // addresses tried of one host
	oneDial  = 5 * time.Second // for one of several
)

// Dial implements filter.Net. TCP connections have TCP_NODELAY, as all of Go's.
func (n *Net) Dial(ctx context.Context, address string, granted []string) (net.Conn, error) {
	a, err := grant.ParseAddress(address)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", filter.ErrBadRequest, err)
	}
	if a.Path != "" {
		return new(net.Dialer).DialContext(ctx, "unix", a.Path)
	}
	return n.dial(ctx, a.Host, a.Port, grant.Literals("dial", granted))
}

// dial connects to a host by name or address, over those of its addresses that
// may be reached.
func (n *Net) dial(ctx context.Context, host string, port uint16, named []netip.AddrPort) (net.Conn, error) {
	addrs, err := n.open(ctx, host, port, named)
	if err != nil {
		return nil, err
	}
	for i, a := range addrs {
		var c net.Conn
		if c, err = n.dialAddr(ctx, host, netip.AddrPortFrom(a, port), named, len(addrs)-i > 1); err == nil {
			return c, nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, fmt.Errorf("connecting to %s: %w", host, err)
}

// open resolves a host and leaves out what may not be reached.
func (n *Net) open(ctx context.Context, host string, port uint16, named []netip.AddrPort) ([]netip.Addr, error) {
	addrs, err := n.o.Resolver.Addrs(ctx, host)
	if cause := context.Cause(ctx); cause != nil {
		return nil, fmt.Errorf("resolving %s: %w", host, cause)
	}
	if err != nil {
		return nil, fmt.Errorf("resolving %s: %w", host, err)
	}
	var out []netip.Addr
	what := ""
	for _, a := range addrs {
		if w := n.refused(host, netip.AddrPortFrom(a, port), named); w != "" {
			what = fmt.Sprintf("%s is %s", a, w)
		} else if len(out) < maxAddrs {
			out = append(out, a)
		}
	}
	if len(out) == 0 {
		return nil, refusal(host, what)
	}
	return out, nil
}

// refused is the rule of ssrf.go, as the options have it.
func (n *Net) refused(host string, to netip.AddrPort, named []netip.AddrPort) string {
	if n.o.Strict {
		host = "." // in no local zone
	}
	return refused(host, to, named)
}

func refusal(host, what string) error {
	return fmt.Errorf("%w: the address of %s, %s; the operator opens it by an entry of the grant that is written with this address and port", filter.ErrRefused, host, what)
}

// dialAddr connects to one address. The hook looks at what the socket is really
// given, whatever came before.
func (n *Net) dialAddr(ctx context.Context, host string, to netip.AddrPort, named []netip.AddrPort, more bool) (net.Conn, error) {
	d := net.Dialer{Control: func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("%w: %s", filter.ErrRefused, address)
		}
		if what := n.refused(host, at, named); what != "" {
			return refusal(host, at.Addr().String()+" is "+what)
		}
		return nil
	}}
	if more {
		d.Timeout = oneDial
		if end, ok := ctx.Deadline(); ok {
			d.Timeout = min(oneDial, time.Until(end)/2)
		}
	}
	return d.DialContext(ctx, "tcp", net.JoinHostPort(to.Addr().String(), strconv.Itoa(int(to.Port()))))
}
