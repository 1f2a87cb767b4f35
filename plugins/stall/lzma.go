package main

// lzma unpacks a raw LZMA stream (LZMA SDK, lzma-specification.txt) of a known
// unpacked size. ok is false where the data is broken.
func lzma(props, data []byte, size int) (out []byte, ok bool) {
	if len(props) != 5 || props[0] >= 9*5*5 || len(data) < 5 || data[0] != 0 {
		return nil, false
	}
	p := int(props[0])
	lc, lp, pb := p%9, p/9%5, p/45
	if lc+lp > 8 {
		return nil, false
	}
	d := lzmaDecoder{rc: rangeDecoder{b: data[1:], rng: 0xffffffff}, lc: lc, lpMask: 1<<lp - 1, pbMask: 1<<pb - 1}
	for range 4 {
		d.rc.code = d.rc.code<<8 | uint32(d.rc.next())
	}
	d.literal = newProbs(0x300 << (lc + lp))
	for _, ps := range [][]prob{d.isMatch[:], d.isRep[:], d.isRepG0[:], d.isRepG1[:], d.isRepG2[:], d.isRep0Long[:], d.align[:], d.special[:]} {
		reset(ps)
	}
	for i := range d.slot {
		reset(d.slot[i][:])
	}
	d.length.reset()
	d.repLength.reset()
	return d.run(size)
}

type prob = uint16

func newProbs(n int) []prob {
	ps := make([]prob, n)
	reset(ps)
	return ps
}

func reset(ps []prob) {
	for i := range ps {
		ps[i] = 1024
	}
}

type rangeDecoder struct {
	b         []byte
	rng, code uint32
	short     bool
}

