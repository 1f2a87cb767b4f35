package flow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/mimetree"
	"github.com/mailweir/weir/gateway/internal/queue"
	"github.com/mailweir/weir/gateway/internal/smtpd"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/policy"
)

// message takes one message's bytes into a draft and then decides about it.
type message struct {
	s     *session
	tx    *transaction
	draft store.Draft
	ends  bool
}

// Ends implements smtpd.Ender: a filter or the policy disconnects the client.
func (m *message) Ends() bool { return m.ends }

func (m *message) Write(b []byte) (int, error) {
	n, err := m.draft.Write(b)
	if err != nil && errors.Is(err, store.ErrFull) {
		return n, m.s.unavailable(err)
	}
	return n, err
}

// Abort implements smtpd.Message: the data broke, nothing is kept but a row.
func (m *message) Abort(cause error) {
	m.draft.Discard()
	why := "the data broke off"
	if cause != nil {
		why = cause.Error()
	}
	m.s.abandon(why)
}

// item is one recipient on its way through Commit.
type item struct {
	rec    store.Recipient
	tenant *policy.Tenant
	heard  []opinion // of this recipient alone, before DATA
	ran    []call    // for this recipient alone, before DATA
	ruling ruling

	listener *ruling // of the listener's rulesets, when the message is judged again; nil none

	fate  fate
	reply *mail.Reply // the refusal, of the destination or of policy

	expanded bool // its success is told now, as it is sent on to other addresses
}

// Commit implements smtpd.Message: judge, deliver or take, and answer.
func (m *message) Commit(ctx context.Context) mail.Reply {
	s, f := m.s, m.s.f
	c := &commit{f: f, p: s.p, draft: m.draft, body: m.draft, client: &s.client}
	defer func() {
		if !c.late { // an attempt that goes on reads it, and discards it
			m.draft.Discard()
		}
	}()
	rec := m.record()
	log := s.log.With("message", rec.ID.String())
	tree, err := mimetree.Parse(m.draft, m.draft.Size(), mimetree.Budget{})
	if err != nil {
		return s.internal(log, m, rec, fmt.Errorf("reading the message back: %w", err))
	}
	rec.Summary = summary(tree)
	if hops := tree.ReceivedCount(); hops > s.p.Gateway().MaxReceived {
		reply := mail.NewReply(554, "5.4.6", fmt.Sprintf("routing loop: %d Received headers (B129)", hops))
		s.refuseAll(log, m.tx, rec, *reply, mail.EventRejection)
		return *reply
	}
	if reply := m.lateTenant(ctx, tree); reply != nil {
		s.refuseAll(log, m.tx, rec, *reply, mail.EventRejection)
		return *reply
	}
	rec.Trace = smtpd.Received(s.peer, s.p.Gateway().Hostname, rec.ID.String(), m.tx.from, m.tx.acceptedAddrs(), m.tx.received)
	c.log, c.rec, c.tree, c.listener, c.session = log, rec, tree, s.overall(), s.hearing
	for _, r := range m.tx.rcpts {
		if r.refused != nil {
			continue
		}
		c.items = append(c.items, &item{tenant: r.tenant, heard: substance(r.heard), ran: r.ran, rec: store.Recipient{
			N: len(c.items) + 1, Address: r.addr, Original: r.original, Tenant: r.tenant.Name, Local: r.known, Status: mail.StatusAccepted, DSN: r.dsn, Identity: m.tx.identity.Name,
		}})
	}
	c.judge(ctx, m.tx.hearings)
	reply := c.finish(ctx, m.tx)
	m.tx.done = true
	m.ends = !reply.Success() && slices.ContainsFunc(c.items, func(it *item) bool { return it.ruling.action == mail.ActionDisconnect })
	return reply
}

// record starts the message's record.
func (m *message) record() *store.Message {
	tx := m.tx
	rec := &store.Message{
		ID: tx.id, Direction: m.s.peer.Direction, Received: tx.received, Client: m.s.client, Sender: tx.from,
		Params: tx.params, Size: m.draft.Size(), Policy: m.s.p.Digest(),
	}
	return rec
}

