// Package builtin embeds the first-party plugins, built to Wasm by "make
// plugins". The modules are not committed; a placeholder lets a fresh clone
// build. They are packed: unpacked they would be more than half of the program,
// and what was read of it stays in memory. It only holds bytes: package filter
// runs them.
package builtin

import (
	"bytes"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// The pattern takes this file along too, because one that matches nothing, as
// *.wasm.gz does on a fresh clone, does not compile.
//
//go:embed *
var modules embed.FS

const suffix = ".wasm.gz"

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

// Module is the plugin behind source "builtin:name". The caller has it to itself.
func Module(name string) ([]byte, error) { return module(modules, name) }

func module(f fs.FS, name string) ([]byte, error) {
	b, err := fs.ReadFile(f, name+suffix)
	if err == nil && !strings.Contains(name, "/") {
		return unpack(name, b)
	}
	have := names(f)
	if len(have) == 0 {
		return nil, fmt.Errorf(`no builtin plugin %q: none was built into this binary; run "make plugins" and build again`, name)
	}
	return nil, fmt.Errorf(`no builtin plugin %q; there are %s. If it is new, run "make plugins" and build again`, name, strings.Join(have, ", "))
}

func unpack(name string, b []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err == nil {
		b, err = io.ReadAll(r)
	}
	if err != nil {
		return nil, fmt.Errorf(`the builtin plugin %q is damaged (%w); run "make plugins" and build again`, name, err)
	}
	return b, nil
}
