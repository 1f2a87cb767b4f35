package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclparse"

	"github.com/mailweir/weir/gateway/internal/artifact"
	"github.com/mailweir/weir/gateway/internal/daemon"
	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/gateway/internal/terminal"
	"github.com/mailweir/weir/policy"
	"github.com/mailweir/weir/sdk/abi/grant"
)

// nameOf is what a module calls itself.
func nameOf(module []byte) (string, error) {
	m, err := filter.ReadManifest(module)
	if err != nil {
		return "", err
	}
	return m.Name, nil
}

// PluginLockCmd locks what is not locked.
type PluginLockCmd struct {
	Var map[string]string `placeholder:"NAME=VALUE" help:"Value of a variable block."`
	registryFlags
}

// Run adds what the lock file lacks and drops what the policy no longer has.
func (c *PluginLockCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	return relock(ctx, g, cl, c.Var, func(old *artifact.Locked, source string) bool { return old == nil }, false)
}

// PluginUpdateCmd locks anew.
type PluginUpdateCmd struct {
	Names  []string          `arg:"" optional:"" name:"name" help:"Plugins to update; all when absent."`
	DryRun bool              `help:"Say what would change, and change nothing; exit code 2 if anything would."`
	Var    map[string]string `placeholder:"NAME=VALUE" help:"Value of a variable block."`
	registryFlags
}

// Run locks the modules that are behind the sources now. A module that asks
// for a grant which the policy does not give is refused.
func (c *PluginUpdateCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	lacking := slices.Clone(c.Names)
	err = relock(ctx, g, cl, c.Var, func(old *artifact.Locked, name string) bool {
		lacking = slices.DeleteFunc(lacking, func(n string) bool { return n == name })
		return len(c.Names) == 0 || slices.Contains(c.Names, name)
	}, c.DryRun)
	if err == nil && len(lacking) > 0 {
		return failure{fmt.Sprintf("the policy has no plugin %s that is not built in", strings.Join(lacking, ", ")), ""}
	}
	return err
}

// loadForSupply reads the policy without its plugins.
func loadForSupply(g *Globals, vars map[string]string) (*policy.Policy, error) {
	if _, err := os.Stat(g.Config); err != nil {
		return nil, failure{fmt.Sprintf("there is no policy at %s", g.Config), "name one with --config"}
	}
	parser := hclparse.NewParser()
	p, diags := policy.Load(g.Config, policy.Options{Vars: vars, Parser: parser})
	if p == nil {
		s := terminal.NewScreen(os.Stderr, g.Color)
		if err := policy.WriteDiagnostics(s, parser.Files(), diags, s.Width(), s.Color()); err != nil {
			return nil, err
		}
		return nil, quiet(exitError)
	}
	return p, nil
}

// lockChange is one line of what lock and update did.
type lockChange struct {
	Plugin string `json:"plugin"`
	What   string `json:"what"` // "locked", "updated", "unchanged", "dropped"
	From   string `json:"from,omitempty"`
	artifact.Locked
	Grants []string `json:"new_grants,omitempty"`
}

// relock makes the lock file of the policy: fresh says of which plugins the
// module behind the source is looked at.
func relock(ctx context.Context, g *Globals, cl *artifact.Client, vars map[string]string, fresh func(old *artifact.Locked, name string) bool, dry bool) error {
	p, err := loadForSupply(g, vars)
	if err != nil {
		return err
	}
	path := artifact.LockPath(g.Config)
	lock, err := artifact.ReadLock(path)
	if err != nil {
		return err
	}
	if err := oneRegistry(cl, p); err != nil {
		return err
	}
	r := daemon.Resolver(g.Config, p.Gateway(), cl)
	var names []string
	var changes []lockChange
	for _, pl := range p.Plugins() {
		if artifact.KindOf(pl.Source) == artifact.Builtin {
			continue
		}
		names = append(names, pl.Name)
		old := lock.Get(pl.Name)
		if !fresh(old, pl.Name) {
			continue
		}
		ch, module, err := lockOne(ctx, r, g.Config, pl, old)
		if err != nil {
			return err
		}
		changes = append(changes, ch)
		if ch.What == "unchanged" || dry {
			continue
		}
		if artifact.Remote(pl.Source) {
			if _, err := r.Store.Put(module); err != nil {
				return err
			}
		}
		lock.Set(ch.Locked)
	}
	for _, gone := range lock.Keep(names) {
		changes = append(changes, lockChange{Plugin: gone, What: "dropped"})
	}
	changed := slices.ContainsFunc(changes, func(c lockChange) bool { return c.What != "unchanged" })
	if changed && !dry {
		if err := lock.Write(path); err != nil {
			return err
		}
	}
	if err := sayChanges(g, changes, path, changed); err != nil {
		return err
	}
	if dry && changed {
		return quiet(exitChanges)
	}
	return nil
}

