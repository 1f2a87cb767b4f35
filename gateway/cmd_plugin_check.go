package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/mailweir/weir/gateway/internal/artifact"
	"github.com/mailweir/weir/gateway/internal/terminal"
	"github.com/mailweir/weir/gateway/internal/toolchain"
	"github.com/mailweir/weir/sdk/abi"
)

// PluginCheckCmd looks at a module.
type PluginCheckCmd struct {
	Path string `arg:"" optional:"" default:"." help:"A packed module, or a plugin's folder, which is compiled first; . when absent."`
}

// Run prints what the module is and asks for. Exit code 1: it would not load.
func (c *PluginCheckCmd) Run(ctx context.Context, g *Globals) error {
	_, module, err := moduleOf(ctx, c.Path)
	if err != nil {
		return err
	}
	r := toolchain.Check(ctx, c.Path, module)
	signers, err := artifact.Signers(module)
	if err != nil {
		r.Problems = append(r.Problems, err.Error())
	}
	for _, k := range signers {
		r.Signers = append(r.Signers, string(k))
	}
	return sayReport(g, r, true)
}

// sayReport prints a report; whole tells whether all of it or what is wrong.
func sayReport(g *Globals, r *toolchain.Report, whole bool) error {
	if g.JSON {
		if err := printJSON(r); err != nil {
			return err
		}
	} else {
		p := story{g.screen(), g.view()}
		if whole {
			p.report(r)
		}
		for _, w := range r.Warnings {
			fmt.Fprintln(os.Stderr, "warning: "+terminal.CleanLines(w))
		}
		for _, x := range r.Problems {
			fmt.Fprintln(os.Stderr, "error: "+terminal.CleanLines(x))
		}
	}
	if !r.OK() {
		return quiet(exitError)
	}
	return nil
}

// report prints what a module is.
func (p story) report(r *toolchain.Report) {
	const width = 8 // the digest and it fit 80 columns
	row := func(name, text string) {
		if text != "" {
			p.hang(p.s.Paint(terminal.Bold, terminal.Pad(name, width)), width, terminal.Clean(text))
		}
	}
	if m := r.Manifest; m != nil {
		row("Plugin", m.Name+" "+m.Version)
		row("What", m.Description)
		row("License", m.License)
		row("ABI", fmt.Sprintf("%d.%d", m.ABI, m.Minor))
		row("Hooks", strings.Join(m.Hooks, ", "))
		row("Classes", strings.Join(m.Classes, ", "))
		for _, a := range m.Actions {
			row("Action", a.Name+": "+a.Doc)
		}
	}
	row("Size", octets(int64(r.Size)))
	row("Digest", r.Digest)
	row("Signed", orNobody(r.Signers))
	for _, gr := range r.Grants {
		kind := gr.Kind
		if gr.Optional {
			kind += " (optional)"
		}
		row("Grant", kind+": "+gr.Reason+used(gr.Imports))
	}
	if r.Manifest != nil && len(r.Grants) == 0 {
		row("Grant", "none: it reads the message and answers")
	}
	var calls []string
	wasi := 0
	for _, im := range r.Imports {
		if name, ok := strings.CutPrefix(im, abi.Module+"."); ok {
			calls = append(calls, name)
		} else {
			wasi++
		}
	}
	row("Calls", strings.Join(calls, ", "))
	if wasi > 0 {
		row("WASI", count(wasi, "function"))
	}
	t := terminal.NewTable(terminal.Column{Title: "LIMIT", Min: 12}, terminal.Column{Title: "HAS", Right: true}, terminal.Column{Title: "AT MOST", Right: true}, terminal.Column{Title: "", Right: true})
	for _, c := range r.Caps {
		t.Add(c.Name, fmt.Sprint(c.Have), fmt.Sprint(c.Max), fmt.Sprintf("%d %%", (c.Have*100+c.Max-1)/max(c.Max, 1)))
	}
	if len(r.Caps) > 0 {
		fmt.Fprintln(p.s)
		_ = t.Write(p.s)
	}
	if r.Snippet != "" && r.OK() {
		fmt.Fprintf(p.s, "\n# For the policy:\n\n%s", r.Snippet)
	}
}

func orNobody(keys []string) string {
	if len(keys) == 0 {
		return "nobody"
	}
	return strings.Join(keys, ", ")
}

func used(imports []string) string {
	if len(imports) == 0 {
		return ""
	}
	return " (" + strings.Join(imports, ", ") + ")"
}
