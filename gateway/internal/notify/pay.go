package notify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Payer makes the notices that are owed. It is safe in parallel.
type Payer struct {
	Store    store.Store
	Hostname func() string    // as Options has it
	Clock    func() time.Time // nil: time.Now
	// Route names tenant, route, next hop and schedule of a recipient of mail
	// made here, from the policy; nil leaves them to the queue.
	Route func(m *store.Message, r *store.Recipient) error
	// Style is how a tenant's notices look; nil: as built in, in English.
	Style func(tenant string) Style
	// Admins are who is told of mail that is held (KindStalled) or has ended so
	// (KindExpired); nil: nobody.
	Admins func(tenant, kind string) []mail.Address
	// Problem hears of templates that cannot be used; nil: nobody does.
	Problem func(error)
	// Keep reports whether the body of finished mail stays, so that it can be
	// queued again (B132): the keeper lets it go in time. nil: it goes.
	Keep func(m *store.Message) bool
}

// bill is one notice to make: what is owed alike.
type bill struct {
	debt
	tenant string // of notices to administrators
}

// Pay makes what is owed for a message; nil when nothing is. After an error
// the debt stands, and Pay may be called again. What is owed to administrators
// of mail that has ended is left to Expired, which tells of many at once.
func (p *Payer) Pay(ctx context.Context, id mail.ID) error {
	m, err := p.Store.Get(ctx, id)
	if err == nil {
		err = p.pay(ctx, m)
	}
	if err != nil {
		return fmt.Errorf("making the notices that are owed for %s: %w", id, err)
	}
	return nil
}

func (p *Payer) pay(ctx context.Context, m *store.Message) error {
	owed := map[bill][]store.Recipient{}
	paid := map[string]string{} // by recipient and key: another's debt may come up meanwhile
	for i := range m.Recipients {
		r := &m.Recipients[i]
		for k, d := range debts(r) {
			b := bill{debt: d}
			switch d.kind {
			case KindExpired:
				continue
			case KindStalled:
				b.tenant = r.Tenant
			}
			if d.since.IsZero() { // what ended at another time is another notice, also after a crash
				b.since = r.Changed
			}
			owed[b] = append(owed[b], *r)
			paid[fmt.Sprint(r.N, " ", k)] = r.Notes[k]
		}
	}
	if len(owed) == 0 {
		return nil
	}
	bills := slices.SortedFunc(maps.Keys(owed), func(a, b bill) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), a.since.Compare(b.since), cmp.Compare(a.String()+a.tenant, b.String()+b.tenant))
	})
	for _, b := range bills {
		if err := p.make(ctx, m, b, owed[b]); err != nil && !errors.Is(err, ErrNullSender) {
			return err
		}
	}
	return p.clear(ctx, m.ID, paid)
}

// clear takes debts off a message, and lets its body go when nobody needs it
// any more. paid are the debts by recipient's number and key.
func (p *Payer) clear(ctx context.Context, id mail.ID, paid map[string]string) error {
	return p.Store.Update(ctx, id, func(m *store.Message) ([]mail.Event, error) {
		for i := range m.Recipients {
			r := &m.Recipients[i]
			for k := range debts(r) {
				if r.Notes[k] == paid[fmt.Sprint(r.N, " ", k)] {
					forget(r, k)
				}
			}
		}
		if Final(m) && !Owes(m) && (p.Keep == nil || !p.Keep(m)) {
			m.HasBody = false
		}
		return nil, nil
	})
}

func (p *Payer) options(tenant string, b debt) Options {
	o := Options{Hostname: p.Hostname(), Now: time.Now(), Cause: b.cause, Since: b.since, Problem: p.Problem}
	if p.Clock != nil {
		o.Now = p.Clock()
	}
	if p.Style != nil {
		o.Style = p.Style(tenant)
	}
	return o
}

func (p *Payer) make(ctx context.Context, m *store.Message, b bill, about []store.Recipient) error {
	if b.kind == KindStalled {
		return p.stalled(ctx, m, b, about)
	}
	attempts, err := p.Store.Attempts(ctx, m.ID)
	if err != nil {
		return err
	}
	body, err := p.Store.OpenBody(ctx, m.ID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		body = nil
	case err != nil:
		return err
	default:
		defer body.Close()
	}
	o := p.options(about[0].Tenant, b.debt)
	made, text, err := DSN(b.kind, m, about, attempts, o, body)
	if err != nil {
		return err
	}
	return p.enqueue(ctx, made, text, Events(made, m, about, b.actor, o.Now))
}

func (p *Payer) stalled(ctx context.Context, m *store.Message, b bill, about []store.Recipient) error {
	to := p.admins(b.tenant, KindStalled)
	if len(to) == 0 {
		return nil
	}
	o := p.options(b.tenant, b.debt)
	made, text, err := StallNotice(m, about, to, o)
	if err != nil {
		return err
	}
	return p.enqueue(ctx, made, text, Events(made, m, about, b.actor, o.Now))
}

// Expired makes one notice to a tenant's administrators of all mail that
// has ended without being delivered, and takes the debts off (KindExpired).
func (p *Payer) Expired(ctx context.Context, tenant string, ended []Ended) error {
	if len(ended) == 0 {
		return nil
	}
	if err := p.expired(ctx, tenant, ended); err != nil {
		return fmt.Errorf("telling the administrators of %s of mail that has ended: %w", tenant, err)
	}
	key := debtKey(KindExpired)
	for _, e := range ended {
		paid := map[string]string{}
		for _, r := range e.Recipients {
			paid[fmt.Sprint(r.N, " ", key)] = r.Notes[key]
		}
		if err := p.clear(ctx, e.Message.ID, paid); err != nil && !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("noting that the administrators of %s were told of %s: %w", tenant, e.Message.ID, err)
		}
	}
	return nil
}

func (p *Payer) expired(ctx context.Context, tenant string, ended []Ended) error {
	to := p.admins(tenant, KindExpired)
	if len(to) == 0 {
		return nil
	}
	o := p.options(tenant, debt{})
	made, text, err := ExpiredNotice(tenant, ended, to, o)
	if err != nil {
		return err
	}
	events := Events(made, ended[0].Message, ended[0].Recipients, "", o.Now)
	for _, e := range ended[1:] {
		events = append(events, Events(&store.Message{ID: made.ID, Kind: made.Kind}, e.Message, e.Recipients, "", o.Now)...)
	}
	return p.enqueue(ctx, made, text, events)
}

func (p *Payer) admins(tenant, kind string) []mail.Address {
	if p.Admins == nil {
		return nil
	}
	return p.Admins(tenant, kind)
}

func (p *Payer) enqueue(ctx context.Context, made *store.Message, text []byte, events []mail.Event) error {
	if p.Route != nil {
		for i := range made.Recipients {
			if err := p.Route(made, &made.Recipients[i]); err != nil {
				return fmt.Errorf("routing the notification: %w", err)
			}
		}
	}
	a, err := Admission(ctx, p.Store, made, text, events)
	if err != nil {
		return err
	}
	defer a.Draft.Discard()
	_, err = p.Store.Enqueue(ctx, a)
	return err
}

// Final reports whether no recipient is left to work on.
func Final(m *store.Message) bool {
	return !slices.ContainsFunc(m.Recipients, func(r store.Recipient) bool { return r.Status.Live() })
}
