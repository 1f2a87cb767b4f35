package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// commandNamed is a command that a document names in its text, or shows in a block.
var commandNamed = regexp.MustCompile("(?m)(?:`|^)weir ([a-z][^`\n#;]*)")

// TestDocumentsNameCommandsThatThereAre: whatever a document for operators names as
// a command is one, with the flags that it shows.
func TestDocumentsNameCommandsThatThereAre(t *testing.T) {
	var cli CLI
	p, err := kong.New(&cli, kongOptions()...)
	if err != nil {
		t.Fatal(err)
	}
	docs, err := filepath.Glob(filepath.Join("docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, d := range append(docs, filepath.Join("..", "README.md")) {
		b, err := os.ReadFile(d)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range commandNamed.FindAllStringSubmatch(string(b), -1) {
			seen++
			if wrong := notACommand(p.Model.Node, strings.Fields(m[1])); wrong != "" {
				t.Errorf("%s: weir %s: there is no %s", filepath.Base(d), m[1], wrong)
			}
		}
	}
	for _, wrong := range []string{"arkive", "index rebild", "log export --sinze", "serve --colour-of-paint"} {
		if notACommand(p.Model.Node, strings.Fields(wrong)) == "" {
			t.Errorf("weir %s passes", wrong)
		}
	}
	if seen < 100 {
		t.Errorf("only %d commands are named", seen)
	}
}

// notACommand is what of the words after "weir" there is not, "" if all is well.
func notACommand(n *kong.Node, words []string) string {
	flags := map[string]bool{}
	note := func(n *kong.Node) {
		for _, f := range n.Flags {
			flags["--"+f.Name] = true
			flags["--no-"+f.Name] = f.Tag.Negatable != ""
		}
	}
	note(n)
	for len(words) > 0 {
		first, _, _ := strings.Cut(words[0], "|") // one of several
		next := subcommand(n, first)
		if next == nil {
			break
		}
		n, words = next, words[1:]
		note(n)
	}
	if n.Type == kong.ApplicationNode {
		return words[0]
	}
	if n.DefaultCmd != nil {
		note(n.DefaultCmd)
	}
	if takes := n.DefaultCmd != nil && len(n.DefaultCmd.Positional) > 0; !takes && len(n.Children) > 0 && len(words) > 0 && !strings.ContainsAny(words[0][:1], "-…ABCDEFGHIJKLMNOPQRSTUVWXYZ[") {
		return n.Name + " " + words[0]
	}
	for _, w := range words {
		if name, _, _ := strings.Cut(w, "="); flagName.MatchString(name) && !flags[name] {
			return name
		}
	}
	return ""
}

var flagName = regexp.MustCompile(`^--[a-z][a-z-]+$`)

func subcommand(n *kong.Node, name string) *kong.Node {
	for _, c := range n.Children {
		if c.Type == kong.CommandNode && c.Name == name {
			return c
		}
		for _, a := range c.Aliases {
			if a == name {
				return c
			}
		}
	}
	return nil
}
