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

// TestEachAsksForTheGrantsOfAll: an import without its grant in the manifest
// does not load; one that a plugin does not use must stay optional.
func TestEachAsksForTheGrantsOfAll(t *testing.T) {
	for folder, uses := range own {
		m := read(t, folder)
		for _, all := range own {
			for _, kind := range all {
				g, ok := m.Grant(kind)
				if !ok {
					t.Errorf("%s does not ask for %s, which another imports", folder, kind)
				} else if !g.Optional && !slices.Contains(uses, kind) {
					t.Errorf("%s asks for %s as if it needed it", folder, kind)
				}
			}
		}
	}
}
