package explain

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// literal is one line of testdata/answers.txt.
type literal struct{ key, provider, host, answer string }

func literals(t *testing.T) []literal {
	t.Helper()
	b, err := os.ReadFile("testdata/answers.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all []literal
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.SplitN(line, "|", 4)
		if len(f) != 4 {
			t.Fatalf("not four fields: %q", line)
		}
		for i := range f {
			f[i] = strings.TrimSpace(f[i])
			if f[i] == "-" {
				f[i] = ""
			}
		}
		all = append(all, literal{f[0], f[1], f[2], strings.ReplaceAll(f[3], `\n`, "\n")})
	}
	return all
}

// TestB154_real_answers: what real servers say is understood, whatever they
// pair it with.
func TestB154_real_answers(t *testing.T) {
	all := literals(t)
	if len(all) < 150 {
		t.Fatalf("only %d answers", len(all))
	}
	for _, l := range all {
		r, err := Parse(l.answer)
		if err != nil {
			t.Errorf("%q: %v", l.answer, err)
			continue
		}
		m, ok := Reply(r, l.host)
		if !ok || m.Key != l.key {
			t.Errorf("%.110q\n\tmeans %q by %s, want %q", l.answer, m.Key, m.By, l.key)
		}
		if m.Provider != l.provider {
			t.Errorf("%.110q\n\tis %q's, want %q", l.answer, m.Provider, l.provider)
		}
		if ok && (m.Cause == "" || m.Actor == "" || m.Advice == "" || m.By == "") {
			t.Errorf("%.110q: %+v lacks something", l.answer, m)
		}
		// A temporary answer never tells an operator that it is lost, and a
		// permanent one never that it is tried again.
		if ok && r.Permanent() && (m.Actor == Nobody || strings.Contains(m.Advice, "is tried again") || strings.HasPrefix(m.Advice, "Nothing; it")) {
			t.Errorf("%.110q is permanent, and the advice is %q", l.answer, m.Advice)
		}
	}
}

// The common answers of the seeds, each by its number.
func TestB124_to_B129_common_answers(t *testing.T) {
	for _, c := range []struct{ name, answer, key, says string }{
		{"B124_no_such_user", "550 5.1.1 User unknown", "no-such-user", "knows no such recipient"},
		{"B125_mailbox_full", "552 5.2.2 mailbox full", "mailbox-full", "mailbox is full"},
		{"B126_message_too_large", "552 5.3.4 message too large", "message-too-large", "larger than"},
		{"B127_insufficient_system_resources", "452 4.3.1 insufficient system resources", "no-resources", "lacks room or other resources"},
		{"B128_turn_on_smtp_authentication", "550 turn on SMTP authentication", "relaying-denied", "not configured for the domain"},
		{"B129_hop_count_exceeded", "554 5.4.6 hop count exceeded", "loop", "in circles"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := Parse(c.answer)
			if err != nil {
				t.Fatal(err)
			}
			m, ok := Reply(r, "")
			if !ok || m.Key != c.key || !strings.Contains(m.String(), c.says) {
				t.Errorf("%+v", m)
			}
		})
	}
}

func TestWhoHasToAct(t *testing.T) {
	for _, c := range []struct {
		answer, host string
		want         Actor
	}{
		{"550 5.1.1 User unknown", "", Sender},
		{"452 4.2.2 mailbox full", "", Recipient},
		{"452 4.3.1 insufficient system storage", "", Nobody},
		{"552 insufficient system storage", "", Postmaster}, // permanent: nobody tries again
		{"554 5.7.1 blocked using zen.spamhaus.org", "", Operator},
		{"550 5.7.1 denied by policy", "", Postmaster},
		{"451 4.7.1 greylisted", "", Nobody},
		{"421 4.7.0 too many connections", "", Nobody},
		{"550 too many messages this hour", "", Operator},
		{"554 5.4.1 connection timed out", "", Sender},
		{"550 5.1.1 Greylisted, try again in 5 minutes", "", Sender},
		{"550 5.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional messages - gsmtp", "", Sender},
		{"550 5.7.1 The user or domain that you are sending to (or from) has a policy that prohibited the mail - gsmtp", "", Postmaster},
		{"450 4.2.1 The user you are trying to contact is receiving mail too quickly - gsmtp", "", Nobody},
		{"550 5.4.1 Recipient address rejected: Access denied", "a.mail.protection.outlook.com", Sender},
		{"550 5.7.507 Access denied, rejected by recipient", "a.mail.protection.outlook.com", Postmaster},
	} {
		r, err := Parse(c.answer)
		if err != nil {
			t.Fatal(err)
		}
		if m, _ := Reply(r, c.host); m.Actor != c.want {
			t.Errorf("%q: %s has to act (%s), want %s", c.answer, m.Actor, m.Key, c.want)
		}
	}
}

