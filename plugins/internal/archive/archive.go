// Package archive looks into archives, disk images and encoded files: it walks
// their entries, decodes what it can, and says what cannot be looked into and
// why. All of it is by ranged reads and under one Budget per message, so that
// no content takes more memory or time than the budget allows.
//
// It extracts nothing to files, and it is no reader for those who trust an
// archive: where two readings of one are possible, both are walked and the
// ambiguity is a Problem. Documents (Office, PDF) that happen to be ZIPs are
// walked as ZIPs; what they mean is package document's.
//
// It runs in guests.
package archive

import (
	"io"

	"github.com/mailweir/weir/plugins/internal/filetype"
)

// Causes of problems.
const (
	Encrypted   = "encrypted-archive"   // needs a password
	Unreadable  = "unreadable"          // damaged, ambiguous, or one of several volumes
	Limit       = "limit"               // beyond the budget
	Unsupported = "unsupported-archive" // an archive or a compression that is not decoded here
)

// Entry is one entry of an archive, or what a compressed file unpacks to.
type Entry struct {
	Path      string        // where it is within the part: "inner.tar/a.txt"
	Name      string        // as the archive at hand names it
	Size      int64         // unpacked, in octets; -1 unknown
	Encrypted bool          // needs a password
	Dir       bool          // a directory, or another entry without content
	Depth     int           // 1: directly in the part
	Type      filetype.Type // by content; "" where encrypted, a directory, or not decoded
}

// Problem is something that cannot be looked into.
type Problem struct {
	Path  string // of the container or entry within the part; "" the part itself
	Cause string // Encrypted, Unreadable, Limit or Unsupported
	// Detail says why, as a clause that stands for itself: "its data cannot be
	// inflated". Empty for Encrypted.
	Detail string
	// Whole: Path names a container all of which is concerned, not an entry.
	Whole bool
}

// Visitor is told what Walk finds, in the order of the archive; an entry's own
// entries come after it. An error ends the walk and is what Walk returns.
type Visitor interface {
	// Entry is one entry with its decoded content: nil where it is encrypted, a
	// directory or not decodable (a Problem follows then). Content is decoded as
	// it is read, the whole of it if read from the end; r is valid until Entry
	// returns. A read that fails is reported as a Problem by Walk itself.
	Entry(e *Entry, r io.ReaderAt, size int64) error
	// Problem may come more than once for one path, not for one path and cause.
	Problem(p Problem) error
}

// Content is what is walked: a part of a message.
type Content struct {
	R    io.ReaderAt
	Size int64         // octets
	Name string        // of the part, for what a compressed file is called inside
	Type filetype.Type // as filetype.Of tells
	// Path and Depth are those of a content that was taken out of a part: what is
	// in it then goes on from there. A failing R is then the content's fault.
	Path  string
	Depth int
	// Plain says that none of Marks is in it, so that nothing is searched for.
	Plain bool
}

// Marks are octets one of which stands in every content that has an archive
// behind something else, as far as archives are searched for in what is
// neither a container nor a program.
var Marks = []string{localMark, endMark, mark7z, markRAR, markCAB}

// Walk looks into content of any type. name is what the part is called. What is
// no container has no entries, but for archives that are hidden behind it.
// Errors of the visitor and of r are returned; whatever is wrong with the
// content is a Problem.
func Walk(r io.ReaderAt, size int64, name string, b *Budget, v Visitor) error {
	return WalkContent(Content{R: r, Size: size, Name: name, Type: filetype.Of(r, size)}, b, v)
}

// WalkContent is Walk for content of which something is known.
func WalkContent(c Content, b *Budget, v Visitor) error {
	t := &tracker{r: c.R, inner: c.Depth > 0}
	if !t.inner {
		b.begin(c.Size)
	}
	w := &walker{b: b, v: v, from: t}
	err := w.content(source{t, c.Size}, c.Type, place{path: c.Path, name: c.Name, depth: c.Depth}, c.Plain)
	switch {
	case t.err != nil:
		return t.err
	case err == nil:
		return nil
	}
	if e, ok := err.(visitorError); ok {
		return e.error
	}
	return err
}

// tracker remembers how its reader failed: such an error is no fault of the content.
type tracker struct {
	r     io.ReaderAt
	inner bool // errors are the content's
	err   error
}

func (t *tracker) ReadAt(p []byte, off int64) (int, error) {
	n, err := t.r.ReadAt(p, off)
	if err != nil && err != io.EOF && t.err == nil && !t.inner {
		t.err = err
	}
	return n, err
}

// visitorError is an error of the visitor: it ends the walk.
type visitorError struct{ error }
