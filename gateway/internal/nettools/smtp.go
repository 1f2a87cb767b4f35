package nettools

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/deliver"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/smtpc"
)

// SMTPOrder is an SMTP test (B45). Without Host the policy says where to.
type SMTPOrder struct {
	Message string   `json:"message,omitempty" doc:"Message or recipient ID: its envelope is meant"`
	From    string   `json:"from,omitempty" doc:"Sender; empty is the null sender"`
	To      []string `json:"to,omitempty" maxItems:"10"`

	Host string `json:"host,omitempty" doc:"Call this host instead: name, address, host:port or unix:/path. For administrators"`
	Port int    `json:"port,omitempty" minimum:"0" maximum:"65535" doc:"Of host; 0 is 25"`
	TLS  string `json:"tls,omitempty" enum:"none,opportunistic,required,verified" doc:"Instead of what the route and the destination demand; not with send"`
	All  bool   `json:"all,omitempty" doc:"Call every host and address, not only until one answers for everyone"`
	Send bool   `json:"send,omitempty" doc:"Send a short test message instead of stopping before DATA"`
}

// SMTPTest is one next hop that was tried.
type SMTPTest struct {
	From       string   `json:"from" doc:"Empty: the null sender"`
	Recipients []string `json:"recipients"`
	Route      string   `json:"route"`
	NextHop    string   `json:"next_hop,omitempty"`
	Refused    *Said    `json:"refused,omitempty" doc:"Instead of a destination"`
	Visits     []Visit  `json:"visits" doc:"Hosts called, in order"`
	Answers    []*Said  `json:"answers" doc:"What an attempt would go by, for each recipient; null: no host answered"`
	Sent       bool     `json:"sent,omitempty" doc:"A host took the test message"`
	MessageID  string   `json:"message_id,omitempty" doc:"Of the test message"`

	trips []trip
}

// SMTP holds the dialogue that a delivery would begin with, over connections
// of its own: MAIL with the sender, RCPT for each recipient, and then RSET and
// QUIT in place of DATA. Hosts are called in order, and the next one only where
// an attempt would go on to it (B102).
func (t *Tools) SMTP(ctx context.Context, sc scope.Scope, o SMTPOrder) ([]SMTPTest, error) {
	const verb = lifecycle.SMTPTest
	if err := may(sc, verb); err != nil {
		return nil, err
	}
	if o.Host != "" && !sc.Everything() {
		return nil, &lifecycle.Refusal{Verb: verb, Reason: "hosts are chosen by administrators; leave it to the policy"}
	}
	if o.Send && o.TLS != "" {
		return nil, wrong("", "a message is sent over the channel that its route demands: send and tls do not go together")
	}
	trips, err := t.envelope(ctx, sc, verb, &o)
	if err != nil {
		return nil, err
	}
	tests := group(trips, &o)
	for i := range tests {
		if err := t.rations.call.take(sc.Actor, 1); err != nil {
			return nil, err
		}
		if err := t.try(ctx, sc, &tests[i], &o); err != nil {
			return nil, err
		}
	}
	return tests, nil
}

// envelope reads whom a test is about.
func (t *Tools) envelope(ctx context.Context, sc scope.Scope, verb lifecycle.Verb, o *SMTPOrder) ([]trip, error) {
	e := o
	switch {
	case e.Message != "" && e.From == "" && len(e.To) == 0:
		m, rs, err := t.find(ctx, sc, verb, e.Message)
		if err != nil {
			return nil, err
		}
		if o.Send && !sc.Everything() && m.Direction != mail.Inbound {
			return nil, &lifecycle.Refusal{Verb: verb, Reason: "test messages to other domains are sent by administrators"}
		}
		var out []trip
		for _, r := range rs[:min(len(rs), maxSubjects)] {
			x := t.tripOf(m, r)
			if t.foreign(sc, &x) || o.Send && !t.owns(sc, x.to.Domain()) { // redirected
				return nil, elsewhere(verb, x.to.Domain())
			}
			out = append(out, x)
		}
		return out, nil
	case e.Message != "":
		return nil, wrong("", "name a message or addresses, not both")
	case len(e.To) == 0 || len(e.To) > maxSubjects:
		return nil, wrong("", "name 1 to %d recipients, or a message", maxSubjects)
	}
	var from mail.Address
	if s := strings.TrimSpace(e.From); s != "" && s != "<>" {
		var err error
		if from, err = address(s); err != nil {
			return nil, err
		}
	}
	var out []trip
	for _, s := range e.To {
		to, err := address(s)
		if err != nil {
			return nil, err
		}
		if !t.owns(sc, to.Domain()) {
			return nil, elsewhere(verb, to.Domain())
		}
		out = append(out, t.trip(from, to))
	}
	return out, nil
}