func TestContradictionsAreSaid(t *testing.T) {
	for answer, want := range map[string]string{
		"550 5.1.1 mailbox is full":              "no-such-user",
		"552 5.2.2 No such user":                 "mailbox-full",
		"550 4.2.2 mailbox full":                 "contradict each other",
		"451 5.1.1 User unknown":                 "contradict each other",
		"550 5.7.1 User unknown":                 "", // 5.7.1 goes with anything
		"550 5.1.1 User unknown":                 "",
		"550 User unknown":                       "",
		"452 4.3.1 mailbox over quota":           "",
		"450 4.2.1 account receives too quickly": "",
	} {
		r, err := Parse(answer)
		if err != nil {
			t.Fatal(err)
		}
		m, _ := Reply(r, "")
		if want == "" && m.Note != "" || !strings.Contains(m.Note, want) {
			t.Errorf("%q: note %q, want %q", answer, m.Note, want)
		}
	}
}

func TestNothingToExplain(t *testing.T) {
	for _, r := range []mail.Reply{{}, {Code: 250, Text: "2.0.0 Ok"}, {Code: 250, Text: "mailbox full of joy"}, {Code: 499, Text: "hm"}} {
		if m, ok := Reply(r, "mx.google.com"); ok {
			t.Errorf("%v: %+v", r, m)
		}
	}
}

// TestWordsStandAlone: addresses, host names and parts of words mean nothing.
func TestWordsStandAlone(t *testing.T) {
	for text, not := range map[string]string{
		"550 <spam@y.test>: hm":                    "spam-refused",
		"421 spam.y.test hm":                       "spam-refused",
		"550 xspfy":                                "sender-unproven",
		"550 hello x@outlook.com hm":               "microsoft",
		"451 mailbox-full.y.test hm":               "mailbox-full",
		"550 5.2.0 user-unknown.relaying@y.test a": "no-such-user",
	} {
		r, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if m, _ := Reply(r, ""); m.Key == not || m.Provider != "" {
			t.Errorf("%q: %+v", text, m)
		}
	}
}

func TestParse(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"550 5.1.1 no such user", "550 5.1.1 no such user"},
		{"550 no such user", "550 no such user"},
		{"550-5.1.1 no such\r\n550 5.1.1 user\r\n", "550 5.1.1 no such / user"},
		{"  smtp; 550 5.1.1 no such user", "550 5.1.1 no such user"},
		{"Diagnostic-Code: smtp; 552 5.2.2 over\n    quota", "552 5.2.2 over / quota"},
		{"host mx.y.test[192.0.2.1] said: 550-5.1.1 no such 550-5.1.1 user 550 5.1.1 here (in reply to RCPT TO command)", "550 5.1.1 no such user here"},
		{"status=bounced (host mx.y.test[192.0.2.1] said: 550 hm (in reply to RCPT TO command))", "550 hm"},
		{"Remote server returned '550 5.1.10 RESOLVER.ADR.RecipientNotFound'", "550 5.1.10 RESOLVER.ADR.RecipientNotFound"},
		{"host mx.y.test refused to talk to me: 554 IP=192.0.2.1 - hm", "554 IP=192.0.2.1 - hm"},
		{"550", "550"},
	} {
		r, err := Parse(c.in)
		if err != nil || r.String() != c.want {
			t.Errorf("%q: %q, %v; want %q", c.in, r, err, c.want)
		}
	}
	for _, bad := range []string{"", "hello", "1234", "999 x", "55 x", "the host said no"} {
		if r, err := Parse(bad); err == nil {
			t.Errorf("%q passes as %q", bad, r)
		}
	}
}

