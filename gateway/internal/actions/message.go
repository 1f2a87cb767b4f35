package actions

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/notify"
	"github.com/mailweir/weir/gateway/internal/store"
)

// pick says which recipients of a message are meant: ns by name, and with
// whole every one the verb applies to.
type pick struct {
	ns    []int
	whole bool
}

// errUnchanged ends an Update in which nothing changed, without a commit.
var errUnchanged = errors.New("unchanged")

// turn is the work on one message.
type turn struct {
	*run
	slot  int                                          // place in the order of a flush
	at    time.Time                                    // when the message is changed: a job begins long before
	class *class                                       // of verbs that train: what was learnt
	added []store.Recipient                            // further recipients of the message
	kept  func(*store.Message, *store.Recipient) error // of DeleteArchived: why a copy has to stay
}

// message acts on one message, in one commit where it can. When a delivery
// attempt holds some of its recipients, the others are done one by one. slot
// is the first of as many places as the message has recipients.
func (r *run) message(ctx context.Context, id mail.ID, p pick, slot int) error {
	t := &turn{run: r, slot: slot}
	switch {
	case r.verb == lifecycle.Copy:
		return t.copyMessage(ctx, id, p)
	case r.verb == lifecycle.RedeliverArchived:
		return t.redeliver(ctx, id, p)
	case r.verb == lifecycle.DeleteArchived:
		defer t.deleting(ctx, id)()
	case shown[r.verb] != "":
		return r.show(ctx, id, p)
	case trains[r.verb] != "":
		if err := t.train(ctx, id, p); err != nil {
			return r.report(ctx, id, nil, err)
		}
		if r.verb == lifecycle.TrainSpam {
			return r.report(ctx, id, t.class.items, nil)
		}
	}
	if err := r.learn(ctx, id, p); err != nil {
		return r.report(ctx, id, nil, err)
	}
	items, err := t.update(ctx, id, p)
	if errors.Is(err, store.ErrLeased) && len(items) > 1 && r.surgery.from == nil {
		for i, it := range items {
			t.slot = slot + i
			one, err := t.update(ctx, id, pick{ns: []int{it.n}})
			if err := r.report(ctx, id, one, err); err != nil {
				return err
			}
		}
		return r.notify(ctx, id)
	}
	if err := r.report(ctx, id, items, err); err != nil {
		return err
	}
	return r.notify(ctx, id)
}

// item is an ItemResult in the making.
type item struct {
	n int
	ItemResult
}

// update asks the table and applies the verb, within one Update. It returns
// an item for every recipient it tried, also with an error.
func (r *turn) update(ctx context.Context, id mail.ID, p pick) ([]item, error) {
	var items []item
	slot := r.slot
	var told held
	err := r.change(ctx, id, func(m *store.Message) ([]mail.Event, error) {
		var events []mail.Event
		told = held{m: m}
		items, r.added = items[:0], nil // Update may try more than once
		r.slot, r.at = slot, r.s.Clock()
		unprepared := r.prepare(m, p)
		for i := range m.Recipients {
			rc := &m.Recipients[i]
			if !r.picked(m, rc, p) {
				continue
			}
			it := item{n: rc.N, ItemResult: ItemResult{ID: fmt.Sprintf("%s.%d", id, rc.N), Recipient: rc.Address.String()}}
			was := *rc
			e, err := (*mail.Event)(nil), unprepared
			if err == nil {
				e, err = r.apply(m, rc)
			}
			if e != nil {
				told.add(r.verb, &was)
			}
			switch {
			case err != nil:
				it.Code, it.Error = CodeRefused, err.Error()
			case e != nil:
				it.Changed = true
				events = append(events, *e)
				if it.Note = r.class.said(rc.N); e.Type == mail.EventList {
					it.Note = e.Text
				}
			}
			it.Status, it.Recipient = rc.Status, rc.Address.String()
			items = append(items, it)
		}
		if p.whole {
			items = r.meant(items, p.ns)
		}
		if len(events) == 0 || r.halfDone(items) {
			return nil, errUnchanged
		}
		r.join(m, &events)
		if notify.Final(m) && !notify.Owes(m) && !r.s.KeepBody(m) {
			m.HasBody = false
		}
		return events, nil
	})
	if errors.Is(err, errUnchanged) {
		return items, nil
	}
	if err == nil && !r.args.DryRun {
		told.tell(r.s.Told, r.sc.Actor)
	}
	return items, err
}

// picked reports whether a recipient is meant: the scope sees it, it was named,
// and what a filter found still matches when its turn comes.
func (r *run) picked(m *store.Message, rc *store.Recipient, p pick) bool {
	return r.sc.Sees(m, rc) && (p.whole || slices.Contains(p.ns, rc.N)) &&
		(r.match == nil || r.match.Match(store.Row{Message: m, Recipient: rc}))
}

// halfDone refuses all recipients when one was: a new return path is for all
// of them or none.
func (r *turn) halfDone(items []item) bool {
	if r.surgery.from == nil || !slices.ContainsFunc(items, func(it item) bool { return it.Code != "" }) {
		return false
	}
	for i := range items {
		if items[i].Changed {
			items[i].Changed, items[i].Code, items[i].Error = false, CodeRefused, errWhole.Error()
		}
	}
	return true
}

