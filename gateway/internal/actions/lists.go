package actions

import (
	"context"
	"fmt"
	"strings"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/lists"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Lists is where the verbs that teach the gateway write to (*lists.Lists).
type Lists interface {
	Add(ctx context.Context, entries ...lists.Entry) (int, error)
	Remove(ctx context.Context, entries ...lists.Entry) (int, error)
	AddRule(ctx context.Context, r lists.Rule) (lists.Rule, error)
	SetAction(ctx context.Context, o lists.Override) error
}

// A lesson is what a verb teaches about one recipient's message: it writes to
// the lists before the event is recorded, so that an event never tells of
// something that is not in force. Writing it twice changes nothing.
type lesson func(r *run, m *store.Message, rc *store.Recipient) (write func(ctx context.Context) error, said string, err error)

// lessons are the verbs that teach (B31–B37).
var lessons = map[lifecycle.Verb]lesson{
	lifecycle.AllowSender:    allowSender,
	lifecycle.BlockSender:    blockSender,
	lifecycle.BlockRecipient: blockRecipient,
	lifecycle.BlockAndRemove: blockSender,
	lifecycle.AddAllowRule:   addRule,
	lifecycle.AddBlockRule:   addRule,
	lifecycle.ChangeAction:   changeAction,
	lifecycle.AddIdentity:    addIdentity,
	lifecycle.LockIdentity:   lockIdentity,
	lifecycle.LockUser:       lockUser,
}

// taught records a lesson; learn has written it.
func taught(r *turn, m *store.Message, rc *store.Recipient, e *mail.Event) (bool, error) {
	_, said, err := lessons[r.verb](r.run, m, rc)
	if err != nil {
		return false, err
	}
	e.Type = mail.EventList
	e.Text = said
	if r.args.Reason != "" {
		e.Text += ": " + r.args.Reason
	}
	return true, nil
}

// blockAndRemove is B36.
func blockAndRemove(r *turn, m *store.Message, rc *store.Recipient, e *mail.Event) (bool, error) {
	_, said, err := lessons[r.verb](r.run, m, rc)
	if err != nil {
		return false, err
	}
	changed, err := removeHeld(r, m, rc, e)
	if err == nil && changed {
		e.Text = strings.TrimSuffix(said+": "+r.args.Reason, ": ")
	}
	return changed, err
}

// learn writes what the verb teaches about the recipients it applies to.
func (r *run) learn(ctx context.Context, id mail.ID, p pick) error {
	teach := lessons[r.verb]
	if teach == nil || r.args.DryRun {
		return nil
	}
	m, err := r.s.Store.Get(ctx, id)
	if err != nil {
		return err
	}
	for i := range m.Recipients {
		rc := &m.Recipients[i]
		if !r.picked(m, rc, p) {
			continue
		}
		q := r.sc.Query(m, rc, r.s.DomainForce(rc.Tenant))
		q.Classes = true
		if lifecycle.Check(r.verb, q) != nil {
			continue
		}
		write, _, err := teach(r, m, rc)
		if err != nil {
			continue // update says so of this recipient
		}
		if err := write(ctx); err != nil {
			return err
		}
	}
	return nil
}

// where is whose list is meant: a mailbox-level user's own, else the tenant's
// unless one mailbox is asked for.
func (r *run) where(rc *store.Recipient) (tenant, mailbox, said string, err error) {
	if rc.Tenant == "" {
		return "", "", "", fmt.Errorf("the recipient belongs to no tenant")
	}
	if r.sc.Level == lifecycle.LevelMailbox {
		mailbox = r.sc.Mailbox
	} else if r.args.Mailbox {
		mailbox = queueOwner(rc)
	}
	if mailbox != "" {
		return rc.Tenant, mailbox, "for " + mailbox, nil
	}
	return rc.Tenant, "", "for tenant " + rc.Tenant, r.whole(rc.Tenant)
}

// whole refuses what would hold for domains that the scope has not.
func (r *run) whole(tenant string) error {
	if r.sc.Level == lifecycle.LevelAdmin || r.s.Manages(r.sc, tenant) {
		return nil
	}
	return &lifecycle.Refusal{Verb: r.verb, Reason: "it would hold for all domains of tenant " + tenant + ", and not all of them are yours"}
}

func queueOwner(rc *store.Recipient) string {
	if rc.Original.Domain() != "" { // the bare postmaster has none
		return rc.Original.Key()
	}
	return rc.Address.Key()
}

// entry is one entry about key.
func (r *run) entry(list, key string, rc *store.Recipient) (lists.Entry, string, error) {
	tenant, mailbox, said, err := r.where(rc)
	return lists.Entry{Tenant: tenant, List: list, Mailbox: mailbox, Key: key, By: r.sc.Actor, Note: oneLine(r.args.Reason)}, said, err
}

func (r *run) sender(m *store.Message) string {
	if r.args.Domain {
		return m.Sender.Domain()
	}
	return m.Sender.Key()
}

func allowSender(r *run, m *store.Message, rc *store.Recipient) (func(context.Context) error, string, error) {
	return r.turnSender(m, rc, lists.AllowSender, lists.BlockSender, "allow list")
}

func blockSender(r *run, m *store.Message, rc *store.Recipient) (func(context.Context) error, string, error) {
	return r.turnSender(m, rc, lists.BlockSender, lists.AllowSender, "block list")
}

// turnSender puts the sender on one list and takes it off the other.
func (r *run) turnSender(m *store.Message, rc *store.Recipient, on, off, name string) (func(context.Context) error, string, error) {
	key := r.sender(m)
	e, said, err := r.entry(on, key, rc)
	if err != nil {
		return nil, "", err
	}
	other := e
	other.List = off
	return func(ctx context.Context) error {
		if _, err := r.s.Lists.Add(ctx, e); err != nil {
			return err
		}
		_, err := r.s.Lists.Remove(ctx, other)
		return err
	}, fmt.Sprintf("%s is on the %s %s", key, name, said), nil
}

func blockRecipient(r *run, _ *store.Message, rc *store.Recipient) (func(context.Context) error, string, error) {
	if rc.Tenant == "" {
		return nil, "", fmt.Errorf("the recipient belongs to no tenant")
	}
	e := lists.Entry{Tenant: rc.Tenant, List: lists.BlockRecipient, Key: queueOwner(rc), By: r.sc.Actor, Note: oneLine(r.args.Reason)}
	return func(ctx context.Context) error {
		_, err := r.s.Lists.Add(ctx, e)
		return err
	}, fmt.Sprintf("mail to %s is treated as spam", e.Key), nil
}

// addRule adds a filtering rule of the conditions given; without any, of the
// message's sender.
func addRule(r *run, m *store.Message, rc *store.Recipient) (func(context.Context) error, string, error) {
	tenant, mailbox, said, err := r.where(rc)
	if err != nil {
		return nil, "", err
	}
	rule := lists.Rule{Tenant: tenant, Mailbox: mailbox, Verb: "allow", By: r.sc.Actor, Note: oneLine(r.args.Reason)}
	if r.verb == lifecycle.AddBlockRule {
		rule.Verb = "block"
	}
	for _, c := range []struct {
		name string
		to   *[]string
	}{
		{"sender", &rule.Sender}, {"sender_domain", &rule.SenderDomain}, {"recipient", &rule.Recipient}, {"client", &rule.Client}, {"helo", &rule.Helo},
		{"subject", &rule.Subject}, {"attachment_name", &rule.AttachmentName}, {"attachment_type", &rule.AttachmentType},
	} {
		if v, ok := r.args.Conditions[c.name]; ok {
			*c.to = []string{v}
		}
	}
	if len(r.args.Conditions) == 0 {
		if m.Sender.IsNull() {
			return nil, "", fmt.Errorf("the message has no sender to make a rule of; give a condition, such as subject")
		}
		rule.Sender = []string{m.Sender.Key()}
	}
	return func(ctx context.Context) error {
		_, err := r.s.Lists.AddRule(ctx, rule)
		return err
	}, fmt.Sprintf("%s rule added %s", rule.Verb, said), nil
}

// changeAction is B37: what becomes of messages of this class from now on.
func changeAction(r *run, _ *store.Message, rc *store.Recipient) (func(context.Context) error, string, error) {
	class := r.args.Class
	switch {
	case rc.Tenant == "":
		return nil, "", fmt.Errorf("the recipient belongs to no tenant")
	case class == "" && rc.Class == (mail.Class{}):
		return nil, "", fmt.Errorf("the message has no class")
	case class == "":
		class = rc.Class.String()
	}
	if err := r.whole(rc.Tenant); err != nil {
		return nil, "", err
	}
	o := lists.Override{
		Tenant: rc.Tenant, Class: class, Action: r.args.To, By: r.sc.Actor, Admin: r.sc.Level == lifecycle.LevelAdmin, Note: oneLine(r.args.Reason),
	}
	return func(ctx context.Context) error { return r.s.Lists.SetAction(ctx, o) },
		fmt.Sprintf("messages of class %s: %s, for tenant %s", class, r.args.To, rc.Tenant), nil
}

func oneLine(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}, s)
}
