package dane_test

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/dane"
	"github.com/mailweir/weir/gateway/internal/dnstest"
	"github.com/mailweir/weir/gateway/internal/resolver"
	"github.com/mailweir/weir/gateway/internal/smtpc/smtptest"
)

func record(usage, selector, matching uint8, c *x509.Certificate) dane.TLSA {
	data := c.Raw
	if selector == dane.SelectorSPKI {
		data = c.RawSubjectPublicKeyInfo
	}
	switch matching {
	case dane.MatchSHA256:
		h := sha256.Sum256(data)
		data = h[:]
	case dane.MatchSHA512:
		h := sha512.Sum512(data)
		data = h[:]
	}
	return dane.TLSA{Usage: usage, Selector: selector, Matching: matching, Data: data}
}

func chain(t *testing.T, conf *tls.Config) []*x509.Certificate {
	t.Helper()
	var out []*x509.Certificate
	for _, der := range conf.Certificates[0].Certificate {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, c)
	}
	return out
}

func TestVerify(t *testing.T) {
	root, other := smtptest.NewCA(t, "root"), smtptest.NewCA(t, "other")
	between := root.Below(t, "between")
	full, leaf := between.Issue(t, smtptest.Leaf{Names: []string{"mx.dest.test"}, Root: true})
	short, shortLeaf := between.Issue(t, smtptest.Leaf{Names: []string{"mx.dest.test"}}) // the root is not sent
	late, lateLeaf := between.Issue(t, smtptest.Leaf{Names: []string{"mx.dest.test"}, Expired: true, Root: true})
	self, selfLeaf := root.Issue(t, smtptest.Leaf{Names: []string{"elsewhere.test"}, SelfSigned: true})
	forged, _ := other.Issue(t, smtptest.Leaf{Names: []string{"mx.dest.test"}})
	// A chain to which its thief has appended the authority that the records name.
	forged.Certificates[0].Certificate = append(forged.Certificates[0].Certificate, root.Cert.Raw)
	good := []string{"mx.dest.test"}
	wrong := record(3, 1, 1, lateLeaf)
	for _, tc := range []struct {
		name    string
		conf    *tls.Config
		records []dane.TLSA
		names   []string
		want    string // "" passes
	}{
		{"EE key", full, []dane.TLSA{record(3, 1, 1, leaf)}, good, ""},
		{"EE certificate, SHA-512", full, []dane.TLSA{record(3, 0, 2, leaf)}, good, ""},
		{"EE whole", full, []dane.TLSA{record(3, 0, 0, leaf)}, good, ""},
		{"EE whole key", full, []dane.TLSA{record(3, 1, 0, leaf)}, good, ""},
		{"EE self-signed for another name", self, []dane.TLSA{record(3, 1, 1, selfLeaf)}, good, ""},
		{"EE expired", late, []dane.TLSA{record(3, 1, 1, lateLeaf)}, good, ""},
		{"EE is not the authority's", full, []dane.TLSA{record(3, 1, 1, root.Cert)}, good, "no TLSA record matches"},
		{"one of many", full, []dane.TLSA{wrong, record(2, 0, 1, other.Cert), record(3, 1, 1, leaf)}, good, ""},
		{"none of many", full, []dane.TLSA{wrong, record(2, 0, 1, other.Cert)}, good, "no TLSA record matches"},
		{"TA root", full, []dane.TLSA{record(2, 0, 1, root.Cert)}, good, ""},
		{"TA root's key", full, []dane.TLSA{record(2, 1, 1, root.Cert)}, good, ""},
		{"TA intermediate", full, []dane.TLSA{record(2, 1, 1, between.Cert)}, good, ""},
		{"TA intermediate, root not sent", short, []dane.TLSA{record(2, 0, 1, between.Cert)}, good, ""},
		{"TA not sent", short, []dane.TLSA{record(2, 0, 1, root.Cert)}, good, "no TLSA record matches"},
		{"TA not sent, but whole in the record", short, []dane.TLSA{record(2, 0, 0, root.Cert)}, good, ""},
		{"TA by a second name", full, []dane.TLSA{record(2, 0, 1, root.Cert)}, []string{"other.test", "mx.dest.test"}, ""},
		{"TA with a wrong name", full, []dane.TLSA{record(2, 0, 1, root.Cert)}, []string{"other.test"}, "other.test"},
		{"TA with no name", full, []dane.TLSA{record(2, 0, 1, root.Cert)}, nil, "no TLSA record matches"},
		{"TA of an expired certificate", late, []dane.TLSA{record(2, 0, 1, root.Cert)}, good, "expired"},
		{"TA that has not signed", forged, []dane.TLSA{record(2, 0, 1, root.Cert)}, good, "unknown authority"},
		{"TA naming the leaf", short, []dane.TLSA{record(2, 0, 1, shortLeaf)}, good, "no TLSA record matches"},
		{"PKIX usages are unusable", full, []dane.TLSA{record(0, 0, 1, root.Cert), record(1, 1, 1, leaf)}, good, "usable"},
		{"no records", full, nil, good, "usable"},
		{"no chain", &tls.Config{Certificates: []tls.Certificate{{}}}, []dane.TLSA{record(3, 1, 1, leaf)}, good, "no TLSA record matches"},
		// Digest agility: a SHA-256 that still matches does not make up for a
		// SHA-512 that does not (RFC 7671 §9).
		{"strongest digest decides", full, []dane.TLSA{record(3, 1, 1, leaf), record(3, 1, 2, lateLeaf)}, good, "no TLSA record matches"},
		{"strongest digest of another selector does not", full, []dane.TLSA{record(3, 1, 1, leaf), record(3, 0, 2, lateLeaf)}, good, ""},
	} {
		err := dane.Verify(tc.records, chain(t, tc.conf), tc.names, time.Now())
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
	}
	if err := dane.Verify(nil, nil, nil, time.Now()); !errors.Is(err, dane.ErrUnusable) {
		t.Error(err)
	}
}

