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
	case r.LastHost == "" && (r.Route == "mx" || r.byMX()):
		return mail.StateRouteSelected // by a domain's MX records
	}
	return mail.StateHostIdentified
}

// byMX reports that the next hop is a domain whose hosts are to be looked up: it
// has no port, or another one than 25 behind the recipient's own domain. A static
// host always has a port; one of the very name of the domain is taken for the
// domain, and a route by MX of a named domain with a port for a static host: the
// record does not tell these apart.
func (r *Recipient) byMX() bool {
	i := strings.LastIndexByte(r.NextHop, ':')
	if i < 0 || strings.HasSuffix(r.NextHop, "]") { // an IPv6 address as the domain
		return true
	}
	return r.NextHop[i:] != ":25" && strings.EqualFold(r.NextHop[:i], r.Address.Domain())
}
