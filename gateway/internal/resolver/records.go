package resolver

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Records are what a name has of one type.
type Records struct {
	// Values as zone files write them, names in lower case without the final
	// dot: MX "10 mx.example", SRV "0 5 443 host.example", TLSA "3 1 1 hex". The
	// strings of a TXT record are joined.
	Values []string
	TTL    time.Duration // how long the answer holds, also where there is none
	// Secure: a name server that is trusted to says that it has validated the
	// answer (the AD bit, RFC 6840 §5.8; see secure.go).
	Secure bool
}

// Records looks up a type by its name: A, AAAA, MX, TXT, PTR, TLSA, SRV, CNAME
// or NS. It asks the DNS alone: the hosts file is for addresses to connect to.
// Every error is an *Error; TTL and Secure are set with a "no" as well.
func (c *Client) Records(ctx context.Context, name, kind string) (Records, error) {
	t := dns.StringToType[kind]
	if t == 0 || text(t, nil) != "" {
		return Records{}, &Error{Name: name, Type: kind, NotFound: true, Err: errors.New("unknown type")}
	}
	ctx, cancel := context.WithTimeout(ctx, c.opt.Budget)
	defer cancel()
	a, err := c.lookupAnswer(ctx, name, t)
	r := Records{TTL: max(a.until.Sub(c.opt.Now()), 0), Secure: a.secure}
	for _, rr := range a.records {
		r.Values = append(r.Values, text(t, rr))
	}
	return r, err
}

// text writes one record. With none it is "" for a type it knows.
func text(t uint16, rr dns.RR) string {
	switch rr := rr.(type) {
	case *dns.A:
		return rr.A.String()
	case *dns.AAAA:
		return rr.AAAA.String()
	case *dns.MX:
		return fmt.Sprintf("%d %s", rr.Preference, plain(rr.Mx))
	case *dns.TXT:
		return txt(rr.Txt)
	case *dns.PTR:
		return plain(rr.Ptr)
	case *dns.TLSA:
		return fmt.Sprintf("%d %d %d %s", rr.Usage, rr.Selector, rr.MatchingType, strings.ToLower(rr.Certificate))
	case *dns.SRV:
		return fmt.Sprintf("%d %d %d %s", rr.Priority, rr.Weight, rr.Port, plain(rr.Target))
	case *dns.CNAME:
		return plain(rr.Target)
	case *dns.NS:
		return plain(rr.Ns)
	}
	switch t {
	case dns.TypeA, dns.TypeAAAA, dns.TypeMX, dns.TypeTXT, dns.TypePTR, dns.TypeTLSA, dns.TypeSRV, dns.TypeCNAME, dns.TypeNS:
		return ""
	}
	return "?"
}

// txt joins the strings of a TXT record and takes the escapes of zone files
// (\" and \DDD) out again that the library puts in.
func txt(parts []string) string {
	s := strings.Join(parts, "")
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] != '\\' || i+1 == len(s):
			b.WriteByte(s[i])
		case i+3 < len(s) && digits(s[i+1:i+4]):
			b.WriteByte((s[i+1]-'0')*100 + (s[i+2]-'0')*10 + s[i+3] - '0')
			i += 3
		default:
			i++
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

func digits(s string) bool { return strings.Trim(s, "0123456789") == "" }
