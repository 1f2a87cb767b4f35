package sdk

import (
	"io"

	"github.com/mailweir/weir/sdk/abi"
)

// Headers are the message's header fields in order, unfolded. They are there
// at stages headers and later.
func (c *Call) Headers() ([]abi.Header, error) {
	if c.headers == nil {
		b, err := hostHeadersRead(c.h)
		if err != nil {
			return nil, err
		}
		var l abi.HeaderList
		if err := l.Decode(b); err != nil {
			return nil, err
		}
		c.headers = l.Headers
	}
	return c.headers, nil
}

// Header is the first field of that name, in any case; ok is false where there
// is none. When the header cannot be read, the call fails as a whole once the
// hook has ended: what could not be looked at is never clean.
func (c *Call) Header(name string) (value string, ok bool) { return c.HeaderAt(name, 0) }

// HeaderAt is the nth field of that name, from 0.
func (c *Call) HeaderAt(name string, nth int) (value string, ok bool) {
	b, err := hostHeaderGet(c.h, name, nth)
	if err != nil && err != ErrNotFound && c.failed == nil {
		c.failed = err
	}
	return string(b), err == nil
}

// Parts is the MIME tree as the host parsed it. Where Malformed is set, what
// can be read may not be all.
func (c *Call) Parts() (*abi.PartList, error) {
	if c.parts == nil {
		b, err := hostPartsRead(c.h)
		if err != nil {
			return nil, err
		}
		l := new(abi.PartList)
		if err := l.Decode(b); err != nil {
			return nil, err
		}
		c.parts = l
	}
	return c.parts, nil
}

// Hash gives the digest of a part's decoded content, or of the raw message
// (abi.PartRaw), made by the host.
func (c *Call) Hash(part int32, alg abi.Hash) ([]byte, error) { return hostPartHash(c.h, part, alg) }

// StagePart appends to the content that is staged for a part: it follows the
// text of the verdict's edit of that part (ReplacePart, AppendPart,
// PrependPart). Without such an edit the verdict is not valid. All content of a
// call has at most 256 KiB.
func (c *Call) StagePart(part int32, b []byte) error { return hostBodyWrite(c.h, part, b) }

// Open reads a part, decoded, by ranges.
func (c *Call) Open(p *abi.Part) *Reader {
	return &Reader{h: c.h, part: int32(p.Index), size: int64(p.Size)}
}

// OpenRaw reads the message as it came.
func (c *Call) OpenRaw() *Reader {
	return &Reader{h: c.h, part: abi.PartRaw, size: int64(c.Size)}
}

// window is how much a Reader fetches at once.
const window = 8 << 10

// Reader reads one part through a small window, so that many small reads near
// one another cost one host call. It is an io.ReaderAt; for an io.Reader, put
// it into an io.NewSectionReader.
type Reader struct {
	h    host
	part int32
	size int64
	off  int64 // of buf
	buf  []byte
}

// Size is the number of octets after transfer decoding.
func (r *Reader) Size() int64 { return r.size }

// ReadAt implements io.ReaderAt.
func (r *Reader) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, ErrBadArgument
	}
	n := 0
	for n < len(p) {
		at := off + int64(n)
		if at >= r.off && at < r.off+int64(len(r.buf)) {
			n += copy(p[n:], r.buf[at-r.off:])
			continue
		}
		got, err := r.fetch(p[n:], at)
		if err != nil {
			return n, err
		}
		if got == 0 {
			return n, io.EOF
		}
		if got > 0 {
			n += got
		}
	}
	return n, nil
}

// fetch fills the window around at, or reads straight into p where p is large.
// It returns -1 when the window has something at at.
func (r *Reader) fetch(p []byte, at int64) (int, error) {
	if len(p) >= window {
		return hostBodyRead(r.h, r.part, at, p)
	}
	if r.buf == nil {
		r.buf = make([]byte, 0, window)
	}
	start := at - at%(window/2)
	buf := r.buf[:window]
	r.buf = r.buf[:0]
	have := 0
	for have < window {
		n, err := hostBodyRead(r.h, r.part, start+int64(have), buf[have:])
		if err != nil {
			return 0, err
		}
		if n == 0 {
			break
		}
		have += n
	}
	r.off, r.buf = start, buf[:have]
	if at >= start+int64(have) {
		return 0, nil
	}
	return -1, nil
}
