package conformance

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/toolchain"
	"github.com/mailweir/weir/sdk/abi/manifest"
	"github.com/mailweir/weir/sdk/assemblyscript"
	"github.com/mailweir/weir/sdk/c"
	"github.com/mailweir/weir/sdk/rust"
)

// source is the folder of the guests.
var source = filepath.Join("..", "..", "..", "..", "sdk", "conformance")

// guest is one language's conformance guest.
type guest struct {
	name     string
	language toolchain.Language
	folder   string
	sdk      fs.FS  // laid beside it; nil: part of the module
	source   string // where folder and manifest.json are; "" source
}

var guests = []guest{
	{"go", toolchain.Go, "go", nil, ""},
	{"rust", toolchain.Rust, "rust", rust.Files, ""},
	{"assemblyscript", toolchain.AssemblyScript, "assemblyscript", assemblyscript.Files, ""},
	{"c", toolchain.C, "c", c.Files, ""},
}

// work is where guests are built and compiled code is cached, for one run.
var work = sync.OnceValue(func() string {
	dir, err := os.MkdirTemp("", "weir-conformance")
	if err != nil {
		panic(err)
	}
	return dir
})

func TestMain(m *testing.M) {
	code := m.Run()
	os.RemoveAll(work())
	os.Exit(code)
}

var built sync.Map // by language: func() ([]byte, error)

// module is the packed guest, built once per run. Without its compiler the test
// is skipped, but not where WEIR_CI is set.
func (g guest) module(t testing.TB) []byte {
	t.Helper()
	once, _ := built.LoadOrStore(g.name, sync.OnceValues(g.build))
	b, err := once.(func() ([]byte, error))()
	var missing *toolchain.MissingTool
	if (errors.As(err, &missing) || errors.Is(err, ErrNoCompiler)) && os.Getenv("WEIR_CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (g guest) build() ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	from, manifestFile := filepath.Join(source, g.folder), filepath.Join(source, "manifest.json")
	if g.source != "" {
		from = filepath.Join(g.source, g.folder)
		manifestFile = filepath.Join(from, "manifest.json")
	}
	dir := from
	if g.sdk != nil {
		dir = filepath.Join(work(), g.name)
		if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
			return nil, err
		}
		if err := os.CopyFS(filepath.Join(dir, "weir-sdk"), g.sdk); err != nil {
			return nil, err
		}
	}
	if g.language == toolchain.AssemblyScript {
		modules, err := NodeModules(ctx)
		if err != nil {
			return nil, err
		}
		if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
			return nil, err
		}
	}
	text, err := os.ReadFile(manifestFile)
	if err != nil {
		return nil, err
	}
	m, err := manifest.Parse(text)
	if err != nil {
		return nil, err
	}
	code, err := (&toolchain.Project{Dir: dir, Language: g.language, Manifest: m}).Build(ctx)
	if err != nil {
		return nil, err
	}
	return manifest.Append(code, m)
}

// each runs a test on every guest, one after the other: they share two
// processors with the rest of the tests.
func each(t *testing.T, f func(*testing.T, guest)) {
	for _, g := range guests {
		t.Run(g.name, func(t *testing.T) { f(t, g) })
	}
}
