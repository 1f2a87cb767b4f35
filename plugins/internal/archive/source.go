package archive

import "io"

// damaged is a container's fault: cause Unreadable.
type damaged string

func (d damaged) Error() string { return string(d) }

// exceeded is a limit that was met: cause Limit.
type exceeded string

func (e exceeded) Error() string { return string(e) }

// unsupported is a format or method that is not decoded: cause Unsupported.
type unsupported string

func (u unsupported) Error() string { return string(u) }

// sealed is what cannot be read without a password: cause Encrypted.
type sealed struct{}

func (sealed) Error() string { return "it is protected with a password" }

// stopped ends the walk of a container whose problem is reported.
type stopped struct{}

func (stopped) Error() string { return "reported" }

const tooShort = damaged("it ends too early")

// source is what is looked into, by ranges.
type source struct {
	r    io.ReaderAt
	size int64
}

// at reads n octets at off; beyond the end it is damaged.
func (s source) at(off, n int64) ([]byte, error) {
	if off < 0 || n < 0 || off > s.size || n > s.size-off {
		return nil, tooShort
	}
	b := make([]byte, n)
	if n == 0 {
		return b, nil
	}
	m, err := s.r.ReadAt(b, off)
	if int64(m) == n {
		return b, nil
	}
	if err == nil || err == io.EOF {
		return nil, tooShort
	}
	return nil, err
}

// upTo reads n octets at off, fewer at the end.
func (s source) upTo(off, n int64) ([]byte, error) {
	if off < 0 || off >= s.size {
		return nil, nil
	}
	return s.at(off, min(n, s.size-off))
}

func (s source) section(off, n int64) source {
	off = max(0, min(off, s.size))
	n = max(0, min(n, s.size-off))
	return source{io.NewSectionReader(s.r, off, n), n}
}

// stream reads a range from its beginning.
func (s source) stream(off, n int64) io.Reader {
	off = max(0, min(off, s.size))
	return io.NewSectionReader(s.r, off, max(0, min(n, s.size-off)))
}

func u16(b []byte) int64 { return int64(b[0]) | int64(b[1])<<8 }
func u32(b []byte) int64 { return u16(b) | u16(b[2:])<<16 }

// u64 gives -1 for what no file has.
func u64(b []byte) int64 {
	if b[7] >= 0x80 {
		return -1
	}
	return u32(b) | u32(b[4:])<<32
}

func be16(b []byte) int64 { return int64(b[0])<<8 | int64(b[1]) }
func be32(b []byte) int64 { return be16(b)<<16 | be16(b[2:]) }
