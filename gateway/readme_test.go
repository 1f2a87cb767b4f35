package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// step is one command of a document, with what its output must show.
type step struct{ command, shows string }

// stepsOf reads the sh blocks of a document below a heading, or of the whole
// for "": in each line a command, and behind " # " what it shows.
func stepsOf(t *testing.T, file, heading string) []step {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	section := string(b)
	if heading != "" {
		_, below, ok := strings.Cut(section, "\n"+heading+"\n")
		if !ok {
			t.Fatalf("%s has no heading %q", file, heading)
		}
		section, _, _ = strings.Cut(below, "\n## ")
	}
	var steps []step
	for i, block := range strings.Split(section, "```") {
		lines, isShell := strings.CutPrefix(block, "sh\n")
		if i%2 == 0 || !isShell {
			continue
		}
		for line := range strings.Lines(lines) {
			if line = strings.TrimSpace(line); line != "" {
				command, shows, ok := strings.Cut(line, " #")
				if !ok {
					t.Errorf("%s: a command without \" # what it shows\": %s", file, line)
				}
				steps = append(steps, step{strings.TrimSpace(command), strings.TrimSpace(shows)})
			}
		}
	}
	return steps
}

// TestReadmeTour takes the tour of the README: what stands behind a command
// must be in its output.
func TestReadmeTour(t *testing.T) {
	takeSteps(t, stepsOf(t, filepath.Join("..", "README.md"), "## Tour"), "")
}

// TestDocumentedCommands runs what the documents show, on a gateway with one
// message delivered, one stalled and one queued.
func TestDocumentedCommands(t *testing.T) {
	const mails = `exec weir send $MESSAGES/clean.eml --server $MX
exec weir send $MESSAGES/encrypted-zip.eml --server $MX
arrived var/sink 2
exec weir sink --maildir var/sink --set defer
exec weir send $MESSAGES/clean.eml --server $MX
`
	for name, before := range map[string]string{
		"operator.md": mails,
		"api.md":      mails,
		"msp.md":      mails,
		"archive.md":  mails,
		"search.md":   mails,
		"exports.md":  mails,
		"metrics.md":  mails,
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := exec.LookPath("curl"); err != nil && name == "api.md" && os.Getenv("WEIR_CI") == "" {
				t.Skip(err)
			}
			takeSteps(t, stepsOf(t, filepath.Join("docs", name), ""), before)
		})
	}
}

// TestPluginGuideShowsTheExample compares the guide's plugin with the one that
// is tested.
func TestPluginGuideShowsTheExample(t *testing.T) {
	guide, err := os.ReadFile(filepath.Join("docs", "plugin-author.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"main.go", "manifest.json", "main_test.go"} {
		b, err := os.ReadFile(filepath.Join("..", "examples", "plugin-shout", name))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(guide), "\n"+string(b)+"```\n") {
			t.Errorf("docs/plugin-author.md does not show examples/plugin-shout/%s as it is", name)
		}
	}
}

