//go:build unix

package smtpc

import (
	"errors"
	"net"
	"syscall"
)

// peek looks at a connection without reading from it or waiting: whether
// something is there to read, and whether it is still open.
func peek(nc net.Conn) (pending, open bool) {
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return false, true
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return false, false
	}
	var n int
	var rerr error
	err = raw.Read(func(fd uintptr) bool {
		var b [1]byte
		n, _, rerr = syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		return true // never wait
	})
	switch {
	case err != nil:
		return false, false
	case errors.Is(rerr, syscall.EAGAIN), errors.Is(rerr, syscall.EINTR):
		return false, true
	case rerr != nil:
		return false, false
	}
	return n > 0, n > 0
}