func (r *rangeDecoder) next() byte {
	if len(r.b) == 0 {
		r.short = true
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *rangeDecoder) normalize() {
	if r.rng < 1<<24 {
		r.rng <<= 8
		r.code = r.code<<8 | uint32(r.next())
	}
}

func (r *rangeDecoder) bit(p *prob) uint32 {
	bound := r.rng >> 11 * uint32(*p)
	var bit uint32
	if r.code < bound {
		*p += (2048 - *p) >> 5
		r.rng = bound
	} else {
		*p -= *p >> 5
		r.code -= bound
		r.rng -= bound
		bit = 1
	}
	r.normalize()
	return bit
}

func (r *rangeDecoder) direct(n int) uint32 {
	var v uint32
	for range n {
		r.rng >>= 1
		r.code -= r.rng
		t := 0 - r.code>>31
		r.code += r.rng & t
		r.normalize()
		v = v<<1 + t + 1
	}
	return v
}

func (r *rangeDecoder) tree(ps []prob, bits int) uint32 {
	m := uint32(1)
	for range bits {
		m = m<<1 + r.bit(&ps[m])
	}
	return m - 1<<bits
}

func (r *rangeDecoder) reverse(ps []prob, bits int) uint32 {
	m, v := uint32(1), uint32(0)
	for i := range bits {
		b := r.bit(&ps[m])
		m = m<<1 + b
		v |= b << i
	}
	return v
}

type lengthDecoder struct {
	choice, choice2 prob
	low, mid        [16][8]prob
	high            [256]prob
}

func (l *lengthDecoder) reset() {
	l.choice, l.choice2 = 1024, 1024
	for i := range l.low {
		reset(l.low[i][:])
		reset(l.mid[i][:])
	}
	reset(l.high[:])
}

func (l *lengthDecoder) read(r *rangeDecoder, pos uint32) uint32 {
	if r.bit(&l.choice) == 0 {
		return r.tree(l.low[pos][:], 3)
	}
	if r.bit(&l.choice2) == 0 {
		return 8 + r.tree(l.mid[pos][:], 3)
	}
	return 16 + r.tree(l.high[:], 8)
}

type lzmaDecoder struct {
	rc             rangeDecoder
	lc             int
	lpMask, pbMask uint32
	literal        []prob
	isMatch        [12 << 4]prob
	isRep          [12]prob
	isRepG0        [12]prob
	isRepG1        [12]prob
	isRepG2        [12]prob
	isRep0Long     [12 << 4]prob
	slot           [4][64]prob
	special        [115]prob
	align          [16]prob
	length         lengthDecoder
	repLength      lengthDecoder
	rep            [4]uint32
	state          uint32
	out            []byte
}

func (d *lzmaDecoder) run(size int) ([]byte, bool) {
	d.out = make([]byte, 0, min(size, 64<<10))
	for len(d.out) < size {
		if d.rc.short {
			return nil, false
		}
		pos := uint32(len(d.out)) & d.pbMask
		if d.rc.bit(&d.isMatch[d.state<<4+pos]) == 0 {
			d.decodeLiteral()
			continue
		}
		n, end, ok := d.match(pos)
		if !ok || end {
			return d.out, ok && len(d.out) == size
		}
		if n == 0 {
			continue // a short rep, already copied
		}
		if !d.copy(n, size) {
			return nil, false
		}
	}
	return d.out, !d.rc.short
}

func (d *lzmaDecoder) decodeLiteral() {
	prev := uint32(0)
	if n := len(d.out); n > 0 {
		prev = uint32(d.out[n-1])
	}
	ctx := (uint32(len(d.out))&d.lpMask)<<d.lc + prev>>(8-d.lc)
	ps := d.literal[0x300*ctx : 0x300*(ctx+1)]
	sym := uint32(1)
	if d.state >= 7 {
		match := uint32(0)
		if i := len(d.out) - int(d.rep[0]) - 1; i >= 0 {
			match = uint32(d.out[i])
		}
		for sym < 0x100 {
			mb := match >> 7 & 1
			match <<= 1
			b := d.rc.bit(&ps[(1+mb)<<8+sym])
			sym = sym<<1 | b
			if mb != b {
				break
			}
		}
	}
	for sym < 0x100 {
		sym = sym<<1 | d.rc.bit(&ps[sym])
	}
	d.out = append(d.out, byte(sym))
	switch {
	case d.state < 4:
		d.state = 0
	case d.state < 10:
		d.state -= 3
	default:
		d.state -= 6
	}
}

// next state after a match, rep or short rep.
func (d *lzmaDecoder) after(early, late uint32) {
	if d.state < 7 {
		d.state = early
	} else {
		d.state = late
	}
}

// match reads a match's distance into rep[0] and gives its length.
func (d *lzmaDecoder) match(pos uint32) (n uint32, end, ok bool) {
	r := &d.rc
	if r.bit(&d.isRep[d.state]) == 0 {
		d.rep[3], d.rep[2], d.rep[1] = d.rep[2], d.rep[1], d.rep[0]
		n = d.length.read(r, pos)
		d.after(7, 10)
		d.rep[0] = d.distance(n)
		if d.rep[0] == 0xffffffff {
			return 0, true, true
		}
		return n + 2, false, int64(d.rep[0]) < int64(len(d.out))
	}
	if len(d.out) == 0 {
		return 0, false, false
	}
	if r.bit(&d.isRepG0[d.state]) == 0 {
		if r.bit(&d.isRep0Long[d.state<<4+pos]) == 0 {
			d.after(9, 11)
			i := len(d.out) - int(d.rep[0]) - 1
			if i < 0 {
				return 0, false, false
			}
			d.out = append(d.out, d.out[i])
			return 0, false, true
		}
	} else {
		var dist uint32
		if r.bit(&d.isRepG1[d.state]) == 0 {
			dist = d.rep[1]
		} else {
			if r.bit(&d.isRepG2[d.state]) == 0 {
				dist = d.rep[2]
			} else {
				dist = d.rep[3]
				d.rep[3] = d.rep[2]
			}
			d.rep[2] = d.rep[1]
		}
		d.rep[1] = d.rep[0]
		d.rep[0] = dist
	}
	n = d.repLength.read(r, pos)
	d.after(8, 11)
	return n + 2, false, int64(d.rep[0]) < int64(len(d.out))
}

func (d *lzmaDecoder) distance(length uint32) uint32 {
	r := &d.rc
	slot := r.tree(d.slot[min(length, 3)][:], 6)
	if slot < 4 {
		return slot
	}
	bits := int(slot>>1) - 1
	dist := (2 | slot&1) << bits
	if slot < 14 {
		return dist + r.reverse(d.special[dist-slot:], bits)
	}
	dist += r.direct(bits-4) << 4
	return dist + r.reverse(d.align[:], 4)
}

func (d *lzmaDecoder) copy(n uint32, size int) bool {
	if len(d.out)+int(n) > size {
		return false
	}
	for range n {
		d.out = append(d.out, d.out[len(d.out)-int(d.rep[0])-1])
	}
	return true
}
