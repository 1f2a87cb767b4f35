package policy

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

func TestWriteDiagnostics(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	write(t, dir, "a.hcl", base+"tenant \"acme\" {\n  domains = [\"acme.test\"]\n  inbound {\n    encryptd = \"stall\" # "+strings.Repeat("long ", 30)+"\n  }\n}\n")
	parser := hclparse.NewParser()
	p, diags := Load("a.hcl", Options{Parser: parser})
	if p != nil || len(diags) != 1 {
		t.Fatalf("%v", diags)
	}
	want := `Error: Unknown attribute
  at a.hcl:8:5

     7 │   inbound {
     8 │     encryptd = "stall" # long long long long long long long long long …
       │     ^^^^^^^^

  An inbound block has no attribute "encryptd". Did you mean "encrypted"?
`
	for name, files := range map[string]map[string]*hcl.File{"from_the_parser": parser.Files(), "from_disk": nil} {
		var b bytes.Buffer
		if err := WriteDiagnostics(&b, files, diags, 80, false); err != nil {
			t.Fatal(err)
		}
		if got := b.String(); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
		for _, line := range strings.Split(b.String(), "\n") {
			if n := len([]rune(line)); n > 80 {
				t.Errorf("%s: a line of %d columns: %s", name, n, line)
			}
		}
	}
	var b bytes.Buffer
	if err := WriteDiagnostics(&b, nil, diags, 0, true); err != nil || !strings.Contains(b.String(), "\x1b[1;31mError\x1b[0m") {
		t.Errorf("colour: %q, %v", b.String(), err)
	}
}

func TestWriteDiagnosticsAwkward(t *testing.T) {
	src := "x = \"" + strings.Repeat("a", 200) + "\x1b[31m\" oops\r\n"
	files := map[string]*hcl.File{"a.hcl": {Bytes: []byte(src)}}
	at := func(line, col, n int) *hcl.Range {
		return &hcl.Range{Filename: "a.hcl", Start: hcl.Pos{Line: line, Column: col}, End: hcl.Pos{Line: line, Column: col + n}}
	}
	diags := hcl.Diagnostics{
		{Summary: "far right", Detail: "Fix it.", Subject: at(1, 212, 4)},
		{Summary: "beyond the file", Detail: "Fix it.", Subject: at(99, 1, 1)},
		{Summary: "no such file", Detail: "Fix it.", Subject: &hcl.Range{Filename: "none.hcl", Start: hcl.InitialPos, End: hcl.InitialPos}},
		{Summary: "over several lines", Detail: "Fix it.", Subject: &hcl.Range{Filename: "a.hcl", Start: hcl.Pos{Line: 1, Column: 1}, End: hcl.Pos{Line: 3, Column: 1}}},
		{Summary: "no place", Detail: "Fix it.", Severity: hcl.DiagWarning},
		{Summary: "zero place", Detail: "Fix it.", Subject: at(0, 0, 0)},
	}
	for _, width := range []int{0, 1, 10, 20, 80} {
		var b bytes.Buffer
		if err := WriteDiagnostics(&b, files, diags, width, false); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(b.String(), "\x1b") || strings.Contains(b.String(), "\r") {
			t.Errorf("control characters reach the terminal: %q", b.String())
		}
		if width == 80 && !strings.Contains(b.String(), "oops") {
			t.Errorf("the subject cannot be seen:\n%s", b.String())
		}
	}
}

func TestSuggestions(t *testing.T) {
	for _, c := range []struct {
		given string
		names []string
		want  string
	}{
		{"encryptd", []string{"encrypted", "archive"}, `Did you mean "encrypted"?`},
		{"hsot", []string{"hosts", "host"}, `Did you mean "host"?`},
		{"quarantined", []string{"quarantine", "stall"}, `Did you mean "quarantine"?`},
		{"x", []string{"hosts"}, `The names are hosts; use one of them.`},
		{"x", nil, `There are no names here; remove it.`},
		{strings.Repeat("x", 100), []string{strings.Repeat("y", 100)}, "The names are " + strings.Repeat("y", 100) + "; use one of them."},
	} {
		if got := suggest(c.given, c.names, "names"); got != c.want {
			t.Errorf("%s: %s", c.given, got)
		}
	}
}

