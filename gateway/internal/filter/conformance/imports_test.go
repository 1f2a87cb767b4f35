package conformance

import (
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mailweir/weir/sdk"
	"github.com/mailweir/weir/sdk/abi"
	"github.com/mailweir/weir/sdk/assemblyscript"
	"github.com/mailweir/weir/sdk/c"
	"github.com/mailweir/weir/sdk/rust"
)

// TestEverySDKImportsEveryHostCall reads the declarations: name and types must
// be those of the table, in every language.
func TestEverySDKImportsEveryHostCall(t *testing.T) {
	for _, l := range []struct {
		name   string
		files  fs.FS
		glob   string
		decl   *regexp.Regexp // name, parameters, result
		types  map[string]string
		params func(string) []string // types of the parameters
	}{
		{"go", sdk.Files, "*_wasip1.go", regexp.MustCompile(`//go:wasmimport weir1 (\w+)\nfunc \w+\((.*?)\) ?(\w*)`),
			map[string]string{"unsafe.Pointer": "i", "uint32": "i", "int32": "i", "int64": "l", "uint64": "l"}, goTypes},
		{"rust", rust.Files, "src/host.rs", regexp.MustCompile(`fn (?:r#)?(\w+)\(([^)]*)\)(?: -> (\w+))?;`),
			map[string]string{"*mut u8": "i", "*const u8": "i", "*mut u32": "i", "*mut i64": "i", "u32": "i", "i32": "i", "i64": "l", "u64": "l"}, after(": ")},
		{"assemblyscript", assemblyscript.Files, "assembly/host.ts", regexp.MustCompile(`@external\("weir1", "(\w+)"\) export declare function \w+\(([^)]*)\): (\w+);`),
			map[string]string{"usize": "i", "u32": "i", "i32": "i", "i64": "l", "u64": "l", "void": ""}, after(": ")},
		{"c", c.Files, "weir.h", regexp.MustCompile(`WEIR_IMPORT\((?P<r>\w+), (\w+), ([^)]*)\);`),
			map[string]string{"void *": "i", "const void *": "i", "uint32_t": "i", "int32_t": "i", "uint64_t": "l", "int64_t": "l", "void": ""}, after("")},
	} {
		t.Run(l.name, func(t *testing.T) {
			declared := map[string]string{}
			err := fs.WalkDir(l.files, ".", func(p string, d fs.DirEntry, err error) error {
				if ok, _ := path.Match(l.glob, p); err != nil || d.IsDir() || !ok {
					return err
				}
				b, err := fs.ReadFile(l.files, p)
				for _, m := range l.decl.FindAllStringSubmatch(string(b), -1) {
					name, params, result := m[1], m[2], m[3]
					if l.name == "c" {
						name, params, result = m[2], m[3], m[1]
					}
					var sig []string
					for _, p := range l.params(params) {
						letter, ok := l.types[p]
						if !ok {
							t.Errorf("%s: what is %q?", name, p)
						}
						sig = append(sig, letter)
					}
					declared[name] = strings.Join(sig, "") + ">" + l.types[result]
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range abi.HostCalls {
				if got, want := declared[h.Name], h.Params+">"+h.Results; got != want && !h.Later {
					t.Errorf("%s is declared as %q, want %q", h.Name, got, want)
				}
				delete(declared, h.Name)
			}
			for name := range declared {
				t.Errorf("%s is no host call", name)
			}
		})
	}
}

// after gives what follows a mark in each of a list of parameters.
func after(mark string) func(string) []string {
	return func(list string) []string {
		var out []string
		for _, p := range strings.Split(list, ", ") {
			if i := strings.LastIndex(p, mark); mark != "" && i >= 0 {
				p = p[i+len(mark):]
			}
			if p != "" {
				out = append(out, p)
			}
		}
		return out
	}
}

// goTypes gives the type of each parameter, also where names share one.
func goTypes(list string) []string {
	var out []string
	last := ""
	parts := strings.Split(list, ", ")
	for _, p := range slices.Backward(parts) {
		if _, typ, ok := strings.Cut(p, " "); ok {
			last = typ
		}
		if p != "" {
			out = append(out, last)
		}
	}
	slices.Reverse(out)
	return out
}
