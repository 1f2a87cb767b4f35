package flow

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/mailweir/weir/gateway/internal/deliver"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/mimetree"
	"github.com/mailweir/weir/gateway/internal/notify"
	"github.com/mailweir/weir/gateway/internal/queue"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/gateway/internal/wire"
	"github.com/mailweir/weir/sdk/abi"
)

// maxBreaks is how often filters may fail on a message after the 250 before
// it is held for an operator (plugin host: failure).
const maxBreaks = 3

// Rejudge implements queue.Judge: filters run again, under the policy of now,
// for recipients that were taken without a verdict or that an operator wants
// scanned again.
func (f *Flow) Rejudge(ctx context.Context, m *store.Message, ns []int, body store.Body) (store.Outcome, error) {
	tree, err := mimetree.Parse(body, body.Size(), mimetree.Budget{})
	if err != nil {
		return store.Outcome{}, fmt.Errorf("reading the message back: %w", err)
	}
	p, now := f.o.Policy(), f.o.Now()
	c := &commit{f: f, p: p, log: f.o.Logger.With("message", m.ID.String()), rec: m, body: body, tree: tree, client: &m.Client}
	var o store.Outcome
	for _, n := range ns {
		i := indexOf(m, n)
		if i < 0 {
			continue
		}
		r := m.Recipients[i]
		t, ok := p.Tenant(r.Tenant)
		if !ok {
			o.Recipients = append(o.Recipients, orphan(&r, now))
			continue
		}
		chain := t.Chain(string(m.Direction))
		r.Waivers = lasting(r.Waivers, chain)
		it := &item{tenant: t, rec: r}
		it.ran = recallRuns(r.Filters)
		it.listener, r.Findings = c.listenerAgain(ctx, it, &r, chain)
		it.heard = c.earlier(ctx, it, &r, chain)
		c.items = append(c.items, it)
	}
	c.judge(ctx, nil)
	if ctx.Err() != nil {
		return store.Outcome{}, fmt.Errorf("filtering was stopped: %w", context.Cause(ctx))
	}
	for _, it := range c.items {
		r := it.rec
		ev, copies := c.redispose(ctx, it, &r, body, now)
		o.Events = append(o.Events, ev)
		o.Spawn = append(o.Spawn, copies...)
		if r.PartEdits != "" {
			if o.PartEdits == nil {
				o.PartEdits = map[string][]mail.PartEdit{}
			}
			o.PartEdits[r.PartEdits] = c.rec.Edits(&r)
		}
		if it.fate == fateQueueable {
			if k, ev, ok := queue.Original(p, c.rec, &r, now); ok {
				o.Added = append(o.Added, k)
				ev.N = -len(o.Added)
				o.Events = append(o.Events, ev)
			}
		}
		o.Recipients = append(o.Recipients, r)
	}
	e := queue.Entry{Recipients: o.Recipients}
	for _, it := range c.items {
		if it.expanded && it.fate == fateQueueable {
			e.Notices = append(e.Notices, queue.Notice{Kind: notify.KindExpanded, Recipients: []int{it.rec.N}})
		}
	}
	var stalled []store.Recipient
	for _, r := range o.Recipients {
		if r.Status == mail.StatusStalled {
			stalled = append(stalled, r)
		}
	}
	if err := c.rerun(ctx, o.Recipients[len(o.Recipients)-len(c.items):]); err != nil {
		queue.Discard(o.Spawn)
		return store.Outcome{}, err
	}
	told, events := f.o.Notices.Make(ctx, m, e, nil, body, o.Events)
	o.Spawn, o.Events = append(o.Spawn, told...), events
	o.Spawn = append(o.Spawn, f.o.Notices.Stalled(ctx, m, stalled)...)
	o.DropBody = queue.Done(c.p, m, o.Recipients)
	return o, nil
}

func indexOf(m *store.Message, n int) int {
	for i := range m.Recipients {
		if m.Recipients[i].N == n {
			return i
		}
	}
	return -1
}

// orphan waits: its tenant is not in the policy, so there is nobody to judge
// for. It stays visible to the admin, and is looked at again.
func orphan(r *store.Recipient, now time.Time) store.Recipient {
	r.Reason = fmt.Sprintf("tenant %q is not in the policy any more", r.Tenant)
	r.Next = now.Add(time.Hour)
	return *r
}

