package archive

import (
	"bytes"
	"sort"
	"strings"
)

// local reads the header at off; ok is false if it is none that makes sense.
func local(s source, off int64) (e zipEntry, ok bool, err error) {
	if off < 0 || off > s.size-localLen {
		return e, false, nil
	}
	h, err := s.at(off, localLen)
	if err != nil || string(h[:4]) != localMark {
		return e, false, err
	}
	n, m := u16(h[26:]), u16(h[28:])
	e = zipEntry{
		flags: u16(h[6:]), method: u16(h[8:]), sum: uint32(u32(h[14:])), packed: u32(h[18:]), size: u32(h[22:]), off: off, data: off + localLen + n + m,
	}
	if h[4] > 100 || e.data > s.size || n > 4096 || !knownMethod(e.method) {
		return e, false, nil
	}
	rest, err := s.at(off+localLen, n+m)
	if err != nil {
		return e, false, err
	}
	e.name = string(rest[:n])
	extra64(&e, rest[n:])
	return e, e.packed >= 0 && e.size >= 0, nil
}

// plausible: what has the mark of a local header is one. Programs and other
// data have the mark too.
func plausible(e *zipEntry, size int64) bool {
	const known = flagEncrypted | 1<<1 | 1<<2 | flagStreamed | flagPatch | flagStrong | 1<<11 | flagMaskedHead
	if e.flags&^known != 0 || e.name == "" || e.flags&flagStreamed == 0 && (e.packed == 0xffffffff || e.packed > size-e.data) {
		return false
	}
	return strings.IndexFunc(e.name, func(r rune) bool { return r < ' ' || r == 0x7f }) < 0
}

func knownMethod(m int64) bool {
	return m <= 20 || m >= 93 && m <= methodAES
}

// locals compares each entry with its local header: some readers go by the
// one, some by the other.
func (z *zipWalk) locals(es []zipEntry) error {
	for i := range es {
		e := &es[i]
		l, ok, err := local(z.s, e.off)
		if err != nil {
			return err
		}
		if !ok {
			if e.encrypted() { // reported, and its header may be encrypted too
				continue
			}
			return damaged("the directory leads to no entry")
		}
		if l.encrypted() && !e.encrypted() {
			if err := z.sealedEntry(z.p.entry(e.name)); err != nil {
				return err
			}
			e.flags |= flagEncrypted
		}
		if why := differ(e, &l); why != "" {
			pr := Problem{Path: z.p.entry(e.name).Path, Cause: Unreadable, Detail: "its two headers disagree about " + why}
			if err := z.problem(pr); err != nil {
				return err
			}
		}
		e.data, e.end = l.data, l.data+e.packed
		if e.end > z.s.size || e.end < e.data {
			return damaged("an entry ends beyond the archive")
		}
	}
	return nil
}

// differ says what the directory and the local header describe differently. A
// streamed entry's local header may leave out its sizes and checksum; a masked
// one (bit 13) all of it. Some writers leave them out without the flag.
func differ(e, l *zipEntry) string {
	if e.encrypted() || l.encrypted() {
		return ""
	}
	switch {
	case l.method != e.method:
		return "its compression"
	case l.flags&flagStreamed != e.flags&flagStreamed && l.packed != e.packed && l.packed != 0:
		return "its size"
	case l.flags&flagStreamed == 0 && l.packed != e.packed && (l.packed != 0 || l.size != 0):
		return "its size"
	case l.flags&flagStreamed == 0 && l.size != e.size && l.size != 0:
		return "its size"
	case l.sum != e.sum && l.sum != 0 && e.sum != 0:
		return "its checksum"
	case !sameName(l.name, e.name):
		return "its name"
	}
	return ""
}

// sameName: but for the slash, and characters beyond ASCII, which some writers
// encode in one header only.
func sameName(a, b string) bool {
	if a == b {
		return true
	}
	return fold(a) == fold(b)
}

func fold(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\\':
			return '/'
		case r >= 0x80 || r == '?' || r == '_':
			return -1
		}
		return r
	}, s)
}

// gaps looks for entries that the directory does not show: in front of the
// archive, between its entries, and behind it.
func (z *zipWalk) gaps(d *directory, es []zipEntry) error {
	order := make([]*zipEntry, 0, len(es))
	for i := range es {
		if es[i].end > 0 {
			order = append(order, &es[i])
		}
	}
	sort.Slice(order, func(i, j int) bool { return order[i].off < order[j].off })
	at := int64(0)
	for _, e := range order {
		if e.off < at {
			return damaged("its entries overlap")
		}
		if err := z.unlisted(at, e.off); err != nil {
			return err
		}
		at = e.end
	}
	if at > d.off {
		return damaged("an entry reaches into its directory")
	}
	if err := z.unlisted(at, d.off); err != nil {
		return err
	}
	return z.unlisted(d.end, z.s.size)
}

// unlisted scans a range in which the directory has nothing.
func (z *zipWalk) unlisted(from, to int64) error {
	found, err := z.scan(from, to)
	if err != nil || found == 0 {
		return err
	}
	return z.problem(Problem{Path: z.p.path, Cause: Unreadable, Detail: "it has entries that its directory does not show", Whole: true})
}

// scan searches a range for local headers and looks into the entries as far as
// they are what they say. It tells how many of them other readers would show.
func (z *zipWalk) scan(from, to int64) (int, error) {
	const step = 64 << 10
	found := 0
	var es []zipEntry
	for off := from; off+localLen <= to; {
		n := min(step, to-off)
		if err := z.b.searched(n); err != nil {
			return found, err
		}
		b, err := z.s.at(off, n)
		if err != nil {
			return found, err
		}
		next := off + max(1, n-3)
		if i := bytes.Index(b, []byte(localMark)); i >= 0 {
			at := off + int64(i)
			next = at + 4
			e, ok, err := local(z.s, at)
			if err != nil {
				return found, err
			}
			if ok && plausible(&e, z.s.size) {
				if err := z.b.entry(); err != nil {
					return found, err
				}
				e.hidden = true
				switch {
				case e.encrypted() && e.name != "":
					if err := z.sealedEntry(z.p.entry(e.name)); err != nil {
						return found, err
					}
					found++
					return found, z.contents(append(es, e))
				case e.packed > 0 && e.packed != 0xffffffff && e.data+e.packed <= z.s.size:
					e.end = e.data + e.packed
				case e.flags&flagStreamed != 0 && e.method == methodDeflated:
					e.end = to // deflated data tells itself where it ends
					e.size = -1
				default:
					off = next
					continue
				}
				if z.sound(&e) {
					found++
					es = append(es, e)
					if e.size >= 0 {
						next = e.end
					}
				}
			}
		} else if n == to-off {
			break
		}
		off = next
	}
	return found, z.contents(es)
}
