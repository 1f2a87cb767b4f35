package scope

import (
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/store"
)

func addr(t *testing.T, s string) mail.Address {
	t.Helper()
	if s == "" {
		return mail.Address{}
	}
	a, err := mail.ParseAddress(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// values is a row as a filter sees it.
type values struct {
	m *store.Message
	r *store.Recipient
}

func (v values) Text(f string) []string {
	switch f {
	case "direction":
		return []string{string(v.m.Direction)}
	case "sender":
		return []string{v.m.Sender.String()}
	case "sender_domain":
		return []string{v.m.Sender.Domain()}
	case "recipient":
		return []string{v.r.Address.String(), v.r.Original.String()}
	case "tenant":
		return []string{v.r.Tenant}
	case "recipient_domain":
		return []string{v.r.Address.Domain(), v.r.Original.Domain()}
	}
	return nil
}
func (v values) Num(string) (float64, bool)    { return 0, false }
func (v values) Time(string) (time.Time, bool) { return time.Time{}, false }

func TestWhoSeesWhat(t *testing.T) {
	type msg struct {
		dir                    mail.Direction
		sender, rcpt, original string
	}
	in := msg{mail.Inbound, "x@far.test", "Sales@acme.test", ""}
	out := msg{mail.Outbound, "anna@acme.test", "y@far.test", ""}
	redirected := msg{mail.Inbound, "x@far.test", "z@beta.test", "sales@acme.test"}
	dsn := msg{mail.Outbound, "", "x@far.test", ""}
	cases := []struct {
		name string
		s    Scope
		m    msg
		want bool
	}{
		{"admin", Admin("a"), in, true},
		{"admin_dsn", Admin("a"), dsn, true},
		{"zero", Scope{}, in, false},
		{"zero_dsn", Scope{}, dsn, false},
		{"domain_in", Domain("a", "beta.test", "ACME.test"), in, true},
		{"domain_out", Domain("a", "acme.test"), out, true},
		{"domain_far_in", Domain("a", "far.test"), in, false},
		{"domain_far_out", Domain("a", "far.test"), out, false},
		{"domain_dsn", Domain("a", "far.test"), dsn, false},
		{"domain_empty", Domain("a", ""), dsn, false},
		{"domain_none", Domain("a"), in, false},
		{"redirect_belongs_to_the_first", Domain("a", "acme.test"), redirected, true},
		{"redirect_not_to_the_second", Domain("a", "beta.test"), redirected, false},
		{"mailbox_in", Mailbox("a", "sales@acme.test"), in, true},
		{"mailbox_other", Mailbox("a", "info@acme.test"), in, false},
		{"mailbox_out", Mailbox("a", "anna@acme.test"), out, true},
		{"mailbox_empty_dsn", Mailbox("a", ""), dsn, false},
		{"mailbox_far", Mailbox("a", "x@far.test"), in, false},
		{"tenant", Tenant("plugin x", "acme"), in, true},
		{"tenant_other", Tenant("plugin x", "beta"), in, false},
		{"tenant_none", Tenant("plugin x", ""), in, false},
		{"unknown_level", Scope{Level: "root", Actor: "a"}, in, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := store.Recipient{N: 1, Tenant: "acme", Address: addr(t, c.m.rcpt), Original: addr(t, c.m.original)}
			m := store.Message{Direction: c.m.dir, Sender: addr(t, c.m.sender), Recipients: []store.Recipient{r}}
			if got := c.s.Sees(&m, &r); got != c.want {
				t.Errorf("sees %v", got)
			}
			if c.s.Validate() != nil {
				return // Restrict is asked of valid scopes
			}
			match, err := query.Compile(c.s.Restrict(query.Filter{}), time.Now())
			if err != nil {
				t.Fatal(err)
			}
			if c.want && !match.Match(values{&m, &r}) {
				t.Error("Restrict hides what Sees shows")
			}
		})
	}
}

func TestZeroScopeFindsNothing(t *testing.T) {
	m, err := query.Compile(Scope{}.Restrict(query.Filter{}), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if m.Match(values{&store.Message{}, &store.Recipient{}}) {
		t.Error("matches")
	}
	if (Scope{Level: lifecycle.LevelAdmin}).Validate() == nil {
		t.Error("an actor without a name is valid")
	}
}
