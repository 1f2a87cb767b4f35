package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"

	"github.com/mailweir/weir/gateway/internal/audit"
	"github.com/mailweir/weir/gateway/internal/export"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// contentVerbs are those by which a message is shown, in the order in which an
// export asks for them.
var contentVerbs = []lifecycle.Verb{lifecycle.DownloadHeld, lifecycle.DownloadQueued, lifecycle.View, lifecycle.ExportArchived}

// exportBatch is how many messages one entry of the audit log covers.
const exportBatch = 50

// exported is a message that is about to be written.
type exported struct {
	row  store.Row
	verb lifecycle.Verb
}

func (e exported) id() string { return recipientID(e.row.Message.ID, e.row.Recipient.N) }

// maxSkipped is how many left-out messages a .zip names.
const maxSkipped = 10000

// messages writes whole messages, each once however many recipients match. What
// is to be written is in the audit log before it is sent (B40).
func (x *exporter) messages(ctx context.Context, w io.Writer) error {
	var out export.Messages
	if x.in.Format == "mbox" {
		out = export.NewMbox(w)
	} else {
		out = export.NewZip(w)
	}
	var batch []exported
	var last mail.ID // written, or about to be
	var left strings.Builder
	leave := func(r store.Row, why error) {
		if x.skipped++; x.skipped <= maxSkipped {
			fmt.Fprintf(&left, "%s\t%s\t%s\r\n", recipientID(r.Message.ID, r.Recipient.N), r.Recipient.Status, oneLine(why.Error()))
		}
	}
	taken := 0
	err := x.s.Exports.Each(ctx, x.sc, x.f, func(r store.Row) error {
		if r.Message.ID == last {
			return nil
		}
		verb, err := x.verbFor(r)
		if err != nil {
			leave(r, err)
			return nil
		}
		if x.limit > 0 && taken == x.limit {
			return errEnough
		}
		last = r.Message.ID
		taken++
		if batch = append(batch, exported{r, verb}); len(batch) == exportBatch {
			err = x.write(ctx, out, batch, leave)
			batch = batch[:0]
		}
		return err
	})
	if err == nil || errors.Is(err, errEnough) {
		err = x.write(ctx, out, batch, leave)
	}
	if err != nil {
		return err
	}
	if z, ok := out.(*export.Zip); ok && x.skipped > 0 {
		if x.skipped > maxSkipped {
			fmt.Fprintf(&left, "… and %d more\r\n", x.skipped-maxSkipped)
		}
		if err := z.AddText("left-out.txt", left.String()); err != nil {
			return err
		}
	}
	return out.Close()
}

// verbFor is the verb by which the scope may have a message.
func (x *exporter) verbFor(r store.Row) (lifecycle.Verb, error) {
	q := x.sc.Query(r.Message, r.Recipient, false)
	var refused error
	for _, v := range x.verbs {
		err := lifecycle.Check(v, q)
		if err == nil && v != lifecycle.ExportArchived && !r.Message.HasBody && !r.Recipient.Archived {
			err = &lifecycle.Refusal{Verb: v, Reason: "the body is no longer kept"}
		}
		if err == nil {
			return v, nil
		}
		if refused == nil || v == lifecycle.View {
			refused = err
		}
	}
	return "", refused
}

// write records that messages are shown, and writes them. One that went
// meanwhile is left out.
func (x *exporter) write(ctx context.Context, out export.Messages, batch []exported, leave func(store.Row, error)) error {
	if len(batch) == 0 {
		return nil
	}
	if err := x.record(ctx, batch); err != nil {
		return fmt.Errorf("an export that cannot be recorded is not made: %w", err)
	}
	for _, e := range batch {
		m := e.row.Message
		r, err := x.s.Exports.Open(ctx, x.sc, e.verb, e.id())
		if errors.Is(err, store.ErrNotFound) || errors.Is(err, lifecycle.ErrRefused) {
			leave(e.row, err)
			continue
		}
		if err != nil {
			return err
		}
		err = out.Add(export.Entry{ID: m.ID.String(), At: m.Received, Sender: m.Sender.String(), Subject: m.Summary.Subject}, r)
		if closed := r.Close(); err == nil {
			err = closed
		}
		if err != nil {
			return err
		}
		x.written++
	}
	return nil
}

// record writes the entries of a batch: one for each tenant and verb, naming the
// messages.
func (x *exporter) record(ctx context.Context, batch []exported) error {
	type key struct {
		tenant string
		verb   lifecycle.Verb
	}
	var order []key
	ids := map[key][]string{}
	for _, e := range batch {
		k := key{e.row.Recipient.Tenant, e.verb}
		if ids[k] == nil {
			order = append(order, k)
		}
		ids[k] = append(ids[k], e.id())
	}
	for _, k := range order {
		entry := audit.Entry{
			Actor: x.sc.Actor, Source: sourceOf(ctx), Tenant: k.tenant, Action: string(k.verb),
			Details: map[string]string{"as": "export", "format": x.in.Format, "messages": strconv.Itoa(len(ids[k]))},
		}
		if entry.Target = ids[k][0]; len(ids[k]) > 1 {
			entry.Details["ids"] = strings.Join(ids[k], " ")
		}
		if x.s.Audit == nil {
			x.s.log.InfoContext(ctx, "messages exported", slog.String("actor", entry.Actor), slog.String("target", entry.Target))
			continue
		}
		if err := x.s.Audit.Record(ctx, entry); err != nil {
			return err
		}
	}
	return nil
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
