package flow

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/mailweir/weir/gateway/internal/deliver"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/notify"
	"github.com/mailweir/weir/gateway/internal/queue"
	"github.com/mailweir/weir/gateway/internal/store"
)

// refilter is how soon a message whose filter failed is filtered again.
const refilter = time.Minute

// refuse answers 5xx: nothing was taken (B66).
func (c *commit) refuse(tx *transaction, now time.Time) mail.Reply {
	c.sync()
	var first *mail.Reply
	for i, it := range c.items {
		r := &c.rec.Recipients[i]
		r.Status, r.Last, r.Changed, r.Reason = mail.StatusRejected, it.reply, now, it.ruling.reason
		if first == nil {
			first = it.reply
		}
	}
	if first == nil || first.Code < 400 {
		first = mail.NewReply(554, "5.7.1", "refused")
	}
	ev := mail.EventRejection
	if first.Temporary() { // a disconnect by 421: the client may come back (B19)
		ev = mail.EventDeferral
		for i := range c.rec.Recipients {
			c.rec.Recipients[i].Status = mail.StatusNotAccepted
		}
	}
	c.keepRow(tx, ev, first, now)
	return *first
}

// later answers 451: nothing was taken, the client keeps the message.
func (c *commit) later(tx *transaction, now time.Time) mail.Reply {
	c.sync()
	reply := mail.NewReply(451, "4.4.1", "try again later")
	if r := c.policyReply(); r != nil {
		reply = r
	}
	for i, it := range c.items {
		r := &c.rec.Recipients[i]
		r.Status, r.Last, r.Changed, r.Reason = mail.StatusNotAccepted, it.reply, now, it.ruling.reason
		if (it.fate == fateUnknown || it.fate == fateUnfiltered) && it.reply != nil {
			reply.Text = it.reply.Text
			if it.reply.Enhanced[0] == 4 {
				reply.Enhanced = it.reply.Enhanced
			}
		}
	}
	c.keepRow(tx, mail.EventDeferral, reply, now)
	return *reply
}

// policyReply is the temporary reply that a filter or the policy asks for,
// where no destination is the reason; nil none.
func (c *commit) policyReply() *mail.Reply {
	var first *mail.Reply
	for _, it := range c.items {
		if it.fate == fateUnknown {
			return nil
		}
		if r := it.reply; it.fate == fateUnfiltered && first == nil && r != nil && r.Temporary() && r.Code != 421 {
			copied := *r
			first = &copied
		}
	}
	return first
}

// keepRow journals a message that was not taken.
func (c *commit) keepRow(tx *transaction, t mail.EventType, reply *mail.Reply, now time.Time) {
	if c.queued { // in-process mail has its row in the message it came from
		return
	}
	for _, a := range c.attempts { // the destination refused it, and so did we (B66)
		for _, n := range a.Recipients {
			r := &c.rec.Recipients[n-1]
			r.Attempts, r.LastHost, r.LastAddr = 1, a.Host, a.Addr
		}
	}
	addRefused(c.rec, tx, now)
	ev := queue.Event(c.rec, nil, t, now)
	ev.Reply = reply
	c.f.o.Store.Record(c.rec, c.attempts, ev)
	c.tellAttempts()
}

// addRefused appends the recipients that were refused at RCPT.
func addRefused(rec *store.Message, tx *transaction, now time.Time) {
	if tx == nil {
		return
	}
	for _, r := range tx.rcpts {
		if r.refused == nil {
			continue
		}
		s := store.Recipient{
			N: len(rec.Recipients) + 1, Address: r.addr, Original: r.original, Status: mail.StatusRejected, Last: r.refused,
			Findings: r.findings, Rule: r.rule, Reason: r.refused.Text, Changed: now, Identity: tx.identity.Name, Filters: tx.filters(&r),
		}
		if r.refused.Temporary() {
			s.Status = mail.StatusNotAccepted
		}
		if r.tenant != nil {
			s.Tenant = r.tenant.Name
		}
		if len(r.findings) > 0 {
			s.Class = r.findings[0].Class
		}
		rec.Recipients = append(rec.Recipients, s)
	}
}

