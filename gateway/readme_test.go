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

// stepsOf reads the sh blocks of a document below a heading: in each line a
// command, and behind " # " what it shows.
func stepsOf(t *testing.T, file, heading string) []step {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(b), "\n"+heading+"\n")
	if !ok {
		t.Fatalf("%s has no heading %q", file, heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var steps []step
	for i, block := range strings.Split(section, "```") {
		lines, isShell := strings.CutPrefix(block, "sh\n")
		if i%2 == 0 || !isShell {
			continue
		}
		for line := range strings.Lines(lines) {
			if line = strings.TrimSpace(line); line != "" {
				command, shows, _ := strings.Cut(line, " # ")
				steps = append(steps, step{strings.TrimSpace(command), strings.TrimSpace(shows)})
			}
		}
	}
	return steps
}

// TestReadmeTour takes the tour of the README: what stands behind a command
// must be in its output.
func TestReadmeTour(t *testing.T) {
	if !havePlugins() {
		t.Skip("build the plugins with: make plugins")
	}
	steps := stepsOf(t, filepath.Join("..", "README.md"), "## Tour")
	if len(steps) < 10 {
		t.Fatalf("the tour has %d commands; are they still in sh blocks?", len(steps))
	}
	policy, err := os.ReadFile(filepath.Join("..", "config.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	script.WriteString("sink start sink --maildir var/sink\nlocalise config.hcl\nbin\ngateway start\n")
	for _, s := range steps {
		fmt.Fprintf(&script, "step %s %s\n", quote(s.command), quote(s.shows))
	}
	// The policy and the script are one archive.
	fmt.Fprintf(&script, "\n-- config.hcl --\n%s", policy)
	file := filepath.Join(t.TempDir(), "tour.txt")
	if err := os.WriteFile(file, []byte(script.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{Files: []string{file}, Setup: prepare, Cmds: documentCommands()})
}

// quote makes one word of a script.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// documentCommands are gatewayCommands and
//
//	bin                  make bin/weir and examples, as in the repository after "make build"
//	step COMMAND SHOWS   run a documented command by the shell, and look for what it shows
func documentCommands() map[string]func(*testscript.TestScript, bool, []string) {
	commands := gatewayCommands()
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
var changing = regexp.MustCompile(` (send|retry|force|release|remove|bounce|delete|flush|reload|--set) `)

// codeOf is the exit code of a command that shows a text.
var codeOf = map[string]int{"550 5.7.1 blocked by policy": 1, "nothing waits for delivery": 3}

func takeStep(ts *testscript.TestScript, s step) {
	line := s.command
	if strings.Contains(line, "weir send ") {
		line += " --server " + ts.Getenv("MX")
	}
	if strings.HasSuffix(line, " ID") {
		cmdFirst(ts, false, []string{"ID", "weir", "log", "search", "--json"})
		line = strings.TrimSuffix(line, "ID") + ts.Getenv("ID")[:13]
	}
	once := changing.MatchString(line + " ")
	until(ts, line+" shows "+s.shows, func() bool {
		c := exec.Command("sh", "-c", line)
		c.Dir, c.Env = ts.MkAbs("."), environment(ts)
		out, _ := c.CombinedOutput() // the code is looked at
		if c.ProcessState.ExitCode() == codeOf[s.shows] && strings.Contains(string(out), s.shows) {
			ts.Logf("$ %s\n%s", line, out)
			return true
		}
		if once {
			ts.Fatalf("%s does not show %q, or has the wrong exit code %d:\n%s", line, s.shows, c.ProcessState.ExitCode(), out)
		}
		return false
	})
}