func TestFormat(t *testing.T) {
	for in, want := range map[string]string{
		"a  =1\nlonger= 2\n":  "a      = 1\nlonger = 2\n",
		"b {\nx=1\n}\n":       "b {\n  x = 1\n}\n",
		"this is { no hcl = ": "this is { no hcl =",
	} {
		if got := string(Format([]byte(in))); strings.TrimSpace(got) != strings.TrimSpace(want) {
			t.Errorf("%q gives %q", in, got)
		}
	}
	for _, f := range []string{"../config.hcl", "testdata/decide.hcl"} {
		src, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(Format(src), src) {
			t.Errorf("%s is not laid out by weir fmt", f)
		}
	}
}

func TestReferenceIsCurrent(t *testing.T) {
	got, err := os.ReadFile("../gateway/docs/hcl-reference.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, Reference()) {
		t.Error("gateway/docs/hcl-reference.md is out of date; run go generate ./policy")
	}
}

// TestSchema keeps the table sound: every entry documented, defaults valid,
// samples parse and use only names of the language.
func TestSchema(t *testing.T) {
	var walk func(b *blockSpec, path string)
	walk = func(b *blockSpec, path string) {
		if b.doc == "" && b.name != "" {
			t.Errorf("%s has no doc", path)
		}
		seen := map[string]bool{}
		for i := range b.attrs {
			a := &b.attrs[i]
			if a.doc == "" || seen[a.name] || a.required && a.def != "" {
				t.Errorf("%s.%s: no doc, or twice, or needed with a default", path, a.name)
			}
			if (a.kind == kRef || a.kind == kRefs) && language.block(a.ref) == nil {
				t.Errorf("%s.%s refers to nothing", path, a.name)
			}
			seen[a.name] = true
		}
		for _, n := range b.blocks {
			if seen[n.name] {
				t.Errorf("%s.%s is attribute and block", path, n.name)
			}
			walk(n, path+"."+n.name)
		}
		l := &loader{said: map[string]bool{}, broken: map[string]bool{}, read: map[string][]byte{}}
		l.eval(nil, b, nil) // panics on a default that is not valid
	}
	walk(language, "language")
	for _, b := range language.blocks {
		f, diags := hclsyntax.ParseConfig([]byte(b.sample), "sample of "+b.name, hcl.InitialPos)
		if diags.HasErrors() {
			t.Errorf("%v", diags)
			continue
		}
		l := &loader{said: map[string]bool{}, broken: map[string]bool{}}
		root := l.shape(f.Body.(*hclsyntax.Body), &blockSpec{blocks: language.blocks}, hcl.Range{}, hcl.Range{}, "")
		if len(l.diags) > 0 || len(root.blocks[b.name]) != 1 {
			t.Errorf("sample of %s: %v", b.name, l.diags)
		}
	}
}

func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/bad/*.hcl", "testdata/good/*.hcl", "testdata/*.hcl", "../config.hcl"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, n := range names {
			src, err := os.ReadFile(n)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(src)
		}
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		name := filepath.Join(t.TempDir(), "a.hcl")
		if err := os.WriteFile(name, src, 0o600); err != nil {
			t.Fatal(err)
		}
		p, diags := Load(name, testOptions)
		if (p == nil) != diags.HasErrors() {
			t.Errorf("a policy beside errors, or neither: %v", diags)
		}
		var b bytes.Buffer
		if err := WriteDiagnostics(&b, nil, diags, 80, false); err != nil {
			t.Error(err)
		}
		if p == nil {
			return
		}
		fx := &Facts{Sender: "a@b.test", Recipient: "c@d.test", Subject: "\xff", Header: func(string) []string { return []string{"x"} }}
		for _, tenant := range p.Tenants() {
			if d, err := tenant.Decide(Inbound, fx, []Finding{one("spam", "x", "reject")}, nil); err == nil && d.Action == "" {
				t.Error("no action and no error")
			}
		}
	})
}
