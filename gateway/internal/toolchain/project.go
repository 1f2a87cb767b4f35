package toolchain

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/mailweir/weir/sdk/abi/manifest"
)

// Language a plugin is written in.
type Language string

// The languages there are SDKs for.
const (
	Go             Language = "go"
	Rust           Language = "rust"
	AssemblyScript Language = "as"
	C              Language = "c"
)

// Languages in the order they are offered.
var Languages = []Language{Go, Rust, AssemblyScript, C}

// Title is the language's name as people write it.
func (l Language) Title() string {
	switch l {
	case Go:
		return "Go"
	case Rust:
		return "Rust"
	case AssemblyScript:
		return "AssemblyScript"
	case C:
		return "C"
	}
	return string(l)
}

// Project is a folder with a plugin's source and its manifest.json.
type Project struct {
	Dir      string
	Language Language
	Manifest *manifest.Manifest
}

// Open reads the project in dir.
func Open(dir string) (*Project, error) {
	text, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("there is no manifest.json in %s: it is no plugin's folder", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("opening a project: %w", err)
	}
	m, err := manifest.Parse(text)
	if err == nil {
		err = m.Validate()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, "manifest.json"), err)
	}
	l, err := languageOf(dir)
	if err != nil {
		return nil, err
	}
	return &Project{Dir: dir, Language: l, Manifest: m}, nil
}

// languageOf tells a project's language by what lies in its folder.
func languageOf(dir string) (Language, error) {
	var found []Language
	for _, l := range []struct {
		language Language
		patterns []string
	}{
		{Rust, []string{"Cargo.toml", "src/lib.rs"}},
		{AssemblyScript, []string{"asconfig.json", "assembly/index.ts"}},
		{Go, []string{"*.go"}},
		{C, []string{"*.c"}},
	} {
		for _, p := range l.patterns {
			if m, _ := filepath.Glob(filepath.Join(escape(dir), filepath.FromSlash(p))); len(m) > 0 && !slices.Contains(found, l.language) {
				found = append(found, l.language)
			}
		}
	}
	switch {
	case len(found) == 0:
		return "", fmt.Errorf("%s has no source that is known: *.go, Cargo.toml, asconfig.json or *.c", dir)
	case len(found) > 1:
		return "", fmt.Errorf("%s has sources of several languages: %s and %s", dir, found[0].Title(), found[1].Title())
	}
	return found[0], nil
}

// escape keeps filepath.Glob from taking a folder's name for a pattern.
func escape(dir string) string {
	var b []byte
	for i := range len(dir) {
		if c := dir[i]; c == '*' || c == '?' || c == '[' || c == '\\' {
			b = append(b, '\\')
		}
		b = append(b, dir[i])
	}
	return string(b)
}

// ModulePath is where the packed module goes: NAME.wasm in the folder.
func (p *Project) ModulePath() string { return filepath.Join(p.Dir, p.Manifest.Name+".wasm") }
