package queue

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/notify"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/policy"
)

// Notices composes the mail that the gateway owes: DSNs to senders, notices
// of stalled mail to administrators.
type Notices interface {
	// Make returns the DSNs that an entry owes as admissions, to be committed
	// with the outcome, and events with theirs appended. A notice that cannot
	// be made is logged, and e.Recipients are marked as owing it (notify.Owe):
	// the outcome itself is never held up by it. The caller discards the drafts.
	Make(ctx context.Context, m *store.Message, e Entry, attempts []mail.Attempt, body store.Body, events []mail.Event) ([]*store.Admission, []mail.Event)
	// Stalled returns the notices to the administrators of stalled mail (B145).
	Stalled(ctx context.Context, m *store.Message, stalled []store.Recipient) []*store.Admission
	// Pay makes the notices that are owed for a message that is recorded. What
	// fails is logged, and stays owed: the keeper pays it.
	Pay(ctx context.Context, id mail.ID)
}

// Composer is Notices over a store. All fields are needed.
type Composer struct {
	Store  store.Store
	Policy func() *policy.Policy
	Now    func() time.Time
	Logger *slog.Logger
}

var _ Notices = (*Composer)(nil)

func (c *Composer) options(tenant string) notify.Options {
	return notify.Options{Hostname: c.Policy().Gateway().Hostname, Now: c.Now(), Style: c.style(tenant), Problem: c.problem}
}

func (c *Composer) problem(err error) { c.Logger.Warn("a notice", "err", err) }

// style is how a tenant's notices look, by the policy of now.
func (c *Composer) style(tenant string) notify.Style {
	t, ok := c.Policy().Tenant(tenant)
	if !ok {
		return notify.Style{}
	}
	n := t.Notify()
	s := notify.Style{Language: n.Language, Templates: n.Templates}
	if n.From != "" {
		from, err := mail.ParseAddress(n.From)
		if err != nil {
			c.problem(fmt.Errorf("notify.from of tenant %q: %w", tenant, err))
		}
		s.From = from
	}
	return s
}

// admins are who is told of held mail, by the policy of now.
func (c *Composer) admins(tenant, kind string) []mail.Address {
	t, ok := c.Policy().Tenant(tenant)
	if !ok {
		return nil
	}
	list := t.Notify().Stalled
	if kind == notify.KindExpired {
		list = t.Notify().Expired
	}
	var to []mail.Address
	for _, s := range list {
		a, err := mail.ParseAddress(s)
		if err != nil {
			c.problem(fmt.Errorf("notify.%s of tenant %q: %w", kind, tenant, err))
			continue
		}
		to = append(to, a)
	}
	return to
}

// Payer makes what is owed in the same way.
func (c *Composer) Payer() *notify.Payer {
	return &notify.Payer{
		Store: c.Store, Clock: c.Now, Style: c.style, Admins: c.admins, Problem: c.problem,
		Hostname: func() string { return c.Policy().Gateway().Hostname },
		Route: func(m *store.Message, r *store.Recipient) error {
			one := store.Message{Recipients: []store.Recipient{*r}}
			Address(c.Policy(), &one, r.Tenant)
			*r, m.Direction = one.Recipients[0], one.Direction
			return nil // without a route it is queued as unrouted (B97), and visible
		},
		Keep: func(m *store.Message) bool { return KeepBody(c.Policy(), m.Recipients) > 0 },
	}
}

// Pay implements Notices.
func (c *Composer) Pay(ctx context.Context, id mail.ID) {
	if err := c.Payer().Pay(ctx, id); err != nil {
		c.Logger.Error("a notice could not be made; it is owed", "message", id.String(), "err", err)
	}
}

// Make implements Notices.
func (c *Composer) Make(ctx context.Context, m *store.Message, e Entry, attempts []mail.Attempt, body store.Body, events []mail.Event) ([]*store.Admission, []mail.Event) {
	var out []*store.Admission
	for _, n := range e.Notices {
		about := pick(e.Recipients, n.Recipients)
		if len(about) == 0 {
			continue
		}
		if n.Kind == notify.KindDelayed {
			late := c.late(m, about, body)
			for _, r := range about {
				if !slices.ContainsFunc(late, func(l store.Recipient) bool { return l.N == r.N }) {
					oweInstead(e.Recipients, Notice{n.Kind, []int{r.N}}) // it was not told, and is not shown as told (B101)
				}
			}
			if about = late; len(about) == 0 {
				continue
			}
		}
		dsn, text, err := notify.DSN(n.Kind, m, about, attempts, c.options(about[0].Tenant), body)
		if err != nil {
			c.Logger.Error("a notice to the sender could not be composed; it is owed", "message", m.ID.String(), "kind", n.Kind, "err", err)
			oweInstead(e.Recipients, n)
			continue
		}
		a, err := c.admit(ctx, dsn, text, about[0].Tenant, notify.Events(dsn, m, about, "", c.Now()))
		if err != nil {
			c.Logger.Error("a notice to the sender could not be stored; it is owed", "message", m.ID.String(), "kind", n.Kind, "err", err)
			oweInstead(e.Recipients, n)
			continue
		}
		// notify.Events tells both sides' story; the original's lines belong to
		// the outcome that owes the notice.
		a.Events, events = divide(a.Events, events, dsn.ID)
		out = append(out, a)
	}
	return out, events
}

