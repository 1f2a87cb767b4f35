package flow

import (
	"context"
	"fmt"
	"time"

	"github.com/mailweir/weir/gateway/internal/identities"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/mimetree"
	"github.com/mailweir/weir/gateway/internal/queue"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Submission is a message that an operator sends (B48).
type Submission struct {
	ID    mail.ID // of the new message, which its Message-ID may name
	Actor string  // who sends it: the user, as far as filters and locks are concerned
	From  mail.Address
	To    []mail.Address
	Text  []byte // header and body, CRLF line ends
}

// Submit takes over a message as an outbound listener would: its sender's
// tenant has to be ours and not locked, its filters and policy judge it, and it
// is queued. The reply is what a client would have got; nothing was taken
// unless it is a success.
func (f *Flow) Submit(ctx context.Context, s Submission) mail.Reply {
	p, now := f.o.Policy(), f.o.Now()
	t, ok := p.TenantOf(s.From.Domain())
	if s.From.IsNull() || !ok {
		return *mail.NewReply(550, "5.7.1", "this gateway does not send for "+s.From.Domain())
	}
	client := &mail.Client{User: s.Actor, Direction: mail.Outbound}
	var who identities.Resolved
	if f.o.Identify != nil {
		who = f.o.Identify(identities.Facts{Tenant: t.Name, User: s.Actor, Sender: s.From})
	}
	if reply := lockedOut(&who); reply != nil {
		return *reply
	}
	rec := &store.Message{
		ID: s.ID, Direction: mail.Outbound, Received: now, Client: *client, Sender: s.From, Policy: p.Digest(),
		Trace: "Received: by " + p.Gateway().Hostname + " (Weir) with HTTP id " + s.ID.String() + ";\r\n\t" + now.Format(time.RFC1123Z) + "\r\n",
	}
	c := &commit{f: f, p: p, rec: rec, client: client, queued: true, log: f.o.Logger.With("message", rec.ID.String(), "actor", s.Actor)}
	for _, to := range s.To {
		if !to.IsASCII() {
			rec.Params.SMTPUTF8 = true
		}
		if reply := queue.Refused(p, mail.Outbound, t.Name, s.From, to); reply != nil {
			return *reply
		}
		c.items = append(c.items, &item{tenant: t, rec: store.Recipient{
			N: len(c.items) + 1, Address: to, Tenant: t.Name, Local: true, Status: mail.StatusAccepted, Identity: who.Name,
		}})
	}
	internal := func(err error) mail.Reply {
		c.log.Error("a reply could not be taken over", "err", err)
		return *mail.NewReply(451, "4.3.0", fmt.Sprintf("internal error %s, try again later", rec.ID))
	}
	if err := f.o.Store.Admit(ctx, int64(len(s.Text))); err != nil {
		return c.failedToTake(err)
	}
	draft, err := f.o.Store.NewDraft(ctx, int64(len(s.Text)))
	if err != nil {
		return c.failedToTake(err)
	}
	defer draft.Discard()
	if _, err := draft.Write(s.Text); err != nil {
		return internal(err)
	}
	tree, err := mimetree.Parse(draft, draft.Size(), mimetree.Budget{})
	if err != nil {
		return internal(err)
	}
	rec.Size, rec.Summary, c.draft, c.body, c.tree = draft.Size(), summary(tree), draft, draft, tree
	c.judge(ctx, c.envelope(ctx))
	return c.finish(ctx, nil)
}