// lateTenant finds whose an outbound message with the null path is: the
// header's From tells, as it is all there is.
// Its filters have not heard of the session yet: what they say to the stages
// before the message is weighed with it.
func (m *message) lateTenant(ctx context.Context, tree *mimetree.Tree) *mail.Reply {
	if m.tx.tenant != nil || m.s.peer.Direction != mail.Outbound {
		return nil
	}
	for _, v := range headerFunc(tree.Headers())("From") {
		if a, ok := fromAddress(v); ok {
			if t, ok := m.s.p.TenantOf(a.Domain()); ok {
				m.tx.tenant = t
				m.s.identify(m.tx)
				if reply := lockedOut(&m.tx.identity); reply != nil {
					return reply
				}
				for i := range m.tx.rcpts {
					m.tx.rcpts[i].tenant = t
				}
				for i := range m.tx.rcpts {
					if r := &m.tx.rcpts[i]; r.refused == nil {
						_ = m.s.consultTenant(ctx, r) // too late to answer RCPT: r.heard decides
					}
				}
				return nil
			}
		}
	}
	return mail.NewReply(550, "5.7.1", "this gateway does not send for the domain in From")
}

func (tx *transaction) acceptedAddrs() []mail.Address {
	var out []mail.Address
	for _, r := range tx.rcpts {
		if r.refused == nil {
			out = append(out, r.addr)
		}
	}
	return out
}

// internal answers for an error of ours: 451 with an id, the cause in the log.
func (s *session) internal(log *slog.Logger, m *message, rec *store.Message, err error) mail.Reply {
	log.Error("taking a message failed; the client was told to come back", "err", err)
	reply := mail.NewReply(451, "4.3.0", "internal error "+rec.ID.String()+", try again later")
	s.refuseAll(s.log, m.tx, rec, *reply, mail.EventDeferral)
	return *reply
}

// commit is the work of one end of data, also for mail that enters in process.
type commit struct {
	f      *Flow
	p      *policy.Policy
	log    *slog.Logger
	rec    *store.Message
	draft  store.Draft // nil: the message is in the store already
	body   sized
	tree   *mimetree.Tree
	client *mail.Client
	items  []*item

	listener *ruling  // of the listener's rulesets, before DATA; nil none
	session  *hearing // of the listener's chain, for its notes; nil none

	stagedLists [][]mail.PartEdit // of the judgement, for their bounds

	archives queue.Copies // in the tenants' archives
	results  []result
	pending  []*running
	attempts []mail.Attempt
	queued   bool // the caller may only take or refuse, never wait (in-process mail)
	late     bool // settleLate owns the draft
}

// sized is a draft or a durable body.
type sized interface {
	io.ReaderAt
	Size() int64
}

// finish delivers what may go, decides the one reply, and records.
func (c *commit) finish(ctx context.Context, tx *transaction) mail.Reply {
	var deliverable []*item
	for _, it := range slices.Clone(c.items) {
		switch it.ruling.action {
		case mail.ActionContinue, mail.ActionAccept, mail.ActionRedirect:
			if !it.ruling.hold.IsZero() {
				it.fate = fateHeld
				continue
			}
			all, err := c.redirect(it)
			if err != nil {
				it.fate, it.reply, it.ruling.reason = fateUnfiltered, mail.NewReply(451, "4.3.5", "a redirect cannot be followed, try again later"), err.Error()
				continue
			}
			for _, it := range all {
				c.prepare(it)
			}
			deliverable = append(deliverable, all...)
		case mail.ActionReject, mail.ActionDisconnect:
			it.fate, it.reply = fateRejected, it.ruling.reply
		case mail.ActionTempfail:
			it.fate, it.reply = fateUnfiltered, it.ruling.reply
		default: // discard, stall, quarantine
			it.fate = fateHeld
		}
	}
	defer func() { c.archives.Leave() }()
	if reply := c.archive(ctx, tx, deliverable, c.f.o.Now()); reply != nil {
		return *reply
	}
	settle, err := c.hand(ctx)
	if err != nil {
		c.archives.Discard()
		return c.failedToTake(err)
	}
	reply := c.deliver(ctx, tx, deliverable)
	settle(!reply.Temporary())
	return reply
}

