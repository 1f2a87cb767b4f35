package flow

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/policy"
	"github.com/mailweir/weir/sdk/abi"
)

const (
	maxDelay = 10 * time.Second // of a plugin's delay_ms, a tarpit
	maxHold  = store.MaxHold    // of all holds of a message in a row (B113)
)

// consult asks every filter of a chain that subscribes to ev's stage.
func (f *Flow) consult(ctx context.Context, log *slog.Logger, h *hearing, chain []*policy.Filter, fx *policy.Facts, ev *abi.Event, msg filter.MessageView) {
	for _, fl := range chain {
		if !f.subscribes(fl, ev.Stage) {
			continue
		}
		fx.Score = h.score()
		ok, err := fl.Applies(fx)
		if err != nil {
			h.opinions = append(h.opinions, whenFailed(log, fl, ev.Stage, err))
			continue
		}
		if ok {
			f.ask(ctx, log, h, fl, ev, msg)
		}
	}
}

// subscribes reports whether a filter is to be asked at a stage. One whose
// plugin a reload has taken away is: a session that goes on under the policy
// before fails visibly, rather than passing without the filter.
func (f *Flow) subscribes(fl *policy.Filter, st abi.Stage) bool {
	return f.o.Filters.Hooks(fl.Plugin, st) || !f.o.Filters.Loaded(fl.Plugin)
}

// whenFailed is the opinion of a filter whose `when` could not be evaluated:
// a run-time failure defers, visibly.
func whenFailed(log *slog.Logger, fl *policy.Filter, stage abi.Stage, err error) opinion {
	log.Error("a filter's condition failed", "filter", fl.Name, "rule", fl.Rule(), "err", err)
	o := failure(fl, stage, "when", mail.ActionTempfail, "its condition could not be evaluated: "+err.Error())
	o.failure.Observed = fl.Mode == "observe"
	return o
}

func failure(fl *policy.Filter, stage abi.Stage, kind string, onError mail.Action, why string) opinion {
	fd := &mail.Finding{
		Filter: fl.Name, Plugin: fl.Plugin, Stage: stage.String(), Rule: fl.Rule(),
		Class: mail.Class{Main: "filter-error", Sub: kind}, Recommended: onError, Action: onError,
		Explanation: "filter " + fl.Name + " failed: " + why,
	}
	switch onError {
	case mail.ActionTempfail:
		fd.Reply = mail.NewReply(451, "4.3.0", "a filter is not available, try again later")
	case mail.ActionReject:
		fd.Reply = mail.NewReply(550, "5.3.0", "the message could not be inspected")
	}
	return opinion{stage: stage, filter: fl.Name, plugin: fl.Plugin, failure: fd}
}

// ask calls one filter's plugin and records its opinion.
func (f *Flow) ask(ctx context.Context, log *slog.Logger, h *hearing, fl *policy.Filter, ev *abi.Event, msg filter.MessageView) {
	ev.ConfigID, ev.Filter, ev.Notes = fl.ConfigID, fl.Name, h.notes(fl.Plugin)
	v, run, err := f.o.Filters.Run(ctx, fl.Plugin, ev, msg)
	if err != nil {
		o := f.callFailed(ctx, log, fl, ev, err)
		if fl.Mode == "observe" {
			o.failure.Observed = true
		}
		h.opinions = append(h.opinions, o)
		h.ran(fl, ev.Stage, run, mail.RunFailed)
		return
	}
	o := f.opinion(fl, ev, v, msg)
	h.opinions = append(h.opinions, o)
	h.ran(fl, ev.Stage, run, recommended(v))
	if d := min(time.Duration(v.DelayMs)*time.Millisecond, maxDelay); d > 0 && fl.Mode != "observe" {
		select {
		case <-ctx.Done():
		case <-time.After(d):
		}
	}
}

func (f *Flow) callFailed(ctx context.Context, log *slog.Logger, fl *policy.Filter, ev *abi.Event, err error) opinion {
	kind, onError := "unavailable", mail.ActionTempfail
	var fail *filter.Failure
	if errors.As(err, &fail) {
		kind = string(fail.Kind)
		switch string(fail.OnError) {
		case "pass":
			onError = mail.ActionContinue
		case "reject":
			onError = mail.ActionReject
		case "stall":
			onError = mail.ActionStall
		}
	}
	if ctx.Err() != nil {
		// It was us who gave up: the session's time was over, or the gateway
		// stops. That is no failure of the filter's that on_error speaks of.
		kind, onError = "stopped", mail.ActionTempfail
	}
	log.Error("a filter failed", "filter", fl.Name, "plugin", fl.Plugin, "stage", ev.Stage.String(), "message", ev.ID, "tenant", ev.Tenant, "kind", kind, "on_error", string(onError), "err", err)
	return failure(fl, ev.Stage, kind, onError, kind)
}

