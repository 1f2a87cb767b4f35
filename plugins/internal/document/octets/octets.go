// Package octets reads formats by ranges: of a large attachment only the few
// octets that matter are fetched. It knows no format.
package octets

import (
	"bytes"
	"io"
	"unicode/utf16"
)

// Source is content that is read by ranges.
type Source struct {
	R    io.ReaderAt
	Size int64
}

// Of gives the source of content in memory.
func Of(b []byte) Source { return Source{bytes.NewReader(b), int64(len(b))} }

// damage is an error that lies in the content.
type damage string

func (d damage) Error() string { return string(d) }

// ErrShort says that content ends before what it announces.
const ErrShort = damage("it ends too early")

// At reads n octets at off; ErrShort where there are not as many.
func (s Source) At(off, n int64) ([]byte, error) {
	if off < 0 || n < 0 || off > s.Size || n > s.Size-off {
		return nil, ErrShort
	}
	b := make([]byte, n)
	if n == 0 {
		return b, nil
	}
	m, err := s.R.ReadAt(b, off)
	if int64(m) == n {
		return b, nil
	}
	if err == nil || err == io.EOF {
		return nil, ErrShort
	}
	return nil, err
}

// Head reads the first n octets, or fewer where there are no more.
func (s Source) Head(n int64) ([]byte, error) { return s.At(0, min(n, s.Size)) }

// Range reads what there is of n octets at off.
func (s Source) Range(off, n int64) ([]byte, error) {
	off = min(max(off, 0), s.Size)
	return s.At(off, min(max(n, 0), s.Size-off))
}

// Section gives a part as a source of its own, cut where the content ends.
func (s Source) Section(off, n int64) Source {
	off = min(max(off, 0), s.Size)
	n = min(max(n, 0), s.Size-off)
	return Source{io.NewSectionReader(s.R, off, n), n}
}

// Reader reads the source from its beginning.
func (s Source) Reader() io.Reader { return io.NewSectionReader(s.R, 0, s.Size) }

// Pages keeps recently read pages, so that many small reads cost few large
// ones. It is not for concurrent use.
type Pages struct {
	r     io.ReaderAt
	size  int64
	pages [pageCount]page
	clock uint64
	err   error // of the reader, not of the content
}

const (
	pageSize  = 16 << 10
	pageCount = 16
)

type page struct {
	off  int64 // -1 unused
	used uint64
	b    []byte
}

// NewPages reads r, of size octets, by pages.
func NewPages(r io.ReaderAt, size int64) *Pages {
	p := &Pages{r: r, size: max(size, 0)}
	for i := range p.pages {
		p.pages[i].off = -1
	}
	return p
}

// Err is the first error of the reader below other than io.EOF.
func (p *Pages) Err() error { return p.err }

// ReadAt implements io.ReaderAt.
func (p *Pages) ReadAt(b []byte, off int64) (int, error) {
	if p.err != nil {
		return 0, p.err
	}
	n := 0
	for n < len(b) && off < p.size {
		if off%pageSize == 0 && len(b)-n >= pageSize {
			// Whole pages go straight through.
			want := (int64(len(b)-n) / pageSize) * pageSize
			want = min(want, p.size-off)
			m, err := p.r.ReadAt(b[n:n+int(want)], off)
			n, off = n+m, off+int64(m)
			if int64(m) < want {
				return n, p.fail(err)
			}
			continue
		}
		pg, err := p.page(off - off%pageSize)
		if err != nil {
			return n, err
		}
		at := int(off % pageSize)
		if at >= len(pg.b) {
			return n, io.EOF
		}
		m := copy(b[n:], pg.b[at:])
		n, off = n+m, off+int64(m)
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (p *Pages) fail(err error) error {
	if err == nil || err == io.EOF || err == io.ErrUnexpectedEOF {
		return io.EOF
	}
	p.err = err
	return err
}

func (p *Pages) page(off int64) (*page, error) {
	p.clock++
	oldest := 0
	for i := range p.pages {
		pg := &p.pages[i]
		if pg.off == off {
			pg.used = p.clock
			return pg, nil
		}
		if pg.used < p.pages[oldest].used {
			oldest = i
		}
	}
	pg := &p.pages[oldest]
	pg.off = -1
	if pg.b == nil {
		pg.b = make([]byte, 0, min(pageSize, p.size))
	}
	want := min(pageSize, p.size-off)
	m, err := p.r.ReadAt(pg.b[:want], off)
	if int64(m) < want {
		if err := p.fail(err); err != io.EOF {
			return nil, err
		}
	}
	pg.off, pg.used, pg.b = off, p.clock, pg.b[:m]
	return pg, nil
}

// Little-endian numbers.

// U16 reads a little-endian number of 16 bits.
func U16(b []byte) int { return int(b[0]) | int(b[1])<<8 }

// U32 reads a little-endian number of 32 bits.
func U32(b []byte) uint32 {
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}

// U64 reads a little-endian number of 64 bits.
func U64(b []byte) uint64 { return uint64(U32(b)) | uint64(U32(b[4:]))<<32 }

// UTF16 makes a string of little-endian UTF-16.
func UTF16(b []byte) string {
	u := make([]uint16, len(b)/2)
	for i := range u {
		u[i] = uint16(U16(b[2*i:]))
	}
	return string(utf16.Decode(u))
}
