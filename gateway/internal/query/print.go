package query

import (
	"strings"
)

// String is the text form, which Parse reads back to the canonical filter.
// The filter that matches everything is "".
func (f Filter) String() string {
	f = f.Canonical()
	if f.IsZero() {
		return ""
	}
	var b strings.Builder
	printNode(&b, f, false)
	return b.String()
}

// printNode writes one node; nested says that it stands inside a group.
func printNode(b *strings.Builder, f Filter, nested bool) {
	switch {
	case len(f.All) > 0:
		printGroup(b, f.All, " ", nested)
	case len(f.Any) > 0 && printValues(b, f.Any):
	case len(f.Any) > 0:
		printGroup(b, f.Any, " or ", nested)
	case f.Not != nil:
		b.WriteByte('-')
		printNode(b, *f.Not, true)
	case f.Field != "":
		printLeaf(b, f)
	default:
		b.WriteByte('*')
	}
}

func printGroup(b *strings.Builder, fs []Filter, sep string, nested bool) {
	if nested {
		b.WriteByte('(')
	}
	for i, c := range fs {
		if i > 0 {
			b.WriteString(sep)
		}
		printNode(b, c, true)
	}
	if nested {
		b.WriteByte(')')
	}
}

// printValues writes alternatives for one field as field:a,b; false when
// they are not that.
func printValues(b *strings.Builder, fs []Filter) bool {
	for _, f := range fs {
		if f.Field == "" || f.Field != fs[0].Field || f.Field == "text" {
			return false
		}
	}
	b.WriteString(fs[0].Field)
	for i, f := range fs {
		b.WriteByte(":,"[min(i, 1)])
		printValue(b, f)
	}
	return true
}

func printLeaf(b *strings.Builder, f Filter) {
	switch {
	case f.Field == "text" && f.Op == defaultOp(TypeWords, f.Value) && f.Value != "*":
		printWord(b, f.Value)
		return
	case f.Field == "received" && f.Op == After:
		b.WriteString("after:")
		printText(b, f.Value)
		return
	case f.Field == "received" && f.Op == Before:
		b.WriteString("before:")
		printText(b, f.Value)
		return
	}
	b.WriteString(f.Field)
	b.WriteByte(':')
	printValue(b, f)
}

func printValue(b *strings.Builder, f Filter) {
	if field, ok := byName[f.Field]; !ok || f.Op != defaultOp(field.Type, f.Value) {
		for _, s := range signs {
			if s.op == f.Op {
				b.WriteString(s.sign)
			}
		}
	}
	printText(b, f.Value)
}

// printText writes a value, in quotes where it would read otherwise bare.
func printText(b *strings.Builder, v string) {
	if v == "" || strings.ContainsAny(v, ",") || strings.ContainsAny(v[:1], "=!~<>") || strings.ContainsFunc(v, func(r rune) bool { return !bareRune(r) }) {
		printQuoted(b, v)
		return
	}
	b.WriteString(v)
}

// printWord writes a value that stands alone.
func printWord(b *strings.Builder, v string) {
	switch strings.ToLower(v) {
	case "or", "and", "not", "":
		printQuoted(b, v)
		return
	}
	if v[0] == '-' || strings.ContainsAny(v, ":") || strings.ContainsFunc(v, func(r rune) bool { return !bareRune(r) }) {
		printQuoted(b, v)
		return
	}
	b.WriteString(v)
}

func printQuoted(b *strings.Builder, v string) {
	b.WriteByte('"')
	for i := 0; i < len(v); i++ {
		if v[i] == '"' || v[i] == '\\' {
			b.WriteByte('\\')
		}
		b.WriteByte(v[i])
	}
	b.WriteByte('"')
}
