package mimetree

import (
	"bytes"
	"io"
	"strconv"
	"strings"

	"github.com/mailweir/weir/sdk/abi"
)

// level is a multipart, or a message in a message, that is open.
type level struct {
	part     int
	boundary []byte // nil for a message/rfc822
	digest   bool
	children int
	closed   bool // the closing delimiter was there: what follows is epilogue
}

// parser walks over the lines with the levels that are open.
type parser struct {
	tree   *Tree
	budget Budget
	levels []level

	cur      int  // the entity at hand, -1 in a preamble or epilogue
	inHeader bool // of cur
	header   []byte
	cut      bool // the header budget is used up

	leaf     leaf
	lineEnd  int64 // end of the last line without its line break
	overfull bool  // the budget of parts was complained about
}

// leaf is what is gathered over a leaf's content while its lines pass by.
type leaf struct {
	head   []byte // its first octets, encoded
	size   int64  // decoded so far
	b64    b64
	qp     qp
	brk    string // the last line's break, not yet part of the content
	nul    bool
	begun  bool  // the last line was "begin 644 name"
	uu     bool  // and uuencoded data followed
	marked int64 // raw offset of the last mark
	buf    []byte
}

func (p *parser) run() error {
	p.begin(-1, false, -1, 0)
	ls := newLines(p.tree.r, p.tree.size)
	for {
		line, off, start, err := ls.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		p.line(line, off, start)
		p.lineEnd = off + int64(len(line)-breakLen(line))
	}
	p.finish()
	return nil
}

func (p *parser) line(line []byte, off int64, start bool) {
	if start && len(line) > 2 && line[0] == '-' && line[1] == '-' && len(p.levels) > 0 && p.delimiter(line, off) {
		return
	}
	switch {
	case p.cur < 0:
	case p.inHeader:
		p.headerLine(line, off, start)
	default:
		p.content(line, off, start)
	}
}

// begin starts an entity, whose header follows at off. Its delimiter's line
// began at delim, -1 for an entity without one.
func (p *parser) begin(parent int, digest bool, delim, off int64) {
	t := p.tree
	if len(t.parts) >= p.budget.Parts {
		p.cur = -1
		if !p.overfull {
			p.overfull = true
			t.problem(-1, "more than "+strconv.Itoa(p.budget.Parts)+" parts")
		}
		return
	}
	p.cur, p.inHeader, p.header = len(t.parts), true, p.header[:0]
	part := abi.Part{Index: uint32(p.cur), Parent: uint32(max(parent, 0)), Depth: uint32(len(p.levels)), Type: "text/plain"}
	if digest {
		part.Type = "message/rfc822"
	}
	t.parts = append(t.parts, part)
	t.bodies = append(t.bodies, body{off: off, end: off})
	t.spans = append(t.spans, span{delim: delim, head: off, next: off})
}

func (p *parser) headerLine(line []byte, off int64, start bool) {
	t := p.tree
	end := off + int64(len(line))
	if start && len(line) == breakLen(line) {
		if p.cur == 0 {
			t.headerLen = end
			if !p.cut {
				t.raw = append(p.header, line...)
				p.header = nil
			}
		}
		p.headerDone(end)
		return
	}
	if room := p.budget.HeaderBytes; len(line) > room {
		if !p.cut {
			p.cut = true
			t.problem(-1, "the headers are too long")
		}
		return
	}
	p.budget.HeaderBytes -= len(line)
	p.header = append(p.header, line...)
}

// headerDone: the header of the entity at hand is complete, its content
// begins at off.
func (p *parser) headerDone(off int64) {
	t, i := p.tree, p.cur
	p.inHeader = false
	block := p.header
	if i == 0 {
		if t.raw == nil {
			t.raw = bytes.Clone(p.header)
		}
		block = t.raw
	}
	var trouble []string
	hs := fields(block, func(s string) {
		if len(trouble) < 4 {
			trouble = append(trouble, s)
		}
	})
	if i == 0 {
		t.headers = hs
	}
	t.bodies[i] = body{off: off, end: off}
	c := contentOf(hs)
	d := describe(&t.parts[i], &c)
	p.number(i, strings.HasPrefix(t.parts[i].Type, "multipart/"))
	for _, s := range append(trouble, d.trouble...) {
		t.problem(i, s)
	}
	t.bodies[i].enc = d.enc
	switch typ := t.parts[i].Type; {
	case strings.HasPrefix(typ, "multipart/"):
		p.multipart(i, &d)
	case typ == "message/rfc822" || typ == "message/global":
		p.message(i, off)
	default:
		switch typ {
		case "message/partial":
			t.problem(i, "a fragment of another message")
		case "message/external-body":
			t.problem(i, "a reference to content that lies elsewhere")
		}
		p.startLeaf(off)
	}
}

func (p *parser) startLeaf(off int64) {
	p.leaf = leaf{head: p.leaf.head[:0], buf: p.leaf.buf, marked: off}
}

