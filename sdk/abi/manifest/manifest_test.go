package manifest

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
)

var empty = []byte("\x00asm\x01\x00\x00\x00")

func sample() *Manifest {
	return &Manifest{
		Name: "rules", Version: "1.0.0", ABI: 1, Hooks: []string{"rcpt_to", "message"},
		Grants: []Grant{{Kind: "lists", Reason: "tenant lists"}},
		Config: Block{
			Attrs:  []Attr{{Name: "words", Type: "list(string)", Doc: "words"}},
			Blocks: []BlockType{{Name: "allow", Labels: []string{"name"}, Block: Block{Attrs: []Attr{{Name: "sender", Type: "string"}}}}},
		},
	}
}

func TestAppendThenRead(t *testing.T) {
	custom := append(bytes.Clone(empty), 0, 3, 2, 'h', 'i')
	one, err := Append(custom, sample())
	if err != nil {
		t.Fatal(err)
	}
	changed := sample()
	changed.Version = "2"
	two, err := Append(one, changed)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Read(two)
	if err != nil || !reflect.DeepEqual(m, changed) {
		t.Errorf("%+v, %v", m, err)
	}
	if !bytes.HasPrefix(two, custom) || bytes.Count(two, []byte(Section)) != 1 {
		t.Error("other sections must stay, the old manifest must go")
	}
}

func TestReadRefuses(t *testing.T) {
	sec := func(body string) []byte {
		c := append([]byte{byte(len(Section))}, Section+body...)
		return append([]byte{0, byte(len(c))}, c...)
	}
	ok := sec(`{"name":"a"}`)
	for _, c := range []struct {
		name string
		mod  []byte
		want string
	}{
		{"nothing", nil, "not a WebAssembly"},
		{"no section", empty, "plugin pack"},
		{"two", append(append(bytes.Clone(empty), ok...), ok...), "more than one"},
		{"past the end", append(bytes.Clone(empty), 0, 0x80, 0x80, 1), "past the end"},
		{"bad length", append(bytes.Clone(empty), 0, 0x80, 0x80, 0x80, 0x80, 0x80, 1), "past the end"},
		{"bad name", append(bytes.Clone(empty), 0, 1, 9), "has no name"},
		{"unknown member", append(bytes.Clone(empty), sec(`{"grant":[]}`)...), "unknown field"},
		{"text after", append(bytes.Clone(empty), sec(`{} {}`)...), "after the JSON"},
	} {
		if _, err := Read(c.mod); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	if _, err := Read(empty); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
}

func TestValidateReportsAll(t *testing.T) {
	m := &Manifest{
		Name: "Bad Name", ABI: 2, Hooks: []string{"mesage", "data", "data"},
		Grants: []Grant{{Kind: "root"}, {Kind: "kv", Reason: "x"}, {Kind: "kv", Reason: "x"}},
		Config: Block{
			Attrs:  []Attr{{Name: "A", Type: "string"}, {Name: "a", Type: "strin"}, {Name: "a", Type: "bool", Required: true, Default: 1}},
			Blocks: []BlockType{{Name: "b", Min: 3, Max: 2}, {Name: "a"}},
		},
		Actions: []Action{{Name: "x y"}, {Name: "go"}, {Name: "go"}, {Name: "st", Statuses: []string{"stalled", "staled"}, Level: "root", Train: "eggs"}},
	}
	err := m.Validate()
	if err == nil {
		t.Fatal("nothing found")
	}
	for _, want := range []string{
		`"Bad Name"`, "version", "abi is 2", `"mesage"`, `"data" stands twice`, `"root"`, "gives no reason", `"kv" stands twice`,
		`"A" is no`, `"strin"`, "config.a stands twice", "required and", "min 3", `"x y"`, `"go" stands twice`, `"staled"`, `"root"; it is`, `"eggs"`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in\n%v", want, err)
		}
	}
	if err := sample().Validate(); err != nil {
		t.Error(err)
	}
}

func FuzzRead(f *testing.F) {
	b, _ := Append(empty, sample())
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := Read(b); err == nil {
			_ = m.Validate()
		}
	})
}
