package archive

import "io"

// inflate64 unpacks Deflate64 (APPNOTE.TXT method 9): Deflate with a window of
// 64 KiB, two more distance codes, and lengths of up to 64 KiB.
type inflate64 struct {
	in     *input
	acc    uint32
	have   uint
	over   int // octets taken beyond the end
	win    [1 << 16]byte
	pos    int // in win
	total  int64
	final  bool
	state  int // 0 a block's header, 1 stored, 2 packed
	stored int
	lit    huffman
	dist   huffman
	match  int
	from   int
	err    error
}

func newInflate64(in *input) *inflate64 { return &inflate64{in: in} }

// bits takes n bits, at most 16, the lowest first.
func (f *inflate64) bits(n uint) int {
	for f.have < n {
		if f.in.err != nil {
			f.over++
		}
		f.acc |= uint32(f.in.next()) << f.have
		f.have += 8
	}
	v := f.acc & (1<<n - 1)
	f.acc >>= n
	f.have -= n
	return int(v)
}

func (f *inflate64) Read(p []byte) (n int, err error) {
	for n < len(p) && f.err == nil {
		switch {
		case f.match > 0:
			c := f.win[f.from&0xffff]
			f.from++
			f.match--
			p[n] = f.put(c)
			n++
		case f.state == 0:
			f.err = f.block()
		case f.state == 1:
			if f.stored == 0 {
				f.state = 0
				continue
			}
			f.stored--
			p[n] = f.put(byte(f.bits(8)))
			n++
			f.check()
		default:
			c := f.lit.decode(f)
			switch {
			case c < 0:
				f.err = damaged("its data cannot be unpacked")
			case c < 256:
				p[n] = f.put(byte(c))
				n++
			case c == 256:
				f.state = 0
			default:
				f.err = f.begin(c)
			}
			f.check()
		}
	}
	if n > 0 {
		return n, nil
	}
	return 0, f.err
}

func (f *inflate64) check() {
	if f.over > 4 && f.err == nil {
		f.err = f.in.fault()
	}
}

func (f *inflate64) put(c byte) byte {
	f.win[f.pos&0xffff] = c
	f.pos++
	f.total++
	return c
}

func (f *inflate64) begin(c int) error {
	bad := damaged("its data cannot be unpacked")
	switch {
	case c < 265:
		f.match = c - 254
	case c < 285:
		e := uint(c-261) / 4
		f.match = (4+(c-265)%4)<<e + 3 + f.bits(e)
	case c == 285:
		f.match = 3 + f.bits(16)
	default:
		return bad
	}
	d := f.dist.decode(f)
	if d < 0 {
		return bad
	}
	dist := d + 1
	if d >= 4 {
		e := uint(d-2) / 2
		dist = (2+d%2)<<e + 1 + f.bits(e)
	}
	if int64(dist) > f.total {
		return bad
	}
	f.from = f.pos - dist
	return nil
}

func (f *inflate64) block() error {
	bad := damaged("its data cannot be unpacked")
	if f.final {
		return io.EOF
	}
	f.final = f.bits(1) == 1
	switch f.bits(2) {
	case 0:
		f.bits(f.have % 8)
		n := f.bits(16)
		if f.bits(16) != ^n&0xffff {
			return bad
		}
		f.state, f.stored = 1, n
	case 1:
		var l [288]byte
		for i := range l {
			switch {
			case i < 144:
				l[i] = 8
			case i < 256:
				l[i] = 9
			case i < 280:
				l[i] = 7
			default:
				l[i] = 8
			}
		}
		f.lit.build(l[:])
		for i := range 32 {
			l[i] = 5
		}
		f.dist.build(l[:32])
		f.state = 2
	case 2:
		f.state = 2
		if !f.tables() {
			return bad
		}
	default:
		return bad
	}
	return f.in.fault()
}

func (f *inflate64) tables() bool {
	nl, nd, nc := f.bits(5)+257, f.bits(5)+1, f.bits(4)+4
	order := [19]int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}
	var l [288 + 32]byte
	for i := range nc {
		l[order[i]] = byte(f.bits(3))
	}
	var h huffman
	if !h.build(l[:19]) {
		return false
	}
	clear(l[:])
	for i := 0; i < nl+nd; {
		c := h.decode(f)
		n, v := 1, byte(c)
		switch {
		case c < 0 || c == 16 && i == 0:
			return false
		case c == 16:
			n, v = 3+f.bits(2), l[i-1]
		case c == 17:
			n, v = 3+f.bits(3), 0
		case c == 18:
			n, v = 11+f.bits(7), 0
		}
		if i+n > nl+nd {
			return false
		}
		for ; n > 0; n-- {
			l[i] = v
			i++
		}
	}
	return f.lit.build(l[:nl]) && f.dist.build(l[nl:nl+nd])
}

// huffman decodes canonical codes bit by bit.
type huffman struct {
	count [16]int
	sym   [512]uint16
}

// build makes the code from lengths; false where they are over-subscribed.
func (h *huffman) build(lens []byte) bool {
	h.count = [16]int{}
	for _, l := range lens {
		h.count[l]++
	}
	left := 1
	var offs [16]int
	for i := 1; i < 16; i++ {
		if left = left<<1 - h.count[i]; left < 0 {
			return false
		}
		if i > 1 {
			offs[i] = offs[i-1] + h.count[i-1]
		}
	}
	for s, l := range lens {
		if l > 0 {
			h.sym[offs[l]] = uint16(s)
			offs[l]++
		}
	}
	h.count[0] = 0
	return true
}

// bitSource gives one bit at a time.
type bitSource interface{ bits(n uint) int }

func (h *huffman) decode(f bitSource) int {
	code, first, at := 0, 0, 0
	for i := 1; i < 16; i++ {
		code |= f.bits(1)
		n := h.count[i]
		if code-n < first {
			return int(h.sym[at+code-first])
		}
		at += n
		first = (first + n) << 1
		code <<= 1
	}
	return -1
}
