package archive

import (
	"bytes"
	"hash/crc32"
	"io"
	"strconv"
	"strings"
)

const (
	arjGarbled = 0x01
	arjVolume  = 0x04 // goes on in another volume
	arjExtFile = 0x08 // began in another volume
)

// arj walks an ARJ archive (ARJ 2.x/3.x, technote.doc).
func (w *walker) arj(s source, p place) (int64, error) {
	off := int64(0)
	main, locked, volume := true, false, false
	for {
		h, data, err := arjHeader(s, off)
		if err != nil {
			return -1, err
		}
		if h == nil { // the end
			break
		}
		if err := w.b.entry(); err != nil {
			return -1, err
		}
		flags := h[4]
		if main {
			main = false
			volume = volume || flags&arjVolume != 0
			off = data
			continue
		}
		packed, size := u32(h[12:]), u32(h[16:])
		if packed > s.size-data {
			return -1, tooShort
		}
		name, _, _ := strings.Cut(string(h[h[0]:]), "\x00")
		e := p.entry(strings.ReplaceAll(name, "\\", "/"))
		e.Size = size
		volume = volume || flags&(arjVolume|arjExtFile) != 0
		off = data + packed
		if flags&arjGarbled != 0 {
			e.Encrypted = true
			if !locked {
				locked = true
				if err := w.sealedEntry(e); err != nil {
					return -1, err
				}
			}
			if err := w.opaque(e); err != nil {
				return -1, err
			}
			continue
		}
		if err := w.arjFile(e, s.section(data, packed), h); err != nil {
			return -1, err
		}
	}
	if volume {
		return -1, damaged("it is one of several volumes")
	}
	return off + 4, nil
}

// arjHeader reads the header at off, and where its data begins; nil is the end.
func arjHeader(s source, off int64) ([]byte, int64, error) {
	b, err := s.at(off, 4)
	if err != nil {
		return nil, 0, err
	}
	n := u16(b[2:])
	if string(b[:2]) != markARJ || n > 2600 || n > 0 && n < 30 {
		return nil, 0, damaged("the header of an entry is broken")
	}
	if n == 0 {
		return nil, 0, nil
	}
	if b, err = s.at(off+4, n+4); err != nil {
		return nil, 0, err
	}
	h := b[:n]
	if crc32.ChecksumIEEE(h) != uint32(u32(b[n:])) || h[0] < 30 || int64(h[0]) > n || bytes.IndexByte(h[h[0]:], 0) < 0 {
		return nil, 0, damaged("the header of an entry has a wrong checksum")
	}
	data := off + 4 + n + 4
	for range 100 { // extended headers
		x, err := s.at(data, 2)
		if err != nil {
			return nil, 0, err
		}
		data += 2
		k := u16(x)
		if k == 0 {
			return h, data, nil
		}
		data += k + 4
	}
	return nil, 0, damaged("the header of an entry is broken")
}

func (w *walker) arjFile(e *Entry, raw source, h []byte) error {
	at := place{e.Path, e.Name, e.Depth}
	method, typ, sum := h[5], h[6], uint32(u32(h[20:]))
	if typ == 3 || typ == 4 || typ == 5 { // directory, label, chapter
		e.Dir = true
		return w.opaque(e)
	}
	var r io.Reader
	in := newInput(raw.stream(0, raw.size))
	switch method {
	case 0:
		if err := w.visit(e, raw, nil, raw.size, false); err != nil {
			return err
		}
		return w.fault(at, w.verify(raw, sum))
	case 1, 2, 3:
		r = newLH(in, 17, 5, e.Size)
	case 4:
		f := &arjFastest{}
		f.in, f.left = in, e.Size
		r = f
	case 8, 9: // no data
		e.Dir = true
		return w.opaque(e)
	default:
		if err := w.opaque(e); err != nil {
			return err
		}
		return w.fault(at, unsupported("it is packed in a way that is not decoded here (ARJ method "+strconv.Itoa(int(method))+")"))
	}
	sp := newSpool(w.b, r, e.Size)
	sp.check, sp.expect = true, sum
	return w.visitSolid(e, sp, e.Size)
}