// group puts recipients with the same way together, in order.
func group(trips []trip, o *SMTPOrder) []SMTPTest {
	tests := []SMTPTest{}
	at := map[string]int{}
	for _, x := range trips {
		if o.Host != "" {
			x.refused, x.route = nil, hostRoute(x.route, o.Host, o.Port)
		}
		key := x.route.Name + "\x00" + x.route.NextHop()
		if x.refused != nil {
			key = "refused\x00" + x.refused.String()
		}
		i, ok := at[key]
		if !ok {
			i = len(tests)
			at[key] = i
			s := SMTPTest{From: x.from.String(), Route: x.route.Name, Refused: said(x.refused, false), Visits: []Visit{}}
			if x.refused == nil {
				s.NextHop = x.route.NextHop()
			}
			tests = append(tests, s)
		}
		tests[i].Recipients = append(tests[i].Recipients, x.to.String())
		tests[i].Answers = append(tests[i].Answers, nil)
		tests[i].trips = append(tests[i].trips, x)
	}
	return tests
}

// try calls the hosts of one way.
func (t *Tools) try(ctx context.Context, sc scope.Scope, s *SMTPTest, o *SMTPOrder) error {
	if s.Refused != nil {
		return nil
	}
	done, err := t.turn(ctx, sc)
	if err != nil {
		return err
	}
	defer done()
	r := s.trips[0].route
	hosts, reply := t.hosts(ctx, r, o.Host != "")
	if reply != nil {
		s.Refused = said(reply, false)
		return nil
	}
	for _, h := range hosts {
		if h.Reply != nil {
			s.Visits = append(s.Visits, Visit{Host: h.Host, Stage: "dns", Failed: said(h.Reply, false)})
			s.unanswered(said(h.Reply, false))
			continue
		}
		if err := t.rations.host.take(h.Host, 1); err != nil {
			return err
		}
		for _, addr := range h.Addrs {
			v := t.visit(ctx, s, o, h, addr)
			s.Visits = append(s.Visits, v)
			if v.Failed != nil {
				s.unanswered(v.Failed)
			}
			t.said("SMTP test", sc, "host", h.Host, "addr", addr, "rcpt", strings.Join(s.Recipients, " "), "stage", v.Stage, "sent", s.Sent)
			if s.Sent || ctx.Err() != nil {
				return nil
			}
			if !o.All && (v.Failed == nil || v.Stage == string(smtpc.StageDot)) {
				break // it was talked to: another address is the same host
			}
		}
		if !o.All && s.answered() {
			break
		}
	}
	return nil
}

// answered reports that nobody is left for a further host: all have a 2yz or a
// 5yz (B102).
func (s *SMTPTest) answered() bool {
	for _, a := range s.Answers {
		if a == nil || a.Ours || a.Code/100 != 2 && a.Code/100 != 5 {
			return false
		}
	}
	return true
}

// unanswered files why a host gave those no answer who have none of another.
func (s *SMTPTest) unanswered(why *Said) {
	for i, a := range s.Answers {
		if a == nil || a.Ours {
			s.Answers[i] = why
		}
	}
}

