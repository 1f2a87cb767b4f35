package dnstest

import (
	"net"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// ServeDNS answers one query.
func (s *Server) ServeDNS(w dns.ResponseWriter, r *dns.Msg) {
	if len(r.Question) != 1 {
		return
	}
	q := r.Question[0]
	name, kind := dns.CanonicalName(q.Name), dns.TypeToString[q.Qtype]
	s.mu.Lock()
	s.asked[key(name, kind)]++
	does, delay := s.behaviour(name, kind), s.delay
	s.mu.Unlock()
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-s.done:
		}
	}
	m := new(dns.Msg)
	m.SetReply(r)
	m.RecursionAvailable = true
	opt := r.IsEdns0()
	if opt != nil {
		m.SetEdns0(1232, opt.Do())
	}
	_, udp := w.RemoteAddr().(*net.UDPAddr)
	switch does {
	case Timeout:
		return
	case Garbage:
		_, _ = w.Write([]byte("this is no DNS message"))
		return
	case Other:
		m.Question[0].Name = "another." + m.Question[0].Name
	case Refused:
		m.Rcode = dns.RcodeRefused
	case ServFail, Bogus:
		m.Rcode = dns.RcodeServerFailure
		if e := m.IsEdns0(); e != nil && does == Bogus {
			e.Option = append(e.Option, &dns.EDNS0_EDE{InfoCode: dns.ExtendedErrorCodeDNSBogus})
		}
	case NXDomain:
		m.Rcode = dns.RcodeNameError
		m.Ns = []dns.RR{s.authority(name)}
	case Lame:
		m.RecursionAvailable = false
		m.Ns = []dns.RR{&dns.NS{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeNS, Class: dns.ClassINET, Ttl: 60}, Ns: "a.root-servers.net."}}
	default:
		secure := s.fill(m, name, q.Qtype)
		m.AuthenticatedData = secure && (r.AuthenticatedData || opt != nil && opt.Do())
		if opt != nil && opt.Do() {
			s.sign(m, name, does == Spoilt)
		}
		size := dns.MaxMsgSize
		if udp {
			size = dns.MinMsgSize
			if opt != nil {
				size = int(opt.UDPSize())
			}
		}
		m.Truncate(size)
		if udp && does == Truncated {
			m.Answer, m.Ns, m.Truncated = nil, nil, true
		}
	}
	_ = w.WriteMsg(m)
}

func (s *Server) behaviour(name, kind string) Behaviour {
	if b, ok := s.does[key(name, kind)]; ok {
		return b
	}
	return s.does[name]
}

// fill puts a name's records into m, aliases followed, and tells whether all
// of it comes from signed zones.
func (s *Server) fill(m *dns.Msg, name string, kind uint16) (secure bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	secure = true
	for range 10 {
		secure = secure && s.isSigned(name)
		records, exists := s.at(name)
		found, alias := false, ""
		for _, rr := range records {
			if rr.Header().Rrtype == kind || kind == dns.TypeANY {
				m.Answer = append(m.Answer, rr)
				found = true
			} else if c, ok := rr.(*dns.CNAME); ok {
				alias = dns.CanonicalName(c.Target)
				m.Answer = append(m.Answer, rr)
			}
		}
		switch {
		case found:
			return secure
		case alias != "":
			name = alias
			continue
		case !exists:
			m.Rcode = dns.RcodeNameError
		}
		m.Ns = []dns.RR{s.soa(name)}
		return secure
	}
	return secure // aliases in a circle, as far as they were followed
}

// at is a name's records, or those of a wildcard above it (RFC 4592), and
// whether the name exists, if only by having names below it.
func (s *Server) at(name string) ([]dns.RR, bool) {
	if rr, ok := s.rr[name]; ok {
		return rr, true
	}
	for n := range s.rr {
		if strings.HasSuffix(n, "."+name) && !strings.HasPrefix(n, "*.") {
			return nil, true
		}
	}
	for rest := name; ; {
		i := strings.IndexByte(rest, '.')
		if i < 0 || i+1 >= len(rest) {
			return nil, false
		}
		rest = rest[i+1:]
		if rr, ok := s.rr["*."+rest]; ok {
			out := make([]dns.RR, len(rr))
			for i := range rr {
				out[i] = dns.Copy(rr[i])
				out[i].Header().Name = name
			}
			return out, true
		}
		if _, ok := s.rr[rest]; ok {
			return nil, false
		}
	}
}

func (s *Server) isSigned(name string) bool {
	for _, z := range s.signed {
		if dns.IsSubDomain(z, name) {
			return true
		}
	}
	return false
}

func (s *Server) authority(name string) dns.RR {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.soa(name)
}

// soa is the SOA of the closest zone, or one that lets a "no" hold 30 s.
func (s *Server) soa(name string) dns.RR {
	for rest := name; rest != ""; {
		for _, rr := range s.rr[rest] {
			if soa, ok := rr.(*dns.SOA); ok {
				return soa
			}
		}
		i := strings.IndexByte(rest, '.')
		if i < 0 {
			break
		}
		rest = rest[i+1:]
	}
	return &dns.SOA{
		Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: 30},
		Ns:  "ns.test.", Mbox: "root.test.", Serial: 1, Refresh: 60, Retry: 60, Expire: 60, Minttl: 30,
	}
}
