package plugnet

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/mailweir/weir/sdk/abi"
)

// full is a listener whose queue is full: whoever connects waits.
func full(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	sa, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(sa.(*syscall.SockaddrInet4).Port)).String()
	for range 10 {
		c, err := net.DialTimeout("tcp", addr, 200*time.Millisecond)
		if err != nil {
			return addr
		}
		t.Cleanup(func() { c.Close() })
	}
	t.Skip("this system's queue of connections has no end")
	return ""
}

func TestConnect_ends_in_time(t *testing.T) {
	addr := full(t)
	n := newNet(t, Options{})
	ctx, took := soon(t)
	if _, err := n.Dial(ctx, addr, []string{addr}); !isTimeout(err) {
		t.Errorf("dial: %v", err)
	}
	took()
	ctx, took = soon(t)
	if _, err := n.Fetch(ctx, &abi.HTTPRequest{URL: "http://" + addr + "/", MaxBody: 10}, nil, 0, []string{"http://" + addr + "/"}); !isTimeout(err) {
		t.Errorf("fetch: %v", err)
	}
	took()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := n.Dial(ctx, addr, []string{addr}); err == nil {
		t.Error("cancelled")
	}
	took()
}

// isTimeout is how package filter reads it.
func isTimeout(err error) bool {
	var ne net.Error
	return isTime(err) || errors.As(err, &ne) && ne.Timeout()
}
