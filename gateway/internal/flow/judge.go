package flow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	netmail "net/mail"

	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/mimetree"
	"github.com/mailweir/weir/gateway/internal/notify"
	"github.com/mailweir/weir/gateway/internal/queue"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/gateway/internal/wire"
	"github.com/mailweir/weir/policy"
	"github.com/mailweir/weir/sdk/abi"
)

// fromAddress reads the address out of a From header's value.
func fromAddress(v string) (mail.Address, bool) {
	list, err := netmail.ParseAddressList(v)
	if err != nil || len(list) == 0 {
		return mail.Address{}, false
	}
	a, err := mail.ParseAddress(list[0].Address)
	return a, err == nil
}

func summary(t *mimetree.Tree) store.Summary {
	s := t.Summary()
	return store.Summary{From: s.From, To: s.To, Cc: s.Cc, Subject: s.Subject, MessageID: s.MessageID, Attachments: s.Attachments}
}

// panel is a hearing with the recipients it speaks for.
type panel struct {
	h     *hearing
	items []*item
}

// judge runs every tenant's chain on its recipients and rules on each.
// early holds what the stages before DATA found, by tenant; what was found
// about single recipients is in their items.
func (c *commit) judge(ctx context.Context, early map[string]*hearing) {
	c.checkListenerEdits()
	for _, group := range byPanel(c.items) {
		t := group[0].tenant
		h := newHearing(t.Name)
		h.session = c.session
		if e := early[t.Name]; e != nil {
			h = e.fork()
		}
		h.opinions = append(h.opinions, group[0].heard...)
		chain := t.Chain(string(c.rec.Direction))
		panels := []panel{{h, group}}
		for _, stage := range []abi.Stage{abi.StageData, abi.StageHeaders, abi.StageMessage} {
			var next []panel
			for _, p := range panels {
				next = append(next, c.hear(ctx, p, chain, stage)...)
			}
			panels = next
		}
		for _, p := range panels {
			c.checkEdits(p.h)
			for _, it := range p.items {
				c.rule(it, p.h)
			}
		}
	}
}

// byPanel groups recipients of one tenant about whom the same was found so far.
func byPanel(items []*item) [][]*item {
	var out [][]*item
	for _, it := range items {
		i := slices.IndexFunc(out, func(g []*item) bool { return g[0].tenant == it.tenant && sameOpinions(g[0].heard, it.heard) })
		if i < 0 {
			out = append(out, nil)
			i = len(out) - 1
		}
		out[i] = append(out[i], it)
	}
	return out
}

// hear runs a chain on a panel. Where a filter's `when` holds for some of its
// recipients only, or fails for some, the panel splits, and each part goes on
// by itself.
func (c *commit) hear(ctx context.Context, p panel, chain []*policy.Filter, stage abi.Stage) []panel {
	for i, fl := range chain {
		if !c.f.subscribes(fl, stage) {
			continue
		}
		var parts [3][]*item // asked, not asked, cannot be told
		var broken error
		for _, it := range p.items {
			fx := c.facts(it, stage)
			fx.Score = p.h.score()
			ok, err := fl.Applies(fx)
			switch {
			case err != nil:
				broken = err
				parts[2] = append(parts[2], it)
			case ok:
				parts[0] = append(parts[0], it)
			default:
				parts[1] = append(parts[1], it)
			}
		}
		turn := func(which int, p panel) {
			switch which {
			case 0:
				c.f.ask(ctx, c.log, p.h, fl, c.event(p, stage), c.view(stage))
			case 2:
				p.h.opinions = append(p.h.opinions, whenFailed(c.log, fl, stage, broken))
			}
		}
		var split []panel
		for which, items := range parts {
			switch len(items) {
			case 0:
			case len(p.items):
				turn(which, p)
			default:
				mine := panel{p.h.fork(), items}
				turn(which, mine)
				split = append(split, c.hear(ctx, mine, chain[i+1:], stage)...)
			}
		}
		if split != nil {
			return split
		}
	}
	return []panel{p}
}

// view is the message as a filter may see it at a stage.
func (c *commit) view(stage abi.Stage) filter.MessageView {
	if stage < abi.StageHeaders {
		return nil
	}
	return c.tree
}

// checkEdits looks whether the staged edits can be applied to this message. A
// filter whose edits cannot has failed, and trying again would not mend it:
// the message stalls, and the edits go, so that an operator can force it.
func (c *commit) checkEdits(h *hearing) {
	edits, parts := h.edits(), h.parts()
	if len(edits)+len(parts) == 0 {
		return
	}
	if c.listener != nil {
		edits = append(slices.Clip(c.listener.edits), edits...)
	}
	err := c.room(parts)
	if err == nil {
		_, err = wire.Message{Edits: edits, Parts: parts, Body: c.body, Size: c.body.Size(), Tree: c.tree}.Plan()
	}
	if err == nil {
		c.stagedLists = append(c.stagedLists, parts)
		return
	}
	blame := h.blame(err)
	c.log.Error("a filter's edits cannot be applied; the message stalls", "tenant", h.tenant, "filter", blame.filter, "err", err)
	h.opinions = slices.Clone(h.opinions)
	for i := range h.opinions {
		o := &h.opinions[i]
		o.edits, o.parts, o.keep = nil, nil, false
	}
	h.opinions = append(h.opinions, opinion{stage: blame.stage, filter: blame.filter, plugin: blame.plugin, failure: &mail.Finding{
		Filter: blame.filter, Plugin: blame.plugin, Stage: blame.stage.String(), Class: mail.Class{Main: "filter-error", Sub: "edit"},
		Recommended: mail.ActionStall, Action: mail.ActionStall, Explanation: "filter " + blame.filter + " failed: " + err.Error(),
	}})
}