func TestUsable(t *testing.T) {
	ca := smtptest.NewCA(t, "root")
	sum := make([]byte, 32)
	for _, tc := range []struct {
		r    dane.TLSA
		want bool
	}{
		{dane.TLSA{Usage: 3, Selector: 1, Matching: 1, Data: sum}, true},
		{dane.TLSA{Usage: 2, Selector: 0, Matching: 2, Data: make([]byte, 64)}, true},
		{record(2, 0, 0, ca.Cert), true},
		{record(3, 1, 0, ca.Cert), true},
		{dane.TLSA{Usage: 0, Selector: 0, Matching: 1, Data: sum}, false},
		{dane.TLSA{Usage: 1, Selector: 1, Matching: 1, Data: sum}, false},
		{dane.TLSA{Usage: 4, Selector: 1, Matching: 1, Data: sum}, false},
		{dane.TLSA{Usage: 255, Selector: 1, Matching: 1, Data: sum}, false},
		{dane.TLSA{Usage: 3, Selector: 2, Matching: 1, Data: sum}, false},
		{dane.TLSA{Usage: 3, Selector: 1, Matching: 3, Data: sum}, false},
		{dane.TLSA{Usage: 3, Selector: 1, Matching: 1, Data: sum[:31]}, false},
		{dane.TLSA{Usage: 3, Selector: 1, Matching: 2, Data: sum}, false},
		{dane.TLSA{Usage: 3, Selector: 1, Matching: 1}, false},
		{dane.TLSA{Usage: 3, Selector: 0, Matching: 0, Data: sum}, false},
		{dane.TLSA{Usage: 3, Selector: 1, Matching: 0, Data: sum}, false},
	} {
		if tc.r.Usable() != tc.want {
			t.Errorf("%s: %v", tc.r, !tc.want)
		}
	}
}

