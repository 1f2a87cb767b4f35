package actions

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/mailweir/weir/gateway/internal/archive"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/gateway/internal/wire"
)

// Archive is the tenants' archives; *archive.Archive is one.
type Archive interface {
	Copy(ctx context.Context, tenant string, id mail.ID) (*archive.Copy, error)
	Deleting() (held func(*store.Message, *store.Recipient) error, done func())
	Forget(ctx context.Context, id mail.ID) error
}

func init() {
	appliers[lifecycle.DeleteArchived] = deleteArchived
	appliers[lifecycle.RedeliverArchived] = apart
}

// ofArchive reports the verbs about archived copies.
func ofArchive(v lifecycle.Verb) bool {
	switch v {
	case lifecycle.DeleteArchived, lifecycle.RedeliverArchived, lifecycle.DownloadArchived, lifecycle.ExportArchived:
		return true
	}
	return false
}

// deleteArchived hides a recipient's copy from every viewer (B57). The copy itself
// goes once no recipient of its tenant has it. None is made again.
func deleteArchived(r *turn, m *store.Message, rc *store.Recipient, e *mail.Event) (bool, error) {
	if err := r.kept(m, rc); err != nil {
		return false, &lifecycle.Refusal{Verb: r.verb, Reason: err.Error()}
	}
	e.Type = mail.EventArchive
	e.Text = r.because("deleted from the archive")
	rc.Archived, rc.NoArchive = false, true
	return true, nil
}

// because adds the operator's reason to what was done.
func (r *run) because(what string) string {
	if r.args.Reason == "" {
		return what
	}
	return what + ": " + r.args.Reason
}

// deleting holds off legal holds while copies are deleted; what it returns ends it.
func (r *turn) deleting(ctx context.Context, id mail.ID) (done func()) {
	held, end := r.s.Archive.Deleting()
	r.kept = held
	return func() {
		defer end()
		if r.args.DryRun {
			return
		}
		if err := r.s.Archive.Forget(context.WithoutCancel(ctx), id); err != nil && !errors.Is(err, store.ErrNotFound) {
			r.s.Logger.Error("a copy that nobody sees any more is still on the disk; weir archive check removes it", "message", id.String(), "err", err)
		}
	}
}

// fromArchive reports whether a recipient's message is read from the archive for
// a verb: where the table offers it for the copy's sake, or nothing else is left.
func fromArchive(verb lifecycle.Verb, sc Scope, m *store.Message, rc *store.Recipient) bool {
	if ofArchive(verb) {
		return true
	}
	q := sc.Query(m, rc, false)
	if !q.Archived || !m.HasBody {
		return q.Archived
	}
	q.Archived = false
	return lifecycle.Check(verb, q) != nil
}

// OpenArchived opens the copy of one recipient's message as it went out to them:
// with the changes that filters made, without the gateway's own Received line,
// which the message has. It is decrypted and composed as it is read, and stands on
// no disk. Whether the caller may is asked before. The errors are
// *lifecycle.Refusal, or the disk's.
func (s *Service) OpenArchived(ctx context.Context, verb lifecycle.Verb, m *store.Message, rc *store.Recipient) (store.Body, error) {
	c, err := s.copyFor(ctx, verb, m, rc)
	if err != nil {
		return nil, err
	}
	then := find(&c.Meta.Message, rc.N)
	if then == nil { // made for others; the content of part edits is only there
		then = &store.Recipient{N: rc.N, Edits: rc.Edits}
		if rc.PartEdits != "" {
			_ = c.Close() // it was only read
			return nil, &lifecycle.Refusal{Verb: verb, Reason: notTheirs}
		}
	}
	if len(then.Edits) == 0 && then.PartEdits == "" {
		return c, nil
	}
	plan, err := wire.Message{Edits: then.Edits, Parts: c.Meta.Message.Edits(then), Body: c, Size: c.Size()}.Plan()
	if err != nil {
		_ = c.Close() // it was only read
		return nil, fmt.Errorf("the archived copy of %s: %w", m.ID, err)
	}
	return edited{plan.Content(), c}, nil
}

const notTheirs = "the copy does not have the changes that filters made for this recipient"

// edited is an archived message with the changes that filters made.
type edited struct {
	*wire.Content
	io.Closer
}

// copyFor opens a copy. That it cannot be read is said to the operator, and in
// the log.
func (s *Service) copyFor(ctx context.Context, verb lifecycle.Verb, m *store.Message, rc *store.Recipient) (*archive.Copy, error) {
	if s.Archive == nil {
		return nil, &lifecycle.Refusal{Verb: verb, Reason: "this gateway has no archive"}
	}
	c, err := s.Archive.Copy(ctx, rc.Tenant, m.ID)
	switch {
	case err == nil:
		return c, nil
	case errors.Is(err, store.ErrNotFound):
		s.Logger.Error("a message is archived by its record, and its copy is missing; see: weir archive check", "message", m.ID.String(), "tenant", rc.Tenant)
		return nil, &lifecycle.Refusal{Verb: verb, Reason: "the copy is missing in the archive"}
	case errors.Is(err, archive.ErrNoKey), errors.Is(err, archive.ErrDamaged):
		s.Logger.Error("an archived copy cannot be read", "message", m.ID.String(), "tenant", rc.Tenant, "err", err)
		return nil, &lifecycle.Refusal{Verb: verb, Reason: err.Error()}
	}
	return nil, err
}

