package toolchain

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/mailweir/weir/sdk/abi"
	"github.com/mailweir/weir/sdk/abi/manifest"
)

// plainMessage is what a mail step sends that names no message.
const plainMessage = "From: ann@sender.test\r\nTo: bob@here.test\r\nSubject: hello\r\n\r\nhello\r\n"

// holdEvents are what may become of held mail, as Event.name has it.
var holdEvents = []string{"held", "released", "forced", "retried", "removed", "expired", "auto-released"}

// step reads one thing that happens.
func (r *scenarioReader) step(kind StepKind, label string, s *section, c *common) *Step {
	st := &Step{Kind: kind, Label: label, Range: s.head, Session: c.session, Advance: s.duration("advance")}
	st.Session.recipients = slices.Clone(st.Session.recipients)
	r.session(s, &st.Session)
	if g := s.str("golden", ""); g != "" {
		st.Golden = filepath.Join(r.dir, filepath.FromSlash(g))
	}
	var stage abi.Stage // the one of the step; 0: several
	switch kind {
	case StepMail, StepQueued, StepDelivery:
		if st.Message = r.message(s, "message"); len(st.Message) == 0 {
			st.Message = []byte(plainMessage)
		}
		switch kind {
		case StepMail:
			r.stages(s, st)
		case StepQueued:
			stage = abi.StageQueued
		case StepDelivery:
			stage = abi.StageDelivery
			r.attempt(s, st)
		}
	case StepHold:
		stage = abi.StageHoldEvent
		st.Record = s.str("record", "")
		if !slices.Contains(holdEvents, label) {
			s.fail(s.head, "A hold block's label is what happened: %s.", strings.Join(holdEvents, ", "))
		}
	case StepAction:
		stage = abi.StageAction
		st.Record, st.Actor = s.str("record", ""), s.str("actor", "ann@here.test")
		r.params(s, st, c)
	case StepSchedule:
		stage = abi.StageSchedule
		st.Record, st.Key, st.Given = s.str("record", ""), s.str("key", ""), s.has("payload")
		st.Payload = []byte(s.str("payload", ""))
		if label == "" {
			s.fail(s.head, "A schedule block's label is the name under which the plugin asked to be called.")
		}
	}
	if st.Record != "" && c.setup.records[st.Record] == nil {
		s.fail(s.at("record"), "There is no record %q. Add a block record %q.", st.Record, st.Record)
	}
	if stage != 0 && !r.m.Subscribes(stage) {
		s.fail(s.head, "The plugin has no hook for stage %s, so nothing would be called.", stage)
	}
	r.expectations(s, st, stage)
	s.end()
	return st
}

// stages reads which stages a mail step goes through.
func (r *scenarioReader) stages(s *section, st *Step) {
	names, ok := s.strs("stages")
	if !ok {
		return
	}
	for _, n := range names {
		stage, ok := abi.ParseStage(n)
		if !ok || stage > abi.StageMessage {
			s.fail(s.at("stages"), "%q is no stage of a session. They are connect, helo, auth, mail_from, rcpt_to, data, headers and message.", n)
		} else if !r.m.Subscribes(stage) {
			s.fail(s.at("stages"), "The plugin has no hook for stage %s.", n)
		}
	}
	st.Session.stages = names
}

// attempt reads how a delivery ended.
func (r *scenarioReader) attempt(s *section, st *Step) {
	a := &st.Attempt
	if word := s.oneOf("result", "delivered", "deferred", "failed", "expired", "bounced"); word != "" {
		a.Result, _ = abi.ParseDeliveryResult(word)
	} else {
		a.Result = abi.DeliveryResultDelivered
	}
	a.Number = uint32(s.integer("attempt", 1))
	a.Code = uint32(s.integer("reply_code", 250))
	a.Enhanced, a.Text, a.Host = s.str("reply_enhanced", ""), s.str("reply_text", ""), s.str("host", "mx.elsewhere.test")
}

// params checks an action's parameters by the manifest, as the API does.
func (r *scenarioReader) params(s *section, st *Step, c *common) {
	i := slices.IndexFunc(r.m.Actions, func(a manifest.Action) bool { return a.Name == st.Label })
	p := s.one("params")
	if i < 0 {
		s.fail(s.head, "The manifest offers no action %q.", st.Label)
		return
	}
	if p == nil {
		p = &section{body: emptyBody, head: s.head}
	}
	grants := r.grants(nil, &c.setup)
	v, diags := r.eval.Typed(p.body, &manifest.Block{Attrs: r.m.Actions[i].Params}, "parameters of action "+st.Label, p.head, grants)
	*r.diags = append(*r.diags, diags...)
	st.Payload = v.Append(nil)
}
