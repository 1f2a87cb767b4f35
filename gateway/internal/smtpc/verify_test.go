package smtpc

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/dane"
	"github.com/mailweir/weir/gateway/internal/smtpc/smtptest"
)

func TestVerified_TLS_or_no_mail(t *testing.T) {
	root, stranger := smtptest.NewCA(t, "root"), smtptest.NewCA(t, "Stranger CA")
	between := root.Below(t, "between")
	for _, tc := range []struct {
		name   string
		ca     *smtptest.CA
		leaf   smtptest.Leaf
		names  []string // of Verify; nil: Host alone
		plain  bool     // STARTTLS is not offered
		result string   // "" passes
		words  string
	}{
		{name: "good", ca: root, leaf: smtptest.Leaf{Names: []string{"mx.dest.test"}}},
		{name: "good through an intermediate", ca: between, leaf: smtptest.Leaf{Names: []string{"mx.dest.test"}}},
		{name: "intermediate not sent", ca: between, leaf: smtptest.Leaf{Names: []string{"mx.dest.test"}, Bare: true}, result: ResultNotTrusted, words: `"between"`},
		{name: "wildcard", ca: root, leaf: smtptest.Leaf{Names: []string{"*.dest.test"}}},
		{name: "a second name", ca: root, leaf: smtptest.Leaf{Names: []string{"other.test", "mx.dest.test"}}},
		{name: "any of several names", ca: root, leaf: smtptest.Leaf{Names: []string{"dest.test"}}, names: []string{"mx.dest.test", "dest.test"}},
		{name: "any name below", ca: root, leaf: smtptest.Leaf{Names: []string{"a.b.dest.test"}}, names: []string{".dest.test"}},
		{name: "a wildcard below", ca: root, leaf: smtptest.Leaf{Names: []string{"*.dest.test"}}, names: []string{".dest.test"}},
		{name: "not below", ca: root, leaf: smtptest.Leaf{Names: []string{"dest.test", "evildest.test"}}, names: []string{".dest.test"}, result: ResultHostMismatch, words: "is for dest.test, evildest.test, not for a host of dest.test"},
		{name: "expired", ca: root, leaf: smtptest.Leaf{Names: []string{"mx.dest.test"}, Expired: true}, result: ResultExpired, words: "expired on 20"},
		{name: "not yet valid", ca: root, leaf: smtptest.Leaf{Names: []string{"mx.dest.test"}, Future: true}, result: ResultExpired, words: "valid only from 20"},
		{name: "wrong name", ca: root, leaf: smtptest.Leaf{Names: []string{"mx.other.test"}}, result: ResultHostMismatch, words: "is for mx.other.test, not for mx.dest.test"},
		{name: "many wrong names", ca: root, leaf: smtptest.Leaf{Names: strings.Fields("a.test b.test c.test d.test e.test f.test g.test")}, result: ResultHostMismatch, words: "e.test, 2 more, not for"},
		{name: "no name", ca: root, leaf: smtptest.Leaf{}, result: ResultHostMismatch, words: "is for no name"},
		{name: "self-signed", ca: root, leaf: smtptest.Leaf{Names: []string{"mx.dest.test"}, SelfSigned: true}, result: ResultNotTrusted, words: "self-signed"},
		{name: "of a stranger", ca: stranger, leaf: smtptest.Leaf{Names: []string{"mx.dest.test"}}, result: ResultNotTrusted, words: `"Stranger CA"`},
		{name: "not offered", ca: root, plain: true, result: ResultNotOffered, words: "does not offer"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			conf, _ := tc.ca.Issue(t, tc.leaf)
			script := smtptest.Script{Ext: []string{"STARTTLS"}, TLS: conf}
			if tc.plain {
				script = smtptest.Script{}
			}
			p := smtptest.Start(t, script)
			o := Options{Addr: p.Addr, Host: "mx.dest.test", TLS: TLSVerified, Roots: root.Pool()}
			if tc.names != nil {
				o.Verify = &Verify{Names: tc.names}
			}
			c, tr, err := dial(t, o)
			if tc.result == "" {
				if err != nil {
					t.Fatal(err)
				}
				if !c.Verified() || c.Channel() != "pkix" || c.Unverified() != nil || !strings.Contains(tr.String(), "verified by pkix") {
					t.Errorf("verified %v (%v), channel %q\n%s", c.Verified(), c.Unverified(), c.Channel(), tr)
				}
				if _, err := send(c, t, "x\r\n", "a@b.test"); err != nil || len(p.Messages()) != 1 {
					t.Errorf("%v", err)
				}
				return
			}
			e := asError(t, err)
			want := "451 4.7.5"
			if tc.plain {
				want = "451 4.7.4"
			}
			if e.Stage != StageStartTLS || e.Remote || !strings.HasPrefix(e.Reply.String(), want) || !strings.Contains(e.Reply.Text, tc.words) || !strings.Contains(tr.String(), tc.words) {
				t.Errorf("%v\n%s", err, tr)
			}
			if got := TLSResult(err); got != tc.result {
				t.Errorf("result type %q, want %q", got, tc.result)
			}
			// Nothing was said after the handshake that failed.
			for _, l := range p.Lines() {
				if strings.HasPrefix(l, "MAIL") || strings.HasPrefix(l, "AUTH") {
					t.Errorf("the host heard %q", l)
				}
			}
			// Where nothing is demanded, the same host is used, and it is known
			// what is wrong with it.
			o.TLS = TLSOpportunistic
			c, _, err = dial(t, o)
			if err != nil || c.Verified() || c.Channel() != "" || !tc.plain && TLSResult(c.Unverified()) != tc.result {
				t.Errorf("opportunistic: %v", err)
			}
		})
	}
}

