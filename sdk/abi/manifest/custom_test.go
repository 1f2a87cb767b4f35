package manifest

import (
	"bytes"
	"testing"
)

func TestCustomSections(t *testing.T) {
	mod, err := Append(empty, sample())
	if err != nil {
		t.Fatal(err)
	}
	if b, err := Custom(mod, "x"); b != nil || err != nil {
		t.Error(b, err)
	}
	one, err := WithCustom(mod, "x", []byte("one"))
	if err != nil {
		t.Fatal(err)
	}
	two, err := WithCustom(one, "x", []byte("two"))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := Custom(two, "x"); string(b) != "two" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	if b, err := WithoutCustom(two, "x"); !bytes.Equal(b, mod) || err != nil {
		t.Error("the rest must stay octet by octet")
	}
	if _, err := Custom(append(bytes.Clone(one), two[len(mod):]...), "x"); err == nil {
		t.Error("two sections of one name read as one")
	}
	if m, err := Read(two); err != nil || m.Name != sample().Name {
		t.Error(m, err)
	}
	if b, err := WithCustom(mod, "x", nil); err != nil {
		t.Error(err)
	} else if c, err := Custom(b, "x"); c == nil || err != nil {
		t.Error("an empty section is one", err)
	}
}
