package main

import (
	"bytes"
	"hash/crc32"
)

// A 7z archive is looked at by its header at the end, which is mostly packed
// with LZMA: a folder with the AES coder needs a password (7zFormat.txt).

// aesCoder is coder 06F10701 as a folder lists it: an id of 4 octets, with properties.
const aesCoder = "\x24\x06\xf1\x07\x01"

const (
	id7Header, id7Pack, id7Unpack, id7Size = 0x01, 0x06, 0x07, 0x09
	id7CRC, id7Folder, id7UnpackSize       = 0x0a, 0x0b, 0x0c
	id7Encoded                             = 0x17

	maxHeader = 4 << 20
)

func (x *inspection) sevenZip(s source, path string) error {
	h, err := s.at(0, 32)
	if err != nil {
		return err
	}
	off, size := u64(h[12:]), u64(h[20:])
	if size == 0 {
		return nil // an empty archive
	}
	if size < 0 || size > maxHeader || off < 0 || off > s.size {
		return damaged("its header has no sensible place")
	}
	head, err := s.at(32+off, size)
	if err != nil {
		return err
	}
	if crc32.ChecksumIEEE(head) != uint32(u32(h[28:])) {
		return damaged("its header has a wrong checksum")
	}
	for range 4 { // a packed header may hold a packed header
		if bytes.Contains(head, []byte(aesCoder)) {
			x.encrypted(path, "")
			return nil
		}
		switch head[0] {
		case id7Header:
			return nil
		case id7Encoded:
			if head, err = x.unpackHeader(s, head[1:]); err != nil {
				return err
			}
			if len(head) == 0 {
				return damaged("its header is empty")
			}
		default:
			return damaged("its header is of no known kind")
		}
	}
	return damaged("its header is packed too often")
}

// packed7 describes a packed header.
type packed7 struct {
	off, size, unpacked int64
	method              string
	props               []byte
	sum                 uint32
	hasSum              bool
}

func (x *inspection) unpackHeader(s source, b []byte) ([]byte, error) {
	p, ok := readPacked7(b)
	if !ok {
		return nil, damaged("its header is packed in an unknown way")
	}
	if p.unpacked > maxHeader || !spend(&x.budget.inflate, p.unpacked) {
		return nil, damaged("its header is too large")
	}
	if p.size > maxHeader {
		return nil, damaged("its header is too large")
	}
	data, err := s.at(32+p.off, p.size)
	if err != nil {
		return nil, err
	}
	var out []byte
	switch p.method {
	case "\x00":
		out, ok = data, true
	case "\x03\x01\x01":
		out, ok = lzma(p.props, data, int(p.unpacked))
	default:
		return nil, damaged("its header is packed in an unknown way")
	}
	if !ok || p.hasSum && crc32.ChecksumIEEE(out) != p.sum {
		return nil, damaged("its header cannot be unpacked")
	}
	return out, nil
}

// readPacked7 reads the StreamsInfo of a packed header: one stream, one
// folder, one coder.
func readPacked7(b []byte) (p packed7, ok bool) {
	r := reader7{b: b}
	if r.byte() != id7Pack {
		return p, false
	}
	p.off = r.number()
	if r.number() != 1 {
		return p, false
	}
	for id := r.byte(); id != 0 && !r.bad; id = r.byte() {
		switch id {
		case id7Size:
			p.size = r.number()
		case id7CRC:
			r.digest()
		default:
			return p, false
		}
	}
	if r.byte() != id7Unpack || r.byte() != id7Folder || r.number() != 1 || r.byte() != 0 || r.number() != 1 {
		return p, false
	}
	flag := r.byte()
	if flag&^0x2f != 0 {
		return p, false
	}
	p.method = string(r.take(int64(flag & 0x0f)))
	if flag&0x20 != 0 {
		p.props = r.take(r.number())
	}
	for id := r.byte(); id != 0 && !r.bad; id = r.byte() {
		switch id {
		case id7UnpackSize:
			p.unpacked = r.number()
		case id7CRC:
			p.sum, p.hasSum = r.digest()
		default:
			return p, false
		}
	}
	return p, !r.bad && p.off >= 0 && p.size >= 0 && p.unpacked >= 0
}

// reader7 reads the numbers of a 7z header.
type reader7 struct {
	b   []byte
	bad bool
}

func (r *reader7) byte() byte {
	if len(r.b) == 0 {
		r.bad = true
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *reader7) take(n int64) []byte {
	if n < 0 || n > int64(len(r.b)) {
		r.bad = true
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

// number reads a REAL_UINT64: the leading ones of the first octet say how many follow.
func (r *reader7) number() int64 {
	first := r.byte()
	mask, v := byte(0x80), uint64(0)
	for i := range 8 {
		if first&mask == 0 {
			return int64(v | uint64(first&(mask-1))<<(8*i))
		}
		v |= uint64(r.byte()) << (8 * i)
		mask >>= 1
	}
	return int64(v)
}

// digest reads the checksum of one stream, if it has one.
func (r *reader7) digest() (sum uint32, has bool) {
	if all := r.byte(); all == 0 { // not all streams have one: the next byte says which
		if which := r.byte(); which == 0 {
			return 0, false
		}
	}
	b := r.take(4)
	if r.bad {
		return 0, false
	}
	return uint32(u32(b)), true
}
