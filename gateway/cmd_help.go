package main

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/terminal"
)

// HelpCmd shows the help of a command, or a topic that belongs to none.
type HelpCmd struct {
	Topic []string `arg:"" optional:"" help:"Command, or one of: exit-codes, search, statuses."`
}

// Run prints the topic, or the command's own help.
func (c *HelpCmd) Run(g *Globals, k *kong.Context) error {
	switch strings.Join(c.Topic, " ") {
	case "exit-codes":
		fmt.Print(exitCodeHelp)
		return nil
	case "search":
		return searchHelp(g.screen())
	case "statuses":
		return statusHelp(g.screen())
	}
	var cli CLI
	help, err := kong.New(&cli, append(kongOptions(), kong.Exit(func(int) {}))...)
	if err != nil {
		return err
	}
	if _, err := kong.Trace(help, c.Topic); err != nil {
		return err
	}
	node, rest := help.Model.Node, c.Topic
	for len(rest) > 0 {
		next := child(node, rest[0])
		if next == nil {
			return usageError{fmt.Sprintf("there is no command or topic %q", strings.Join(c.Topic, " ")), "see: weir --help; topics are exit-codes, search, statuses"}
		}
		node, rest = next, rest[1:]
	}
	_, err = help.Parse(append(c.Topic, "--help"))
	_ = err // printing help ends parsing; what is missing for a run does not matter
	return nil
}

func child(n *kong.Node, name string) *kong.Node {
	for _, c := range n.Children {
		if c.Name == name && c.Type == kong.CommandNode {
			return c
		}
	}
	return nil
}

const exitCodeHelp = `Exit codes of weir:

   0  done
   1  error; standard error says what failed and what to do
   2  "weir fmt --check" found a file that is not in the usual layout, or
      "weir plugin update --dry-run" something to update
   3  nothing matches: the search is empty, or no message has this ID
  64  the command line is wrong
`

// helpWithFooter prints kong's help and, below that of weir itself, where the
// rest is.
func helpWithFooter(o kong.HelpOptions, k *kong.Context) error {
	if err := kong.DefaultHelpPrinter(o, k); err != nil {
		return err
	}
	if k.Selected() == nil {
		_, err := fmt.Fprint(k.Stdout, "\nExit codes: 0 ok, 1 error, 2 changes found, 3 no match, 64 usage.\n")
		return err
	}
	return nil
}

func statusHelp(s *terminal.Screen) error {
	p := story{s: s}
	for _, st := range mail.Statuses() {
		const width = 20 // the longest status and two
		p.hang(s.Paint(statusStyle(string(st)), terminal.Pad(string(st), width)), width, statusMeaning(string(st)))
	}
	fmt.Fprint(s, markHelp)
	return nil
}

// markHelp explains the icons of rows that are not delivered (B109).
const markHelp = `
In lists of the log, a mark says why a row is not delivered:
  .  queued: no attempt has failed yet
  ~  deferring: at least one attempt has failed; it is tried again
  !  failed: it will not be delivered by itself
  ?  held briefly for more filtering; "weir queue deliver" lets it go at once
`

func searchHelp(s *terminal.Screen) error {
	fmt.Fprint(s, searchHelpText)
	p := story{s: s}
	for _, f := range query.Fields() {
		p.hang(s.Paint(terminal.Bold, terminal.Pad(f.Name, 18))+terminal.Pad(string(f.Type), 8), 26, f.Doc)
	}
	return nil
}
