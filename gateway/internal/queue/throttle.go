package queue

import (
	"time"

	"github.com/mailweir/weir/gateway/internal/deliver"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Bounds of the wait until a destination that our own limits keep us from is
// asked again.
const (
	throttleLeast = time.Second
	throttleMost  = 30 * time.Minute
	throttleUsual = 30 * time.Second // where the engine does not say
)

// throttled puts off a recipient that our own limits for the destination left
// no room for (B89). Nothing was tried, so nothing failed: no attempt, no
// failure and no words of a destination are recorded, and one event when it
// begins. But time passes: also mail that is never let through is told of
// (B104) and ends (B105). false: there is nothing to tell.
func (b *Book) throttled(m *store.Message, r *store.Recipient, ev *mail.Event, e *Entry, res deliver.RcptResult) (tell bool) {
	began := !r.Throttled
	// Whom an operator's retry does not get past either waits as all others do: it would
	// be claimed again and again, for nothing.
	r.Throttled, r.Manual = true, false
	if r.LastHost == "" && res.Host != r.NextHop {
		r.LastHost = res.Host // identified, and not asked yet (B99)
	}
	s, lifetime := ScheduleOf(b.Policy, m, r)
	since := r.FirstFailure
	if since.IsZero() {
		since = m.Received
	}
	if end := s.End(lifetime); end > 0 && b.Now.Sub(since) >= end {
		r.Last, r.LastRemote, r.LastHost, r.LastAddr = &res.Reply, false, res.Host, res.Addr
		r.Throttled = false
		if m.Kind == KindDSN {
			b.freeze(r, "a bounce that was never let through to its destination is frozen (B79)")
			ev.Type, ev.Text = mail.EventFreeze, r.Reason
			return true
		}
		b.Expire(m, r, ev, e)
		ev.Reply, ev.Host = &res.Reply, res.Host
		return true
	}
	wait := res.RetryAfter
	if wait <= 0 {
		wait = throttleUsual
	}
	wait = min(max(wait, throttleLeast), throttleMost)
	if b.Jitter != nil { // so that not all of it comes back in one moment
		wait += time.Duration(b.Jitter() * float64(min(wait/4, time.Minute)))
	}
	r.Status, r.Next = mail.StatusQueued, b.Now.Add(wait)
	ev.Type, ev.Text = mail.EventVerdict, "waits for the destination's own turn (B89): "+res.Reply.Text
	if s.DelayNotice > 0 && b.Now.Sub(since) >= s.DelayNotice {
		if r.Last == nil { // a notice says what stands in the way
			r.Last = &res.Reply
		}
		b.delay(m, r, e)
	}
	return began
}
