package main

import (
	"io"
	"slices"
	"strings"

	"github.com/mailweir/weir/sdk/abi"
)

// Budgets of one message, shared by all parts and nested levels.
const (
	maxInflate = 24 << 20  // octets inflated; held in memory, of which there are 64 MiB
	maxEntries = 10_000    // entries of archives
	maxScan    = 256 << 20 // octets searched for entries outside of directories
	maxDepth   = 5         // archives within archives
)

type budget struct {
	inflate, entries, scan int64
}

// inspection gathers what was found in one message.
type inspection struct {
	budget   budget
	part     uint32 // index + 1 of the part at hand
	name     string // what it is called
	findings []abi.Finding
	sealed   []sealed
	inflater io.ReadCloser // one for all: each is 45 KB, and there may be thousands of entries
}

// sealed is an archive that was reported as encrypted: once is enough.
type sealed struct {
	part uint32
	path string
}

// damaged is a container's fault, in words that end "… is damaged: ". Other
// errors are the host's, and fail the call.
type damaged string

func (d damaged) Error() string { return string(d) }

// source is what is looked into, by ranges.
type source struct {
	r    io.ReaderAt
	size int64
}

// at reads n octets at off; beyond the end it is damaged.
func (s source) at(off, n int64) ([]byte, error) {
	if off < 0 || n < 0 || off > s.size || n > s.size-off {
		return nil, damaged("it ends too early")
	}
	b := make([]byte, n)
	if n == 0 {
		return b, nil
	}
	m, err := s.r.ReadAt(b, off)
	if int64(m) == n {
		return b, nil
	}
	if err == nil || err == io.EOF {
		return nil, damaged("it ends too early")
	}
	return nil, err
}

func (s source) section(off, n int64) source {
	return source{io.NewSectionReader(s.r, off, n), n}
}

// kind is what content is, by its first octets.
type kind uint8

const (
	kindOther  kind = iota
	kindZIP         // begins as a ZIP
	kindHidden      // has a ZIP's marks somewhere
	kind7z
	kindRAR4
	kindRAR5
	kindProgram // may carry an archive behind itself
)

func sniff(head []byte) kind {
	begins := func(s string) bool { return strings.HasPrefix(string(head), s) }
	switch {
	case begins(localMark), begins(endMark), begins("PK\x07\x08"), begins("PK00" + localMark):
		return kindZIP
	case begins("7z\xbc\xaf\x27\x1c"):
		return kind7z
	case begins("Rar!\x1a\x07\x00"):
		return kindRAR4
	case begins("Rar!\x1a\x07\x01\x00"):
		return kindRAR5
	case begins("MZ"), begins("\x7fELF"), begins("#!"):
		return kindProgram
	}
	return kindOther
}

const sniffLen = 8

func (x *inspection) sniff(s source) (kind, error) {
	head, err := s.at(0, min(sniffLen, s.size))
	if err != nil {
		return 0, x.fault("", err)
	}
	if k := sniff(head); k != kindProgram {
		return k, nil
	}
	return kindOther, nil
}

// inspect looks into a container. path is where it is within the part.
func (x *inspection) inspect(s source, k kind, path string, depth int) error {
	if k == kindOther || k == kindProgram {
		return nil
	}
	if depth > maxDepth {
		x.unreadable(path, x.at(path)+" lies in too many archives within one another to be inspected.")
		return nil
	}
	var err error
	switch k {
	case kindZIP, kindHidden:
		err = x.zip(s, k == kindHidden, path, depth)
	case kind7z:
		err = x.sevenZip(s, path)
	case kindRAR4:
		err = x.rar4(s, path)
	case kindRAR5:
		err = x.rar5(s, path)
	}
	return x.fault(path, err)
}

// fault turns a container's damage into a finding; other errors stay.
func (x *inspection) fault(path string, err error) error {
	if d, ok := err.(damaged); ok {
		x.unreadable(path, x.at(path)+" is damaged ("+string(d)+"), so it cannot be inspected.")
		return nil
	}
	return err
}

// at names what a path leads to.
func (x *inspection) at(path string) string {
	if path == "" {
		return x.name
	}
	return clean(path) + " in " + x.name
}

func (x *inspection) unreadable(path, why string) { x.find(causeUnreadable, path, why) }

// encrypted reports an archive at path; entry is what needs the password, ""
// the whole.
func (x *inspection) encrypted(path, entry string) {
	if slices.Contains(x.sealed, sealed{x.part, path}) {
		return
	}
	x.sealed = append(x.sealed, sealed{x.part, path})
	if entry == "" {
		x.find(causeEncrypted, path, x.at(path)+" is an archive protected with a password, so it cannot be inspected.")
		return
	}
	x.find(causeEncrypted, join(path, entry), clean(entry)+" in "+x.at(path)+" is protected with a password, so it cannot be inspected.")
}

// find adds a finding unless the same place has one of this cause.
func (x *inspection) find(cause, path, why string) {
	path = clean(path)
	for i := range x.findings {
		if f := &x.findings[i]; f.Sub == cause && f.Part == x.part && f.Path == path {
			return
		}
	}
	if len(x.findings) < 4*maxFindings {
		x.findings = append(x.findings, abi.Finding{Sub: cause, Part: x.part, Path: path, Explanation: why})
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "/" + name
}

// spend takes from a budget; false when it is used up.
func spend(b *int64, n int64) bool {
	*b -= n
	return *b >= 0
}

func u16(b []byte) int64 { return int64(b[0]) | int64(b[1])<<8 }
func u32(b []byte) int64 { return u16(b) | u16(b[2:])<<16 }

// u64 gives -1 for what no file has.
func u64(b []byte) int64 {
	if b[7] >= 0x80 {
		return -1
	}
	return u32(b) | u32(b[4:])<<32
}
