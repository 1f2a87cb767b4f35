package actions

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// copyMessage delivers what recipients of a message get, or would get, to
// other addresses, as a new message of the same tenant (B130). The original is
// not touched, beyond a line in its history. Nobody is told when the copy
// fails: its sender does not know of it, so its recipients ask for no notices
// (NOTIFY=NEVER, RFC 3461 §4.1). What filters took out is out of the copy too.
func (r *turn) copyMessage(ctx context.Context, id mail.ID, p pick) error {
	m, err := r.s.Store.Get(ctx, id)
	if err != nil {
		return r.report(ctx, id, nil, err)
	}
	var items []item
	var made []*store.Message
	for i := range m.Recipients {
		rc := &m.Recipients[i]
		if !r.picked(m, rc, p) {
			continue
		}
		it := item{n: rc.N, ItemResult: ItemResult{ID: fmt.Sprintf("%s.%d", id, rc.N), Recipient: rc.Address.String(), Status: rc.Status}}
		switch err := r.copyOf(m, rc, &made); {
		case err != nil:
			it.Code, it.Error = CodeRefused, err.Error()
		default:
			it.Changed = true
		}
		items = append(items, it)
	}
	if p.whole {
		items = r.meant(items, p.ns)
	}
	if len(made) == 0 || r.args.DryRun {
		return r.report(ctx, id, items, nil)
	}
	for _, c := range made {
		if err := r.enqueueCopy(ctx, m, c); err != nil {
			return r.report(ctx, id, items, err)
		}
	}
	r.mu.Lock()
	r.due = true
	r.mu.Unlock()
	err = r.s.Store.Update(ctx, id, func(m *store.Message) ([]mail.Event, error) {
		var events []mail.Event
		for _, it := range items {
			if rc := find(m, it.n); rc != nil && it.Changed {
				events = append(events, r.copyEvent(m, rc, made))
			}
		}
		return events, nil
	})
	if err != nil { // the copy is on its way, and says itself who made it
		r.s.Logger.Warn("a message's history lacks that it was copied", "message", id.String(), "error", err)
	}
	return r.report(ctx, id, items, nil)
}

func find(m *store.Message, n int) *store.Recipient {
	for i := range m.Recipients {
		if m.Recipients[i].N == n {
			return &m.Recipients[i]
		}
	}
	return nil
}

// sameChannel compares what policy demands of the channel. Each recipient has
// its own record of it.
func sameChannel(a, b *mail.Secure) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// copyOf plans the copy of what one recipient gets. Recipients who get the same
// share one.
func (r *turn) copyOf(m *store.Message, rc *store.Recipient, made *[]*store.Message) error {
	if err := lifecycle.Check(r.verb, r.sc.Query(m, rc, false)); err != nil {
		return err
	}
	if !m.HasBody {
		return &lifecycle.Refusal{Verb: r.verb, Reason: "the body is no longer kept"}
	}
	for _, c := range *made {
		if o := &c.Recipients[0]; o.PartEdits == rc.PartEdits && slices.Equal(o.Edits, rc.Edits) && o.Tenant == rc.Tenant && sameChannel(o.Secure, rc.Secure) {
			return nil
		}
	}
	c := *m
	c.ID, c.Received, c.Parent = mail.NewID(r.now), r.now, m.ID
	c.Rev, c.Attempts, c.Kind, c.HasBody, c.Recipients = 0, 0, "", true, nil
	c.Params.EnvID, c.Params.Ret = "", ""
	if r.surgery.from != nil {
		if err := r.returnTo(&c); err != nil {
			return err
		}
	}
	for i, a := range r.surgery.to {
		to := *rc
		fresh(&to)
		to.N, to.Status, to.Origin, to.Next, to.Changed, to.Manual = i+1, mail.StatusQueued, "", r.now, r.now, false
		to.Attempts, to.Breaks, to.Last, to.LastRemote, to.LastHost, to.LastAddr = 0, 0, nil, false, "", ""
		to.Archived, to.NoArchive, to.Former = false, false, nil // the copy is another message
		to.Unjudged, to.Keep, to.Kept, to.Reason = false, "", false, "a copy that "+r.sc.Actor+" made"
		to.DSN = mail.RcptParams{Notify: mail.NotifyNever}
		if err := r.readdress(&c, &to, a); err != nil {
			return err
		}
		to.DSN.ORcpt = ""
		c.Recipients = append(c.Recipients, to)
	}
	c.Prune()
	*made = append(*made, &c)
	return nil
}

// enqueueCopy makes a planned copy durable, body and all.
func (r *turn) enqueueCopy(ctx context.Context, m, c *store.Message) error {
	body, err := r.s.Store.OpenBody(ctx, m.ID)
	if err != nil {
		return fmt.Errorf("reading the message: %w", err)
	}
	defer body.Close()
	d, err := r.s.Store.NewDraft(ctx, body.Size())
	if err != nil {
		return err
	}
	defer d.Discard()
	if _, err := io.Copy(d, io.NewSectionReader(body, 0, body.Size())); err != nil {
		return fmt.Errorf("copying the message: %w", err)
	}
	var events []mail.Event
	for i := range c.Recipients {
		rc := &c.Recipients[i]
		events = append(events, mail.Event{
			At: r.now, Type: mail.EventReception, Message: c.ID, N: rc.N, Tenant: rc.Tenant, Direction: c.Direction, Sender: c.Sender.String(),
			Recipient: rc.Address.String(), Status: rc.Status, Actor: r.sc.Actor, Class: rc.Class.String(),
			Text: strings.TrimSpace("a copy of " + m.ID.String() + " " + r.args.Reason),
		})
	}
	_, err = r.s.Store.Enqueue(ctx, &store.Admission{Message: c, Draft: d, Events: events})
	return err
}

// copyEvent is the line in the original's history.
func (r *turn) copyEvent(m *store.Message, rc *store.Recipient, made []*store.Message) mail.Event {
	var to, ids []string
	for _, a := range r.surgery.to {
		to = append(to, a.Path())
	}
	for _, c := range made {
		ids = append(ids, c.ID.String())
	}
	text := "a copy to " + strings.Join(to, ", ") + " as " + strings.Join(ids, ", ")
	if r.args.Reason != "" {
		text += ": " + r.args.Reason
	}
	return mail.Event{
		At: r.now, Type: mail.EventCopy, Message: m.ID, N: rc.N, Tenant: rc.Tenant, Direction: m.Direction, Sender: m.Sender.String(),
		Recipient: rc.Address.String(), Status: rc.Status, Actor: r.sc.Actor, Text: text,
	}
}
