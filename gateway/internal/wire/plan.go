package wire

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mailweir/weir/gateway/internal/mimetree"
)

// EditError is an edit that cannot be applied soundly to this message.
type EditError struct {
	Filter string // who asked for it, where that is known
	Err    error
}

func (e *EditError) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *EditError) Unwrap() error { return e.Err }

// Plan is a message as it will be sent, piece by piece. It may be read any
// number of times, also in parallel, as long as the message's Body is open.
type Plan struct {
	pieces []piece
	size   int64
}

// piece is a stretch of what goes out.
type piece struct {
	size int64
	open func() io.Reader
}

// Size is what Reader gives, in octets.
func (p *Plan) Size() int64 { return p.size }

// Reader gives the whole message, to be read once.
func (p *Plan) Reader() io.Reader {
	rs := make([]io.Reader, len(p.pieces))
	for i, x := range p.pieces {
		rs[i] = &lazy{open: x.open}
	}
	return io.MultiReader(rs...)
}

// lazy opens a piece when its turn has come.
type lazy struct {
	open func() io.Reader
	r    io.Reader
}

func (l *lazy) Read(p []byte) (int, error) {
	if l.r == nil {
		l.r = l.open()
	}
	return l.r.Read(p)
}

func (p *Plan) text(s string) {
	if s != "" {
		p.add(piece{int64(len(s)), func() io.Reader { return strings.NewReader(s) }})
	}
}

func (p *Plan) add(x piece) {
	if x.size > 0 {
		p.pieces = append(p.pieces, x)
		p.size += x.size
	}
}

func (p *Plan) raw(r io.ReaderAt, from, to int64) {
	if to > from {
		p.add(rawPiece(r, from, to))
	}
}

func rawPiece(r io.ReaderAt, from, to int64) piece {
	return piece{to - from, func() io.Reader { return &whole{r: io.NewSectionReader(r, from, to-from), left: to - from} }}
}

// whole is a stretch of the message that must not end early.
type whole struct {
	r    io.Reader
	left int64
}

func (w *whole) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	w.left -= int64(n)
	if err == io.EOF && w.left > 0 {
		err = fmt.Errorf("reading the message: %w", io.ErrUnexpectedEOF)
	}
	return n, err
}

// cut is a stretch of the message in whose place others go out.
type cut struct {
	from, to int64
	pieces   []piece
}

// Plan works out what goes out. It fails with an *EditError where an edit
// cannot be applied, and otherwise where Body cannot be read.
func (m Message) Plan() (*Plan, error) {
	p := &Plan{}
	p.text(m.Trace)
	headLen, head := int64(0), []byte(nil)
	if len(m.Edits) > 0 {
		raw, err := header(m.Body, m.Size)
		if err != nil {
			return nil, err
		}
		if head, err = Edit(raw, m.Edits); err != nil {
			return nil, &EditError{Err: err}
		}
		headLen = int64(len(raw))
	}
	if len(m.Parts) == 0 {
		p.text(string(head))
		p.raw(m.Body, headLen, m.Size)
		return p, nil
	}
	cuts, err := m.cuts(head, headLen)
	if err != nil {
		return nil, err
	}
	at := int64(0)
	for _, c := range cuts {
		p.raw(m.Body, at, c.from)
		for _, x := range c.pieces {
			p.add(x)
		}
		at = c.to
	}
	p.raw(m.Body, at, m.Size)
	return p, nil
}

// cuts are what the part edits and the header edits change, in order and
// without overlap. head is the header with its edits in place of the first
// headLen octets, if there were any.
func (m Message) cuts(head []byte, headLen int64) ([]cut, error) {
	tree := m.Tree
	if tree == nil {
		var err error
		if tree, err = mimetree.Parse(m.Body, m.Size, mimetree.Budget{}); err != nil {
			return nil, err
		}
	}
	for _, e := range m.Edits {
		if strings.EqualFold(e.Name, "Content-Type") || strings.EqualFold(e.Name, "Content-Transfer-Encoding") {
			return nil, &EditError{Filter: m.Parts[0].Filter, Err: fmt.Errorf("a header edit of %s beside edits of parts", e.Name)}
		}
	}
	ed := &editor{body: m.Body, size: m.Size, tree: tree, parts: tree.Parts().Parts, head: head, headLen: headLen}
	todo, err := ed.combine(m.Parts)
	if err != nil {
		return nil, err
	}
	for _, t := range todo {
		if err := ed.apply(t); err != nil {
			var mine *EditError
			if !errors.As(err, &mine) && !errors.Is(err, errRead) {
				err = &EditError{Filter: t.filter, Err: err}
			}
			return nil, err
		}
	}
	if len(head) > 0 && !slices.ContainsFunc(ed.cuts, func(c cut) bool { return c.from == 0 }) {
		ed.cut(0, headLen, textPiece(head))
	}
	slices.SortFunc(ed.cuts, func(a, b cut) int {
		if a.from != b.from {
			return int(min(max(a.from-b.from, -1), 1))
		}
		return int(min(max(a.to-b.to, -1), 1))
	})
	return ed.cuts, nil
}

// errRead marks errors of reading the message, which are no fault of an edit.
var errRead = errors.New("reading the message")

func textPiece(b []byte) piece {
	s := string(b)
	return piece{int64(len(s)), func() io.Reader { return strings.NewReader(s) }}
}
