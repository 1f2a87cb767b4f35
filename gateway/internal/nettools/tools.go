package nettools

import (
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mailweir/weir/gateway/internal/dane"
	"github.com/mailweir/weir/gateway/internal/deliver"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/queue"
	"github.com/mailweir/weir/gateway/internal/resolver"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/smtpc"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/gateway/internal/verify"
	"github.com/mailweir/weir/policy"
)

// Engine is what the tools ask of deliveries; *deliver.Engine is one.
type Engine interface {
	Lookup(ctx context.Context, r deliver.Route) ([]deliver.HostView, *mail.Reply)
	Demand(ctx context.Context, r deliver.Route, h deliver.HostView) deliver.Demand
	Probe(ctx context.Context, r deliver.Route, to ...mail.Address) deliver.Result
}

// Recipients is what they ask of package verify; *verify.Checker is one.
type Recipients interface {
	Look(r verify.Request) (verify.Report, bool)
	Ask(ctx context.Context, r verify.Request) verify.Report
	Known(q verify.Query) (items []verify.Item, more bool, err error)
	Clear(q verify.Query) (int, error)
}

// DNS is what they ask of the resolver; *resolver.Client is one.
type DNS interface {
	dane.Resolver
	Addrs(ctx context.Context, host string) ([]netip.Addr, error)
	PTR(ctx context.Context, addr netip.Addr) (string, error)
	MXSecure(ctx context.Context, domain string) ([]resolver.MX, bool, error)
	Records(ctx context.Context, name, kind string) (resolver.Records, error)
	Validating() (some, all bool)
}

// Options make Tools. Logger, Now, Roots, Timeouts and Outward have
// defaults; the rest is needed.
type Options struct {
	Policy     func() *policy.Policy
	Messages   scope.Source
	Recipients Recipients
	Engine     Engine
	DNS        DNS

	Logger   *slog.Logger     // default: discard
	Now      func() time.Time // default time.Now
	Roots    *x509.CertPool   // default the system's
	Timeouts smtpc.Timeouts   // default: 15 s for each stage
	// Outward gives the addresses that the machine calls the world from; default:
	// as the kernel's routes say.
	Outward func() []netip.Addr
}

// Tools are the tools. All methods are safe in parallel.
type Tools struct {
	Options
	rations *rations
	turns   chan struct{} // dialogues at a time
	mu      sync.Mutex
	mine    map[string]int // of those, had or waited for, by actor
	self    selfState
}

// How many dialogues and callouts run at a time, of all operators and of one.
const (
	maxTurns   = 16
	maxTurnsOf = 4
)

// New makes Tools.
func New(o Options) *Tools {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Outward == nil {
		o.Outward = outward
	}
	if o.Timeouts == (smtpc.Timeouts{}) {
		d := 15 * time.Second
		o.Timeouts = smtpc.Timeouts{Connect: d, Greeting: d, EHLO: d, StartTLS: d, Auth: d, Mail: d, Rcpt: d, Data: d, Block: d, Dot: time.Minute, Reset: d}
	}
	return &Tools{Options: o, rations: newRations(o.Now), turns: make(chan struct{}, maxTurns), mine: map[string]int{}}
}

// turn waits for one of the turns; give it back by calling what it returns. Who
// has several slow hosts called at a time does not keep the others from theirs.
func (t *Tools) turn(ctx context.Context, sc scope.Scope) (func(), error) {
	t.mu.Lock()
	if t.mine[sc.Actor] >= maxTurnsOf {
		t.mu.Unlock()
		return nil, &Busy{"several tools at one time", 10 * time.Second}
	}
	t.mine[sc.Actor]++
	t.mu.Unlock()
	leave := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.mine[sc.Actor]--; t.mine[sc.Actor] == 0 {
			delete(t.mine, sc.Actor)
		}
	}
	select {
	case t.turns <- struct{}{}:
		return func() { <-t.turns; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, &Busy{"tools of all operators together", 10 * time.Second}
	}
}

// mistake is an order that cannot be carried out as it is.
type mistake struct{ text, remedy string }

func (m *mistake) Error() string  { return m.text }
func (m *mistake) Mistake() bool  { return true }
func (m *mistake) Remedy() string { return m.remedy }

func wrong(remedy, format string, args ...any) error {
	return &mistake{fmt.Sprintf(format, args...), remedy}
}

