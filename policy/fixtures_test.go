package policy

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"testing"

	"github.com/mailweir/weir/sdk/abi/manifest"
)

// testManifests are plugins that fixtures use.
func testManifests(_ Gateway, p Plugin) (*manifest.Manifest, error) {
	source := p.Source
	rule := func(more ...manifest.Attr) manifest.Block {
		b := manifest.Block{}
		for _, n := range []string{"sender", "sender_domain", "recipient", "client", "helo", "subject", "attachment_name", "attachment_type", "list"} {
			a := manifest.Attr{Name: n, Type: "list(string)"}
			if n == "list" {
				a.Grant, a.Names = "lists", "list"
			}
			b.Attrs = append(b.Attrs, a)
		}
		b.Attrs = append(b.Attrs, manifest.Attr{Name: "header", Type: "map(string)"}, manifest.Attr{Name: "reason", Type: "string"})
		b.Attrs = append(b.Attrs, more...)
		return b
	}
	switch filepath.Base(strings.TrimPrefix(source, builtin)) {
	case "rules":
		return &manifest.Manifest{Name: "rules", Grants: []manifest.Grant{{Kind: "lists", Reason: "named lists"}}, Config: manifest.Block{Blocks: []manifest.BlockType{
			{Name: "allow", Labels: []string{"name"}, Block: rule(manifest.Attr{Name: "waive", Type: "list(string)", Default: []any{"*"}})},
			{Name: "block", Labels: []string{"name"}, Block: rule(manifest.Attr{Name: "class", Type: "string", Default: "list/sender"},
				manifest.Attr{Name: "override", Type: "bool"}, manifest.Attr{Name: "action", Type: "string", OneOf: []string{"reject", "quarantine"}})},
		}}}, nil
	case "stall":
		return &manifest.Manifest{Name: "stall", Config: manifest.Block{Attrs: []manifest.Attr{
			{Name: "causes", Type: "list(string)", OneOf: []string{"encrypted-archive", "encrypted-document", "macro", "tracking", "unreadable"}},
			{Name: "max_depth", Type: "number", Default: 4.0},
		}}}, nil
	case "typed":
		return &manifest.Manifest{Name: "typed", Config: manifest.Block{
			Attrs: []manifest.Attr{{Name: "key", Type: "string", Required: true, Doc: "The key"}, {Name: "wait", Type: "duration", Default: "15m"},
				{Name: "size", Type: "bytes"}, {Name: "shape", Type: "object({ a = number, b = optional(string) })"}},
			Blocks: []manifest.BlockType{{Name: "server", Min: 1, Max: 2, Block: manifest.Block{Attrs: []manifest.Attr{{Name: "host", Type: "string"}}}}},
		}}, nil
	case "hook":
		return &manifest.Manifest{Name: "hook", Hooks: []string{"action", "message"},
			Config: manifest.Block{Attrs: []manifest.Attr{{Name: "url", Type: "string", Default: "none"}}},
			Actions: []manifest.Action{
				{Name: "post", Params: []manifest.Attr{{Name: "text", Type: "string", Required: true, Doc: "What to post"}, {Name: "tries", Type: "number", Default: 3.0},
					{Name: "level", Type: "string", OneOf: []string{"info", "alert"}}, {Name: "wait", Type: "duration"}, {Name: "to", Type: "list(string)"}}},
				{Name: "unlock", Params: []manifest.Attr{{Name: "password", Type: "string", Secret: true}}},
			}}, nil
	case "needy.wasm":
		return &manifest.Manifest{Name: "needy", Grants: []manifest.Grant{{Kind: "dns", Reason: "it looks up block lists"}}}, nil
	case "missing.wasm":
		return nil, errors.New("no module at ./missing.wasm; build it")
	}
	return nil, nil
}

func noEnviron(string) (string, bool) { return "", false }

var testOptions = Options{Manifests: testManifests, Environ: noEnviron}

var expectation = regexp.MustCompile(`# ERROR: ([^#\n]+)`)

