package deliver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/smtpc"
)

// try is one visit of one host: one transaction, one record.
type try struct {
	a     *Attempt
	host  host
	at    dialable
	sec   *security
	batch []int // indexes of a.state
	tr    *smtpc.Transcript
	rec   mail.Attempt

	channel string // how the host was authenticated
	relays  bool   // the host takes no part in delivery status notifications
}

// tryHost gives the pending recipients to one host, at each of its addresses
// until one can be talked to.
func (a *Attempt) tryHost(ctx context.Context, h host) {
	addrs, err := a.e.addrs(ctx, a.req.Route, h)
	if err != nil {
		t := a.newTry(h, dialable{}, a.pending())
		t.dns(err)
		t.close()
		return
	}
	sec := a.e.security(ctx, a.req.Route, h)
	if sec.refused != nil {
		t := a.newTry(h, dialable{}, a.pending())
		t.sec = sec
		t.tr.Note("%s", sec.refused.Reply.Text)
		t.reportTLS(nil, sec.refused)
		t.failAll(sec.refused)
		t.close()
		return
	}
	for _, at := range addrs {
		pending := a.pending()
		for len(pending) > 0 && !a.isStopped() {
			if !a.pay(ctx) {
				return
			}
			batch := pending[:min(len(pending), maxRcpts)]
			pending = pending[len(batch):]
			t := a.newTry(h, at, batch)
			t.sec = sec
			talked := t.run(ctx)
			t.close()
			if !talked {
				break
			}
			if len(pending) == 0 {
				a.e.cooling.reached(h)
				return
			}
		}
	}
	if !a.isStopped() {
		a.e.cooling.failed(h)
	}
}

func (a *Attempt) newTry(h host, at dialable, batch []int) *try {
	t := &try{a: a, host: h, at: at, sec: &security{}, batch: batch, tr: &smtpc.Transcript{}}
	t.rec = mail.Attempt{Message: a.req.ID, Start: a.e.opt.Now(), Route: a.req.Route.Name, Host: h.host, Addr: at.addr}
	for _, i := range batch {
		t.rec.Recipients = append(t.rec.Recipients, a.state[i].N)
	}
	return t
}

// close files the record.
func (t *try) close() {
	t.rec.Took = t.a.e.opt.Now().Sub(t.rec.Start).Milliseconds()
	if t.rec.Transcript = t.tr.String(); t.a.req.Sealed {
		t.rec.Transcript = codesOnly(t.rec.Transcript)
	}
	t.a.result.Attempts = append(t.a.result.Attempts, t.rec)
	for _, o := range t.rec.Outcome {
		t.a.e.log.Debug("delivery attempt", "message", t.rec.Message.String(), "rcpt", o.N,
			"host", t.rec.Host, "addr", t.rec.Addr, "code", o.Reply.Code, "remote", o.Remote)
	}
}

// run connects and does one transaction. False: the host could not be talked
// to, its next address may do.
func (t *try) run(ctx context.Context) (talked bool) {
	a, e, site := t.a, t.a.e, t.a.pass.site.key
	c := e.pool.take(site, t.key())
	for c != nil && !c.Quiet() { // closed by the host while idle, or it said something unasked
		_ = c.Close()
		c = e.pool.take(site, t.key())
	}
	if c != nil {
		c.SetTranscript(t.tr)
		t.tr.Note("using the connection to %s again, message %d on it", t.at.addr, c.uses+1)
		t.rec.Reused = true
		if done := t.use(ctx, c); done {
			return true
		}
		e.pool.drop(site, t.key())
		t.rec.Reused = false
		t.tr.Note("the idle connection was closed by the host; connecting anew")
	}
	e.pool.room(site, a.pass.limit(a.req.Route))
	c, err := t.dial(ctx)
	if err != nil {
		if ctx.Err() == nil {
			t.observe(nil, err)
		}
		t.failAll(err)
		return false
	}
	t.use(ctx, c)
	return true
}

func (t *try) key() connKey {
	r := t.a.req.Route
	k := connKey{dialable: t.at, host: t.host.host, helo: t.helo(), source: r.source(t.at), lmtp: r.LMTP, sec: t.sec.key()}
	if r.Auth != nil {
		k.user, k.password = r.Auth.User, r.Auth.Password
	}
	return k
}

func (t *try) helo() string {
	if h := t.a.req.Route.Helo; h != "" {
		return h
	}
	return t.a.e.opt.Hostname
}

