// Command gen writes the codecs of the ABI in Go, Rust, AssemblyScript and C, and
// the golden vectors, from weir1.schema. It is run by go generate in sdk/abi and
// is no part of a build.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := run("."); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(dir string) error {
	files, err := generate(filepath.Join(dir, "weir1.schema"))
	if err != nil {
		return err
	}
	for name, b := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// generate gives the generated files by their path in sdk/abi.
func generate(path string) (map[string][]byte, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	s, err := parse(string(src))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	dir := filepath.Dir(path)
	files := map[string][]byte{}
	for name, make := range map[string]func(*schema) ([]byte, error){
		"abi_gen.go":                        goCode,
		"abi_gen_test.go":                   goTestTable,
		"testdata/vectors.json":             goldenVectors,
		"../rust/src/abi.rs":                rustCode,
		"../assemblyscript/assembly/abi.ts": asCode,
		"../c/weir.h":                       cHeader(filepath.Join(dir, "../c/weir.h")),
		// In the conformance guests: a record's codec by the record's name.
		"../conformance/go/recode_gen.go":                  goRecode,
		"../conformance/rust/src/recode.rs":                rustRecode,
		"../conformance/assemblyscript/assembly/recode.ts": asRecode,
	} {
		if files[name], err = make(s); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return files, nil
}
