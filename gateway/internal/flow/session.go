package flow

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"github.com/mailweir/weir/gateway/internal/identities"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/queue"
	"github.com/mailweir/weir/gateway/internal/smtpd"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/gateway/internal/verify"
	"github.com/mailweir/weir/policy"
	"github.com/mailweir/weir/sdk/abi"
)

var _ smtpd.Gate = (*Flow)(nil)

// session is one SMTP session. Its policy snapshot stays the one it began
// with, whatever is reloaded meanwhile.
type session struct {
	f        *Flow
	p        *policy.Policy
	listener policy.Listener
	peer     *smtpd.Peer
	log      *slog.Logger
	name     <-chan string // the client's reverse name, when it is known
	client   mail.Client
	hearing  *hearing // of the listener's own chain
	tx       *transaction
}

// Connect implements smtpd.Gate.
func (f *Flow) Connect(ctx context.Context, peer *smtpd.Peer) (smtpd.Transaction, error) {
	p := f.o.Policy()
	i := slices.IndexFunc(p.Listeners(), func(l policy.Listener) bool { return l.Name == peer.Listener })
	if i < 0 {
		return nil, mail.NewReply(421, "4.3.2", "this listener is being reconfigured, try again later")
	}
	s := &session{f: f, p: p, listener: p.Listeners()[i], peer: peer,
		log: f.o.Logger.With("session", peer.Session, "client", peer.Remote.Addr().String())}
	s.name = f.lookUp(peer.Remote.Addr())
	s.hearing = newHearing("")
	s.refresh()
	if reply := s.hear(ctx, abi.StageConnect); reply != nil {
		return nil, reply
	}
	return s, nil
}

// lookUp starts the reverse look-up of a client. Loopback has no name.
func (f *Flow) lookUp(a netip.Addr) <-chan string {
	ch := make(chan string, 1)
	if f.o.Names == nil || a.IsLoopback() {
		close(ch)
		return ch
	}
	f.late.Go(func() {
		// Not under the greeting's context: the name may come later.
		ctx, cancel := context.WithTimeout(f.life, 5*time.Second)
		defer cancel()
		name, err := f.o.Names.PTR(ctx, a)
		if err == nil {
			ch <- name
		}
		close(ch)
	})
	return ch
}

// refresh brings client up to date with what the server knows of the peer.
func (s *session) refresh() {
	c := &s.client
	c.Addr, c.Helo, c.ESMTP, c.User = s.peer.Remote, s.peer.Helo, s.peer.ESMTP, s.peer.User
	c.Listener, c.Direction = s.peer.Listener, s.peer.Direction
	if t := s.peer.TLS; t != nil {
		c.TLS, c.Cipher = tlsVersion(t.Version), tls.CipherSuiteName(t.CipherSuite)
	}
	select {
	case n, ok := <-s.name:
		if ok {
			c.Name, s.peer.Name = n, n
		}
	default:
	}
}

func tlsVersion(v uint16) string {
	switch v {
	case tls.VersionTLS13:
		return "TLS1.3"
	case tls.VersionTLS12:
		return "TLS1.2"
	}
	return tls.VersionName(v)
}

// hear runs the listener's own chain for a stage before a tenant is known.
func (s *session) hear(ctx context.Context, stage abi.Stage) *mail.Reply {
	if len(s.listener.Chain) == 0 {
		return nil
	}
	fx, ev := s.facts(stage), s.event(stage)
	s.f.consult(ctx, s.log, s.hearing, s.listener.Chain, fx, ev, nil)
	d := s.hearing.decide(func(fs []policy.Finding, ws []policy.Waiver) (policy.Decision, error) {
		return s.p.DecideListener(s.listener.Name, fx, fs, ws)
	})
	return refusal(d, stage)
}

// overall is what the listener's rulesets made of everything before the
// message, nil without any. What they refuse has been refused by then; what
// they hold, discard or redirect counts for every recipient.
func (s *session) overall() *ruling {
	if len(s.listener.Chain) == 0 {
		return nil
	}
	fx := s.facts(abi.StageData)
	d := s.hearing.decide(func(fs []policy.Finding, ws []policy.Waiver) (policy.Decision, error) {
		return s.p.DecideListener(s.listener.Name, fx, fs, ws)
	})
	return &d
}

func (s *session) Helo(ctx context.Context) error {
	s.refresh()
	s.hearing.forget(abi.StageConnect) // an earlier EHLO counts no more
	return orNil(s.hear(ctx, abi.StageHelo))
}

// transaction is one mail transaction of a session.
type transaction struct {
	id       mail.ID
	from     mail.Address
	params   mail.MailParams
	received time.Time
	tenant   *policy.Tenant // outbound: the sender's; nil with the null path until the header is known
	rcpts    []rcpt
	identity identities.Resolved // outbound: who sends it
	session  *hearing            // of the listener's chain
	hearings map[string]*hearing // by tenant, of the stages before message
	done     bool                // Commit has recorded it
}

