package document

import (
	"bufio"
	"bytes"
	"io"
	"strings"

	"github.com/mailweir/weir/plugins/internal/document/cfb"
	"github.com/mailweir/weir/plugins/internal/document/octets"
)

// Destinations of RTF that matter here.
const (
	rtfNone = iota
	rtfInstruction
	rtfTemplate
	rtfObject
	rtfShapeName
	rtfShapeValue
)

const (
	maxRTFDepth = 4000
	maxRTFObj   = 32 << 20 // octets of one object, in hexadecimal digits decoded
	maxRTFText  = 4 << 10
)

// rtf looks into a Rich Text document: fields, template, objects, shapes.
func (x *inspection) rtf(s octets.Source, path string) {
	p := &rtfReader{x: x, path: path, r: bufio.NewReaderSize(s.Reader(), 16<<10), fields: fields{x: x, path: path}, high: -1}
	p.read()
}

type rtfReader struct {
	x      *inspection
	path   string
	r      *bufio.Reader
	stack  []byte // destinations of the groups around
	dest   byte
	lost   int // groups beyond maxRTFDepth
	fields fields
	text   []byte // of a template or shape property
	shape  string // name of the shape property
	skip   int    // characters that stand for one of Unicode
	uc     int

	object  *chunks
	mem     chunks // of objects, one after another
	high    int    // first hexadecimal digit
	objects int
	full    bool
}

func (p *rtfReader) read() {
	p.uc = 1
	for p.x.err == nil {
		c, err := p.r.ReadByte()
		if err != nil {
			p.finish()
			return
		}
		switch c {
		case '{':
			if len(p.stack) >= maxRTFDepth {
				p.lost++
				continue
			}
			p.stack = append(p.stack, p.dest)
		case '}':
			p.close()
		case '\\':
			p.control()
		case '\r', '\n', 0:
		default:
			if p.dest != rtfNone {
				p.char(c)
			}
		}
	}
}

// close ends a group.
func (p *rtfReader) close() {
	if p.lost > 0 {
		p.lost--
		return
	}
	n := len(p.stack)
	if n == 0 {
		return
	}
	outer := p.stack[n-1]
	p.stack = p.stack[:n-1]
	if outer != p.dest {
		p.leave()
	}
	p.dest = outer
}

// leave ends a destination.
func (p *rtfReader) leave() {
	switch p.dest {
	case rtfInstruction:
		p.fields.end()
	case rtfTemplate:
		if remote(string(p.text)) {
			p.x.find(CauseTracking, "remote-template", p.path, "its template lies elsewhere")
		}
	case rtfObject:
		p.endObject()
	case rtfShapeName:
		p.shape = strings.TrimSpace(string(p.text))
	case rtfShapeValue:
		if (p.shape == "pibName" || p.shape == "fillBlipName" || p.shape == "lineFillBlipName") && remote(string(p.text)) {
			p.x.find(CauseTracking, "external-image", p.path, "a picture lies elsewhere")
		}
	}
}

// finish ends what the file leaves open.
func (p *rtfReader) finish() {
	for len(p.stack) > 0 && p.x.err == nil {
		p.close()
	}
}

func (p *rtfReader) char(c byte) {
	if p.skip > 0 {
		p.skip--
		return
	}
	switch p.dest {
	case rtfObject:
		p.digit(c)
	case rtfInstruction:
		p.fields.text(string(rune(c)))
	default:
		if len(p.text) < maxRTFText {
			p.text = append(p.text, c)
		}
	}
}

// control reads what follows a backslash: a word with a number, or a symbol.
func (p *rtfReader) control() {
	c, err := p.r.ReadByte()
	if err != nil {
		return
	}
	if c == '\'' {
		var b [2]byte
		if _, err := io.ReadFull(p.r, b[:]); err != nil {
			return
		}
		if h, l := hexValue(b[0]), hexValue(b[1]); h >= 0 && l >= 0 && p.dest != rtfNone && p.dest != rtfObject {
			p.char(byte(h<<4 | l))
		}
		return
	}
	if c|0x20 < 'a' || c|0x20 > 'z' {
		if p.dest != rtfNone && p.dest != rtfObject && (c == '\\' || c == '{' || c == '}') {
			p.char(c)
		}
		return
	}
	word := make([]byte, 0, 32)
	for ; err == nil && c|0x20 >= 'a' && c|0x20 <= 'z'; c, err = p.r.ReadByte() {
		if len(word) < 32 {
			word = append(word, c)
		}
	}
	n, negative, has := 0, false, false
	if err == nil && c == '-' {
		negative = true
		c, err = p.r.ReadByte()
	}
	for ; err == nil && c >= '0' && c <= '9'; c, err = p.r.ReadByte() {
		has = true
		n = min(n*10+int(c-'0'), 1<<30)
	}
	if err == nil && c != ' ' {
		_ = p.r.UnreadByte()
	}
	if negative {
		n = -n
	}
	p.word(string(word), n, has)
}

