package archive

import (
	"hash/crc32"
	"io"
	"unicode/utf16"
)

// Property IDs of a 7z header (7zFormat.txt).
const (
	id7End, id7Header, id7Archive, id7Additional, id7Main, id7Files = 0, 1, 2, 3, 4, 5
	id7Pack, id7Unpack, id7Sub, id7Size, id7CRC, id7Folder          = 6, 7, 8, 9, 10, 11
	id7UnpackSize, id7NumUnpack, id7EmptyStream, id7EmptyFile       = 12, 13, 14, 15
	id7Names                                                        = 17
	id7Encoded                                                      = 23

	maxHeader = 4 << 20
)

// streams7 is a StreamsInfo: packed streams, and the folders that unpack them.
type streams7 struct {
	packPos int64
	packed  []int64 // sizes
	folders []folder7
}

// folder7 is coders that lead from packed streams to one unpacked stream.
type folder7 struct {
	coders  []coder7
	binds   []bind7
	packIn  []int64 // in-streams that are packed streams
	sizes   []int64 // of each out-stream
	first   int     // number of its first packed stream
	sum     uint32
	hasSum  bool
	files   []int64 // sizes of what it unpacks to
	sums    []uint32
	hasSums []bool
}

type coder7 struct {
	method  string
	in, out int64
	props   []byte
}

type bind7 struct{ in, out int64 }

func (f *folder7) encrypted() bool {
	for i := range f.coders {
		if f.coders[i].method == "\x06\xf1\x07\x01" || len(f.coders[i].method) > 2 && f.coders[i].method[:2] == "\x06\xf1" {
			return true
		}
	}
	return false
}

// sevenZip walks a 7z archive and gives where it ends.
func (w *walker) sevenZip(s source, p place) (int64, error) {
	h, err := s.at(0, 32)
	if err != nil {
		return -1, err
	}
	if crc32.ChecksumIEEE(h[12:32]) != uint32(u32(h[8:])) {
		return -1, damaged("its first header has a wrong checksum")
	}
	off, size := u64(h[12:]), u64(h[20:])
	if size == 0 {
		return 32, nil // an empty archive
	}
	if size < 0 || size > maxHeader || off < 0 || off > s.size {
		return -1, damaged("its header has no sensible place")
	}
	head, err := s.at(32+off, size)
	if err != nil {
		return -1, err
	}
	if crc32.ChecksumIEEE(head) != uint32(u32(h[28:])) {
		return -1, damaged("its header has a wrong checksum")
	}
	for range 4 { // a packed header may hold a packed header
		switch head[0] {
		case id7Header:
			return 32 + off + size, w.files7(s, head[1:], p)
		case id7Encoded:
			if head, err = w.header7(s, head[1:], p); err != nil {
				return -1, err
			}
			if len(head) == 0 {
				return -1, damaged("its header is empty")
			}
		default:
			return -1, damaged("its header is of no known kind")
		}
	}
	return -1, damaged("its header is packed too often")
}

// header7 unpacks a packed header.
func (w *walker) header7(s source, b []byte, p place) ([]byte, error) {
	r := reader7{b: b}
	st, ok := r.streams(w.b)
	if !ok || len(st.folders) != 1 {
		return nil, damaged("its header is packed in an unknown way")
	}
	f := &st.folders[0]
	if f.encrypted() {
		if w.b.key == nil {
			return nil, sealed{}
		}
		if err := w.unlockHeader7(s, &st, f, p); err != nil {
			return nil, err
		}
	}
	size := f.unpacked()
	if size > maxHeader || size < 0 {
		return nil, exceeded("its header is too large")
	}
	dec, err := w.folder7(s, &st, f)
	if err != nil {
		return nil, err
	}
	defer dec.close()
	if err := w.b.decoded(size); err != nil {
		return nil, err
	}
	out := make([]byte, size)
	if _, err := io.ReadFull(dec, out); err != nil {
		return nil, plainError(err)
	}
	if f.hasSum && crc32.ChecksumIEEE(out) != f.sum {
		return nil, damaged("its header cannot be unpacked")
	}
	return out, nil
}

// plainError keeps errors of this package and of sources; a stream that ends
// early is damaged.
func plainError(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return tooShort
	}
	return err
}

// file7 is one file of FilesInfo.
type file7 struct {
	name  string
	empty bool // without a stream
	dir   bool
}

