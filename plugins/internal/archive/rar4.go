package archive

// RAR archives are looked at by their block headers; contents are unpacked by
// rardecode where nothing needs a password.

// rar4 walks the blocks of a RAR 1.5–4 archive (technote.txt of RAR 3).
func (w *walker) rar4(s source, p place) (int64, error) {
	off, end := int64(7), int64(-1)
	locked, files, volume := false, 0, false
loop:
	for {
		if off == s.size {
			end = off // without an end block: old archives
			break
		}
		h, err := s.upTo(off, 7)
		if err != nil {
			return -1, err
		}
		if len(h) < 7 {
			return -1, tooShort
		}
		typ, flags, size := h[2], u16(h[3:]), u16(h[5:])
		if typ < 0x72 || typ > 0x7b { // what stands behind an archive without an end block
			if files > 0 {
				end = off
				break
			}
			return -1, damaged("a block is of no known kind")
		}
		if size < 7 {
			return -1, damaged("a block has no length")
		}
		b, err := s.at(off, size)
		if err != nil {
			return -1, err
		}
		if err := w.b.entry(); err != nil {
			return -1, err
		}
		next := off + size
		switch typ {
		case 0x73: // archive header
			if flags&0x0080 != 0 {
				if w.b.key == nil {
					return -1, sealed{}
				}
				return -1, w.rarUnlock(s, p, nil)
			}
			volume = flags&0x0001 != 0
		case 0x74: // file header
			if size < 32 {
				return -1, damaged("a file header is too short")
			}
			files++
			if flags&0x0004 != 0 && w.b.key != nil {
				locked = true
			} else if flags&0x0004 != 0 {
				e := p.entry(rarName(b, flags))
				e.Encrypted, e.Size = true, u32(b[11:])
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
			if flags&0x0003 != 0 { // begins in, or goes on in, another volume
				volume = true
			}
			next += u32(b[7:])
			if flags&0x0100 != 0 && size >= 40 {
				next += u32(b[32:]) << 32
			}
		case 0x7b: // end
			if flags&0x0001 != 0 {
				volume = true
			}
			end = next
			break loop
		default:
			if flags&0x8000 != 0 && size >= 11 {
				next += u32(b[7:])
			}
		}
		if next <= off || next > s.size {
			return -1, damaged("a block ends beyond the archive")
		}
		off = next
	}
	if volume {
		return end, damaged("it is one of several volumes")
	}
	if locked && w.b.key != nil {
		return end, w.rarUnlock(s, p, nil)
	}
	if locked || files == 0 {
		return end, nil
	}
	return end, w.rarContents(s, p)
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
