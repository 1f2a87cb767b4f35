package archive

import "io"

// lhReader unpacks LHA's -lh4- to -lh7- and ARJ's methods 1 to 3: matches in a
// window of up to 64 KiB, in blocks of Huffman codes, highest bits first
// (ar002 by H. Okumura, which both descend from).
type lhReader struct {
	in      *input
	np      int  // position codes
	pbit    uint // width of their count
	acc     uint32
	have    uint
	over    int // octets taken beyond the end
	win     [1 << 16]byte
	pos     int
	block   int // codes left in the block
	c, p, t huffman
	single  [3]int // where a code has one symbol only; -1 none
	match   int
	from    int
	left    int64
	err     error
}

func newLH(in *input, np int, pbit uint, size int64) *lhReader {
	l := &lhReader{in: in, np: np, pbit: pbit, left: size, single: [3]int{-1, -1, -1}}
	for i := range l.win {
		l.win[i] = ' '
	}
	return l
}

// bits takes n bits, at most 16, the highest first.
func (l *lhReader) bits(n uint) int {
	for l.have < n {
		if l.in.err != nil {
			l.over++
		}
		l.acc = l.acc<<8 | uint32(l.in.next())
		l.have += 8
	}
	l.have -= n
	return int(l.acc >> l.have & (1<<n - 1))
}

func (l *lhReader) Read(p []byte) (n int, err error) {
	for n < len(p) && l.err == nil {
		if l.left == 0 {
			l.err = io.EOF
			break
		}
		switch {
		case l.match > 0:
			p[n] = l.put(l.win[l.from&0xffff])
			l.from++
			l.match--
			n++
		case l.block == 0:
			l.err = l.begin()
		default:
			l.block--
			c := l.code(&l.c, 0)
			switch {
			case c < 0:
				l.err = damaged("its data cannot be unpacked")
			case c < 256:
				p[n] = l.put(byte(c))
				n++
			default:
				l.err = l.reach(c - 253)
			}
		}
		if l.over > 4 && l.err == nil {
			l.err = l.in.fault()
		}
	}
	if n > 0 {
		return n, nil
	}
	return 0, l.err
}

func (l *lhReader) put(c byte) byte {
	l.win[l.pos&0xffff] = c
	l.pos++
	l.left--
	return c
}

func (l *lhReader) reach(n int) error {
	d := l.code(&l.p, 1)
	if d < 0 || d > 17 {
		return damaged("its data cannot be unpacked")
	}
	if d > 1 {
		d = 1<<(d-1) + l.bits(uint(d-1))
	}
	l.match, l.from = n, l.pos-d-1+1<<20
	return nil
}

func (l *lhReader) code(h *huffman, which int) int {
	if l.single[which] >= 0 {
		return l.single[which]
	}
	return h.decode(l)
}

func (l *lhReader) begin() error {
	bad := damaged("its data cannot be unpacked")
	if l.block = l.bits(16); l.block == 0 {
		l.block = 1 << 16
	}
	if err := l.in.fault(); err != nil {
		return err
	}
	if !l.lengths(&l.t, 2, 19, 5, 3) || !l.symbols() || !l.lengths(&l.p, 1, l.np, l.pbit, -1) {
		return bad
	}
	return nil
}

// lengths reads the code of positions, or that of lengths, which leaves out
// some after the third.
func (l *lhReader) lengths(h *huffman, which, most int, width uint, special int) bool {
	n := l.bits(width)
	l.single[which] = -1
	if n == 0 {
		l.single[which] = l.bits(width)
		return l.single[which] < most
	}
	if n > most {
		return false
	}
	var lens [32]byte
	for i := 0; i < n; {
		v := l.bits(3)
		if v == 7 {
			for l.bits(1) == 1 {
				if v++; v > 16 {
					return false
				}
			}
		}
		if v > 15 {
			return false
		}
		lens[i] = byte(v)
		i++
		if i == special {
			i += l.bits(2)
		}
	}
	return h.build(lens[:most])
}

// symbols reads the code of literals and match lengths.
func (l *lhReader) symbols() bool {
	const most = 510
	n := l.bits(9)
	l.single[0] = -1
	if n == 0 {
		l.single[0] = l.bits(9)
		return l.single[0] < most
	}
	if n > most {
		return false
	}
	var lens [most]byte
	for i := 0; i < n; {
		c := l.code(&l.t, 2)
		skip := 0
		switch {
		case c < 0:
			return false
		case c == 0:
			skip = 1
		case c == 1:
			skip = l.bits(4) + 3
		case c == 2:
			skip = l.bits(9) + 20
		default:
			if c-2 > 15 {
				return false
			}
			lens[i] = byte(c - 2)
			i++
			continue
		}
		i += skip
		if i > n {
			return false
		}
	}
	return l.c.build(lens[:])
}

// arjFastest unpacks ARJ's method 4.
type arjFastest struct {
	lhReader
}

func (a *arjFastest) Read(p []byte) (n int, err error) {
	for n < len(p) && a.err == nil {
		switch {
		case a.left == 0:
			a.err = io.EOF
		case a.match > 0:
			p[n] = a.put(a.win[a.from&0xffff])
			a.from++
			a.match--
			n++
		default:
			c := a.number(0, 7)
			if c == 0 {
				p[n] = a.put(byte(a.bits(8)))
				n++
			} else {
				a.match = c + 2
				a.from = a.pos - a.number(9, 13) - 1 + 1<<20
			}
			if a.over > 4 {
				a.err = a.in.fault()
			}
		}
	}
	if n > 0 {
		return n, nil
	}
	return 0, a.err
}

// number reads a length or a distance: ones widen it.
func (a *arjFastest) number(width, most uint) int {
	plus, power := 0, 1<<width
	for ; width < most && a.bits(1) == 1; width++ {
		plus += power
		power <<= 1
	}
	if width > 0 {
		return a.bits(width) + plus
	}
	return plus
}

// crc16Reader compares the checksum of LHA at the end of n octets.
type crc16Reader struct {
	r    io.Reader
	left int64
	sum  uint16
	want uint16
}

func (c *crc16Reader) Read(p []byte) (int, error) {
	if c.left == 0 {
		if c.sum != c.want {
			return 0, damaged("its checksum is wrong")
		}
		return 0, io.EOF
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
	for _, b := range p[:n] {
		c.sum ^= uint16(b)
		for range 8 {
			c.sum = c.sum>>1 ^ 0xa001&-(c.sum&1)
		}
	}
	c.left -= int64(n)
	return n, err
}
