package archive

import (
	"bytes"
	"crypto/sha256"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
)

// xzReader unpacks .xz (The .xz File Format 1.2): all streams, with the filters
// LZMA2, Delta and BCJ.
type xzReader struct {
	b     *Budget
	in    *input
	r     io.Reader // of the block at hand
	core  *lzma2Reader
	start int64 // of the block's data
	check byte
	sum   hash.Hash
	any   bool
	end   int64 // of the last whole stream
	err   error
}

func newXZ(b *Budget, r io.Reader) *xzReader { return &xzReader{b: b, in: newInput(r)} }

const xzMagic = "\xfd7zXZ\x00"

func (x *xzReader) Read(p []byte) (int, error) {
	for x.err == nil {
		if x.r == nil {
			x.err = x.block()
			continue
		}
		n, err := x.r.Read(p)
		if x.sum != nil {
			x.sum.Write(p[:n])
		}
		if err == io.EOF {
			x.err = x.blockEnd()
		} else if err != nil {
			x.err = err
		}
		if n > 0 {
			return n, nil
		}
	}
	return 0, x.err
}

// block begins a stream, a block or the index.
func (x *xzReader) block() error {
	var b [1024]byte
	in := x.in
	if x.check == 0xff || !x.any {
		if err := x.header(); err != nil {
			return err
		}
	}
	x.start = in.pos()
	n := in.next()
	if n == 0 {
		return x.index()
	}
	size := (int(n) + 1) * 4
	b[0] = n
	in.take(b[1:size])
	if err := in.fault(); err != nil {
		return err
	}
	if crc32.ChecksumIEEE(b[:size-4]) != uint32(u32(b[size-4:])) {
		return damaged("the header of a block has a wrong checksum")
	}
	return x.filters(b[1 : size-4])
}

// header reads the header of a stream, past padding of whole words behind another.
func (x *xzReader) header() error {
	in := x.in
	var b [12]byte
	c := in.next()
	for x.any && c == 0 && in.err == nil {
		c = in.next()
	}
	if in.err == io.EOF && x.any {
		return io.EOF
	}
	b[0] = c
	in.take(b[1:])
	if string(b[:6]) != xzMagic {
		if x.any { // something else behind the archive
			return io.EOF
		}
		return damaged("its header is broken")
	}
	if err := in.fault(); err != nil {
		return err
	}
	if b[6] != 0 || b[7] > 15 || crc32.ChecksumIEEE(b[6:8]) != uint32(u32(b[8:])) {
		return damaged("its header is broken")
	}
	x.check, x.any = b[7], true
	return nil
}

func (x *xzReader) filters(b []byte) error {
	flags := b[0]
	r := vints{b: b[1:]}
	if flags&0x3c != 0 {
		return unsupported("it has features that are not known here")
	}
	if flags&0x40 != 0 {
		r.next()
	}
	if flags&0x80 != 0 {
		r.next()
	}
	type filter struct {
		id    int64
		props []byte
	}
	var fs []filter
	for range flags&3 + 1 {
		id := r.next()
		n := r.next()
		fs = append(fs, filter{id, r.take(n)})
	}
	last := fs[len(fs)-1]
	if r.bad || len(last.props) != 1 && last.id == 0x21 {
		return damaged("the header of a block is broken")
	}
	if last.id != 0x21 {
		return unsupported("it is packed with a filter that is not known here")
	}
	core, err := newLZMA2(x.b, x.in, last.props[0])
	if err != nil {
		return err
	}
	x.core, x.r = core, core
	for i := len(fs) - 2; i >= 0; i-- {
		if x.r, err = simpleFilter(fs[i].id, fs[i].props, x.r); err != nil {
			return err
		}
	}
	switch x.check {
	case 1:
		x.sum = crc32.NewIEEE()
	case 4:
		x.sum = crc64.New(crc64.MakeTable(crc64.ECMA))
	case 10:
		x.sum = sha256.New()
	default:
		x.sum = nil
	}
	return nil
}

// simpleFilter is Delta (3) or BCJ (4–10) by the IDs of xz.
func simpleFilter(id int64, props []byte, r io.Reader) (io.Reader, error) {
	if id == 3 {
		if len(props) != 1 {
			return nil, damaged("the header of a block is broken")
		}
		return newDelta(r, int(props[0])+1), nil
	}
	var start uint32
	if len(props) == 4 {
		start = uint32(u32(props))
	}
	return newBranch(id, r, start)
}

func (x *xzReader) blockEnd() error {
	in := x.in
	x.core.free()
	x.r, x.core = nil, nil
	for (in.pos()-x.start)%4 != 0 && in.err == nil {
		if in.next() != 0 {
			return damaged("a block is broken")
		}
	}
	sizes := [16]int{0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64}
	want := make([]byte, sizes[x.check])
	in.take(want)
	if err := in.fault(); err != nil {
		return err
	}
	if x.sum == nil {
		return nil
	}
	got := x.sum.Sum(nil)
	if len(got) < 32 { // the short ones are little-endian
		for i, j := 0, len(got)-1; i < j; i, j = i+1, j-1 {
			got[i], got[j] = got[j], got[i]
		}
	}
	if !bytes.Equal(got, want) {
		return damaged("its checksum is wrong")
	}
	return nil
}

// index reads past the index and the footer, to what may be another stream.
func (x *xzReader) index() error {
	in := x.in
	n := x.vint()
	for ; n > 0 && in.err == nil; n-- {
		x.vint()
		x.vint()
	}
	for (in.pos()-x.start)%4 != 0 && in.err == nil {
		in.next()
	}
	var b [16]byte
	in.take(b[:])
	if err := in.fault(); err != nil {
		return err
	}
	if string(b[14:]) != "YZ" {
		return damaged("its footer is broken")
	}
	x.end = in.pos()
	x.check = 0xff
	return nil
}

func (x *xzReader) vint() (v int64) {
	for i := range 9 {
		c := x.in.next()
		v |= int64(c&0x7f) << (7 * i)
		if c < 0x80 {
			break
		}
	}
	return v
}

// free gives memory back.
func (x *xzReader) free() {
	if x.core != nil {
		x.core.free()
	}
	x.err = io.EOF
}
