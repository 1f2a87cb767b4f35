package meter

import (
	"errors"
	"fmt"
)

var errTruncated = errors.New("truncated")

// reader reads a part of a module. Its first error sticks: every later read
// gives zero, so loops must ask ok. base is the part's offset in the module.
type reader struct {
	b    []byte
	off  int
	base int
	err  error
}

func (r *reader) ok() bool   { return r.err == nil }
func (r *reader) left() int  { return len(r.b) - r.off }
func (r *reader) more() bool { return r.err == nil && r.off < len(r.b) }

func (r *reader) failed(err error) {
	if r.err == nil {
		r.err = fmt.Errorf("offset %#x: %w", r.base+r.off, err)
	}
}

// fail is for malformed input, refuse for what is not supported.
func (r *reader) fail(format string, a ...any) { r.failed(fmt.Errorf(format, a...)) }
func (r *reader) refuse(format string, a ...any) {
	r.failed(fmt.Errorf("%s: %w", fmt.Sprintf(format, a...), ErrUnsupported))
}

func (r *reader) u8() byte {
	if r.err != nil {
		return 0
	}
	if r.off >= len(r.b) {
		r.failed(errTruncated)
		return 0
	}
	c := r.b[r.off]
	r.off++
	return c
}

// u32 reads an unsigned LEB128 of at most 32 bits: at most 5 bytes, none of
// the bits beyond the 32nd set.
func (r *reader) u32() uint32 {
	if r.err == nil && r.off < len(r.b) && r.b[r.off] < 0x80 {
		r.off++
		return uint32(r.b[r.off-1])
	}
	var v uint32
	for shift := 0; shift < 35; shift += 7 {
		c := r.u8()
		if r.err != nil {
			return 0
		}
		if shift == 28 && c > 0x0f {
			r.fail("integer too large")
			return 0
		}
		v |= uint32(c&0x7f) << shift
		if c < 0x80 {
			return v
		}
	}
	r.fail("integer representation too long")
	return 0
}

// sleb reads a signed LEB128 of the given width; the unused bits of the last
// byte must repeat the sign.
func (r *reader) sleb(bits int) int64 {
	var v int64
	for shift := 0; ; shift += 7 {
		c := r.u8()
		if r.err != nil {
			return 0
		}
		v |= int64(c&0x7f) << shift
		if rest := bits - shift; rest <= 7 {
			if c >= 0x80 {
				r.fail("integer representation too long")
				return 0
			}
			sign := int8(c<<1) >> 1                                           // the 7 bits, sign-extended
			if top := sign >> (rest - 1); rest < 7 && top != 0 && top != -1 { // unused bits and the sign agree
				r.fail("integer too large")
				return 0
			}
		}
		if c < 0x80 {
			if shift < 57 && c&0x40 != 0 {
				v |= -1 << (shift + 7)
			}
			return v
		}
	}
}

// vector reads the number of a vector instruction, of which the compiler reads one
// byte: that of those from 128 on is followed by a 1 (LEB128), which it takes for a
// nop. In a longer encoding it would read other instructions than we do, loops that
// do not pay among them, so that is refused.
func (r *reader) vector() uint32 {
	from := r.off
	k := r.u32()
	if n := r.off - from; r.ok() && (n > 2 || n == 2 && k < 0x80) {
		r.refuse("vector opcode %#x in %d bytes", k, n)
	}
	return k
}

func (r *reader) take(n uint32) []byte {
	if r.err != nil {
		return nil
	}
	if uint64(n) > uint64(r.left()) {
		r.failed(errTruncated)
		return nil
	}
	o := r.off
	r.off += int(n)
	return r.b[o:r.off:r.off]
}

func (r *reader) name() []byte { return r.take(r.u32()) }

// sub gives a reader for the next n bytes.
func (r *reader) sub(n uint32) reader {
	base := r.base + r.off
	b := r.take(n)
	return reader{b: b, base: base, err: r.err}
}

// count reads a vector's length, whose items take at least least bytes each.
func (r *reader) count(least int) uint32 {
	n := r.u32()
	if r.err == nil && uint64(n)*uint64(least) > uint64(r.left()) {
		r.fail("vector of %d items is longer than its section", n)
		return 0
	}
	return n
}

// atMost refuses more of something than a plugin may have.
func (r *reader) atMost(what string, n, limit uint32) uint32 {
	if n > limit {
		r.refuse("%d %s, at most %d", n, what, limit)
		return 0
	}
	return n
}

// index reads an index that must be below n.
func (r *reader) index(what string, n uint32) uint32 {
	i := r.u32()
	if r.err == nil && i >= n {
		r.fail("%s index %d of %d", what, i, n)
		return 0
	}
	return i
}

// end reports what is left over.
func (r *reader) end() error {
	if r.err == nil && r.off != len(r.b) {
		r.fail("%d bytes too many", r.left())
	}
	return r.err
}

func appendU32(b []byte, v uint32) []byte {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

func appendS32(b []byte, v int32) []byte {
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if v == 0 && c&0x40 == 0 || v == -1 && c&0x40 != 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}

func appendName(b []byte, s []byte) []byte {
	return append(appendU32(b, uint32(len(s))), s...)
}