// number gives a part its IMAP number once it is known whether it is a multipart.
func (p *parser) number(i int, multipart bool) {
	n := ""
	if k := len(p.levels); k > 0 {
		l := &p.levels[k-1]
		n = p.tree.parts[l.part].Number
		if l.boundary != nil {
			if n != "" {
				n += "."
			}
			n += strconv.Itoa(l.children)
		} else if !multipart {
			n += ".1"
		}
	} else if !multipart {
		n = "1"
	}
	p.tree.parts[i].Number = n
}

func (p *parser) multipart(i int, d *description) {
	t := p.tree
	if t.bodies[i].enc != encIdentity {
		t.problem(i, "a multipart with a transfer encoding") // RFC 2045 §6.4 forbids it
		t.bodies[i].enc = encIdentity
	}
	switch {
	case d.boundary == "":
		t.problem(i, "a multipart without boundary")
	case len(p.levels) >= p.budget.Depth:
		t.problem(i, "nested too deeply")
	default:
		for _, l := range p.levels {
			if string(l.boundary) == d.boundary {
				t.problem(i, "the boundary of an outer multipart once more")
			}
		}
		if len(d.boundary) > 70 || strings.ContainsAny(d.boundary, "\x00\r\n") || strings.TrimRight(d.boundary, " \t") != d.boundary {
			t.problem(i, "an invalid boundary") // RFC 2046 §5.1.1
		}
		t.spans[i].boundary = d.boundary
		p.levels = append(p.levels, level{part: i, boundary: []byte(d.boundary), digest: d.digest})
		p.cur = -1
		return
	}
	p.startLeaf(t.bodies[i].off)
}

// message descends into a message/rfc822.
func (p *parser) message(i int, off int64) {
	t := p.tree
	t.parts[i].Attachment = true
	switch {
	case t.bodies[i].enc != encIdentity:
		t.problem(i, "a message with a transfer encoding") // RFC 2046 §5.2.1 forbids it
		p.startLeaf(off)
	case len(p.levels) >= p.budget.Depth:
		t.problem(i, "nested too deeply")
		p.startLeaf(off)
	default:
		p.levels = append(p.levels, level{part: i})
		p.begin(i, false, -1, off)
	}
}

// delimiter handles a line that begins with "--", and tells whether it was a
// delimiter of an open multipart. The innermost one that fits exactly wins.
func (p *parser) delimiter(line []byte, off int64) bool {
	rest := line[2 : len(line)-breakLen(line)]
	hit, last, close, matches, near := -1, false, false, 0, -1
	for k := len(p.levels) - 1; k >= 0; k-- {
		b := p.levels[k].boundary
		if b == nil || !bytes.HasPrefix(rest, b) {
			continue
		}
		tail := bytes.TrimRight(rest[len(b):], " \t")
		switch {
		case len(tail) == 0:
			close = false
		case string(tail) == "--":
			close = true
		default:
			near = k
			continue
		}
		if matches++; hit < 0 {
			hit, last = k, close
		}
	}
	if hit < 0 {
		if near >= 0 {
			p.tree.problem(p.levels[near].part, "a line that only begins like a delimiter")
		}
		return false
	}
	if matches > 1 {
		p.tree.problem(p.levels[hit].part, "a delimiter of two multiparts")
	}
	p.closeTo(hit+1, p.lineEnd, off)
	l := &p.levels[hit]
	if last {
		l.closed = true
		return true
	}
	if l.closed {
		p.tree.problem(l.part, "a part behind the end of its multipart")
		l.closed = false
	}
	l.children++
	p.begin(l.part, l.digest, off, off+int64(len(line)))
	return true
}

// closeTo closes the entity at hand and all levels from k up. Content ended
// at end; off is where the delimiter's line begins, or the end of the message.
func (p *parser) closeTo(k int, end, off int64) {
	if p.cur >= 0 {
		if p.inHeader {
			if p.cur > 0 {
				p.tree.problem(p.cur, "a part without content")
			}
			p.headerDone(off)
			// The header may have opened levels, and even an entity; they are as empty.
			for p.cur >= 0 && p.inHeader {
				p.headerDone(off)
			}
		}
		if p.cur >= 0 { // a header that was cut may have been a multipart's
			p.tree.spans[p.cur].next = off
			p.closeLeaf(end)
		}
	}
	for len(p.levels) > k {
		l := &p.levels[len(p.levels)-1]
		p.tree.spans[l.part].next = off
		b := &p.tree.bodies[l.part]
		b.end = max(b.off, end)
		p.tree.parts[l.part].Size = uint64(b.end - b.off)
		if l.boundary != nil {
			switch {
			case l.children == 0:
				p.tree.problem(l.part, "a multipart without parts")
			case !l.closed:
				p.tree.harmless(l.part, "a multipart without its end")
			}
		}
		p.levels = p.levels[:len(p.levels)-1]
	}
	p.cur = -1
}

func (p *parser) finish() {
	t := p.tree
	if p.cur == 0 && p.inHeader {
		t.headerLen = t.size
	}
	p.closeTo(0, t.size, t.size)
}
