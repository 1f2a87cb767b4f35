package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/mailweir/weir/gateway/internal/terminal"
	"github.com/mailweir/weir/gateway/internal/toolchain"
)

// PluginAuthorCmds are for whoever writes a plugin. None needs a gateway.
type PluginAuthorCmds struct {
	New   PluginNewCmd   `cmd:"" group:"author" help:"Make a new plugin's project, with a test and the SDK."`
	Build PluginBuildCmd `cmd:"" group:"author" help:"Compile a plugin, without its manifest."`
	Pack  PluginPackCmd  `cmd:"" group:"author" help:"Compile a plugin and add its manifest: what a policy can load."`
	Check PluginCheckCmd `cmd:"" group:"author" help:"Say what a plugin is, asks for and costs, and whether it would load."`
	Test  PluginTestCmd  `cmd:"" group:"author" help:"Play a plugin's scenarios in the real host, under the real limits."`
	Bench PluginBenchCmd `cmd:"" group:"author" help:"Measure time, fuel and memory of a plugin's calls."`
}

// PluginNewCmd makes a project.
type PluginNewCmd struct {
	Name string `arg:"" help:"Name of the plugin: lower-case letters, digits, _ and -."`
	Lang string `required:"" enum:"go,rust,as,c" help:"Language: go, rust, as (AssemblyScript) or c."`
	Dir  string `placeholder:"DIR" help:"Folder to make; ./NAME when absent."`
}

// Run makes the project and says what to do next.
func (c *PluginNewCmd) Run(g *Globals) error {
	dir := c.Dir
	if dir == "" {
		dir = c.Name
	}
	made, err := toolchain.New(c.Name, toolchain.Language(c.Lang), dir)
	if err != nil {
		return err
	}
	if g.JSON {
		return printJSON(map[string]any{"dir": dir, "files": made})
	}
	for _, f := range made {
		fmt.Println(filepath.Join(dir, f))
	}
	fmt.Printf("\nnext: weir plugin test %s\n", dir)
	return nil
}

// PluginBuildCmd compiles.
type PluginBuildCmd struct {
	Dir    string `arg:"" optional:"" default:"." name:"path" help:"The plugin's folder, . when absent."`
	Output string `short:"o" placeholder:"FILE" help:"Where the module goes; DIR/NAME.raw.wasm when absent."`
}

// Run compiles the project.
func (c *PluginBuildCmd) Run(ctx context.Context, g *Globals) error {
	p, err := toolchain.Open(c.Dir)
	if err != nil {
		return err
	}
	code, err := p.Build(ctx)
	if err != nil {
		return err
	}
	out := c.Output
	if out == "" {
		out = filepath.Join(c.Dir, p.Manifest.Name+".raw.wasm")
	}
	if err := toolchain.WriteModule(out, code); err != nil {
		return err
	}
	if g.JSON {
		return printJSON(map[string]any{"module": out, "size": len(code), "language": p.Language})
	}
	fmt.Printf("%s: %s, %s, without a manifest\n", out, p.Language.Title(), octets(int64(len(code))))
	return nil
}

// PluginPackCmd compiles and adds the manifest.
type PluginPackCmd struct {
	Dir    string `arg:"" optional:"" default:"." name:"path" help:"The plugin's folder, . when absent."`
	Module string `placeholder:"FILE" help:"Add the manifest to this module instead of compiling one."`
	Output string `short:"o" placeholder:"FILE" help:"Where the packed module goes; DIR/NAME.wasm when absent."`
}

// Run packs the project and checks the result. Exit code 1: it would not load;
// then nothing is written.
func (c *PluginPackCmd) Run(ctx context.Context, g *Globals) error {
	p, module, err := packed(ctx, c.Dir, c.Module)
	if err != nil {
		return err
	}
	out := c.Output
	if out == "" {
		out = p.ModulePath()
	}
	r := toolchain.Check(ctx, out, module)
	if !r.OK() {
		return sayReport(g, r, false)
	}
	if err := toolchain.WriteModule(out, module); err != nil {
		return err
	}
	if g.JSON {
		return printJSON(r)
	}
	fmt.Printf("%s: %s %s, %s\n%s\n", out, p.Manifest.Name, p.Manifest.Version, octets(int64(len(module))), r.Digest)
	return nil
}

