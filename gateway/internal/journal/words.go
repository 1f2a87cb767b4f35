package journal

import (
	"fmt"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// stamp is how a time stands in a sentence.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// length is a duration as people say it, in its two largest units.
func length(d time.Duration) string {
	if d < 0 {
		d = -d
	}
	d = d.Round(time.Second)
	parts := []struct {
		n    int64
		unit string
	}{{int64(d / (24 * time.Hour)), "d"}, {int64(d / time.Hour % 24), "h"}, {int64(d / time.Minute % 60), "min"}, {int64(d / time.Second % 60), "s"}}
	var out []string
	for _, p := range parts {
		if p.n > 0 && len(out) < 2 {
			out = append(out, fmt.Sprintf("%d %s", p.n, p.unit))
		} else if len(out) > 0 {
			break
		}
	}
	if len(out) == 0 {
		return "0 s"
	}
	return strings.Join(out, " ")
}

// Status puts a recipient's status in a sentence.
func Status(m *store.Message, r *store.Recipient, now time.Time) string {
	reason := ""
	if r.Reason != "" {
		reason = ": " + strings.TrimSuffix(r.Reason, ".")
	}
	host := r.LastHost
	if host == "" {
		host = "the destination"
	}
	refused := host + " refused it for good."
	if !r.LastRemote {
		refused = "No host refused it: the gateway found that it cannot be delivered."
	}
	until := ""
	if !r.Expires.IsZero() {
		until = " until " + stamp(r.Expires)
	}
	switch r.Status {
	case mail.StatusAccepted:
		if h := r.Hold; h != nil {
			return "Taken over; filter " + h.Filter + " holds it until " + stamp(h.Until) + reason + ". Then the filters look again, until " + stamp(h.Since.Add(store.MaxHold)) + " at the latest."
		}
		if r.Unjudged {
			return "Taken over; the filters still have to look at it" + reason + "."
		}
		return "Taken over; no outcome yet" + reason + "."
	case mail.StatusQueued:
		return Stage(r) + "."
	case mail.StatusQueueFrozen:
		return "Frozen" + reason + ". No attempts are made until an operator retries or removes it."
	case mail.StatusStalled:
		return "Held because it could not be inspected" + reason + ". It waits for an operator" + until + "."
	case mail.StatusQuarantined:
		return "In quarantine" + reason + ". It waits for an operator" + until + "."
	case mail.StatusDelivered:
		return "Delivered to " + host + "."
	case mail.StatusSecureDelivered:
		return "Delivered to " + host + " over the verified TLS connection that policy demands."
	case mail.StatusReleased:
		return "Released by an operator and delivered to " + host + "."
	case mail.StatusAutoReleased:
		return "Released by itself and delivered to " + host + "."
	case mail.StatusDeliveryFailed:
		return refused + " The sender was not notified."
	case mail.StatusBounced:
		return refused + " The sender was notified."
	case mail.StatusQueueBounced:
		return "Taken out of the queue undelivered, by an operator or because its time was over. The sender was notified."
	case mail.StatusQueueExpired:
		return "Its time in the queue was over. There was nobody to notify."
	case mail.StatusQueueRemoved:
		return "An operator removed it from the queue."
	case mail.StatusBlackholed:
		return "Accepted and dropped by policy" + reason + "."
	case mail.StatusQuarantineRemoved:
		return "An operator removed it while it was held."
	case mail.StatusQuarantineExpired:
		return "It was held, and nobody decided in time."
	case mail.StatusRejected:
		return "Refused; the client was told for good" + reason + "."
	case mail.StatusNotAccepted:
		return "Not taken over: the client was told to come back, or broke off" + reason + "."
	}
	return "Status " + string(r.Status) + "."
}

// Stage tells how far a queued recipient has come (B97–B101, B110, B111).
func Stage(r *store.Recipient) string {
	switch {
	case r.Route == "" && r.NextHop == "":
		return "Queued without a route"
	case r.DelayNoticed:
		return "Queued; attempts failed, the sender has been told of the delay, the next is due"
	case r.Failures > 0 || r.Attempts > 0:
		return "Queued; the last attempt failed, the next is due"
	case r.NextHop == "":
		return "Queued; the route is known, its host is not yet"
	}
	return "Queued; waits for its first attempt"
}

// next says when the next attempt is due and why then; "" when none is. last
// is when the last one began, zero if that is not known.
func (l *Log) next(r *store.Recipient, last, now time.Time) string {
	if !r.Status.Due() || r.Next.IsZero() {
		return ""
	}
	when := "due " + stamp(r.Next)
	if d := r.Next.Sub(now); d > 0 {
		when += ", in " + length(d)
	} else {
		when += ", as soon as a worker is free"
	}
	switch {
	case r.Manual:
		return when + "; an operator asked for it, which leaves the schedule as it is"
	case r.Unjudged:
		return when + "; the filters look at it first"
	case r.Failures == 0 || r.FirstFailure.IsZero():
		return when + "; no attempt has failed yet"
	}
	why := fmt.Sprintf("; attempts have failed %d times since %s", r.Failures, stamp(r.FirstFailure))
	if r.Failures == 1 {
		why = "; one attempt has failed, at " + stamp(r.FirstFailure)
	}
	if r.Schedule != "" {
		failed := time.Duration(-1) // not known
		if !last.IsZero() {
			failed = max(0, last.Sub(r.FirstFailure))
		}
		why += fmt.Sprintf(", and schedule %q %s", r.Schedule, phaseWords(l.o.Phases(r.Schedule), failed))
	}
	return when + why
}

// phaseWords says what a schedule does: the phase that holds the moment of
// the failed attempt sets the next interval.
func phaseWords(phases []Phase, failed time.Duration) string {
	start := time.Duration(0)
	for _, p := range phases {
		if failed >= 0 && failed < p.Until {
			words := "tries every " + length(p.Every)
			if p.Factor > 1 {
				words = fmt.Sprintf("tries after %s, then %g times longer each time,", length(p.Every), p.Factor)
			}
			return fmt.Sprintf("%s from %s to %s after the first failure", words, length(start), length(p.Until))
		}
		start = p.Until
	}
	return "sets the time"
}
