package mimetree

import (
	"errors"
	"fmt"
	"io"
)

type encoding uint8

const (
	encIdentity encoding = iota
	encBase64
	encQuoted
)

// body is where a part's content lies in the message.
type body struct {
	off, end int64 // raw range
	enc      encoding
	marks    []mark // ascending
}

// mark is a place where decoding may start anew.
type mark struct{ raw, out int64 }

// markEvery is the least raw distance between two marks of a body.
const markEvery = 64 << 10

// decoder decodes one encoding, piece by piece.
type decoder interface {
	feed(dst, src []byte) []byte
	flush(dst []byte) []byte
}

func (e encoding) decoder() decoder {
	if e == encBase64 {
		return new(b64)
	}
	return new(qp)
}

// ErrPart: there is no such part.
var ErrPart = errors.New("mimetree: no such part")

// ReadPart reads the content of a part, transfer-decoded, from the octet off
// on; part -1 is the raw message. It fills p unless the content ends; at the
// end it gives 0 and io.EOF. Reading on from where the last read of the part
// ended costs no decoding twice; elsewhere at most 64 KiB are decoded again.
func (t *Tree) ReadPart(part int, off int64, p []byte) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("mimetree: negative offset %d", off)
	}
	if part < -1 || part >= len(t.parts) {
		return 0, ErrPart
	}
	if len(p) == 0 {
		return 0, nil
	}
	if part == -1 {
		return t.readRaw(0, t.size, off, p)
	}
	b := &t.bodies[part]
	if b.enc == encIdentity {
		return t.readRaw(b.off, b.end, off, p)
	}
	if off >= int64(t.parts[part].Size) {
		return 0, io.EOF
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.cursor(part, off).read(t.r, off, p)
}

func (t *Tree) readRaw(from, end, off int64, p []byte) (int, error) {
	if off >= end-from {
		return 0, io.EOF
	}
	want := int(min(int64(len(p)), end-from-off))
	n, err := t.r.ReadAt(p[:want], from+off)
	if n == want {
		return n, nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, fmt.Errorf("mimetree: reading the message: %w", err)
}

// maxCursors is how many parts may be read by turns without starting over.
const maxCursors = 4

// cursor is a decoder at its last place in a part.
type cursor struct {
	part int
	body *body
	dec  decoder
	raw  int64  // next raw offset
	at   int64  // decoded offset of out[0]
	out  []byte // decoded, not beyond raw
	in   []byte
	done bool // flushed
}

// cursor finds the cursor that is nearest before off, or makes one.
func (t *Tree) cursor(part int, off int64) *cursor {
	b := &t.bodies[part]
	from := mark{raw: b.off}
	for _, m := range b.marks { // a 50 MiB part has 800
		if m.out > off {
			break
		}
		from = m
	}
	for i, c := range t.cursors {
		if c.part == part {
			t.cursors = append(append(t.cursors[:i], t.cursors[i+1:]...), c)
			if c.at > off || c.at < from.out {
				c.restart(from)
			}
			return c
		}
	}
	c := &cursor{}
	if len(t.cursors) == maxCursors {
		c = t.cursors[0]
		copy(t.cursors, t.cursors[1:])
		t.cursors[maxCursors-1] = c
	} else {
		c.in = make([]byte, min(16<<10, b.end-b.off))
		t.cursors = append(t.cursors, c)
	}
	c.part, c.body = part, b
	c.restart(from)
	return c
}

func (c *cursor) restart(m mark) {
	c.dec, c.raw, c.at, c.out, c.done = c.body.enc.decoder(), m.raw, m.out, c.out[:0], false
}

func (c *cursor) read(r io.ReaderAt, off int64, p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if skip := off + int64(n) - c.at; skip < int64(len(c.out)) {
			n += copy(p[n:], c.out[skip:])
			continue
		}
		if c.done {
			break
		}
		if err := c.advance(r); err != nil {
			return n, err
		}
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// advance decodes the next piece.
func (c *cursor) advance(r io.ReaderAt) error {
	c.at += int64(len(c.out))
	c.out = c.out[:0]
	left := c.body.end - c.raw
	if left <= 0 {
		c.out, c.done = c.dec.flush(c.out), true
		return nil
	}
	if len(c.in) < 16<<10 && int64(len(c.in)) < left {
		c.in = make([]byte, 16<<10)
	}
	in := c.in[:min(int64(len(c.in)), left)]
	n, err := r.ReadAt(in, c.raw)
	if n < len(in) {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("mimetree: reading the message: %w", err)
	}
	c.raw += int64(n)
	c.out = c.dec.feed(c.out, in)
	return nil
}
