package nettools

import (
	"context"
	"slices"
	"strings"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/scope"
)

// DNSOrder asks the gateway's name servers.
type DNSOrder struct {
	Name string `json:"name" minLength:"1" maxLength:"254"`
	Type string `json:"type,omitempty" enum:"A,AAAA,MX,TXT,PTR,TLSA,SRV,CNAME,NS" doc:"Absent: MX, A and AAAA"`
}

// DNSAnswer is what a name has of one type.
type DNSAnswer struct {
	Name   string   `json:"name"`
	Type   string   `json:"type"`
	Values []string `json:"values" doc:"As zone files write them"`
	TTL    int      `json:"ttl" doc:"Seconds that the answer holds"`
	Secure bool     `json:"secure" doc:"DNSSEC vouches for it, and the way to the name server is trusted"`
	Failed string   `json:"failed,omitempty" doc:"Why there is none"`
}

// Look asks the name servers that deliveries ask, cache included. Domain level
// asks about names in its own domains.
func (t *Tools) Look(ctx context.Context, sc scope.Scope, o DNSOrder) ([]DNSAnswer, error) {
	const verb = lifecycle.SMTPTest
	if err := may(sc, verb); err != nil {
		return nil, err
	}
	name := strings.ToLower(strings.TrimSuffix(strings.TrimSpace(o.Name), "."))
	if !t.below(sc, name) {
		return nil, elsewhere(verb, name)
	}
	if err := t.rations.ask.take(sc.Actor, 1); err != nil {
		return nil, err
	}
	types := []string{o.Type}
	if o.Type == "" {
		types = []string{"MX", "A", "AAAA"}
	}
	out := []DNSAnswer{}
	for _, kind := range types {
		r, err := t.DNS.Records(ctx, name, kind)
		a := DNSAnswer{Name: name, Type: kind, Values: r.Values, TTL: int(r.TTL.Seconds()), Secure: r.Secure}
		if err != nil {
			a.Failed = err.Error()
		}
		if a.Values == nil {
			a.Values = []string{}
		}
		out = append(out, a)
	}
	return out, nil
}

// below reports whether a name is in a domain that an operator owns.
func (t *Tools) below(sc scope.Scope, name string) bool {
	return t.owns(sc, name) || slices.ContainsFunc(sc.Domains, func(d string) bool {
		return strings.HasSuffix(name, "."+strings.ToLower(d)) && t.owns(sc, d)
	})
}
