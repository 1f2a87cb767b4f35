package archive

import (
	"bufio"
	"errors"
	"hash/crc32"
	"io"
	"strings"

	"github.com/nwaples/rardecode/v2"
)

// rar5 walks the blocks of a RAR 5 archive (RAR 5.0 archive format).
func (w *walker) rar5(s source, p place) (int64, error) {
	off, end := int64(8), int64(-1)
	locked, files, volume := false, 0, false
	var cost []byte // of the keys of its files, each as a power of two
loop:
	for {
		if off == s.size {
			end = off
			break
		}
		head, err := s.upTo(off, 14)
		if err != nil {
			return -1, err
		}
		if len(head) < 5 {
			return -1, tooShort
		}
		size, n := vint(head[4:])
		if n == 0 || size <= 0 || size > 2<<20 {
			return -1, damaged("a block has no length")
		}
		b, err := s.at(off+4, n+size)
		if err != nil {
			return -1, err
		}
		if crc32.ChecksumIEEE(b) != uint32(u32(head)) {
			return -1, damaged("the header of a block has a wrong checksum")
		}
		if err := w.b.entry(); err != nil {
			return -1, err
		}
		b = b[n:]
		next := off + 4 + n + size
		r := vints{b: b}
		typ, flags := r.next(), r.next()
		extra, data := int64(0), int64(0)
		if flags&1 != 0 {
			extra = r.next()
		}
		if flags&2 != 0 {
			data = r.next()
		}
		if r.bad || extra < 0 || extra > size || data < 0 || data > s.size-next {
			return -1, damaged("a block ends beyond the archive")
		}
		switch typ {
		case 1: // archive header
			if r.next()&1 != 0 {
				volume = true
			}
		case 4: // archive encryption: every header behind it is encrypted
			if w.b.key == nil {
				return -1, sealed{}
			}
			r.next()
			r.next()
			return -1, w.rarUnlock(s, p, r.take(1))
		case 2: // file
			files++
			if rec, ok := rar5Encrypted(b[size-extra:]); ok && w.b.key != nil {
				locked, cost = true, append(cost, rec...)
			} else if ok {
				e := p.entry("")
				*e = *p.entry(rar5Name(&r))
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
			}
			if flags&0x18 != 0 { // begins in, or goes on in, another volume
				volume = true
			}
		case 5: // end
			if r.next()&1 != 0 {
				volume = true
			}
			end = next
			break loop
		}
		off = next + data
	}
	if volume {
		return end, damaged("it is one of several volumes")
	}
	if locked && w.b.key != nil {
		return end, w.rarUnlock(s, p, cost)
	}
	if locked || files == 0 {
		return end, nil
	}
	return end, w.rarContents(s, p)
}

// rar5Encrypted looks for the encryption record (type 1) of an extra area. cost
// is its KDF count, of one octet.
func rar5Encrypted(b []byte) (cost []byte, ok bool) {
	for len(b) > 0 {
		size, n := vint(b)
		if n == 0 || size <= 0 || size > int64(len(b))-n {
			return nil, false
		}
		if typ, k := vint(b[n : n+size]); k > 0 && typ == 1 {
			r := vints{b: b[n+k : n+size]}
			r.next() // version
			r.next() // flags
			return r.take(1), true
		}
		b = b[n+size:]
	}
	return nil, false
}

// rar5Name reads on in a file header behind its data size.
func rar5Name(r *vints) string {
	flags := r.next()
	r.next() // unpacked size
	r.next() // attributes
	if flags&2 != 0 {
		r.skip(4) // mtime
	}
	if flags&4 != 0 {
		r.skip(4) // CRC
	}
	r.next() // compression
	r.next() // host system
	return string(r.take(r.next()))
}

// rarMemory is the largest dictionary that is decoded.
const rarMemory = 16 << 20

// rarContents unpacks the files of an archive that has no encrypted ones.
func (w *walker) rarContents(s source, p place) (err error) {
	defer recovered(&err)
	if !w.b.hold(rarMemory) {
		return exceeded("there is no memory left to unpack it (" + mib(w.b.lim.Memory) + ")")
	}
	defer w.b.drop(rarMemory)
	r, err := rardecode.NewReader(bufio.NewReaderSize(s.stream(0, s.size), 16<<10), rardecode.MaxDictionarySize(rarMemory))
	if err != nil {
		return rarError(err)
	}
	for {
		h, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return rarError(err)
		}
		e := p.entry(strings.ReplaceAll(h.Name, "\\", "/"))
		if e.Dir = h.IsDir || h.LinkType != 0; e.Dir {
			e.Size = 0
			if err := w.opaque(e); err != nil {
				return err
			}
			continue
		}
		size := h.UnPackedSize
		if h.UnKnownSize {
			size = -1
		}
		if err := w.b.declared(size, s.size); err != nil {
			return err
		}
		if err := w.rarFile(e, &rarReader{r: r}, size); err != nil {
			return err
		}
	}
}

func (w *walker) rarFile(e *Entry, r io.Reader, size int64) error {
	sp := newSpool(w.b, r, size)
	if size < 0 {
		defer sp.close()
		n, err := sp.finish()
		if err == nil {
			e.Size = n
			return w.visit(e, source{sp, n}, sp, 0, false)
		}
		return w.fault(place{e.Path, e.Name, e.Depth}, err)
	}
	return w.visitSolid(e, sp, size)
}

// rarReader keeps rardecode's errors apart from ours.
type rarReader struct{ r *rardecode.Reader }

func (r *rarReader) Read(p []byte) (n int, err error) {
	defer recovered(&err)
	n, err = r.r.Read(p)
	if err != nil && err != io.EOF {
		err = rarError(err)
	}
	return n, err
}

func rarError(err error) error {
	switch {
	case errors.Is(err, rardecode.ErrDictionaryTooLarge):
		return exceeded("unpacking it needs a dictionary larger than can be held for inspection (" + mib(rarMemory) + ")")
	case errors.Is(err, rardecode.ErrUnknownDecoder), errors.Is(err, rardecode.ErrUnsupportedDecoder):
		return unsupported("it is packed by a version of RAR that is not decoded here")
	case errors.Is(err, rardecode.ErrArchiveEncrypted), errors.Is(err, rardecode.ErrArchivedFileEncrypted):
		return sealed{}
	case errors.Is(err, rardecode.ErrBadFileChecksum):
		return damaged("its checksum is wrong")
	}
	switch err.(type) {
	case damaged, exceeded:
		return err
	}
	return damaged("its data cannot be unpacked")
}
