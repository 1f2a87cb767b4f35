package query

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// SyntaxError tells where the text form of a filter is wrong. It wraps ErrInvalid.
type SyntaxError struct {
	Pos int // byte offset into the text
	Msg string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("filter, at character %d: %s", e.Pos+1, e.Msg)
}

// Unwrap is ErrInvalid.
func (e *SyntaxError) Unwrap() error { return ErrInvalid }

// Parse reads the text form of a filter:
//
//	status:queued,stalled recipient:*@acme.test after:-2h size:>10MiB "invoice" -tenant:x (a or b)
//
// Terms that stand side by side must all match; "or" binds weaker than that;
// "-" or "not" negates the next term; parentheses group. A term is
// field:value or a word or "quoted words", which looks into the usual fields
// (the field text). Values separated by commas are alternatives. A value
// with * or ? is a pattern. In front of a value, = asks for exactly it, !=
// for anything else, ~ for a part, and > < >= <= compare numbers and times.
// after:T and before:T are received:>T and received:<T. An empty text, or *,
// matches everything.
//
// The result is canonical, valid, and String gives a text that parses to the same.
func Parse(text string) (Filter, error) { return parse(text, false) }

// ParseDeliveries is Parse for a filter of the delivery log.
func ParseDeliveries(text string) (Filter, error) { return parse(text, true) }

func parse(text string, deliveries bool) (Filter, error) {
	if len(text) > maxText {
		return Filter{}, &SyntaxError{maxText, fmt.Sprintf("longer than %d bytes", maxText)}
	}
	p := parser{src: text}
	p.space()
	if p.end() {
		return Filter{}, nil
	}
	f, err := p.or()
	if err == nil && !p.end() {
		err = p.fail(p.pos, `")" closes nothing`)
	}
	if err != nil {
		return Filter{}, err
	}
	f = f.Canonical()
	if err := f.validate(deliveries); err != nil {
		return Filter{}, err
	}
	return f, nil
}

type parser struct {
	src   string
	pos   int
	depth int
}

func (p *parser) end() bool { return p.pos >= len(p.src) }

func (p *parser) fail(pos int, format string, args ...any) error {
	return &SyntaxError{pos, fmt.Sprintf(format, args...)}
}

func (p *parser) space() {
	for !p.end() {
		r, w := utf8.DecodeRuneInString(p.src[p.pos:])
		if !unicode.IsSpace(r) {
			return
		}
		p.pos += w
	}
}

// or reads alternatives up to the end or a closing parenthesis.
func (p *parser) or() (Filter, error) {
	var alts []Filter
	for {
		f, err := p.and()
		if err != nil {
			return f, err
		}
		alts = append(alts, f)
		if !p.keyword("or") {
			return Or(alts...), nil
		}
	}
}

func (p *parser) and() (Filter, error) {
	var all []Filter
	for {
		p.space()
		if p.end() || p.src[p.pos] == ')' || p.peekKeyword("or") {
			if len(all) == 0 {
				return Filter{}, p.fail(p.pos, "a term is missing here")
			}
			return And(all...), nil
		}
		if len(all) > 0 && p.keyword("and") {
			p.space()
		}
		f, err := p.term()
		if err != nil {
			return f, err
		}
		all = append(all, f)
		if len(all) > maxNodes {
			return f, p.fail(p.pos, "more than %d terms", maxNodes)
		}
	}
}

func (p *parser) peekKeyword(word string) bool {
	rest := p.src[p.pos:]
	if len(rest) < len(word) || !strings.EqualFold(rest[:len(word)], word) {
		return false
	}
	if len(rest) == len(word) {
		return true
	}
	r, _ := utf8.DecodeRuneInString(rest[len(word):])
	return unicode.IsSpace(r) || r == '(' || r == ')'
}

func (p *parser) keyword(word string) bool {
	if !p.peekKeyword(word) {
		return false
	}
	p.pos += len(word)
	return true
}

func (p *parser) term() (Filter, error) {
	if p.depth++; p.depth > 2*maxDepth {
		return Filter{}, p.fail(p.pos, "nested too deep")
	}
	defer func() { p.depth-- }()
	p.space()
	if p.end() || p.src[p.pos] == ')' {
		return Filter{}, p.fail(p.pos, "a term is missing here")
	}
	start := p.pos
	switch {
	case p.src[p.pos] == '-', p.peekKeyword("not"):
		if p.src[p.pos] == '-' {
			p.pos++
		} else {
			p.pos += len("not")
			p.space()
		}
		if p.end() || p.src[start] == '-' && p.atSpace() {
			return Filter{}, p.fail(start, "there is nothing behind it to negate; put it in quotes to search for it")
		}
		f, err := p.term()
		return Not(f), err
	case p.src[p.pos] == '(':
		p.pos++
		f, err := p.or()
		if err != nil {
			return f, err
		}
		if p.end() {
			return f, p.fail(start, `"(" is not closed`)
		}
		p.pos++
		return f, nil
	case p.src[p.pos] == '"':
		v, err := p.quoted()
		if err != nil {
			return Filter{}, err
		}
		return p.leaf(start, byName["text"], "", v)
	}
	return p.word()
}

