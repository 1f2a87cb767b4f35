package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/mailweir/weir/gateway/internal/terminal"
	"github.com/mailweir/weir/gateway/internal/toolchain"
	"github.com/mailweir/weir/policy"
)

// PluginTestCmd plays scenarios.
type PluginTestCmd struct {
	Path      string   `arg:"" optional:"" default:"." help:"The plugin's folder, compiled first, or a packed module; . when absent."`
	Scenario  string   `placeholder:"NAME" help:"Only this scenario."`
	Scenarios []string `placeholder:"FILE" help:"Scenario files; those of the folder (*.weirtest.hcl and tests/*.hcl) when absent."`
	Chaos     bool     `help:"Let each host call fail in turn, in each way, and see that the plugin never answers clean for it."`
	Update    bool     `help:"Write golden files anew."`
	Verbose   bool     `short:"v" help:"Show every verdict, and what the plugin logged."`
}

// tested is a scenario's outcome in JSON.
type tested struct {
	Scenario   string            `json:"scenario"`
	File       string            `json:"file"`
	OK         bool              `json:"ok"`
	Seconds    float64           `json:"seconds"`
	Verdicts   []*toolchain.View `json:"verdicts,omitempty"`
	Mismatches []string          `json:"mismatches,omitempty"`
	Sites      int               `json:"host_calls,omitempty"` // chaos
	Runs       int               `json:"runs,omitempty"`       // chaos
}

// Run plays the scenarios. Exit code 1: something did not go as they say.
func (c *PluginTestCmd) Run(ctx context.Context, g *Globals) error {
	if c.Chaos && c.Update {
		return usageError{"--chaos and --update do not go together", ""}
	}
	t, scs, err := scenariosOf(ctx, g, c.Path, c.Scenarios, c.Scenario)
	if err != nil {
		return err
	}
	defer t.Close() //nolint:errcheck // a temporary folder
	t.Update = c.Update
	s, failed := g.screen(), 0
	for _, sc := range scs {
		var x tested
		if c.Chaos {
			x, err = c.chaos(ctx, t, sc)
		} else {
			x, err = c.play(ctx, t, sc, g)
		}
		if err != nil {
			return err
		}
		if !x.OK {
			failed++
		}
		if g.JSON {
			if err := printJSON(x); err != nil {
				return err
			}
			continue
		}
		word := s.Paint(terminal.Green, "ok    ")
		if !x.OK {
			word = s.Paint(terminal.Red, "FAILED")
		}
		extra := ""
		if c.Chaos {
			extra = fmt.Sprintf(", %s that can fail, %s", count(x.Sites, "host call"), count(x.Runs, "run"))
		}
		fmt.Fprintf(s, "%s  %s (%.2f s%s)\n", word, terminal.Clean(sc.Name), x.Seconds, extra)
		for _, m := range x.Mismatches {
			fmt.Fprintln(s, terminal.CleanLines(m))
		}
	}
	if failed > 0 {
		if !g.JSON {
			fmt.Fprintf(os.Stderr, "weir: %d of %s failed\n", failed, count(len(scs), "scenario"))
		}
		return quiet(exitError)
	}
	if !g.JSON {
		fmt.Fprintf(s, "\n%s ok\n", count(len(scs), "scenario"))
	}
	return nil
}

func (c *PluginTestCmd) play(ctx context.Context, t *toolchain.Tester, sc *toolchain.Scenario, g *Globals) (tested, error) {
	r, err := t.Run(ctx, sc)
	if err != nil {
		return tested{}, err
	}
	x := tested{Scenario: sc.Name, File: sc.File, OK: r.OK(), Seconds: r.Took.Seconds()}
	for _, m := range r.Mismatches {
		x.Mismatches = append(x.Mismatches, m.String())
	}
	if g.JSON {
		x.Verdicts = r.Views()
		return x, nil
	}
	if c.Verbose || !r.OK() {
		for _, v := range r.Views() {
			x.Mismatches = append(x.Mismatches, "        "+v.String())
		}
		for _, l := range r.Log {
			x.Mismatches = append(x.Mismatches, "        log "+l)
		}
	}
	for _, f := range r.Updated {
		x.Mismatches = append(x.Mismatches, "        wrote "+f)
	}
	return x, nil
}

func (c *PluginTestCmd) chaos(ctx context.Context, t *toolchain.Tester, sc *toolchain.Scenario) (tested, error) {
	begin := time.Now()
	r, err := t.Chaos(ctx, sc)
	if err != nil {
		return tested{}, err
	}
	x := tested{Scenario: sc.Name, File: sc.File, OK: len(r.Violations) == 0, Seconds: time.Since(begin).Seconds(), Sites: r.Sites, Runs: r.Runs}
	for _, v := range r.Violations {
		x.Mismatches = append(x.Mismatches, v.String())
	}
	return x, nil
}

// scenariosOf packs a plugin and reads its scenarios.
func scenariosOf(ctx context.Context, g *Globals, path string, files []string, only string) (*toolchain.Tester, []*toolchain.Scenario, error) {
	dir, module, err := moduleOf(ctx, path)
	if err != nil {
		return nil, nil, err
	}
	if len(files) == 0 {
		if files, err = toolchain.Scenarios(dir); err != nil {
			return nil, nil, err
		}
	}
	if len(files) == 0 {
		return nil, nil, failure{"there are no scenarios in " + dir, "write one, such as " + filepath.Join(dir, "tests", "first"+toolchain.ScenarioSuffix)}
	}
	t, err := toolchain.NewTester(module)
	if err != nil {
		return nil, nil, err
	}
	scs, err := toolchain.ReadScenarios(t.Manifest, files...)
	if err != nil {
		return nil, nil, errors.Join(sayScenario(g, err), t.Close())
	}
	if only != "" {
		scs = slices.DeleteFunc(scs, func(sc *toolchain.Scenario) bool { return sc.Name != only })
	}
	if len(scs) == 0 {
		return nil, nil, errors.Join(errNoMatch, t.Close())
	}
	return t, scs, nil
}

// sayScenario prints diagnostics with their source.
func sayScenario(g *Globals, err error) error {
	var bad *toolchain.ErrScenario
	if !errors.As(err, &bad) {
		return err
	}
	s := terminal.NewScreen(os.Stderr, g.Color)
	if err := policy.WriteDiagnostics(s, bad.Files, bad.Diags, s.Width(), s.Color()); err != nil {
		return err
	}
	return quiet(exitError)
}
