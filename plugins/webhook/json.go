package main

import "strings"

// object writes a JSON object; encoding/json would double the module.
type object struct{ b strings.Builder }

func (o *object) key(name string) {
	if o.b.Len() == 0 {
		o.b.WriteByte('{')
	} else {
		o.b.WriteByte(',')
	}
	o.b.WriteString(quote(name))
	o.b.WriteByte(':')
}

func (o *object) text(name, value string) {
	o.key(name)
	o.b.WriteString(quote(value))
}

// raw takes a value that is JSON already.
func (o *object) raw(name, json string) {
	o.key(name)
	o.b.WriteString(json)
}

func (o *object) done() string {
	if o.b.Len() == 0 {
		return "{}"
	}
	return o.b.String() + "}"
}

func list(ss []string) string {
	var out []string
	for _, s := range ss {
		out = append(out, quote(s))
	}
	return "[" + strings.Join(out, ",") + "]"
}

// quote is a JSON string (RFC 8259 §7); octets that are no UTF-8 become U+FFFD.
func quote(s string) string {
	const hex = "0123456789abcdef"
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range strings.ToValidUTF8(s, "\ufffd") {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f || r == '<' || r == '>' || r == '&' || r == 0x2028 || r == 0x2029:
			b.WriteString(`\u`)
			for shift := 12; shift >= 0; shift -= 4 {
				b.WriteByte(hex[r>>shift&0xf])
			}
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
