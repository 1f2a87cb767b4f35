package abi

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math/rand"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"testing/quick"
)

type vector struct {
	Record     string         `json:"record"`
	Case       string         `json:"case"`
	DecodeOnly bool           `json:"decode_only"`
	Error      bool           `json:"error"`
	Hex        string         `json:"hex"`
	Value      map[string]any `json:"value"`
}

func vectors(t testing.TB) []vector {
	t.Helper()
	b, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vs []vector
	if err := json.Unmarshal(b, &vs); err != nil {
		t.Fatal(err)
	}
	if len(vs) < 7*len(records) {
		t.Fatalf("only %d vectors for %d records", len(vs), len(records))
	}
	return vs
}

// tree turns a record into the form that vectors.json has.
func tree(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Struct:
		m := map[string]any{}
		for i := range v.NumField() {
			m[strings.ToLower(v.Type().Field(i).Name)] = tree(v.Field(i))
		}
		return m
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return hex.EncodeToString(v.Bytes())
		}
		l := []any{}
		for i := range v.Len() {
			l = append(l, tree(v.Index(i)))
		}
		return l
	case reflect.Uint64:
		return strconv.FormatUint(v.Uint(), 10)
	case reflect.Uint32:
		return float64(v.Uint())
	case reflect.Int64:
		return strconv.FormatInt(v.Int(), 10)
	case reflect.Int32:
		return float64(v.Int())
	}
	return v.Interface()
}

// goNames makes the schema's names comparable to those of the Go fields.
func goNames(x any) any {
	switch x := x.(type) {
	case map[string]any:
		m := map[string]any{}
		for k, v := range x {
			m[strings.ReplaceAll(k, "_", "")] = goNames(v)
		}
		return m
	case []any:
		for i := range x {
			x[i] = goNames(x[i])
		}
	}
	return x
}

func TestGoldenVectors(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Record+"/"+v.Case, func(t *testing.T) {
			raw, err := hex.DecodeString(v.Hex)
			if err != nil {
				t.Fatal(err)
			}
			r := records[v.Record]()
			if err := r.Decode(raw); (err != nil) != v.Error {
				t.Fatalf("decode: %v, want an error: %v", err, v.Error)
			}
			if v.Error {
				return
			}
			if got, want := tree(reflect.ValueOf(r).Elem()), goNames(v.Value); !reflect.DeepEqual(got, want) {
				t.Errorf("decoded\n%v\nwant\n%v", got, want)
			}
			if enc := r.Append([]byte("x")); !v.DecodeOnly && !bytes.Equal(enc[1:], raw) {
				t.Errorf("encoded\n%x\nwant\n%x", enc[1:], raw)
			}
		})
	}
}

func TestRoundTripOfRandomValues(t *testing.T) {
	rnd := rand.New(rand.NewSource(1))
	for name, mk := range records {
		for range 50 {
			rv, ok := quick.Value(reflect.TypeOf(mk()).Elem(), rnd)
			if !ok {
				t.Fatalf("%s: no random value", name)
			}
			p := reflect.New(rv.Type())
			p.Elem().Set(rv)
			enc := p.Interface().(codec).Append(nil)
			again := mk()
			if err := again.Decode(enc); err != nil {
				if err == ErrDepth {
					continue
				}
				t.Fatalf("%s: %v", name, err)
			}
			if enc2 := again.Append(nil); !bytes.Equal(enc, enc2) {
				t.Fatalf("%s: a second encoding differs", name)
			}
		}
	}
}

func TestFieldsMissingAtTheEndAreZero(t *testing.T) {
	old := appendString(appendU32([]byte{0, 0, 0, 0}, uint32(StageMessage)), "")[:8] // a writer that knew only stage
	old[0] = 4
	e := Event{Sender: "left over"}
	if err := e.Decode(old); err != nil || e.Stage != StageMessage || e.Sender != "" {
		t.Fatalf("%+v, %v", e, err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	deep := String("x")
	for range MaxDepth {
		deep = List(deep)
	}
	many := appendU32(appendU32(nil, 4+4+1+8+4+4+4), 0)
	for _, c := range []struct {
		name string
		in   []byte
		want error
	}{
		{"nothing", nil, ErrShort},
		{"half a length", []byte{1, 0}, ErrShort},
		{"half a field", []byte{2, 0, 0, 0, 1, 1}, ErrShort},
		{"deep", deep.Append(nil), ErrDepth},
		{"count", append(many, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0), ErrCount},
		{"tail", append((&Value{}).Append(nil), 0), ErrTail},
	} {
		var v Value
		if err := v.Decode(c.in); err != c.want {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestEnumSpelling(t *testing.T) {
	for s := StageConnect; s <= StageAction; s++ {
		if got, ok := ParseStage(s.String()); !ok || got != s {
			t.Errorf("%v is parsed as %v", s, got)
		}
	}
	if StageMailFrom.String() != "mail_from" || HeaderOpRemove.String() != "remove" || Stage(77).String() != "Stage(77)" {
		t.Error(StageMailFrom, HeaderOpRemove, Stage(77))
	}
	if _, ok := ParseAction("Reject"); ok {
		t.Error("spelling is not free")
	}
}

func TestValueObject(t *testing.T) {
	o := Object()
	o.Set("a", Number(1))
	o.Set("b", Strings("x", "y"))
	o.Set("a", Bool(true))
	if len(o.Keys) != 2 || !o.Get("a").Bool || !o.Get("zz").IsNull() || len(o.Get("b").StringList()) != 2 {
		t.Errorf("%+v", o)
	}
	broken := Value{Kind: ValueKindObject, Keys: []string{"a", "b"}}
	if !broken.Get("b").IsNull() {
		t.Error("keys without items")
	}
}

func FuzzDecode(f *testing.F) {
	for _, v := range vectors(f) {
		b, _ := hex.DecodeString(v.Hex)
		f.Add(v.Record, b)
	}
	f.Fuzz(func(t *testing.T, name string, b []byte) {
		mk := records[name]
		if mk == nil {
			return
		}
		r := mk()
		if r.Decode(b) != nil {
			return
		}
		enc := r.Append(nil)
		again := mk()
		if err := again.Decode(enc); err != nil {
			t.Fatalf("%s: its own encoding: %v", name, err)
		}
		if !bytes.Equal(enc, again.Append(nil)) {
			t.Fatal("encoding is not stable")
		}
	})
}

func BenchmarkEventDecode(b *testing.B) {
	e := Event{Stage: StageMessage, ID: "01jd0000000000000000000000", Tenant: "acme", Sender: "a@b.test",
		Recipients: []string{"x@acme.test", "y@acme.test"}, Client: Client{IP: "192.0.2.1", Helo: "mx"}}
	raw := e.Append(nil)
	b.ReportAllocs()
	for b.Loop() {
		if err := e.Decode(raw); err != nil {
			b.Fatal(err)
		}
	}
}
