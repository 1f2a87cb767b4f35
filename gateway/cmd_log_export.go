package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/client"
	"github.com/mailweir/weir/gateway/internal/terminal"
)

// LogExportCmd writes what a search finds: rows for a spreadsheet (B42), or the
// messages themselves (B41).
type LogExportCmd struct {
	Terms  []string `arg:"" optional:"" name:"term" help:"Filter as in \"weir help search\"."`
	Status []string `short:"S" placeholder:"STATUS" help:"One of these statuses; see \"weir help statuses\"."`
	FilterFlags
	Limit   int      `short:"n" help:"Rows or messages at most, the newest; all when absent."`
	Format  string   `enum:"csv,jsonl,zip,mbox," default:"" help:"csv or jsonl list rows, zip or mbox hold messages; csv when absent."`
	Columns []string `short:"f" aliases:"fields" placeholder:"COLUMN" help:"Columns of csv and jsonl, in order; those of a list, and the fields of \"weir help search\"."`
	BOM     bool     `name:"bom" help:"Begin csv with a byte order mark, by which Excel knows UTF-8."`
	Output  string   `short:"o" placeholder:"PATH" help:"Write to a new file instead of standard output."`
}

// Run streams the export. A file that did not come whole is removed.
func (c *LogExportCmd) Run(ctx context.Context, g *Globals) (err error) {
	format := c.Format
	switch {
	case format == "" && g.JSON:
		format = "jsonl"
	case format == "":
		format = "csv"
	case g.JSON && format != "jsonl":
		return usageError{"--json and --format " + format + " contradict each other", "leave one of them out"}
	}
	messages := format == "zip" || format == "mbox"
	if p := api.CheckColumns(c.Columns); p != nil {
		return usageError{p.Detail, p.Remedy}
	}
	if messages && (len(c.Columns) > 0 || c.BOM) {
		return usageError{"--columns and --bom are for csv and jsonl", "leave them out with --format " + format}
	}
	if messages && c.Output == "" && terminal.NewScreen(os.Stdout, g.Color).IsTerminal() {
		return failure{"mail is not written to a terminal, which might obey what it contains", "say --output FILE"}
	}
	base, err := (&LogFlags{Terms: c.Terms, Status: c.Status}).base()
	if err != nil {
		return err
	}
	filter, err := c.filter(base)
	if err != nil {
		return err
	}
	cl, err := g.client()
	if err != nil {
		return err
	}
	out, done, err := c.open()
	if err != nil {
		return err
	}
	defer func() { err = done(err) }()
	n, err := cl.Export(ctx, client.Export{Filter: filter, Format: format, Columns: c.Columns, Zone: zoneName(g.view().loc), BOM: c.BOM, Limit: c.Limit}, out)
	if err != nil {
		return err
	}
	if n.Skipped > 0 {
		fmt.Fprintf(os.Stderr, "weir: %s left out: there is no content to export, or you may not read it%s\n", count(n.Skipped, "message"), map[bool]string{true: "; left-out.txt in the archive names them"}[format == "zip"])
	}
	if n.Written == 0 {
		return errNoMatch
	}
	return nil
}

// open gives where the export goes. done ends it, and removes a file that an
// error has left incomplete or empty.
func (c *LogExportCmd) open() (w io.Writer, done func(error) error, err error) {
	if c.Output == "" {
		return os.Stdout, func(err error) error { return err }, nil
	}
	f, err := os.OpenFile(c.Output, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("writing the export: %w", err)
	}
	return f, func(err error) error {
		if err == nil {
			err = f.Sync()
		}
		err = errors.Join(err, f.Close())
		if err != nil {
			os.Remove(c.Output)
		}
		return err
	}, nil
}

// zoneName is a zone as the gateway knows it: that of $TZ or of the machine,
// else UTC.
func zoneName(loc *time.Location) string {
	name := loc.String()
	if name == "Local" {
		name = os.Getenv("TZ")
		if link, err := filepath.EvalSymlinks("/etc/localtime"); name == "" && err == nil {
			_, name, _ = strings.Cut(link, "/zoneinfo/")
		}
	}
	if _, err := time.LoadLocation(name); err != nil || name == "" {
		return "UTC"
	}
	return name
}

// fieldText is one field of a row as text.
func fieldText(v view, r *api.Row, f string) string { return api.Columns{Zone: v.loc}.Cell(r, f) }
