package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/terminal"
)

// ReloadCmd has the running gateway read its policy anew.
type ReloadCmd struct {
	Check bool `help:"Only have it say what is wrong with the policy on its disk."`
}

// Run reloads. Exit code 1: the policy has errors, and the old one stays.
func (c *ReloadCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	res, err := cl.Reload(ctx, c.Check)
	if err != nil {
		return err
	}
	errors := 0
	for _, d := range res.Diagnostics {
		if d.Severity == "error" {
			errors++
		}
	}
	if g.JSON {
		if err := json.NewEncoder(os.Stdout).Encode(res); err != nil {
			return err
		}
	} else {
		s := terminal.NewScreen(os.Stderr, g.Color)
		for _, d := range res.Diagnostics {
			writeDiagnostic(s, d)
		}
		switch {
		case errors > 0:
			fmt.Fprintf(os.Stderr, "weir: the policy has %s; policy %s stays in force\n", count(errors, "error"), res.Digest)
		case c.Check:
			fmt.Println("the policy on the gateway's disk is ok")
		case !res.Changed:
			fmt.Printf("its files have not changed: policy %s stays in force; plugins are read anew\n", res.Digest)
		default:
			fmt.Printf("policy %s is in force\n", res.Digest)
		}
	}
	if errors > 0 || !c.Check && !res.Reloaded && res.Changed {
		return quiet(exitError)
	}
	return nil
}

// writeDiagnostic shows a diagnostic that came over the API, as weir check
// shows its own.
func writeDiagnostic(s *terminal.Screen, d api.Diagnostic) {
	kind := s.Paint(terminal.Red, "Error")
	if d.Severity == "warning" {
		kind = s.Paint(terminal.Yellow, "Warning")
	}
	fmt.Fprintf(s, "%s: %s\n", kind, s.Paint(terminal.Bold, terminal.Clean(d.Summary)))
	if d.File != "" {
		fmt.Fprintf(s, "  at %s:%d:%d\n", terminal.Clean(d.File), d.Line, d.Column)
		if d.Source != "" {
			line := terminal.Clean(d.Source)
			if w := s.Width(); w > 0 {
				line = terminal.Cut(line, w-9)
			}
			fmt.Fprintf(s, "\n  %4d │ %s\n\n", d.Line, line)
		}
	}
	for _, l := range terminal.Wrap(terminal.Clean(d.Detail), s.Width()-2) {
		fmt.Fprintf(s, "  %s\n", l)
	}
	fmt.Fprintln(s)
}
