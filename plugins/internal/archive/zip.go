package archive

import (
	"bytes"
	"strconv"
)

// Marks of the ZIP format (APPNOTE.TXT §4.3).
const (
	localMark   = "PK\x03\x04"
	centralMark = "PK\x01\x02"
	endMark     = "PK\x05\x06"
	end64Mark   = "PK\x06\x06"
	loc64Mark   = "PK\x06\x07"
)

const (
	localLen   = 30
	centralLen = 46
	endLen     = 22
	maxComment = 1<<16 - 1

	// Bits of the general purpose flags (§4.4.4).
	flagEncrypted  = 1 << 0
	flagStreamed   = 1 << 3 // sizes stand behind the data
	flagPatch      = 1 << 5
	flagStrong     = 1 << 6
	flagMaskedHead = 1 << 13
)

// zipEntry is one file of a ZIP.
type zipEntry struct {
	name         string
	flags        int64
	method       int64
	packed, size int64
	sum          uint32
	off          int64 // of the local header, in the source
	data, end    int64 // of its content, in the source
	hidden       bool  // the directory does not have it
}

func (e *zipEntry) encrypted() bool {
	return e.flags&(flagEncrypted|flagStrong|flagMaskedHead) != 0 || e.method == methodAES
}

// directory is where the central directory lies.
type directory struct {
	off, size, count int64
	base             int64 // what stands in front of the archive
	end              int64 // of the archive, comment included
}

// zip inspects a ZIP. hidden: it does not begin as one, so that without a
// directory it may be none at all.
func (w *walker) zip(s source, hidden bool, p place, plain bool) error {
	d, err := findDirectory(s)
	if _, ok := err.(damaged); ok && hidden {
		err = nil // a mark, but no archive
	}
	if err != nil {
		return err
	}
	z := zipWalk{walker: w, s: s, p: p, plain: plain}
	if d == nil {
		found, err := z.scan(0, s.size)
		if err != nil || hidden && found == 0 {
			return err
		}
		if !hidden {
			return damaged("it has no directory")
		}
		return nil
	}
	es, err := z.directory(d)
	if err != nil {
		if e := z.listed(es); e != nil {
			return e
		}
		return err
	}
	if err := z.listed(es); err != nil {
		return err
	}
	if err := z.locals(es); err != nil {
		return err
	}
	if err := z.gaps(d, es); err != nil {
		return err
	}
	return z.contents(es)
}

// zipWalk is the inspection of one ZIP.
type zipWalk struct {
	*walker
	s     source
	p     place
	plain bool
}

// listed reports the first entry that needs a password. With a key, contents
// does it, for those that it does not open.
func (z *zipWalk) listed(es []zipEntry) error {
	if z.b.key != nil {
		return nil
	}
	for i := range es {
		if es[i].encrypted() {
			return z.sealedEntry(z.p.entry(es[i].name))
		}
	}
	return nil
}

// findDirectory looks for the end record from the end of the source, past
// whatever was put behind the archive.
func findDirectory(s source) (*directory, error) {
	from := max(0, s.size-endLen-maxComment)
	if s.size > 4096 { // most have neither comment nor anything behind
		b, err := s.at(s.size-endLen, endLen)
		if err != nil {
			return nil, err
		}
		if string(b[:4]) == endMark && u16(b[20:]) == 0 {
			if d, err := readEnd(s, s.size-endLen, b); d != nil || err != nil {
				return d, err
			}
		}
	}
	for {
		tail, err := s.at(from, min(s.size-from, endLen+maxComment+endLen-1))
		if err != nil {
			return nil, err
		}
		for end := len(tail); ; {
			i := bytes.LastIndex(tail[:end], []byte(endMark))
			if i < 0 {
				break
			}
			if len(tail)-i >= endLen {
				d, err := readEnd(s, from+int64(i), tail[i:i+endLen])
				if d != nil || err != nil {
					return d, err
				}
			}
			end = i + len(endMark) - 1
		}
		if from == 0 {
			return nil, nil
		}
		from = max(0, from-maxComment)
	}
}