// files7 walks the files of a header.
func (w *walker) files7(s source, b []byte, p place) error {
	r := reader7{b: b}
	var st streams7
	var files []file7
	ok := true
	for id := r.byte(); id != id7End && !r.bad && ok; id = r.byte() {
		switch id {
		case id7Archive:
			for t := r.byte(); t != 0 && !r.bad; t = r.byte() {
				r.take(r.number())
			}
		case id7Additional:
			_, ok = r.streams(w.b)
		case id7Main:
			st, ok = r.streams(w.b)
		case id7Files:
			files, ok = r.files(w.b)
		default:
			ok = false
		}
	}
	if w.b.entries < 0 {
		return w.b.entry()
	}
	if !ok || r.bad {
		return damaged("its header is broken")
	}
	var total, have int64
	count := 0
	for i := range st.folders {
		total += min(max(0, st.folders[i].unpacked()), 1<<50)
		count += len(st.folders[i].files)
	}
	for i := range files {
		if !files[i].empty {
			have++
		}
	}
	if have != int64(count) {
		return damaged("its header has names for more or fewer files than there are")
	}
	if err := w.b.declared(total, s.size); err != nil {
		return err
	}
	return w.contents7(s, &st, files, p)
}

// contents7 visits the files in the order of the header; those with content
// come folder by folder.
func (w *walker) contents7(s source, st *streams7, files []file7, p place) error {
	next := 0
	empties := func() error {
		for next < len(files) && files[next].empty {
			e := p.entry(files[next].name)
			e.Size, e.Dir = 0, files[next].dir
			next++
			if err := w.opaque(e); err != nil {
				return err
			}
		}
		return nil
	}
	told := false
	for i := range st.folders {
		f := &st.folders[i]
		names := make([]string, len(f.files))
		for j := range f.files {
			if err := empties(); err != nil {
				return err
			}
			names[j] = files[next].name
			next++
		}
		open := !f.encrypted()
		if !open && w.b.key != nil {
			var err error
			if open, err = w.unlock7(s, st, f, p); err != nil {
				return err
			}
		}
		if !open {
			for j := range names {
				e := p.entry(names[j])
				e.Size, e.Encrypted = f.files[j], true
				if !told {
					told = true
					if err := w.sealedEntry(e); err != nil {
						return err
					}
				}
				if err := w.opaque(e); err != nil {
					return err
				}
			}
			continue
		}
		if err := w.solid7(s, st, f, names, p); err != nil {
			return err
		}
	}
	return empties()
}

// solid7 visits the files of one folder, which stand in it behind one another.
func (w *walker) solid7(s source, st *streams7, f *folder7, names []string, p place) error {
	if len(names) == 0 {
		return nil
	}
	dec, err := w.folder7(s, st, f)
	if err != nil {
		for j := range names {
			e := p.entry(names[j])
			e.Size = f.files[j]
			if err := w.opaque(e); err != nil {
				return err
			}
		}
		return w.fault(place{p.entry(names[0]).Path, names[0], p.depth + 1}, err)
	}
	defer dec.close()
	for j := range names {
		e := p.entry(names[j])
		sp := newSpool(w.b, io.LimitReader(dec, f.files[j]), f.files[j])
		switch {
		case f.hasSums[j]:
			sp.check, sp.expect = true, f.sums[j]
		case len(names) == 1 && f.hasSum:
			sp.check, sp.expect = true, f.sum
		}
		if err := w.visitSolid(e, sp, f.files[j]); err != nil {
			return err
		}
	}
	return nil
}

// visitSolid visits the next file of a stream that holds many, and leaves the
// stream at its end.
func (w *walker) visitSolid(e *Entry, sp *spool, size int64) error {
	defer sp.close()
	e.Size = size
	w.b.verify += size // it must be unpacked to get at the next one
	if err := w.visit(e, source{sp, size}, sp, size, false); err != nil {
		return err
	}
	switch _, err := sp.finish(); err.(type) {
	case exceeded:
		return stopped{} // what follows cannot be reached
	}
	return nil
}

func utf16Name(b []byte) string {
	u := make([]uint16, 0, len(b)/2)
	for ; len(b) >= 2; b = b[2:] {
		u = append(u, uint16(u16(b)))
	}
	return string(utf16.Decode(u))
}