// redispose gives a recipient judged from the queue its new state. There is
// no client any more: a refusal is kept or dropped, a failure tried again.
// The copies are for what a redirect leads to beyond the first address.
func (c *commit) redispose(ctx context.Context, it *item, r *store.Recipient, body store.Body, now time.Time) (_ mail.Event, copies []*store.Admission) {
	again := r.Manual // an operator had stalled mail scanned again
	r.Unjudged, r.Manual = false, false
	switch it.ruling.action {
	case mail.ActionContinue, mail.ActionAccept, mail.ActionRedirect:
		if !it.ruling.hold.IsZero() {
			it.fate = fateHeld
			break
		}
		to, err := redirectTo(&it.ruling)
		if err == nil && len(to) > 0 {
			c.expand(it)
			copies, err = c.copies(ctx, it, to[1:], body, now)
			lead(&it.rec, to[0])
		}
		if err != nil {
			it.ruling.reason = err.Error()
			return c.broken(it, r, now), nil
		}
		c.prepare(it)
		if again {
			r.Origin = mail.StatusAutoReleased // its verdict changed (B14)
		}
		r.Address, r.Original, r.Local = it.rec.Address, it.rec.Original, it.rec.Local
		r.Route, r.NextHop, r.Schedule, r.Hold = it.rec.Route, it.rec.NextHop, it.rec.Schedule, nil
		r.DSN = it.rec.DSN
		r.Edits, r.PartEdits, r.Keep = it.rec.Edits, it.rec.PartEdits, it.rec.Keep
		it.fate, r.Status = fateQueueable, mail.StatusAccepted
	case mail.ActionReject, mail.ActionDisconnect:
		it.fate = fateRejected
	case mail.ActionTempfail:
		return c.broken(it, r, now), nil
	default:
		it.fate = fateHeld
	}
	ev, _ := c.place(it, r, now)
	return ev, copies
}

// copies are messages for the further addresses of a redirect that was decided
// from the queue, where a message cannot gain recipients. Their IDs follow
// from the message and the address, so each is made once.
func (c *commit) copies(ctx context.Context, it *item, to []mail.Address, body store.Body, now time.Time) (out []*store.Admission, err error) {
	defer func() {
		if err != nil {
			queue.Discard(out)
			out = nil
		}
	}()
	for _, a := range to {
		m := *c.rec
		m.ID = mail.DeriveID(c.rec.ID, c.rec.Received, "redirect", fmt.Sprint(it.rec.N), a.Key())
		m.Parent, m.Rev, m.Attempts, m.HasBody, m.PartEdits = c.rec.ID, 0, 0, true, nil
		further := *it
		further.rec.N = 1
		lead(&further.rec, a)
		copied := *c
		copied.rec = &m
		copied.prepare(&further)
		r := &further.rec
		r.Archived, r.NoArchive = false, false // the copy is another message
		r.Status, r.Unjudged, r.Manual, r.Next, r.Changed, r.Expires, r.Hold = mail.StatusQueued, false, false, now, now, time.Time{}, nil
		m.Recipients = []store.Recipient{*r}
		d, err := c.f.copyOf(ctx, wire.Message{Body: body, Size: body.Size()})
		if err != nil {
			return out, fmt.Errorf("copying the message for %s: %w", a, err)
		}
		ev := queue.Event(&m, r, mail.EventReception, now)
		ev.Text = "a copy of " + c.rec.ID.String() + " for a further address of its redirect"
		out = append(out, &store.Admission{Message: &m, Draft: d, Events: []mail.Event{ev}})
	}
	return out, nil
}

// broken tries again later, and holds what breaks filters for good.
func (c *commit) broken(it *item, r *store.Recipient, now time.Time) mail.Event {
	r.Breaks++
	r.Hold = nil // that ended without a verdict
	ev := queue.Event(c.rec, r, mail.EventFilterError, now)
	r.Reason = it.ruling.reason
	if r.Breaks >= maxBreaks {
		r.Reason = fmt.Sprintf("held: filtering failed %d times, last: %s", r.Breaks, it.ruling.reason)
		c.hold(it, r, mail.StatusStalled, &ev, now)
		c.log.Error("a message is held because filters keep failing on it; see which, then retry it", "rcpt", r.Address.String(), "reason", r.Reason)
	} else {
		r.Status, r.Unjudged = mail.StatusAccepted, true
		r.Next = now.Add(refilter << (2 * r.Breaks)) // 4, 16 minutes
	}
	r.Changed = now
	ev.Status, ev.Text, ev.Next = r.Status, r.Reason, r.Next
	return ev
}

