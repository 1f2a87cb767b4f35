//go:build !unix

package smtpd

import "net"

// pending cannot be told on this system without waiting; GreetDelay and the
// read buffer still catch most of what it would.
func pending(net.Conn) bool { return false }