// dial opens a fresh connection. Where TLS is opportunistic and breaks, a
// second one goes without it.
func (t *try) dial(ctx context.Context) (*pooled, error) {
	e, key := t.a.e, t.key()
	o := smtpc.Options{
		Network: t.at.network, Addr: t.at.addr, Host: t.tlsName(), Helo: key.helo, Source: key.source,
		LMTP: key.lmtp, TLS: t.sec.mode, Verify: t.sec.verify, Auth: t.a.req.Route.Auth,
		Roots: e.opt.Roots, Timeouts: e.opt.Timeouts, Transcript: t.tr,
	}
	c, err := smtpc.Dial(ctx, o)
	err = t.sealed(nil, err)
	if ctx.Err() == nil {
		t.reportTLS(c, err)
	}
	var se *smtpc.Error
	if err != nil && t.sec.mode == smtpc.TLSOpportunistic && ctx.Err() == nil &&
		errors.As(err, &se) && se.Stage == smtpc.StageStartTLS {
		t.tr.Note("TLS is optional on this route: trying again without it")
		o.TLS = smtpc.TLSNone
		c, err = smtpc.Dial(ctx, o)
		err = t.sealed(nil, err)
	}
	if err != nil {
		return nil, err
	}
	return &pooled{Conn: c, key: key, born: time.Now()}, nil
}

// tlsName is the name to ask a certificate for.
func (t *try) tlsName() string {
	if t.host.network == "unix" {
		return ""
	}
	return t.host.host
}

// use does one transaction over c and files what came of it. False: c had
// been idle and turned out to be closed before it had said anything about
// this message, so nothing is filed.
func (t *try) use(ctx context.Context, c *pooled) bool {
	a, kept := t.a, false
	defer func() {
		if !kept { // also when something panics
			c.Close()
		}
	}()
	t.rec.TLS, t.rec.Verified, t.channel = c.TLSVersion(), c.Verified(), c.Channel()
	t.relays = !c.DSN() // of an LMTP host the queue knows that mail ends there
	if t.at.network != "unix" {
		t.rec.Addr = c.RemoteAddr()
	}
	answers, err := t.transact(ctx, c)
	err = t.sealed(answers, err)
	a.paid = a.paid && err != nil && !isStage(err, smtpc.StageData, smtpc.StageDot)
	if err != nil && t.rec.Reused && gone(err) && ctx.Err() == nil {
		return false
	}
	kept = true
	c.uses++
	perConn, idle := a.pass.wear(a.req.Route, a.e.opt.IdleTimeout)
	a.e.pool.put(a.pass.site.key, c, perConn, idle)
	t.observe(answers, err)
	t.file(answers, err)
	return true
}

// gone reports that an idle connection had been closed by the peer: no reply
// to MAIL, or a 421.
func gone(err error) bool {
	var se *smtpc.Error
	if !errors.As(err, &se) || se.Stage != smtpc.StageMail {
		return false
	}
	if se.Remote {
		return se.Reply.Code == 421
	}
	return se.Reply.Temporary() && !isTimeout(se.Err)
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// transact sends envelope and message. The answers are in batch order, final
// for everyone who has one.
func (t *try) transact(ctx context.Context, c *pooled) ([]smtpc.Answer, error) {
	req := &t.a.req
	env := smtpc.Envelope{From: req.From, Params: req.Params, Size: req.Size, Probe: t.a.probe}
	for _, i := range t.batch {
		env.To, env.Rcpts = append(env.To, req.To[i].Addr), append(env.Rcpts, req.To[i].Params)
	}
	if t.a.probe {
		return c.Begin(ctx, env)
	}
	var err error
	if env.Params, err = lighten(c, req); err != nil {
		return nil, unreadable(err)
	}
	answers, err := c.Begin(ctx, env)
	if err != nil || !c.AwaitsData() {
		return onlyRefusals(answers), err
	}
	body, err := req.Open()
	if err != nil {
		c.Close()
		return onlyRefusals(answers), unreadable(err)
	}
	defer body.Close()
	src := &source{r: body}
	final, err := c.Data(ctx, src, t.a.beforeDot)
	t.a.afterDot()
	if src.err != nil {
		err = unreadable(src.err)
	}
	for i := range answers {
		if answers[i].Reply.Success() {
			answers[i] = final[i]
		}
	}
	return answers, err
}

// onlyRefusals forgets the acceptances of RCPT: no message came after them.
func onlyRefusals(answers []smtpc.Answer) []smtpc.Answer {
	for i := range answers {
		if answers[i].Reply.Success() {
			answers[i] = smtpc.Answer{}
		}
	}
	return answers
}

// source remembers that reading our own message failed.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

var errUnreadable = errors.New("deliver: the message could not be read")

// unreadable is our failure to read our own message; no other host would help.
func unreadable(err error) error {
	return &smtpc.Error{Stage: smtpc.StageData, Err: fmt.Errorf("%w: %w", errUnreadable, err),
		Reply: *mail.NewReply(451, "4.3.0", "the gateway could not read the message")}
}
