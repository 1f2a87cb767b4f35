package flow

import (
	"context"
	"slices"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/policy"
	"github.com/mailweir/weir/sdk/abi"
)

// What was said before the message, when it is judged again: the session is
// gone, and the record remembers it.

// lasting are the waivers that still count when filters run again: an
// operator's, and those that filters of the chain gave at stages that do not
// come back. What a filter let pass at the message it has to let pass anew.
func lasting(ws []mail.Waiver, chain []*policy.Filter) []mail.Waiver {
	var out []mail.Waiver
	for _, w := range ws {
		st, ok := abi.ParseStage(w.Stage)
		if w.Stage == "" || ok && st < abi.StageData && filterOf(chain, w.By) != nil {
			out = append(out, w)
		}
	}
	return out
}

func filterOf(chain []*policy.Filter, name string) *policy.Filter {
	for _, fl := range chain {
		if fl.Name == name {
			return fl
		}
	}
	return nil
}

// earlier is what was found about a recipient before the message, as
// opinions. A filter that failed then is asked once more: what it would have
// said is not known.
func (c *commit) earlier(ctx context.Context, it *item, r *store.Recipient, chain []*policy.Filter) []opinion {
	h := newHearing(it.tenant.Name)
	h.opinions = append(recall(r.Notes), before(r, chain)...)
	if early := slices.DeleteFunc(slices.Clone(r.Edits), func(e mail.HeaderEdit) bool { return !e.Early }); len(early) > 0 {
		h.opinions = append(h.opinions, opinion{edits: early})
	}
	c.askFailed(ctx, h, r, chain, abi.StageData)
	it.ran = append(it.ran, h.runs...)
	return substance(h.opinions)
}

// askFailed asks filters of a chain once more that failed at a stage before
// end.
func (c *commit) askFailed(ctx context.Context, h *hearing, r *store.Recipient, chain []*policy.Filter, end abi.Stage) {
	asked := map[string]bool{}
	for _, f := range r.Findings {
		st, ok := abi.ParseStage(f.Stage)
		fl := filterOf(chain, f.Filter)
		if !ok || st >= end || f.Class.Main != "filter-error" || fl == nil || asked[f.Stage+f.Filter] {
			continue
		}
		asked[f.Stage+f.Filter] = true
		c.replay(ctx, h, []*policy.Filter{fl}, r, st)
	}
}

// replay asks filters about a stage of the envelope that has no session.
func (c *commit) replay(ctx context.Context, h *hearing, chain []*policy.Filter, r *store.Recipient, st abi.Stage) {
	fx := c.envelopeFacts(h.tenant, st)
	ev := &abi.Event{
		Stage: st, ID: c.rec.ID.String(), Tenant: h.tenant, Direction: direction(c.rec.Direction), Client: abiClient(c.client),
		Sender: fx.Sender, ReceivedUnixMs: uint64(c.rec.Received.UnixMilli()),
	}
	if st == abi.StageRcptTo {
		fx.Recipient, ev.Recipient = r.Address.String(), r.Address.String()
	}
	c.f.consult(ctx, c.log, h, chain, fx, ev, nil)
}

// envelopeFacts is what the record tells of the session.
func (c *commit) envelopeFacts(tenant string, st abi.Stage) *policy.Facts {
	fx := c.f.clientFacts(c.client)
	fx.Stage, fx.Direction, fx.Tenant, fx.Now = st.String(), string(c.rec.Direction), tenant, c.f.o.Now()
	fx.Sender = c.rec.Sender.String()
	return fx
}

// before are the findings of the stages before the message, as an opinion.
// Those of stage data come anew, but for the listener's filters.
func before(r *store.Recipient, chain []*policy.Filter) []opinion {
	var out []opinion
	for _, f := range r.Findings {
		st, ok := abi.ParseStage(f.Stage)
		if !ok || st >= abi.StageHeaders || f.Class.Main == "filter-error" || st == abi.StageData && filterOf(chain, f.Filter) != nil {
			continue
		}
		f.Waived, f.Action, f.Rule = "", "", ""
		out = append(out, opinion{stage: st, filter: f.Filter, plugin: f.Plugin, findings: []mail.Finding{f}})
	}
	return out
}

// listenerAgain is the ruling of the listener's rulesets, by the policy of
// now, on what their filters found when the message came; a filter that failed
// then is asked once more. rest are the findings that are not theirs. Where a
// filter is in the tenant's chain, too, what it found counts there. Mail that
// came in process met no listener.
func (c *commit) listenerAgain(ctx context.Context, it *item, r *store.Recipient, own []*policy.Filter) (_ *ruling, rest []mail.Finding) {
	name := c.client.Listener
	i := slices.IndexFunc(c.p.Listeners(), func(l policy.Listener) bool { return l.Name == name })
	if i < 0 || len(c.p.Listeners()[i].Chain) == 0 || !c.rec.Parent.IsZero() {
		return nil, r.Findings
	}
	chain := c.p.Listeners()[i].Chain
	theirs := *r
	theirs.Findings = nil
	for _, f := range r.Findings {
		if filterOf(chain, f.Filter) != nil && filterOf(own, f.Filter) == nil {
			theirs.Findings = append(theirs.Findings, f)
		} else {
			rest = append(rest, f)
		}
	}
	h := newHearing("")
	for _, f := range theirs.Findings {
		if st, ok := abi.ParseStage(f.Stage); ok && f.Class.Main != "filter-error" {
			f.Action, f.Rule = "", "" // what their allows waived stays so
			h.opinions = append(h.opinions, opinion{stage: st, filter: f.Filter, plugin: f.Plugin, findings: []mail.Finding{f}})
		}
	}
	c.askFailed(ctx, h, &theirs, chain, abi.StageHeaders)
	it.ran = append(it.ran, h.runs...)
	fx := c.envelopeFacts("", abi.StageData)
	d := h.decideFor("", r.Waivers, func(fs []policy.Finding, ws []policy.Waiver) (policy.Decision, error) {
		return c.p.DecideListener(name, fx, fs, ws)
	})
	return &d, rest
}
