package archive

import (
	"hash/crc32"
	"io"
)

const chunkSize = 64 << 10

// spool is decoded content that can be read by ranges: it decodes as far as is
// asked for, and holds what it decoded within the budget's memory. A slice that
// grows would need three times its size while it does, so it is in chunks.
type spool struct {
	b      *Budget
	r      io.Reader
	chunks [][]byte
	size   int64 // decoded so far
	want   int64 // what it should be in the end, -1 unknown
	err    error // io.EOF when it is complete
	lost   bool  // some of it was decoded without being held
	sum    uint32
	check  bool // sum is to be as expected
	expect uint32
}

func newSpool(b *Budget, r io.Reader, want int64) *spool { return &spool{b: b, r: r, want: want} }

// fill decodes up to octet to, or the end; what memory has no room for is
// dropped where drop says so, and else an error.
func (s *spool) fill(to int64, drop bool) error {
	var waste []byte
	for s.size < to && s.err == nil {
		at := s.size % chunkSize
		room := waste
		if !s.lost {
			if at == 0 && s.size == chunkSize*int64(len(s.chunks)) {
				c := s.b.take()
				if c == nil {
					if !drop {
						return exceeded("it unpacks to more than can be held for inspection (" + mib(s.b.lim.Memory) + ")")
					}
					s.lost = true
					continue
				}
				s.chunks = append(s.chunks, c)
			}
			room = s.chunks[len(s.chunks)-1][at:]
		} else if waste == nil {
			waste = make([]byte, chunkSize)
			continue
		}
		if s.want >= 0 { // one octet more shows that it is longer than it says
			room = room[:min(int64(len(room)), max(1, s.want-s.size))]
		}
		n, err := s.r.Read(room)
		if s.check {
			s.sum = crc32.Update(s.sum, crc32.IEEETable, room[:n])
		}
		s.size += int64(n)
		s.err = err
		if lim := s.b.decoded(int64(n)); lim != nil && (s.err == nil || s.err == io.EOF) { // the end may come with the last octets
			s.err = lim
		}
		switch {
		case s.want >= 0 && s.size > s.want:
			s.err = damaged("it unpacks to more than it says")
		case s.err == io.ErrUnexpectedEOF:
			s.err = damaged("its data ends too early")
		case s.err == io.EOF && s.want >= 0 && s.size < s.want:
			s.err = damaged("it unpacks to less than it says")
		case s.err == io.EOF && s.check && s.sum != s.expect:
			s.err = damaged("its checksum is wrong")
		}
	}
	if s.err == io.EOF || s.err == nil {
		return nil
	}
	return s.err
}

// finish decodes what is left, to see whether it is sound, and gives the size.
func (s *spool) finish() (int64, error) {
	err := s.fill(1<<62, true)
	return s.size, err
}

// failure is what went wrong so far.
func (s *spool) failure() error {
	if s.err == io.EOF {
		return nil
	}
	return s.err
}

// ReadAt implements io.ReaderAt.
func (s *spool) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, tooShort
	}
	err := s.fill(off+int64(len(p)), false)
	held := min(s.size, chunkSize*int64(len(s.chunks)))
	n, want := 0, int(min(int64(len(p)), max(held-off, 0)))
	for n < want {
		k := copy(p[n:want], s.chunks[off/chunkSize][off%chunkSize:])
		n, off = n+k, off+int64(k)
	}
	switch {
	case n == len(p):
		return n, nil
	case err != nil:
		return n, err
	case s.lost:
		return n, exceeded("it unpacks to more than can be held for inspection (" + mib(s.b.lim.Memory) + ")")
	}
	return n, io.EOF
}

// close gives the memory back.
func (s *spool) close() {
	s.b.give(s.chunks)
	s.chunks, s.r, s.lost = nil, nil, true
	if s.err == nil {
		s.err = io.EOF
	}
}

func (s *spool) complete() bool { return s.err == io.EOF }
