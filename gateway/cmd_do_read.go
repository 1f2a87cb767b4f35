package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/mailweir/weir/gateway/internal/api/client"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/terminal"
)

// reading is how "weir do" carries out a verb that shows something and changes
// nothing: as the command that is the verb's own.
type reading func(c *DoCmd, ctx context.Context, g *Globals, cl *client.Client, of chosen) error

// chosen is what is asked for: IDs, or what a filter finds.
type chosen struct {
	ids    []string
	filter query.Filter
}

// named are the IDs of what is chosen; there is at least one.
func (of chosen) named(ctx context.Context, cl *client.Client) ([]string, error) {
	if len(of.ids) > 0 {
		return of.ids, nil
	}
	var ids []string
	for row, err := range cl.All(ctx, client.Search{Filter: of.filter, Fields: []string{"id"}}, 0) {
		if err != nil {
			return nil, err
		}
		ids = append(ids, row.ID)
	}
	if len(ids) == 0 {
		return nil, errNoMatch
	}
	return ids, nil
}

var readings = map[lifecycle.Verb]reading{
	lifecycle.View:             (*DoCmd).view,
	lifecycle.DownloadQueued:   (*DoCmd).download,
	lifecycle.DownloadHeld:     (*DoCmd).download,
	lifecycle.DownloadArchived: (*DoCmd).downloadArchived,
	lifecycle.ExportArchived:   (*DoCmd).exportArchived,
	lifecycle.ExportCSV:        (*DoCmd).exportCSV,
	lifecycle.Reply:            each(func(ctx context.Context, g *Globals, id string) error { return (&ReplyCmd{ID: id}).Run(ctx, g) }),
	lifecycle.IssueLog:         each(func(ctx context.Context, g *Globals, id string) error { return (&DeliveriesCmd{ID: id}).Run(ctx, g) }),
	lifecycle.AuditLog: each(func(ctx context.Context, g *Globals, id string) error {
		return (&AuditListCmd{AuditFlags: AuditFlags{Message: id}}).Run(ctx, g)
	}),
	lifecycle.RecipientCallout: each(func(ctx context.Context, g *Globals, id string) error {
		return (&TestCalloutCmd{What: []string{id}}).Run(ctx, g)
	}),
	lifecycle.SenderCallout: each(func(ctx context.Context, g *Globals, id string) error { return (&TestSenderCmd{What: id}).Run(ctx, g) }),
	lifecycle.SMTPTest: each(func(ctx context.Context, g *Globals, id string) error {
		return (&TestSMTPCmd{What: []string{id}, TLS: "route"}).Run(ctx, g)
	}),
}

// read carries out a verb that shows something. With --dry-run and --json it
// does what every other verb does: it counts, or says of each recipient whether
// the verb is offered and where the API has what it shows.
func (c *DoCmd) read(ctx context.Context, g *Globals, a act, show reading) error {
	if c.DryRun || g.JSON {
		if c.Output != "" {
			return usageError{"--output is for what the action shows", "leave out --json and --dry-run"}
		}
		return c.apply(ctx, g, a)
	}
	switch {
	case c.Detach:
		return usageError{"--detach is for what changes something", "leave it out"}
	case c.Reason != "" || len(c.Arg) > 0:
		return usageError{c.Verb + " only shows something: it takes no --reason and no --arg", "leave them out"}
	}
	req, err := c.request(a)
	if err != nil {
		return err
	}
	cl, err := g.client()
	if err != nil {
		return err
	}
	of := chosen{ids: req.IDs}
	if req.Filter != nil {
		of.filter = *req.Filter
	}
	return show(c, ctx, g, cl, of)
}

