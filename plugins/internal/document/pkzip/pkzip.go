// Package pkzip opens the ZIP packages that documents are (OPC, ODF). It reads
// the directory and the entries that are asked for; to look for what an archive
// hides is for package archive.
package pkzip

import (
	"bytes"
	"compress/flate"
	"io"

	"github.com/mailweir/weir/plugins/internal/document/octets"
)

// Marks of the format (APPNOTE.TXT §4.3).
const (
	localMark   = "PK\x03\x04"
	centralMark = "PK\x01\x02"
	endMark     = "PK\x05\x06"
	end64Mark   = "PK\x06\x06"
	loc64Mark   = "PK\x06\x07"
)

const (
	localLen, centralLen, endLen = 30, 46, 22
	maxComment                   = 1<<16 - 1
	maxTrailing                  = 64 << 10 // octets behind the archive that are looked past
)

type damage string

func (d damage) Error() string { return string(d) }

// What a package may be damaged in.
const (
	ErrNoDirectory = damage("its ZIP directory is missing or damaged")
	errLocal       = damage("an entry of its ZIP directory leads nowhere")
	errMethod      = damage("an entry is compressed in a way that cannot be read")
	errData        = damage("the data of an entry cannot be unpacked")
	errDouble      = damage("an entry is described in two ways")
)

// Entry is one file of the package.
type Entry struct {
	Name         string // with slashes
	Encrypted    bool
	Size, Packed int64 // as announced
	Method       int

	off int64
}

// Package is an opened directory.
type Package struct {
	Entries []Entry

	s        octets.Source
	inflater io.ReadCloser
}

// Open reads the directory. entry is asked for each; false ends with an error.
func Open(s octets.Source, entry func() bool) (*Package, error) {
	p := &Package{s: s}
	off, size, base, err := findDirectory(s)
	if err != nil {
		return nil, err
	}
	for stop := off + size; off+centralLen <= stop; {
		h, err := s.At(off, centralLen)
		if err != nil {
			return nil, err
		}
		if string(h[:4]) != centralMark {
			break
		}
		if !entry() {
			return nil, damage("it has too many entries")
		}
		n, m, k := int64(octets.U16(h[28:])), int64(octets.U16(h[30:])), int64(octets.U16(h[32:]))
		rest, err := s.At(off+centralLen, n+m)
		if err != nil {
			return nil, err
		}
		e := Entry{
			Name:      string(bytes.ReplaceAll(rest[:n], []byte{'\\'}, []byte{'/'})),
			Encrypted: octets.U16(h[8:])&(1|1<<6|1<<13) != 0,
			Method:    octets.U16(h[10:]),
			Packed:    int64(octets.U32(h[20:])),
			Size:      int64(octets.U32(h[24:])),
			off:       int64(octets.U32(h[42:])),
		}
		if e.Method == 99 {
			e.Encrypted = true
		}
		extra64(&e, rest[n:])
		e.off += base
		p.Entries = append(p.Entries, e)
		off += centralLen + n + m + k
	}
	if len(p.Entries) == 0 {
		return nil, ErrNoDirectory
	}
	return p, nil
}

// extra64 takes sizes and offset from the ZIP64 extra field (§4.5.3).
func extra64(e *Entry, b []byte) {
	for len(b) >= 4 {
		id, n := octets.U16(b), octets.U16(b[2:])
		b = b[4:]
		if n > len(b) {
			return
		}
		if id == 1 {
			f := b[:n]
			for _, v := range []*int64{&e.Size, &e.Packed, &e.off} {
				if *v == 0xffffffff && len(f) >= 8 {
					*v, f = int64(octets.U64(f)&(1<<62-1)), f[8:]
				}
			}
		}
		b = b[n:]
	}
}

