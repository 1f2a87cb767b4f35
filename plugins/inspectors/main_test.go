package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mailweir/weir/sdk"
	"github.com/mailweir/weir/sdk/abi"
	"github.com/mailweir/weir/sdk/abi/manifest"
)

func read(t *testing.T, folder string) *manifest.Manifest {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", folder, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := manifest.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// own is what a plugin uses of its grants.
var own = map[string][]string{"attachments": nil, "stall": {"lists"}, "unlock": {"queue", "kv"}}

// TestEachManifestChoosesItsPlugin: the name is the switch, so a plugin that is
// called otherwise in its manifest would not start.
func TestEachManifestChoosesItsPlugin(t *testing.T) {
	for folder := range own {
		m := read(t, folder)
		in, err := sdk.NewInstance(nil, abi.Init{Plugin: m.Name})
		if err != nil {
			t.Fatal(folder, err)
		}
		for s := abi.StageConnect; s <= abi.StageAction; s++ {
			if has := runs(in, s); has != m.Subscribes(s) {
				t.Errorf("%s: hook for %s: %v; in the manifest: %v", folder, s, has, !has)
			}
		}
	}
	for _, name := range []string{"", "inspectors"} {
		if _, err := sdk.NewInstance(nil, abi.Init{Plugin: name}); err == nil || !strings.Contains(err.Error(), "attachments, stall, unlock") {
			t.Errorf("%q: %v must name the three", name, err)
		}
	}
}

// runs: without a host, a hook that is there fails, by a panic or an error of
// its own.
func runs(in *sdk.Instance, s abi.Stage) (has bool) {
	defer func() { has = has || recover() != nil }()
	_, err := in.Run(&abi.Event{Stage: s})
	return err == nil || !strings.Contains(err.Error(), "no hook for stage")
}

// TestEachAsksForItsOwnGrants: the program imports what any of the three needs,
// and the gateway denies a plugin what its manifest does not name. So none may
// name more than it uses.
func TestEachAsksForItsOwnGrants(t *testing.T) {
	for folder, uses := range own {
		for _, g := range read(t, folder).Grants {
			if !slices.Contains(uses, g.Kind) {
				t.Errorf("%s asks for %s, which it does not use", folder, g.Kind)
			}
		}
	}
}