// each shows one after the other. What fails for one does not keep the others
// back.
func each(one func(ctx context.Context, g *Globals, id string) error) reading {
	return func(c *DoCmd, ctx context.Context, g *Globals, cl *client.Client, of chosen) error {
		if c.Output != "" {
			return usageError{c.Verb + " writes no file", "leave out --output"}
		}
		ids, err := of.named(ctx, cl)
		if err != nil {
			return err
		}
		var errs []error
		for i, id := range ids {
			if i > 0 {
				fmt.Println()
			}
			err := one(ctx, g, id)
			if err != nil && len(ids) > 1 && !isQuiet(err) {
				err = fmt.Errorf("%s: %w", id, err)
			}
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	}
}

func isQuiet(err error) bool {
	var q quiet
	return errors.As(err, &q)
}

// view prints a message (B51): to a file or a pipe as it was received, to a
// terminal without what a terminal would obey.
func (c *DoCmd) view(ctx context.Context, g *Globals, cl *client.Client, of chosen) error {
	ids, err := of.named(ctx, cl)
	if err != nil {
		return err
	}
	if len(ids) > 1 {
		return usageError{fmt.Sprintf("view shows one message, and these are %d", len(ids)), "write them into one file with: weir log export --format zip --output FILE"}
	}
	body, err := cl.BodyFor(ctx, ids[0], c.Verb)
	if err != nil {
		return err
	}
	defer body.Close()
	if c.Output == "" && terminal.NewScreen(os.Stdout, g.Color).IsTerminal() {
		return printMail(os.Stdout, body)
	}
	return intoFile(c.Output, func(out io.Writer) error { return copyMail(out, body) })
}

// printMail writes a message so that a terminal shows it and obeys nothing.
func printMail(out io.Writer, mail io.Reader) error {
	r := bufio.NewReader(mail)
	for {
		line, err := r.ReadString('\n')
		if line != "" {
			if _, err := fmt.Fprintln(out, terminal.Clean(strings.TrimRight(line, "\r\n"))); err != nil {
				return fmt.Errorf("writing the message: %w", err)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the message: %w", err)
		}
	}
}

func copyMail(out io.Writer, body io.Reader) error {
	if _, err := io.Copy(out, body); err != nil {
		return fmt.Errorf("writing the message: %w", err)
	}
	return nil
}

// zipped reports whether messages go into an archive: unless there is one, whose
// file has another name.
func (c *DoCmd) zipped(of chosen) bool {
	return len(of.ids) != 1 || strings.HasSuffix(strings.ToLower(c.Output), ".zip")
}

// download writes messages: one as it was received (B49), or more into a .zip
// (B41).
func (c *DoCmd) download(ctx context.Context, g *Globals, cl *client.Client, of chosen) error {
	return mailInto(g, c.Output, func(out io.Writer) error {
		if c.zipped(of) {
			verb := lifecycle.Verb(c.Verb)
			return export(ctx, cl, client.Export{Filter: query.And(of.filter, verbFilter(verb, verb.Statuses())), IDs: of.ids, Format: "zip"}, out)
		}
		body, err := cl.BodyFor(ctx, of.ids[0], c.Verb)
		if err != nil {
			return err
		}
		defer body.Close()
		return copyMail(out, body)
	})
}

// downloadArchived is B58.
func (c *DoCmd) downloadArchived(ctx context.Context, g *Globals, cl *client.Client, of chosen) error {
	if len(of.ids) != 1 {
		return c.exportArchived(ctx, g, cl, of)
	}
	return mailInto(g, c.Output, func(out io.Writer) error {
		body, err := cl.Archived(ctx, of.ids[0], map[bool]string{false: "eml", true: "zip"}[c.zipped(of)])
		if err != nil {
			return err
		}
		defer body.Close()
		return copyMail(out, body)
	})
}

// exportArchived is B59: a .zip, or the one file of a name in .mbox.
func (c *DoCmd) exportArchived(ctx context.Context, g *Globals, cl *client.Client, of chosen) error {
	format := "zip"
	if strings.HasSuffix(strings.ToLower(c.Output), ".mbox") {
		format = "mbox"
	}
	return mailInto(g, c.Output, func(out io.Writer) error {
		n, err := cl.ExportArchive(ctx, client.Export{Filter: of.filter, IDs: of.ids, Format: format}, out)
		if err != nil {
			return err
		}
		if n.Written == 0 {
			return errNoMatch
		}
		return nil
	})
}

// exportCSV is B42, with the columns of a search of the log.
func (c *DoCmd) exportCSV(ctx context.Context, g *Globals, cl *client.Client, of chosen) error {
	return intoFile(c.Output, func(out io.Writer) error {
		return export(ctx, cl, client.Export{Filter: of.filter, IDs: of.ids, Format: "csv", Zone: zoneName(g.view().loc)}, out)
	})
}
