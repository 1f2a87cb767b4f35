package tasks

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/notify"
	"github.com/mailweir/weir/gateway/internal/queue"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/sdk/abi"
)

// Bounds of a notice that a plugin submits.
const (
	maxTo      = 10
	maxSubject = 400
	maxNotice  = 64 << 10
)

// ErrRate: the plugin has submitted as many notices as it may for now.
var ErrRate = errors.New("too many notices within an hour")

// Submit implements filter.Queue: an ordinary queued message with a null
// reverse-path, from postmaster at the tenant's first domain. A plugin that is
// called again after a crash may submit twice.
func (s *Service) Submit(ctx context.Context, plugin, tenant string, sub abi.Submission) (string, error) {
	p := s.o.Policy()
	t, ok := p.Tenant(tenant)
	if !ok || len(t.Domains) == 0 {
		return "", bad("tenant %q is not in the policy", tenant)
	}
	switch {
	case len(sub.To) == 0 || len(sub.To) > maxTo:
		return "", bad("a notice has 1 to %d recipients, not %d", maxTo, len(sub.To))
	case len(sub.Subject) > maxSubject:
		return "", bad("the subject has %d octets; at most %d", len(sub.Subject), maxSubject)
	case len(sub.Text) > maxNotice:
		return "", bad("the text has %d octets; at most %d", len(sub.Text), maxNotice)
	}
	l := notify.Letter{Tenant: tenant, Subject: sub.Subject, Text: sub.Text}
	for _, a := range sub.To {
		addr, err := mail.ParseAddress(a)
		if err != nil || addr.IsNull() {
			return "", bad("%.80q is no address", a)
		}
		l.To = append(l.To, addr)
	}
	for _, h := range sub.Headers {
		l.Headers = append(l.Headers, [2]string{h.Name, h.Value})
	}
	var parent *store.Message
	if sub.Parent != "" {
		m, err := s.message(ctx, tenant, sub.Parent)
		if err != nil {
			return "", err
		}
		parent = m
	}
	from, err := mail.ParseAddress("postmaster@" + t.Domains[0])
	if err != nil {
		return "", err
	}
	now := s.clock.Now()
	m, body, err := notify.Compose(l, parent, notify.Options{Hostname: p.Gateway().Hostname, Now: now, Style: notify.Style{From: from}})
	if err != nil {
		return "", bad("%v", err)
	}
	if !s.rates.take(owner{plugin, tenant}, now) {
		return "", bad("%v", ErrRate)
	}
	queue.Address(p, m, tenant)
	var events []mail.Event
	if parent != nil {
		events = notify.Events(m, parent, parent.Recipients, actorOf(plugin), now)
	} else {
		events = []mail.Event{queue.Event(m, nil, mail.EventNotice, now)}
		events[0].Actor, events[0].Tenant = actorOf(plugin), tenant
	}
	a, err := notify.Admission(ctx, s.o.Store, m, body, events)
	if err != nil {
		return "", err
	}
	defer a.Draft.Discard()
	if _, err := s.o.Store.Enqueue(ctx, a); err != nil {
		return "", err
	}
	s.o.Wake()
	s.log.Info("a plugin submitted a notice", "plugin", plugin, "tenant", tenant, "message", m.ID.String(), "recipients", len(m.Recipients))
	return m.ID.String(), nil
}

// rates bounds what each owner may do in an hour, at most a third at once.
type rates struct {
	perHour int
	mu      sync.Mutex
	at      map[owner]time.Time // GCRA: when the owner's allowance is whole again
}

func newRates(perHour int) *rates { return &rates{perHour: perHour, at: map[owner]time.Time{}} }

func (r *rates) take(o owner, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	step := time.Hour / time.Duration(r.perHour)
	burst := step * time.Duration(max(1, r.perHour/3))
	at := r.at[o]
	if at.Before(now) {
		at = now
	}
	if at.Add(step).Sub(now) > burst {
		return false
	}
	r.at[o] = at.Add(step)
	if len(r.at) > 4096 {
		for k, v := range r.at {
			if v.Before(now) {
				delete(r.at, k)
			}
		}
	}
	return true
}
