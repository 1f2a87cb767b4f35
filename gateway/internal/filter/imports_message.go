package filter

import (
	"crypto/md5"  // #nosec: digests that lists of known files use
	"crypto/sha1" // #nosec: as above
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"strings"

	"github.com/mailweir/weir/sdk/abi"
)

var errNoPart = errors.New("no such part")

const maxFieldName = 998 // octets: a line (RFC 5322 §2.1.1)

const noMessage = "there is no message at this stage"

func (c *call) header() []abi.Header {
	if c.headers == nil {
		c.headers = c.msg.Headers()
	}
	return c.headers
}

func (c *call) partList() *abi.PartList {
	if c.parts == nil {
		l := c.msg.Parts()
		c.parts = &l
	}
	return c.parts
}

func headersRead(_ *instance, c *call, mem guestMemory, st []uint64) {
	if c.msg == nil {
		result(st, c.fail(abi.ErrUnavailable, noMessage))
		return
	}
	if c.headEnc == nil {
		c.headEnc = (&abi.HeaderList{Headers: c.header()}).Append(nil)
	}
	result(st, mem.give(c.headEnc, st[0], st[1]))
}

func headerGet(_ *instance, c *call, mem guestMemory, st []uint64) {
	name, nth := mem.str(st[0], st[1], maxFieldName), uint32(st[2])
	if c.msg == nil {
		result(st, c.fail(abi.ErrUnavailable, noMessage))
		return
	}
	for _, h := range c.header() {
		if !strings.EqualFold(h.Name, name) {
			continue
		}
		if nth == 0 {
			result(st, mem.give([]byte(h.Value), st[3], st[4]))
			return
		}
		nth--
	}
	result(st, c.fail(abi.ErrNotFound, "no such header field"))
}

func partsRead(_ *instance, c *call, mem guestMemory, st []uint64) {
	if c.msg == nil {
		result(st, c.fail(abi.ErrUnavailable, noMessage))
		return
	}
	if c.partEnc == nil {
		c.partEnc = c.partList().Append(nil)
	}
	result(st, mem.give(c.partEnc, st[0], st[1]))
}

// partReader reads one part as an io.ReaderAt that ends with the call's time.
type partReader struct {
	c    *call
	part int
}

func (c *call) open(part int32) (*partReader, error) {
	switch {
	case c.msg == nil:
		return nil, errors.New(noMessage)
	case part != abi.PartRaw && (part < 0 || int(part) >= len(c.partList().Parts)):
		return nil, errNoPart
	}
	return &partReader{c, int(part)}, nil
}

// ReadAt implements io.ReaderAt.
func (r *partReader) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		if err := r.c.check(); err != nil {
			return n, err
		}
		k, err := r.c.msg.ReadPart(r.part, off+int64(n), p[n:min(len(p), n+64<<10)])
		n += max(k, 0)
		if err != nil && err != io.EOF {
			return n, err
		}
		if k <= 0 {
			return n, io.EOF
		}
	}
	return n, nil
}

// failRead ends the guest for lack of time, or makes a result of the error.
func (c *call) failRead(err error) int32 {
	c.must()
	if err == errNoPart {
		return c.fail(abi.ErrBadArgument, err.Error())
	}
	return c.fail(abi.ErrUnavailable, "the part cannot be read: "+err.Error())
}

func bodyRead(_ *instance, c *call, mem guestMemory, st []uint64) {
	off, to := int64(st[1]), mem.at(st[2], st[3])
	r, err := c.open(int32(st[0]))
	switch {
	case err != nil:
		result(st, c.failRead(err))
		return
	case off < 0:
		result(st, c.fail(abi.ErrBadArgument, "negative offset"))
		return
	}
	n, err := r.ReadAt(to, off)
	if err != nil && err != io.EOF {
		result(st, c.failRead(err))
		return
	}
	result(st, int32(n))
}

func newHash(alg abi.Hash) hash.Hash {
	switch alg {
	case abi.HashSHA256:
		return sha256.New()
	case abi.HashSHA1:
		return sha1.New()
	case abi.HashMD5:
		return md5.New()
	}
	return nil
}

func partHash(_ *instance, c *call, mem guestMemory, st []uint64) {
	key := hashKey{int32(st[0]), abi.Hash(uint32(st[1]))}
	if d, ok := c.hashes[key]; ok {
		result(st, mem.give(d, st[2], st[3]))
		return
	}
	h := newHash(key.alg)
	if h == nil {
		result(st, c.fail(abi.ErrBadArgument, "unknown hash"))
		return
	}
	r, err := c.open(key.part)
	if err == nil {
		_, err = io.CopyBuffer(h, io.NewSectionReader(r, 0, 1<<62), make([]byte, 64<<10))
	}
	if err != nil {
		result(st, c.failRead(err))
		return
	}
	if c.hashes == nil {
		c.hashes = map[hashKey][]byte{}
	}
	d := h.Sum(nil)
	c.hashes[key] = d
	result(st, mem.give(d, st[2], st[3]))
}
