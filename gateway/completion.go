package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// completionNode is a command with what may follow it.
type completionNode struct {
	path  string   // "", "queue", "queue retry"
	words []string // commands and flags
	help  map[string]string
	files bool // arguments are files
}

// completionTree flattens the command line into nodes, the root first.
func completionTree(app *kong.Application) []completionNode {
	var out []completionNode
	var walk func(n *kong.Node, path string, inherited []*kong.Flag)
	walk = func(n *kong.Node, path string, inherited []*kong.Flag) {
		node := completionNode{path: path, help: map[string]string{}}
		flags := append(slices.Clone(inherited), n.Flags...)
		for _, c := range n.Children {
			if !c.Hidden {
				node.words = append(node.words, c.Name)
				node.help[c.Name] = c.Help
			}
		}
		for _, f := range flags {
			if !f.Hidden {
				node.words = append(node.words, "--"+f.Name)
				node.help["--"+f.Name] = f.Help
			}
		}
		for _, p := range n.Positional {
			node.files = node.files || p.Name == "path" || p.Name == "file"
		}
		out = append(out, node)
		for _, c := range n.Children {
			if !c.Hidden {
				walk(c, strings.TrimSpace(path+" "+c.Name), flags)
			}
		}
	}
	walk(app.Node, "", nil)
	return out
}

// writeBashCompletion writes a function that finds the longest command that
// the words so far spell and offers what may follow it.
func writeBashCompletion(w io.Writer, nodes []completionNode) error {
	var b strings.Builder
	b.WriteString(`# bash completion for weir; load it with: source <(weir completion bash)
_weir() {
  local cur="${COMP_WORDS[COMP_CWORD]}" path="" word i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="${COMP_WORDS[i]}"
    case "${path:+$path }$word" in
`)
	for _, n := range nodes[1:] {
		fmt.Fprintf(&b, "      %q) path=%q ;;\n", n.path, n.path)
	}
	b.WriteString("    esac\n  done\n  case \"$path\" in\n")
	for _, n := range nodes {
		fmt.Fprintf(&b, "    %q) COMPREPLY=($(compgen %s-W %q -- \"$cur\")) ;;\n", n.path, map[bool]string{true: "-f "}[n.files], strings.Join(n.words, " "))
	}
	b.WriteString("  esac\n}\ncomplete -o bashdefault -o default -F _weir weir\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// writeZshCompletion uses the function for bash, which zsh can run.
func writeZshCompletion(w io.Writer, nodes []completionNode) error {
	if _, err := io.WriteString(w, "# zsh completion for weir; load it with: source <(weir completion zsh)\nautoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n"); err != nil {
		return err
	}
	return writeBashCompletion(w, nodes)
}

// writeFishCompletion writes one line for each word of each command.
func writeFishCompletion(w io.Writer, nodes []completionNode) error {
	var b strings.Builder
	b.WriteString(`# fish completion for weir; load it with: weir completion fish | source
function __weir_path
  set -l path ""
  for word in (commandline -opc)[2..]
    switch (string trim "$path $word")
`)
	for _, n := range nodes[1:] {
		fmt.Fprintf(&b, "      case %s\n        set path %s\n", fishQuote(n.path), fishQuote(n.path))
	}
	b.WriteString("    end\n  end\n  echo $path\nend\n")
	for _, n := range nodes {
		cond := fmt.Sprintf(`'test "$(__weir_path)" = "%s"'`, n.path)
		if !n.files {
			fmt.Fprintf(&b, "complete -c weir -n %s -f\n", cond)
		}
		for _, word := range n.words {
			kind, name := "-a", word
			if flag, ok := strings.CutPrefix(word, "--"); ok {
				kind, name = "-l", flag
			}
			fmt.Fprintf(&b, "complete -c weir -n %s %s %s -d %s\n", cond, kind, fishQuote(name), fishQuote(n.help[word]))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func fishQuote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}
