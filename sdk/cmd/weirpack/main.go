// Command weirpack builds Go plugins to Wasm and adds their manifests.
//
//	weirpack [-o DIR] FOLDER...
//	weirpack -out FILE [-manifest FILE] [-module FILE] FOLDER
//
// The first form builds each folder (a main package beside a manifest.json) to
// DIR/NAME.wasm, NAME being the folder's. The second builds one to a file of
// any name (one that ends in .gz is packed with gzip); with -module it only adds
// the manifest to a module that was built otherwise. It is for make plugins; the gateway's command for operators is
// weir plugin pack.
package main

import (
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/mailweir/weir/sdk/abi/compact"
	"github.com/mailweir/weir/sdk/abi/manifest"
)

func main() {
	var j job
	dir := flag.String("o", ".", "folder that the modules go to")
	flag.StringVar(&j.out, "out", "", "file that the one module goes to, in place of -o")
	flag.StringVar(&j.manifest, "manifest", "", "manifest of the one plugin, in place of FOLDER/manifest.json")
	flag.StringVar(&j.module, "module", "", "use this module instead of building one")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: weirpack [-o DIR] FOLDER...\n       weirpack -out FILE [-manifest FILE] [-module FILE] FOLDER")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() == 0 || flag.NArg() > 1 && j != (job{}) {
		flag.Usage()
		os.Exit(64)
	}
	for _, folder := range flag.Args() {
		one := j
		one.folder = folder
		if one.manifest == "" {
			one.manifest = filepath.Join(folder, "manifest.json")
		}
		if one.out == "" {
			one.out = filepath.Join(*dir, name(folder)+".wasm")
		}
		size, err := one.pack()
		if err != nil {
			fmt.Fprintf(os.Stderr, "weirpack: %s: %v\n", folder, err)
			os.Exit(1)
		}
		fmt.Printf("%-20s %7.1f KiB\n", filepath.Base(one.out), float64(size)/1024)
	}
}

func name(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	return filepath.Base(dir)
}

// job is one module to make.
type job struct{ folder, manifest, module, out string }

// pack writes the module, by way of a temporary file, and gives its size.
func (j job) pack() (int, error) {
	text, err := os.ReadFile(j.manifest)
	if err != nil {
		return 0, fmt.Errorf("reading its manifest: %w", err)
	}
	m, err := manifest.Parse(text)
	if err != nil {
		return 0, err
	}
	tmp, err := os.MkdirTemp("", "weirpack")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(tmp)
	module := j.module
	if module == "" {
		module = filepath.Join(tmp, "built.wasm")
		if err := build(j.folder, module); err != nil {
			return 0, err
		}
	}
	code, err := os.ReadFile(module)
	if err != nil {
		return 0, err
	}
	packed, err := manifest.Append(compact.Data(code), m)
	if err != nil {
		return 0, err
	}
	if strings.HasSuffix(j.out, ".gz") {
		if packed, err = compress(packed); err != nil {
			return 0, err
		}
	}
	if err := os.MkdirAll(filepath.Dir(j.out), 0o755); err != nil {
		return 0, err
	}
	if err := os.WriteFile(j.out+".new", packed, 0o644); err != nil {
		return 0, err
	}
	return len(packed), os.Rename(j.out+".new", j.out)
}

func compress(b []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(b); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func build(dir, target string) error {
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", target, ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("building it for wasip1: %w", err)
	}
	return nil
}
