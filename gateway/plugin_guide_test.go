package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mailweir/weir/sdk/abi"
	"github.com/mailweir/weir/sdk/abi/manifest"
)

func pluginGuide(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("docs", "plugin-author.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// langFlag is the language of a new project in a command of the guide.
var langFlag = regexp.MustCompile(`plugin new (\S+) --lang (\w+)`)

// TestPluginGuideCommands runs the guide's commands in their order, in an
// empty folder, without the network. A language whose compiler is missing is
// left out.
func TestPluginGuideCommands(t *testing.T) {
	if raceDetector {
		t.Skip("the scripts have looked for races")
	}
	steps := stepsOf(t, filepath.Join("docs", "plugin-author.md"), "")
	if len(steps) < 20 {
		t.Fatalf("%d commands; are they still in sh blocks?", len(steps))
	}
	script := "registry\n"
	missing := map[string]string{} // project: language
	for _, s := range steps {
		project, language := "", ""
		if m := langFlag.FindStringSubmatch(s.command); m != nil {
			if project, language = m[1], m[2]; !buildsIn(language) {
				missing[project] = language
			}
		}
		if words := strings.Fields(s.command); len(words) > 3 && missing[words[3]] != "" {
			t.Logf("left out, for want of a compiler: %s", s.command)
			continue
		}
		script += fmt.Sprintf("step %s %s\n", quote(s.command), quote(s.shows))
		if language == "as" {
			script += "node_modules " + project + "\n"
		}
	}
	if missing["shout"] != "" {
		t.Skip("the guide's first plugin is in Go")
	}
	file := filepath.Join(t.TempDir(), "guide.txt")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	commands := pluginCommands()
	commands["step"] = func(ts *testscript.TestScript, _ bool, args []string) {
		line := strings.ReplaceAll(args[0], "registry.example.com", ts.Getenv("REGISTRY"))
		err := ts.Exec("sh", "-c", line+" 2>&1")
		out := ts.ReadFile("stdout")
		if err != nil || !strings.Contains(out, args[1]) {
			ts.Fatalf("%s does not show %q: %v\n%s", line, args[1], err, out)
		}
	}
	testscript.Run(t, testscript.Params{Files: []string{file}, Setup: prepare, Cmds: commands})
}

// TestPluginGuideIsComplete: what there is, the guide names.
func TestPluginGuideIsComplete(t *testing.T) {
	guide := pluginGuide(t)
	names := func(what string, words ...string) {
		t.Helper()
		for _, w := range words {
			if !strings.Contains(guide, w) {
				t.Errorf("the guide does not name %s %s", what, w)
			}
		}
	}
	for _, h := range abi.HostCalls {
		names("the host call", "`"+h.Name+"("+h.Params+")")
	}
	for s := abi.StageConnect; s <= abi.StageAction; s++ {
		names("the stage", "`"+s.String()+"`")
	}
	for a := abi.ActionContinue; a <= abi.ActionDisconnect; a++ {
		names("the action", "`"+a.String()+"`")
	}
	for _, k := range manifest.GrantKinds {
		names("the grant", "| `"+k+"` |")
	}
	for _, ty := range manifest.Types {
		names("the type", "`"+ty+"`")
	}
	for i, block := range strings.Split(guide, "```") {
		text, ok := strings.CutPrefix(block, "hcl\n")
		if i%2 == 0 || !ok {
			continue
		}
		if _, diags := hclparse.NewParser().ParseHCL([]byte(text), "guide"); diags.HasErrors() {
			t.Errorf("%v\n%s", diags, text)
		}
	}
}
