package queue

import (
	"time"

	"github.com/mailweir/weir/gateway/internal/deliver"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/notify"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/policy"
)

// dnsRetry is how soon a DNS failure is tried again (B107: "a few minutes").
const dnsRetry = 5 * time.Minute

// Book turns what attempts brought into recipients' next states. It is pure:
// the time and the jitter are given.
type Book struct {
	Policy *policy.Policy
	Now    time.Time
	Jitter func() float64 // in [0,1); nil none
}

// Notice is a DSN that is owed. Recipients are N.
type Notice struct {
	Kind       string // as notify has them: "failed", "delayed", "relayed", ...
	Recipients []int
}

// Entry is what one or more results make of a message's recipients.
type Entry struct {
	Recipients []store.Recipient
	Events     []mail.Event
	Notices    []Notice
}

// Enter applies results to recipients of m. Recipients without a result are
// not in the entry.
func (b *Book) Enter(m *store.Message, results []deliver.RcptResult) Entry {
	var e Entry
	for _, res := range results {
		r := find(m, res.N)
		if r == nil {
			continue
		}
		res = Answer(r, res)
		next := *r
		if res.Throttled && res.Outcome == deliver.Deferred {
			ev := Event(m, &next, "", b.Now)
			tell := b.throttled(m, &next, &ev, &e, res)
			next.Changed = b.Now
			ev.Status, ev.Next = next.Status, next.Next
			e.Recipients = append(e.Recipients, next)
			if tell {
				e.Events = append(e.Events, ev)
			}
			continue
		}
		next.Attempts++
		next.Throttled = false
		reply := res.Reply
		next.Last, next.LastRemote, next.LastHost, next.LastAddr = &reply, res.Remote, res.Host, res.Addr
		ev := Event(m, &next, "", b.Now)
		ev.Attempt, ev.Reply, ev.Host = m.Attempts+1, &reply, res.Host
		switch res.Outcome {
		case deliver.Delivered:
			b.delivered(m, &next, &ev, res)
			b.succeeded(m, &next, &e, res)
		case deliver.Failed:
			b.failed(m, &next, &ev, &e)
		default:
			b.deferred(m, &next, &ev, &e, res)
		}
		next.Manual = false
		next.Changed = b.Now
		ev.Status, ev.Next = next.Status, next.Next
		e.Recipients = append(e.Recipients, next)
		e.Events = append(e.Events, ev)
	}
	return e
}

func find(m *store.Message, n int) *store.Recipient {
	for i := range m.Recipients {
		if m.Recipients[i].N == n {
			return &m.Recipients[i]
		}
	}
	return nil
}

// Event starts the journal line of a recipient's transition.
func Event(m *store.Message, r *store.Recipient, t mail.EventType, now time.Time) mail.Event {
	e := mail.Event{
		At: now, Type: t, Message: m.ID, Direction: m.Direction,
		Sender: m.Sender.String(),
	}
	if m.Client.Addr.IsValid() {
		e.Client = m.Client.Addr.Addr().String()
	}
	if r != nil {
		e.N, e.Tenant, e.Recipient, e.Status, e.Class = r.N, r.Tenant, r.Address.String(), r.Status, r.Class.String()
	}
	return e
}

func (b *Book) delivered(m *store.Message, r *store.Recipient, ev *mail.Event, res deliver.RcptResult) {
	r.Status = mail.StatusDelivered
	if m.Direction == mail.Outbound && secured(b.Policy, r, res) {
		r.Status = mail.StatusSecureDelivered // B30
	}
	if r.Origin != "" { // a released message ends as released, never as removed
		r.Status = r.Origin
	}
	r.Next = time.Time{}
	ev.Type = mail.EventDelivery
}

func (b *Book) failed(m *store.Message, r *store.Recipient, ev *mail.Event, e *Entry) {
	ev.Type = mail.EventBounce
	r.Next = time.Time{}
	switch {
	case m.Kind == KindDSN:
		b.freeze(r, "a bounce that could not be delivered is frozen (B79)")
		ev.Text = r.Reason
	case tellsFailure(m, r):
		r.Status = mail.StatusBounced
		e.owe(notify.KindFailed, r.N)
	default:
		r.Status = mail.StatusDeliveryFailed
	}
}

// dnsWait is how long a failed look-up's answer holds, within minutes (B107).
func dnsWait(res deliver.RcptResult) time.Duration {
	if res.RetryAfter <= 0 {
		return dnsRetry
	}
	return min(max(res.RetryAfter, time.Minute), 3*dnsRetry)
}

// KindDSN marks delivery status notifications among messages.
const KindDSN = "dsn"

func (b *Book) freeze(r *store.Recipient, why string) {
	r.Status, r.Reason, r.Next = mail.StatusQueueFrozen, why, time.Time{}
}

func (b *Book) deferred(m *store.Message, r *store.Recipient, ev *mail.Event, e *Entry, res deliver.RcptResult) {
	ev.Type = mail.EventTransientFailure
	if r.FirstFailure.IsZero() {
		r.FirstFailure = b.Now
	}
	if m.Kind == KindDSN && !r.Manual {
		b.freeze(r, "a bounce that could not be delivered at once is frozen (B79)")
		ev.Text = r.Reason
		return
	}
	if why, ok := holds(r, res); ok {
		b.freeze(r, why)
		ev.Text = r.Reason
		return
	}
	// Manual retries and DNS failures leave the schedule's index alone, but
	// the first failure of all starts it.
	if !r.Manual && !res.DNS || r.Failures == 0 {
		r.Failures++
	}
	s, lifetime := ScheduleOf(b.Policy, m, r)
	next, expired := s.Next(r.FirstFailure, b.Now, r.Failures, lifetime, b.Jitter)
	if soon := b.Now.Add(dnsWait(res)); res.DNS && !expired && next.After(soon) {
		next = soon
	}
	r.Schedule = s.Name
	switch {
	case expired && m.Kind == KindDSN: // tried by an operator
		b.freeze(r, "a bounce that could not be delivered is frozen (B79)")
		ev.Text = r.Reason
		return
	case expired:
		b.Expire(m, r, ev, e)
		return
	}
	r.Status, r.Next = mail.StatusQueued, next
	if s.DelayNotice > 0 && b.Now.Sub(r.FirstFailure) >= s.DelayNotice {
		b.delay(m, r, e)
	}
}

// delay owes the sender the notice that the mail is late, once (B104).
func (b *Book) delay(m *store.Message, r *store.Recipient, e *Entry) {
	if !r.DelayNoticed && tellsDelay(m, r) {
		r.DelayNoticed = true
		e.owe(notify.KindDelayed, r.N)
	}
}

// Expire ends a recipient whose lifetime is over (B78, B105).
func (b *Book) Expire(m *store.Message, r *store.Recipient, ev *mail.Event, e *Entry) {
	ev.Type = mail.EventExpiration
	r.Next = time.Time{}
	if tellsFailure(m, r) {
		r.Status = mail.StatusQueueBounced
		e.owe(notify.KindFailed, r.N)
		return
	}
	r.Status = mail.StatusQueueExpired
	b.unheard(m, r)
}

func (e *Entry) owe(kind string, n int) {
	for i := range e.Notices {
		if e.Notices[i].Kind == kind {
			e.Notices[i].Recipients = append(e.Notices[i].Recipients, n)
			return
		}
	}
	e.Notices = append(e.Notices, Notice{kind, []int{n}})
}
