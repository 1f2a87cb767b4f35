package archive

import "io"

// deltaReader undoes the Delta filter (xz file format, §5.3.3).
type deltaReader struct {
	r    io.Reader
	last [256]byte
	dist int
	at   byte
}

func newDelta(r io.Reader, dist int) *deltaReader { return &deltaReader{r: r, dist: dist} }

func (d *deltaReader) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	for i := range p[:n] {
		p[i] += d.last[byte(d.dist)+d.at]
		d.last[d.at] = p[i]
		d.at--
	}
	return n, err
}

// branchReader undoes a filter for the jumps of programs (LZMA SDK, Bra.c). A
// filter converts whole instructions only: the rest waits for the next octets.
type branchReader struct {
	r       io.Reader
	convert func(b []byte, ip uint32) int // how many octets are final
	buf     []byte
	done    int // of buf: converted, not yet read
	off     int // of buf: read
	ip      uint32
	err     error
}

// newBranch makes one by the IDs of xz: 4 x86, 5 PowerPC, 6 IA-64, 7 ARM,
// 8 ARM-Thumb, 9 SPARC, 10 ARM64.
func newBranch(id int64, r io.Reader, start uint32) (io.Reader, error) {
	b := &branchReader{r: r, ip: start}
	switch id {
	case 4:
		x := &x86{}
		b.convert = x.convert
	case 5:
		b.convert = ppc
	case 6:
		b.convert = ia64
	case 7:
		b.convert = arm
	case 8:
		b.convert = armThumb
	case 9:
		b.convert = sparc
	case 10:
		b.convert = arm64
	default:
		return nil, unsupported("it is packed with a filter that is not known here")
	}
	return b, nil
}

func (b *branchReader) Read(p []byte) (int, error) {
	for b.off == b.done && (b.err == nil || b.done < len(b.buf)) {
		rest := copy(b.buf, b.buf[b.done:])
		if cap(b.buf) == 0 {
			b.buf = make([]byte, 0, 16<<10)
		}
		b.buf = b.buf[:rest]
		b.off, b.done = 0, 0
		if b.err == nil {
			n, err := b.r.Read(b.buf[rest:cap(b.buf)])
			b.buf = b.buf[:rest+n]
			b.err = err
		}
		b.done = b.convert(b.buf, b.ip)
		if b.err != nil {
			b.done = len(b.buf) // the end stays as it is
		}
		b.ip += uint32(b.done)
		if b.err != nil && len(b.buf) == 0 {
			break
		}
	}
	n := copy(p, b.buf[b.off:b.done])
	b.off += n
	if n > 0 {
		return n, nil
	}
	return 0, b.err
}

// x86 keeps where the last opcodes were, between calls.
type x86 struct {
	mask uint32
}

// convert follows x86_Convert of the LZMA SDK (Bra86.c, version 9).
func (x *x86) convert(b []byte, ip uint32) int {
	test := func(c byte) bool { return c == 0 || c == 0xff }
	allowed := [8]bool{true, true, true, false, true, false, false, false}
	number := [8]uint32{0, 1, 2, 2, 3, 3, 3, 3}
	if len(b) < 5 {
		return 0
	}
	ip += 5
	mask := x.mask & 7
	prev := -1 // prevPosT is bufferPos - 1 at first
	i := 0
	for {
		for i < len(b)-4 && b[i]&0xfe != 0xe8 {
			i++
		}
		if i >= len(b)-4 {
			break
		}
		gap := i - prev
		prev = i
		if gap > 3 {
			mask = 0
		} else {
			mask = mask << (gap - 1) & 7
			if mask != 0 {
				c := b[i+4-int(number[mask])]
				if !allowed[mask] || test(c) {
					mask = mask<<1&7 | 1
					i++
					continue
				}
			}
		}
		if test(b[i+4]) {
			src := uint32(b[i+4])<<24 | uint32(b[i+3])<<16 | uint32(b[i+2])<<8 | uint32(b[i+1])
			var dest uint32
			for range 4 { // it ends after two
				dest = src - (ip + uint32(i))
				if mask == 0 {
					break
				}
				at := number[mask] * 8
				c := byte(dest >> (24 - at))
				if !test(c) {
					break
				}
				src = dest ^ (1<<(32-at) - 1)
			}
			b[i+4] = ^byte(dest>>24&1 - 1)
			b[i+3], b[i+2], b[i+1] = byte(dest>>16), byte(dest>>8), byte(dest)
			i += 5
		} else {
			mask = mask<<1&7 | 1
			i++
		}
	}
	gap := i - prev
	if gap > 3 {
		x.mask = 0
	} else {
		x.mask = mask << (gap - 1) & 7
	}
	return i
}

