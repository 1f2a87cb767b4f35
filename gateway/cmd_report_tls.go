package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/terminal"
)

// ReportTLSCmd is how TLS to recipients' domains went (RFC 8460).
type ReportTLSCmd struct {
	Domain string `arg:"" optional:"" help:"The report about this domain, as JSON in the form of RFC 8460; where it wants it is said on standard error."`
	Day    string `placeholder:"DATE" help:"A day of UTC, 2026-11-20; today without. Days are kept for 32 days."`
	BoundFlag
}

// Run prints a line for each domain of the day, or one domain's report.
func (c *ReportTLSCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	if c.Domain != "" {
		r, err := cl.TLSReport(ctx, c.Day, c.Domain)
		if err != nil {
			return err
		}
		switch {
		case r.RUAError != "":
			fmt.Fprintln(os.Stderr, "weir: "+r.RUAError)
		case len(r.RUA) == 0:
			fmt.Fprintln(os.Stderr, "weir: "+c.Domain+" asks for no reports")
		default:
			fmt.Fprintln(os.Stderr, "weir: "+c.Domain+" wants it at "+strings.Join(r.RUA, ", "))
		}
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return e.Encode(r.Report)
	}
	days, err := cl.TLSReports(ctx, c.Day, c.atMost())
	if err != nil {
		return err
	}
	return show(g, days.Items, "no connection to a domain's mail servers was counted on "+days.Day, []terminal.Column{
		{Title: "DOMAIN", Min: 16}, {Title: "POLICY"}, {Title: "SUCCESS", Right: true}, {Title: "FAILURE", Right: true}, {Title: "RESULTS", Min: 10, End: true, Drop: 1},
	}, func(d *api.TLSDay) []string {
		var results []string
		for _, name := range slices.Sorted(maps.Keys(d.Results)) {
			results = append(results, fmt.Sprintf("%s %d", name, d.Results[name]))
		}
		return []string{d.Domain, strings.Join(d.Policies, ", "), strconv.FormatInt(d.Success, 10), strconv.FormatInt(d.Failure, 10), strings.Join(results, ", ")}
	})
}