// take makes every recipient ours, and answers 250 once that is durable. It came
// before it was tried.
func (c *commit) take(ctx context.Context, tx *transaction, came, now time.Time) mail.Reply {
	c.sync()
	events := []mail.Event{queue.Event(c.rec, nil, mail.EventReception, came)}
	var book []deliver.RcptResult
	for _, res := range c.results {
		if res.overBudget {
			events = append(events, c.putOff(&c.rec.Recipients[res.N-1], now))
			continue
		}
		book = append(book, res.RcptResult)
	}
	entry := (&queue.Book{Policy: c.p, Now: now, Jitter: c.f.o.Jitter}).Enter(c.rec, book)
	for _, r := range entry.Recipients {
		c.rec.Recipients[r.N-1] = r
	}
	events = append(events, entry.Events...)
	for i, it := range c.items {
		if ev, ok := c.place(it, &c.rec.Recipients[i], now); ok {
			events = append(events, ev)
		}
	}
	events = append(events, c.keepOriginals(now)...)
	reply, err := c.write(ctx, tx, now, entry, events)
	if err != nil {
		return reply
	}
	c.log.Info("taken", "reply", reply.String(), "recipients", len(c.items))
	return reply
}

// putOff queues a recipient whose attempt was broken off for the client's
// sake: the queue tries at once, and no failure is counted.
func (c *commit) putOff(r *store.Recipient, now time.Time) mail.Event {
	r.Status, r.Next, r.Changed = mail.StatusQueued, now.Add(time.Second), now
	ev := queue.Event(c.rec, r, mail.EventVerdict, now)
	ev.Status, ev.Next, ev.Text = r.Status, r.Next, "the destination took longer than the client waits (B64); queued"
	return ev
}

// place gives a recipient without a result its state.
func (c *commit) place(it *item, r *store.Recipient, now time.Time) (mail.Event, bool) {
	set := it.tenant.Settings(string(c.rec.Direction), queue.Own(c.rec, r).Key())
	ev := queue.Event(c.rec, r, mail.EventVerdict, now)
	r.Reason, r.Hold = it.ruling.reason, nil
	if it.ruling.reply != nil && r.Last == nil {
		r.Last = it.ruling.reply
	}
	switch {
	case it.fate == fatePending:
		r.Status, r.Next = mail.StatusQueued, now
	case it.fate == fateQueueable && r.Status == mail.StatusAccepted: // not tried yet
		r.Status, r.Next, r.Reason = mail.StatusQueued, now, ""
	case it.fate == fateUnfiltered:
		r.Status, r.Unjudged, r.Next = mail.StatusAccepted, true, now.Add(refilter)
		r.Edits = it.ruling.edits // the early ones stay
		ev.Type = mail.EventFilterError
	case it.fate == fateRejected:
		// No other reply is possible any more: kept for the operator where the
		// tenant keeps such mail, else dropped; never a DSN for spam.
		r.Status, ev.Type = mail.StatusBlackholed, mail.EventDiscard
		if set.KeepRejected {
			c.hold(it, r, mail.StatusQuarantined, &ev, now)
		}
	case it.fate == fateHeld && !it.ruling.hold.IsZero():
		r.Status, r.Unjudged, r.Next, r.Hold = mail.StatusAccepted, true, it.ruling.hold, it.ruling.held
		r.Origin = mail.StatusAutoReleased // should it pass then (B14, B113)
		c.way(it, r)
	case it.fate == fateHeld && it.ruling.action == mail.ActionDiscard:
		r.Status, ev.Type = mail.StatusBlackholed, mail.EventDiscard
	case it.fate == fateHeld && it.ruling.action == mail.ActionStall:
		c.hold(it, r, mail.StatusStalled, &ev, now)
	case it.fate == fateHeld:
		c.hold(it, r, mail.StatusQuarantined, &ev, now)
	default:
		return ev, false // Book has written its state and event
	}
	r.Changed = now
	ev.Status, ev.Text, ev.Next, ev.Class = r.Status, it.ruling.reason, r.Next, r.Class.String()
	if r.Hold != nil {
		ev.Text = "held by filter " + r.Hold.Filter + ": " + r.Hold.Reason
	}
	return ev, true
}

