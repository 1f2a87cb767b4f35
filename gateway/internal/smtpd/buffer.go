package smtpd

import (
	"bytes"
	"errors"
	"io"
	"sync"
)

// bufferSize is one session's read buffer, octets.
const bufferSize = 32 << 10

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// errLineLong is a command line over its limit.
var errLineLong = errors.New("command line too long")

// buffer reads ahead from a session's link. Unlike bufio.Reader it lets the
// decoder work in place on what was read.
type buffer struct {
	src  io.Reader
	mem  *[bufferSize]byte
	r, w int
	err  error // sticky: after any read error nothing more is read
}

func newBuffer(src io.Reader) *buffer {
	return &buffer{src: src, mem: buffers.Get().(*[bufferSize]byte)}
}

// release gives the memory back; the buffer is of no use afterwards.
func (b *buffer) release() {
	if b.mem != nil {
		buffers.Put(b.mem)
		b.mem, b.r, b.w, b.err = nil, 0, 0, io.ErrClosedPipe
	}
}

// window is what was read and not yet discarded.
func (b *buffer) window() []byte { return b.mem[b.r:b.w] }

func (b *buffer) discard(n int) { b.r += n }

// fill reads once, behind the window.
func (b *buffer) fill() error {
	if b.err != nil {
		return b.err
	}
	switch {
	case b.r == b.w:
		b.r, b.w = 0, 0
	case b.w == len(b.mem):
		b.w = copy(b.mem[:], b.mem[b.r:b.w])
		b.r = 0
	}
	n, err := b.src.Read(b.mem[b.w:])
	b.w += n
	if n > 0 {
		// An error that came with bytes comes again without them.
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	b.err = err
	return err
}

// line reads up to and including the next LF. The line is good until the next
// fill. errLineLong comes as soon as limit is passed, with nothing discarded.
func (b *buffer) line(limit int) ([]byte, error) {
	for seen := 0; ; {
		win := b.window()
		if i := bytes.IndexByte(win[seen:], '\n'); i >= 0 && seen+i < limit {
			b.discard(seen + i + 1)
			return win[:seen+i+1], nil
		}
		if len(win) >= limit {
			return nil, errLineLong
		}
		seen = len(win)
		if err := b.fill(); err != nil {
			return nil, err
		}
	}
}