// rcpt is one RCPT command.
type rcpt struct {
	addr     mail.Address
	original mail.Address
	dsn      mail.RcptParams // what the client asked about notices (RFC 3461)
	tenant   *policy.Tenant
	known    bool        // known valid or local: may be queued (B65, B70)
	refused  *mail.Reply // our answer, when it was no
	heard    []opinion   // of rcpt_to, and of no other recipient
	findings []mail.Finding
	rule     string
	ran      []call // at rcpt_to
}

func (s *session) Mail(ctx context.Context, from mail.Address, p mail.MailParams) error {
	s.refresh()
	now := s.f.o.Now()
	tx := &transaction{id: mail.NewID(now), from: from, params: p, received: now, session: s.hearing, hearings: map[string]*hearing{}}
	if s.peer.Direction == mail.Outbound && !from.IsNull() {
		t, ok := s.p.TenantOf(from.Domain())
		if !ok {
			return mail.NewReply(550, "5.7.1", "this gateway does not send for "+from.Domain())
		}
		tx.tenant = t
	}
	s.identify(tx)
	if err := s.f.o.Store.Admit(ctx, p.Size); err != nil {
		return s.unavailable(err)
	}
	s.tx = tx
	s.hearing.forget(abi.StageHelo) // what was said of a sender that was refused
	if reply := s.hear(ctx, abi.StageMailFrom); reply != nil {
		s.tx = nil
		return reply
	}
	return nil
}

// unavailable maps an error of the store to the reply that keeps mail with
// the client; anything unknown is left to the server's 451 with an id.
func (s *session) unavailable(err error) error {
	if errors.Is(err, store.ErrFull) {
		s.log.Warn("mail is deferred: not enough free space", "err", err)
		return mail.NewReply(452, "4.3.1", "not enough free space, try again later")
	}
	return err
}

func (s *session) Rcpt(ctx context.Context, to mail.Address, p mail.RcptParams) error {
	tx := s.tx
	r := rcpt{addr: to, dsn: p}
	err := s.admit(ctx, &r)
	if reply, ok := mail.AsReply(err); ok {
		r.refused = reply
		s.log.Info("recipient refused", "message", tx.id.String(), "rcpt", to.String(), "code", reply.Code, "reply", reply.String())
	} else if err != nil {
		r.refused = mail.NewReply(451, "4.3.0", "internal error")
	}
	if err == nil {
		for i := range tx.rcpts { // named twice: one copy, and whatever was asked for is told
			if o := &tx.rcpts[i]; o.refused == nil && o.addr == r.addr {
				o.dsn.Notify = o.dsn.Notify.Or(p.Notify)
				return nil
			}
		}
	}
	tx.rcpts = append(tx.rcpts, r)
	return err
}

// admit runs the core checks, the tenant's filters and the verification.
func (s *session) admit(ctx context.Context, r *rcpt) error {
	tx := s.tx
	if r.addr.Domain() == "" { // <postmaster>, RFC 5321 §4.5.1
		if err := s.postmaster(r); err != nil {
			return err
		}
	}
	owner, hosted := s.p.TenantOf(r.addr.Domain())
	if s.peer.Direction == mail.Inbound {
		if !hosted {
			return mail.NewReply(550, "5.7.1", "relaying to "+r.addr.Domain()+" is not allowed")
		}
		r.tenant = owner
	} else {
		r.tenant = tx.tenant
		r.known = true // outbound is always queued
		if reply := lockedOut(&tx.identity); reply != nil {
			return reply
		}
	}
	if r.tenant != nil {
		if reply := s.consultTenant(ctx, r); reply != nil {
			return reply
		}
	}
	if r.tenant != nil {
		if reply := queue.Refused(s.p, s.peer.Direction, r.tenant.Name, tx.from, r.addr); reply != nil {
			return reply
		}
	}
	if !hosted {
		return nil
	}
	return s.verify(ctx, owner, r)
}

// postmaster gives the bare <postmaster> a domain: the gateway's own if a
// tenant hosts it, else that of the first tenant.
func (s *session) postmaster(r *rcpt) error {
	domain := ""
	if host := s.p.Gateway().Hostname; host != "" {
		if _, ok := s.p.TenantOf(host); ok {
			domain = host
		}
	}
	if ts := s.p.Tenants(); domain == "" && len(ts) > 0 {
		domain = ts[0].Domains[0]
	}
	a, err := mail.ParseAddress("postmaster@" + domain)
	if err != nil {
		return mail.NewReply(550, "5.1.1", "no postmaster here")
	}
	r.original, r.addr = r.addr, a
	return nil
}