// hold keeps a recipient for an operator until it expires (B136, B137).
func (c *commit) hold(it *item, r *store.Recipient, s mail.Status, ev *mail.Event, now time.Time) {
	set := it.tenant.Settings(string(c.rec.Direction), queue.Own(c.rec, r).Key())
	r.Status, r.Next, r.Origin = s, time.Time{}, ""
	ev.Type = mail.EventQuarantine
	keep := it.tenant.Retain().Quarantine
	if s == mail.StatusStalled {
		ev.Type, keep = mail.EventStall, set.Hold
	}
	if keep <= 0 { // a quarantine was asked for where none is kept: as long as stalled mail
		keep = set.Hold
	}
	r.Expires = now.Add(keep)
	c.way(it, r)
}

// way lets a release find its way without a new verdict, and with the edits
// of this one.
func (c *commit) way(it *item, r *store.Recipient) {
	if r.Route == "" {
		c.prepare(it)
		r.Route, r.NextHop, r.Schedule = it.rec.Route, it.rec.NextHop, it.rec.Schedule
	}
	c.stage(it, r)
}

// write makes it all durable: first the message, with what is owed of it, then
// the notices. A notice is never made of what was not recorded.
func (c *commit) write(ctx context.Context, tx *transaction, now time.Time, entry queue.Entry, events []mail.Event) (mail.Reply, error) {
	live, alldone := false, true
	for _, r := range c.rec.Recipients {
		live = live || r.Status.Live()
		alldone = alldone && (r.Status == mail.StatusDelivered || r.Status == mail.StatusSecureDelivered)
	}
	addRefused(c.rec, tx, now)
	ctx = context.WithoutCancel(ctx) // mail is out already: recording it is no matter of the client's patience
	c.owe(entry, now)
	owing := queue.Owing(c.rec.Recipients)
	live = live || owing || queue.KeepBody(c.p, c.rec.Recipients) > 0 // what failed can be queued again (B132)
	if !live {
		c.f.o.Store.Record(c.rec, c.attempts, events...)
		if err := c.recorded(ctx); err != nil {
			return c.failedToTake(err), err
		}
		c.tellObservers(entry)
		return c.thanks(alldone), nil
	}
	c.rec.HasBody = true
	adm := &store.Admission{Message: c.rec, Draft: c.draft, Events: events, Attempts: c.attempts}
	if len(c.pending) > 0 {
		adm.LeaseFor = attemptLimit + time.Minute
		for _, r := range c.pending { // the others are the queue's, at once
			for _, to := range r.batch.To {
				adm.LeaseOnly = append(adm.LeaseOnly, to.N)
			}
		}
	}
	lease, err := c.f.o.Store.Enqueue(ctx, adm)
	if err != nil {
		if errors.Is(err, store.ErrFull) { // else it may be recorded after all
			c.archives.Discard()
		}
		c.leave()
		return c.failedToTake(err), err
	}
	c.archives.File()
	if owing {
		c.f.o.Notices.Pay(ctx, c.rec.ID)
	}
	if len(c.pending) > 0 {
		c.settleLate(lease, c.pending)
	}
	c.tellObservers(entry)
	c.f.HoldEvent(c.rec, heldOf(c.rec.Recipients), heldNow, "")
	return c.thanks(alldone), nil
}

// owe notes on the recipients what notices they give rise to.
func (c *commit) owe(entry queue.Entry, now time.Time) {
	rs := c.rec.Recipients
	queue.Owe(rs, entry)
	for i, it := range c.items {
		r := &rs[i]
		switch {
		case r.Status == mail.StatusStalled:
			notify.OweKind(r, notify.KindStalled, "", now)
		case it.expanded && (r.Status.Due() || r.Last != nil && r.Last.Success()):
			notify.OweKind(r, notify.KindExpanded, "", now)
		}
	}
}

