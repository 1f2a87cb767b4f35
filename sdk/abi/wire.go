package abi

import "math"

// DecodeError says why bytes are not a record of this ABI.
type DecodeError string

func (e DecodeError) Error() string { return "abi: " + string(e) }

const (
	// ErrShort: a field, or the record itself, goes past the end.
	ErrShort DecodeError = "record cut short"
	// ErrCount: a list claims more items than its record has room for.
	ErrCount DecodeError = "list count too large"
	// ErrDepth: records nest deeper than MaxDepth.
	ErrDepth DecodeError = "records nested too deep"
	// ErrTail: bytes follow the record.
	ErrTail DecodeError = "bytes after the record"
)

// reader walks one encoded record. All strings it gives are parts of the one
// string the input was converted to.
type reader struct {
	s     string
	o     int // where the next field begins
	end   int // where the record at hand ends
	depth int
	err   error
}

func newReader(b []byte) reader {
	s := string(b)
	return reader{s: s, end: len(s)}
}

func (r *reader) fail(e DecodeError) {
	if r.err == nil {
		r.err = e
	}
	r.o = r.end
}

// done ends the decoding of a whole input.
func (r *reader) done() error {
	if r.err == nil && r.o != len(r.s) {
		return ErrTail
	}
	return r.err
}

// has reports whether a field of n octets is there. A field that is missing
// altogether is no error (an older writer); one that is cut is.
func (r *reader) has(n int) bool {
	if r.err != nil || r.o >= r.end {
		return false
	}
	if r.end-r.o < n {
		r.fail(ErrShort)
		return false
	}
	return true
}

// After fail nothing is left to read (o is end), so what follows asks for that alone.

func (r *reader) u32() uint32 {
	o := r.o
	if r.end-o < 4 {
		r.has(4)
		return 0
	}
	r.o = o + 4
	return load32(r.s, o)
}

func (r *reader) u64() uint64 {
	o := r.o
	if r.end-o < 8 {
		r.has(8)
		return 0
	}
	r.o = o + 8
	return load64(r.s, o)
}

func (r *reader) i32() int32   { return int32(r.u32()) }
func (r *reader) i64() int64   { return int64(r.u64()) }
func (r *reader) f64() float64 { return math.Float64frombits(r.u64()) }

func (r *reader) bool() bool {
	if !r.has(1) {
		return false
	}
	r.o++
	return r.s[r.o-1] != 0
}

func (r *reader) string() string {
	o := r.o
	if r.end-o < 4 {
		r.has(4)
		return ""
	}
	n := load32(r.s, o)
	o += 4
	if uint64(n) > uint64(r.end-o) {
		r.fail(ErrShort)
		return ""
	}
	r.o = o + int(n)
	return r.s[o:r.o]
}

func (r *reader) bytes() []byte {
	s := r.string()
	if s == "" {
		return nil
	}
	return []byte(s)
}

// count reads the length of a list whose items take at least size octets each.
func (r *reader) count(size int) int {
	n := r.u32()
	if r.err != nil {
		return 0
	}
	if uint64(n)*uint64(size) > uint64(r.end-r.o) {
		r.fail(ErrCount)
		return 0
	}
	return int(n)
}

// item reports whether another item of a list is there; items, unlike fields,
// are never missing.
func (r *reader) item() bool {
	if r.err == nil && r.o >= r.end {
		r.fail(ErrShort)
	}
	return r.err == nil
}

// enter goes into a record and returns the end of the enclosing one for leave.
// It is false when the record is missing or does not fit.
func (r *reader) enter() (outer int, ok bool) {
	outer = r.end
	if r.err != nil || r.o >= r.end {
		return outer, false
	}
	n := r.u32()
	if r.err != nil {
		return outer, false
	}
	if uint64(n) > uint64(r.end-r.o) {
		r.fail(ErrShort)
		return outer, false
	}
	if r.depth++; r.depth > MaxDepth {
		r.fail(ErrDepth)
		return outer, false
	}
	r.end = r.o + int(n)
	return outer, true
}

// leave skips the fields this version does not know.
func (r *reader) leave(outer int) {
	r.depth--
	r.o = r.end
	r.end = outer
	if r.err != nil {
		r.o = outer
	}
}

func appendU32(b []byte, v uint32) []byte {
	return append(b, byte(v), byte(v>>8), byte(v>>16), byte(v>>24))
}

func appendU64(b []byte, v uint64) []byte {
	return append(b, byte(v), byte(v>>8), byte(v>>16), byte(v>>24),
		byte(v>>32), byte(v>>40), byte(v>>48), byte(v>>56))
}

func appendF64(b []byte, v float64) []byte { return appendU64(b, math.Float64bits(v)) }

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

func appendString(b []byte, s string) []byte {
	return append(appendU32(b, uint32(len(s))), s...)
}

func appendBytes(b, v []byte) []byte {
	return append(appendU32(b, uint32(len(v))), v...)
}

// begin leaves room for a record's length; end fills it in.
func begin(b []byte) ([]byte, int) { return append(b, 0, 0, 0, 0), len(b) }

func end(b []byte, at int) []byte {
	n := uint32(len(b) - at - 4)
	b[at], b[at+1], b[at+2], b[at+3] = byte(n), byte(n>>8), byte(n>>16), byte(n>>24)
	return b
}

// unknown spells an enum value that has no name: "stage(77)".
func unknown(enum string, v uint32) string {
	var d [10]byte
	i := len(d)
	for {
		i--
		d[i] = byte('0' + v%10)
		if v /= 10; v == 0 {
			return enum + "(" + string(d[i:]) + ")"
		}
	}
}

func appendI64(b []byte, v int64) []byte { return appendU64(b, uint64(v)) }