func tlsa(usage, selector, matching uint8, c *x509.Certificate) dane.TLSA {
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

func TestDANE_match_or_no_mail(t *testing.T) {
	root := smtptest.NewCA(t, "root")
	good, leaf := root.Issue(t, smtptest.Leaf{Names: []string{"mx.dest.test"}, Root: true})
	expired, expiredLeaf := root.Issue(t, smtptest.Leaf{Names: []string{"elsewhere.test"}, Expired: true, Root: true})
	_, other := root.Issue(t, smtptest.Leaf{Names: []string{"mx.dest.test"}})
	for _, tc := range []struct {
		name      string
		tls       *tls.Config
		records   []dane.TLSA
		mandatory bool
		channel   string // of Verify
		plain     bool
		want      string // Channel()
		verified  bool
		result    string
		words     string
	}{
		{name: "EE", tls: good, records: []dane.TLSA{tlsa(3, 1, 1, leaf)}, want: "dane", verified: true},
		{name: "EE of an expired certificate for another name", tls: expired, records: []dane.TLSA{tlsa(3, 0, 2, expiredLeaf)}, want: "dane", verified: true},
		{name: "TA", tls: good, records: []dane.TLSA{tlsa(2, 0, 1, root.Cert)}, want: "dane", verified: true},
		{name: "TA does not excuse", tls: expired, records: []dane.TLSA{tlsa(2, 0, 1, root.Cert)}, result: ResultExpired, words: "expired on"},
		{name: "mismatch", tls: good, records: []dane.TLSA{tlsa(3, 1, 1, other)}, result: ResultTLSAInvalid, words: "no TLSA record of mx.dest.test matches"},
		{name: "unusable", tls: good, records: []dane.TLSA{tlsa(1, 1, 1, leaf)}},
		{name: "unusable and mandatory", tls: good, records: []dane.TLSA{tlsa(1, 1, 1, leaf)}, mandatory: true, result: ResultTLSAInvalid, words: "can be used"},
		{name: "unusable still needs TLS", plain: true, records: []dane.TLSA{tlsa(1, 1, 1, leaf)}, result: ResultNotOffered, words: "does not offer"},
		{name: "stripped STARTTLS", plain: true, records: []dane.TLSA{tlsa(3, 1, 1, leaf)}, result: ResultNotOffered, words: "does not offer"},
		{name: "by insecure MX records", tls: good, records: []dane.TLSA{tlsa(3, 1, 1, leaf)}, channel: "-", verified: true},
		{name: "no records", tls: good, result: "dane-required", words: "no secure TLSA"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			script := smtptest.Script{Ext: []string{"STARTTLS"}, TLS: tc.tls}
			if tc.plain {
				script = smtptest.Script{}
			}
			p := smtptest.Start(t, script)
			c, tr, err := dial(t, Options{
				Addr: p.Addr, Host: "alias.dest.test", TLS: TLSDANE, Roots: x509.NewCertPool(),
				Verify: &Verify{Names: []string{"mx.dest.test", "alias.dest.test"}, TLSA: tc.records, Mandatory: tc.mandatory, Channel: tc.channel},
			})
			if tc.result != "" {
				if e := asError(t, err); e.Stage != StageStartTLS || e.Remote || !strings.Contains(e.Reply.Text, tc.words) || TLSResult(err) != tc.result {
					t.Errorf("%v (%s)\n%s", err, TLSResult(err), tr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if c.Channel() != tc.want || c.Verified() != tc.verified || c.TLSState().ServerName != "mx.dest.test" {
				t.Errorf("channel %q, verified %v, SNI %q\n%s", c.Channel(), c.Verified(), c.TLSState().ServerName, tr)
			}
		})
	}
}

func TestSTS_channel_is_told_as_such(t *testing.T) {
	ca := smtptest.NewCA(t, "root")
	conf, _ := ca.Issue(t, smtptest.Leaf{Names: []string{"mx.dest.test"}})
	p := smtptest.Start(t, smtptest.Script{Ext: []string{"STARTTLS"}, TLS: conf})
	c, _ := mustDial(t, Options{Addr: p.Addr, Host: "mx.dest.test", TLS: TLSVerified, Verify: &Verify{Channel: "mta-sts", Roots: ca.Pool()}})
	if c.Channel() != "mta-sts" {
		t.Errorf("channel %q", c.Channel())
	}
}

func TestVerified_without_a_name_calls_nobody(t *testing.T) {
	p := smtptest.Start(t, smtptest.Script{})
	_, _, err := dial(t, Options{Addr: p.Addr, TLS: TLSVerified})
	if e := asError(t, err); e.Stage != StageStartTLS || p.Accepted() != 0 {
		t.Errorf("%v", err)
	}
}

func TestTLSResult(t *testing.T) {
	p := smtptest.Start(t, smtptest.Script{Ext: []string{"STARTTLS"}, TLS: &tls.Config{}})
	if _, _, err := dial(t, Options{Addr: p.Addr}); TLSResult(err) != ResultInvalid {
		t.Errorf("broken handshake: %q", TLSResult(err))
	}
	if _, _, err := dial(t, Options{Addr: smtptest.Closed(t)}); TLSResult(err) != "" {
		t.Errorf("refused connection: %q", TLSResult(err))
	}
}