// takeSteps runs commands in a folder like the repository's after make build,
// beside a gateway with the repository's policy and a sink.
func takeSteps(t *testing.T, steps []step, before string) {
	t.Helper()
	if !havePlugins() {
		t.Skip("build the plugins with: make plugins")
	}
	if raceDetector {
		t.Skip("the scripts have looked for races")
	}
	if len(steps) == 0 {
		t.Fatal("there are no commands; are they still in sh blocks?")
	}
	policy, err := os.ReadFile(filepath.Join("..", "config.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	script.WriteString("sink start sink --maildir var/sink\nlocalise config.hcl\nbin\ngateway start\n" + before)
	for _, s := range steps {
		fmt.Fprintf(&script, "step %s %s\n", quote(s.command), quote(s.shows))
	}
	// The policy and the script are one archive.
	fmt.Fprintf(&script, "\n-- config.hcl --\n%s", policy)
	file := filepath.Join(t.TempDir(), "steps.txt")
	if err := os.WriteFile(file, []byte(script.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{Files: []string{file}, Setup: prepare, Cmds: documentCommands(t)})
}

// quote makes one word of a script.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// documentCommands are gatewayCommands and
//
//	bin                  make bin/weir and examples, as in the repository after "make build"
//	step COMMAND SHOWS   run a documented command by the shell, and look for what it shows
func documentCommands(t *testing.T) map[string]func(*testscript.TestScript, bool, []string) {
	commands := gatewayCommands(t)
	commands["bin"] = func(ts *testscript.TestScript, _ bool, _ []string) {
		ts.Check(os.Mkdir(ts.MkAbs("bin"), 0o755))
		ts.Check(os.Symlink(weirPath(ts), ts.MkAbs("bin/weir")))
		ts.Check(os.Symlink(ts.Getenv("EXAMPLES"), ts.MkAbs("examples")))
	}
	commands["step"] = func(ts *testscript.TestScript, _ bool, args []string) {
		takeStep(ts, step{args[0], args[1]})
	}
	return commands
}

// changing marks commands that are run once; others are repeated until they
// show what they should, for the log is a moment behind the reply.
var changing = regexp.MustCompile(` (send|retry|force|release|remove|bounce|delete|flush|freeze|thaw|reload|download|--set|--json|-X) `)

// codeFor is the exit code of a command that shows a text.
func codeFor(shows string) int {
	switch {
	case strings.HasPrefix(shows, "550 "):
		return 1
	case strings.HasPrefix(shows, "no "), strings.HasPrefix(shows, "nothing ") && !strings.HasPrefix(shows, "nothing is selected"), shows == "0 recipients match":
		return 3
	}
	return 0
}

// idInCommand stands for an ID that the reader takes from a list.
var idInCommand = regexp.MustCompile(`\bID\b`)

func takeStep(ts *testscript.TestScript, s step) {
	line := strings.ReplaceAll(s.command, "127.0.0.1:8080", ts.Getenv("ADMIN"))
	if strings.Contains(line, "weir send ") {
		line += " --server " + ts.Getenv("MX")
	}
	if idInCommand.MatchString(line) {
		list := []string{"ID", "weir", "log", "search", "--json"}
		for _, name := range []string{"queue", "stalled"} {
			if strings.Contains(line, "weir "+name+" ") {
				list = []string{"ID", "weir", name, "--json"}
			}
		}
		cmdFirst(ts, false, list)
		line = idInCommand.ReplaceAllString(line, ts.Getenv("ID")[:13])
	}
	once := changing.MatchString(line + " ")
	last := ""
	until(ts, line+" shows "+s.shows, func() bool {
		c := exec.Command("sh", "-c", line)
		c.Dir, c.Env = ts.MkAbs("."), environment(ts)
		out, _ := c.CombinedOutput() // the code is looked at
		if c.ProcessState.ExitCode() == codeFor(s.shows) && strings.Contains(string(out), s.shows) {
			ts.Logf("$ %s\n%s", line, out)
			return true
		}
		if string(out) != last { // for who wonders why it is in vain
			last = string(out)
			ts.Logf("not yet: $ %s\n%s", line, out)
		}
		if once {
			ts.Fatalf("%s does not show %q, or has the wrong exit code %d:\n%s", line, s.shows, c.ProcessState.ExitCode(), out)
		}
		return false
	})
}

// TestDocumentLinks: what documents link to in the repository is there.
func TestDocumentLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#\s]+)(#[^)\s]*)?\)`)
	files := []string{filepath.Join("..", "README.md"), filepath.Join("..", "sdk", "README.md")}
	for _, pattern := range []string{"docs/*.md", "../examples/*/README.md", "../plugins/*/README.md"} {
		more, err := filepath.Glob(filepath.FromSlash(pattern))
		if err != nil || len(more) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(more), err)
		}
		files = append(files, more...)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(b), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), filepath.FromSlash(m[1]))); err != nil {
				t.Errorf("%s: a link leads nowhere: %v", file, err)
			}
		}
	}
}
