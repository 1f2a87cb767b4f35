package nettools

import (
	"context"
	"fmt"

	"github.com/mailweir/weir/gateway/internal/deliver"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/verify"
)

// maxSubjects is how many addresses one order is about at most.
const maxSubjects = 10

// Callout asks whether recipients exist (B43): the destination, with the null
// sender, and about an address that cannot exist too. What is learnt of a
// hosted recipient is remembered.
func (t *Tools) Callout(ctx context.Context, sc scope.Scope, o CalloutOrder) ([]CalloutAnswer, error) {
	const verb = lifecycle.RecipientCallout
	if err := may(sc, verb); err != nil {
		return nil, err
	}
	var trips []trip
	switch {
	case o.Message != "" && o.Address == "":
		m, rs, err := t.find(ctx, sc, verb, o.Message)
		if err != nil {
			return nil, err
		}
		for _, r := range rs[:min(len(rs), maxSubjects)] {
			trips = append(trips, t.tripOf(m, r))
		}
	case o.Address != "" && o.Message == "":
		a, err := address(o.Address)
		if err != nil {
			return nil, err
		}
		if !t.owns(sc, a.Domain()) {
			return nil, elsewhere(verb, a.Domain())
		}
		trips = append(trips, t.trip(mail.Address{}, a))
	default:
		return nil, wrong("", "name a message or an address")
	}
	out := []CalloutAnswer{}
	for _, x := range trips {
		if t.foreign(sc, &x) {
			return nil, elsewhere(verb, x.to.Domain())
		}
		if a, ok := t.remembered(x); ok && o.Remembered {
			out = append(out, a)
			continue
		}
		if err := t.rations.callout.take(sc.Actor, 1); err != nil {
			return nil, err
		}
		a, err := t.callout(ctx, sc, x)
		if err != nil {
			return nil, err
		}
		t.said("recipient callout", sc, "rcpt", a.Address, "answer", a.Answer)
		out = append(out, a)
	}
	return out, nil
}

// request is a trip as package verify asks about it.
func (x *trip) request() verify.Request {
	rc := x.tenant.Recipients()
	return verify.Request{
		Tenant: x.tenant.Name, Address: x.to, Route: x.route, Mode: rc.Verify, IsLocal: rc.IsLocal,
		ValidFor: rc.ValidFor, InvalidFor: rc.InvalidFor, Refresh: rc.Refresh,
	}
}

func (x *trip) answer() CalloutAnswer {
	a := CalloutAnswer{Address: x.to.String(), Route: x.policy.Name, Answer: verify.Unknown.String(), Source: "nobody", Visits: []Visit{}}
	if x.refused == nil {
		a.NextHop = x.route.NextHop()
	} else {
		a.Reply = said(x.refused, false)
	}
	if x.hosted {
		a.Tenant = x.tenant.Name
		a.Listed = x.tenant.Recipients().IsLocal(x.to.Key())
	}
	return a
}

// remembered answers without asking anybody.
func (t *Tools) remembered(x trip) (CalloutAnswer, bool) {
	a := x.answer()
	if !x.hosted {
		return a, false
	}
	rep, ok := t.Recipients.Look(x.request())
	a.fill(rep)
	if a.Source = "cache"; rep.At.IsZero() {
		a.Source = "list"
	}
	return a, ok
}

func (a *CalloutAnswer) fill(rep verify.Report) {
	a.Answer, a.Reply, a.Stranger, a.Limited = rep.Answer.String(), said(rep.Reply, true), said(rep.Stranger, true), rep.Limited
	a.Learnt, a.Until = rep.At, rep.Until
	a.Queued = a.Listed || rep.Answer == verify.Known || rep.Answer == verify.Local
	if len(rep.Attempts) > 0 {
		a.Visits = visits(rep.Attempts)
		last := rep.Attempts[len(rep.Attempts)-1]
		if a.Reply != nil && len(last.Outcome) > 0 {
			a.Reply.Ours = !last.Outcome[0].Remote
		}
	}
}

// callout asks the destination.
func (t *Tools) callout(ctx context.Context, sc scope.Scope, x trip) (CalloutAnswer, error) {
	a := x.answer()
	if x.refused != nil {
		return a, nil
	}
	done, err := t.turn(ctx, sc)
	if err != nil {
		return a, err
	}
	defer done()
	a.Source = "callout"
	if x.hosted {
		a.fill(t.Recipients.Ask(ctx, x.request()))
		return a, nil
	}
	t.probe(ctx, x, &a)
	return a, nil
}

// probe asks about an address elsewhere; nothing is remembered.
func (t *Tools) probe(ctx context.Context, x trip, a *CalloutAnswer) {
	to := []mail.Address{x.to}
	if s, err := verify.Stranger(x.to); err == nil {
		to = append(to, s)
	}
	res := t.Engine.Probe(ctx, x.route, to...)
	got := res.Rcpts[0]
	a.Reply, a.Visits = said(&got.Reply, got.Remote), visits(res.Attempts)
	taken := false
	if len(res.Rcpts) > 1 {
		s := res.Rcpts[1]
		a.Stranger = said(&s.Reply, s.Remote)
		taken = s.Outcome == deliver.Delivered
	}
	switch {
	case got.Outcome == deliver.Delivered && taken:
		a.Answer = verify.CatchAll.String()
	case got.Outcome == deliver.Delivered:
		a.Answer = verify.Known.String()
	case got.Outcome == deliver.Failed && got.Remote:
		a.Answer = verify.Invalid.String()
	}
	a.Queued = true // outbound mail always is
}

// SenderCallout asks the mail servers of a sender's domain whether they would
// take mail for the sender (B44), with the null sender. It has rations of its
// own, for it asks strangers about strangers: for each operator, and for each
// domain whoever orders it. Domain level asks about senders of its own mail.
func (t *Tools) SenderCallout(ctx context.Context, sc scope.Scope, o CalloutOrder) (*CalloutAnswer, error) {
	const verb = lifecycle.SenderCallout
	if err := may(sc, verb); err != nil {
		return nil, err
	}
	var who mail.Address
	switch {
	case o.Message != "" && o.Address == "":
		m, _, err := t.find(ctx, sc, verb, o.Message)
		if err != nil {
			return nil, err
		}
		who = m.Sender
	case o.Address != "" && o.Message == "":
		a, err := address(o.Address)
		if err != nil {
			return nil, err
		}
		if !t.owns(sc, a.Domain()) {
			return nil, elsewhere(verb, a.Domain())
		}
		who = a
	default:
		return nil, wrong("", "name a message or an address")
	}
	if who.IsNull() || who.Domain() == "" {
		return nil, &lifecycle.Refusal{Verb: verb, Reason: "the sender is <>, which is never written to"}
	}
	x := t.trip(mail.Address{}, who)
	if t.foreign(sc, &x) {
		return nil, elsewhere(verb, who.Domain())
	}
	if err := t.rations.sender.take(sc.Actor, 1); err != nil {
		return nil, err
	}
	if err := t.rations.domain.take(who.Domain(), 1); err != nil {
		return nil, err
	}
	done, err := t.turn(ctx, sc)
	if err != nil {
		return nil, err
	}
	defer done()
	a := x.answer()
	if x.refused == nil {
		a.Source = "callout"
		t.probe(ctx, x, &a)
	}
	a.Queued = false
	t.said("sender callout", sc, "sender", fmt.Sprint(who), "answer", a.Answer)
	return &a, nil
}
