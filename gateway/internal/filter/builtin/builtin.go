// Package builtin embeds the first-party plugins, built to Wasm by "make
// plugins". The modules are not committed; a placeholder lets a fresh clone
// build. It only holds bytes: package filter runs them.
package builtin

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

// The pattern takes this file along too, because one that matches nothing, as
// *.wasm does on a fresh clone, does not compile.
//
//go:embed *
var modules embed.FS

const suffix = ".wasm"

// Names are the plugins that were built, sorted.
func Names() []string { return names(modules) }

func names(f fs.FS) []string {
	var out []string
	entries, _ := fs.ReadDir(f, ".") // sorted by name
	for _, e := range entries {
		if n, ok := strings.CutSuffix(e.Name(), suffix); ok {
			out = append(out, n)
		}
	}
	return out
}

// Module is the plugin behind source "builtin:name". It must not be changed.
func Module(name string) ([]byte, error) { return module(modules, name) }

func module(f fs.FS, name string) ([]byte, error) {
	b, err := fs.ReadFile(f, name+suffix)
	if err == nil && !strings.Contains(name, "/") {
		return b, nil
	}
	have := names(f)
	if len(have) == 0 {
		return nil, fmt.Errorf(`no builtin plugin %q: none was built into this binary; run "make plugins" and build again`, name)
	}
	return nil, fmt.Errorf(`no builtin plugin %q; there are %s. If it is new, run "make plugins" and build again`, name, strings.Join(have, ", "))
}
