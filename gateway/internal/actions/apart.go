package actions

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// errApart keeps the table's applier from being called for verbs that are no
// change of the message.
var errApart = errors.New("this is done apart from the message's record")

func apart(*turn, *store.Message, *store.Recipient, *mail.Event) (bool, error) {
	return false, errApart
}

// shown are the verbs that only show something, and where: paths of the API,
// with {id} for the recipient's ID. Do asks the table and gives the path; the
// path asks the table again.
var shown = map[lifecycle.Verb]string{
	lifecycle.IssueLog:         "/v1/messages/{id}/attempts",
	lifecycle.View:             "/v1/messages/{id}/body",
	lifecycle.DownloadQueued:   "/v1/messages/{id}/body?verb=download-queued",
	lifecycle.DownloadHeld:     "/v1/messages/{id}/body?verb=download-quarantined",
	lifecycle.Reply:            "/v1/messages/{id}/reply",
	lifecycle.DownloadArchived: "/v1/messages/{id}/body?verb=download-archived",
	lifecycle.ExportArchived:   "/v1/archive/export?ids={id}",
	lifecycle.AuditLog:         "/v1/audit?message={id}",
	lifecycle.ExportCSV:        "/v1/export?ids={id}",
	lifecycle.RecipientCallout: "/v1/tests/recipient",
	lifecycle.SenderCallout:    "/v1/tests/sender",
	lifecycle.SMTPTest:         "/v1/tests/smtp",
}

// show says where what is asked for is to be had.
func (r *run) show(ctx context.Context, id mail.ID, p pick) error {
	m, err := r.s.Store.Get(ctx, id)
	if err != nil {
		return r.report(ctx, id, nil, err)
	}
	items := r.items(m, p, func(it *item, _ *store.Recipient) { it.See = pathOf(shown[r.verb], it.ID) })
	if p.whole {
		items = r.meant(items, p.ns)
	}
	return r.report(ctx, id, items, nil)
}

// items are the recipients that are meant. offered is called with each that the
// verb is offered for; the others are refused.
func (r *run) items(m *store.Message, p pick, offered func(*item, *store.Recipient)) []item {
	var items []item
	for i := range m.Recipients {
		rc := &m.Recipients[i]
		if !r.picked(m, rc, p) {
			continue
		}
		it := r.item(m, rc)
		if err := r.offered(m, rc); err != nil {
			it.Code, it.Error = CodeRefused, err.Error()
		} else {
			offered(&it, rc)
		}
		items = append(items, it)
	}
	return items
}

func pathOf(pattern, id string) string {
	const hole = "{id}"
	for i := 0; i+len(hole) <= len(pattern); i++ {
		if pattern[i:i+len(hole)] == hole {
			return pattern[:i] + id + pattern[i+len(hole):]
		}
	}
	return pattern
}

func (r *run) item(m *store.Message, rc *store.Recipient) item {
	return item{n: rc.N, ItemResult: ItemResult{ID: fmt.Sprintf("%s.%d", m.ID, rc.N), Recipient: rc.Address.String(), Status: rc.Status}}
}

// offered asks the table about a recipient.
func (r *run) offered(m *store.Message, rc *store.Recipient) error {
	q := r.sc.Query(m, rc, r.s.DomainForce(rc.Tenant))
	q.Classes = true // the log shows them
	return lifecycle.Check(r.verb, q)
}

// May reports why a verb is not offered for a recipient that the scope sees,
// as a *lifecycle.Refusal, or nil.
func (s *Service) May(sc Scope, verb lifecycle.Verb, m *store.Message, rc *store.Recipient) error {
	r := &run{s: s, sc: sc, verb: verb}
	if !sc.Sees(m, rc) {
		return fmt.Errorf("message %s: %w", m.ID, store.ErrNotFound)
	}
	return r.offered(m, rc)
}

// Taught is what one plugin made of a lesson.
type Taught struct {
	Plugin string
	NS     []int  // the recipients it was about
	Text   string // what it says; ""
	Error  string // why it did not learn
}

// trains are the verbs that teach plugins, and what they teach (B54–B56).
var trains = map[lifecycle.Verb]string{
	lifecycle.ReleaseTrain: "ham",
	lifecycle.RemoveTrain:  "spam",
	lifecycle.TrainSpam:    "spam",
}

// class is what plugins learnt of one message.
type class struct {
	as     string
	taught []Taught
	err    error
	items  []item // of TrainSpam
}

// of are the plugins' words about one recipient.
func (c *class) of(n int) (out []Taught) {
	if c == nil {
		return nil
	}
	for _, t := range c.taught {
		if slices.Contains(t.NS, n) {
			out = append(out, t)
		}
	}
	return out
}

// untaught is why nobody learnt of a recipient; nil somebody did, or nobody was
// to. Then nothing else is done either: once the message is gone, it can be
// taught no more, and whoever does not mind says so by the verb without training.
func (c *class) untaught(n int) error {
	if c == nil {
		return nil
	}
	why := c.err
	for _, t := range c.of(n) {
		if t.Error == "" {
			return nil
		}
		if why == nil {
			why = errors.New(t.Plugin + ": " + t.Error)
		}
	}
	if why == nil {
		why = errors.New("no plugin was asked")
	}
	return fmt.Errorf("no plugin learnt it as %s: %w", c.as, why)
}

// said is what the plugins learnt of a recipient, in one line.
func (c *class) said(n int) string {
	s := ""
	for _, t := range c.of(n) {
		text := "learnt as " + c.as
		switch {
		case t.Error != "":
			text = "not learnt: " + t.Error
		case t.Text != "":
			text = t.Text
		}
		if s != "" {
			s += "; "
		}
		s += t.Plugin + ": " + text
	}
	return s
}

// train teaches the recipients that the verb applies to. Its error is the
// store's; that nobody learns is in class.
func (r *turn) train(ctx context.Context, id mail.ID, p pick) error {
	m, err := r.s.Store.Get(ctx, id)
	if err != nil {
		return err
	}
	r.class = &class{as: trains[r.verb]}
	var ns []int
	r.class.items = r.items(m, p, func(_ *item, rc *store.Recipient) { ns = append(ns, rc.N) })
	if len(ns) > 0 && !r.args.DryRun {
		r.class.taught, r.class.err = r.s.Train(ctx, r.sc, r.class.as, r.sc.View(m), ns)
	}
	for i := range r.class.items {
		it := &r.class.items[i]
		switch {
		case it.Code != "":
		case r.args.DryRun:
			it.Changed = true
		default:
			if err := r.class.untaught(it.n); err != nil {
				it.Code, it.Error = CodeRefused, err.Error()
				continue
			}
			it.Changed, it.Note = true, r.class.said(it.n)
		}
	}
	if p.whole {
		r.class.items = r.meant(r.class.items, p.ns)
	}
	if r.args.DryRun {
		items := r.class.items
		if r.verb != lifecycle.TrainSpam {
			items = nil
		}
		r.class = nil // nobody was asked
		if items != nil {
			r.class = &class{items: items}
		}
	}
	return nil
}
