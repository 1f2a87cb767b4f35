package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/mailweir/weir/gateway/internal/api/client"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
)

// ArchiveCmd is about copies in the tenants' archives (B57–B60, B81).
type ArchiveCmd struct {
	List       ArchiveListCmd       `cmd:"" default:"withargs" help:"List archived mail; \"weir archive\" alone does."`
	Show       ShowCmd              `cmd:"" help:"Show one message's record."`
	Download   ArchiveDownloadCmd   `cmd:"" help:"Write one archived message."`
	Export     ArchiveExportCmd     `cmd:"" help:"Write archived messages into a .zip or an mbox."`
	Redeliver  ArchiveRedeliverCmd  `cmd:"" help:"Send archived mail to its recipients once more."`
	Delete     ArchiveDeleteCmd     `cmd:"" help:"Delete from the archive; nobody sees it there any more."`
	Usage      ArchiveUsageCmd      `cmd:"" help:"What each tenant's mail takes on the disk."`
	Holds      ArchiveHoldsCmd      `cmd:"" help:"List legal holds."`
	Hold       ArchiveHoldCmd       `cmd:"" help:"Place a legal hold: what it holds cannot be deleted."`
	Release    ArchiveReleaseCmd    `cmd:"" help:"Lift a legal hold."`
	Check      ArchiveCheckCmd      `cmd:"" help:"Compare copies and records, and find what is damaged."`
	RotateKey  ArchiveRotateKeyCmd  `cmd:"" help:"Wrap all tenants' keys under a new master key."`
	DestroyKey ArchiveDestroyKeyCmd `cmd:"" help:"Make all that a tenant has archived unreadable for good."`
}

// archived matches what is in the archive.
var archived = query.Where("archived", query.Is, "yes")

// ArchiveFlags choose archived mail.
type ArchiveFlags struct {
	Terms []string `arg:"" optional:"" name:"term" help:"Filter as in \"weir help search\"."`
	ListFlags
}

func termFilter(terms []string) (query.Filter, error) {
	text, err := query.Parse(strings.Join(terms, " "))
	if err != nil {
		return text, usageError{err.Error(), "see: weir help search"}
	}
	return query.And(archived, text), nil
}

// ArchiveListCmd lists archived mail.
type ArchiveListCmd struct {
	ArchiveFlags
	ColumnFlags
}

// Run prints one line for each recipient.
func (c *ArchiveListCmd) Run(ctx context.Context, g *Globals) error {
	base, err := termFilter(c.Terms)
	if err != nil {
		return err
	}
	cols, err := c.columns(g, logColumns)
	if err != nil {
		return err
	}
	return c.list(ctx, g, base, "nothing in the archive matches", cols)
}

// ArchiveDownloadCmd is B58.
type ArchiveDownloadCmd struct {
	ID     string `arg:"" help:"Message or recipient ID, or the unique beginning of one."`
	Format string `enum:"eml,zip" default:"eml" help:"eml is the message itself, zip an archive with it."`
	Output string `short:"o" placeholder:"PATH" help:"Write to a new file instead of standard output."`
}

// Run copies the message. It refuses a terminal, which might obey what it holds.
func (c *ArchiveDownloadCmd) Run(ctx context.Context, g *Globals) error {
	return downloadMail(g, c.Output, func(cl *client.Client) (io.ReadCloser, error) { return cl.Archived(ctx, c.ID, c.Format) })
}

// ArchiveExportCmd is B59.
type ArchiveExportCmd struct {
	Terms []string `arg:"" optional:"" name:"term" help:"Filter as in \"weir help search\", such as id:01kb3z6q."`
	FilterFlags
	All    bool   `short:"a" help:"All archived mail."`
	Limit  int    `short:"n" help:"Messages at most, the newest; all when absent."`
	Format string `enum:"zip,mbox" default:"zip" help:"zip holds .eml files; mbox is one file of all."`
	Output string `short:"o" placeholder:"PATH" help:"Write to a new file instead of standard output."`
}

// Run streams the export.
func (c *ArchiveExportCmd) Run(ctx context.Context, g *Globals) error {
	if !c.All && len(c.Terms) == 0 && !c.given() {
		return usageError{"nothing is selected", "give a filter such as --recipient, or --all"}
	}
	base, err := termFilter(c.Terms)
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
	return mailInto(g, c.Output, func(out io.Writer) error {
		n, err := cl.ExportArchive(ctx, client.Export{Filter: filter, Format: c.Format, Limit: c.Limit}, out)
		if err != nil {
			return err
		}
		if n.Skipped > 0 {
			fmt.Fprintf(os.Stderr, "weir: %s left out: the copy cannot be read, or you may not read it\n", count(n.Skipped, "message"))
		}
		if n.Written == 0 {
			return errNoMatch
		}
		return nil
	})
}

// ArchiveRedeliverCmd is B60.
type ArchiveRedeliverCmd struct{ VerbFlags }

// Run asks, then sends once more what is selected.
func (c *ArchiveRedeliverCmd) Run(ctx context.Context, g *Globals) error {
	return c.apply(ctx, g, act{verb: lifecycle.RedeliverArchived, among: mail.Statuses(), where: archived, ask: "Send this to its recipients once more?"})
}

// ArchiveDeleteCmd is B57.
type ArchiveDeleteCmd struct{ VerbFlags }

// Run asks, then deletes.
func (c *ArchiveDeleteCmd) Run(ctx context.Context, g *Globals) error {
	return c.apply(ctx, g, act{verb: lifecycle.DeleteArchived, among: mail.Statuses(), where: archived, ask: "Delete this from the archive for good?"})
}
