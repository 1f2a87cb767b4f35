package deliver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mailweir/weir/gateway/internal/dane"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/mtasts"
	"github.com/mailweir/weir/gateway/internal/resolver"
	"github.com/mailweir/weir/gateway/internal/smtpc"
)

// DANE asks for a mail server's TLSA records (RFC 7672); *resolver.Client is one.
type DANE = dane.Resolver

// STS asks for a domain's MTA-STS policy (RFC 8461); *mtasts.Checker is one.
// Safe in parallel.
type STS interface {
	// Policy gives a domain's policy, nil where it has none. An error means that it
	// announces one which cannot be had, and none is known from before: the mail
	// goes as if there were none (RFC 8461 §5.1).
	Policy(ctx context.Context, domain string) (*mtasts.Policy, error)
}

// secureMX is a resolver that knows whether an answer was validated.
type secureMX interface {
	MXSecure(ctx context.Context, domain string) ([]resolver.MX, bool, error)
}

// The policies of RFC 8460 §4.2 that a TLSResult is about.
const (
	PolicyTLSA = "tlsa"
	PolicySTS  = "sts"
	PolicyNone = "no-policy-found"
)

// TLSResult is what one connection to a mail server of a recipient's domain
// brought, for reports (RFC 8460 §4.3).
type TLSResult struct {
	Domain string   // the recipients'
	Policy string   // PolicyTLSA, PolicySTS or PolicyNone
	Text   []string // the policy's own: TLSA records, or the lines of MTA-STS
	// Patterns are the mail servers that an MTA-STS policy names.
	Patterns []string
	MX       string
	Addr     string // IP address and port, "" nobody was called
	Result   string // "" success, else the result type of RFC 8460 §4.3
	Reason   string // in words, "" success
}

// secKey is what a connection's security must have been for another message
// with the same demands to go over it.
type secKey struct {
	mode    string // as smtpc has them
	channel string
	names   string // reference names, joined
	records string // TLSA records, joined
	also    string // names that the roots have to vouch for too, joined
	strict  bool
}

// security is what is demanded of the channel to one host, and who demands it.
type security struct {
	mode   string // of smtpc
	verify *smtpc.Verify
	policy string   // whose demand it is, for reports
	text   []string // its text
	mx     []string // the mail servers it names
	floor  string   // the route's own demand

	weak    bool          // TLSA records decide, and do not prove that the host is the domain's
	testing bool          // an MTA-STS policy is only tested
	strange bool          // and does not name the host
	unknown *mtasts.Error // one is announced and cannot be had
	refused *smtpc.Error  // the host must not be used
}

func (s *security) key() secKey {
	k := secKey{mode: s.mode}
	if v := s.verify; v != nil {
		k.channel, k.names, k.also, k.strict = v.Channel, strings.Join(v.Names, " "), strings.Join(v.Also, " "), v.Mandatory
		var records []string
		for _, r := range v.TLSA {
			records = append(records, r.String())
		}
		k.records = strings.Join(records, "\n")
	}
	return k
}

// demanded reports that the route itself, and with it the operator, wants more
// than whatever the host offers.
func (s *security) demanded() bool {
	return s.floor == smtpc.TLSRequired || s.floor == smtpc.TLSVerified || s.floor == smtpc.TLSDANE
}

// insist is a refusal to use a host, since it has not what is demanded.
func (s *security) insist(text, result string) {
	s.refused = &smtpc.Error{Stage: smtpc.StageStartTLS, Reply: *mail.NewReply(451, "4.7.5", text), Err: &smtpc.CertError{Result: result, Text: text}}
}

// security finds what is demanded of the channel to a host: by its own TLSA
// records first, which no MTA-STS policy overrides (RFC 8461 §2), then by its
// domain's MTA-STS policy; by both where the records prove too little alone;
// never less than the route wants.
func (e *Engine) security(ctx context.Context, r Route, h host) *security {
	s := &security{mode: r.tls(), floor: r.tls(), policy: PolicyNone}
	if h.network == "unix" {
		return s
	}
	if e.byDANE(ctx, r, h, s) {
		if s.weak && h.found && e.opt.STS != nil {
			e.alsoSTS(ctx, r, h, s)
		}
		return s
	}
	if h.found && e.opt.STS != nil {
		e.bySTS(ctx, r, h, s)
	}
	if s.mode == smtpc.TLSVerified && s.verify == nil && h.found {
		s.verify = &smtpc.Verify{Names: provenNames(r, h)}
	}
	return s
}

// provenNames are what the certificate of a domain's mail server may be for.
// The server's own name counts only where DNSSEC stands behind the MX records:
// whoever forges them names a host of their own, which has a good certificate.
func provenNames(r Route, h host) []string {
	if h.secure || h.host == r.MX {
		return []string{h.host, r.MX}
	}
	return []string{"." + r.MX, r.MX}
}