func (p *rtfReader) word(w string, n int, has bool) {
	switch w {
	case "bin":
		p.binary(int64(max(n, 0)))
	case "fldinst":
		p.enter(rtfInstruction)
		p.fields.begin()
	case "template":
		p.enter(rtfTemplate)
	case "objdata":
		p.enter(rtfObject)
		p.mem.size = 0
		p.object, p.high, p.full = &p.mem, -1, false
	case "sn":
		p.enter(rtfShapeName)
	case "sv":
		p.enter(rtfShapeValue)
	case "uc":
		if has {
			p.uc = max(0, min(n, 8))
		}
	case "u":
		if p.dest != rtfNone && p.dest != rtfObject {
			if n < 0 {
				n += 1 << 16
			}
			if p.dest == rtfInstruction {
				p.fields.text(string(rune(n)))
			} else if len(p.text) < maxRTFText {
				p.text = append(p.text, string(rune(n))...)
			}
			p.skip = p.uc
		}
	case "par", "tab", "line":
		if p.dest == rtfInstruction {
			p.fields.text(" ")
		}
	}
}

func (p *rtfReader) enter(dest byte) {
	if p.dest == dest && dest != rtfInstruction {
		return
	}
	p.dest, p.text, p.skip = dest, p.text[:0], 0
}

// digit is one hexadecimal digit of an object's data.
func (p *rtfReader) digit(c byte) {
	n := hexValue(c)
	if n < 0 {
		return
	}
	if p.high < 0 {
		p.high = n
		return
	}
	p.octet(byte(p.high<<4 | n))
	p.high = -1
}

func (p *rtfReader) octet(c byte) {
	if p.object == nil || p.full {
		return
	}
	had := len(p.object.list)
	p.object.room()[0] = c
	p.object.add(1)
	if len(p.object.list) > had && !p.x.lim.Budget.Unpack(chunkSize) || p.object.size > maxRTFObj {
		p.x.unreadable("rtf", p.path, "its objects are larger than can be inspected")
		p.full = true
	}
}

// binary reads octets that stand as they are.
func (p *rtfReader) binary(n int64) {
	for ; n > 0; n-- {
		c, err := p.r.ReadByte()
		if err != nil {
			return
		}
		if p.dest == rtfObject {
			p.octet(c)
		}
	}
}

// endObject looks into an OLE 1 object ([MS-OLEDS] §2.2.4).
func (p *rtfReader) endObject() {
	o := p.object
	p.object = nil
	if o == nil || o.size == 0 {
		return
	}
	p.objects++
	s := octets.Source{R: o, Size: o.size}
	path := join(p.path, "object")
	if !p.x.ole1(s, path) {
		// Word finds a compound file behind a head that is none.
		b, err := s.Range(0, 64<<10)
		if i := bytes.Index(b, []byte(cfb.Magic)); err == nil && i >= 0 {
			p.x.object(s.Section(int64(i), s.Size), path, "")
		}
	}
}

// ole1 looks into an object that begins with its version and format.
func (x *inspection) ole1(s octets.Source, path string) bool {
	b, err := s.Range(0, 8<<10)
	if err != nil || len(b) < 12 {
		return false
	}
	format := octets.U32(b[4:])
	at := 8
	next := func() (string, bool) { // a string with its length
		if at+4 > len(b) {
			return "", false
		}
		n := int(min(octets.U32(b[at:]), 1<<20))
		if at += 4; at+n > len(b) {
			return "", false
		}
		t := string(bytes.TrimRight(b[at:at+n], "\x00"))
		at += n
		return t, true
	}
	class, ok := next()
	if !ok {
		return false
	}
	topic, ok1 := next()
	_, ok2 := next()
	if !ok1 || !ok2 {
		return false
	}
	switch format {
	case 1: // linked
		if remote(topic) {
			x.find(CauseTracking, "linked-ole", path, "a linked object lies elsewhere")
		}
		return true
	case 2: // embedded
		if at+4 > len(b) {
			return false
		}
		body := s.Section(int64(at)+4, int64(octets.U32(b[at:])))
		if strings.EqualFold(class, "Package") {
			head, _ := body.Range(0, 4096)
			if name, data := packagedFile(head, body); data.Size > 0 {
				x.object(data, path, name)
				return true
			}
		}
		head, _ := body.Head(8)
		if !isDocument(head) {
			return false
		}
		x.object(body, path, "")
		return true
	}
	return false
}

func hexValue(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}
