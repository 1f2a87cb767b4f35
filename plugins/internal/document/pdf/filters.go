package pdf

import (
	"bufio"
	"io"
)

// hexReader decodes ASCIIHexDecode (ISO 32000-2 §7.4.2).
type hexReader struct {
	r   *bufio.Reader
	end bool
}

func (h *hexReader) digit() (int, error) {
	for !h.end {
		c, err := h.r.ReadByte()
		if err != nil {
			return -1, err
		}
		if c == '>' {
			h.end = true
			break
		}
		if n := hexDigit(c); n >= 0 {
			return n, nil
		}
	}
	return -1, io.EOF
}

func (h *hexReader) Read(b []byte) (int, error) {
	for n := range b {
		high, err := h.digit()
		if err != nil {
			return n, err
		}
		low, err := h.digit()
		if err != nil {
			b[n] = byte(high << 4)
			return n + 1, err
		}
		b[n] = byte(high<<4 | low)
	}
	return len(b), nil
}

// ascii85 decodes ASCII85Decode (§7.4.3).
type ascii85 struct {
	r   *bufio.Reader
	out []byte
	mem [4]byte
	end bool
}

func (a *ascii85) Read(b []byte) (int, error) {
	n := 0
	for n < len(b) {
		if len(a.out) == 0 {
			if err := a.group(); err != nil {
				return n, err
			}
			continue
		}
		k := copy(b[n:], a.out)
		n, a.out = n+k, a.out[k:]
	}
	return n, nil
}

func (a *ascii85) group() error {
	var v uint32
	for i := 0; ; {
		if a.end {
			return io.EOF
		}
		c, err := a.r.ReadByte()
		if err == io.EOF {
			c, err = '~', nil
		}
		switch {
		case err != nil:
			return err
		case c == 'z' && i == 0:
			a.mem = [4]byte{}
			a.out = a.mem[:]
			return nil
		case c >= '!' && c <= 'u':
			v = v*85 + uint32(c-'!')
			if i++; i == 5 {
				a.mem = [4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}
				a.out = a.mem[:]
				return nil
			}
		case c == '~':
			a.end = true
			if i < 2 {
				return io.EOF
			}
			for n := i; n < 5; n++ {
				v = v*85 + 84
			}
			a.mem = [4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}
			a.out = a.mem[:i-1]
			return nil
		case !white(c):
			return errStream
		}
	}
}

// runLength decodes RunLengthDecode (§7.4.5).
type runLength struct {
	r      *bufio.Reader
	n      int // octets to come
	repeat bool
	c      byte
	end    bool
}

func (l *runLength) Read(b []byte) (int, error) {
	for n := range b {
		for l.n == 0 {
			c, err := l.r.ReadByte()
			if err != nil || c == 128 || l.end {
				l.end = true
				return n, io.EOF
			}
			if l.repeat = c > 128; !l.repeat {
				l.n = int(c) + 1
				continue
			}
			l.n = 257 - int(c)
			if l.c, err = l.r.ReadByte(); err != nil {
				return n, err
			}
		}
		l.n--
		b[n] = l.c
		if !l.repeat {
			c, err := l.r.ReadByte()
			if err != nil {
				return n, err
			}
			b[n] = c
		}
	}
	return len(b), nil
}

// lzw decodes LZWDecode (§7.4.4.2), whose codes grow one step early.
type lzw struct {
	r      *bufio.Reader
	early  int
	bits   uint
	acc    uint32
	have   uint
	prev   int
	next   int
	prefix [4096]uint16
	suffix [4096]byte
	stack  []byte
	end    bool
}

const (
	lzwClear = 256
	lzwEnd   = 257
)

func newLZW(r io.Reader, early bool) *lzw {
	l := &lzw{r: bufio.NewReaderSize(r, 4096), bits: 9, prev: -1, next: 258}
	if early {
		l.early = 1
	}
	return l
}

func (l *lzw) code() (int, error) {
	for l.have < l.bits {
		c, err := l.r.ReadByte()
		if err != nil {
			return 0, err
		}
		l.acc, l.have = l.acc<<8|uint32(c), l.have+8
	}
	l.have -= l.bits
	return int(l.acc >> l.have & (1<<l.bits - 1)), nil
}

func (l *lzw) Read(b []byte) (int, error) {
	n := 0
	for n < len(b) {
		if k := len(l.stack); k > 0 {
			b[n] = l.stack[k-1]
			l.stack = l.stack[:k-1]
			n++
			continue
		}
		if l.end {
			return n, io.EOF
		}
		if err := l.step(); err != nil {
			return n, err
		}
	}
	return n, nil
}

func (l *lzw) step() error {
	c, err := l.code()
	if err != nil || c == lzwEnd {
		l.end = true
		return nil
	}
	if c == lzwClear {
		l.bits, l.next, l.prev = 9, 258, -1
		return nil
	}
	if c > l.next || c >= l.next && l.prev < 0 {
		return errStream
	}
	at := c
	if c == l.next { // the code being defined: the last sequence and its first octet
		l.stack = append(l.stack, 0)
		at = l.prev
	}
	for at >= 258 {
		l.stack = append(l.stack, l.suffix[at])
		at = int(l.prefix[at])
	}
	first := byte(at)
	l.stack = append(l.stack, first)
	if c == l.next {
		l.stack[0] = first
	}
	if l.prev >= 0 && l.next < 4096 {
		l.prefix[l.next], l.suffix[l.next] = uint16(l.prev), first
		l.next++
	}
	l.prev = c
	for l.bits < 12 && l.next+l.early >= 1<<l.bits {
		l.bits++
	}
	return nil
}
