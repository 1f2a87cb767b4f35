package toolchain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mailweir/weir/sdk/abi/manifest"
)

// guest is testdata/guest, packed once per run.
var guest = sync.OnceValues(func() ([]byte, error) {
	p, err := Open(filepath.Join("testdata", "guest"))
	if err != nil {
		return nil, err
	}
	return p.Pack(context.Background())
})

// tester has one folder of compiled code for all tests.
var shared = sync.OnceValues(func() (*Tester, error) {
	b, err := guest()
	if err != nil {
		return nil, err
	}
	return NewTester(b)
})

func TestMain(m *testing.M) {
	code := m.Run()
	if t, err := shared(); err == nil {
		t.Close()
	}
	os.Exit(code)
}

func newTester(t testing.TB) *Tester {
	t.Helper()
	s, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return &Tester{Manifest: s.Manifest, Module: s.Module, cache: s.cache}
}

func scenarios(t testing.TB, x *Tester, files ...string) []*Scenario {
	t.Helper()
	scs, err := ReadScenarios(x.Manifest, files...)
	if err != nil {
		t.Fatal(err)
	}
	return scs
}

// written reads scenarios from a text.
func written(t testing.TB, x *Tester, text string) []*Scenario {
	t.Helper()
	name := filepath.Join(t.TempDir(), "x.weirtest.hcl")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return scenarios(t, x, name)
}

func message(do string) string {
	return fmt.Sprintf("mail {\nmessage = \"X-Do: %s\\n\\nhello\"\n", do)
}

