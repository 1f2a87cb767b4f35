package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/api/client"
	"github.com/mailweir/weir/gateway/internal/audit"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/terminal"
)

// AuditCmd is about the record of what operators did and saw (B40).
type AuditCmd struct {
	List   AuditListCmd   `cmd:"" default:"withargs" help:"What was done and seen, the newest first; \"weir audit\" alone does."`
	Verify AuditVerifyCmd `cmd:"" help:"Say whether the log is as it was written."`
	Export AuditExportCmd `cmd:"" help:"Write it as JSON lines, the oldest first."`
}

// AuditFlags narrow what is shown.
type AuditFlags struct {
	Tenant  string `short:"t" placeholder:"NAME" help:"Of one tenant."`
	Actor   string `placeholder:"NAME" help:"By one user or token, such as anna@acme.test or token:backup."`
	Action  string `placeholder:"NAME" help:"One action, such as view, release or sign-in."`
	Target  string `placeholder:"NAME" help:"About one thing: a user, a token, a list."`
	Message string `short:"m" placeholder:"ID" help:"About one message."`
	Since   string `placeholder:"TIME" help:"Since a time, such as -2h, 2026-11-20 or 2026-11-20T15:00."`
	Until   string `placeholder:"TIME" help:"Before a time."`
	Refused bool   `help:"Only what was refused."`
}

func (f *AuditFlags) query() (client.AuditQuery, error) {
	q := client.AuditQuery{Tenant: f.Tenant, Actor: f.Actor, Action: f.Action, Target: f.Target, Message: f.Message, Refused: f.Refused}
	for _, t := range []struct {
		flag, text string
		to         *time.Time
	}{{"--since", f.Since, &q.Since}, {"--until", f.Until, &q.Until}} {
		if t.text == "" {
			continue
		}
		at, err := query.ParseTime(t.text, time.Now())
		if err != nil {
			return q, usageError{t.flag + ": " + err.Error(), "write -2h, 2026-11-20 or 2026-11-20T15:00"}
		}
		*t.to = at
	}
	return q, nil
}

// AuditListCmd lists entries.
type AuditListCmd struct {
	AuditFlags
	Limit int `short:"n" default:"100" help:"At most so many; 0 all."`
}

// Run prints one line for each.
func (c *AuditListCmd) Run(ctx context.Context, g *Globals) error {
	q, err := c.query()
	if err != nil {
		return err
	}
	cl, err := g.client()
	if err != nil {
		return err
	}
	var all []audit.Entry
	for cursor := ""; ; {
		size := 1000
		if c.Limit > 0 {
			size = min(size, c.Limit-len(all))
		}
		page, next, err := cl.Audit(ctx, q, cursor, size)
		if err != nil {
			return err
		}
		all = append(all, page...)
		if cursor = next; next == "" || c.Limit > 0 && len(all) >= c.Limit {
			break
		}
	}
	v := g.view()
	return show(g, all, "nothing is recorded of that", []terminal.Column{
		{Title: "NO", Right: true}, {Title: "TIME"}, {Title: "WHO", Min: 8}, {Title: "FROM", Min: 6, Drop: 2}, {Title: "TENANT", Min: 6, Drop: 1}, {Title: "ACTION", Min: 8}, {Title: "TARGET", Min: 8}, {Title: "DETAILS", Min: 10, End: true},
	}, func(e *audit.Entry) []string {
		return []string{fmt.Sprint(e.Seq), v.short(e.At), e.Actor, e.Source, e.Tenant, e.Action, e.Target, auditDetails(e, c.Message)}
	})
}

// auditDetails is what an entry says beside, in one line. Of many IDs it has the
// first few, or those of the message that is asked for.
func auditDetails(e *audit.Entry, message string) string {
	var out []string
	if e.Refused != "" {
		out = append(out, "refused: "+e.Refused)
	}
	keys := make([]string, 0, len(e.Details))
	for k := range e.Details {
		if k != "request" {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for _, k := range keys {
		text := e.Details[k]
		if k == "ids" {
			text = fewIDs(text, message)
		}
		out = append(out, k+"="+text)
	}
	return strings.Join(out, " ")
}

func fewIDs(text, message string) string {
	const few = 3
	ids := strings.Fields(text)
	all := len(ids)
	if message != "" {
		message, _, _ = strings.Cut(message, ".")
		ids = slices.DeleteFunc(ids, func(s string) bool { return !strings.HasPrefix(s, message) })
	}
	ids = ids[:min(len(ids), few)]
	if more := all - len(ids); more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(ids, " "), more)
	}
	return text
}

// AuditVerifyCmd checks the log.
type AuditVerifyCmd struct {
	Head string `placeholder:"HASH" help:"Hash of an entry that was noted elsewhere, such as from the gateway's own log: the audit log has to hold it."`
}

// Run prints what is wrong; exit 1 if anything is.
func (c *AuditVerifyCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	r, err := cl.AuditVerify(ctx, c.Head)
	if err != nil {
		return err
	}
	if g.JSON {
		if err := printJSON(r); err != nil {
			return err
		}
	} else {
		out := g.screen()
		fmt.Fprintf(out, "entries  %d (%d to %d)\nhead     %s\n", r.Entries, r.First, r.Last, terminal.Clean(r.Head))
		for _, p := range r.Problems {
			where := ""
			if p.File != "" {
				where = fmt.Sprintf("%s:%d: ", p.File, p.Line)
			}
			if p.Seq != 0 {
				where += fmt.Sprintf("entry %d: ", p.Seq)
			}
			fmt.Fprintf(out, "wrong    %s\n", terminal.Clean(where+p.Text))
		}
	}
	if len(r.Problems) > 0 {
		return failure{"the audit log is not as it was written", "keep data_dir/audit as it is, and find out who could write there"}
	}
	return nil
}

// AuditExportCmd writes the log.
type AuditExportCmd struct {
	AuditFlags
	Out string `short:"o" placeholder:"PATH" help:"Write to a new file instead of standard output."`
}

// Run writes it.
func (c *AuditExportCmd) Run(ctx context.Context, g *Globals) error {
	q, err := c.query()
	if err != nil {
		return err
	}
	cl, err := g.client()
	if err != nil {
		return err
	}
	return intoFile(c.Out, func(out io.Writer) error {
		r, err := cl.AuditExport(ctx, q)
		if err != nil {
			return err
		}
		defer r.Close()
		if _, err := io.Copy(out, r); err != nil {
			return fmt.Errorf("the audit log broke off: %w", err)
		}
		return nil
	})
}