// expected reads the expectations of a fixture: "line: summary".
func expected(src []byte) []string {
	var out []string
	for i, line := range strings.Split(string(src), "\n") {
		for _, m := range expectation.FindAllStringSubmatch(line, -1) {
			out = append(out, fmt.Sprintf("%d: %s", i+1, strings.TrimSpace(m[1])))
		}
	}
	sort.Strings(out)
	return out
}

func TestBadConfigs(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.hcl")
	if err != nil || len(files) < 45 {
		t.Fatalf("%d fixtures, %v", len(files), err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".hcl"), func(t *testing.T) {
			src, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			p, diags := Load(name, testOptions)
			if p != nil {
				t.Error("a policy came out")
			}
			var got []string
			for _, d := range diags {
				if d.Subject == nil {
					t.Errorf("no place: %s", d.Error())
					continue
				}
				got = append(got, fmt.Sprintf("%d: %s", d.Subject.Start.Line, d.Summary))
				if d.Detail == "" || !strings.ContainsAny(d.Detail[len(d.Detail)-1:], ".?)") {
					t.Errorf("no remedy: %q", d.Detail)
				}
			}
			sort.Strings(got)
			if want := expected(src); strings.Join(got, "\n") != strings.Join(want, "\n") {
				var b bytes.Buffer
				if err := WriteDiagnostics(&b, nil, diags, 80, false); err != nil {
					t.Error(err)
				}
				t.Errorf("got\n  %s\nwant\n  %s\n\n%s", strings.Join(got, "\n  "), strings.Join(want, "\n  "), b.String())
			}
		})
	}
}

// TestRemedies checks what a diagnostic says beyond its place.
func TestRemedies(t *testing.T) {
	for name, want := range map[string]string{
		"unknown_block":                 `Did you mean "listener"?`,
		"unknown_attribute":             `Did you mean "hostname"?`,
		"unknown_plugin":                `Did you mean "rules"?`,
		"unknown_ruleset":               `Did you mean "baseline"?`,
		"unknown_retry":                 `Did you mean "standard"?`,
		"unknown_local":                 `Did you mean "hosts"?`,
		"unknown_variable":              `Did you mean "backend"?`,
		"unknown_function":              `Did you mean "split"?`,
		"do_unknown":                    `Did you mean "reject"?`,
		"for_each_field":                `Did you mean "domains"?`,
		"for_each_plan":                 `No ruleset "gold" is declared`,
		"when_field_misspelt":           `Did you mean "main"?`,
		"when_variable_misspelt":        `Did you mean "score"?`,
		"config_unknown_attribute":      `Did you mean "sender_domain"?`,
		"config_one_of":                 `Did you mean "encrypted-archive"?`,
		"plugin_grant_unknown":          `Did you mean "dial"?`,
		"plugin_grant_entries":          `"hooks.acme.test" is not usable`,
		"plugin_grant_without_list":     `http = ["https://hooks.example.com/weir/"]`,
		"config_needs_grant":            `grant { lists = true }`,
		"plugin_on_error_stage":         `Did you mean "message"?`,
		"encrypted_misspelt":            `Did you mean "stall"?`,
		"plugin_as_string":              `Write plugin.rules without quotes`,
		"domain_twice":                  `belongs to tenant "acme" at testdata/bad/domain_twice.hcl:6`,
		"tenant_twice":                  `testdata/bad/tenant_twice.hcl:6`,
		"tenant_twice_from_data":        `testdata/bad/tenant_twice_from_data.hcl:6`,
		"listener_twice":                `testdata/bad/listener_twice.hcl:6`,
		"listeners_share_an_address":    `listener "a" at testdata/bad/listeners_share_an_address.hcl:6`,
		"cyclic_locals":                 `local.a → local.b → local.c → local.a`,
		"duration_without_unit":         `"15m"`,
		"tls_file_missing":              `testdata/bad/nowhere.pem`,
		"lifetime_longer_than_schedule": `ends after 4d`,
	} {
		_, diags := Load("testdata/bad/"+name+".hcl", testOptions)
		if len(diags) == 0 || !strings.Contains(diags[0].Detail, want) {
			t.Errorf("%s: want %s in %v", name, want, diags)
		}
	}
}