// byDANE reports whether TLSA records decide.
func (e *Engine) byDANE(ctx context.Context, r Route, h host, s *security) bool {
	want := s.floor == smtpc.TLSDANE
	if e.opt.DANE == nil || !h.found && !want {
		if want {
			s.insist("DANE is demanded, but it is switched off; set gateway.dane", "dane-required")
		}
		return want
	}
	f := dane.Lookup(ctx, e.opt.DANE, h.host, h.port)
	switch {
	case f.State == dane.Failed:
		s.policy = PolicyTLSA
		s.insist(fmt.Sprintf("the TLSA records of %s could not be looked up, and without them the host must not be used", h.host), smtpc.ResultDNSSEC)
		s.refused.Err = fmt.Errorf("%w: %w", s.refused.Err, f.Err)
		return true
	case want && h.found && !h.secure:
		s.insist(fmt.Sprintf("DANE is demanded, but the MX records of %s are not secured by DNSSEC", r.MX), "dane-required")
		return true
	case f.State == dane.Absent:
		if want {
			s.insist(fmt.Sprintf("DANE is demanded, but the host %s has no secure TLSA records", h.host), "dane-required")
		}
		return want
	case f.State == dane.Unusable && s.floor == smtpc.TLSVerified:
		return false // TLS is required as it is, and authenticated another way
	}
	s.mode, s.policy = smtpc.TLSDANE, PolicyTLSA
	for _, t := range f.TLSA {
		s.text = append(s.text, t.String())
	}
	v := &smtpc.Verify{TLSA: f.TLSA, Names: slices.Clone(f.Names), Mandatory: s.demanded() && s.floor != smtpc.TLSRequired}
	if h.found && !h.secure {
		v.Channel = "-" // whoever forged the MX records chose the host too (RFC 7672 §2.2.1)
	} else if h.found && h.host != r.MX {
		v.Names = append(v.Names, r.MX)
	}
	s.verify, s.weak = v, v.Channel == "-" || f.State == dane.Unusable
	if s.floor == smtpc.TLSVerified && v.Channel == "-" {
		// The operator wants somebody authenticated: the roots do that here.
		s.mode, s.verify = smtpc.TLSVerified, nil
		return false
	}
	return true
}

// bySTS applies the domain's MTA-STS policy.
func (e *Engine) bySTS(ctx context.Context, r Route, h host, s *security) {
	p, err := e.opt.STS.Policy(ctx, r.MX)
	switch {
	case err != nil:
		errors.As(err, &s.unknown)
		e.log.Debug("an MTA-STS policy cannot be had, and none is known", "domain", r.MX, "err", err)
		return
	case p == nil || p.Mode == mtasts.None:
		return
	}
	s.policy, s.text, s.mx = PolicySTS, p.Lines(), p.MX
	switch {
	case p.Mode == mtasts.Testing:
		s.testing, s.strange = true, !p.Matches(h.host)
	case !p.Matches(h.host):
		s.insist(fmt.Sprintf("the MTA-STS policy of %s does not name the mail server %s", r.MX, h.host), smtpc.ResultInvalid)
	default:
		s.mode, s.verify = smtpc.TLSVerified, &smtpc.Verify{Names: []string{h.host}, Channel: "mta-sts"}
	}
}

// alsoSTS holds the domain's MTA-STS policy against TLSA records that prove
// nothing of the domain: whoever forges MX records that are not secure names a
// host of their own, which has good records, and must not get past the policy
// by that; and records of which none is usable authenticate nobody. The records
// hold as well, since the policy overrides none (RFC 8461 §2).
func (e *Engine) alsoSTS(ctx context.Context, r Route, h host, s *security) {
	p, err := e.opt.STS.Policy(ctx, r.MX)
	switch {
	case err != nil:
		e.log.Debug("an MTA-STS policy cannot be had, and none is known", "domain", r.MX, "err", err)
	case p == nil || p.Mode != mtasts.Enforce:
	case !p.Matches(h.host):
		s.policy, s.text, s.mx = PolicySTS, p.Lines(), p.MX
		s.insist(fmt.Sprintf("the MTA-STS policy of %s does not name the mail server %s", r.MX, h.host), smtpc.ResultInvalid)
	default:
		s.verify.Also, s.verify.Channel = []string{h.host}, "mta-sts"
	}
}

// reportTLS tells how a connection to a mail server of a recipient's domain
// went. c is nil where there is none.
func (t *try) reportTLS(c *smtpc.Conn, err error) {
	e, s := t.a.e, t.sec
	if e.opt.TLSResult == nil || !t.host.found || t.a.probe {
		return
	}
	r := TLSResult{Domain: strings.ToLower(t.a.req.Route.MX), Policy: s.policy, Text: s.text, Patterns: s.mx, MX: t.host.host, Addr: t.at.addr}
	if s.unknown != nil {
		u := r
		u.Policy, u.Result, u.Reason = PolicySTS, s.unknown.Result, s.unknown.Error()
		e.opt.TLSResult(u)
	}
	switch {
	case err != nil:
		r.Result = smtpc.TLSResult(err)
		if r.Result == "" {
			return // it was not TLS that failed
		}
		r.Reason = reason(err)
	case s.strange:
		r.Result, r.Reason = smtpc.ResultInvalid, "the MTA-STS policy does not name the mail server"
	case c.TLSVersion() == "" && s.mode != smtpc.TLSNone:
		r.Result, r.Reason = smtpc.ResultNotOffered, "the host does not offer STARTTLS"
	case s.testing && c.Unverified() != nil:
		r.Result, r.Reason = smtpc.TLSResult(c.Unverified()), c.Unverified().Error()
	case c.TLSVersion() == "":
		return
	}
	e.opt.TLSResult(r)
}

func reason(err error) string {
	var se *smtpc.Error
	if errors.As(err, &se) {
		return se.Reply.Text
	}
	return err.Error()
}
