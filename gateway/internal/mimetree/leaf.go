package mimetree

import (
	"bytes"
	"strings"
)

// content takes one line of a leaf's content.
func (p *parser) content(line []byte, off int64, start bool) {
	l, b := &p.leaf, &p.tree.bodies[p.cur]
	if room := headBytes - len(l.head); room > 0 {
		l.head = append(l.head, line[:min(room, len(line))]...)
	}
	switch b.enc {
	case encBase64:
		if off-l.marked >= markEvery {
			l.markBase64(b, line, off)
		}
		l.size += l.b64.count(line)
	case encQuoted:
		// A line break before a delimiter is the delimiter's: it counts only once another line follows.
		if l.brk != "" {
			p.quoted([]byte(l.brk))
		}
		if off-l.marked >= markEvery && l.qp.clean() {
			b.marks = append(b.marks, mark{raw: off, out: l.size})
			l.marked = off
		}
		n := len(line) - breakLen(line)
		l.brk = lineBreaks[len(line)-n]
		p.quoted(line[:n])
	default:
		if !l.nul && bytes.IndexByte(line, 0) >= 0 {
			l.nul = true
		}
		if l.begun && isUULine(line) {
			l.uu = true
		}
		l.begun = start && len(line) > 12 && line[0] == 'b' && isUUBegin(line)
	}
}

// markBase64 sets a mark where the next quantum begins.
func (l *leaf) markBase64(b *body, line []byte, off int64) {
	if l.b64.padded || l.b64.need > 0 {
		return
	}
	m := mark{raw: off, out: l.size}
	if n := int(l.b64.n); n > 0 {
		rest := 4 - n
		if len(line) < rest {
			return
		}
		for _, c := range line[:rest] {
			if b64Table[c]&0x80 != 0 {
				return
			}
		}
		m = mark{raw: off + int64(rest), out: l.size + 3}
	}
	b.marks = append(b.marks, m)
	l.marked = off
}

var lineBreaks = [3]string{"", "\n", "\r\n"}

func (p *parser) quoted(src []byte) {
	l := &p.leaf
	l.buf = l.qp.feed(l.buf[:0], src)
	l.size += int64(len(l.buf))
	if !l.nul && bytes.IndexByte(src, 0) >= 0 {
		l.nul = true
	}
}

// isUUBegin: "begin 644 name", which many readers decode wherever it stands.
func isUUBegin(line []byte) bool {
	f := bytes.Fields(line)
	if len(f) < 3 || string(f[0]) != "begin" || len(f[1]) < 3 || len(f[1]) > 4 {
		return false
	}
	for _, c := range f[1] {
		if c < '0' || c > '7' {
			return false
		}
	}
	return true
}

// isUULine: the first line of uuencoded data, whose first character tells its length.
func isUULine(line []byte) bool {
	n := len(line) - breakLen(line)
	if n < 1 || line[0] <= ' ' || line[0] > 'M' {
		return false
	}
	want := 1 + (int(line[0]-' ')+2)/3*4
	return n >= want-3 && n <= want+2
}

// closeLeaf ends the leaf at hand, whose content ended at end.
func (p *parser) closeLeaf(end int64) {
	if p.cur < 0 {
		return
	}
	t, i, l := p.tree, p.cur, &p.leaf
	p.cur = -1
	b, part := &t.bodies[i], &t.parts[i]
	b.end = max(b.off, end)
	head := l.head[:min(int64(len(l.head)), b.end-b.off)]
	switch b.enc {
	case encBase64:
		n, _ := l.b64.finish()
		part.Size = uint64(l.size) + uint64(n)
		if l.b64.bad {
			t.problem(i, "broken base64")
		}
		var d b64
		l.buf = d.feed(l.buf[:0], head)
		head = d.flush(l.buf)
	case encQuoted:
		if b.end > b.off && l.brk != "" && end == t.size {
			p.quoted([]byte(l.brk)) // no delimiter follows: the last break is content
		}
		l.buf = l.qp.flush(l.buf[:0])
		part.Size = uint64(l.size) + uint64(len(l.buf))
		if l.qp.bad {
			t.problem(i, "broken quoted-printable")
		}
		var d qp
		head = d.feed(nil, head)
	default:
		part.Size = uint64(b.end - b.off)
	}
	if l.nul {
		t.problem(i, "NUL in the content")
	}
	if l.uu {
		t.harmless(i, "a uuencoded file in the text") // many readers show it as an attachment
	}
	part.Magic = magic(head)
	if part.Magic != "" && !strings.HasPrefix(part.Type, "multipart/") {
		part.Attachment = true
	}
}
