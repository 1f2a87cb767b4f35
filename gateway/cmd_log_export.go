package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/client"
)

// LogExportCmd writes rows for a spreadsheet (B42).
type LogExportCmd struct {
	LogFlags
	Fields []string `short:"f" default:"id,received,direction,status,sender,recipient,subject,size,client,class,reason" help:"Columns, in order."`
}

// Run writes CSV (RFC 4180) with a line of titles, or JSON lines with --json.
// Every match is written unless --limit is given anew.
func (c *LogExportCmd) Run(ctx context.Context, g *Globals) error {
	known := api.RowFields()
	for _, f := range c.Fields {
		if !slices.Contains(known, f) {
			return usageError{fmt.Sprintf("there is no field %q", f), "the fields are " + strings.Join(known, ", ")}
		}
	}
	base, err := c.base()
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
	w := csv.NewWriter(os.Stdout)
	n := 0
	v := g.view()
	for row, err := range cl.All(ctx, client.Search{Filter: filter, Fields: c.Fields}, c.Limit) {
		if err != nil {
			return err
		}
		if n == 0 && !g.JSON {
			if err := w.Write(c.Fields); err != nil {
				return err
			}
		}
		n++
		if g.JSON {
			err = printJSON(row)
		} else {
			err = w.Write(csvRow(v, &row, c.Fields))
		}
		if err != nil {
			return err
		}
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return fmt.Errorf("writing the export: %w", err)
	}
	if n == 0 {
		return errNoMatch
	}
	if c.Limit > 0 && n == c.Limit {
		fmt.Fprintf(os.Stderr, "weir: only the newest %d are written; --limit 0 writes all\n", c.Limit)
	}
	return nil
}

// csvRow gives the named fields as text that no spreadsheet reads as a formula.
func csvRow(v view, r *api.Row, fields []string) []string {
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = disarm(fieldText(v, r, f))
	}
	return out
}

// fieldText is one field of a row as text.
func fieldText(v view, r *api.Row, f string) string {
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.In(v.loc).Format(time.RFC3339)
	}
	switch f {
	case "received":
		return at(r.Received)
	case "next":
		return at(r.Next)
	case "changed":
		return at(r.Changed)
	case "expires":
		return at(r.Expires)
	case "size":
		return strconv.FormatInt(r.Size, 10)
	case "score":
		return strconv.FormatFloat(r.Score, 'g', -1, 64)
	case "failures":
		return strconv.Itoa(r.Failures)
	case "attempts":
		return strconv.Itoa(r.Attempts)
	case "last":
		return replyLine(r.Last)
	case "has_body":
		return strconv.FormatBool(r.HasBody)
	case "verbs":
		return strings.Join(r.Verbs, " ")
	}
	return textField(r, f)
}

func textField(r *api.Row, f string) string {
	switch f {
	case "id":
		return r.ID
	case "mark":
		return r.Mark
	case "state":
		return r.State
	case "direction":
		return r.Direction
	case "status":
		return r.Status
	case "sender":
		return r.Sender
	case "recipient":
		return r.Recipient
	case "original":
		return r.Original
	case "tenant":
		return r.Tenant
	case "subject":
		return r.Subject
	case "from":
		return r.From
	case "client":
		return r.Client
	case "class":
		return r.Class
	case "reason":
		return r.Reason
	case "rule":
		return r.Rule
	case "route":
		return r.Route
	case "next_hop":
		return r.NextHop
	case "last_host":
		return r.LastHost
	}
	return ""
}

// disarm puts an apostrophe before what a spreadsheet would run as a formula.
func disarm(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		if _, err := strconv.ParseFloat(s, 64); err != nil {
			return "'" + s
		}
	}
	return s
}
