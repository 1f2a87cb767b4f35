package dnstest

import (
	"crypto"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// signer signs one zone as it is asked for, one key for everything.
type signer struct {
	zone string
	key  *dns.DNSKEY
	priv crypto.Signer
}

// SignFor signs a zone for real from now on, for resolvers that validate, and
// gives the trust anchor, a DNSKEY record's text. The zone needs an SOA of its
// own and must have no wildcards. That a name does not exist is told as that it
// has no records.
func (s *Server) SignFor(t testing.TB, zone string) (anchor string) {
	t.Helper()
	z := &signer{zone: dns.CanonicalName(zone)}
	z.key = &dns.DNSKEY{
		Hdr:   dns.RR_Header{Name: z.zone, Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 60},
		Flags: dns.ZONE | dns.SEP, Protocol: 3, Algorithm: dns.ECDSAP256SHA256,
	}
	priv, err := z.key.Generate(256)
	if err != nil {
		t.Fatalf("dnstest: a key for %s: %v", zone, err)
	}
	z.priv = priv.(crypto.Signer)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.signers = append(s.signers, z)
	s.rr[z.zone] = append(s.rr[z.zone], z.key)
	return z.key.String()
}

// sign adds signatures to an answer, and to a "no" its proof.
func (s *Server) sign(m *dns.Msg, name string, spoilt bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.signers) == 0 {
		return
	}
	m.Authoritative = true
	if len(m.Answer) == 0 {
		if z := s.signerOf(name); z != nil {
			m.Rcode = dns.RcodeSuccess
			m.Ns = append(m.Ns, s.noneSuch(name))
		}
	}
	m.Answer = s.signAll(m.Answer, spoilt)
	m.Ns = s.signAll(m.Ns, spoilt)
}

// noneSuch says which types a name has, and that there is no name between it
// and the next possible one (as RFC 4470 does it).
func (s *Server) noneSuch(name string) dns.RR {
	n := &dns.NSEC{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeNSEC, Class: dns.ClassINET, Ttl: 30}, NextDomain: `\000.` + name}
	types := []uint16{dns.TypeRRSIG, dns.TypeNSEC}
	for _, rr := range s.rr[name] {
		types = append(types, rr.Header().Rrtype)
	}
	slices.Sort(types)
	n.TypeBitMap = slices.Compact(types)
	return n
}

func (s *Server) signAll(records []dns.RR, spoilt bool) []dns.RR {
	type set struct {
		name string
		kind uint16
	}
	sets := map[set][]dns.RR{}
	var order []set
	for _, rr := range records {
		k := set{dns.CanonicalName(rr.Header().Name), rr.Header().Rrtype}
		if sets[k] == nil {
			order = append(order, k)
		}
		sets[k] = append(sets[k], rr)
	}
	out := slices.Clone(records)
	for _, k := range order {
		z := s.signerOf(k.name)
		if z == nil {
			continue
		}
		sig := &dns.RRSIG{
			Hdr:       dns.RR_Header{Name: k.name, Rrtype: dns.TypeRRSIG, Class: dns.ClassINET, Ttl: sets[k][0].Header().Ttl},
			Algorithm: z.key.Algorithm, KeyTag: z.key.KeyTag(), SignerName: z.zone,
			Inception: uint32(time.Now().Add(-time.Hour).Unix()), Expiration: uint32(time.Now().Add(time.Hour).Unix()),
		}
		if sig.Sign(z.priv, sets[k]) != nil {
			continue // the resolver will call it bogus, and the test fail
		}
		if spoilt {
			sig.Signature = strings.Repeat("A", 86) + "=="
		}
		out = append(out, sig)
	}
	return out
}

func (s *Server) signerOf(name string) *signer {
	for _, z := range s.signers {
		if dns.IsSubDomain(z.zone, name) {
			return z
		}
	}
	return nil
}
