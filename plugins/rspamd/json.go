package main

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/mailweir/weir/sdk"
)

// value is a JSON value: nil, bool, float64, string, []value or members.
// encoding/json would double the module.
type value any

// member is one of an object's, in the order written.
type member struct {
	name string
	v    value
}

type members []member

func (m members) get(name string) value {
	for i := range m {
		if m[i].name == name {
			return m[i].v
		}
	}
	return nil
}

func (m members) text(name string) string {
	s, _ := m.get(name).(string)
	return s
}

const (
	maxDepth  = 32
	maxValues = 20000
)

var errJSON = sdk.Error("the answer is not valid JSON")

// parse reads one JSON value (RFC 8259) that is all of s.
func parse(s string) (value, error) {
	p := &parser{s: s}
	v, ok := p.value(0)
	p.space()
	if !ok || p.i != len(s) {
		return nil, errJSON
	}
	return v, nil
}

type parser struct {
	s string
	i int
	n int // values so far
}

func (p *parser) space() {
	for p.i < len(p.s) && strings.IndexByte(" \t\r\n", p.s[p.i]) >= 0 {
		p.i++
	}
}

// take skips white space and then c.
func (p *parser) take(c byte) bool {
	p.space()
	if p.i < len(p.s) && p.s[p.i] == c {
		p.i++
		return true
	}
	return false
}

func (p *parser) value(depth int) (value, bool) {
	p.space()
	if p.n++; p.i >= len(p.s) || depth > maxDepth || p.n > maxValues {
		return nil, false
	}
	rest := p.s[p.i:]
	switch c := rest[0]; {
	case c == '{':
		return p.object(depth)
	case c == '[':
		return p.array(depth)
	case c == '"':
		return p.str()
	case strings.HasPrefix(rest, "true"):
		p.i += 4
		return true, true
	case strings.HasPrefix(rest, "false"):
		p.i += 5
		return false, true
	case strings.HasPrefix(rest, "null"):
		p.i += 4
		return nil, true
	}
	end := 0
	for end < len(rest) && strings.IndexByte("+-.eE0123456789", rest[end]) >= 0 {
		end++
	}
	f, err := strconv.ParseFloat(rest[:end], 64)
	p.i += end
	return f, err == nil
}

func (p *parser) object(depth int) (value, bool) {
	p.i++
	m := members{}
	if p.take('}') {
		return m, true
	}
	for {
		p.space()
		if p.i >= len(p.s) || p.s[p.i] != '"' {
			return nil, false
		}
		name, ok := p.str()
		if !ok || !p.take(':') {
			return nil, false
		}
		v, ok := p.value(depth + 1)
		if !ok {
			return nil, false
		}
		m = append(m, member{name.(string), v})
		if p.take('}') {
			return m, true
		}
		if !p.take(',') {
			return nil, false
		}
	}
}

func (p *parser) array(depth int) (value, bool) {
	p.i++
	a := []value{}
	if p.take(']') {
		return a, true
	}
	for {
		v, ok := p.value(depth + 1)
		if !ok {
			return nil, false
		}
		a = append(a, v)
		if p.take(']') {
			return a, true
		}
		if !p.take(',') {
			return nil, false
		}
	}
}

// str reads a string; p.i stands at its quote.
func (p *parser) str() (value, bool) {
	var b strings.Builder
	for p.i++; p.i < len(p.s); {
		c := p.s[p.i]
		p.i++
		switch {
		case c == '"':
			return b.String(), true
		case c < ' ':
			return nil, false
		case c != '\\':
			b.WriteByte(c)
			continue
		case p.i >= len(p.s):
			return nil, false
		}
		e := p.s[p.i]
		p.i++
		switch e {
		case '"', '\\', '/':
			b.WriteByte(e)
		case 'b', 'f', 'n', 'r', 't':
			b.WriteByte(map[byte]byte{'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}[e])
		case 'u':
			r, ok := p.hex()
			if !ok {
				return nil, false
			}
			if utf16.IsSurrogate(r) {
				if !strings.HasPrefix(p.s[p.i:], `\u`) {
					return nil, false
				}
				p.i += 2
				low, ok := p.hex()
				if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
					return nil, false
				}
			}
			b.WriteRune(r)
		default:
			return nil, false
		}
	}
	return nil, false
}

func (p *parser) hex() (rune, bool) {
	if p.i+4 > len(p.s) {
		return 0, false
	}
	n, err := strconv.ParseUint(p.s[p.i:p.i+4], 16, 32)
	p.i += 4
	return rune(n), err == nil
}
