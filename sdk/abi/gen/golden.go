package main

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// vector is one golden vector: decoding Hex gives Value, by the schema's field
// names; encoding Value gives Hex unless DecodeOnly. 64-bit integers are
// decimal strings, bytes are hex, enums their number.
type vector struct {
	Record     string         `json:"record"`
	Case       string         `json:"case"`
	DecodeOnly bool           `json:"decode_only,omitempty"`
	Error      bool           `json:"error,omitempty"` // must be refused
	Hex        string         `json:"hex"`
	Value      map[string]any `json:"value,omitempty"`
}

// goldenVectors walks the schema itself, apart from the generated code, so that
// the two check one another.
func goldenVectors(s *schema) ([]byte, error) {
	var out []vector
	for _, d := range s.decls {
		r := d.record
		if r == nil {
			continue
		}
		g := &golden{s: s}
		zero, zv := g.record(r, 0, false)
		full, fv := g.record(r, 0, true)
		tail := append(bytes.Clone(full), 0xde, 0xad, 0xbe, 0xef, 0x01)
		binary.LittleEndian.PutUint32(tail, uint32(len(tail)-4))
		out = append(out,
			vector{Record: r.name, Case: "zero", Hex: hex.EncodeToString(zero), Value: zv},
			vector{Record: r.name, Case: "full", Hex: hex.EncodeToString(full), Value: fv},
			vector{Record: r.name, Case: "unknown tail", DecodeOnly: true, Hex: hex.EncodeToString(tail), Value: fv},
			vector{Record: r.name, Case: "all fields missing", DecodeOnly: true, Hex: "00000000", Value: zv},
			vector{Record: r.name, Case: "cut", Error: true, Hex: hex.EncodeToString(full[:len(full)-1])},
			vector{Record: r.name, Case: "length past the end", Error: true, Hex: "ffffffff" + hex.EncodeToString(full[4:])},
			vector{Record: r.name, Case: "bytes after", Error: true, Hex: hex.EncodeToString(full) + "00"},
		)
	}
	b, err := json.MarshalIndent(out, "", " ")
	return append(b, '\n'), err
}

// golden makes values that differ from one another.
type golden struct {
	s *schema
	n uint64
}

func (g *golden) record(r *record, depth int, full bool) ([]byte, map[string]any) {
	b := make([]byte, 4)
	m := map[string]any{}
	for _, f := range r.fields {
		enc, v := g.value(f.name, f.typ, depth, full)
		b = append(b, enc...)
		m[f.name] = v
	}
	binary.LittleEndian.PutUint32(b, uint32(len(b)-4))
	return b, m
}

func (g *golden) value(name string, t typ, depth int, full bool) ([]byte, any) {
	g.n++
	u32 := func(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }
	u64 := func(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }
	n := g.n
	if !full {
		n = 0
	}
	switch t.kind {
	case "u32":
		return u32(uint32(n)), n
	case "i32":
		return u32(uint32(-int32(n))), -int32(n)
	case "u64":
		n *= 1_000_000_007_000_003
		return u64(n), strconv.FormatUint(n, 10)
	case "i64":
		v := -int64(n) * 1_000_000_007_000_003
		return u64(uint64(v)), strconv.FormatInt(v, 10)
	case "f64":
		f := float64(n) + 0.25
		if !full {
			f = 0
		}
		return u64(math.Float64bits(f)), f
	case "bool":
		if full {
			return []byte{1}, true
		}
		return []byte{0}, false
	case "string":
		s := ""
		if full {
			s = fmt.Sprintf("%s %d ünï", name, n)
		}
		return append(u32(uint32(len(s))), s...), s
	case "bytes":
		var v []byte
		if full {
			v = []byte{0, 0xff, byte(n)}
		}
		return append(u32(uint32(len(v))), v...), hex.EncodeToString(v)
	case "enum":
		e := g.s.enums[t.ref]
		v := uint32(0)
		if full {
			v = e.values[n%uint64(len(e.values))].value
		}
		return u32(v), v
	case "record":
		return g.record(g.s.records[t.ref], depth+1, full)
	}
	count := 0 // a list: three items, fewer further in, so that recursion ends
	if full {
		count = max(0, 3-depth)
	}
	b, items := u32(uint32(count)), []any{}
	for range count {
		enc, v := g.value(name, *t.elem, depth+1, true)
		b, items = append(b, enc...), append(items, v)
	}
	return b, items
}
