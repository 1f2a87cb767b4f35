package conformance

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"github.com/mailweir/weir/sdk/abi"
)

// vector is one golden vector of sdk/abi/testdata.
type vector struct {
	Record     string `json:"record"`
	Case       string `json:"case"`
	DecodeOnly bool   `json:"decode_only"`
	Error      bool   `json:"error"`
	Hex        string `json:"hex"`
}

// TestGoldenVectors has each SDK's codec decode every vector and encode it
// again, in Wasm. A vector with an unknown tail or missing fields comes back as
// Go's codec, which the vectors' values prove, writes it.
func TestGoldenVectors(t *testing.T) {
	b, err := os.ReadFile("../../../../sdk/abi/testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(b, &vectors); err != nil {
		t.Fatal(err)
	}
	full, zero := map[string]string{}, map[string]string{}
	for _, v := range vectors {
		switch v.Case {
		case "full":
			full[v.Record] = v.Hex
		case "zero":
			zero[v.Record] = v.Hex
		}
	}
	each(t, func(t *testing.T, g guest) {
		h := newHost(t, g)
		for _, v := range vectors {
			want, code := v.Hex, ""
			switch v.Case {
			case "unknown tail":
				want = full[v.Record]
			case "all fields missing":
				want = zero[v.Record]
			case "cut", "length past the end":
				code = "short"
			case "bytes after":
				code = "tail"
			}
			recode(t, h, v.Record, v.Case, unhex(t, v.Hex), unhex(t, want), code)
		}
	})
}

func unhex(t *testing.T, s string) string {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// recode has the guest decode data and checks what it encodes, or its error.
func recode(t *testing.T, h *host, record, name, data, want, code string) {
	t.Helper()
	v, err := h.Call(context.Background(), "guest", event("recode", object("record", record, "data", data), 0), message())
	if err != nil {
		t.Fatalf("%s, %s: %v\n%s", record, name, err, &h.log)
	}
	got, _, gotCode, _ := answer(h, v)
	switch {
	case gotCode != code:
		t.Errorf("%s, %s: error %q, want %q", record, name, gotCode, code)
	case code == "" && got != want:
		t.Errorf("%s, %s: encoded\n%x\nwant\n%x", record, name, short(got), short(want))
	}
}

// TestDecodeRefuses are the rules that the vectors do not reach.
func TestDecodeRefuses(t *testing.T) {
	deep := func(n int) string {
		v := abi.String("x")
		for range n {
			v = abi.List(v)
		}
		return string(v.Append(nil))
	}
	value := func(tail ...byte) string { // a Value up to its keys
		b := []byte{0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
		b = append(b, tail...)
		b[0] = byte(len(b) - 4)
		return string(b)
	}
	again := func(s string) string {
		var v abi.Value
		if err := v.Decode([]byte(s)); err != nil {
			t.Fatal(err)
		}
		return string(v.Append(nil))
	}
	cases := []struct{ name, data, code string }{
		{"nothing", "", "short"},
		{"half a length", "\x01\x00", "short"},
		{"half a field", "\x02\x00\x00\x00\x01\x01", "short"},
		{"as deep as may be", deep(abi.MaxDepth - 1), ""},
		{"too deep", deep(abi.MaxDepth), "depth"},
		{"much too deep", deep(500), "depth"},
		{"a count past the end", value(0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0), "count"},
		{"a count one too many", value(2, 0, 0, 0, 0, 0, 0, 0), "count"},
		{"items missing", value(1, 0, 0, 0), "count"},
		{"an item whose text is cut", value(1, 0, 0, 0, 9, 0, 0, 0), "short"},
		{"a count and no list", value(0, 0, 0, 0), ""},
		{"an item past its list", value(0, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0), "short"},
		{"items are empty records", value(0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), ""},
	}
	for _, c := range cases { // the reference agrees
		var v abi.Value
		names := map[string]error{"": nil, "short": abi.ErrShort, "count": abi.ErrCount, "depth": abi.ErrDepth}
		if err := v.Decode([]byte(c.data)); err != names[c.code] {
			t.Fatalf("%s: %v", c.name, err)
		}
	}
	each(t, func(t *testing.T, g guest) {
		h := newHost(t, g)
		for _, c := range cases {
			want := ""
			if c.code == "" {
				want = again(c.data)
			}
			recode(t, h, "Value", c.name, c.data, want, c.code)
		}
	})
}
