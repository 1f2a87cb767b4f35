package unlock

import (
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/mailweir/weir/plugins/internal/archive"
	"github.com/mailweir/weir/plugins/internal/document"
	"github.com/mailweir/weir/plugins/internal/filetype"
	"github.com/mailweir/weir/plugins/internal/inspection"
	"github.com/mailweir/weir/sdk"
	"github.com/mailweir/weir/sdk/abi"
)

// opening is one try.
type opening struct {
	inspection.Inspector
	s    *settings
	call *sdk.Call
	key  *archive.Key
	part *abi.Part

	archives []opened
	problems []string // why the message is kept: what cannot be inspected
	found    []string // what is forbidden
	missed   int      // problems and findings beyond those
}

// opened is an archive that needs a password.
type opened struct {
	where string
	archive.Opening
	entries int // of the part
}

// maxTold is how many problems and findings are told of each kind.
const maxTold = 20

// message looks at all parts.
func (x *opening) message(password string) error {
	x.key = archive.NewKey(password)
	b := archive.NewBudget(x.s.limits)
	b.Unlock(x.key)
	x.Inspector = inspection.Inspector{Rules: x.s.rules, Budget: b, Found: x.forbidden, Problem: x.problem, Leaf: x.leaf, Thorough: true}
	ps, err := x.call.Parts()
	if err != nil {
		return err
	}
	if ps.Malformed {
		x.note(&x.problems, "the message's MIME structure is broken or ambiguous")
	}
	for i := range ps.Parts {
		p := &ps.Parts[i]
		if p.Size == 0 || i+1 < len(ps.Parts) && ps.Parts[i+1].Parent == p.Index {
			continue
		}
		if err := x.look(p); err != nil {
			return err
		}
	}
	return nil
}

func (x *opening) look(p *abi.Part) error {
	x.part = p
	names := p.Names
	if len(names) == 0 && p.Filename != "" {
		names = []string{p.Filename}
	}
	before := x.Entries
	var err error
	if r := x.call.Open(p); !p.Attachment && p.Magic == "" && strings.HasPrefix(p.Type, "text/") {
		// Text that is read, not opened; an archive may stand in it all the same.
		x.Leaf = nil
		t := filetype.Of(r, int64(p.Size))
		if p.Malformed && t == filetype.Text { // a uuencoded file in it
			t = filetype.UUEncode
		}
		err = x.Content(archive.Content{R: r, Size: int64(p.Size), Type: t}, true)
		x.Leaf = x.leaf
	} else {
		err = x.Part(inspection.Part{Names: names, Media: []string{p.Type, p.Magic}, R: r, Size: int64(p.Size)})
	}
	for _, o := range x.key.Openings() {
		x.archives = append(x.archives, opened{x.at(o.Path), *o, x.Entries - before})
	}
	return err
}

// at names what a path in the part at hand leads to.
func (x *opening) at(path string) string {
	name := inspection.Clean(x.part.Filename)
	switch {
	case name != "":
	case x.part.Number == "":
		name = "the message"
	default:
		name = "part " + x.part.Number
	}
	if path == "" {
		return name
	}
	return inspection.Clean(path) + " in " + name
}

// note adds a line, of which at most maxTold are kept.
func (x *opening) note(to *[]string, line string) {
	switch {
	case slices.Contains(*to, line):
	case len(*to) >= maxTold:
		x.missed++
	default:
		*to = append(*to, line)
	}
}

func (x *opening) forbidden(path string, j inspection.Judgement) {
	x.note(&x.found, x.at(path)+j.Reason)
}

func (x *opening) problem(p archive.Problem) {
	why := p.Detail
	if p.Cause == archive.Encrypted {
		why = "this password does not open it"
		if o := x.account(p); o != nil && o.Wrong == 0 && o.Unsupported > 0 {
			why = "its encryption is not supported here, look at it by hand"
		}
	}
	x.note(&x.problems, x.at(p.Path)+": "+why)
}

// account is that of the archive that a problem is of, or in; nil where no
// password was tried.
func (x *opening) account(p archive.Problem) (o *archive.Opening) {
	for _, k := range x.key.Seen() {
		if k.Path == p.Path || k.Path == "" || strings.HasPrefix(p.Path, k.Path+"/") {
			if o == nil || len(k.Path) >= len(o.Path) {
				o = k
			}
		}
	}
	return o
}

// leaf looks for what documents have in them.
func (x *opening) leaf(c archive.Content) error {
	if c.Type.Media() || c.Type.Container() && c.Type != filetype.ZIP {
		return nil
	}
	var failed error // of the host or of a walk within: not the document's
	found, err := document.Inspect(c.R, c.Size, c.Name, string(c.Type), document.Limits{
		Depth: max(0, x.Budget.Depth()-c.Depth), Budget: x.Budget,
		Embedded: func(e document.Embedded) error {
			failed = x.Inside(archive.Content{
				R: e.R, Size: e.Size, Name: e.Name, Type: filetype.Of(e.R, e.Size), Path: join(c.Path, e.Path), Depth: max(1, x.Budget.Depth()-e.Depth),
			})
			return failed
		},
	})
	switch {
	case failed != nil:
		return failed
	case err != nil && c.Depth == 0:
		return err
	case err != nil && err != io.EOF:
		x.note(&x.problems, x.at(c.Path)+": it cannot be read")
		return nil
	}
	for _, f := range found {
		if !slices.Contains(x.s.forbid, f.Cause) {
			continue
		}
		what := x.at(join(c.Path, f.Path)) + ": " + f.Detail
		switch f.Cause {
		case document.CauseEncryptedDocument, document.CauseEncryptedMessage:
			x.note(&x.problems, what+"; passwords of documents are not supported here, look at it by hand")
		case document.CauseUnreadable:
			x.note(&x.problems, what)
		default:
			x.note(&x.found, what)
		}
	}
	return nil
}

func join(path, name string) string {
	switch {
	case path == "":
		return name
	case name == "":
		return path
	}
	return path + "/" + name
}

// results are shown to who asked.
func (x *opening) results(v *sdk.Verdict) {
	for i, a := range x.archives {
		if i == maxTold {
			break
		}
		v.Result(a.where, a.word())
	}
	for _, p := range x.problems {
		v.Result("not inspected", p)
	}
	for _, f := range x.found {
		v.Result("forbidden", f)
	}
	if x.missed > 0 {
		v.Result("more", strconv.Itoa(x.missed))
	}
}

func (a *opened) word() string {
	var out []string
	add := func(n int, what string) {
		if n > 0 {
			out = append(out, what)
		}
	}
	add(a.Opened, "opened, "+count(a.Opened, "entry", "entries"))
	add(a.Wrong, "wrong password")
	add(a.Unsupported, "encryption not supported, look at it by hand")
	return strings.Join(out, "; ")
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
