package archive

import (
	"bufio"
	"compress/bzip2"
	"compress/flate"
	"io"
	"strings"
)

// Compression methods of ZIP (APPNOTE.TXT §4.4.5).
const (
	methodStored    = 0
	methodDeflated  = 8
	methodDeflate64 = 9
	methodBzip2     = 12
	methodLZMA      = 14
	methodOldZstd   = 20
	methodZstd      = 93
	methodXZ        = 95
	methodAES       = 99
)

// contents visits entries in the order of the directory.
func (z *zipWalk) contents(es []zipEntry) error {
	for i := range es {
		if err := z.content1(&es[i]); err != nil {
			return err
		}
	}
	return nil
}

func (z *zipWalk) content1(e *zipEntry) error {
	en := z.p.entry(e.name)
	en.Size = e.size
	if e.encrypted() {
		if z.b.key != nil {
			return z.unlock(e, en)
		}
		en.Encrypted = true
		return z.opaque(en)
	}
	if e.end <= e.data || e.end > z.s.size {
		en.Dir = e.size == 0 && strings.HasSuffix(strings.ReplaceAll(e.name, "\\", "/"), "/")
		if en.Dir || e.size == 0 {
			return z.opaque(en)
		}
		return z.opaque(en)
	}
	at := place{en.Path, en.Name, en.Depth}
	raw := z.s.section(e.data, e.end-e.data)
	if e.method == methodStored {
		if raw.size != e.size && e.size >= 0 {
			return z.fault(at, damaged("it unpacks to less or more than it says"))
		}
		if err := z.visit(en, raw, nil, raw.size, z.plain); err != nil {
			return err
		}
		if e.hidden {
			return nil
		}
		return z.fault(at, z.verify(raw, e.sum))
	}
	r, err := z.decoder(e, raw)
	if err != nil {
		if err := z.opaque(en); err != nil {
			return err
		}
		return z.fault(at, err)
	}
	defer z.b.release(r)
	sp := newSpool(z.b, r, e.size)
	defer sp.close()
	sp.check, sp.expect = !e.hidden, e.sum
	size := e.size
	if size < 0 {
		if size, err = sp.finish(); err != nil && size == 0 {
			return z.fault(at, err)
		}
	}
	return z.visit(en, source{sp, size}, sp, raw.size, false)
}

// decoder unpacks an entry's data.
func (z *zipWalk) decoder(e *zipEntry, raw source) (io.Reader, error) {
	r := raw.stream(0, raw.size)
	switch e.method {
	case methodDeflated:
		return z.b.inflate(r), nil
	case methodDeflate64:
		return newInflate64(newInput(r)), nil
	case methodBzip2:
		return bzip2.NewReader(bufio.NewReaderSize(r, 4096)), nil
	case methodLZMA: // §5.8: a version, the length of the properties, the properties
		in := newInput(r)
		var h [9]byte
		in.take(h[:])
		if u16(h[2:]) != 5 {
			return nil, damaged("its header is broken")
		}
		size := e.size
		if e.flags&2 != 0 { // an end mark follows
			size = -1
		}
		return newLZMA(z.b, in, h[4:], size)
	case methodXZ:
		return newXZ(z.b, r), nil
	case methodZstd, methodOldZstd:
		return newZstd(z.b, r)
	}
	return nil, unsupported(methodName(e.method))
}

// sound: an entry the directory does not have is one as far as its data can be
// unpacked.
func (z *zipWalk) sound(e *zipEntry) bool {
	if e.name == "" || strings.ContainsRune(e.name, 0) {
		return false
	}
	if e.method == methodStored {
		return e.packed == e.size
	}
	raw := z.s.section(e.data, e.end-e.data)
	r, err := z.decoder(e, raw)
	if err != nil {
		return true
	}
	defer z.b.release(r)
	b := make([]byte, 64)
	_, err = io.ReadFull(r, b)
	return err == nil || err == io.EOF && e.size == 0 || err == io.ErrUnexpectedEOF && e.size < 64
}

// inflate gives an inflater; each is 45 KB, and there may be thousands of
// entries, so they are used again.
func (b *Budget) inflate(r io.Reader) io.Reader {
	if n := len(inflaters); n > 0 {
		f := inflaters[n-1]
		inflaters = inflaters[:n-1]
		if f.(flate.Resetter).Reset(r, nil) == nil {
			return f
		}
	}
	return flate.NewReader(r)
}

// inflaters are unused; a guest has one call at a time, and natively tests do
// not run walks in parallel.
var inflaters []io.ReadCloser

// release gives a decoder back.
func (b *Budget) release(r io.Reader) {
	if f, ok := r.(freer); ok {
		f.free()
		return
	}
	f, ok := r.(io.ReadCloser)
	if _, resets := r.(flate.Resetter); ok && resets {
		if len(inflaters) < 4 {
			_ = f.(flate.Resetter).Reset(nothing{}, nil) // lets go of what it read from
			inflaters = append(inflaters, f)
		}
	}
}

// freer is a decoder that holds memory of the budget.
type freer interface{ free() }

type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, io.EOF }
func (nothing) ReadByte() (byte, error)  { return 0, io.EOF }