// may refuses a tool to those whose level or role has it not.
func may(sc scope.Scope, v lifecycle.Verb) error {
	if err := sc.Validate(); err != nil {
		return err
	}
	return lifecycle.Permitted(v, mail.Inbound, sc.Level, sc.Role, false)
}

// elsewhere refuses domain level what is not its own. Whether it exists is not
// told.
func elsewhere(v lifecycle.Verb, what string) error {
	return &lifecycle.Refusal{Verb: v, Reason: fmt.Sprintf("%.100s is none of your domains; an administrator may", what)}
}

// owns reports whether an operator may try what belongs to a hosted domain.
func (t *Tools) owns(sc scope.Scope, domain string) bool {
	if sc.Everything() {
		return true
	}
	_, hosted := t.Policy().TenantOf(domain)
	return hosted && slices.ContainsFunc(sc.Domains, func(d string) bool { return strings.EqualFold(d, domain) })
}

// foreign reports whether a way leads to the server of another tenant: its
// addresses and its words are not for a domain's operator, though the mail is.
func (t *Tools) foreign(sc scope.Scope, x *trip) bool { return x.hosted && !t.owns(sc, x.to.Domain()) }

// trip is where one recipient's mail goes.
type trip struct {
	from, to mail.Address
	dir      mail.Direction // of the route
	tenant   *policy.Tenant // nil outbound without one
	hosted   bool
	through  bool // from one tenant to another, in process
	policy   policy.Route
	route    deliver.Route
	refused  *mail.Reply // instead of a route: by a via block, or for want of one
}

// trip finds the way of mail from one address to another by the policy of now:
// inward for a hosted recipient, else outward by the tables of the sender's
// tenant.
func (t *Tools) trip(from, to mail.Address) trip {
	p := t.Policy()
	x := trip{from: from, to: to, dir: mail.Outbound}
	sending, ours := p.TenantOf(from.Domain())
	x.tenant = sending
	if owner, ok := p.TenantOf(to.Domain()); ok {
		x.through = ours && sending != owner
		x.dir, x.tenant, x.hosted = mail.Inbound, owner, true
	}
	x.find(p)
	return x
}

// tripOf is the way of a recipient of a message: by its own tenant's tables.
func (t *Tools) tripOf(m *store.Message, r *store.Recipient) trip {
	p := t.Policy()
	x := trip{from: m.Sender, to: r.Address, dir: mail.Outbound}
	if owner, ok := p.TenantOf(r.Address.Domain()); ok {
		x.dir, x.tenant, x.hosted = mail.Inbound, owner, true
	} else {
		x.tenant, _ = p.Tenant(r.Tenant)
	}
	x.find(p)
	return x
}

func (x *trip) find(p *policy.Policy) {
	r, ok := p.RouteFor(x.tenant, string(x.dir), x.from.Key(), x.to.Key())
	switch {
	case ok && r.Reject != "":
		x.policy, x.refused = r, mail.NewReply(550, "5.1.2", r.Reject)
	case !ok || r.IsZero():
		x.refused = mail.NewReply(451, "4.3.5", "the policy has no route for this mail")
	default:
		x.policy, x.route = r, queue.ToDeliver(r, x.to)
	}
}

// address reads an address of an order.
func address(s string) (mail.Address, error) {
	a, err := mail.ParseAddress(strings.TrimSpace(s))
	if err != nil {
		return a, wrong("write it as user@example.com", "%.100q is no address: %v", s, err)
	}
	return a, nil
}

// find is a message with those of its recipients for which the verb may be used.
func (t *Tools) find(ctx context.Context, sc scope.Scope, v lifecycle.Verb, id string) (*store.Message, []*store.Recipient, error) {
	m, n, err := sc.Find(ctx, t.Messages, id)
	if err != nil {
		return nil, nil, err
	}
	var out []*store.Recipient
	var refused error
	for i := range m.Recipients {
		r := &m.Recipients[i]
		if n != 0 && r.N != n {
			continue
		}
		if err := lifecycle.Check(v, sc.Query(m, r, false)); err != nil {
			refused = err
			continue
		}
		out = append(out, r)
	}
	if len(out) == 0 {
		return nil, nil, refused
	}
	return m, out, nil
}

func (t *Tools) said(what string, sc scope.Scope, args ...any) {
	t.Logger.Info(what, append([]any{"actor", sc.Actor}, args...)...)
}