// deliver tries what may go, and decides the one reply.
func (c *commit) deliver(ctx context.Context, tx *transaction, deliverable []*item) mail.Reply {
	came := c.f.o.Now() // its reception is before what became of it
	c.direct(ctx, deliverable)
	now := c.f.o.Now() // what became of it, became so now
	fates := make([]fate, len(c.items))
	for i, it := range c.items {
		fates[i] = it.fate
	}
	verdict := decide(fates)
	if verdict == refuseIt || verdict == laterPlease {
		c.unarchive()
	}
	switch verdict {
	case refuseIt:
		return c.refuse(tx, now)
	case laterPlease:
		return c.later(tx, now)
	}
	return c.take(ctx, tx, came, now)
}

// prepare gives a recipient that passes its route, schedule and edits.
func (c *commit) prepare(it *item) {
	r := &it.rec
	set := it.tenant.Settings(string(c.rec.Direction), queue.Own(c.rec, r).Key())
	r.Schedule = set.Schedule
	c.stage(it, r)
	queue.AssignOf(c.p, c.rec, r)
	if name := it.ruling.route; name != "" {
		if route, ok := queue.Resolve(c.p, name, r.Address); ok && it.tenant.MayUse(name) {
			r.Route, r.NextHop = name, route.NextHop()
		} else {
			c.log.Warn("a filter asked for a route that is not in the policy, or not for this tenant's mail; the usual one is used", "route", name, "rcpt", r.Address.String())
		}
	}
}

// stage gives a recipient the edits of the judgement, and no others.
func (c *commit) stage(it *item, r *store.Recipient) {
	r.Edits, r.PartEdits = it.ruling.edits, c.rec.Stage(it.ruling.parts)
	r.Keep = strings.Join(it.ruling.keep, ", ")
}

// redirect gives a recipient the address that policy sends it to. Where there
// are several, each further one is a recipient of its own. It returns them all.
func (c *commit) redirect(it *item) ([]*item, error) {
	to, err := redirectTo(&it.ruling)
	if err != nil || len(to) == 0 {
		return []*item{it}, err
	}
	all := []*item{it}
	c.expand(it)
	for range to[1:] {
		further := *it
		further.expanded = false
		further.rec.N = len(c.items) + 1
		further.ruling.calls = nil // they are about the recipient it was
		c.items = append(c.items, &further)
		all = append(all, &further)
	}
	for i, a := range to {
		lead(&all[i].rec, a)
	}
	return all, nil
}

// expand ends what the sender asked about success where its mail is sent on to
// other addresses, one or many: where they are and what becomes of it there is
// not the sender's to know (RFC 3461 §5.2.7.3; Postfix does the same).
func (c *commit) expand(it *item) {
	it.expanded = queue.TellsSuccess(c.rec, &it.rec)
	it.rec.DSN.Notify = it.rec.DSN.Notify.WithoutSuccess()
}

// lead gives a recipient another address; it may always be queued (B65 is
// about the address the client named).
func lead(r *store.Recipient, to mail.Address) {
	if r.Original.IsNull() {
		r.Original = r.Address
	}
	if r.DSN.ORcpt == "" { // RFC 3461 §5.2.1 (d)
		r.DSN.ORcpt = mail.ORcptOf(r.Original)
	}
	r.Address, r.Local = to, true
}

// redirectTo are the addresses a ruling leads to, each once.
func redirectTo(r *ruling) ([]mail.Address, error) {
	var out []mail.Address
	for _, s := range r.redirect {
		a, err := mail.ParseAddress(s)
		if err != nil {
			return nil, fmt.Errorf("redirect to %q: %w", s, err)
		}
		if !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out, nil
}

const budgetWithoutChoice = 30 * time.Second

// budget is how long the client waits for direct delivery (B64).
func (c *commit) budget() time.Duration {
	if c.rec.Direction == mail.Outbound {
		return c.p.Gateway().DirectOutbound
	}
	return c.p.Gateway().DirectInbound
}