// late are those of the recipients whose delay is told: of mail that a program
// wrote or that goes to a list only where the sender asked for it.
func (c *Composer) late(m *store.Message, about []store.Recipient, body store.Body) []store.Recipient {
	automatic, err := notify.Automatic(m, body)
	if err != nil { // composing the notice fails, too, and is logged
		return about
	}
	if automatic {
		about = slices.DeleteFunc(slices.Clone(about), func(r store.Recipient) bool { return r.DSN.Notify&mail.NotifyDelay == 0 })
	}
	until(c.Policy(), m, about)
	return about
}

// until says in recipients that are late how long they are tried.
func until(p *policy.Policy, m *store.Message, late []store.Recipient) {
	for i := range late {
		r := &late[i]
		since := r.FirstFailure
		if since.IsZero() { // only our own limits kept it back
			since = m.Received
		}
		s, lifetime := ScheduleOf(p, m, r)
		if end := s.End(lifetime); end > 0 {
			r.Expires = since.Add(end)
		}
	}
}

func divide(made, events []mail.Event, id mail.ID) (own, rest []mail.Event) {
	for _, ev := range made {
		if ev.Message == id {
			own = append(own, ev)
		} else {
			events = append(events, ev)
		}
	}
	return own, events
}

func pick(rs []store.Recipient, ns []int) []store.Recipient {
	var out []store.Recipient
	for _, r := range rs {
		if slices.Contains(ns, r.N) {
			out = append(out, r)
		}
	}
	return out
}

// Stalled implements Notices: one message to the addresses of each tenant.
func (c *Composer) Stalled(ctx context.Context, m *store.Message, stalled []store.Recipient) []*store.Admission {
	var out []*store.Admission
	done := map[string]bool{}
	for _, r := range stalled {
		if done[r.Tenant] {
			continue
		}
		done[r.Tenant] = true
		t, ok := c.Policy().Tenant(r.Tenant)
		if !ok {
			continue
		}
		mine := slices.DeleteFunc(slices.Clone(stalled), func(o store.Recipient) bool { return o.Tenant != r.Tenant })
		a, err := c.stalled(ctx, m, mine, t)
		if err != nil {
			c.Logger.Error("a notice of stalled mail could not be made", "message", m.ID.String(), "tenant", r.Tenant, "err", err)
		} else if a != nil {
			out = append(out, a)
		}
	}
	return out
}

func (c *Composer) stalled(ctx context.Context, m *store.Message, rs []store.Recipient, t *policy.Tenant) (*store.Admission, error) {
	to := c.admins(t.Name, notify.KindStalled)
	if len(to) == 0 {
		return nil, nil
	}
	n, text, err := notify.StallNotice(m, rs, to, c.options(t.Name))
	if err != nil {
		return nil, err
	}
	a, err := c.admit(ctx, n, text, t.Name, nil)
	if err != nil {
		return nil, err
	}
	a.Events = []mail.Event{Event(n, nil, mail.EventNotice, c.Now())}
	return a, nil
}

// admit routes a message of ours and puts its body in a draft.
func (c *Composer) admit(ctx context.Context, n *store.Message, text []byte, tenant string, events []mail.Event) (*store.Admission, error) {
	Address(c.Policy(), n, tenant)
	return notify.Admission(ctx, c.Store, n, text, events)
}

// Address gives the recipients of a notice their tenant and route: inward
// when the gateway hosts their domain, else outward from the tenant the
// notice is about.
func Address(p *policy.Policy, n *store.Message, tenant string) {
	n.Direction = mail.Inbound
	for i := range n.Recipients {
		r := &n.Recipients[i]
		r.Tenant, r.Local = tenant, true
		dir := mail.Outbound
		if t, ok := p.TenantOf(r.Address.Domain()); ok {
			r.Tenant, dir = t.Name, mail.Inbound
		} else {
			n.Direction = mail.Outbound
		}
		Assign(p, dir, r)
		if t, ok := p.Tenant(r.Tenant); ok {
			r.Schedule = t.Settings(string(dir), r.Address.Key()).Schedule
		}
	}
}
