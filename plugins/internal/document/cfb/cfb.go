// Package cfb reads compound files (OLE structured storage, [MS-CFB]) by
// ranges. It keeps to what Windows accepts, and says where a file is damaged;
// it never follows a loop. It does not know what the streams mean.
package cfb

import (
	"unicode/utf16"

	"github.com/mailweir/weir/plugins/internal/document/octets"
)

// Magic is how a compound file begins; MagicBeta how those of the first
// versions did ([MS-CFB] §2.2).
const (
	Magic     = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
	MagicBeta = "\x0e\x11\xfc\x0d\xd0\xcf\x11\xe0"
)

type damage string

func (d damage) Error() string { return string(d) }

// What a compound file may be damaged in.
const (
	errHeader    = damage("its compound file header is none that can be read")
	errDirectory = damage("its directory of streams is damaged")
	errChain     = damage("a chain of sectors is damaged")
)

// Sector numbers with a meaning ([MS-CFB] §2.1).
const (
	maxSector  = 0xfffffffa
	endOfChain = 0xfffffffe
	noEntry    = 0xffffffff
)

// Types of directory entries (§2.6.1).
const (
	typeStorage = 1
	typeStream  = 2
	typeRoot    = 5
)

const (
	headerLen = 512
	entryLen  = 128
	maxDIFAT  = 1 << 16 // sectors of the FAT: 16 GiB of file
)

// Entry is a storage or stream.
type Entry struct {
	Name     string // as in the directory; control characters are part of names
	CLSID    [16]byte
	Size     int64 // of a stream
	Storage  bool
	Parent   *Entry // nil for the root
	Children []*Entry

	start uint32
}

// File is a compound file that was opened.
type File struct {
	Root    *Entry
	Damaged bool // parts of the directory cannot be reached

	s          octets.Source
	shift      uint // of a sector
	cutoff     int64
	difat      []uint32 // sectors of the FAT
	miniFAT    *chain
	miniStream *chain
	fatAt      uint32 // which sector of the FAT is in fat
	fat        []byte
}

// Open reads header and directory. maxEntries bounds the directory.
func Open(s octets.Source, maxEntries int) (*File, error) {
	h, err := s.At(0, headerLen)
	if err != nil {
		return nil, err
	}
	f := &File{s: s, shift: uint(octets.U16(h[30:])), cutoff: int64(octets.U32(h[56:])), fatAt: noEntry}
	if m := string(h[:8]); m != Magic && m != MagicBeta || f.shift != 9 && f.shift != 12 || octets.U16(h[32:]) != 6 {
		return nil, errHeader
	}
	if f.cutoff != 4096 { // §2.2; readers take it as it is
		if f.cutoff == 0 || f.cutoff > 1<<20 {
			return nil, errHeader
		}
	}
	if err := f.readDIFAT(h); err != nil {
		return nil, err
	}
	entries, err := f.readDirectory(octets.U32(h[48:]), maxEntries)
	if err != nil {
		return nil, err
	}
	root := entries[0]
	f.miniFAT = f.chain(octets.U32(h[60:]), int64(octets.U32(h[64:]))<<f.shift)
	f.miniStream = f.chain(root.start, root.Size)
	return f, nil
}

func (f *File) sectors() int64 { return f.s.Size>>f.shift + 1 }

// sector gives where a sector lies.
func (f *File) sector(n uint32) int64 { return (int64(n) + 1) << f.shift }

// readDIFAT gathers where the FAT lies (§2.5).
func (f *File) readDIFAT(h []byte) error {
	count := min(int64(octets.U32(h[44:])), f.sectors())
	add := func(b []byte) {
		for ; len(b) >= 4 && int64(len(f.difat)) < count; b = b[4:] {
			f.difat = append(f.difat, octets.U32(b))
		}
	}
	add(h[76:headerLen])
	next := octets.U32(h[68:])
	for seen := 0; int64(len(f.difat)) < count; seen++ {
		if next >= maxSector || seen > maxDIFAT {
			return nil // fewer than announced: what is missing shows where it is needed
		}
		b, err := f.s.Range(f.sector(next), 1<<f.shift)
		if err != nil {
			return err
		}
		if len(b) < 1<<f.shift {
			return errChain
		}
		add(b[:len(b)-4])
		next = octets.U32(b[len(b)-4:])
	}
	return nil
}

// next follows the FAT.
func (f *File) next(n uint32) (uint32, error) {
	per := uint32(1) << (f.shift - 2)
	i := n / per
	if i >= uint32(len(f.difat)) {
		return 0, errChain
	}
	if f.fatAt != i {
		if f.difat[i] >= maxSector {
			return 0, errChain
		}
		b, err := f.s.Range(f.sector(f.difat[i]), 1<<f.shift)
		if err != nil {
			return 0, err
		}
		f.fat, f.fatAt = b, i
	}
	at := int(n%per) * 4
	if at+4 > len(f.fat) {
		return 0, errChain
	}
	return octets.U32(f.fat[at:]), nil
}

