package flow

import (
	"fmt"
	"strconv"

	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/mimetree"
	"github.com/mailweir/weir/policy"
	"github.com/mailweir/weir/sdk/abi"
)

// partList is the message's structure at the stages that see it.
func partList(stage abi.Stage, msg filter.MessageView) *abi.PartList {
	if msg == nil || stage < abi.StageHeaders {
		return nil
	}
	p := msg.Parts()
	return &p
}

// partEdits are the edits of parts that a verdict stages.
func partEdits(fl *policy.Filter, v *abi.Verdict, msg filter.MessageView) []mail.PartEdit {
	if len(v.PartEdits) == 0 {
		return nil
	}
	tree, _ := msg.(*mimetree.Tree)
	var list *abi.PartList
	if msg != nil {
		p := msg.Parts()
		list = &p
	}
	out := make([]mail.PartEdit, len(v.PartEdits))
	for i, e := range v.PartEdits {
		out[i] = mail.PartEdit{
			Op: e.Op.String(), Part: int(e.Part), Type: e.Type, Filename: e.Filename, Text: e.Text, Octets: len(e.Text),
			Filter: fl.Name, Name: partName(list, e.Part+1),
		}
		if tree != nil && int(e.Part) < len(list.Parts) {
			out[i].At = tree.Span(int(e.Part)).Body
		}
	}
	return out
}

// observed records what an observing filter would have changed: findings that
// nothing acts on.
func observed(fl *policy.Filter, stage abi.Stage, v *abi.Verdict, parts []mail.PartEdit) []mail.Finding {
	var out []mail.Finding
	note := func(extra, what string) {
		out = append(out, mail.Finding{
			Filter: fl.Name, Plugin: fl.Plugin, Stage: stage.String(), Class: mail.Class{Main: "plugin", Sub: fl.Plugin, Extra: extra},
			Explanation: "would have done: " + what, Observed: true,
		})
	}
	for _, e := range parts {
		note("edit", e.String())
	}
	for _, e := range v.Edits {
		what := e.Op.String() + " header " + e.Name
		if e.Op != abi.HeaderOpAdd {
			what += " [" + strconv.Itoa(int(e.Index)) + "]"
		}
		note("edit", what)
	}
	if v.Hold.UntilUnixMs > 0 {
		note("hold", "hold the message: "+v.Hold.Reason)
	}
	if len(v.Waivers) > 0 || v.Action == abi.ActionAccept {
		note("allow", "waive findings")
	}
	if v.Route != "" {
		note("route", fmt.Sprintf("send by route %q", v.Route))
	}
	return out
}

// recipientFinding is what a filter recommends for one recipient.
func (f *Flow) recipientFinding(fl *policy.Filter, stage abi.Stage, ra *abi.RecipientAction, observe bool) mail.Finding {
	fd := mail.Finding{
		Filter: fl.Name, Plugin: fl.Plugin, Stage: stage.String(), Class: mail.Class{Main: "plugin", Sub: fl.Plugin, Extra: "recipient"},
		Explanation: ra.Text, Recommended: mail.Action(ra.Action.String()), Reply: reply(ra.Code, ra.Enhanced, ra.Text), Observed: observe,
	}
	if ra.Redirect != "" {
		fd.Redirect = []string{ra.Redirect}
	}
	return fd
}

// concern notes a recommendation for one recipient. To go on is none, and to
// accept is an allow.
func (o *opinion) concern(fd mail.Finding, ra *abi.RecipientAction) {
	if ra.Action == abi.ActionContinue || ra.Action == abi.ActionAccept {
		return
	}
	if o.rcpts == nil {
		o.rcpts = map[string][]mail.Finding{}
	}
	o.rcpts[ra.Recipient] = append(o.rcpts[ra.Recipient], fd)
}

// allow notes a waiver for one recipient.
func (o *opinion) allow(rcpt string, w mail.Waiver) {
	if o.allowed == nil {
		o.allowed = map[string][]mail.Waiver{}
	}
	o.allowed[rcpt] = append(o.allowed[rcpt], w)
}
