package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mailweir/weir/gateway/internal/api/client"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
)

// LogCmd is the record of everything that went through (B6, B133).
type LogCmd struct {
	Search    LogSearchCmd    `cmd:"" help:"Search; all that is given must match."`
	Tail      LogTailCmd      `cmd:"" help:"Watch what happens, as it happens."`
	Count     LogCountCmd     `cmd:"" help:"Count what matches."`
	Facets    LogFacetsCmd    `cmd:"" help:"Sum up what matches by a field."`
	Histogram LogHistogramCmd `cmd:"" help:"Count what matches by when it came in."`
	Show      ShowCmd         `cmd:"" help:"Show one message."`
	Export    LogExportCmd    `cmd:"" help:"Write what matches as CSV."`
	Download  LogDownloadCmd  `cmd:"" help:"Write one message as it was received."`
	Fields    LogFieldsCmd    `cmd:"" help:"List the fields by which mail is searched, sorted, listed and exported."`
	Verbs     LogVerbsCmd     `cmd:"" help:"List the actions that you are offered, and for which mail."`

	AllowSender    AllowSenderCmd    `cmd:"" help:"Let future mail of the senders pass."`
	BlockSender    BlockSenderCmd    `cmd:"" help:"Treat future mail of the senders as spam."`
	BlockRecipient BlockRecipientCmd `cmd:"" help:"Treat future mail to the recipients as spam."`
	ChangeAction   ChangeActionCmd   `cmd:"" help:"Choose what becomes of mail of this class."`
}

// LogFlags choose from the log.
type LogFlags struct {
	Terms  []string `arg:"" optional:"" name:"term" help:"Filter as in \"weir help search\"."`
	Status []string `short:"S" placeholder:"STATUS" help:"One of these statuses; see \"weir help statuses\"."`
	ListFlags
}

func (f *LogFlags) base() (query.Filter, error) { return f.parsed(query.Parse) }

// parsed is base in the words of one log.
func (f *LogFlags) parsed(parse func(string) (query.Filter, error)) (query.Filter, error) {
	text, err := parse(strings.Join(f.Terms, " "))
	if err != nil {
		return text, usageError{err.Error(), "see: weir help search"}
	}
	if len(f.Status) == 0 {
		return text, nil
	}
	statuses := make([]mail.Status, len(f.Status))
	for i, s := range f.Status {
		statuses[i] = mail.Status(s)
	}
	return query.And(text, statusFilter(statuses...)), nil
}

// LogSearchCmd searches the log.
type LogSearchCmd struct {
	LogFlags
	ColumnFlags
	Sort string `placeholder:"FIELD" help:"Sort by a field such as changed, size or score; -FIELD begins with the highest. Newest message first when absent."`
	View string `placeholder:"NAME" help:"Within a saved search or view, with its columns; see \"weir search\"."`
}

// Run prints one line for each recipient.
func (c *LogSearchCmd) Run(ctx context.Context, g *Globals) error {
	if field := strings.TrimPrefix(c.Sort, "-"); c.Sort != "" && !slices.Contains(query.Sortable(), field) {
		return usageError{fmt.Sprintf("a search cannot be sorted by %q", field), "the fields to sort by are " + strings.Join(query.Sortable(), ", ")}
	}
	c.order = c.Sort
	if c.View != "" {
		return runView(ctx, g, c.View, &c.LogFlags, &c.ColumnFlags)
	}
	base, err := c.base()
	if err != nil {
		return err
	}
	cols, err := c.columns(g, logColumns)
	if err != nil {
		return err
	}
	return c.list(ctx, g, base, "nothing in the log matches", cols)
}

// LogDownloadCmd writes a message out.
type LogDownloadCmd struct {
	ID     string `arg:"" help:"Message ID, or the unique beginning of one."`
	Output string `short:"o" placeholder:"PATH" help:"Write to a new file instead of standard output."`
}

// Run copies the message. It refuses a terminal: mail may hold sequences that
// a terminal obeys.
func (c *LogDownloadCmd) Run(ctx context.Context, g *Globals) error {
	return downloadMail(g, c.Output, func(cl *client.Client) (io.ReadCloser, error) { return cl.Body(ctx, c.ID) })
}