// join puts further recipients behind those there are, each with its event.
func (r *turn) join(m *store.Message, events *[]mail.Event) {
	n := 0
	for i := range m.Recipients {
		n = max(n, m.Recipients[i].N)
	}
	for _, rc := range r.added {
		n++
		rc.N, rc.Changed = n, r.at
		m.Recipients = append(m.Recipients, rc)
		*events = append(*events, mail.Event{
			At: r.at, Type: mail.EventRebind, Message: m.ID, N: n, Tenant: rc.Tenant, Direction: m.Direction, Sender: m.Sender.String(),
			Recipient: rc.Address.String(), Class: rc.Class.String(), Status: rc.Status, Next: rc.Next, Actor: r.sc.Actor, Text: r.args.Reason,
		})
	}
}

// change is the store's Update, or a rehearsal of it.
func (r *run) change(ctx context.Context, id mail.ID, f func(*store.Message) ([]mail.Event, error)) error {
	if !r.args.DryRun {
		return r.s.Store.Update(ctx, id, f)
	}
	m, err := r.s.Store.Get(ctx, id)
	if err != nil {
		return err
	}
	_, err = f(m)
	return err
}

// meant drops the recipients that only their status keeps from the verb, when
// a message was named whole and others are left.
func (r *run) meant(items []item, named []int) []item {
	kept := slices.DeleteFunc(slices.Clone(items), func(it item) bool {
		return it.Code != "" && !slices.Contains(named, it.n) && !slices.Contains(r.verb.Statuses(), it.Status)
	})
	if len(kept) == 0 {
		return items
	}
	return kept
}

// apply checks and changes one recipient. No event: it is already as asked.
func (r *turn) apply(m *store.Message, rc *store.Recipient) (*mail.Event, error) {
	q := r.sc.Query(m, rc, r.s.DomainForce(rc.Tenant))
	q.Classes = true // not for the verbs done here
	if err := lifecycle.Check(r.verb, q); err != nil {
		return nil, err
	}
	at := r.at
	if rc.Changed.After(at) { // a clock was set, or another's goes ahead
		at = rc.Changed
	}
	e := &mail.Event{
		At: at, Message: m.ID, N: rc.N, Tenant: rc.Tenant, Direction: m.Direction,
		Sender: m.Sender.String(), Recipient: rc.Address.String(), Class: rc.Class.String(),
		Actor: r.sc.Actor, Text: r.args.Reason,
	}
	if err := r.class.untaught(rc.N); err != nil {
		return nil, err
	}
	next := *rc // an error leaves rc as it was
	changed, err := appliers[r.verb](r, m, &next, e)
	if err != nil || !changed {
		return nil, err
	}
	if next.Status != rc.Status {
		if !lifecycle.Can(rc.Status, next.Status) {
			return nil, fmt.Errorf("%s may not follow %s", next.Status, rc.Status)
		}
		next.Changed = at
	}
	*rc = next
	e.Status, e.Next = rc.Status, rc.Next
	return e, nil
}

// report turns the outcome of an Update into results. Its error is one that
// has to stop the run.
func (r *run) report(ctx context.Context, id mail.ID, items []item, err error) error {
	var code Code
	var text string
	switch {
	case err == nil:
	case errors.Is(err, store.ErrLeased) && r.verb == lifecycle.Flush: // it is tried as we speak
		for i := range items {
			items[i].Changed, items[i].Note = false, "a delivery attempt is under way"
		}
	case errors.Is(err, store.ErrNotFound):
		code, text = CodeNotFound, fmt.Sprintf("message %q: not found", id)
	case errors.Is(err, store.ErrLeased):
		code, text = CodeLeased, "a delivery attempt is under way; try again shortly"
	default:
		code, text = CodeFailed, err.Error()
	}
	if code != "" && len(items) == 0 {
		items = []item{{ItemResult: ItemResult{ID: id.String()}}}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, it := range items {
		if code != "" && it.Code == "" {
			it.Changed, it.Code, it.Error = false, code, text
			it.Status = ""
		}
		r.res.Matched++
		if it.Changed {
			r.res.Changed++
			r.due = r.due || it.Status.Due()
			if r.args.DryRun {
				r.add(it.ItemResult)
				continue
			}
			r.s.Logger.Info("operator's action", "action", string(r.verb), "actor", r.sc.Actor, "message", id.String(), "rcpt", it.n, "status", string(it.Status))
		}
		r.add(it.ItemResult)
	}
	if code == CodeFailed && (ctx.Err() != nil || errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrFull)) {
		return err
	}
	return nil
}

// notify makes the DSN that Bounce, Tell, or Reroute to several addresses owes.
// Should that fail, the keeper does it later: the debt is on disk.
func (r *run) notify(ctx context.Context, id mail.ID) error {
	expands := r.verb == lifecycle.Reroute && len(r.surgery.to) > 1
	if r.verb != lifecycle.Bounce && !r.args.Tell && !expands || r.args.DryRun || r.s.Payer == nil {
		return nil
	}
	if err := r.s.Payer.Pay(ctx, id); err != nil && !errors.Is(err, store.ErrNotFound) {
		r.s.Logger.Warn("the sender's notification follows later", "message", id.String(), "error", err)
		return nil
	}
	r.mu.Lock()
	r.due = true
	r.mu.Unlock()
	return nil
}