// visit holds one dialogue.
func (t *Tools) visit(ctx context.Context, s *SMTPTest, o *SMTPOrder, h deliver.HostView, addr string) (v Visit) {
	start := t.Now()
	first := &s.trips[0]
	c := t.channel(ctx, first.route, h)
	d := t.dial(first.route, h, addr)
	v = Visit{Host: h.Host, Addr: addr}
	defer func() {
		v.Took = t.Now().Sub(start).Milliseconds()
		v.Dialogue = d.Transcript.String()
	}()
	fail := func(err error) Visit {
		v.Stage, v.Failed = stageOf(err)
		return v
	}
	d.TLS, d.Verify = c.Demand, c.verify
	if o.TLS != "" && (o.TLS != c.Demand || c.Wrong != "") {
		// Credentials go over the channel that mail would take, and to nobody whose
		// certificate is looked at less closely.
		d.TLS, d.Verify, d.Auth = o.TLS, nil, nil
		d.Transcript.Note("TLS is %s for this test; mail would go with %s, which %s demands", o.TLS, c.Demand, c.By)
	} else if c.Wrong != "" {
		d.Transcript.Note("%s", c.Wrong)
		v.Stage, v.Failed = string(smtpc.StageStartTLS), &Said{Code: 451, Enhanced: "4.7.5", Text: c.Wrong, Ours: true}
		return v
	}
	conn, err := smtpc.Dial(ctx, d)
	var se *smtpc.Error
	if err != nil && d.TLS == smtpc.TLSOpportunistic && errors.As(err, &se) && se.Stage == smtpc.StageStartTLS && ctx.Err() == nil {
		d.Transcript.Note("TLS is optional here: trying again without it")
		d.TLS, d.Auth = smtpc.TLSNone, nil
		conn, err = smtpc.Dial(ctx, d)
	}
	if err != nil {
		return fail(err)
	}
	defer conn.Quit()
	v.TLS, v.Verified, v.Channel = conn.TLSVersion(), conn.TLSState() != nil && conn.Verified(), conn.Channel()
	if h.Network != "unix" {
		v.Addr = conn.RemoteAddr()
	}
	return t.transact(ctx, s, o, conn, d.Transcript, v)
}

// transact is the envelope, and with Send the message. Recipients that have a
// final answer from a host before are not asked for again.
func (t *Tools) transact(ctx context.Context, s *SMTPTest, o *SMTPOrder, conn *smtpc.Conn, tr *smtpc.Transcript, v Visit) Visit {
	env := smtpc.Envelope{From: s.trips[0].from, Probe: !o.Send}
	var idx []int
	for i, x := range s.trips {
		if a := s.Answers[i]; o.All || a == nil || a.Ours || a.Code/100 == 4 {
			env.To, idx = append(env.To, x.to), append(idx, i)
		}
	}
	var body string
	if o.Send {
		s.MessageID, body = testMessage(t.Policy().Gateway().Hostname, env.From, env.To, t.Now())
		env.Size = int64(len(body))
	}
	for _, a := range append(env.To, env.From) {
		env.Params.SMTPUTF8 = env.Params.SMTPUTF8 || !a.IsASCII()
	}
	answers, err := conn.Begin(ctx, env)
	if err == nil && conn.AwaitsData() {
		var final []smtpc.Answer
		if final, err = conn.Data(ctx, strings.NewReader(body), nil); err == nil {
			for j := range answers {
				if answers[j].Reply.Success() {
					answers[j] = final[j]
					s.Sent = s.Sent || final[j].Reply.Success()
				}
			}
		}
	} else if err == nil && !o.Send {
		tr.Note("stopped before DATA: nothing was sent")
	}
	v.Replies = make([]*Said, len(s.trips))
	for j, i := range idx {
		a := said(&answers[j].Reply, answers[j].Remote)
		v.Replies[i] = a
		if a != nil {
			s.Answers[i] = a
		}
	}
	if err != nil {
		v.Stage, v.Failed = stageOf(err)
	}
	return v
}

// stageOf tells where and why a dialogue broke off.
func stageOf(err error) (string, *Said) {
	var se *smtpc.Error
	if errors.As(err, &se) {
		return string(se.Stage), said(&se.Reply, se.Remote)
	}
	return "", &Said{Code: 451, Text: err.Error(), Ours: true}
}

// testMessage is a short message that says what it is. No program answers it
// (RFC 3834 §5.1).
func testMessage(host string, from mail.Address, to []mail.Address, now time.Time) (id, text string) {
	id = "<" + strings.ToLower(mail.NewID(now).String()) + ".test@" + host + ">"
	author := from
	if author.IsNull() {
		author, _ = mail.ParseAddress("postmaster@" + host)
	}
	var names []string
	for _, a := range to {
		names = append(names, a.String())
	}
	var b strings.Builder
	for _, f := range [][2]string{
		{"Date", now.Format(time.RFC1123Z)}, {"From", author.String()}, {"To", strings.Join(names, ",\r\n ")}, {"Message-ID", id},
		{"Subject", "Test message of the mail gateway " + host}, {"Auto-Submitted", "auto-generated"},
		{"MIME-Version", "1.0"}, {"Content-Type", "text/plain; charset=us-ascii"},
	} {
		fmt.Fprintf(&b, "%s: %s\r\n", f[0], f[1])
	}
	fmt.Fprintf(&b, "\r\nThis is a test message that an operator of the mail gateway\r\n%s ordered. It needs no answer.\r\n", host)
	return id, b.String()
}
