package scope

import (
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// shared is one message to two tenants' recipients on one host, which answered
// after the data what it thinks of one of them.
func shared(t *testing.T) (*store.Message, []mail.Event) {
	said := mail.NewReply(554, "5.2.2", "message refused: <B@Beta.test> over quota, alias+2Blist@beta.test too; a@acme.test was fine")
	m := &store.Message{ID: mail.NewID(time.Unix(1, 0)), Direction: mail.Inbound, Attempts: 1, Recipients: []store.Recipient{
		{N: 1, Tenant: "acme", Address: addr(t, "a@acme.test"), Last: said, LastRemote: true, Reason: "frozen: b@beta.test"},
		{N: 2, Tenant: "beta", Address: addr(t, "b@beta.test"), Last: said, LastRemote: true, DSN: mail.RcptParams{ORcpt: "rfc822;alias+list@beta.test"}},
	}}
	es := []mail.Event{
		{Type: mail.EventReception, Text: "for b@beta.test and a@acme.test"},
		{Type: mail.EventBounce, N: 1, Tenant: "acme", Reply: said, Text: "b@beta.test"},
		{Type: mail.EventBounce, N: 2, Tenant: "beta", Reply: said},
	}
	return m, es
}

// TestB121_answers_name_no_others: an answer to the whole message names another
// tenant's recipient. It does not in rows, nor in events, of those who do not see
// everything; and the record is not changed.
func TestB121_answers_name_no_others(t *testing.T) {
	const clean = "message refused: <(another recipient)> over quota, (another recipient) too; a@acme.test was fine"
	for _, s := range []Scope{Domain("a", "acme.test"), Mailbox("a", "a@acme.test"), Tenant("plugin x", "acme")} {
		m, es := shared(t)
		raw := m.Recipients[0].Last.Text
		v := s.View(m)
		if len(v.Recipients) != 1 || v.Recipients[0].Last.Text != clean || v.Recipients[0].Reason != "frozen: (another recipient)" || v.Recipients[0].Last.Code != 554 {
			t.Errorf("%+v %+v", v.Recipients, v.Recipients[0].Last)
		}
		got := s.Events(m, es)
		if len(got) != 2 || got[0].Text != "for (another recipient) and a@acme.test" || got[1].Reply.Text != clean || got[1].Text != "(another recipient)" {
			t.Errorf("%+v", got)
		}
		if m.Recipients[0].Last.Text != raw || es[1].Reply.Text != raw || es[1].Text != "b@beta.test" {
			t.Error("the record is changed")
		}
		if _, _, err := s.Find(t.Context(), found{m}, m.ID.String()+".1"); err != nil {
			t.Error(err)
		}
	}
	m, es := shared(t)
	all := Admin("r")
	if v := all.View(m); v.Recipients[0].Last.Text != m.Recipients[0].Last.Text || all.Events(m, es)[1].Reply.Text != es[1].Reply.Text {
		t.Error("something is hidden from who sees everything")
	}
}

// TestFormerAddressesAreHidden: nor what another recipient was called before an
// operator sent it another way (B93).
func TestFormerAddressesAreHidden(t *testing.T) {
	m, _ := shared(t)
	m.Recipients[1].Former = []store.Former{{Address: addr(t, "old@beta.test"), Until: time.Unix(2, 0)}}
	m.Recipients[0].Reason = "frozen: old@beta.test"
	if v := Domain("a", "acme.test").View(m); v.Recipients[0].Reason != "frozen: (another recipient)" {
		t.Errorf("%q", v.Recipients[0].Reason)
	}
}

// TestOnlyAddressesAreHidden: an original recipient is whatever the client wrote.
func TestOnlyAddressesAreHidden(t *testing.T) {
	for _, orcpt := range []string{"rfc822;e", "rfc822;", "x", "rfc822;@", "rfc822;e@", "rfc822;@e", "rfc822;" + strings.Repeat("e", 300) + "@e"} {
		m, _ := shared(t)
		m.Recipients[1].DSN.ORcpt = orcpt
		for _, said := range []string{"the e@ of @e: message refused, see e@example.test", strings.Repeat("e", 300) + "@e"} {
			m.Recipients[0].Last = mail.NewReply(554, "", said)
			if got := Domain("a", "acme.test").View(m).Recipients[0].Last.Text; got != said {
				t.Errorf("%.20s: %q", orcpt, got)
			}
		}
	}
}

// BenchmarkViewOfThousand is a view of half of a thousand recipients, who all got
// one answer that names somebody.
func BenchmarkViewOfThousand(b *testing.B) {
	m := &store.Message{Direction: mail.Inbound}
	said := mail.NewReply(554, "", "user1@beta.test is over quota")
	for n := range 1000 {
		a, err := mail.ParseAddress("user" + string(rune('a'+n%26)) + strings.Repeat("x", n/26) + []string{"@acme.test", "@beta.test"}[n%2])
		if err != nil {
			b.Fatal(err)
		}
		m.Recipients = append(m.Recipients, store.Recipient{N: n + 1, Address: a, Last: said})
	}
	s := Domain("a", "acme.test")
	for b.Loop() {
		if len(s.View(m).Recipients) != 500 {
			b.Fatal("wrong view")
		}
	}
}
