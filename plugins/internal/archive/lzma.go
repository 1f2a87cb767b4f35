package archive

import "io"

// prob is an adaptive probability of LZMA (LZMA SDK, lzma-specification.txt).
type prob = uint16

func reset(ps []prob) {
	for i := range ps {
		ps[i] = 1024
	}
}

type rangeDecoder struct {
	in        *input
	rng, code uint32
}

// start reads the 5 octets that begin a range-coded stream.
func (r *rangeDecoder) start() error {
	r.rng, r.code = 0xffffffff, 0
	if r.in.next() != 0 {
		return damaged("its data cannot be unpacked")
	}
	for range 4 {
		r.code = r.code<<8 | uint32(r.in.next())
	}
	return r.in.fault()
}

func (r *rangeDecoder) normalize() {
	if r.rng < 1<<24 {
		r.rng <<= 8
		r.code = r.code<<8 | uint32(r.in.next())
	}
}

func (r *rangeDecoder) bit(p *prob) uint32 {
	v := uint32(*p)
	bound := r.rng >> 11 * v
	var bit uint32
	if r.code < bound {
		*p = prob(v + (2048-v)>>5)
		r.rng = bound
	} else {
		*p = prob(v - v>>5)
		r.code -= bound
		r.rng -= bound
		bit = 1
	}
	if r.rng < 1<<24 {
		r.normalize()
	}
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

// lzmaState decodes LZMA into a window.
type lzmaState struct {
	rc             rangeDecoder
	w              *window
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
	pending        int // octets of the last match that are still to be copied
	ended          bool
}

// properties takes the octet of lc, lp and pb.
func (d *lzmaState) properties(b byte) error {
	if b >= 9*5*5 {
		return damaged("its data cannot be unpacked")
	}
	p := int(b)
	lp, pb := p/9%5, p/45
	d.lc, d.lpMask, d.pbMask = p%9, 1<<lp-1, 1<<pb-1
	d.literal = make([]prob, 0x300<<(d.lc+lp))
	d.reset()
	return nil
}

// reset forgets everything but the properties and the window.
func (d *lzmaState) reset() {
	for _, ps := range [][]prob{d.literal, d.isMatch[:], d.isRep[:], d.isRepG0[:], d.isRepG1[:], d.isRepG2[:], d.isRep0Long[:], d.align[:], d.special[:]} {
		reset(ps)
	}
	for i := range d.slot {
		reset(d.slot[i][:])
	}
	d.length.reset()
	d.repLength.reset()
	d.rep, d.state, d.pending, d.ended = [4]uint32{}, 0, 0, false
}

// run decodes up to n octets, fewer at the end mark.
func (d *lzmaState) run(n int) error {
	for n > 0 && !d.ended {
		if d.pending > 0 {
			k := min(n, d.pending)
			if err := d.w.copy(int64(d.rep[0]), k); err != nil {
				return err
			}
			d.pending -= k
			n -= k
			continue
		}
		if d.rc.in.err != nil {
			return d.rc.in.fault()
		}
		pos := uint32(d.w.total-d.w.base) & d.pbMask
		if d.rc.bit(&d.isMatch[d.state<<4+pos]) == 0 {
			if err := d.decodeLiteral(); err != nil {
				return err
			}
			n--
			continue
		}
		if err := d.match(pos); err != nil {
			return err
		}
	}
	return nil
}

func (d *lzmaState) decodeLiteral() error {
	w := d.w
	prev := uint32(w.back(0))
	ctx := (uint32(w.total-w.base)&d.lpMask)<<d.lc + prev>>(8-d.lc)
	ps := d.literal[0x300*ctx : 0x300*(ctx+1)]
	sym := uint32(1)
	if d.state >= 7 {
		match := uint32(w.back(int64(d.rep[0])))
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
	switch {
	case d.state < 4:
		d.state = 0
	case d.state < 10:
		d.state -= 3
	default:
		d.state -= 6
	}
	return w.put(byte(sym))
}

// after is the next state after a match, rep or short rep.
func (d *lzmaState) after(early, late uint32) {
	if d.state < 7 {
		d.state = early
	} else {
		d.state = late
	}
}

// match reads a match: its distance into rep[0], its length into pending.
func (d *lzmaState) match(pos uint32) error {
	r := &d.rc
	if r.bit(&d.isRep[d.state]) == 0 {
		d.rep[3], d.rep[2], d.rep[1] = d.rep[2], d.rep[1], d.rep[0]
		n := d.length.read(r, pos)
		d.after(7, 10)
		d.rep[0] = d.distance(n)
		if d.rep[0] == 0xffffffff {
			d.ended = true
			return r.in.fault()
		}
		d.pending = int(n) + 2
		return d.w.reach(int64(d.rep[0]))
	}
	if r.bit(&d.isRepG0[d.state]) == 0 {
		if r.bit(&d.isRep0Long[d.state<<4+pos]) == 0 {
			d.after(9, 11)
			d.pending = 1
			return d.w.reach(int64(d.rep[0]))
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
	d.pending = int(d.repLength.read(r, pos)) + 2
	d.after(8, 11)
	return d.w.reach(int64(d.rep[0]))
}

func (d *lzmaState) distance(length uint32) uint32 {
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

// lzmaReader unpacks a raw LZMA stream.
type lzmaReader struct {
	lzmaState
	left int64 // octets to come, -1 unknown: up to the end mark
	err  error
}

// newLZMA takes the 5 octets of properties; size is -1 where it is not known.
func newLZMA(b *Budget, in *input, props []byte, size int64) (*lzmaReader, error) {
	if len(props) < 5 {
		return nil, damaged("its properties are too short")
	}
	l := &lzmaReader{left: size}
	l.w = newWindow(b, max(1<<12, u32(props[1:])))
	l.rc.in = in
	if err := l.properties(props[0]); err != nil {
		return nil, err
	}
	return l, l.rc.start()
}

func (l *lzmaReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for l.w.unread() == 0 && l.err == nil {
		n := turn
		if l.left >= 0 {
			n = int(min(turn, l.left))
		}
		if n == 0 || l.ended {
			l.err = io.EOF
			break
		}
		before := l.w.total
		l.err = l.run(n)
		if l.left >= 0 {
			l.left -= l.w.total - before
		}
	}
	if n := l.w.take(p); n > 0 {
		return n, nil
	}
	return 0, l.err
}

// free gives the window's memory back.
func (l *lzmaReader) free() {
	l.w.release()
	l.err = io.EOF
}

// lzma2Reader unpacks LZMA2 (xz file format, §5.3.1; LZMA SDK).
type lzma2Reader struct {
	lzmaState
	ready  bool // properties are known
	plain  int  // octets left of a chunk that is not packed
	packed int  // octets left of a chunk that is
	begun  bool // the dictionary was reset
	err    error
}

// newLZMA2 takes the octet of the dictionary's size.
func newLZMA2(b *Budget, in *input, dict byte) (*lzma2Reader, error) {
	if dict > 40 {
		return nil, damaged("its dictionary has no sensible size")
	}
	size := int64(0xffffffff)
	if dict < 40 {
		size = int64(2|dict&1) << (dict/2 + 11)
	}
	l := &lzma2Reader{}
	l.w = newWindow(b, size)
	l.rc.in = in
	return l, nil
}

func (l *lzma2Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for l.w.unread() == 0 && l.err == nil {
		l.err = l.step()
	}
	if n := l.w.take(p); n > 0 {
		return n, nil
	}
	return 0, l.err
}

// step unpacks some of the chunk at hand, or begins the next.
func (l *lzma2Reader) step() error {
	switch {
	case l.plain > 0:
		n := min(l.plain, turn)
		for range n {
			if err := l.w.put(l.rc.in.next()); err != nil {
				return err
			}
		}
		l.plain -= n
		return l.rc.in.fault()
	case l.packed > 0:
		n := min(l.packed, turn)
		l.packed -= n
		if err := l.run(n); err != nil {
			return err
		}
		if l.ended {
			return damaged("its data cannot be unpacked")
		}
		return nil
	}
	return l.chunk()
}

func (l *lzma2Reader) chunk() error {
	in := l.rc.in
	c := in.next()
	if err := in.fault(); err != nil {
		return err
	}
	bad := damaged("its data cannot be unpacked")
	switch {
	case c == 0:
		return io.EOF
	case c == 1 || c >= 0xe0:
		l.w.base, l.begun = l.w.total, true
	case c > 2 && c < 0x80, !l.begun:
		return bad
	}
	var b [2]byte
	in.take(b[:])
	n := int(be16(b[:])) + 1
	if c < 0x80 {
		l.plain = n
		return in.fault()
	}
	l.packed = int(c&0x1f)<<16 + n
	in.take(b[:])
	switch c >> 5 & 3 {
	case 2, 3:
		props := in.next()
		if err := l.properties(props); err != nil || l.lc+bits(l.lpMask) > 4 {
			return bad
		}
		l.ready = true
	case 1:
		if l.ready {
			l.reset()
		}
	}
	if !l.ready || in.err != nil {
		return bad
	}
	return l.rc.start()
}

func bits(mask uint32) (n int) {
	for ; mask != 0; mask >>= 1 {
		n++
	}
	return n
}

// free gives the window's memory back.
func (l *lzma2Reader) free() {
	l.w.release()
	l.err = io.EOF
}
