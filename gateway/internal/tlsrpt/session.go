package tlsrpt

import (
	"slices"
	"strings"
)

// Policy types of RFC 8460 §4.2.
const (
	TypeTLSA = "tlsa"
	TypeSTS  = "sts"
	TypeNone = "no-policy-found"
)

// Results are the result types of RFC 8460 §4.3; a session with any other is
// counted as "validation-failure".
var Results = []string{
	"starttls-not-supported", "certificate-host-mismatch", "certificate-expired", "certificate-not-trusted", "validation-failure",
	"tlsa-invalid", "dnssec-invalid", "dane-required",
	"sts-policy-fetch-error", "sts-policy-invalid", "sts-webpki-invalid",
}

// Session is one connection, or one that was not made for want of TLS.
type Session struct {
	Domain   string   // the policy domain: the recipients'
	Type     string   // TypeTLSA, TypeSTS or TypeNone
	Policy   []string // the policy as RFC 8460 §4.2 quotes it: TLSA records, or the lines of an MTA-STS policy
	Patterns []string // the mail servers that an MTA-STS policy names
	MX       string   // name of the mail server, "" none was chosen
	IP       string   // its address, "" nobody was called
	Result   string   // "" success
	Reason   string   // in words, "" success
}

// Bounds of what is kept of one domain and day: names and words in it come
// from strangers. Together they keep a day within the soft store's 128 KiB.
const (
	maxPolicies = 4
	maxDetails  = 24 // of one policy; beyond it one for each result type
	maxLines    = 16
	maxText     = 160
)

// day is what is kept of one domain and day.
type day struct {
	Domain   string    `json:"domain"`
	Policies []*policy `json:"policies"`
}

type policy struct {
	Type     string    `json:"type"`
	Lines    []string  `json:"lines,omitempty"`
	Patterns []string  `json:"patterns,omitempty"`
	Success  int64     `json:"success"`
	Failure  int64     `json:"failure"`
	Details  []*detail `json:"details,omitempty"`
}

type detail struct {
	Result string `json:"result"`
	MX     string `json:"mx,omitempty"`
	IP     string `json:"ip,omitempty"`
	Reason string `json:"reason,omitempty"`
	Count  int64  `json:"count"`
}

// add counts one session.
func (d *day) add(s Session) {
	p := d.policy(&policy{Type: s.Type, Lines: s.Policy, Patterns: s.Patterns})
	if s.Result == "" {
		p.Success++
		return
	}
	p.Failure++
	p.detail(&detail{Result: s.Result, MX: s.MX, IP: s.IP, Reason: s.Reason}).Count++
}

// merge adds what another has counted.
func (d *day) merge(o *day) {
	for _, op := range o.Policies {
		p := d.policy(op)
		p.Success += op.Success
		p.Failure += op.Failure
		for _, od := range op.Details {
			p.detail(od).Count += od.Count
		}
	}
}

// policy finds the entry of a policy, or makes one. Beyond the bound the last
// of its type counts for all.
func (d *day) policy(like *policy) *policy {
	var same *policy
	for _, p := range d.Policies {
		if p.Type != like.Type {
			continue
		}
		if slices.Equal(p.Lines, like.Lines) {
			return p
		}
		same = p
	}
	if same != nil && len(d.Policies) >= maxPolicies {
		return same
	}
	p := &policy{Type: like.Type, Lines: like.Lines, Patterns: like.Patterns}
	d.Policies = append(d.Policies, p)
	return p
}

// detail finds the entry of a failure, or makes one. Beyond the bound entries
// with the same result run together, without a host.
func (p *policy) detail(like *detail) *detail {
	same := func(d *detail, l *detail) bool {
		return d.Result == l.Result && d.MX == l.MX && d.IP == l.IP && d.Reason == l.Reason
	}
	find := func(l *detail) *detail {
		if i := slices.IndexFunc(p.Details, func(d *detail) bool { return same(d, l) }); i >= 0 {
			return p.Details[i]
		}
		return nil
	}
	if d := find(like); d != nil {
		return d
	}
	n := &detail{Result: like.Result, MX: like.MX, IP: like.IP, Reason: like.Reason}
	if len(p.Details) >= maxDetails {
		n = &detail{Result: like.Result}
		if d := find(n); d != nil {
			return d
		}
	}
	p.Details = append(p.Details, n)
	return n
}

// clean bounds what strangers wrote.
func (s Session) clean() Session {
	s.Domain = strings.ToLower(strings.TrimSuffix(s.Domain, "."))
	if s.Type != TypeTLSA && s.Type != TypeSTS {
		s.Type = TypeNone
	}
	if s.Result != "" && !slices.Contains(Results, s.Result) {
		s.Result = "validation-failure"
	}
	s.MX, s.IP, s.Reason = text(s.MX), text(s.IP), text(s.Reason)
	s.Policy, s.Patterns = lines(s.Policy), lines(s.Patterns)
	return s
}

func lines(in []string) []string {
	out := make([]string, 0, min(len(in), maxLines))
	for _, l := range in[:min(len(in), maxLines)] {
		out = append(out, text(l))
	}
	return out
}

func text(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || strings.ContainsRune(`<>&"\\`, r) { // JSON makes six octets of these
			return '?'
		}
		return r
	}, s)
	if len(s) > maxText {
		s = s[:maxText]
	}
	return strings.ToValidUTF8(s, "")
}
