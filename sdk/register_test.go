package sdk

import (
	"strings"
	"testing"

	"github.com/mailweir/weir/sdk/abi"
)

// registry begins with nothing registered, and restores what there was.
func registry(t *testing.T) {
	o, a, n := only, anyName, named
	only, anyName, named = Plugin{}, false, nil
	t.Cleanup(func() { only, anyName, named = o, a, n })
}

// says is a plugin whose hook notes a word.
func says(word string) Plugin {
	return Plugin{Hooks: Hooks{abi.StageMessage: func(_ *Call, v *Verdict) error {
		v.Note("word", word)
		return nil
	}}}
}

// word is what the plugin of this name says, or its instance's error.
func word(t *testing.T, name string) string {
	t.Helper()
	in, err := NewInstance(nil, abi.Init{Plugin: name})
	if err != nil {
		return "error: " + err.Error()
	}
	v, err := in.Run(&abi.Event{Stage: abi.StageMessage})
	if err != nil {
		return "error: " + err.Error()
	}
	return v.Notes[0].Value
}

func TestTheHostChoosesThePlugin(t *testing.T) {
	registry(t)
	if got := word(t, "a"); !strings.Contains(got, "no hook for stage message") {
		t.Error("nothing registered:", got)
	}
	RegisterAs("a", says("first"))
	RegisterAs("a", says("one"))
	if got := word(t, ""); got != "one" {
		t.Error("the only one, without a name:", got)
	}
	if len(Stages()) != 1 {
		t.Error("stages of the only one:", Stages())
	}
	if got := word(t, "b"); !strings.Contains(got, "no plugin b; it has a.") {
		t.Error("unknown, of one:", got)
	}
	RegisterAs("b", says("two"))
	for name, want := range map[string]string{
		"a": "one", "b": "two", "A": "no plugin A; it has a, b.", "": "does not say which plugin",
	} {
		if got := word(t, name); got != want && !(strings.HasPrefix(got, "error: ") && strings.Contains(got, want)) {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
	if Stages() != nil {
		t.Error("stages of two:", Stages())
	}
	Register(says("any"))
	for name, want := range map[string]string{"a": "one", "c": "any", "": "any"} {
		if got := word(t, name); got != want {
			t.Errorf("%q beside one without a name: %s, want %s", name, got, want)
		}
	}
}

// TestInstancesKeepTheirPlugin: two of one program, as the gateway has them.
func TestInstancesKeepTheirPlugin(t *testing.T) {
	registry(t)
	RegisterAs("a", says("one"))
	RegisterAs("b", Plugin{Init: func(abi.Init) error { return Error("not today") }})
	a, err := NewInstance(nil, abi.Init{Plugin: "a"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewInstance(nil, abi.Init{Plugin: "b"}); err != Error("not today") {
		t.Error(err)
	}
	if v, err := a.Run(&abi.Event{Stage: abi.StageMessage}); err != nil || v.Notes[0].Value != "one" {
		t.Error(v, err)
	}
}