func ppc(b []byte, ip uint32) int {
	i := 0
	for ; i+4 <= len(b); i += 4 {
		if b[i]>>2 == 0x12 && b[i+3]&3 == 1 {
			v := uint32(be32(b[i:]))&0x03fffffc - (ip + uint32(i))
			putBE(b[i:], 0x48000000|v&0x03fffffc|1)
		}
	}
	return i
}

func putBE(b []byte, v uint32) {
	b[0], b[1], b[2], b[3] = byte(v>>24), byte(v>>16), byte(v>>8), byte(v)
}

func arm(b []byte, ip uint32) int {
	i := 0
	for ; i+4 <= len(b); i += 4 {
		if b[i+3] == 0xeb {
			v := (uint32(u32(b[i:]))&0xffffff)<<2 - (ip + uint32(i) + 8)
			v >>= 2
			b[i], b[i+1], b[i+2] = byte(v), byte(v>>8), byte(v>>16)
		}
	}
	return i
}

func armThumb(b []byte, ip uint32) int {
	i := 0
	for ; i+4 <= len(b); i += 2 {
		if b[i+1]&0xf8 == 0xf0 && b[i+3]&0xf8 == 0xf8 {
			v := uint32(b[i+1]&7)<<19 | uint32(b[i])<<11 | uint32(b[i+3]&7)<<8 | uint32(b[i+2])
			v = (v<<1 - (ip + uint32(i) + 4)) >> 1
			b[i+1], b[i] = 0xf0|byte(v>>19)&7, byte(v>>11)
			b[i+3], b[i+2] = 0xf8|byte(v>>8)&7, byte(v)
			i += 2
		}
	}
	return i
}

func sparc(b []byte, ip uint32) int {
	i := 0
	for ; i+4 <= len(b); i += 4 {
		if b[i] == 0x40 && b[i+1]&0xc0 == 0 || b[i] == 0x7f && b[i+1]&0xc0 == 0xc0 {
			v := uint32(be32(b[i:]))<<2 - (ip + uint32(i))
			v >>= 2
			v = (0-(v>>22&1))<<22&0x3fffffff | v&0x3fffff | 0x40000000
			putBE(b[i:], v)
		}
	}
	return i
}

func arm64(b []byte, ip uint32) int {
	i := 0
	for ; i+4 <= len(b); i += 4 {
		v := uint32(u32(b[i:]))
		pc := ip + uint32(i)
		switch {
		case v>>26 == 0x25: // BL
			v = 0x94000000 | (v-pc>>2)&0x03ffffff
		case v&0x9f000000 == 0x90000000: // ADRP
			src := v>>29&3 | v>>3&0x1ffffc
			if (src+0x020000)&0x1c0000 != 0 {
				continue
			}
			dest := src - pc>>12
			v = v&0x9000001f | (dest&3)<<29 | (dest&0x3fffc)<<3 | (0-dest&0x020000)&0xe00000
		default:
			continue
		}
		b[i], b[i+1], b[i+2], b[i+3] = byte(v), byte(v>>8), byte(v>>16), byte(v>>24)
	}
	return i
}

func ia64(b []byte, ip uint32) int {
	slots := [32]byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 4, 6, 6, 0, 0, 7, 7, 4, 4, 0, 0, 4, 4, 0, 0}
	i := 0
	for ; i+16 <= len(b); i += 16 {
		mask := slots[b[i]&0x1f]
		for slot, pos := 0, 5; slot < 3; slot, pos = slot+1, pos+41 {
			if mask>>slot&1 == 0 {
				continue
			}
			at, shift := pos>>3, pos&7
			var v uint64
			for j := range 6 {
				v |= uint64(b[i+at+j]) << (8 * j)
			}
			norm := v >> shift
			if norm>>37&0xf != 5 || norm>>9&7 != 0 {
				continue
			}
			src := uint32(norm>>13&0xfffff) | uint32(norm>>36&1)<<20
			dest := (src<<4 - (ip + uint32(i))) >> 4
			norm &^= uint64(0x8fffff) << 13
			norm |= uint64(dest&0xfffff) << 13
			norm |= uint64(dest&0x100000) << (36 - 20)
			v = v&(1<<shift-1) | norm<<shift
			for j := range 6 {
				b[i+at+j] = byte(v >> (8 * j))
			}
		}
	}
	return i
}
