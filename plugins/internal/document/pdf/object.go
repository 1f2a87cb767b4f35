package pdf

import (
	"bytes"
	"strconv"
)

// Values are nil, bool, int64, float64, Name, String, Array, Dict, Ref and
// keyword (what is none of the others).
type (
	// Name is a name without its slash, decoded.
	Name string
	// String is a string, decoded but not decrypted.
	String string
	// Array is an array.
	Array []any
	// Dict is a dictionary. Of keys that occur twice the last one counts.
	Dict map[Name]any
	// Ref is an indirect reference.
	Ref struct{ Num, Gen int }

	keyword string
)

// maxNesting bounds arrays and dictionaries within one another.
const maxNesting = 100

// parser reads values from octets (ISO 32000-2 §7.2, §7.3).
type parser struct {
	b     []byte
	at    int
	short bool // it ended within a value
	depth int
}

func white(c byte) bool {
	return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == 0 || c == '\f'
}

func delimiter(c byte) bool {
	switch c {
	case '(', ')', '<', '>', '[', ']', '{', '}', '/', '%':
		return true
	}
	return false
}

func (p *parser) skip() {
	for p.at < len(p.b) {
		switch c := p.b[p.at]; {
		case white(c):
			p.at++
		case c == '%':
			for p.at < len(p.b) && p.b[p.at] != '\n' && p.b[p.at] != '\r' {
				p.at++
			}
		default:
			return
		}
	}
}

func (p *parser) word() string {
	from := p.at
	for p.at < len(p.b) && !white(p.b[p.at]) && !delimiter(p.b[p.at]) {
		p.at++
	}
	if p.at == len(p.b) {
		p.short = true
	}
	return string(p.b[from:p.at])
}

// value reads the next one; a keyword "" where there is none.
func (p *parser) value() any {
	p.skip()
	if p.at >= len(p.b) {
		p.short = true
		return keyword("")
	}
	switch c := p.b[p.at]; c {
	case '/':
		p.at++
		return Name(unescapeName(p.word()))
	case '(':
		return p.literal()
	case '[':
		p.at++
		return p.array()
	case '<':
		if p.at+1 < len(p.b) && p.b[p.at+1] == '<' {
			p.at += 2
			return p.dict()
		}
		return p.hex()
	case ')', '>', ']', '{', '}':
		p.at++
		if c == '>' && p.at < len(p.b) && p.b[p.at] == '>' {
			p.at++
			return keyword(">>")
		}
		return keyword(c)
	}
	w := p.word()
	switch w {
	case "true":
		return true
	case "false":
		return false
	case "null":
		return nil
	}
	if n, ok := number(w); ok {
		return n
	}
	return keyword(w)
}

func number(w string) (any, bool) {
	if w == "" || (w[0] < '0' || w[0] > '9') && w[0] != '-' && w[0] != '+' && w[0] != '.' {
		return nil, false
	}
	if n, err := strconv.ParseInt(w, 10, 64); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(w, 64)
	return f, err == nil
}

// collapse makes references of the two numbers and the R at the end of a list.
func collapse(list []any) []any {
	n := len(list)
	if n < 2 {
		return list
	}
	num, ok1 := list[n-2].(int64)
	gen, ok2 := list[n-1].(int64)
	if !ok1 || !ok2 || num < 0 || num > 1<<31 || gen < 0 || gen > 1<<16 {
		return list
	}
	return append(list[:n-2], Ref{int(num), int(gen)})
}

func (p *parser) list(end keyword) []any {
	var list []any
	if p.depth++; p.depth > maxNesting {
		p.at = len(p.b)
		p.short = true
	}
	defer func() { p.depth-- }()
	for !p.short {
		v := p.value()
		k, ok := v.(keyword)
		switch {
		case !ok:
			list = append(list, v)
		case k == end:
			return list
		case k == "R":
			list = collapse(list)
		case k == "endobj" || k == "stream" || k == "endstream":
			p.at -= len(k)
			return list // the end is missing
		}
	}
	return list
}

func (p *parser) array() any { return Array(p.list("]")) }

func (p *parser) dict() any {
	list := p.list(">>")
	d := Dict{}
	for i := 0; i < len(list); {
		k, ok := list[i].(Name)
		if !ok {
			i++
			continue
		}
		if i+1 < len(list) {
			d[k] = list[i+1]
		}
		i += 2
	}
	return d
}

func (p *parser) literal() any {
	p.at++
	out := make([]byte, 0, 32)
	for depth := 1; p.at < len(p.b); p.at++ {
		switch c := p.b[p.at]; c {
		case '(':
			depth++
			out = append(out, c)
		case ')':
			if depth--; depth == 0 {
				p.at++
				return String(out)
			}
			out = append(out, c)
		case '\\':
			p.at++
			out = p.escape(out)
		case '\r':
			if p.at+1 < len(p.b) && p.b[p.at+1] == '\n' {
				p.at++
			}
			out = append(out, '\n')
		default:
			out = append(out, c)
		}
	}
	p.short = true
	return String(out)
}

// escape reads what follows a backslash (§7.3.4.2) and stops on its last octet.
func (p *parser) escape(out []byte) []byte {
	if p.at >= len(p.b) {
		return out
	}
	switch c := p.b[p.at]; c {
	case 'n':
		return append(out, '\n')
	case 'r':
		return append(out, '\r')
	case 't':
		return append(out, '\t')
	case 'b':
		return append(out, '\b')
	case 'f':
		return append(out, '\f')
	case '\r':
		if p.at+1 < len(p.b) && p.b[p.at+1] == '\n' {
			p.at++
		}
		return out
	case '\n':
		return out
	case '0', '1', '2', '3', '4', '5', '6', '7':
		n := 0
		for i := 0; i < 3 && p.at < len(p.b) && '0' <= p.b[p.at] && p.b[p.at] <= '7'; i++ {
			n = n<<3 | int(p.b[p.at]-'0')
			p.at++
		}
		p.at--
		return append(out, byte(n))
	default:
		return append(out, c)
	}
}

func (p *parser) hex() any {
	p.at++
	end := bytes.IndexByte(p.b[p.at:], '>')
	if end < 0 {
		p.at, p.short = len(p.b), true
		return String("")
	}
	out := unhex(p.b[p.at : p.at+end])
	p.at += end + 1
	return String(out)
}

// unhex decodes hexadecimal digits; a last one that stands alone has a 0 behind it.
func unhex(b []byte) []byte {
	out := make([]byte, 0, len(b)/2+1)
	high := -1
	for _, c := range b {
		n := hexDigit(c)
		switch {
		case n < 0:
		case high < 0:
			high = n
		default:
			out = append(out, byte(high<<4|n))
			high = -1
		}
	}
	if high >= 0 {
		out = append(out, byte(high<<4))
	}
	return out
}

func hexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// unescapeName decodes #xx (§7.3.5).
func unescapeName(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] != '#' {
			continue
		}
		out := make([]byte, 0, len(s))
		for i := 0; i < len(s); i++ {
			if s[i] == '#' && i+2 < len(s)+0 && hexDigit(s[i+1]) >= 0 && hexDigit(s[i+2]) >= 0 {
				out = append(out, byte(hexDigit(s[i+1])<<4|hexDigit(s[i+2])))
				i += 2
				continue
			}
			out = append(out, s[i])
		}
		return string(out)
	}
	return s
}
