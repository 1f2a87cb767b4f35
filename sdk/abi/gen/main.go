// Command gen writes the Go codec and the golden vectors of the ABI from
// weir1.schema. It is run by go generate in sdk/abi and is no part of a build.
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
	files := map[string][]byte{}
	for name, make := range map[string]func(*schema) ([]byte, error){
		"abi_gen.go":            goCode,
		"abi_gen_test.go":       goTestTable,
		"testdata/vectors.json": goldenVectors,
	} {
		if files[name], err = make(s); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return files, nil
}
