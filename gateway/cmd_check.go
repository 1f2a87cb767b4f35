package main

import (
	"context"
	"fmt"
	"os"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/daemon"
	"github.com/mailweir/weir/gateway/internal/terminal"
	"github.com/mailweir/weir/policy"
)

// CheckCmd checks a policy without a gateway.
type CheckCmd struct {
	Path string            `arg:"" optional:"" help:"Policy file or folder; --config's when absent."`
	Var  map[string]string `placeholder:"NAME=VALUE" help:"Value of a variable block; outranks WEIR_VAR_NAME."`
}

// summary is the last line of the JSON form; diagnostics stand before it.
type summary struct {
	Path      string `json:"path"`
	OK        bool   `json:"ok"`
	Errors    int    `json:"errors"`
	Tenants   int    `json:"tenants"`
	Plugins   int    `json:"plugins"`
	Listeners int    `json:"listeners"`
}

// Run prints every diagnostic on standard error, or one line that says what
// the policy holds. Exit code 1: it has errors. Nothing is fetched: plugins from
// elsewhere are looked at where they are stored.
func (c *CheckCmd) Run(ctx context.Context, g *Globals) error {
	path := c.Path
	if path == "" {
		path = g.Config
	}
	if _, err := os.Stat(path); err != nil {
		return failure{fmt.Sprintf("there is no policy at %s", path), "name one: weir check PATH"}
	}
	p, diags, files := loadPolicy(ctx, path, c.Var)
	if g.JSON {
		for _, d := range api.Diagnostics(diags, files) {
			if err := printJSON(d); err != nil {
				return err
			}
		}
	} else if err := showDiagnostics(g, diags, files); err != nil {
		return err
	}
	sum := summary{Path: path, OK: p != nil, Errors: len(diags.Errs())}
	if p != nil {
		sum.Tenants, sum.Plugins, sum.Listeners = len(p.Tenants()), len(p.Plugins()), len(p.Listeners())
	}
	if g.JSON {
		if err := printJSON(sum); err != nil {
			return err
		}
	}
	if p == nil {
		if !g.JSON && sum.Errors > 1 {
			fmt.Fprintf(os.Stderr, "\n%s: %s\n", path, count(sum.Errors, "error"))
		}
		return quiet(exitError)
	}
	if !g.JSON {
		fmt.Printf("%s: ok, %s, %s, %s\n", path, count(sum.Tenants, "tenant"),
			count(sum.Plugins, "plugin"), count(sum.Listeners, "listener"))
	}
	return nil
}

// loadPolicy reads a policy as a gateway would, and fetches nothing. The policy
// is nil where there are errors.
func loadPolicy(ctx context.Context, path string, vars map[string]string) (*policy.Policy, hcl.Diagnostics, map[string]*hcl.File) {
	parser := hclparse.NewParser()
	p, diags := policy.Load(path, policy.Options{Vars: vars, Manifests: daemon.Manifests(ctx, path, nil), CheckSearch: daemon.CheckSearch, Columns: api.ExportColumns(), Parser: parser})
	return p, diags, parser.Files()
}

// showDiagnostics prints them on standard error, with the source.
func showDiagnostics(g *Globals, diags hcl.Diagnostics, files map[string]*hcl.File) error {
	s := terminal.NewScreen(os.Stderr, g.Color)
	return policy.WriteDiagnostics(s, files, diags, s.Width(), s.Color())
}

// count is a number with its noun: "1 tenant", "2 tenants".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
