// Package compact makes packed modules smaller in memory without changing what
// they do. It is for tools that pack; guests and the gateway do not import it.
package compact

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// maxGap is up to how many zero octets between two segments are written out to
// make them one. A segment costs a runtime some 150 octets of memory.
const maxGap = 64

const (
	sectionData      = 11
	sectionDataCount = 12
)

var magic = []byte("\x00asm\x01\x00\x00\x00")

// Data merges active data segments that follow one another in memory, of which
// Go's linker writes tens of thousands. A module in which that could be seen,
// or that is not understood, comes back as it is:
//
//   - memory.init and data.drop name segments by number, and need a data count
//     section (WebAssembly 2.0 §5.5.16), so where there is one nothing is merged;
//   - segments are merged only where none overlaps another, at constant addresses
//     of memory 0: their order does not matter then, and the zeros between them
//     fall on memory that nothing was written to. The module's own memory begins
//     as zeros; one that is imported need not, so then nothing is merged.
func Data(module []byte) []byte {
	if !bytes.HasPrefix(module, magic) {
		return module
	}
	out := append(make([]byte, 0, len(module)), magic...)
	own := false
	for at := len(magic); at < len(module); {
		id := module[at]
		n, w := uleb(module[at+1:])
		begin := at + 1 + w
		if w == 0 || n > len(module)-begin {
			return module
		}
		body := module[begin : begin+n]
		switch id {
		case sectionDataCount:
			return module
		case 5: // memories: one of the module's own
			own = len(body) > 0 && body[0] == 1
		case sectionData:
			merged, ok := merge(body)
			if !own || !ok {
				return module
			}
			out = append(out, id)
			out = binary.AppendUvarint(out, uint64(len(merged)))
			out = append(out, merged...)
			at = begin + n
			continue
		}
		out = append(out, module[at:begin+n]...)
		at = begin + n
	}
	return out
}

// segment is an active segment of memory 0.
type segment struct {
	at   int
	data []byte
}

// merge rewrites the body of a data section; false: it is not understood.
func merge(body []byte) ([]byte, bool) {
	count, w := uleb(body)
	if w == 0 {
		return nil, false
	}
	body = body[w:]
	var all []segment
	for range count {
		s, rest, ok := read(body)
		if !ok {
			return nil, false
		}
		all, body = append(all, s), rest
	}
	if len(body) > 0 {
		return nil, false
	}
	slices.SortStableFunc(all, func(a, b segment) int { return a.at - b.at })
	var segs []segment
	for _, s := range all {
		if k := len(segs) - 1; k >= 0 {
			last := &segs[k]
			gap := s.at - (last.at + len(last.data))
			if gap < 0 {
				return nil, false
			}
			if gap <= maxGap {
				last.data = append(append(last.data, make([]byte, gap)...), s.data...)
				continue
			}
		}
		segs = append(segs, segment{s.at, bytes.Clone(s.data)})
	}
	out := binary.AppendUvarint(nil, uint64(len(segs)))
	for _, s := range segs {
		out = append(out, 0, 0x41) // active, i32.const
		out = appendSigned(out, int64(int32(uint32(s.at))))
		out = append(out, 0x0b)
		out = binary.AppendUvarint(out, uint64(len(s.data)))
		out = append(out, s.data...)
	}
	return out, true
}

// read takes one segment: kind 0, (i32.const n) end, octets.
func read(b []byte) (s segment, rest []byte, ok bool) {
	if len(b) < 4 || b[0] != 0 || b[1] != 0x41 {
		return s, nil, false
	}
	at, w := signed(b[2:])
	b = b[2+w:]
	if w == 0 || at < -1<<31 || at > 1<<31-1 || len(b) == 0 || b[0] != 0x0b {
		return s, nil, false
	}
	n, w := uleb(b[1:])
	if w == 0 || n > len(b)-1-w {
		return s, nil, false
	}
	return segment{int(uint32(int32(at))), b[1+w : 1+w+n]}, b[1+w+n:], true
}

// uleb reads a u32 in LEB128; w is 0 if there is none.
func uleb(b []byte) (v, w int) {
	u, w := binary.Uvarint(b)
	if w <= 0 || w > 5 || u > 1<<32-1 {
		return 0, 0
	}
	return int(u), w
}

// signed reads an s32 in LEB128; w is 0 if there is none.
func signed(b []byte) (v int64, w int) {
	for shift := 0; w < len(b) && w < 5; shift += 7 {
		c := b[w]
		w++
		v |= int64(c&0x7f) << shift
		if c&0x80 == 0 {
			if shift+7 < 64 && c&0x40 != 0 {
				v |= -1 << (shift + 7)
			}
			return v, w
		}
	}
	return 0, 0
}

func appendSigned(b []byte, v int64) []byte {
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if v == 0 && c&0x40 == 0 || v == -1 && c&0x40 != 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}
