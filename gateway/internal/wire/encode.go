package wire

import (
	"encoding/base64"
	"io"
)

// encoder writes one transfer encoding, piece by piece (RFC 2045 §6).
type encoder interface {
	feed(dst, src []byte) []byte
	flush(dst []byte) []byte
}

// encoded reads src through an encoder. No line it gives begins with "-" or
// is longer than 76 characters, so none is ever a delimiter.
type encoded struct {
	src  io.Reader
	enc  encoder
	in   []byte
	out  []byte
	pos  int
	done bool
}

const chunk = 16 << 10

func (e *encoded) Read(p []byte) (int, error) {
	for e.pos == len(e.out) {
		if e.done {
			return 0, io.EOF
		}
		if e.in == nil {
			e.in = make([]byte, chunk)
		}
		e.out, e.pos = e.out[:0], 0
		n, err := e.src.Read(e.in)
		e.out = e.enc.feed(e.out, e.in[:n])
		if err == io.EOF {
			e.out, e.done = e.enc.flush(e.out), true
		} else if err != nil {
			return 0, err
		}
	}
	n := copy(p, e.out[e.pos:])
	e.pos += n
	return n, nil
}

// b64 encodes base64 in lines of 76 characters, without a break at the end.
type b64 struct {
	rest []byte // up to two octets
	col  int
}

func (b *b64) feed(dst, src []byte) []byte {
	for len(b.rest) > 0 && len(b.rest) < 3 && len(src) > 0 {
		b.rest, src = append(b.rest, src[0]), src[1:]
	}
	if len(b.rest) == 3 {
		dst = b.put(dst, b.rest)
		b.rest = b.rest[:0]
	}
	for len(src) >= 3 {
		n := min(len(src)/3*3, (76-b.col)/4*3)
		if n == 0 {
			n = min(len(src)/3*3, 57)
		}
		dst = b.put(dst, src[:n])
		src = src[n:]
	}
	b.rest = append(b.rest, src...)
	return dst
}

// put encodes octets that fit into the line, or begin the next one.
func (b *b64) put(dst, src []byte) []byte {
	if b.col == 76 {
		dst = append(dst, '\r', '\n')
		b.col = 0
	}
	b.col += base64.StdEncoding.EncodedLen(len(src))
	return base64.StdEncoding.AppendEncode(dst, src)
}

func (b *b64) flush(dst []byte) []byte {
	if len(b.rest) > 0 {
		dst = b.put(dst, b.rest)
		b.rest = b.rest[:0]
	}
	return dst
}

// base64Len is the length of n octets as b64 writes them.
func base64Len(n int64) int64 {
	if n == 0 {
		return 0
	}
	chars := (n + 2) / 3 * 4
	return chars + (chars-1)/76*2
}

// quoted encodes quoted-printable (RFC 2045 §6.7). CRLF is a line break; any
// other CR or LF is an octet like others.
type quoted struct {
	col   int
	space byte // a blank that stands as it is unless a line ends behind it
	cr    bool // a CR whose LF may follow
}

const hexDigits = "0123456789ABCDEF"

func (q *quoted) feed(dst, src []byte) []byte {
	for _, c := range src {
		if q.cr {
			q.cr = false
			if c == '\n' {
				dst = append(q.blank(dst, true), '\r', '\n')
				q.col = 0
				continue
			}
			dst = q.octet(q.blank(dst, false), '\r')
		}
		switch {
		case c == '\r':
			q.cr = true
			continue
		case c == ' ' || c == '\t':
			dst = q.blank(dst, false)
			q.space = c
			continue
		}
		dst = q.blank(dst, false)
		if c < '!' || c > '~' || c == '=' || c == '-' && q.col == 0 {
			dst = q.octet(dst, c)
		} else {
			dst = append(q.room(dst, 1), c)
			q.col++
			if q.col == 1 && c == '-' { // a soft break came in between
				dst[len(dst)-1] = '='
				dst = append(dst, '2', 'D')
				q.col = 3
			}
		}
	}
	return dst
}

// room breaks the line when n characters do not fit before its "=".
func (q *quoted) room(dst []byte, n int) []byte {
	if q.col+n > 75 {
		dst = append(dst, '=', '\r', '\n')
		q.col = 0
	}
	return dst
}

func (q *quoted) octet(dst []byte, c byte) []byte {
	dst = append(q.room(dst, 3), '=', hexDigits[c>>4], hexDigits[c&15])
	q.col += 3
	return dst
}

// blank writes the blank that waits, encoded where a line ends behind it.
func (q *quoted) blank(dst []byte, end bool) []byte {
	c := q.space
	if c == 0 {
		return dst
	}
	q.space = 0
	if end {
		return q.octet(dst, c)
	}
	dst = append(q.room(dst, 1), c)
	q.col++
	return dst
}

func (q *quoted) flush(dst []byte) []byte {
	if q.cr {
		q.cr = false
		dst = q.octet(q.blank(dst, false), '\r')
	}
	return q.blank(dst, true)
}
