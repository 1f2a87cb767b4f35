package queue

import (
	"fmt"
	"slices"

	"github.com/mailweir/weir/gateway/internal/deliver"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/policy"
)

// The channels, from the least: what a route or a demand of policy names, each
// as good as those before it.
var channels = []string{"none", "opportunistic", "required", "verified", "dane"}

// strictness is a channel's place among the channels; a name that is not known
// counts as opportunistic, which is what no name at all means.
func strictness(tls string) int {
	for i, c := range channels {
		if c == tls {
			return i
		}
	}
	return 1
}

// stricter is the greater demand of two.
func stricter(a, b string) string {
	if strictness(b) > strictness(a) {
		return b
	}
	return a
}

// raise gives a route the channel that policy demands of a recipient's mail,
// where that is more than the route's own.
func raise(route *deliver.Route, s *mail.Secure) {
	if s != nil {
		route.TLS = stricter(route.TLS, s.TLS)
	}
}

// Demand is policy's demand as a recipient carries it; nil none.
func Demand(s *policy.Secure) *mail.Secure {
	if s == nil {
		return nil
	}
	return &mail.Secure{TLS: s.TLS, Otherwise: s.Otherwise, Rule: s.Rule}
}

// Demanded is the demand on a recipient r of m once policy has judged it: what
// policy says now, but no less than what came with the message from another
// tenant's mail, and no less than what r had where an operator let pass what it
// was held for: policy may not see by then what it had demanded the channel for.
func Demanded(m *store.Message, r *store.Recipient, now *mail.Secure) *mail.Secure {
	had := r.Secure
	if had == nil || m.Parent.IsZero() && !released(r) || now != nil && strictness(now.TLS) >= strictness(had.TLS) {
		return now
	}
	return had
}

// released reports that an operator has let pass what was found: a waiver that
// no filter gave.
func released(r *store.Recipient) bool {
	return slices.ContainsFunc(r.Waivers, func(w mail.Waiver) bool { return w.Stage == "" })
}

// Answer is a result as the recipient's demand on the channel reads it: where
// the channel cannot be had and policy wants no further try, the mail goes
// back (5.7.10, RFC 7504 and IANA's registry: encryption needed).
func Answer(r *store.Recipient, res deliver.RcptResult) deliver.RcptResult {
	if !res.NoSecure || r.Secure == nil || r.Secure.Otherwise != "bounce" || res.Outcome != deliver.Deferred {
		return res
	}
	res.Outcome = deliver.Failed
	res.Reply = *mail.NewReply(550, "5.7.10", fmt.Sprintf("policy demands a %s channel to the destination, which is not to be had: %s", r.Secure.TLS, res.Reply.Text))
	res.Remote = false
	return res
}

// holds reports that the demand on the channel wants the recipient frozen now,
// and why.
func holds(r *store.Recipient, res deliver.RcptResult) (why string, ok bool) {
	if !res.NoSecure || r.Secure == nil || r.Secure.Otherwise != "hold" || res.Outcome != deliver.Deferred {
		return "", false
	}
	return fmt.Sprintf("policy (%s) demands a %s channel to the destination, which is not to be had: %s; thaw it once the destination offers one", r.Secure.Rule, r.Secure.TLS, res.Reply.Text), true
}

// secured reports that a verified channel was demanded, by policy for this
// recipient or by its route, and was had (B30).
func secured(p *policy.Policy, r *store.Recipient, res deliver.RcptResult) bool {
	want := "none"
	if route, ok := p.RouteByName(r.Route); ok {
		want = route.TLS
	}
	if r.Secure != nil {
		want = stricter(want, r.Secure.TLS)
	}
	switch want {
	case "verified":
		return res.Channel != ""
	case "dane":
		return res.Channel == "dane"
	}
	return false
}
