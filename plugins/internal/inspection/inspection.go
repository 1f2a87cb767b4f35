// Package inspection judges files by their name and content: which of them may
// not be attached to mail. It is what the plugins attachments and unlock have in
// common, so that what was locked away is held to the rules for what was not.
//
// It looks for no malware and for no macros, and says nothing of what cannot be
// read: that is package document's and the stall plugin's. It runs in guests.
package inspection

import (
	"io"
	"strings"
	"time"

	"github.com/mailweir/weir/plugins/internal/archive"
	"github.com/mailweir/weir/plugins/internal/filetype"
	"github.com/mailweir/weir/sdk/abi"
)

// Part is an attachment.
type Part struct {
	Names []string // as different readers may see its name
	Media []string // media types: the declared one, and others
	R     io.ReaderAt
	Size  int64
	// Type is what it is taken for, if not for what its first octets say.
	Type filetype.Type
}

// Inspector looks at the parts of one message.
type Inspector struct {
	Rules  *Rules
	Budget *archive.Budget
	// Found is told of each file that a rule speaks of; path is "" for the part
	// itself.
	Found func(path string, j Judgement)
	// Problem is told what cannot be looked into; nil: nobody is.
	Problem func(archive.Problem)
	// Leaf looks further into each file, also into archives; nil: nothing does.
	Leaf func(c archive.Content) error
	// Entries counts what archives had in them.
	Entries int
	// Thorough has it search for archives behind other content too.
	Thorough bool
}

// Part looks at a part and at what is in it. Errors are those of p.R and of Leaf.
func (x *Inspector) Part(p Part) error {
	t := p.Type
	if t == filetype.Unknown {
		t = filetype.Of(p.R, p.Size)
	}
	j, found := x.Rules.Judge(&File{Names: p.Names, Media: p.Media, Type: t, Size: p.Size, Starts: starts(p.R, t)})
	if found {
		x.Found("", j)
	}
	name := ""
	if len(p.Names) > 0 {
		name = p.Names[0]
	}
	return x.Content(archive.Content{R: p.R, Size: p.Size, Name: name, Type: t, Plain: !x.Thorough}, found)
}

// Content looks into what was judged itself.
func (x *Inspector) Content(c archive.Content, judged bool) error {
	if !judged || !program(c.Type) {
		if c.Type.Container() || c.Type.Zipped() || c.Type == filetype.EML || c.Type == filetype.MHTML || x.Thorough {
			v := &visitor{Inspector: x}
			v.enter(c.Type, c.Path)
			if err := archive.WalkContent(c, x.Budget, v); err != nil {
				return err
			}
		}
	}
	if x.Leaf != nil && c.Size > 0 {
		return x.Leaf(c)
	}
	return nil
}

// visitor is told what an archive has in it.
type visitor struct {
	*Inspector
	documents []string // paths of documents that are ZIPs: the names in them mean nothing
	programs  []string // paths of programs that are ZIPs: found as a whole
}

// below is what the paths of everything in a container begin with.
func below(path string) string {
	if path == "" {
		return ""
	}
	return path + "/"
}

func (v *visitor) enter(t filetype.Type, path string) {
	switch {
	case t == filetype.JAR, t == filetype.APK:
		v.programs = append(v.programs, below(path))
	case t.Zipped() && t != filetype.ZIP:
		v.documents = append(v.documents, below(path))
	}
}

func under(path string, dirs []string) bool {
	for _, d := range dirs {
		if strings.HasPrefix(path, d) {
			return true
		}
	}
	return false
}

// Entry judges one entry.
func (v *visitor) Entry(e *archive.Entry, r io.ReaderAt, size int64) error {
	v.Entries++
	if e.Dir {
		return nil
	}
	f := &File{Names: []string{e.Name}, Type: e.Type, Size: e.Size, Inside: true, Document: under(e.Path, v.documents)}
	if f.Size < 0 && r != nil {
		f.Size = size
	}
	if r != nil {
		f.Starts = starts(r, e.Type)
	}
	j, found := v.Rules.Judge(f)
	if found && !under(e.Path, v.programs) {
		v.Found(e.Path, j)
	}
	v.enter(e.Type, e.Path)
	if v.Leaf == nil || r == nil || size == 0 || f.Document {
		return nil
	}
	return v.Leaf(archive.Content{R: r, Size: size, Name: e.Name, Type: e.Type, Path: e.Path, Depth: e.Depth})
}

// Problem passes on.
func (v *visitor) Problem(p archive.Problem) error {
	if v.Inspector.Problem != nil {
		v.Inspector.Problem(p)
	}
	return nil
}

// starts tells whether a script begins as only programs do; package filetype
// also calls text a script for words in it.
func starts(r io.ReaderAt, t filetype.Type) bool {
	if t != filetype.Script && t != filetype.DOS {
		return false
	}
	b := make([]byte, 64)
	n, _ := r.ReadAt(b, 0)
	b = b[:max(n, 0)]
	if t == filetype.DOS {
		// The last page has fewer than 512 octets, the header at least two
		// paragraphs: text that begins with MZ has neither.
		return len(b) >= 28 && int(b[2])|int(b[3])<<8 < 512 && int(b[8])|int(b[9])<<8 >= 2 && int(b[8])|int(b[9])<<8 < 0x1000
	}
	s := strings.ToLower(strings.TrimLeft(strings.TrimPrefix(string(b), "\xef\xbb\xbf"), " \t\r\n"))
	for _, m := range []string{"#!", "@echo off", "@echo on", "<job", "<package", "<?wsf", "<scriptlet", "<component"} {
		if strings.HasPrefix(s, m) {
			return true
		}
	}
	return false
}

// Limits reads a limits block.
func Limits(v abi.Value) archive.Limits {
	n := func(name string) int64 { return int64(v.Get(name).Number) }
	return archive.Limits{
		Depth: int(n("depth")), Entries: int(n("entries")), Bytes: n("bytes"), Ratio: n("ratio"), Memory: n("memory"),
		Time: time.Duration(n("time")) * time.Millisecond,
	}
}

// Clean makes a name from the mail fit for a log line or a reply.
func Clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == 0xfffd || turned(string(r)) {
			return '_'
		}
		return r
	}, s)
	if len(s) > 200 {
		s = s[:200]
		for len(s) > 0 && s[len(s)-1] >= 0x80 {
			s = s[:len(s)-1]
		}
	}
	return s
}

// Inside judges what was taken out of a document, and looks into it.
func (x *Inspector) Inside(c archive.Content) error {
	j, found := x.Rules.Judge(&File{Names: []string{c.Name}, Type: c.Type, Size: c.Size, Inside: true, Starts: starts(c.R, c.Type)})
	if found {
		x.Found(c.Path, j)
	}
	return x.Content(c, found)
}
