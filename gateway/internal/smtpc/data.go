package smtpc

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

// block is how much of a body is read, checked and written at a time, octets.
const block = 32 << 10

var blocks = sync.Pool{New: func() any { return &blockPair{in: make([]byte, block), out: make([]byte, 0, 2*block+8)} }}

type blockPair struct{ in, out []byte }

// Data sends the message after Begin, with dots stuffed, and ends it with the
// final dot. beforeDot, when not nil, is called once, after the whole body was
// read and right before the write that carries the dot; its error stops the
// transaction there, and the peer has no complete message.
//
// The answers are in the order of Begin's recipients, with a zero Reply for
// those that were not accepted then: one reply for all in SMTP, one each in
// LMTP (RFC 2033 §4.2). An *Error with StageDot means that the connection was
// lost after the dot: recipients without an answer may have got the message.
// With StageData they have not. A body that holds a bare CR, a bare LF or a
// NUL is never completed: that error is permanent and ours. A body whose last
// line is not ended gets a CRLF, for the dot needs a line of its own.
//
// After any error the connection is closed.
func (c *Conn) Data(ctx context.Context, body io.Reader, beforeDot func() error) ([]Answer, error) {
	answers := make([]Answer, len(c.taken))
	if !c.inData || c.closed {
		_ = c.Close()
		return answers, ours(StageData, 451, "4.4.2", "no transaction is open", nil)
	}
	defer c.watch(ctx)()
	c.inData = false
	n, err := c.sendBody(ctx, body, beforeDot)
	if err != nil {
		c.Close()
		return answers, err
	}
	c.tr.Note("%d bytes of message", n)
	c.tr.sent(".")
	return answers, c.dotReplies(ctx, answers)
}

// sendBody writes the body and the final dot, and counts the body's octets.
func (c *Conn) sendBody(ctx context.Context, body io.Reader, beforeDot func() error) (int64, error) {
	bufs := blocks.Get().(*blockPair)
	defer blocks.Put(bufs)
	out := bufs.out[:0]
	s := newStuffer()
	var total int64
	for {
		n, rerr := io.ReadFull(body, bufs.in)
		last := errors.Is(rerr, io.EOF) || errors.Is(rerr, io.ErrUnexpectedEOF)
		if rerr != nil && !last {
			return total, ours(StageData, 451, "4.3.0", "the message could not be read", rerr)
		}
		var err error
		if out, err = s.append(out[:0], bufs.in[:n]); err == nil && last {
			out, err = s.end(out)
		}
		if err != nil {
			c.tr.Note("not sent: %v", err)
			return total, ours(StageData, 554, "5.6.0", "the message cannot be sent: "+err.Error(), err)
		}
		total += int64(n)
		if last {
			return total, c.sendDot(ctx, out, beforeDot)
		}
		if err := c.writeBody(ctx, StageData, out); err != nil {
			return total, err
		}
	}
}

// sendDot writes what is left of the body, the dot included, in one write.
func (c *Conn) sendDot(ctx context.Context, rest []byte, beforeDot func() error) error {
	if beforeDot != nil {
		if err := beforeDot(); err != nil {
			c.tr.Note("stopped before the final dot")
			return ours(StageData, 451, "4.4.2", "stopped by the gateway", err)
		}
	}
	return c.writeBody(ctx, StageDot, rest)
}

// writeBody writes within the time of a block. A peer that gave up on the
// message may have said why before it closed: that reply is looked for.
func (c *Conn) writeBody(ctx context.Context, stage Stage, b []byte) error {
	err := c.nc.SetWriteDeadline(time.Now().Add(c.timeouts.Block))
	if err == nil {
		_, err = c.nc.Write(b)
	}
	if err == nil {
		return nil
	}
	if ctx.Err() == nil && !isTimeout(err) {
		if e := c.lastWords(); e != nil {
			return e
		}
	}
	return c.fail(ctx, stage, err)
}

// lastWords reads a reply that came while we were still sending.
func (c *Conn) lastWords() *Error {
	if c.nc.SetReadDeadline(time.Now().Add(time.Second)) != nil {
		return nil
	}
	line, err := c.readLine()
	if err != nil {
		return nil
	}
	code, text, _, ok := parseReplyLine(line)
	if !ok || code < 400 {
		return nil
	}
	c.tr.got(line)
	_ = c.Close()
	return remote(StageData, makeReply(code, []string{text}))
}

// dotReplies reads the reply to the dot, or in LMTP one for each recipient.
func (c *Conn) dotReplies(ctx context.Context, answers []Answer) error {
	var a Answer
	for i, taken := range c.taken {
		if !taken {
			continue
		}
		if c.opt.LMTP || !a.Remote {
			r, err := c.readReply(ctx, StageDot)
			if err != nil {
				return err
			}
			if r.Code/100 == 3 {
				return c.fail(ctx, StageDot, errProtocol)
			}
			a = Answer{Reply: r, Remote: true}
		}
		answers[i] = a
	}
	return nil
}