// readDirectory reads the entries and ties them together.
func (f *File) readDirectory(start uint32, maxEntries int) ([]*Entry, error) {
	dir := f.chain(start, -1)
	var entries []*Entry
	var links [][3]uint32 // left, right, child
	var kinds []byte
	for sec := int64(0); len(entries) <= maxEntries; sec++ {
		b := make([]byte, 1<<f.shift)
		n, err := dir.ReadAt(b, sec<<f.shift)
		if err != nil && n < entryLen {
			if len(entries) == 0 {
				return nil, errDirectory
			}
			break
		}
		for b = b[:n]; len(b) >= entryLen; b = b[entryLen:] {
			e, kind := readEntry(b, f.shift == 9)
			entries = append(entries, e)
			kinds = append(kinds, kind)
			links = append(links, [3]uint32{octets.U32(b[68:]), octets.U32(b[72:]), octets.U32(b[76:])})
		}
		if err != nil {
			break
		}
	}
	if len(entries) > maxEntries {
		return nil, damage("it has too many streams")
	}
	if kinds[0] != typeRoot {
		return nil, errDirectory
	}
	f.Root = entries[0]
	f.tie(entries, kinds, links)
	return entries, nil
}

func readEntry(b []byte, short bool) (*Entry, byte) {
	n := min(octets.U16(b[64:]), 64) / 2
	u := make([]uint16, 0, 32)
	for i := 0; i < n; i++ {
		c := uint16(octets.U16(b[2*i:]))
		if c == 0 {
			break
		}
		u = append(u, c)
	}
	e := &Entry{Name: string(utf16.Decode(u)), start: octets.U32(b[116:]), Size: int64(octets.U64(b[120:]))}
	if short { // §2.6.1: the upper half may be anything in version 3
		e.Size = int64(octets.U32(b[120:]))
	}
	copy(e.CLSID[:], b[80:96])
	kind := b[66]
	e.Storage = kind == typeStorage || kind == typeRoot
	return e, kind
}

// tie makes the tree of storages out of the trees of siblings. Every entry is
// visited once: where a link leads to one that was visited, the file is damaged.
func (f *File) tie(entries []*Entry, kinds []byte, links [][3]uint32) {
	seen := make([]bool, len(entries))
	seen[0] = true
	type step struct {
		n      uint32
		parent *Entry
	}
	todo := []step{{links[0][2], entries[0]}}
	for len(todo) > 0 {
		t := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if t.n == noEntry {
			continue
		}
		if int64(t.n) >= int64(len(entries)) || seen[t.n] || kinds[t.n] != typeStorage && kinds[t.n] != typeStream {
			f.Damaged = true
			continue
		}
		seen[t.n] = true
		e := entries[t.n]
		e.Parent = t.parent
		t.parent.Children = append(t.parent.Children, e)
		l := links[t.n]
		todo = append(todo, step{l[1], t.parent}, step{l[0], t.parent})
		if kinds[t.n] == typeStorage {
			todo = append(todo, step{l[2], e})
		}
	}
}

// Open gives a stream's content.
func (f *File) Open(e *Entry) octets.Source {
	if e.Storage || e.Size < 0 {
		return octets.Source{R: octets.Of(nil).R}
	}
	if e.Size < f.cutoff {
		return octets.Source{R: &mini{f: f, start: e.start, size: e.Size}, Size: e.Size}
	}
	return octets.Source{R: f.chain(e.start, e.Size), Size: min(e.Size, f.s.Size)}
}

// Path names an entry: "Macros/VBA/dir".
func (e *Entry) Path() string {
	if e.Parent == nil {
		return ""
	}
	name := printable(e.Name)
	if p := e.Parent.Path(); p != "" {
		return p + "/" + name
	}
	return name
}

// printable spells control characters as Microsoft's documents do: \1Ole.
func printable(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c == 0x7f {
			b = append(b, '\\', "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
			continue
		}
		b = append(b, s[i])
	}
	return string(b)
}

// Child finds by name, without regard to case as Windows does; nil if there is none.
func (e *Entry) Child(name string) *Entry {
	for _, c := range e.Children {
		if Fold(c.Name, name) {
			return c
		}
	}
	return nil
}

// Stream finds a stream by name.
func (e *Entry) Stream(name string) *Entry {
	for _, c := range e.Children {
		if !c.Storage && Fold(c.Name, name) {
			return c
		}
	}
	return nil
}

// Fold compares without regard to the case of ASCII letters.
func Fold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// Walk visits every entry below e, parents first, until f is false.
func (e *Entry) Walk(f func(*Entry) bool) bool {
	for _, c := range e.Children {
		if !f(c) || !c.Walk(f) {
			return false
		}
	}
	return true
}
