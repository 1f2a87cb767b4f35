package archive

import (
	"hash/crc32"
	"io"
	"strings"

	"github.com/mailweir/weir/plugins/internal/filetype"
)

// walker is one walk over one part.
type walker struct {
	b    *Budget
	v    Visitor
	from *tracker
	seen map[Problem]bool // without Detail
}

// place is where a container lies.
type place struct {
	path  string // within the part; "" the part itself
	name  string // its last name
	depth int    // 0: the part itself
}

func (p place) entry(name string) *Entry {
	path := strings.TrimPrefix(name, "./")
	if p.path != "" {
		path = p.path + "/" + path
	}
	return &Entry{Path: path, Name: name, Size: -1, Depth: p.depth + 1}
}

// content looks into anything. plain: nothing is hidden in it.
func (w *walker) content(s source, t filetype.Type, p place, plain bool) error {
	switch {
	case t.Zipped():
		return w.open(p, func() error { return w.zip(s, false, p, plain) })
	case t.Container():
		end := int64(-1)
		err := w.open(p, func() (err error) {
			end, err = w.container(s, t, p)
			return err
		})
		if err != nil || end < 0 || end >= s.size || plain {
			return err
		}
		return w.fault(p, w.behind(s, end, false, p))
	case t == filetype.EML, t == filetype.MHTML:
		return w.open(p, func() error { return w.message(s, p) })
	case t.Program():
		return w.fault(p, w.behind(s, 1, true, p))
	case !plain:
		return w.fault(p, w.behind(s, 1, false, p))
	}
	return nil
}

// open runs f on the container at p, unless it lies too deep.
func (w *walker) open(p place, f func() error) error {
	if p.depth > w.b.lim.Depth {
		return w.fault(p, exceeded("it lies in too many archives within one another"))
	}
	return w.fault(p, f())
}

// container looks into one of a type that is no ZIP, and gives where it ends, -1
// where that is not known.
func (w *walker) container(s source, t filetype.Type, p place) (end int64, err error) {
	switch t {
	case filetype.SevenZip:
		return w.sevenZip(s, p)
	case filetype.Gzip, filetype.Bzip2, filetype.XZ, filetype.LZMA, filetype.Lzip, filetype.Compress, filetype.LZ4, filetype.Zstd:
		return w.stream(s, t, p)
	case filetype.Tar:
		return w.tar(s, p)
	case filetype.RAR4:
		return w.rar4(s, p)
	case filetype.RAR5:
		return w.rar5(s, p)
	case filetype.Ar:
		return w.ar(s, p)
	case filetype.Cpio:
		return w.cpio(s, p)
	case filetype.CAB:
		return w.cab(s, p)
	case filetype.LZH:
		return w.lzh(s, p)
	case filetype.ARJ:
		return w.arj(s, p)
	case filetype.ISO:
		return w.iso(s, p)
	case filetype.TNEF:
		return w.tnef(s, p)
	case filetype.UUEncode:
		return w.uuencoded(s, p)
	}
	return -1, unsupported("it is an archive of a kind that is not opened here (" + string(t) + ")")
}

// visit tells of an entry and looks into it. s is its content, decoded by sp
// (nil: it stands there as it is). packed is how much of the archive it takes.
func (w *walker) visit(e *Entry, s source, sp *spool, packed int64, plain bool) error {
	e.Type = filetype.Of(s.r, s.size)
	if err := w.v.Entry(e, s.r, s.size); err != nil {
		return visitorError{err}
	}
	p := place{e.Path, e.Name, e.Depth}
	deeper := e.Type.Container() || e.Type.Zipped() || e.Type.Program() || e.Type == filetype.EML || e.Type == filetype.MHTML
	switch {
	case sp == nil:
		if !deeper && !plain { // searched, as what is packed is
			if plain = s.size > w.b.verify; !plain {
				w.b.verify -= s.size
			}
		}
		return w.content(s, e.Type, p, plain)
	case deeper:
		if err := w.content(s, e.Type, p, false); err != nil {
			return err
		}
	}
	if !sp.complete() && packed > w.b.verify {
		return w.fault(p, sp.failure())
	}
	w.b.verify -= packed
	if _, err := sp.finish(); err != nil {
		return w.fault(p, err)
	}
	if !deeper && !sp.lost {
		return w.content(s, e.Type, p, false)
	}
	return nil
}

// opaque tells of an entry without content that can be read.
func (w *walker) opaque(e *Entry) error {
	if err := w.v.Entry(e, nil, max(0, e.Size)); err != nil {
		return visitorError{err}
	}
	return nil
}

// verify compares the checksum of what stands unpacked, if the budget allows.
func (w *walker) verify(s source, sum uint32) error {
	if s.size > w.b.verify {
		return nil
	}
	w.b.verify -= s.size
	h := crc32.NewIEEE()
	if _, err := io.Copy(h, s.stream(0, s.size)); err != nil {
		return err
	}
	if h.Sum32() != sum {
		return damaged("its checksum is wrong")
	}
	return nil
}

// fault turns what is wrong with content into a Problem; errors of the visitor
// and of the host stay.
func (w *walker) fault(p place, err error) error {
	if err == nil {
		return nil
	}
	if w.from.err != nil {
		return w.from.err
	}
	pr := Problem{Path: p.path, Cause: Unreadable, Detail: "its data cannot be unpacked", Whole: true}
	switch e := err.(type) {
	case visitorError:
		return err
	case stopped:
		return nil
	case damaged:
		pr.Detail = string(e)
	case exceeded:
		pr.Cause, pr.Detail = Limit, string(e)
	case unsupported:
		pr.Cause, pr.Detail = Unsupported, string(e)
	case sealed:
		pr.Cause, pr.Detail = Encrypted, ""
	}
	return w.problem(pr)
}

// sealedEntry reports the first entry of an archive that needs a password.
func (w *walker) sealedEntry(e *Entry) error {
	return w.problem(Problem{Path: e.Path, Cause: Encrypted})
}

func (w *walker) problem(p Problem) error {
	key := Problem{Path: p.Path, Cause: p.Cause}
	if w.seen[key] {
		return nil
	}
	if w.seen == nil {
		w.seen = map[Problem]bool{}
	}
	w.seen[key] = true
	if err := w.v.Problem(p); err != nil {
		return visitorError{err}
	}
	return nil
}
