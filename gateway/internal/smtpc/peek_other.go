//go:build !unix

package smtpc

import "net"

// peek cannot look here; a closed connection shows at the next command.
func peek(net.Conn) (pending, open bool) { return false, true }