func TestLookup(t *testing.T) {
	usable := "3 1 1 " + hex.EncodeToString(make([]byte, 32))
	s := dnstest.Start(t, fmt.Sprintf(`
		mx.dest.test.              A 127.0.0.1
		_25._tcp.mx.dest.test.     TLSA %[1]s
		none.dest.test.            A 127.0.0.1
		odd.dest.test.             A 127.0.0.1
		_25._tcp.odd.dest.test.    TLSA 1 1 1 %[2]s
		bogus.dest.test.           A 127.0.0.1
		mute.dest.test.            A 127.0.0.1
		alias.dest.test.           CNAME mx.dest.test.
		both.dest.test.            CNAME none.dest.test.
		_25._tcp.both.dest.test.   TLSA %[1]s
		away.dest.test.            CNAME mx.plain.test.
		_25._tcp.away.dest.test.   TLSA %[1]s
		mx.plain.test.             A 127.0.0.1
		_25._tcp.mx.plain.test.    TLSA %[1]s
		into.plain.test.           CNAME mx.dest.test.
		into2.plain.test.          CNAME mx.plain.test.
		lost.dest.test.            A 127.0.0.1
		_25._tcp.lost.dest.test.   CNAME _25._tcp.mx.plain.test.
		broken.plain.test.         A 127.0.0.1`, usable, strings.Repeat("00", 32)), dnstest.Options{Signed: []string{"dest.test"}})
	s.Set("_25._tcp.bogus.dest.test", dnstest.Bogus)
	s.Set("_25._tcp.mute.dest.test", dnstest.Timeout)
	s.Set("_25._tcp.broken.plain.test", dnstest.ServFail)
	s.Set("gone.dest.test", dnstest.ServFail)
	r := resolver.New(resolver.Options{Servers: []string{s.Addr}, HostsFile: "none", Timeout: 200 * time.Millisecond})
	for _, tc := range []struct {
		host  string
		port  int
		state dane.State
		names []string
	}{
		{"mx.dest.test", 25, dane.Present, []string{"mx.dest.test"}},
		{"mx.dest.test", 587, dane.Absent, nil},
		{"none.dest.test", 25, dane.Absent, nil},
		{"odd.dest.test", 25, dane.Unusable, []string{"odd.dest.test"}},
		{"bogus.dest.test", 25, dane.Failed, nil},
		{"mute.dest.test", 25, dane.Failed, nil},
		{"gone.dest.test", 25, dane.Failed, nil},
		{"alias.dest.test", 25, dane.Present, []string{"mx.dest.test", "alias.dest.test"}},
		{"both.dest.test", 25, dane.Present, []string{"both.dest.test"}}, // none where the alias leads
		{"away.dest.test", 25, dane.Present, []string{"away.dest.test"}}, // the alias is secure, its end is not
		{"mx.plain.test", 25, dane.Absent, nil},                          // records that are not secure
		{"into.plain.test", 25, dane.Absent, nil},                        // an alias that is not
		{"into2.plain.test", 25, dane.Absent, nil},
		{"lost.dest.test", 25, dane.Absent, nil},    // records behind an alias that is not secure
		{"broken.plain.test", 25, dane.Absent, nil}, // is not even asked
		{"127.0.0.1", 25, dane.Absent, nil},
	} {
		f := dane.Lookup(t.Context(), r, tc.host, tc.port)
		if f.State != tc.state || !slices.Equal(f.Names, tc.names) || (f.Err != nil) != (tc.state == dane.Failed) {
			t.Errorf("%s:%d: %s %v %v, want %s", tc.host, tc.port, f.State, f.Names, f.Err, tc.state)
		}
	}
	if n := s.Count("_25._tcp.broken.plain.test", ""); n != 0 {
		t.Errorf("a domain without DNSSEC was asked for TLSA records %d times", n)
	}
}

// FuzzVerify: records from the DNS and a chain from a stranger never panic,
// and never pass by a record that does not match.
func FuzzVerify(f *testing.F) {
	ca := smtptest.NewCA(f, "root")
	conf, leaf := ca.Issue(f, smtptest.Leaf{Names: []string{"mx.dest.test"}, Root: true})
	f.Add(uint8(3), uint8(1), uint8(1), leaf.Raw, conf.Certificates[0].Certificate[0])
	f.Add(uint8(2), uint8(0), uint8(0), ca.Cert.Raw, conf.Certificates[0].Certificate[0])
	f.Fuzz(func(t *testing.T, usage, selector, matching uint8, data, der []byte) {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return
		}
		r := dane.TLSA{Usage: usage, Selector: selector, Matching: matching, Data: data}
		_ = r.String()
		if err := dane.Verify([]dane.TLSA{r}, []*x509.Certificate{c, ca.Cert}, []string{"mx.dest.test"}, time.Now()); err == nil && !r.Usable() {
			t.Errorf("%s passed", r)
		}
	})
}
