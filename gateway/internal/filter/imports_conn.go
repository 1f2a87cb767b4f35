package filter

import (
	"context"
	"io"
	"net"
	"time"

	"github.com/mailweir/weir/sdk/abi"
	"github.com/mailweir/weir/sdk/abi/grant"
)

const (
	maxConns  = 8        // open connections of one call
	sendChunk = 64 << 10 // octets of a part that are written at once
)

// netState is what one call has of the network.
type netState struct {
	calls int
	last  int32 // number of the connection opened last
	conns map[int32]*conn
	buf   []byte // of conn_send
}

// conn is a connection of one call. Its waits end with the call's deadline, or
// when the caller gives up.
type conn struct {
	net.Conn
	stop func() bool // of what watches the caller
}

var past = time.Unix(1, 0)

func (c *call) adopt(nc net.Conn) int32 {
	if c.net.conns == nil {
		c.net.conns = map[int32]*conn{}
	}
	c.net.last++
	c.net.conns[c.net.last] = &conn{nc, context.AfterFunc(c.ctx, func() { _ = nc.SetDeadline(past) })}
	return c.net.last
}

func (k *conn) close() {
	k.stop()
	_ = k.Close()
}

// closeConns ends what a guest has left open.
func (c *call) closeConns() {
	for _, k := range c.net.conns {
		k.close()
	}
	c.net.conns = nil
}

// conn finds a connection and starts the clock of its next operation. The
// caller's end is looked at after the deadline was set, since it sets one too.
func (c *call) conn(n uint64) *conn {
	k := c.net.conns[int32(uint32(n))]
	if k == nil {
		c.errText = "there is no such connection: dial opens one, for the length of a call"
		return nil
	}
	_ = k.SetDeadline(c.patience())
	c.must()
	return k
}

func dialAddress(in *instance, c *call, mem guestMemory, st []uint64) {
	text := mem.str(st[0], st[1], maxAddress)
	if len(text) > maxAddress {
		result(st, c.fail(abi.ErrTooLarge, "an address has at most 512 octets"))
		return
	}
	result(st, in.gen.dial(c, text))
}

func (g *generation) dial(c *call, text string) int32 {
	a, err := grant.ParseAddress(text)
	if err != nil {
		return c.fail(abi.ErrBadArgument, "address: "+clean([]byte(err.Error()), maxNetWords)+"; write "+grant.Form("dial"))
	}
	granted := g.grants["dial"]
	switch {
	case !grant.Address(granted, a):
		return c.fail(abi.ErrDenied, `the grant dial does not name "`+clean([]byte(a.String()), maxName)+`"`)
	case g.opts.Net == nil:
		return c.fail(abi.ErrUnavailable, "there is no network here")
	case len(c.net.conns) >= maxConns:
		return c.fail(abi.ErrTooLarge, "at most 8 connections are open at a time; close one")
	}
	if n, ok := c.netCall(); !ok {
		return n
	}
	ctx, cancel := c.patient()
	defer cancel()
	nc, err := g.opts.Net.Dial(ctx, a.String(), granted)
	if err != nil {
		return c.failNet(err)
	}
	n := c.adopt(nc)
	c.must()
	return n
}

func connWrite(_ *instance, c *call, mem guestMemory, st []uint64) {
	b := mem.at(st[1], st[2]) // the guest stands still: written from where it lies
	k := c.conn(st[0])
	if k == nil {
		result(st, abi.ErrBadArgument)
		return
	}
	if _, err := k.Write(b); err != nil {
		result(st, c.failNet(err))
		return
	}
	result(st, 0)
}

func connRead(_ *instance, c *call, mem guestMemory, st []uint64) {
	to := mem.at(st[1], st[2])
	k := c.conn(st[0])
	if k == nil {
		result(st, abi.ErrBadArgument)
		return
	}
	if len(to) == 0 {
		result(st, c.fail(abi.ErrBadArgument, "conn_read without room: 0 would look like the end"))
		return
	}
	n, err := k.Read(to)
	if n == 0 && err != nil && err != io.EOF {
		result(st, c.failNet(err))
		return
	}
	result(st, int32(n))
}

func connSend(_ *instance, c *call, _ guestMemory, st []uint64) {
	n := c.send(st[0], int32(uint32(st[1])), int64(st[2]), int64(st[3]))
	st[0] = uint64(n)
}

// send writes a range of a part to a connection.
func (c *call) send(conn uint64, part int32, off, length int64) int64 {
	if c.conn(conn) == nil {
		return int64(abi.ErrBadArgument)
	}
	r, err := c.open(part)
	if err != nil {
		return int64(c.failRead(err))
	}
	if off < 0 || length < 0 || off+length < off {
		return int64(c.fail(abi.ErrBadArgument, "no such range"))
	}
	if c.net.buf == nil {
		c.net.buf = make([]byte, sendChunk)
	}
	var sent int64
	for sent < length {
		b := c.net.buf[:min(sendChunk, length-sent)]
		n, err := r.ReadAt(b, off+sent)
		if err != nil && err != io.EOF {
			return int64(c.failRead(err))
		}
		w, werr := c.conn(conn).Write(b[:n])
		sent += int64(w)
		if werr != nil {
			return int64(c.failNet(werr))
		}
		if err == io.EOF {
			break
		}
	}
	return sent
}

func connClose(_ *instance, c *call, _ guestMemory, st []uint64) {
	n := int32(uint32(st[0]))
	k := c.net.conns[n]
	if k == nil {
		result(st, c.fail(abi.ErrBadArgument, "there is no such connection"))
		return
	}
	k.close()
	delete(c.net.conns, n)
	result(st, 0)
}