// packed compiles a project, or takes a module that was compiled otherwise,
// and adds the manifest.
func packed(ctx context.Context, dir, module string) (*toolchain.Project, []byte, error) {
	p, err := toolchain.Open(dir)
	if err != nil {
		return nil, nil, err
	}
	if module == "" {
		b, err := p.Pack(ctx)
		return p, b, err
	}
	code, err := os.ReadFile(module)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the module: %w", err)
	}
	b, err := p.Seal(code)
	return p, b, err
}

// moduleOf is the packed module of a folder, compiled now, or of a file.
func moduleOf(ctx context.Context, path string) (dir string, module []byte, err error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "", nil, failure{"there is no " + path, "name a plugin's folder or a packed module"}
	case info.IsDir():
		_, module, err = packed(ctx, path, "")
		return path, module, err
	}
	module, err = os.ReadFile(path)
	return filepath.Dir(path), module, err
}

// PluginBenchCmd measures.
type PluginBenchCmd struct {
	Path      string   `arg:"" optional:"" default:"." help:"The plugin's folder, compiled first, or a packed module; . when absent."`
	Calls     int      `default:"10000" placeholder:"N" help:"Calls of hooks to measure, ${default} when absent; as many go before, to warm up."`
	Scenario  string   `placeholder:"NAME" help:"Only this scenario."`
	Scenarios []string `placeholder:"FILE" help:"Scenario files; those of the folder when absent."`
}

// Run plays each scenario over and over. Exit code 1: memory grows.
func (c *PluginBenchCmd) Run(ctx context.Context, g *Globals) error {
	if c.Calls < 100 {
		return usageError{"--calls is at least 100", ""}
	}
	t, scs, err := scenariosOf(ctx, g, c.Path, c.Scenarios, c.Scenario)
	if err != nil {
		return err
	}
	defer t.Close() //nolint:errcheck // a temporary folder
	table := terminal.NewTable(terminal.Column{Title: "SCENARIO", Min: 16}, terminal.Column{Title: "CALLS", Right: true}, terminal.Column{Title: "P50", Right: true},
		terminal.Column{Title: "P99", Right: true}, terminal.Column{Title: "FUEL/CALL", Right: true}, terminal.Column{Title: "MEMORY", Right: true}, terminal.Column{Title: "GROWTH", Min: 7, End: true})
	var failed error
	for _, sc := range scs {
		b, err := t.Bench(ctx, sc, c.Calls)
		if err != nil {
			return err
		}
		cell := terminal.Cell{Text: "none", Style: terminal.Green}
		if !b.OK() {
			cell = terminal.Cell{Text: b.Growth, Style: terminal.Red}
			failed = quiet(exitError)
		}
		if g.JSON {
			if err := printJSON(b); err != nil {
				return err
			}
			continue
		}
		table.AddCells(plain(b.Scenario), plain(fmt.Sprint(b.Calls)), plain(brief(b.P50)), plain(brief(b.P99)), plain(fmt.Sprint(b.Fuel)), plain(octets(b.Memory)), cell)
	}
	if !g.JSON {
		if err := table.Write(g.screen()); err != nil {
			return err
		}
	}
	return failed
}

// brief is a duration in three digits or so.
func brief(d time.Duration) string {
	switch {
	case d < 10*time.Microsecond:
		return fmt.Sprintf("%.1f µs", float64(d)/1e3)
	case d < time.Millisecond:
		return fmt.Sprintf("%.0f µs", float64(d)/1e3)
	case d < time.Second:
		return fmt.Sprintf("%.1f ms", float64(d)/1e6)
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}