func TestScenariosComeTrue(t *testing.T) {
	x := newTester(t)
	files, err := Scenarios(filepath.Join("testdata", "guest"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	for _, sc := range scenarios(t, x, files...) {
		t.Run(sc.Name, func(t *testing.T) {
			r, err := x.Run(context.Background(), sc)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range r.Mismatches {
				t.Error(m)
			}
			if t.Failed() {
				for _, v := range r.Views() {
					t.Log(v)
				}
			}
		})
	}
}

// TestScenariosDoNot: each of these says something that is not so, and that is
// noticed, with its line.
func TestScenariosDoNot(t *testing.T) {
	x := newTester(t)
	for _, c := range []struct{ name, text, want string }{
		{"a finding nobody expected", message("find") + "}", `a finding that was not expected`},
		{"a finding that is not there", message("") + `expect "message" { findings = ["spam/test"] }` + "\n}", ":4: mail, stage message: finding\n    want  \"spam/test\"\n    have  none"},
		{"one of two findings", message("find find") + `expect "message" { findings = ["spam/test"] }` + "\n}", "not expected"},
		{"a score", message("find") + "expect \"message\" {\nfinding \"spam/test\" {\nscore = 3\n}\n}\n}", ":6: mail, stage message: finding \"spam/test\": score\n    want  3\n    have  2.5"},
		{"a pattern", message("find") + "expect \"message\" {\nfinding \"spam/test\" {\nexplanation = \"/^told/\"\n}\n}\n}", "explanation"},
		{"an action", message("edit") + "}", "action\n    want  continue\n    have  redirect"},
		{"edits", message("edit") + "}", "edits\n    want  none\n    have  [\"add X-Spam: yes\", \"remove Subject\"]"},
		{"part edits", message("edit") + "}", "part_edits"},
		{"a waiver", message("edit") + "}", "waivers"},
		{"a hold", message("hold") + "}", "hold_reason"},
		{"a failure", message("fail") + "}", "the call failed\n    want  a verdict\n    have  result: "},
		{"no failure", message("") + "expect \"message\" { fails = \"/x/\" }\n}", "the call shall fail"},
		{"another failure", message("crash") + "expect \"message\" { fails = \"/told to fail/\" }\n}", "failed otherwise"},
		{"a stage that is not reached", "mail {\nrecipients = [\"nobody@x.test\"]\nexpect \"rcpt_to\" { action = \"reject\" }\nexpect \"message\" {}\n}", "stage message was not reached"},
		{"a recipient that is not there", "mail {\nexpect \"rcpt_to\" {\nrecipient = \"a@b.test\"\n}\n}", "not reached for a@b.test"},
		{"kv", message("kv") + "effects { kv = { seen = \"2\" } }\nexpect \"message\" { tags = [\"seen 1\"] }\n}", "want  seen = 2\n    have  seen = 1"},
		{"log", "queued {\neffects { log = [\"nothing\"] }\n}", "log\n    want  nothing\n    have  info: queued"},
		{"counters", "queued {\neffects { counters = { queued = \"2\" } }\n}", "counters\n    want  queued = 2\n    have  queued = 1"},
		{"nothing was sent", message("") + "effects { requests = [\"POST https://hooks.test/x\"] }\n}", "requests"},
		{"nothing was scheduled", "schedule \"ring\" {}", "the plugin has scheduled nothing"},
		{"a server that hears something else", "mail {\nmessage = \"X-Do: dial\\n\\n\"\nexpect \"message\" { tags = [\"\"] }\n}\n}\nscenario \"y\" {\nconnection \"127.0.0.1:3310\" {\nturn {\nwants = \"HELO\"\n}\n}\nmail {\nmessage = \"X-Do: dial\\n\\n\"\nexpect \"message\" { tags = [\"\"] }\n}", `connection 127.0.0.1:3310`},
		{"a golden file that is not there", "mail {\ngolden = \"none.json\"\n}", "make it with --update"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var all []string
			for _, sc := range written(t, x, "scenario \"x\" {\n"+c.text+"\n}\n") {
				r, err := x.Run(context.Background(), sc)
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range r.Mismatches {
					all = append(all, m.String())
				}
			}
			if got := strings.Join(all, "\n"); !strings.Contains(got, c.want) {
				t.Errorf("it says\n%s\nand not %q", got, c.want)
			}
		})
	}
}

// TestScenarioMistakes: what makes no sense is a diagnostic, never a scenario
// that tests less than it seems to.
func TestScenarioMistakes(t *testing.T) {
	x := newTester(t)
	for _, c := range []struct{ text, want string }{
		{`scenario "x" {}`, "Nothing happens"},
		{`scenario {}`, "one label"},
		{`scenari "x" {}`, `no block "scenari"`},
		{"scenario \"x\" {\nmail { subjct = \"y\" }\n}", `no attribute "subjct"`},
		{"scenario \"x\" {\nmail {\nexpect \"data\" {}\n}\n}", "no hook for stage data"},
		{"scenario \"x\" {\nmail {\nexpect \"massage\" {}\n}\n}", "is no stage"},
		{"scenario \"x\" {\nmail {\nexpect \"message\" { acton = \"reject\" }\n}\n}", `no attribute "acton"`},
		{"scenario \"x\" {\nmail {\nexpect \"message\" { action = \"rejct\" }\n}\n}", "is no action"},
		{"scenario \"x\" {\nmail {\nexpect \"message\" {}\nexpect \"message\" {}\n}\n}", "already"},
		{"scenario \"x\" {\nmail {\nexpect \"message\" { text = \"/[/\" }\n}\n}", "missing closing"},
		{"scenario \"x\" {\nmail {}\nmail { stages = [\"helo\"] }\n}", "no hook for stage helo"},
		{"scenario \"x\" {\nmail { message_file = \"none.eml\" }\n}", "no file none.eml"},
		{"scenario \"x\" {\nconfig { wrds = [] }\nmail {}\n}", "wrds"},
		{"scenario \"x\" {\ngrant { root = true }\nmail {}\n}", "does not ask for a grant"},
		{"scenario \"x\" {\ngrant { kv = false }\nmail {}\n}", "is not optional"},
		{"scenario \"x\" {\naction \"dance\" {}\n}", "offers no action"},
		{"scenario \"x\" {\naction \"let_go\" {}\n}", "why"},
		{"scenario \"x\" {\naction \"let_go\" {\nrecord = \"m1\"\nparams { why = \"x\" }\n}\n}", "no record"},
		{"scenario \"x\" {\nhold \"broken\" {}\n}", "held, released, forced"},
		{"scenario \"x\" {\nmail { advance = \"soon\" }\n}", "no duration"},
		{"scenario \"x\" {\nmail {}\n}\nscenario \"x\" {\nmail {}\n}", "already"},
		{`clock = "noon"`, "no time"},
	} {
		name := filepath.Join(t.TempDir(), "x.weirtest.hcl")
		if err := os.WriteFile(name, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := ReadScenarios(x.Manifest, name)
		var bad *ErrScenario
		if !errors.As(err, &bad) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s\n%v, want %q", c.text, err, c.want)
		}
	}
}

func TestGoldenFiles(t *testing.T) {
	x := newTester(t)
	name := filepath.Join(t.TempDir(), "x.weirtest.hcl")
	run := func(do string, update bool) []Mismatch {
		t.Helper()
		text := "scenario \"x\" {\n" + message(do) + "golden = \"g.json\"\n}\n}\n"
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		x.Update = update
		r, err := x.Run(context.Background(), scenarios(t, x, name)[0])
		if err != nil {
			t.Fatal(err)
		}
		return r.Mismatches
	}
	if m := run("find", true); len(m) > 0 {
		t.Error(m)
	}
	if m := run("find", false); len(m) > 0 {
		t.Error(m)
	}
	if m := run("stall", false); len(m) != 1 || !strings.Contains(m[0].What, `-        "class": "spam/test"`) && !strings.Contains(m[0].What, `spam/test`) {
		t.Error(m)
	}
}

// TestChaos: what a plugin swallows is found, and what it copes with is not.
func TestChaos(t *testing.T) {
	x := newTester(t)
	const setup = "list \"block\" {\nentries = [\"ann@sender.test\"]\n}\ndns \"sender.test\" \"MX\" { records = [\"mx\"] }\nhttp \"POST\" \"https://hooks.test/x\" {}\nconnection \"127.0.0.1:3310\" {\nturn {\nreply = \"PONG PONG\"\n}\n}\n"
	for _, c := range []struct{ do, call, what string }{
		{"list", "", ""},
		{"unsure", "", ""},
		{"raw", "", ""},
		{"hasty", "", ""}, // the SDK's reader reads on
		{"kv dns http dial schedule", "", ""},
		{"swallow", "list_lookup", "silently without finding list/block"},
		{"fragile", "list_lookup", "the plugin crashed (trap)"},
	} {
		t.Run(c.do, func(t *testing.T) {
			sc := written(t, x, setup+"scenario \"x\" {\n"+message(c.do)+"}\n}\n")[0]
			r, err := x.Chaos(context.Background(), sc)
			if err != nil {
				t.Fatal(err)
			}
			if r.Sites == 0 || r.Runs < 2*r.Sites || r.Failed == 0 {
				t.Errorf("%+v", r)
			}
			for _, v := range r.Violations {
				if c.call == "" || v.Call != c.call || !strings.Contains(v.What, c.what) {
					t.Error(v)
				}
			}
			for _, v := range r.Violations {
				t.Log(v)
			}
			if c.call != "" && len(r.Violations) != 4 { // unavailable, timeout, not found, denied
				t.Errorf("%d violations", len(r.Violations))
			}
		})
	}
}

func TestBench(t *testing.T) {
	x := newTester(t)
	b, err := x.Bench(context.Background(), written(t, x, "scenario \"x\" {\n"+message("find")+"}\n}\n")[0], 2000)
	if err != nil || !b.OK() || b.Calls < 2000 || b.P50 <= 0 || b.P99 < b.P50 || b.Max < b.P99 || b.Memory < 1<<20 {
		t.Errorf("%+v, %v", b, err)
	}
	b, err = x.Bench(context.Background(), written(t, x, "scenario \"x\" {\n"+message("leak")+"}\n}\n")[0], 2000)
	if err != nil || b.OK() {
		t.Errorf("4 KiB a call are no growth: %+v, %v", b, err)
	}
}

func TestGrowth(t *testing.T) {
	series := func(f func(i int) int64) []int64 {
		var out []int64
		for i := range samples {
			out = append(out, f(i))
		}
		return out
	}
	const mib = 1 << 20
	for _, c := range []struct {
		name  string
		y     []int64
		grows bool
	}{
		{"steady", series(func(int) int64 { return 4 * mib }), false},
		{"one late step", series(func(i int) int64 { return 4*mib + int64(i/60)*mib }), false},
		{"steps that end", series(func(i int) int64 { return 4*mib + int64(min(i, 30)/10)*mib }), false},
		{"a leak", series(func(i int) int64 { return 4*mib + int64(i)*64<<10 }), true},
		{"a leak in steps", series(func(i int) int64 { return 4*mib + int64(i/8)*mib }), true},
		{"thrown away", series(func(i int) int64 { return 4*mib + int64(i%32)*mib }), true},
		{"hardly a leak", series(func(i int) int64 { return 4*mib + int64(i)*64 }), false},
	} {
		if got := growth(c.y, 10_000, 64*mib); (got != "") != c.grows {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

func TestCheck(t *testing.T) {
	module, err := guest()
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	r := Check(ctx, "guest.wasm", module)
	if !r.OK() || len(r.Grants) != 7 || !slices.Contains(r.Imports, "weir1.kv_add") || !slices.Contains(r.Exports, "weir_hook") || len(r.Caps) == 0 {
		t.Errorf("%+v", r)
	}
	for _, want := range []string{"plugin \"guest\" {", "kv = true # x", `http = ["https://`, "# queue", "words ="} {
		if !strings.Contains(strings.Join(strings.Fields(r.Snippet), " "), strings.Join(strings.Fields(want), " ")) {
			t.Errorf("the snippet lacks %q:\n%s", want, r.Snippet)
		}
	}
	with := func(change func(*manifest.Manifest)) *Report {
		t.Helper()
		m, err := manifest.Read(module)
		if err != nil {
			t.Fatal(err)
		}
		change(m)
		b, err := manifest.Append(module, m)
		if err != nil {
			t.Fatal(err)
		}
		return Check(ctx, "guest.wasm", b)
	}
	if r := with(func(m *manifest.Manifest) { m.Grants = m.Grants[1:] }); r.OK() || !strings.Contains(strings.Join(r.Problems, " "), `list_lookup, which needs grant "lists"`) {
		t.Errorf("%q", r.Problems)
	}
	if r := with(func(m *manifest.Manifest) { m.Minor = 99 }); r.OK() || !strings.Contains(r.Problems[0], "needs ABI 1.99") {
		t.Errorf("%q", r.Problems)
	}
	if r := with(func(m *manifest.Manifest) { m.License, m.Config.Attrs[0].Doc = "", "" }); !r.OK() || len(r.Warnings) != 2 {
		t.Errorf("%q, %q", r.Problems, r.Warnings)
	}
	bare, err := manifest.WithoutCustom(module, manifest.Section)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"no manifest": bare, "nothing": nil, "cut short": module[:len(module)/2], "no Wasm": bytes.Repeat([]byte("x"), 100)} {
		if r := Check(ctx, "x", b); r.OK() {
			t.Errorf("%s: no problem", name)
		}
	}
}

func TestOpenSaysWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		if err := write(filepath.Join(dir, name), []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	refuses := func(want string) {
		t.Helper()
		if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	refuses("no manifest.json")
	put("manifest.json", `{"name":"a"}`)
	refuses("version is missing")
	put("manifest.json", `{"name":"a","version":"1","abi":1,"hooks":["message"],"config":{}}`)
	refuses("no source that is known")
	put("a.c", "")
	if p, err := Open(dir); err != nil || p.Language != C || p.ModulePath() != filepath.Join(dir, "a.wasm") {
		t.Error(p, err)
	}
	put("a.go", "")
	refuses("several languages: Go and C")
	t.Setenv("PATH", t.TempDir())
	for _, l := range Languages {
		if l == Rust {
			continue // looks at /usr/bin too
		}
		var missing *MissingTool
		if _, err := (&Project{Dir: dir, Language: l, Manifest: &manifest.Manifest{}}).Build(context.Background()); !errors.As(err, &missing) || !strings.Contains(missing.Remedy(), "apt install") {
			t.Errorf("%s: %v", l, err)
		}
		if Missing(context.Background(), l) == nil {
			t.Error(l)
		}
	}
}

// TestNewProjects: a new project in each language has a test of its own that
// passes, and nothing in it needs the network. (That it is built, packed, tested
// and run is in the scripts of package main.)
func TestNewProjects(t *testing.T) {
	for _, l := range Languages {
		t.Run(string(l), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "my-plugin")
			made, err := New("my-plugin", l, dir)
			if err != nil || !slices.Contains(made, "manifest.json") || !slices.Contains(made, filepath.Join("tests", "my-plugin.weirtest.hcl")) {
				t.Fatal(made, err)
			}
			p, err := Open(dir)
			if err != nil || p.Language != l || p.Manifest.Name != "my-plugin" {
				t.Fatalf("%+v, %v", p, err)
			}
			if _, err := New("my-plugin", l, dir); err == nil {
				t.Error("made over another")
			}
			for _, f := range made {
				b, err := os.ReadFile(filepath.Join(dir, f))
				if err != nil || bytes.Contains(b, []byte("[[.")) || bytes.Contains(b, []byte("no value")) {
					t.Errorf("%s: %v\n%s", f, err, b)
				}
			}
			native(t, l, dir)
		})
	}
	for _, name := range []string{"", "Shout", "a b", "../x", "1a"} {
		if _, err := New(name, Go, t.TempDir()); err == nil {
			t.Errorf("%q is a name", name)
		}
	}
}

// native runs a project's native test.
func native(t *testing.T, l Language, dir string) {
	t.Helper()
	run := func(name string, args ...string) {
		t.Helper()
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("WEIR_CI") != "" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
		c := exec.Command(name, args...)
		c.Dir = dir
		c.Env = append(os.Environ(), "GOPROXY=off", "GOFLAGS=", "GOWORK=off")
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%s %v: %v\n%s", name, args, err, out)
		}
	}
	switch l {
	case Go:
		run("go", "vet", "./...")
		run("go", "test", "./...")
	case Rust:
		run("rustc", "--test", "--edition", "2021", "src/shouting.rs", "-o", "shouting-test")
		run(filepath.Join(dir, "shouting-test"))
	case C:
		run("cc", "-Wall", "-Werror", "-o", "shouting-test", "shouting_test.c")
		run(filepath.Join(dir, "shouting-test"))
	}
}
