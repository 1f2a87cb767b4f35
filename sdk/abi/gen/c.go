package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
)

// The generated parts of weir.h stand between these lines; the rest of the
// header is written by hand.
const (
	cTypesBegin = "/* BEGIN generated types: from weir1.schema by sdk/abi/gen. DO NOT EDIT. */\n"
	cTypesEnd   = "/* END generated types */\n"
	cCodeBegin  = "/* BEGIN generated codec: from weir1.schema by sdk/abi/gen. DO NOT EDIT. */\n"
	cCodeEnd    = "/* END generated codec */\n"
)

var cScalars = map[string]string{
	"u32": "uint32_t", "i32": "int32_t", "i64": "int64_t", "u64": "uint64_t", "f64": "double", "bool": "weir_bool", "string": "weir_str", "bytes": "weir_str",
}

func cType(t typ) string {
	switch t.kind {
	case "list":
		if t.elem.kind == "record" {
			return cType(*t.elem) + "_array"
		}
		return "weir_" + cWire(*t.elem) + "_array"
	case "enum":
		return "uint32_t"
	case "record":
		return "weir_" + snake(t.ref)
	}
	return cScalars[t.kind]
}

// cField keeps out of the way of <stdbool.h>.
func cField(s string) string {
	if s == "bool" {
		return "bool_"
	}
	return s
}

// cHeader is the file with its generated parts written anew.
func cHeader(path string) func(*schema) ([]byte, error) {
	return func(s *schema) ([]byte, error) {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		types, code := &goWriter{}, &goWriter{}
		cTypes(types, s)
		cCodec(code, s)
		if b, err = between(b, cTypesBegin, cTypesEnd, types.Bytes()); err != nil {
			return nil, err
		}
		return between(b, cCodeBegin, cCodeEnd, code.Bytes())
	}
}

