package store

import (
	"strings"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// noRoute is the enhanced code of our own reply when no route leads to a
// recipient: RFC 3463 §3.5, "unable to route".
var noRoute = [3]int{4, 4, 4}

// State is how far a queued recipient has come (B97–B101); "" where none of
// these says anything: it is not queued, or filters have it still. It is a
// pure function of the record.
func (r *Recipient) State() mail.QueueState {
	unroutedNow := r.Last != nil && !r.LastRemote && r.LastHost == "" && r.Last.Enhanced == noRoute
	switch {
	case r.Status != mail.StatusQueued || r.Unjudged:
		return ""
	case r.Route == "" || unroutedNow:
		return mail.StateUnrouted
	case r.DelayNoticed:
		return mail.StateDelayNoticed
	case !r.FirstFailure.IsZero():
		return mail.StateAttemptFailed
	case r.LastHost == "" && (r.Route == "mx" || !strings.Contains(r.NextHop, ":")):
		return mail.StateRouteSelected // by a domain's MX records
	}
	return mail.StateHostIdentified
}