// oneRegistry keeps a password from registries it is not for.
func oneRegistry(cl *artifact.Client, p *policy.Policy) error {
	var asked []string
	for _, pl := range p.Plugins() {
		if r := artifact.Registry(pl.Source); r != "" && !slices.Contains(asked, r) {
			asked = append(asked, r)
		}
	}
	if cl.Username == "" || len(asked) < 2 {
		return nil
	}
	return usageError{"the policy names several registries, " + strings.Join(asked, " and ") + ", and each would be sent the password", "keep the passwords in docker's configuration (docker login)"}
}

// lockOne looks at the module behind a plugin's source.
func lockOne(ctx context.Context, r *artifact.Resolver, config string, pl policy.Plugin, old *artifact.Locked) (lockChange, []byte, error) {
	w := daemon.Want(pl)
	w.Unlocked = true
	fail := func(err error) (lockChange, []byte, error) {
		return lockChange{}, nil, fmt.Errorf("plugin %q: %w", pl.Name, err)
	}
	module, err := r.Module(ctx, w)
	if err != nil {
		return fail(err)
	}
	m, err := filter.ReadManifest(module)
	if err != nil {
		return fail(err)
	}
	e, err := artifact.Entry(pl.Name, artifact.SourceIn(config, pl.Source), module)
	if err != nil {
		return fail(err)
	}
	ch := lockChange{Plugin: pl.Name, What: "locked", Locked: e}
	var missing, write []string
	for _, gr := range m.Grants {
		if old == nil || !slices.Contains(old.Grants, gr.Kind) {
			ch.Grants = append(ch.Grants, gr.Kind)
		}
		if _, ok := pl.Grants[gr.Kind]; !ok && !gr.Optional {
			missing = append(missing, fmt.Sprintf("%s (%s)", gr.Kind, gr.Reason))
			write = append(write, grant.Example(gr.Kind))
		}
	}
	if len(missing) > 0 {
		return lockChange{}, nil, failure{
			fmt.Sprintf("plugin %q %s asks for a grant that the policy does not give: %s; nothing was locked", pl.Name, m.Version, strings.Join(missing, ", ")),
			fmt.Sprintf("if you agree, write into its block (%s:%d): grant { %s }", pl.Range.Filename, pl.Range.Start.Line, strings.Join(write, "; ")),
		}
	}
	if old != nil {
		ch.What, ch.From = "updated", old.Version
		if old.Digest == e.Digest && old.Source == e.Source {
			ch.What = "unchanged"
		}
	}
	return ch, module, nil
}

func sayChanges(g *Globals, changes []lockChange, path string, changed bool) error {
	for _, ch := range changes {
		if g.JSON {
			if err := printJSON(ch); err != nil {
				return err
			}
			continue
		}
		text := ch.Version
		if ch.What == "updated" {
			text = ch.From + " → " + ch.Version
		}
		if len(ch.Grants) > 0 && ch.What != "unchanged" {
			text += ", asks for " + strings.Join(ch.Grants, ", ")
		}
		fmt.Printf("%-10s %s %s\n", ch.What, ch.Plugin, text)
		if ch.What == "locked" || ch.What == "updated" {
			fmt.Printf("           %s\n", ch.Digest)
		}
	}
	if !g.JSON && !changed {
		fmt.Printf("%s is up to date\n", path)
	}
	return nil
}

// pullAll stores what the policy names and is not stored.
func pullAll(ctx context.Context, g *Globals, cl *artifact.Client) error {
	p, err := loadForSupply(g, nil)
	if err != nil {
		return err
	}
	if err := oneRegistry(cl, p); err != nil {
		return err
	}
	r := daemon.Resolver(g.Config, p.Gateway(), cl)
	n := 0
	for _, pl := range p.Plugins() {
		if !artifact.Remote(pl.Source) {
			continue
		}
		b, err := r.Module(ctx, daemon.Want(pl))
		if err != nil {
			return fmt.Errorf("plugin %q: %w", pl.Name, err)
		}
		n++
		if g.JSON {
			if err := printJSON(map[string]any{"plugin": pl.Name, "source": pl.Source, "digest": artifact.Digest(b)}); err != nil {
				return err
			}
			continue
		}
		fmt.Printf("%s  %s\n", pl.Name, artifact.Digest(b))
	}
	if n == 0 && !g.JSON {
		fmt.Fprintln(os.Stderr, "weir: the policy names no plugin that comes from elsewhere")
	}
	return nil
}
