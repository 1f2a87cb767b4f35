package deliver

import (
	"errors"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/resolver"
	"github.com/mailweir/weir/gateway/internal/smtpc"
)

// filing is one recipient's result of one try.
type filing struct {
	reply  mail.Reply
	remote bool
	over   bool // no further host in this attempt
	dns    bool
	retry  time.Duration
	dup    bool
	bare   bool // the host has not the channel that is demanded
}

// failAll files a host that was not reached, or would not talk.
func (t *try) failAll(err error) { t.file(nil, err) }

// file writes down what a try came to: each recipient's own answer where it
// has one, err for the others.
func (t *try) file(answers []smtpc.Answer, err error) {
	for j, i := range t.batch {
		var f filing
		switch {
		case j < len(answers) && !answers[j].Reply.IsZero():
			f = filing{reply: answers[j].Reply, remote: answers[j].Remote}
		case err != nil:
			f = t.meaning(err)
		default: // cannot be: a transaction without error answers everyone
			f = filing{reply: *mail.NewReply(451, "4.4.2", "the host gave no answer")}
		}
		f.over = f.over || (t.a.probe && err == nil)
		t.settle(i, f)
	}
}

// meaning reads an error of smtpc for a recipient without an answer of its own.
func (t *try) meaning(err error) filing {
	var se *smtpc.Error
	if !errors.As(err, &se) {
		return filing{reply: *mail.NewReply(451, "4.3.0", "the delivery could not be made"), over: true}
	}
	f := filing{reply: se.Reply, remote: se.Remote}
	if f.reply.Code < 400 { // an error is never a delivery
		f = filing{reply: *mail.NewReply(451, "4.5.0", "the host gave an answer that does not belong here")}
	}
	f.bare = t.sec.demanded() && smtpc.NoChannel(err) && !t.a.isStopped()
	switch se.Stage {
	case smtpc.StageConnect, smtpc.StageGreeting, smtpc.StageEHLO, smtpc.StageStartTLS, smtpc.StageAuth:
		f = hostFailure(f)
	case smtpc.StageMail:
		if t.a.probe { // it is the null sender or the session that is refused, not the recipient
			f = hostFailure(f)
		}
	case smtpc.StageDot:
		if !se.Remote {
			f.over, f.dup = true, true
			f.reply.Text += "; the message may have been delivered"
			t.tr.Note("the answer to the final dot was lost: the message may have been delivered")
		}
	}
	if errors.Is(err, errUnreadable) {
		f.over = true
	}
	return f
}

// hostFailure reads a 5yz that is about us or the host, not about the message:
// another host, or another day, may do better (B102).
func hostFailure(f filing) filing {
	if !f.reply.Permanent() {
		return f
	}
	literal := f.reply.String()
	f.remote = false
	f.reply.Code = 451
	if f.reply.Enhanced == (mail.Enhanced{}) {
		f.reply.Enhanced = mail.Enhanced{4, 4, 0}
	}
	f.reply.Enhanced[0] = 4
	f.reply.Text = "the host refused to talk to us: " + literal
	return f
}

// settle files one recipient's result. What a destination said stays when a
// later host could not even be reached.
func (t *try) settle(i int, f filing) {
	s := &t.a.state[i]
	t.rec.Outcome = append(t.rec.Outcome, mail.RcptReply{N: s.N, Reply: f.reply, Remote: f.remote})
	s.over = f.over
	if s.tries++; f.bare {
		s.bare++
	}
	if !f.reply.Success() && !f.reply.Permanent() && s.spoke && s.Remote && !f.remote && !f.dup {
		return
	}
	s.spoke = true
	s.RcptResult = RcptResult{
		N: s.N, Reply: f.reply, Remote: f.remote, Host: t.rec.Host, Addr: t.rec.Addr,
		TLS: t.rec.TLS, Verified: t.rec.Verified, Channel: t.channel, DNS: f.dns, RetryAfter: f.retry, MayDuplicate: f.dup,
	}
	switch {
	case f.reply.Success():
		s.Outcome, s.over, s.Relayed = Delivered, true, t.relays && !t.a.probe
	case f.reply.Permanent():
		s.Outcome, s.over = Failed, true
	}
}

// dns files a failed look-up of this try's host.
func (t *try) dns(err error) {
	f := filing{reply: *mail.NewReply(451, "4.4.3", "the host could not be looked up")}
	var df *dnsFailure
	if errors.As(err, &df) {
		var re *resolver.Error
		f.reply, f.retry, f.dns = df.reply, df.retry, errors.As(df.err, &re)
	}
	t.tr.Note("%s", f.reply.Text)
	if err := errors.Unwrap(err); err != nil {
		t.tr.Note("%v", err)
	}
	for _, i := range t.batch {
		t.settle(i, f)
	}
}

// noRoute files that the route has no host to try.
func (a *Attempt) noRoute(err error) {
	name := a.req.Route.MX
	t := a.newTry(host{network: "tcp", host: name}, dialable{}, a.pending())
	t.dns(err)
	t.close()
}
