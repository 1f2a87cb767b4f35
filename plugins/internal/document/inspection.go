package document

import (
	"io"

	"github.com/mailweir/weir/plugins/internal/document/octets"
)

// maxFindings is how many findings one file gets.
const maxFindings = 50

// inspection gathers what was found in one file.
type inspection struct {
	lim      Limits
	name     string
	declared string // what the caller takes the file to be
	whole    int64  // octets of the file
	findings []Finding
	err      error // of Limits.Embedded
	work     int64 // octets and calls of reading that are left
	calls    int
	scratch  []byte
}

// find adds a finding unless the same place has one of this cause and kind.
func (x *inspection) find(cause, sub, path, detail string) {
	for i := range x.findings {
		if f := &x.findings[i]; f.Cause == cause && f.Sub == sub && f.Path == path {
			return
		}
	}
	if len(x.findings) < maxFindings {
		x.findings = append(x.findings, Finding{Cause: cause, Sub: sub, Path: path, Detail: detail})
	}
}

// unreadable reports what cannot be looked into.
func (x *inspection) unreadable(sub, path, detail string) {
	x.find(CauseUnreadable, sub, path, detail)
}

// fault reports an error of the content.
func (x *inspection) fault(sub, path string, err error) {
	if err != nil {
		x.unreadable(sub, path, err.Error())
	}
}

// A crafted document can have the same octets read over and over, by streams
// that share their sectors or objects that refer to one another. What reading
// costs is bounded: so many octets, and for each call as many as one is worth.
const (
	maxWork  = 128 << 20
	workSize = 8 // and so many times the size of the file
	callCost = 64
)

const errWork = damage("it takes too much to look through")

// damage is an error that lies in the content.
type damage string

func (d damage) Error() string { return string(d) }

// metered reads within the work that is left.
type metered struct {
	x *inspection
	r io.ReaderAt
}

// ReadAt implements io.ReaderAt.
func (m metered) ReadAt(b []byte, off int64) (int, error) {
	if !m.x.goOn() {
		return 0, errWork
	}
	n, err := m.r.ReadAt(b, off)
	m.x.work -= int64(n) + callCost
	return n, err
}

// goOn says whether there is work left, and every now and then whether the
// caller's budget has time left.
func (x *inspection) goOn() bool {
	if x.calls++; x.calls&255 == 0 && x.lim.Budget != nil && !x.lim.Budget.Unpack(0) {
		x.work = -1
	}
	return x.work >= 0
}

// meter bounds what reading a source costs.
func (x *inspection) meter(s octets.Source) octets.Source {
	return octets.Source{R: metered{x, s.R}, Size: s.Size}
}

// unpacked bounds what is unpacked without being kept.
type unpacked struct {
	x    *inspection
	r    io.Reader
	left int64
}

// unpacking bounds one stream: what is longer than maxPart is not read in part.
func (x *inspection) unpacking(r io.Reader) io.Reader { return &unpacked{x, r, maxPart} }

// Read implements io.Reader.
func (u *unpacked) Read(b []byte) (int, error) {
	if !u.x.goOn() || u.left < 0 {
		return 0, errWork
	}
	n, err := u.r.Read(b)
	u.left -= int64(n)
	u.x.work -= int64(n) + callCost
	return n, err
}