// leave lets the attempts that are past their final dot end by themselves,
// when the message could not be taken: nobody records what they bring.
func (c *commit) leave() {
	if len(c.pending) == 0 {
		return
	}
	c.late = true
	c.f.late.Go(func() {
		defer c.draft.Discard()
		for _, r := range c.pending {
			c.f.awaitEnd(r)
		}
	})
}

func (c *commit) thanks(delivered bool) mail.Reply {
	if delivered {
		return *mail.NewReply(250, "2.0.0", "Ok: delivered as "+c.rec.ID.String())
	}
	return *mail.NewReply(250, "2.0.0", "Ok: queued as "+c.rec.ID.String())
}

// failedToTake answers for a commit that did not happen, or may not have: an
// unknown commit is never a 250.
func (c *commit) failedToTake(err error) mail.Reply {
	if errors.Is(err, store.ErrFull) {
		c.log.Warn("mail is deferred: not enough free space", "err", err)
		return *mail.NewReply(452, "4.3.1", "not enough free space, try again later")
	}
	c.log.Error("a message could not be made durable; the client was told to come back", "err", err)
	return *mail.NewReply(451, "4.3.0", "internal error "+c.rec.ID.String()+", try again later")
}

// draftBody lets notices quote a message that is no file yet.
type draftBody struct{ store.Draft }

func (draftBody) Close() error { return nil }

// refuseAll journals a message that is refused as a whole.
func (s *session) refuseAll(log *slog.Logger, tx *transaction, rec *store.Message, reply mail.Reply, t mail.EventType) {
	now := s.f.o.Now()
	status := mail.StatusRejected
	if reply.Temporary() {
		status = mail.StatusNotAccepted
	}
	rec.Recipients = nil
	for _, r := range tx.rcpts {
		if r.refused == nil {
			sr := store.Recipient{N: len(rec.Recipients) + 1, Address: r.addr, Status: status, Last: &reply, Reason: reply.Text, Changed: now, Identity: tx.identity.Name, Filters: tx.filters(&r)}
			if r.tenant != nil {
				sr.Tenant = r.tenant.Name
			}
			rec.Recipients = append(rec.Recipients, sr)
		}
	}
	addRefused(rec, tx, now)
	tx.done = true
	ev := queue.Event(rec, nil, t, now)
	ev.Reply = &reply
	log.Info("refused", "reply", reply.String())
	s.f.o.Store.Record(rec, nil, ev)
}

// abandon journals a transaction that ends without a message: refused
// recipients, and a client that gave up (B19).
func (s *session) abandon(why string) {
	tx := s.tx
	if tx == nil || tx.done || len(tx.rcpts) == 0 {
		return
	}
	tx.done = true
	if !s.f.refused.allow(s.client.Addr.Addr(), s.f.o.Now()) {
		return
	}
	now := s.f.o.Now()
	rec := &store.Message{
		ID: tx.id, Direction: s.peer.Direction, Received: tx.received, Client: s.client, Sender: tx.from,
		Params: tx.params, Policy: s.p.Digest(),
	}
	open := false
	for _, r := range tx.rcpts {
		if r.refused != nil {
			continue
		}
		open = true
		sr := store.Recipient{N: len(rec.Recipients) + 1, Address: r.addr, Status: mail.StatusNotAccepted, Reason: why, Changed: now, Identity: tx.identity.Name, Filters: tx.filters(&r)}
		if r.tenant != nil {
			sr.Tenant = r.tenant.Name
		}
		rec.Recipients = append(rec.Recipients, sr)
	}
	addRefused(rec, tx, now)
	ev := queue.Event(rec, nil, mail.EventRejection, now)
	if open {
		ev.Type = mail.EventDeferral
	}
	ev.Text = why
	s.f.o.Store.Record(rec, nil, ev)
}