// redeliver sends archived mail to its recipients once more, as a new message
// through the queue (B60): one for each tenant. It passed the filters, and is not
// judged again; nobody is told if it fails (NOTIFY=NEVER), for its sender does not
// know of it.
func (r *turn) redeliver(ctx context.Context, id mail.ID, p pick) error {
	m, err := r.s.Store.Get(ctx, id)
	if err != nil {
		return r.report(ctx, id, nil, err)
	}
	byTenant := map[string][]*store.Recipient{}
	items := r.items(m, p, func(it *item, rc *store.Recipient) {
		it.Changed = true
		byTenant[rc.Tenant] = append(byTenant[rc.Tenant], rc)
	})
	if p.whole {
		items = r.meant(items, p.ns)
	}
	if r.args.DryRun {
		return r.report(ctx, id, items, nil)
	}
	as := map[int]mail.ID{}
	for _, rcs := range byTenant {
		again, err := r.once(ctx, m, rcs)
		var refused *lifecycle.Refusal
		if err != nil && !errors.As(err, &refused) {
			return r.report(ctx, id, items, err)
		}
		for _, rc := range rcs {
			for i := range items {
				if it := &items[i]; it.n == rc.N && refused != nil {
					it.Changed, it.Code, it.Error = false, CodeRefused, refused.Error()
				} else if it.n == rc.N {
					it.Note = "sent once more as " + again.String()
					as[rc.N] = again
				}
			}
		}
	}
	if len(as) > 0 {
		r.mu.Lock()
		r.due = true
		r.mu.Unlock()
		r.sentAgain(ctx, id, as)
	}
	return r.report(ctx, id, items, nil)
}

// once makes the new message for recipients of one tenant.
func (r *turn) once(ctx context.Context, m *store.Message, rcs []*store.Recipient) (mail.ID, error) {
	body, err := r.s.copyFor(ctx, r.verb, m, rcs[0])
	if err != nil {
		return mail.ID{}, err
	}
	defer func() { _ = body.Close() }() // it was only read
	c := body.Meta.Message
	c.ID, c.Received, c.Parent = mail.NewID(r.now), r.now, m.ID
	c.Rev, c.Attempts, c.Kind, c.HasBody, c.Recipients = 0, 0, "", true, nil
	c.Params.EnvID, c.Params.Ret = "", ""
	for i, rc := range rcs {
		to := *rc
		if then := find(&body.Meta.Message, rc.N); then != nil {
			to.Edits, to.PartEdits = then.Edits, then.PartEdits
		} else if rc.PartEdits != "" {
			return mail.ID{}, &lifecycle.Refusal{Verb: r.verb, Reason: notTheirs}
		}
		fresh(&to)
		to.N, to.Status, to.Origin, to.Next, to.Changed, to.Manual = i+1, mail.StatusQueued, "", r.now, r.now, false
		to.Attempts, to.Breaks, to.Last, to.LastRemote, to.LastHost, to.LastAddr = 0, 0, nil, false, "", ""
		to.Unjudged, to.Keep, to.Kept, to.Local, to.Reason = false, "", false, true, "sent once more from the archive by "+r.sc.Actor
		to.Archived, to.NoArchive, to.Former = false, true, nil // the copy is there
		to.DSN = mail.RcptParams{Notify: mail.NotifyNever}
		to.Route, to.NextHop, to.Throttled = "", "", false
		if err := r.route(&c, &to); err != nil {
			return mail.ID{}, &lifecycle.Refusal{Verb: r.verb, Reason: err.Error()}
		}
		c.Recipients = append(c.Recipients, to)
	}
	c.Prune()
	d, err := r.s.Store.NewDraft(ctx, body.Size())
	if err != nil {
		return mail.ID{}, err
	}
	defer d.Discard()
	if _, err := io.Copy(d, io.NewSectionReader(body, 0, body.Size())); err != nil {
		return mail.ID{}, fmt.Errorf("copying the message from the archive: %w", err)
	}
	var events []mail.Event
	for i := range c.Recipients {
		rc := &c.Recipients[i]
		events = append(events, mail.Event{
			At: r.now, Type: mail.EventReception, Message: c.ID, N: rc.N, Tenant: rc.Tenant, Direction: c.Direction, Sender: c.Sender.String(),
			Recipient: rc.Address.String(), Status: rc.Status, Actor: r.sc.Actor, Class: rc.Class.String(),
			Text: r.because("sent once more from the archive, where it is " + m.ID.String()),
		})
	}
	_, err = r.s.Store.Enqueue(ctx, &store.Admission{Message: &c, Draft: d, Events: events})
	return c.ID, err
}

// sentAgain writes the line in the history of what was sent once more.
func (r *turn) sentAgain(ctx context.Context, id mail.ID, as map[int]mail.ID) {
	err := r.s.Store.Update(ctx, id, func(m *store.Message) ([]mail.Event, error) {
		var events []mail.Event
		for i := range m.Recipients {
			rc := &m.Recipients[i]
			if again, ok := as[rc.N]; ok {
				events = append(events, mail.Event{
					At: r.now, Type: mail.EventArchive, Message: m.ID, N: rc.N, Tenant: rc.Tenant, Direction: m.Direction, Sender: m.Sender.String(),
					Recipient: rc.Address.String(), Status: rc.Status, Class: rc.Class.String(), Actor: r.sc.Actor,
					Text: r.because("sent once more from the archive as " + again.String()),
				})
			}
		}
		return events, nil
	})
	if err != nil { // it is on its way, and says itself who sent it
		r.s.Logger.Warn("a message's history lacks that it was sent once more", "message", id.String(), "error", err)
	}
}