// consultTenant replays the stages before the tenant was known, at its first
// recipient, and runs rcpt_to; the verdict answers this RCPT. The stages
// before rcpt_to know no recipient, as what they find counts for all of the
// tenant's; and a tenant's filters never see another tenant's recipients.
func (s *session) consultTenant(ctx context.Context, r *rcpt) *mail.Reply {
	t, dir := r.tenant, string(s.peer.Direction)
	chain := t.Chain(dir)
	if len(chain) == 0 {
		return nil
	}
	h := s.tx.hearings[t.Name]
	stages := []abi.Stage{abi.StageRcptTo}
	if h == nil {
		h = newHearing(t.Name)
		h.session = s.hearing
		s.tx.hearings[t.Name] = h
		stages = []abi.Stage{abi.StageConnect, abi.StageHelo, abi.StageMailFrom, abi.StageRcptTo}
	}
	mine := h.fork() // what rcpt_to finds concerns this recipient only
	for _, st := range stages {
		into := h
		if st == abi.StageRcptTo {
			mine = h.fork()
			into = mine
		}
		fx, ev := s.facts(st), s.event(st)
		fx.Tenant, ev.Tenant = t.Name, t.Name
		fx.Recipients, ev.Recipients = nil, nil
		if st == abi.StageRcptTo {
			fx.Recipient, ev.Recipient = r.addr.String(), r.addr.String()
			fx.Recipients = acceptedOf(s.tx.rcpts, t)
			ev.Recipients = fx.Recipients
		}
		s.f.consult(ctx, s.log, into, chain, fx, ev, nil)
	}
	fx := s.facts(abi.StageRcptTo)
	fx.Tenant, fx.Recipient, fx.Recipients = t.Name, r.addr.String(), acceptedOf(s.tx.rcpts, t)
	d := mine.decideFor(r.addr.String(), nil, func(fs []policy.Finding, ws []policy.Waiver) (policy.Decision, error) {
		return t.Decide(dir, fx, fs, ws)
	})
	r.heard, r.rule, r.ran = mine.beyond(h), d.rule, mine.runsBeyond(h)
	if reply := refusal(d, abi.StageRcptTo); reply != nil {
		r.findings = d.findings
		return reply
	}
	return nil
}

// verify asks whether the recipient exists (B65–B72).
func (s *session) verify(ctx context.Context, owner *policy.Tenant, r *rcpt) error {
	rc := owner.Recipients()
	mode := rc.Verify
	route, ok := s.p.RouteFor(owner, policy.Inbound, s.tx.from.Key(), r.addr.Key())
	if route.Reject != "" { // mail of one tenant to another; other mail was refused before
		return mail.NewReply(550, "5.1.2", route.Reject)
	}
	if !ok && mode == verify.ModeCallout {
		mode = verify.ModeNone // there is nobody to ask (B97)
	}
	req := verify.Request{
		Tenant: owner.Name, Address: r.addr, Route: queue.ToDeliver(route, r.addr),
		Mode: mode, IsLocal: rc.IsLocal, ValidFor: rc.ValidFor, InvalidFor: rc.InvalidFor, Refresh: rc.Refresh,
	}
	if s.peer.Direction == mail.Inbound {
		req.Client = network(s.client.Addr.Addr())
	}
	a, reply := s.f.o.Verify.Check(ctx, req)
	switch a {
	case verify.Known, verify.Local:
		r.known = true
	case verify.Invalid:
		if reply == nil {
			reply = mail.NewReply(550, "5.1.1", "no such recipient here")
		}
		return reply
	case verify.Unknown:
		// Outbound mail is ours to queue whatever the receiver's server says;
		// without verification there was nobody to ask.
		if s.peer.Direction == mail.Inbound && rc.Verify == "callout" {
			if reply == nil || !reply.Temporary() {
				reply = mail.NewReply(451, "4.4.1", "the recipient cannot be verified now, try again later")
			}
			return reply
		}
	case verify.CatchAll: // accepted now, but not to be queued by itself (B67, B68)
	}
	return nil
}

// network is whom a client's failed recipients are counted against: its IPv4
// address, or the /64 that one IPv6 host may choose its address from.
func network(a netip.Addr) string {
	if a = a.Unmap(); a.Is6() && !a.IsLoopback() {
		p, _ := a.WithZone("").Prefix(64) // an IPv6 address has 64 bits
		return p.String()
	}
	if !a.IsValid() || a.IsLoopback() { // a proxy of ours, or a test
		return ""
	}
	return a.String()
}

func (s *session) Data(ctx context.Context) (smtpd.Message, error) {
	if err := s.f.o.Store.Admit(ctx, s.tx.params.Size); err != nil {
		return nil, s.unavailable(err)
	}
	s.refresh()
	if reply := s.hear(ctx, abi.StageData); reply != nil {
		return nil, reply
	}
	d, err := s.f.o.Store.NewDraft(ctx, s.tx.params.Size)
	if err != nil {
		return nil, s.unavailable(err)
	}
	return &message{s: s, tx: s.tx, draft: d}, nil
}

func (s *session) Reset() {
	s.abandon("the client reset the transaction")
	s.tx = nil
	s.hearing.forget(abi.StageHelo)
}

func (s *session) Close(cause error) {
	why := "the client left"
	if cause != nil {
		why = "the session broke: " + cause.Error()
	}
	s.abandon(why)
	s.tx = nil
}

func orNil(r *mail.Reply) error {
	if r == nil {
		return nil
	}
	return r
}