// between replaces what stands between two lines.
func between(b []byte, begin, end string, with []byte) ([]byte, error) {
	i, j := bytes.Index(b, []byte(begin)), bytes.Index(b, []byte(end))
	if i < 0 || j < i {
		return nil, fmt.Errorf("the lines %q and %q are not there", strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	i += len(begin)
	return append(append(append([]byte{}, b[:i]...), with...), b[j:]...), nil
}

func cComment(w *goWriter, doc string) {
	if doc != "" {
		w.p("/* %s */", strings.ReplaceAll(doc, "\n", "\n   "))
	}
}

func cTypes(w *goWriter, s *schema) {
	for _, d := range s.decls {
		if d.enum == nil {
			continue
		}
		w.p("")
		cComment(w, d.enum.doc)
		w.p("enum {")
		for _, v := range d.enum.values {
			w.p("  WEIR_%s_%s = %d,", screaming(d.enum.name), screaming(v.name), v.value)
		}
		w.p("};")
	}
	w.p("\n/* Lists: len items at items. Make them yourself (cap 0), or let weir_push grow\n   them. */")
	for _, d := range s.decls {
		if d.record != nil {
			n := "weir_" + snake(d.record.name)
			w.p("typedef struct %s %s;\ntypedef struct { %s *items; uint32_t len, cap; } %s_array;", n, n, n, n)
		}
	}
	done := map[string]bool{"str": true} // written by hand, beside weir_str
	for _, d := range s.decls {
		if d.record == nil {
			continue
		}
		for _, f := range d.record.fields {
			if f.typ.kind != "list" || f.typ.elem.kind == "record" || done[cWire(*f.typ.elem)] {
				continue
			}
			done[cWire(*f.typ.elem)] = true
			w.p("typedef struct { %s *items; uint32_t len, cap; } %s;", cType(*f.typ.elem), cType(f.typ))
		}
	}
	done = map[string]bool{}
	for _, d := range s.decls {
		if d.record != nil {
			cStruct(w, s, d.record, done)
		}
	}
	w.p("")
	for _, d := range s.decls {
		if d.record != nil {
			n := snake(d.record.name)
			w.p("int weir_%s_decode(weir_%s *v, weir_str b);\nvoid weir_%s_append(weir_buf *b, const weir_%s *v);", n, n, n, n)
		}
	}
}

// cStruct writes a record behind those it contains by value.
func cStruct(w *goWriter, s *schema, r *record, done map[string]bool) {
	if done[r.name] {
		return
	}
	done[r.name] = true
	for _, f := range r.fields {
		if f.typ.kind == "record" {
			cStruct(w, s, s.records[f.typ.ref], done)
		}
	}
	w.p("")
	cComment(w, r.doc)
	w.p("struct weir_%s {", snake(r.name))
	for _, f := range r.fields {
		doc := f.doc
		if f.typ.kind == "enum" {
			doc = strings.TrimSpace("WEIR_" + screaming(f.typ.ref) + "_* " + doc)
		}
		if doc != "" {
			doc = " /* " + doc + " */"
		}
		w.p("  %s %s;%s", cType(f.typ), cField(f.name), doc)
	}
	w.p("};")
}

func cCodec(w *goWriter, s *schema) {
	for _, d := range s.decls {
		if d.record != nil {
			w.p("static void weir__read_%s(weir_decoder *d, weir_%s *v);", snake(d.record.name), snake(d.record.name))
		}
	}
	for _, d := range s.decls {
		if d.record != nil {
			cRecord(w, d.record)
		}
	}
	w.p("\n#ifdef WEIR_RECODE\n/* For tests of the codec: decodes a record by its name and appends it to out;\n   -1: no such record, otherwise as weir_*_decode. */\nint weir_recode(weir_str name, weir_str b, weir_buf *out) {")
	for _, d := range s.decls {
		if d.record != nil {
			n := "weir_" + snake(d.record.name)
			w.p("  if (weir_eq(name, WEIR_S(%q))) {\n    %s v;\n    int e = %s_decode(&v, b);\n    if (!e) %s_append(out, &v);\n    return e;\n  }", d.record.name, n, n, n)
		}
	}
	w.p("  return -1;\n}\n#endif")
}

func cRecord(w *goWriter, r *record) {
	n := snake(r.name)
	w.p("\nvoid weir_%s_append(weir_buf *b, const weir_%s *v) {\n  uint32_t at = weir__begin(b);", n, n)
	for _, f := range r.fields {
		cAppend(w, "  ", "v->"+cField(f.name), f.typ)
	}
	w.p("  weir__end(b, at);\n}\n")
	w.p("static void weir__read_%s(weir_decoder *d, weir_%s *v) {\n  uint32_t outer;\n  if (!weir__enter(d, &outer)) return;", n, n)
	for _, f := range r.fields {
		cRead(w, "v->"+cField(f.name), f.typ)
	}
	w.p("  weir__leave(d, outer);\n}\n")
	w.p("int weir_%s_decode(weir_%s *v, weir_str b) {\n  weir_decoder d = weir__decoder(b);\n  weir__zero(v, sizeof *v);\n  if (!weir__item(&d)) return d.err;\n  weir__read_%s(&d, v);\n  return weir__done(&d);\n}", n, n, n)
}

func cAppend(w *goWriter, indent, x string, t typ) {
	switch t.kind {
	case "list":
		w.p("%sweir__put_u32(b, %s.len);\n%sfor (uint32_t i = 0; i < %s.len; i++) {", indent, x, indent, x)
		cAppend(w, indent+"  ", x+".items[i]", *t.elem)
		w.p("%s}", indent)
	case "record":
		w.p("%sweir_%s_append(b, &%s);", indent, snake(t.ref), x)
	default:
		w.p("%sweir__put_%s(b, %s);", indent, cWire(t), x)
	}
}

func cRead(w *goWriter, x string, t typ) {
	switch t.kind {
	case "list":
		w.p("  {\n    uint32_t n = weir__count(d, %d);\n    %s.items = n ? weir__items(n, sizeof *%s.items) : 0;\n    while (n-- && weir__item(d)) {", t.elem.least(), x, x)
		if t.elem.kind == "record" {
			w.p("      weir__zero(&%s.items[%s.len], sizeof *%s.items);\n      weir__read_%s(d, &%s.items[%s.len++]);", x, x, x, snake(t.elem.ref), x, x)
		} else {
			w.p("      %s.items[%s.len++] = weir__get_%s(d);", x, x, cWire(*t.elem))
		}
		w.p("    }\n    %s.cap = %s.len;\n  }", x, x)
	case "record":
		w.p("  weir__read_%s(d, &%s);", snake(t.ref), x)
	default:
		w.p("  %s = weir__get_%s(d);", x, cWire(t))
	}
}

// cWire names the functions of a scalar.
func cWire(t typ) string {
	switch t.kind {
	case "enum":
		return "u32"
	case "string", "bytes":
		return "str"
	}
	return t.kind
}
