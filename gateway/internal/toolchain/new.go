package toolchain

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"github.com/mailweir/weir/sdk"
	"github.com/mailweir/weir/sdk/abi"
	"github.com/mailweir/weir/sdk/assemblyscript"
	"github.com/mailweir/weir/sdk/c"
	"github.com/mailweir/weir/sdk/rust"
)

// sdkFolder is where a project keeps its copy of the SDK.
const sdkFolder = "weir-sdk"

// rustCrate is the name of the SDK's crate.
const rustCrate = "weir"

//go:embed all:template
var templates embed.FS

// goVersion is the oldest Go that the SDK builds with: the first with
// the directive go:wasmexport.
const goVersion = "1.24"

var projectName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,63}$`)

// New makes a project: source, manifest, README, tests, and a copy of the SDK,
// so that it builds without a registry (AssemblyScript's compiler alone comes
// from npm). dir must not be there yet, or be empty. It gives the files that an
// author edits.
func New(name string, l Language, dir string) ([]string, error) {
	if !projectName.MatchString(name) {
		return nil, fmt.Errorf("%.80q is no name for a plugin: lower-case letters, digits, _ and - only, a letter first", name)
	}
	if !slices.Contains(Languages, l) {
		return nil, fmt.Errorf("%.80q is no language; there are go, rust, as and c", string(l))
	}
	if have, err := os.ReadDir(dir); err == nil && len(have) > 0 {
		return nil, fmt.Errorf("%s is there already and not empty", dir)
	} else if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("making a project: %w", err)
	}
	data := struct {
		Name, Ident, Title, SDK, Go string
		Minor                       int
		Language                    Language
	}{name, strings.NewReplacer("-", "_").Replace(name), l.Title(), sdkFolder, goVersion, abi.Minor, l}
	var made []string
	for _, from := range []string{"common", string(l)} {
		root := path.Join("template", from)
		err := fs.WalkDir(templates, root, func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := templates.ReadFile(p)
			if err != nil {
				return err
			}
			to := strings.TrimPrefix(p, root+"/")
			if strings.HasSuffix(to, ".tmpl") {
				t, err := template.New(to).Delims("[[", "]]").Option("missingkey=error").Parse(string(text))
				if err != nil {
					return err
				}
				var b bytes.Buffer
				if err := t.Execute(&b, data); err != nil {
					return err
				}
				to, text = strings.TrimSuffix(to, ".tmpl"), b.Bytes()
			}
			to = strings.ReplaceAll(to, "NAME", name)
			made = append(made, filepath.FromSlash(to))
			return write(filepath.Join(dir, filepath.FromSlash(to)), text)
		})
		if err != nil {
			return nil, fmt.Errorf("making a project: %w", err)
		}
	}
	if err := layDown(l, filepath.Join(dir, sdkFolder)); err != nil {
		return nil, fmt.Errorf("making a project: copying the SDK: %w", err)
	}
	slices.Sort(made)
	return made, nil
}

// layDown copies the SDK of a language.
func layDown(l Language, dir string) error {
	switch l {
	case Go:
		mod := "// The part of this module that plugins use, copied by \"weir plugin new\".\nmodule github.com/mailweir/weir\n\ngo " + goVersion + "\n"
		if err := write(filepath.Join(dir, "go.mod"), []byte(mod)); err != nil {
			return err
		}
		return copyFiles(sdk.Files, filepath.Join(dir, "sdk"), func(p string) bool {
			return strings.HasSuffix(p, "_test.go") || p == "embed.go"
		})
	case Rust:
		return copyFiles(rust.Files, dir, nil)
	case AssemblyScript:
		return copyFiles(assemblyscript.Files, dir, func(p string) bool { return p == "package-lock.json" })
	case C:
		return copyFiles(c.Files, dir, nil)
	}
	return nil
}

func copyFiles(from fs.FS, dir string, skip func(string) bool) error {
	return fs.WalkDir(from, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || skip != nil && skip(p) {
			return err
		}
		b, err := fs.ReadFile(from, p)
		if err != nil {
			return err
		}
		return write(filepath.Join(dir, filepath.FromSlash(p)), b)
	})
}

func write(name string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, b, 0o644)
}