// readEnd reads the end record at off; nil where it leads to no directory.
func readEnd(s source, off int64, b []byte) (*directory, error) {
	d := &directory{count: u16(b[10:]), size: u32(b[12:]), off: u32(b[16:]), end: min(s.size, off+endLen+u16(b[20:]))}
	disks := u16(b[4:]) != 0 || u16(b[6:]) != 0 || u16(b[8:]) != u16(b[10:])
	stop := off // the directory ends here
	if d.count == 0xffff || d.size == 0xffffffff || d.off == 0xffffffff || u16(b[4:]) == 0xffff {
		ok, at, err := readEnd64(s, off, d)
		if err != nil {
			return nil, err
		}
		if ok {
			stop, disks = at, false
		}
	}
	if disks {
		return nil, damaged("it is one of several volumes")
	}
	start := stop - d.size
	if d.size < 0 || d.off < 0 || start < 0 {
		return nil, nil
	}
	if d.count > 0 {
		b, err := s.at(start, min(4, d.size))
		if err != nil {
			return nil, err
		}
		if string(b) != centralMark {
			// Not at the place that the size says: perhaps at the one the offset says.
			b, err := s.at(min(d.off, s.size), min(4, s.size-min(d.off, s.size)))
			if err != nil {
				return nil, err
			}
			if string(b) != centralMark {
				return nil, nil
			}
			start = d.off
		}
	}
	d.base = start - d.off
	d.off = start
	return d, nil
}

func readEnd64(s source, off int64, d *directory) (ok bool, at int64, err error) {
	if off < 20 {
		return false, 0, nil
	}
	l, err := s.at(off-20, 20)
	if err != nil || string(l[:4]) != loc64Mark {
		return false, 0, err
	}
	// The record stands right before its locator, whatever stands in front of the archive.
	for _, at := range []int64{off - 20 - 56, u64(l[8:])} {
		if at < 0 || at > s.size-56 {
			continue
		}
		b, err := s.at(at, 56)
		if err != nil {
			return false, 0, err
		}
		if string(b[:4]) == end64Mark {
			d.count, d.size, d.off = u64(b[32:]), u64(b[40:]), u64(b[48:])
			return true, at, nil
		}
	}
	return false, 0, damaged("its ZIP64 directory is missing")
}

// directory reads the central directory.
func (z *zipWalk) directory(d *directory) ([]zipEntry, error) {
	var es []zipEntry
	var total, packed int64
	off, stop := d.off, d.off+d.size
	for off+centralLen <= stop {
		h, err := z.s.at(off, centralLen)
		if err != nil {
			return es, err
		}
		if string(h[:4]) != centralMark {
			break
		}
		if err := z.b.entry(); err != nil {
			return es, err
		}
		n, m, k := u16(h[28:]), u16(h[30:]), u16(h[32:])
		rest, err := z.s.at(off+centralLen, n+m)
		if err != nil {
			return es, err
		}
		e := zipEntry{
			name: string(rest[:n]), flags: u16(h[8:]), method: u16(h[10:]), sum: uint32(u32(h[16:])),
			packed: u32(h[20:]), size: u32(h[24:]), off: u32(h[42:]),
		}
		extra64(&e, rest[n:])
		if e.off < 0 || e.packed < 0 || e.size < 0 || e.off > z.s.size {
			return es, damaged("an entry has no sensible place or size")
		}
		e.off += d.base
		es = append(es, e)
		total, packed = total+min(e.size, 1<<50), packed+e.packed
		off += centralLen + n + m + k
	}
	if int64(len(es)) != d.count {
		pr := Problem{Path: z.p.path, Cause: Unreadable, Detail: "its directory does not have the entries it announces", Whole: true}
		if err := z.problem(pr); err != nil {
			return es, err
		}
	}
	return es, z.b.declared(total, z.s.size)
}

// extra64 takes sizes and offset from the ZIP64 extra field (§4.5.3).
func extra64(e *zipEntry, b []byte) {
	for len(b) >= 4 {
		id, n := u16(b), u16(b[2:])
		b = b[4:]
		if n > int64(len(b)) {
			return
		}
		if id == 1 {
			f := b[:n]
			for _, v := range []*int64{&e.size, &e.packed, &e.off} {
				if *v == 0xffffffff && len(f) >= 8 {
					*v, f = u64(f), f[8:]
				}
			}
		}
		b = b[n:]
	}
}

func methodName(m int64) string {
	return "it is compressed in a way that is not decoded here (ZIP method " + strconv.FormatInt(m, 10) + ")"
}
