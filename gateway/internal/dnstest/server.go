package dnstest

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// Behaviour is how the server answers for a name, other than by its records.
type Behaviour int

// The behaviours. Records is what a name has that none was set for.
const (
	Records   Behaviour = iota
	NXDomain            // no such domain, with an SOA
	ServFail            // as of a resolver whose authorities are broken
	Bogus               // SERVFAIL with extended error 6, as of a resolver that could not validate (RFC 8914 §4.7)
	Refused             // REFUSED
	Timeout             // no answer at all
	Truncated           // over UDP nothing but the TC bit; the records over TCP
	Lame                // a referral to the root, as of a server that does not know the zone
	Garbage             // octets that are no DNS message
	Other               // an answer to another question
	Spoilt              // signatures that are wrong, in a zone of SignFor
)

// Options say how a server begins; the zero value signs nothing.
type Options struct {
	// Signed names zones whose answers are secure: the AD bit is set in them
	// where the query asked for it (AD or DO, RFC 6840 §5.7). "." is everything.
	Signed []string
	// Delay before each answer.
	Delay time.Duration
}

// Server is one running name server. All methods are safe in parallel.
type Server struct {
	// Addr is "127.0.0.1:port", for resolver.Options.Servers.
	Addr string

	mu      sync.Mutex
	rr      map[string][]dns.RR  // by canonical name
	does    map[string]Behaviour // by canonical name, or that and " TYPE"
	signed  []string
	signers []*signer
	delay   time.Duration
	asked   map[string]int // by canonical name and " TYPE"
	done    chan struct{}
}

// Start serves a zone file's text until the test ends. Blanks before a line
// are ignored (so each record names its owner), names without a final dot are
// relative to the root, and a record without a TTL has 60 s. An SOA in the
// text says how long a "no" below it holds; without one that is 30 s.
//
//	s := dnstest.Start(t, `
//		dest.test.    MX 10 mx.dest.test.
//		mx.dest.test. 5 A 127.0.0.1
//		*.many.test.  MX 10 mx.dest.test.`)
func Start(t testing.TB, zone string, opts ...Options) *Server {
	t.Helper()
	s := &Server{rr: map[string][]dns.RR{}, does: map[string]Behaviour{}, asked: map[string]int{}, done: make(chan struct{})}
	for _, o := range opts {
		for _, z := range o.Signed {
			s.signed = append(s.signed, dns.CanonicalName(z))
		}
		s.delay = o.Delay
	}
	s.Add(t, zone)
	pc, l := listen(t)
	s.Addr = pc.LocalAddr().String()
	for _, srv := range []*dns.Server{{PacketConn: pc, Handler: s}, {Listener: l, Handler: s}} {
		up, down := make(chan struct{}), make(chan struct{})
		srv.NotifyStartedFunc = func() { close(up) }
		go func() { defer close(down); _ = srv.ActivateAndServe() }()
		<-up
		t.Cleanup(func() { _ = srv.Shutdown(); <-down })
	}
	t.Cleanup(func() { close(s.done) }) // first of all: no answer is waited for any more
	return s
}

// listen opens UDP and TCP on one port; another program may have either.
func listen(t testing.TB) (net.PacketConn, net.Listener) {
	t.Helper()
	var last error
	for range 20 {
		pc, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatalf("dnstest: %v", err)
		}
		l, err := net.Listen("tcp", pc.LocalAddr().String())
		if err == nil {
			return pc, l
		}
		_ = pc.Close()
		last = err
	}
	t.Fatalf("dnstest: no port is free for UDP and TCP: %v", last)
	return nil, nil
}

// Add adds the records of a zone file's text, as Start reads it.
func (s *Server) Add(t testing.TB, zone string) {
	t.Helper()
	records, err := parse(zone)
	if err != nil {
		t.Fatalf("dnstest: %v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, rr := range records {
		name := dns.CanonicalName(rr.Header().Name)
		s.rr[name] = append(s.rr[name], rr)
	}
}

func parse(zone string) ([]dns.RR, error) {
	var b strings.Builder
	for line := range strings.Lines(zone) {
		b.WriteString(strings.TrimLeft(line, " \t"))
	}
	b.WriteString("\n")
	p := dns.NewZoneParser(strings.NewReader(b.String()), ".", "zone")
	p.SetDefaultTTL(60)
	var out []dns.RR
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		out = append(out, rr)
	}
	if err := p.Err(); err != nil {
		return nil, fmt.Errorf("zone of the test: %w", err)
	}
	return out, nil
}

// Remove takes a name's records away: all, or those of the types named.
func (s *Server) Remove(name string, types ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name = dns.CanonicalName(name)
	var keep []dns.RR
	for _, rr := range s.rr[name] {
		gone := len(types) == 0
		for _, t := range types {
			gone = gone || rr.Header().Rrtype == dns.StringToType[t]
		}
		if !gone {
			keep = append(keep, rr)
		}
	}
	if len(keep) == 0 {
		delete(s.rr, name)
		return
	}
	s.rr[name] = keep
}

// Set makes the server behave so for a name, for all its types or those named.
// Records undoes it.
func (s *Server) Set(name string, b Behaviour, types ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name = dns.CanonicalName(name)
	if len(types) == 0 {
		types = []string{""}
	}
	for _, t := range types {
		s.does[key(name, t)] = b
	}
}

// Sign makes a zone's answers secure from now on.
func (s *Server) Sign(zone string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.signed = append(s.signed, dns.CanonicalName(zone))
}

// SetDelay changes how long the server waits before each answer.
func (s *Server) SetDelay(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delay = d
}

// Count is how often a name was asked for a type (UDP and TCP each count);
// type "" counts them all.
func (s *Server) Count(name, kind string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	name = dns.CanonicalName(name)
	if kind != "" {
		return s.asked[key(name, kind)]
	}
	n := 0
	for k, c := range s.asked {
		if strings.HasPrefix(k, name+" ") {
			n += c
		}
	}
	return n
}

// Queries is how often the server was asked anything.
func (s *Server) Queries() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, c := range s.asked {
		n += c
	}
	return n
}

func key(name, kind string) string {
	if kind == "" {
		return name
	}
	return name + " " + kind
}