// opinion translates a verdict. In observe mode nothing of it acts.
func (f *Flow) opinion(fl *policy.Filter, ev *abi.Event, v *abi.Verdict, msg filter.MessageView) opinion {
	list := partList(ev.Stage, msg)
	o := opinion{stage: ev.Stage, filter: fl.Name, plugin: fl.Plugin, notes: v.Notes}
	observe := fl.Mode == "observe"
	covered := v.Action == abi.ActionContinue
	for i := range v.Findings {
		fd := f.finding(fl, ev.Stage, &v.Findings[i], list)
		if fd.Recommended == mail.ActionRedirect {
			fd.Redirect = v.Redirect
		}
		fd.Observed = observe
		covered = covered || v.Findings[i].Action >= v.Action
		o.findings = append(o.findings, fd)
	}
	if !covered && v.Action != abi.ActionAccept { // a recommendation without a reason is a finding of its own
		o.findings = append(o.findings, mail.Finding{
			Filter: fl.Name, Plugin: fl.Plugin, Stage: ev.Stage.String(), Class: mail.Class{Main: "plugin", Sub: fl.Plugin},
			Explanation: v.Text, Recommended: mail.Action(v.Action.String()), Reply: reply(v.Code, v.Enhanced, v.Text), Observed: observe,
			Redirect: v.Redirect,
		})
	}
	for _, ra := range v.Recipients {
		o.concern(f.recipientFinding(fl, ev.Stage, &ra, observe), &ra)
	}
	parts := partEdits(fl, v, msg)
	if observe {
		o.findings = append(o.findings, observed(fl, ev.Stage, v, parts)...)
		return o
	}
	o.parts, o.keep = parts, v.KeepOriginal && len(parts) > 0
	for i := range v.Recipients {
		if ra := &v.Recipients[i]; ra.Action == abi.ActionAccept {
			o.allow(ra.Recipient, mail.Waiver{Classes: []string{"*"}, By: fl.Name, Reason: ra.Text, At: f.o.Now(), Stage: ev.Stage.String()})
		}
	}
	for _, w := range v.Waivers {
		o.waivers = append(o.waivers, mail.Waiver{Classes: w.Classes, By: fl.Name, Reason: w.Reason, At: f.o.Now(), Stage: ev.Stage.String()})
	}
	if v.Action == abi.ActionAccept { // the host let it through: the plugin has the grant
		o.waivers = append(o.waivers, mail.Waiver{Classes: []string{"*"}, By: fl.Name, Reason: v.Text, At: f.o.Now(), Stage: ev.Stage.String()})
	}
	for _, e := range v.Edits {
		o.edits = append(o.edits, mail.HeaderEdit{
			Op: e.Op.String(), Name: e.Name, Index: int(e.Index), Value: e.Value, Early: ev.Stage < abi.StageData || ev.Tenant == "",
		})
	}
	o.tags, o.route = v.Tags, v.Route
	if v.Hold.UntilUnixMs > 0 {
		o.hold = time.UnixMilli(int64(min(v.Hold.UntilUnixMs, uint64(f.o.Now().Add(maxHold).UnixMilli())))).UTC()
		o.holdWhy, o.holdKey = v.Hold.Reason, v.Hold.Key
	}
	return o
}

func (f *Flow) finding(fl *policy.Filter, stage abi.Stage, v *abi.Finding, parts *abi.PartList) mail.Finding {
	fd := mail.Finding{
		Filter: fl.Name, Plugin: fl.Plugin, Stage: stage.String(), Class: mail.Class{Main: v.Main, Sub: v.Sub, Extra: v.Extra},
		Score: v.Score, Explanation: v.Explanation, Part: partName(parts, v.Part), Path: v.Path,
		Reply: reply(v.Code, v.Enhanced, v.Text),
	}
	if v.Action != abi.ActionContinue {
		fd.Recommended = mail.Action(v.Action.String())
	}
	return fd
}

func reply(code uint32, enhanced, text string) *mail.Reply {
	if code == 0 {
		return nil
	}
	e, _ := mail.ParseEnhanced(enhanced)
	return &mail.Reply{Code: int(code), Enhanced: e, Text: text}
}