func (p *parser) atSpace() bool {
	r, _ := utf8.DecodeRuneInString(p.src[p.pos:])
	return unicode.IsSpace(r)
}

// word reads field:values, or a word to look for.
func (p *parser) word() (Filter, error) {
	start := p.pos
	w := p.bare(":")
	if p.end() || p.src[p.pos] != ':' {
		switch w {
		case "":
			return Filter{}, p.fail(start, "%q has no meaning here; put it in quotes to search for it", p.src[start:start+1])
		case "*":
			return Filter{}, nil
		}
		return p.leaf(start, byName["text"], "", w)
	}
	p.pos++
	name := strings.ToLower(w)
	if name == "after" || name == "before" {
		return p.values(byName["received"], map[string]string{"after": ">", "before": "<"}[name])
	}
	if a, ok := aliases[name]; ok {
		name = a
	}
	field, ok := byName[name]
	if !ok {
		return Filter{}, p.fail(start, "%s (to search for the text itself, put it in quotes)", unknownField(w))
	}
	return p.values(field, "")
}

// values reads alternatives separated by commas. fixed is the sign of after
// and before, which take none of their own.
func (p *parser) values(field *Field, fixed string) (Filter, error) {
	var alts []Filter
	for {
		start, sign := p.pos, fixed
		if fixed == "" {
			sign = p.sign()
		}
		var v string
		var err error
		if !p.end() && p.src[p.pos] == '"' {
			v, err = p.quoted()
		} else if v = p.bare(","); v == "" {
			err = p.fail(start, `%s needs a value here; an empty one is written ""`, field.Name)
		}
		if err != nil {
			return Filter{}, err
		}
		f, err := p.leaf(start, field, sign, v)
		if err != nil {
			return f, err
		}
		if alts = append(alts, f); len(alts) > maxNodes {
			return f, p.fail(start, "more than %d values", maxNodes)
		}
		if p.end() || p.src[p.pos] != ',' {
			return Or(alts...), nil
		}
		p.pos++
	}
}

var signs = []struct {
	sign string
	op   Op
}{{"!=", IsNot}, {">=", AtLeast}, {"<=", AtMost}, {"=", Is}, {"~", Contains}, {">", After}, {"<", Before}}

func (p *parser) sign() string {
	for _, s := range signs {
		if strings.HasPrefix(p.src[p.pos:], s.sign) {
			if s.sign == "<" && strings.HasPrefix(p.src[p.pos:], "<>") { // the null sender
				return ""
			}
			p.pos += len(s.sign)
			return s.sign
		}
	}
	return ""
}

func (p *parser) leaf(pos int, field *Field, sign, value string) (Filter, error) {
	f := Filter{Field: field.Name, Op: defaultOp(field.Type, value), Value: value}
	for _, s := range signs {
		if s.sign == sign {
			f.Op = s.op
		}
	}
	if field.Name == "sender" && value == "<>" {
		f.Value = ""
	}
	if err := validateLeaf(f); err != nil {
		return f, p.fail(pos, "%s", err)
	}
	return f, nil
}

// defaultOp is the comparison of a value that has no sign.
func defaultOp(t Type, value string) Op {
	ops := t.Ops()
	if hasWildcard(value) {
		for _, o := range ops {
			if o == Like {
				return Like
			}
		}
	}
	return ops[0]
}

// bare reads up to white space, a quote, a parenthesis or one of stop.
func (p *parser) bare(stop string) string {
	start := p.pos
	for !p.end() {
		r, w := utf8.DecodeRuneInString(p.src[p.pos:])
		if !bareRune(r) || strings.ContainsRune(stop, r) {
			break
		}
		p.pos += w
	}
	return p.src[start:p.pos]
}

func bareRune(r rune) bool {
	return !unicode.IsSpace(r) && !unicode.IsControl(r) && !strings.ContainsRune(`"()`, r)
}

// quoted reads "…", where \" and \\ stand for one character.
func (p *parser) quoted() (string, error) {
	start := p.pos
	var b strings.Builder
	for p.pos++; !p.end(); p.pos++ {
		switch c := p.src[p.pos]; {
		case c == '"':
			p.pos++
			return b.String(), nil
		case c == '\\' && p.pos+1 < len(p.src) && strings.IndexByte(`"\`, p.src[p.pos+1]) >= 0:
			p.pos++
			b.WriteByte(p.src[p.pos])
		default:
			b.WriteByte(c)
		}
	}
	return "", p.fail(start, "the quote is not closed")
}