// Inject implements queue.Judge: mail from one hosted tenant to another enters
// the receiver's inbound chain as a new message, made only once.
func (f *Flow) Inject(ctx context.Context, m *store.Message, ns []int, body store.Body) []deliver.RcptResult {
	reply := f.inject(ctx, m, ns, body)
	out := make([]deliver.RcptResult, 0, len(ns))
	for _, n := range ns {
		res := deliver.RcptResult{N: n, Outcome: deliver.Deferred, Reply: reply, Host: "local"}
		switch {
		case reply.Success():
			res.Outcome = deliver.Delivered
		case reply.Permanent():
			res.Outcome = deliver.Failed
		}
		out = append(out, res)
	}
	return out
}

func (f *Flow) inject(ctx context.Context, m *store.Message, ns []int, body store.Body) mail.Reply {
	p, now := f.o.Policy(), f.o.Now()
	later := func(err error) mail.Reply {
		f.o.Logger.Error("passing mail to a hosted tenant failed; it is tried again", "message", m.ID.String(), "err", err)
		return *mail.NewReply(451, "4.3.0", "the receiving tenant's chain is not available")
	}
	rec := &store.Message{
		Direction: mail.Inbound, Received: now, Client: m.Client, Sender: m.Sender, Params: m.Params, Policy: p.Digest(), Parent: m.ID, Kind: m.Kind, Sealed: m.Sealed,
	}
	c := &commit{f: f, p: p, rec: rec, client: &m.Client, queued: true}
	parts := []string{"local"}
	out := wire.Message{}
	for _, n := range ns {
		i := indexOf(m, n)
		if i < 0 {
			continue
		}
		r := m.Recipients[i]
		t, ok := p.TenantOf(r.Address.Domain())
		if !ok {
			return *mail.NewReply(451, "4.4.4", "the receiving domain is not hosted here any more")
		}
		// What the queue hands over together has the same edits (queue.Batches).
		// The number tells the message from its original, which is released to
		// the same address.
		parts, out = append(parts, strconv.Itoa(n), r.Address.Key()), queue.Wire(m, r.Edits, r.PartEdits, body, body.Size())
		c.items = append(c.items, &item{tenant: t, rec: store.Recipient{
			N: len(c.items) + 1, Address: r.Address, Original: r.Original, Tenant: t.Name, Local: true, Status: mail.StatusAccepted, Secure: r.Secure, DSN: r.DSN,
		}})
	}
	rec.ID = mail.DeriveID(m.ID, m.Received, parts...)
	c.log = f.o.Logger.With("message", rec.ID.String(), "parent", m.ID.String())
	if _, err := f.o.Store.Get(ctx, rec.ID); err == nil {
		return *mail.NewReply(250, "2.0.0", "passed on before as "+rec.ID.String())
	}
	draft, err := f.copyOf(ctx, out)
	if err != nil {
		return later(err)
	}
	defer draft.Discard()
	tree, err := mimetree.Parse(draft, draft.Size(), mimetree.Budget{})
	if err != nil {
		return later(err)
	}
	if tree.ReceivedCount() > p.Gateway().MaxReceived {
		return *mail.NewReply(554, "5.4.6", "routing loop (B129)")
	}
	rec.Size, rec.Summary, c.draft, c.body, c.tree = draft.Size(), summary(tree), draft, draft, tree
	rec.Trace = "Received: by " + p.Gateway().Hostname + " (Weir) with LMTP id " + rec.ID.String() + ";\r\n\t" + now.Format(time.RFC1123Z) + "\r\n"
	c.judge(ctx, c.envelope(ctx))
	return c.finish(ctx, nil)
}

// envelope has the receiver's filters hear of the envelope of mail that came
// in process: mail_from and rcpt_to. There was no connection to speak of.
func (c *commit) envelope(ctx context.Context) map[string]*hearing {
	early := map[string]*hearing{}
	for _, it := range c.items {
		chain := it.tenant.Chain(string(c.rec.Direction))
		h := early[it.tenant.Name]
		if h == nil {
			h = newHearing(it.tenant.Name)
			early[it.tenant.Name] = h
			c.replay(ctx, h, chain, &it.rec, abi.StageMailFrom)
		}
		mine := h.fork()
		c.replay(ctx, mine, chain, &it.rec, abi.StageRcptTo)
		it.heard, it.ran = substance(mine.beyond(h)), mine.runsBeyond(h)
	}
	return early
}

// copyOf makes a draft of a message as it goes out.
func (f *Flow) copyOf(ctx context.Context, m wire.Message) (store.Draft, error) {
	plan, err := m.Plan()
	if err != nil {
		return nil, err
	}
	d, err := f.o.Store.NewDraft(ctx, plan.Size())
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(d, plan.Reader()); err != nil {
		d.Discard()
		return nil, err
	}
	return d, nil
}
