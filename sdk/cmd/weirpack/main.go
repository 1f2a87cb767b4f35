// Command weirpack builds Go plugins to Wasm and adds their manifests.
//
//	weirpack -o DIR FOLDER...
//
// builds each folder (a main package beside a manifest.json) to DIR/NAME.wasm,
// NAME being the folder's. With -module FILE it only adds the manifest of the
// one folder to a module that was built otherwise. It is for make plugins; the
// gateway's command for operators is weir plugin pack.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/mailweir/weir/sdk/abi/manifest"
)

func main() {
	out := flag.String("o", ".", "folder that the modules go to")
	module := flag.String("module", "", "use this module instead of building one")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: weirpack [-o DIR] [-module FILE] FOLDER...")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() == 0 || *module != "" && flag.NArg() != 1 {
		flag.Usage()
		os.Exit(64)
	}
	for _, dir := range flag.Args() {
		size, err := pack(dir, *module, *out)
		if err != nil {
			fmt.Fprintf(os.Stderr, "weirpack: %s: %v\n", dir, err)
			os.Exit(1)
		}
		fmt.Printf("%-20s %7.1f KiB\n", name(dir)+".wasm", float64(size)/1024)
	}
}

func name(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	return filepath.Base(dir)
}

// pack writes out/NAME.wasm, by way of a temporary file, and gives its size.
func pack(dir, module, out string) (int, error) {
	text, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
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
	if module == "" {
		module = filepath.Join(tmp, "built.wasm")
		if err := build(dir, module); err != nil {
			return 0, err
		}
	}
	code, err := os.ReadFile(module)
	if err != nil {
		return 0, err
	}
	packed, err := manifest.Append(code, m)
	if err != nil {
		return 0, err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return 0, err
	}
	target := filepath.Join(out, name(dir)+".wasm")
	if err := os.WriteFile(target+".new", packed, 0o644); err != nil {
		return 0, err
	}
	return len(packed), os.Rename(target+".new", target)
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
