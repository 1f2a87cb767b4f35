package main

import (
	"fmt"
	"strconv"
	"strings"
)

// schema is weir1.schema, parsed.
type schema struct {
	decls   []decl // in order
	enums   map[string]*enum
	records map[string]*record
}

type decl struct {
	enum   *enum
	record *record
}

type enum struct {
	name, doc string
	values    []enumValue
}

type enumValue struct {
	name  string
	value uint32
}

type record struct {
	name, doc string
	fields    []field
}

type field struct {
	name, doc string
	typ       typ
}

// typ is a scalar ("u32", "string", ...), an enum, a record or a list of one of these.
type typ struct {
	kind string // scalar's name, "enum", "record" or "list"
	ref  string // name of the enum or record
	elem *typ
}

// least octets a value takes, for checking list counts.
func (t typ) least() int {
	switch t.kind {
	case "bool":
		return 1
	case "u64", "i64", "f64":
		return 8
	}
	return 4
}

var scalars = map[string]string{
	"u32": "uint32", "i32": "int32", "i64": "int64", "u64": "uint64", "f64": "float64", "bool": "bool", "string": "string", "bytes": "[]byte",
}

// token is one word of the schema; a comment is given to the word before it on
// its line, or gathered for the declaration that follows.
type token struct {
	text, comment, before string
	line                  int
}

func tokens(src string) []token {
	var out []token
	var before []string
	for n, line := range strings.Split(src, "\n") {
		code, comment, has := strings.Cut(line, "#")
		comment = strings.TrimSpace(comment)
		words := strings.Fields(strings.NewReplacer("{", " { ", "}", " } ", "=", " = ").Replace(code))
		switch {
		case len(words) == 0 && has:
			before = append(before, comment)
			continue
		case len(words) == 0:
			before = nil
			continue
		}
		for i, w := range words {
			t := token{text: w, line: n + 1}
			if i == 0 {
				t.before = strings.TrimSpace(strings.Join(before, "\n"))
			}
			if i == len(words)-1 {
				t.comment = comment
			}
			out = append(out, t)
		}
		before = nil
	}
	return out
}

type parser struct {
	toks []token
	at   int
}

func (p *parser) next() token {
	if p.at >= len(p.toks) {
		return token{}
	}
	p.at++
	return p.toks[p.at-1]
}

func (p *parser) expect(text string) error {
	if t := p.next(); t.text != text {
		return fmt.Errorf("line %d: %q where %q was expected", t.line, t.text, text)
	}
	return nil
}

func parse(src string) (*schema, error) {
	s := &schema{enums: map[string]*enum{}, records: map[string]*record{}}
	p := &parser{toks: tokens(src)}
	for p.at < len(p.toks) {
		kw, name := p.next(), p.next()
		if s.enums[name.text] != nil || s.records[name.text] != nil {
			return nil, fmt.Errorf("line %d: %s is declared twice", name.line, name.text)
		}
		if err := p.expect("{"); err != nil {
			return nil, err
		}
		switch kw.text {
		case "enum":
			e := &enum{name: name.text, doc: kw.before}
			if err := p.enum(e); err != nil {
				return nil, err
			}
			s.enums[e.name] = e
			s.decls = append(s.decls, decl{enum: e})
		case "record":
			r := &record{name: name.text, doc: kw.before}
			if err := p.record(r); err != nil {
				return nil, err
			}
			s.records[r.name] = r
			s.decls = append(s.decls, decl{record: r})
		default:
			return nil, fmt.Errorf("line %d: %q where enum or record was expected", kw.line, kw.text)
		}
	}
	return s, s.resolve()
}

func (p *parser) enum(e *enum) error {
	for {
		t := p.next()
		if t.text == "}" {
			return nil
		}
		if err := p.expect("="); err != nil {
			return err
		}
		v := p.next()
		n, err := strconv.ParseUint(v.text, 10, 32)
		if err != nil {
			return fmt.Errorf("line %d: %s.%s: %w", v.line, e.name, t.text, err)
		}
		e.values = append(e.values, enumValue{t.text, uint32(n)})
	}
}

func (p *parser) record(r *record) error {
	for {
		t := p.next()
		switch t.text {
		case "}":
			return nil
		case "":
			return fmt.Errorf("record %s does not end", r.name)
		}
		ty, last, err := p.typ()
		if err != nil {
			return err
		}
		for _, f := range r.fields {
			if f.name == t.text {
				return fmt.Errorf("line %d: %s.%s stands twice", t.line, r.name, t.text)
			}
		}
		r.fields = append(r.fields, field{name: t.text, typ: ty, doc: last.comment})
	}
}

func (p *parser) typ() (typ, token, error) {
	t := p.next()
	switch {
	case t.text == "list":
		e, last, err := p.typ()
		if err == nil && e.kind == "list" {
			err = fmt.Errorf("line %d: a list of lists has no encoding", t.line)
		}
		return typ{kind: "list", elem: &e}, last, err
	case t.text == "record":
		n := p.next()
		return typ{kind: "record", ref: n.text}, n, nil
	case scalars[t.text] != "":
		return typ{kind: t.text}, t, nil
	}
	return typ{kind: "enum", ref: t.text}, t, nil
}

func (s *schema) resolve() error {
	for _, d := range s.decls {
		if d.record == nil {
			continue
		}
		for _, f := range d.record.fields {
			t := f.typ
			if t.kind == "list" {
				t = *t.elem
			}
			if t.kind == "enum" && s.enums[t.ref] == nil || t.kind == "record" && s.records[t.ref] == nil {
				return fmt.Errorf("%s.%s: nothing is called %q", d.record.name, f.name, t.ref)
			}
			if f.typ.kind == "record" && f.typ.ref == d.record.name {
				return fmt.Errorf("%s.%s: a record within itself has no end", d.record.name, f.name)
			}
		}
	}
	return nil
}
