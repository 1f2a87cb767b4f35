//go:build unix

package smtpd

import (
	"net"
	"syscall"
)

// pending reports, without waiting, that the kernel holds input
// that has not been read yet.
func pending(c net.Conn) bool {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	var there bool
	_ = raw.Read(func(fd uintptr) bool {
		var b [1]byte
		n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		there = err == nil && n > 0
		return true
	})
	return there
}
