package explain

import (
	"testing"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// TestB124_our_own_words_about_a_channel: who has to act depends on what was
// wrong with it.
func TestB124_our_own_words_about_a_channel(t *testing.T) {
	seen := map[string]bool{}
	for text, want := range map[string]Actor{
		"the host's certificate expired on 2026-01-02T03:04:05Z":                                              Postmaster,
		"the host's certificate is valid only from 2027-01-02T03:04:05Z":                                      Operator,
		"the host's certificate is for a.test, b.test, not for mx.dest.test":                                  Postmaster,
		"the host's certificate is self-signed: no authority vouches for it":                                  Postmaster,
		`the host's certificate was issued by "X", which is not among the authorities that are trusted`:       Postmaster,
		"no TLSA record of mx.dest.test matches the host's certificate":                                       Postmaster,
		"none of the TLSA records of mx.dest.test can be used for SMTP":                                       Postmaster,
		"the TLSA records of mx.dest.test could not be looked up, and without them the host must not be used": Operator,
		"the MTA-STS policy of dest.test does not name the mail server mx.evil.test":                          Postmaster,
		"DANE is demanded, but the MX records of dest.test are not secured by DNSSEC":                         Operator,
		"TLS is required, but the host does not offer it":                                                     Postmaster,
		"TLS handshake failed: remote error: tls: protocol version not supported":                             Postmaster,
	} {
		m, ok := Reply(*mail.NewReply(451, "4.7.5", text), "mx.dest.google.com")
		if !ok || m.Key != "tls-failed" || m.Actor != want || m.By != "text" || m.Note != "" {
			t.Errorf("%s: %+v", text, m)
		}
		seen[m.Cause] = true
	}
	if len(seen) != len(ownRules) {
		t.Errorf("%d of %d rules were met", len(seen), len(ownRules))
	}
}