// TestCatalogueIsWellFormed: no entry that can never match, no rule without a
// provider or cause.
func TestCatalogueIsWellFormed(t *testing.T) {
	seen := map[string]string{}
	for _, c := range causes {
		if c.words == "" || c.actor == "" || c.advice == "" || (c.goneActor == "") != (c.goneAdvice == "") {
			t.Errorf("%s lacks words", c.key)
		}
		if c.actor == Nobody && c.goneAdvice == "" && slices.Contains([]string{"local-error", "no-resources", "rate-limited"}, c.key) {
			t.Errorf("%s says nothing of a permanent answer", c.key)
		}
		for _, w := range c.says {
			if w != strings.ToLower(w) || strings.TrimSpace(w) != strings.TrimRight(w, " ") || w == "" {
				t.Errorf("%s: %q can never match", c.key, w)
			}
			if other, ok := seen[w]; ok {
				t.Errorf("%q stands in %s and %s", w, other, c.key)
			}
			seen[w] = c.key
		}
		for _, e := range c.enhanced {
			if _, ok := mail.ParseEnhanced("5." + e); !ok {
				t.Errorf("%s: %q is no subject.detail", c.key, e)
			}
			if other, ok := seen["x."+e]; ok {
				t.Errorf("x.%s stands in %s and %s", e, other, c.key)
			}
			seen["x."+e] = c.key
		}
		for _, n := range c.codes {
			if n < 400 || n > 599 {
				t.Errorf("%s: %d", c.key, n)
			}
		}
	}
	known := map[string]bool{}
	for _, p := range providers {
		if known[p.key] || p.name == "" || len(p.marks)+len(p.hosts) == 0 {
			t.Errorf("provider %+v", p)
		}
		known[p.key] = true
		for _, m := range slices.Concat(p.marks, p.hosts) {
			if m != strings.ToLower(m) {
				t.Errorf("%s: %q can never match", p.key, m)
			}
		}
	}
	for i, r := range rules {
		if !known[r.provider] {
			t.Errorf("rule %d is of %q, whom nobody knows", i, r.provider)
		}
		if _, ok := causeOf(r.key); !ok {
			t.Errorf("rule %d of %s: no cause %q", i, r.provider, r.key)
		}
		if len(r.says) == 0 && r.pattern == nil && r.subject == 0 {
			t.Errorf("rule %d of %s never matches", i, r.provider)
		}
		for _, w := range r.says {
			if w != strings.ToLower(w) {
				t.Errorf("rule %d of %s: %q can never match", i, r.provider, w)
			}
		}
	}
	for k, v := range akin {
		for _, key := range append(v, k) {
			if _, ok := causeOf(key); !ok {
				t.Errorf("akin: no cause %q", key)
			}
		}
	}
}

func FuzzReply(f *testing.F) {
	f.Add("550 5.1.1 no such user", "mx.google.com")
	f.Add("550-5.1.1 a\n550 5.1.1 b", "")
	f.Add("host said: 421 (in reply to x)", "x")
	f.Fuzz(func(t *testing.T, s, host string) {
		r, err := Parse(s)
		if err != nil {
			return
		}
		if m, ok := Reply(r, host); ok && (m.Key == "" || m.Cause == "") {
			t.Errorf("%q: %+v", s, m)
		}
	})
}

func BenchmarkReply(b *testing.B) {
	r, err := Parse("550-5.7.26 Unauthenticated email from y.test is not accepted due to domain's\n550 5.7.26 DMARC policy. https://support.google.com/mail/?p=DmarcRejection a1si1.42 - gsmtp")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		Reply(r, "mx.google.com")
		Reply(mail.Reply{Code: 451, Text: "something that nobody knows of at all"}, "mx.y.test")
	}
}
