package archive

import "io"

// lzwReader unpacks compress's .Z: LZW with codes of 9 to 16 bits, lowest bits
// first. Codes come in groups of eight; the rest of a group is skipped when
// their width changes (ncompress, compress42.c).
type lzwReader struct {
	in     *input
	most   uint // widest code
	block  bool // code 256 clears the table
	width  uint
	next   int // next free code
	prefix [1 << 16]uint16
	suffix [1 << 16]byte
	prev   int // -1 none
	first  byte
	acc    uint32
	have   uint
	codes  int // of this width so far
	stack  []byte
	err    error
}

func newLZW(in *input) *lzwReader {
	var h [3]byte
	in.take(h[:])
	l := &lzwReader{in: in, most: uint(h[2] & 0x1f), block: h[2]&0x80 != 0, width: 9, prev: -1, stack: make([]byte, 0, 1<<16)}
	if l.most < 9 || l.most > 16 {
		l.err = damaged("its header is broken")
	}
	l.next = 256
	if l.block {
		l.next = 257
	}
	return l
}

func (l *lzwReader) code() (int, bool) {
	for l.have < l.width {
		c := l.in.next()
		if l.in.err != nil {
			return 0, false
		}
		l.acc |= uint32(c) << l.have
		l.have += 8
	}
	c := int(l.acc & (1<<l.width - 1))
	l.acc >>= l.width
	l.have -= l.width
	l.codes++
	return c, true
}

// align skips what is left of a group of eight codes.
func (l *lzwReader) align() {
	for l.codes%8 != 0 {
		if _, ok := l.code(); !ok {
			return
		}
	}
	l.acc, l.have, l.codes = 0, 0, 0
}

func (l *lzwReader) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if k := len(l.stack); k > 0 {
			p[n] = l.stack[k-1]
			l.stack = l.stack[:k-1]
			n++
			continue
		}
		if l.err != nil {
			break
		}
		l.step()
	}
	if n > 0 {
		return n, nil
	}
	if l.err == nil {
		return 0, nil
	}
	return 0, l.err
}

func (l *lzwReader) step() {
	if l.next > 1<<l.width-1 && l.width < l.most {
		l.align()
		l.width++
	}
	c, ok := l.code()
	if !ok {
		if l.err = l.in.err; l.err == nil {
			l.err = io.EOF
		}
		return
	}
	if c == 256 && l.block {
		l.align()
		l.width, l.next, l.prev = 9, 257, -1
		return
	}
	if l.prev < 0 {
		if c > 255 {
			l.err = damaged("its data cannot be unpacked")
			return
		}
		l.first, l.prev = byte(c), c
		l.stack = append(l.stack, byte(c))
		return
	}
	at := c
	if c >= l.next {
		if c > l.next {
			l.err = damaged("its data cannot be unpacked")
			return
		}
		l.stack = append(l.stack, l.first)
		at = l.prev
	}
	for at > 255 {
		l.stack = append(l.stack, l.suffix[at])
		at = int(l.prefix[at])
	}
	l.first = byte(at)
	l.stack = append(l.stack, l.first)
	if l.next < 1<<l.most {
		l.prefix[l.next], l.suffix[l.next] = uint16(l.prev), l.first
		l.next++
	}
	l.prev = c
}
