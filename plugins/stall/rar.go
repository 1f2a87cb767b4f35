package main

// RAR archives are looked at by their block headers only: those of the 1.5–4
// format and of the 5 format have a flag or a record for encryption.

const maxBlocks = 10_000

// rar4 walks the blocks of a RAR 1.5–4 archive.
func (x *inspection) rar4(s source, path string) error {
	off := int64(7)
	for range maxBlocks {
		if off == s.size {
			return nil // without an end block: old archives
		}
		h, err := s.at(off, 7)
		if err != nil {
			return err
		}
		typ, flags, size := h[2], u16(h[3:]), u16(h[5:])
		if size < 7 {
			return damaged("a block has no length")
		}
		b, err := s.at(off, size)
		if err != nil {
			return err
		}
		next := off + size
		switch typ {
		case 0x73: // archive header
			if flags&0x0080 != 0 {
				x.encrypted(path, "")
				return nil
			}
		case 0x74: // file header
			if size < 32 {
				return damaged("a file header is too short")
			}
			if flags&0x0004 != 0 {
				x.encrypted(path, rarName(b, flags))
				return nil
			}
			next += u32(b[7:])
			if flags&0x0100 != 0 && size >= 40 {
				next += u32(b[32:]) << 32
			}
		case 0x7b: // end
			return nil
		default:
			if flags&0x8000 != 0 && size >= 11 {
				next += u32(b[7:])
			}
		}
		if next <= off || next > s.size {
			return damaged("a block ends beyond the archive")
		}
		if !spend(&x.budget.entries, 1) {
			break
		}
		off = next
	}
	return damaged("it has too many blocks")
}

func rarName(b []byte, flags int64) string {
	at := int64(32)
	if flags&0x0100 != 0 {
		at += 8
	}
	n := u16(b[26:])
	if at+n > int64(len(b)) {
		return ""
	}
	name := b[at : at+n]
	for i, c := range name {
		if c == 0 { // its Unicode form follows
			return string(name[:i])
		}
	}
	return string(name)
}

// rar5 walks the blocks of a RAR 5 archive.
func (x *inspection) rar5(s source, path string) error {
	off := int64(8)
	for range maxBlocks {
		if off == s.size {
			return nil
		}
		head, err := s.at(off+4, min(10, max(0, s.size-off-4)))
		if err != nil {
			return err
		}
		size, n := vint(head)
		if n == 0 || size <= 0 || size > 2<<20 {
			return damaged("a block has no length")
		}
		b, err := s.at(off+4+n, size)
		if err != nil {
			return err
		}
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
		if r.bad || extra > size || data < 0 || data > s.size-next {
			return damaged("a block ends beyond the archive")
		}
		switch typ {
		case 4: // archive encryption: every header behind it is encrypted
			x.encrypted(path, "")
			return nil
		case 2, 3: // file, service
			if rar5Encrypted(b[size-extra:]) {
				x.encrypted(path, rar5Name(&r))
				return nil
			}
		case 5: // end
			return nil
		}
		if !spend(&x.budget.entries, 1) {
			break
		}
		off = next + data
	}
	return damaged("it has too many blocks")
}

// rar5Encrypted looks for the encryption record (type 1) of an extra area.
func rar5Encrypted(b []byte) bool {
	for len(b) > 0 {
		size, n := vint(b)
		if n == 0 || size <= 0 || size > int64(len(b))-n {
			return false
		}
		if typ, k := vint(b[n : n+size]); k > 0 && typ == 1 {
			return true
		}
		b = b[n+size:]
	}
	return false
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
	n := r.next()
	if r.bad || n > int64(len(r.b)) {
		return ""
	}
	return string(r.b[:n])
}

// vint reads RAR 5's variable-length integer; n is 0 if there is none.
func vint(b []byte) (v, n int64) {
	for i, c := range b {
		if i == 9 {
			return 0, 0
		}
		v |= int64(c&0x7f) << (7 * i)
		if c < 0x80 {
			return v, int64(i) + 1
		}
	}
	return 0, 0
}

type vints struct {
	b   []byte
	bad bool
}

func (r *vints) next() int64 {
	v, n := vint(r.b)
	if n == 0 {
		r.bad = true
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *vints) skip(n int) {
	if n > len(r.b) {
		r.bad = true
		return
	}
	r.b = r.b[n:]
}
