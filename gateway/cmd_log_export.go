package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/client"
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

// Run streams the export.
func (c *LogExportCmd) Run(ctx context.Context, g *Globals) error {
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
	if messages {
		if err := noMailOn(g, c.Output); err != nil {
			return err
		}
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
	order := client.Export{Filter: filter, Format: format, Columns: c.Columns, Zone: zoneName(g.view().loc), BOM: c.BOM, Limit: c.Limit}
	return intoFile(c.Output, func(out io.Writer) error { return export(ctx, cl, order, out) })
}

// export writes one and says what is missing of it.
func export(ctx context.Context, cl *client.Client, order client.Export, out io.Writer) error {
	n, err := cl.Export(ctx, order, out)
	if err != nil {
		return err
	}
	if n.Skipped > 0 {
		fmt.Fprintf(os.Stderr, "weir: %s left out: there is no content to export, or you may not read it%s\n", count(n.Skipped, "message"), map[bool]string{true: "; left-out.txt in the archive names them"}[order.Format == "zip"])
	}
	if n.Written == 0 {
		return errNoMatch
	}
	return nil
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
