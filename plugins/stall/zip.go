package main

import (
	"bytes"
	"sort"
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
	flagStrong     = 1 << 6
	flagMaskedHead = 1 << 13

	methodStored, methodDeflated, methodAES = 0, 8, 99
)

// Declared sizes beyond both of these are a bomb.
const (
	bombSize  = 1 << 30
	bombRatio = 200
)

// entry is one file of an archive.
type entry struct {
	name         string
	flags        int64
	method       int64
	packed, size int64
	off          int64 // of the local header, in the source
	data, end    int64 // of its content, in the source
}

func (e *entry) encrypted() bool {
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
func (x *inspection) zip(s source, hidden bool, path string, depth int) error {
	d, err := findDirectory(s)
	if err != nil {
		return err
	}
	if d == nil {
		found, err := x.scan(s, 0, s.size, path, depth)
		if err != nil || hidden && found == 0 {
			return err
		}
		if !hidden {
			return damaged("it has no directory")
		}
		return nil
	}
	es, err := x.directory(s, d, path)
	if err != nil {
		return err
	}
	for i := range es {
		if es[i].encrypted() {
			x.encrypted(path, es[i].name)
			break
		}
	}
	if err := x.locals(s, es, path, depth); err != nil {
		return err
	}
	if err := x.gaps(s, d, es, path, depth); err != nil {
		return err
	}
	return x.nested(s, es, path, depth)
}

// findDirectory looks for the end record from the end of the source, past
// whatever was put behind the archive.
func findDirectory(s source) (*directory, error) {
	from := max(0, s.size-endLen-maxComment)
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
func (x *inspection) directory(s source, d *directory, path string) ([]entry, error) {
	var es []entry
	var total, packed int64
	off, stop := d.off, d.off+d.size
	for off+centralLen <= stop {
		h, err := s.at(off, centralLen)
		if err != nil {
			return es, err
		}
		if string(h[:4]) != centralMark {
			break
		}
		if !spend(&x.budget.entries, 1) {
			return es, damaged("there are more than " + strconv.Itoa(maxEntries) + " entries in the message's archives")
		}
		n, m, k := u16(h[28:]), u16(h[30:]), u16(h[32:])
		rest, err := s.at(off+centralLen, n+m)
		if err != nil {
			return es, err
		}
		e := entry{name: string(rest[:n]), flags: u16(h[8:]), method: u16(h[10:]), packed: u32(h[20:]), size: u32(h[24:]), off: u32(h[42:])}
		extra64(&e, rest[n:])
		if e.off < 0 || e.packed < 0 || e.size < 0 {
			return es, damaged("an entry has no sensible place or size")
		}
		e.off += d.base
		es = append(es, e)
		total, packed = total+e.size, packed+e.packed
		off += centralLen + n + m + k
	}
	if int64(len(es)) != d.count {
		x.unreadable(path, x.at(path)+" is damaged (its directory does not have the entries it announces), so it cannot be inspected.")
	}
	if total > bombSize && total/max(packed, s.size, 1) > bombRatio {
		return es, damaged("it would unpack to " + strconv.FormatInt(total>>20, 10) + " MiB")
	}
	return es, nil
}

// extra64 takes sizes and offset from the ZIP64 extra field (§4.5.3).
func extra64(e *entry, b []byte) {
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

// local reads the header at off; ok is false if it is none that makes sense.
func local(s source, off int64) (e entry, ok bool, err error) {
	if off < 0 || off > s.size-localLen {
		return e, false, nil
	}
	h, err := s.at(off, localLen)
	if err != nil || string(h[:4]) != localMark {
		return e, false, err
	}
	n, m := u16(h[26:]), u16(h[28:])
	e = entry{flags: u16(h[6:]), method: u16(h[8:]), packed: u32(h[18:]), size: u32(h[22:]), off: off, data: off + localLen + n + m}
	if h[4] > 100 || e.data > s.size || n > 4096 || !knownMethod(e.method) {
		return e, false, nil
	}
	name, err := s.at(off+localLen, n)
	e.name = string(name)
	return e, true, err
}

func knownMethod(m int64) bool {
	return m <= 20 || m >= 93 && m <= methodAES
}

// locals compares each entry with its local header: some readers go by the
// one, some by the other.
func (x *inspection) locals(s source, es []entry, path string, depth int) error {
	for i := range es {
		e := &es[i]
		l, ok, err := local(s, e.off)
		if err != nil {
			return err
		}
		if !ok {
			if e.encrypted() { // reported, and its header may be encrypted too
				continue
			}
			return damaged("the directory leads to no entry")
		}
		if l.encrypted() {
			x.encrypted(path, e.name)
		}
		if l.method != e.method && l.method != methodAES && e.method != methodAES {
			x.unreadable(join(path, e.name), clean(e.name)+" in "+x.at(path)+" is described in two ways, so it cannot be inspected.")
		}
		e.data, e.end = l.data, l.data+e.packed
		if e.end > s.size {
			return damaged("an entry ends beyond the archive")
		}
		// Who goes by the local headers finds another entry within this one's data.
		if next := l.data + l.packed; l.packed < e.packed && l.flags&flagStreamed == 0 {
			if _, ok, err := local(s, next); err != nil {
				return err
			} else if ok {
				return damaged("its entries overlap")
			}
		}
	}
	return nil
}

// gaps looks for entries that the directory does not show: in front of the
// archive, between its entries, and behind it.
func (x *inspection) gaps(s source, d *directory, es []entry, path string, depth int) error {
	order := make([]*entry, 0, len(es))
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
		if _, err := x.scan(s, at, e.off, path, depth); err != nil {
			return err
		}
		at = e.end
	}
	if _, err := x.scan(s, at, d.off, path, depth); err != nil {
		return err
	}
	_, err := x.scan(s, d.end, s.size, path, depth)
	return err
}

// scan searches a range for local headers, reports encrypted entries, looks
// into the others as far as they are what they say, and tells how many it found.
func (x *inspection) scan(s source, from, to int64, path string, depth int) (int, error) {
	const step = 64 << 10
	found := 0
	var es []entry
	for off := from; off+localLen <= to; {
		n := min(step, to-off)
		if !spend(&x.budget.scan, n) {
			return found, damaged("there is too much to search")
		}
		b, err := s.at(off, n)
		if err != nil {
			return found, err
		}
		next := off + max(1, n-3)
		if i := bytes.Index(b, []byte(localMark)); i >= 0 {
			at := off + int64(i)
			next = at + 4
			e, ok, err := local(s, at)
			if err != nil {
				return found, err
			}
			if ok {
				if !spend(&x.budget.entries, 1) {
					return found, damaged("there are more than " + strconv.Itoa(maxEntries) + " entries in the message's archives")
				}
				found++
				if e.encrypted() {
					x.encrypted(path, e.name)
					return found, nil
				}
				e.end = e.data + e.packed
				switch {
				case e.packed > 0 && e.packed != 0xffffffff && e.end <= s.size:
					es = append(es, e)
					next = e.end
				case e.flags&flagStreamed != 0 && e.method == methodDeflated:
					e.end = to // deflated data tells itself where it ends
					es = append(es, e)
				}
			}
		} else if n == to-off {
			break
		}
		off = next
	}
	return found, x.nested(s, es, path, depth)
}