// room checks that the part edits of all recipients together stay in bounds:
// they are kept with the message's record.
func (c *commit) room(parts []mail.PartEdit) error {
	if len(parts) == 0 {
		return nil
	}
	octets, named := 0, 0
	seen := map[string]bool{}
	lists := append(slices.Clip(c.stagedLists), parts)
	for i := range c.rec.Recipients { // of earlier judgements of others
		if r := &c.rec.Recipients[i]; !slices.ContainsFunc(c.items, func(it *item) bool { return it.rec.N == r.N }) {
			lists = append(lists, c.rec.Edits(r))
		}
	}
	for _, l := range lists {
		if key := mail.PartEditsKey(l); !seen[key] {
			seen[key] = true
			for _, e := range l { // a copy
				octets += len(e.Text)
				e.Text = nil
				b, _ := json.Marshal(e) // of strings and numbers
				named += len(b)
			}
		}
	}
	by := parts[len(parts)-1].Filter
	switch {
	case octets > mail.MaxPartEdits:
		return &wire.EditError{Filter: by, Err: fmt.Errorf("part edits of %d octets for one message; at most %d", octets, mail.MaxPartEdits)}
	case named > maxNamed:
		return &wire.EditError{Filter: by, Err: fmt.Errorf("part edits with names and types of %d octets for one message; at most %d", named, maxNamed)}
	}
	return nil
}

// blame finds the opinion whose edits cannot be applied.
func (h *hearing) blame(err error) (blame opinion) {
	var ee *wire.EditError
	named := errors.As(err, &ee) && ee.Filter != ""
	for _, o := range h.opinions {
		if len(o.edits)+len(o.parts) > 0 && (blame.filter == "" || named && o.filter == ee.Filter) {
			blame = o
		}
		for _, e := range o.edits {
			if wire.Check(e) != nil {
				return o
			}
		}
	}
	return blame
}

// checkListenerEdits is checkEdits for what the listener's rulesets staged.
func (c *commit) checkListenerEdits() {
	if c.listener == nil || len(c.listener.edits) == 0 {
		return
	}
	if _, err := (wire.Message{Edits: c.listener.edits, Body: c.body, Size: c.body.Size()}).Reader(); err != nil {
		c.log.Error("header edits of a listener's filter cannot be applied; the message stalls", "err", err)
		c.listener.edits = nil
		if c.listener.action.Severity() < mail.ActionStall.Severity() {
			c.listener.action, c.listener.reason = mail.ActionStall, "a filter failed: "+err.Error()
		}
	}
}

// rule asks policy about one recipient.
func (c *commit) rule(it *item, h *hearing) {
	fx := c.facts(it, abi.StageMessage)
	it.ruling = h.decideFor(it.rec.Address.String(), it.rec.Waivers, func(fs []policy.Finding, ws []policy.Waiver) (policy.Decision, error) {
		return it.tenant.Decide(string(c.rec.Direction), fx, fs, ws)
	})
	if c.listener != nil {
		it.ruling.raise(c.listener)
	}
	if it.listener != nil {
		it.ruling.raise(it.listener)
	}
	c.boundHold(it)
	c.boundSaid(it)
	r, rl := &it.rec, &it.ruling
	r.Findings, r.Class, r.Score, r.Rule, r.Tags = rl.findings, rl.class, rl.score, rl.rule, rl.tags
	r.Filters = sum(c.session, h.runs, it.ran)
	r.Notes = notify.KeepDebts(r.Notes, rl.notes)
	if !rl.unsure { // what was demanded before stands, should an operator let it go
		r.Secure = queue.Demanded(c.rec, r, rl.secure)
	}
	r.Waivers = append(r.Waivers, newWaivers(r.Waivers, rl.waivers)...)
	c.log.Info("verdict", "rcpt", r.Address.String(), "tenant", r.Tenant, "action", string(rl.action), "class", rl.class.String(), "rule", rl.rule, "reason", rl.reason)
}

func newWaivers(have, all []mail.Waiver) []mail.Waiver {
	if len(all) <= len(have) {
		return nil
	}
	return all[:len(all)-len(have)] // granted ones stand at the end
}

// facts is what is known of the message for one recipient.
func (c *commit) facts(it *item, stage abi.Stage) *policy.Facts {
	fx := c.f.clientFacts(c.client)
	fx.Stage, fx.Direction, fx.Tenant = stage.String(), string(c.rec.Direction), it.tenant.Name
	fx.Sender, fx.Recipient, fx.Size = c.rec.Sender.String(), it.rec.Address.String(), c.rec.Size
	fx.Subject, fx.Malformed, fx.HasAttachments = c.rec.Summary.Subject, c.tree.Malformed(), c.tree.HasAttachments()
	fx.Header, fx.Now = headerFunc(c.tree.Headers()), c.f.o.Now()
	for _, o := range c.items {
		if o.tenant == it.tenant {
			fx.Recipients = append(fx.Recipients, o.rec.Address.String())
		}
	}
	return fx
}

func (c *commit) event(p panel, stage abi.Stage) *abi.Event {
	parts := c.tree.Parts()
	ev := &abi.Event{
		Stage: stage, ID: c.rec.ID.String(), Tenant: p.h.tenant, Direction: direction(c.rec.Direction), Client: abiClient(c.client),
		Sender: c.rec.Sender.String(), Size: uint64(c.rec.Size), PartCount: uint32(len(parts.Parts)), Malformed: parts.Malformed,
		ReceivedUnixMs: uint64(c.rec.Received.UnixMilli()),
	}
	if stage < abi.StageHeaders {
		ev.PartCount, ev.Malformed = 0, false
	}
	for _, it := range p.items {
		ev.Recipients = append(ev.Recipients, it.rec.Address.String())
	}
	return ev
}
