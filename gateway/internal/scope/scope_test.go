package scope

import (
	"context"
	"errors"
	"strings"
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
			if match.Match(store.Row{Message: &m, Recipient: &r}) != c.want {
				t.Error("Restrict does not agree with Sees")
			}
		})
	}
}

func TestZeroScopeFindsNothing(t *testing.T) {
	m, err := query.Compile(Scope{}.Restrict(query.Filter{}), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if m.Match(store.Row{Message: &store.Message{}, Recipient: &store.Recipient{}}) {
		t.Error("matches")
	}
	if (Scope{Level: lifecycle.LevelAdmin}).Validate() == nil {
		t.Error("an actor without a name is valid")
	}
}

// found is mail to look into, all of it.
type found []*store.Message

func (f found) Resolve(_ context.Context, prefix string) (id mail.ID, err error) {
	n := 0
	for _, m := range f {
		if strings.HasPrefix(m.ID.String(), prefix) {
			id = m.ID
			n++
		}
	}
	return id, map[int]error{0: store.ErrNotFound, 2: store.ErrAmbiguous}[n]
}

func (f found) Get(_ context.Context, id mail.ID) (*store.Message, error) {
	for _, m := range f {
		if m.ID == id {
			return m, nil
		}
	}
	return nil, store.ErrNotFound
}

func (f found) Search(_ context.Context, q query.Filter, _ string, _ int) (out []store.Row, _ string, _ error) {
	match, err := query.Compile(q, time.Now())
	if err != nil {
		return nil, "", err
	}
	for _, m := range f {
		for i := range m.Recipients {
			if r := (store.Row{Message: m, Recipient: &m.Recipients[i]}); match.Match(r) {
				out = append(out, r)
			}
		}
	}
	return out, "", nil
}

// TestBeginningsAreUniqueAmongWhatIsSeen: that somebody else's mail begins so,
// too, neither shows nor is in the way.
func TestBeginningsAreUniqueAmongWhatIsSeen(t *testing.T) {
	id := func(s string) mail.ID {
		x, err := mail.ParseID(s)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	to := func(s, rcpt string) *store.Message {
		return &store.Message{ID: id(s), Direction: mail.Inbound, Recipients: []store.Recipient{{N: 1, Tenant: "t", Address: addr(t, rcpt)}}}
	}
	in := found{to("01kb3z6q9xe0m8v2r5s7t4w1yd", "a@acme.test"), to("01kb3z6q9xe0m8v2r5s7t4w2yd", "b@beta.test"), to("01kb3z6q9ye0m8v2r5s7t4w2yd", "c@acme.test")}
	acme, beta, gamma := Domain("a", "acme.test"), Domain("b", "beta.test"), Domain("c", "gamma.test")
	for _, c := range []struct {
		name, prefix string
		s            Scope
		want         error
	}{
		{"admin_two", "01kb3z6q9x", Admin("r"), store.ErrAmbiguous},
		{"one_is_ours", "01kb3z6q9x", acme, nil},
		{"the_other_is_ours", "01kb3z6q9", beta, nil},
		{"two_are_ours", "01kb3z6q9", acme, store.ErrAmbiguous},
		{"none_of_two_is_ours", "01kb3z6q9x", gamma, store.ErrNotFound},
		{"the_only_one_is_not_ours", "01kb3z6q9y", beta, store.ErrNotFound},
		{"nothing_begins_so", "01kb3z6q9z", beta, store.ErrNotFound},
		{"no_beginning", "no!", beta, store.ErrNotFound},
	} {
		if _, _, err := c.s.Find(t.Context(), in, c.prefix); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	_, _, none := gamma.Find(t.Context(), in, "01kb3z6q9z")
	if _, _, err := gamma.Find(t.Context(), in, "01kb3z6q9x"); strings.ReplaceAll(err.Error(), "9x", "9z") != none.Error() {
		t.Errorf("%v: not what is said of nothing: %v", err, none)
	}
}