// findDirectory looks for the end record from the end of the source.
func findDirectory(s octets.Source) (off, size, base int64, err error) {
	from := max(0, s.Size-endLen-maxComment-maxTrailing)
	tail, err := s.At(from, s.Size-from)
	if err != nil {
		return 0, 0, 0, err
	}
	for end := len(tail); ; {
		i := bytes.LastIndex(tail[:end], []byte(endMark))
		if i < 0 {
			return 0, 0, 0, ErrNoDirectory
		}
		if len(tail)-i >= endLen {
			off, size, base, ok, err := readEnd(s, from+int64(i), tail[i:])
			if ok || err != nil {
				return off, size, base, err
			}
		}
		end = i + len(endMark) - 1
	}
}

func readEnd(s octets.Source, at int64, b []byte) (off, size, base int64, ok bool, err error) {
	size, off = int64(octets.U32(b[12:])), int64(octets.U32(b[16:]))
	stop := at
	if octets.U16(b[10:]) == 0xffff || size == 0xffffffff || off == 0xffffffff {
		l, err := s.Range(at-20, 20)
		if err != nil {
			return 0, 0, 0, false, err
		}
		if len(l) == 20 && string(l[:4]) == loc64Mark {
			for _, p := range []int64{at - 76, int64(octets.U64(l[8:]) & (1<<62 - 1))} {
				r, err := s.Range(p, 56)
				if err != nil {
					return 0, 0, 0, false, err
				}
				if p >= 0 && len(r) == 56 && string(r[:4]) == end64Mark {
					size, off, stop = int64(octets.U64(r[40:])&(1<<62-1)), int64(octets.U64(r[48:])&(1<<62-1)), p
					break
				}
			}
		}
	}
	for _, start := range []int64{stop - size, off} {
		if start < 0 || start > s.Size-4 {
			continue
		}
		m, err := s.Range(start, 4)
		if err != nil {
			return 0, 0, 0, false, err
		}
		if string(m) == centralMark {
			return start, size, start - off, true, nil
		}
	}
	return 0, 0, 0, false, nil
}

// Open reads an entry. Only one may be read at a time. It ends with an error
// unless all data was there; what reads it bounds it.
func (p *Package) Open(e *Entry) (io.Reader, error) {
	raw, err := p.raw(e)
	if err != nil {
		return nil, err
	}
	if e.Method == 0 {
		return raw.Reader(), nil
	}
	if e.Method != 8 {
		return nil, errMethod
	}
	if p.inflater == nil {
		p.inflater = flate.NewReader(raw.Reader())
	} else if err := p.inflater.(flate.Resetter).Reset(raw.Reader(), nil); err != nil {
		return nil, err
	}
	return inflated{p.inflater}, nil
}

// Stored gives an entry that is not compressed, for ranged reads.
func (p *Package) Stored(e *Entry) (octets.Source, bool) {
	if e.Method != 0 || e.Encrypted {
		return octets.Source{}, false
	}
	raw, err := p.raw(e)
	return raw, err == nil
}

func (p *Package) raw(e *Entry) (octets.Source, error) {
	h, err := p.s.At(e.off, localLen)
	if err != nil || string(h[:4]) != localMark {
		return octets.Source{}, errLocal
	}
	n, m := int64(octets.U16(h[26:])), int64(octets.U16(h[28:]))
	name, err := p.s.At(e.off+localLen, n)
	if err != nil {
		return octets.Source{}, errLocal
	}
	if octets.U16(h[8:]) != e.Method || string(bytes.ReplaceAll(name, []byte{'\\'}, []byte{'/'})) != e.Name {
		return octets.Source{}, errDouble
	}
	data := e.off + localLen + n + m
	if data > p.s.Size || e.Packed > p.s.Size-data {
		return octets.Source{}, errLocal
	}
	return p.s.Section(data, e.Packed), nil
}

// inflated tells broken data from a source that could not be read.
type inflated struct{ r io.Reader }

func (i inflated) Read(b []byte) (int, error) {
	n, err := i.r.Read(b)
	if err == io.ErrUnexpectedEOF {
		err = errData
	} else if _, ok := err.(flate.CorruptInputError); ok {
		err = errData
	}
	return n, err
}
