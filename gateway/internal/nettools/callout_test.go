package nettools

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/smtpc/smtptest"
	"github.com/mailweir/weir/gateway/internal/store"
)

func (r *rig) callout(o CalloutOrder, want string) CalloutAnswer {
	r.Helper()
	as, err := r.Callout(r.Context(), admin, o)
	if err != nil || len(as) != 1 {
		r.Fatalf("%+v: %v, %v", o, as, err)
	}
	if as[0].Answer != want {
		r.Errorf("%+v: %s, want %s", o, as[0].Answer, want)
	}
	return as[0]
}

// TestB43_recipient_callout asks with the null sender, tells what a stranger is
// told, remembers the answer, and asks again whatever is remembered.
func TestB43_recipient_callout(t *testing.T) {
	r := newRig(t, "", nil)
	a := r.callout(CalloutOrder{Address: "bob@acme.test"}, "known")
	if a.Source != "callout" || !a.Queued || a.Tenant != "acme" || a.Reply.Code != 250 || a.Stranger.Code != 550 || len(a.Visits) != 1 || !strings.Contains(a.Visits[0].Dialogue, "> RCPT TO:<bob@acme.test>") {
		t.Errorf("%+v", a)
	}
	if !got(r.acme, "MAIL FROM:<>") || got(r.acme, "DATA") {
		t.Error(r.acme.Lines())
	}
	if a.Until.Sub(a.Learnt) != 96*time.Hour {
		t.Errorf("%v to %v", a.Learnt, a.Until)
	}
	n := len(r.acme.Lines())
	if a = r.callout(CalloutOrder{Address: "bob@acme.test", Remembered: true}, "known"); a.Source != "cache" || len(r.acme.Lines()) != n {
		t.Errorf("%+v", a)
	}
	r.acme.Set(users())
	if a = r.callout(CalloutOrder{Address: "bob@acme.test"}, "invalid"); a.Queued || a.Reply.Code != 550 {
		t.Errorf("%+v", a)
	}
	if a = r.callout(CalloutOrder{Address: "boss@acme.test", Remembered: true}, "local"); a.Source != "list" || !a.Listed || !a.Queued {
		t.Errorf("%+v", a)
	}
	if a = r.callout(CalloutOrder{Address: "boss@acme.test"}, "invalid"); !a.Queued {
		t.Errorf("a Local Recipient is queued for whatever the destination says: %+v", a)
	}
	r.acme.Set(smtptest.Script{})
	r.callout(CalloutOrder{Address: "carl@acme.example.test"}, "catch-all")
	r.acme.Shut()
	if a = r.callout(CalloutOrder{Address: "dora@acme.test"}, "unknown"); !a.Reply.Ours {
		t.Errorf("%+v", a.Reply)
	}
	a = r.callout(CalloutOrder{Address: "ann@partner.test"}, "known") // elsewhere: by the table, and not remembered
	if a.Tenant != "" || a.Route != "route:partner" {
		t.Errorf("%+v", a)
	}
	r.callout(CalloutOrder{Address: "eve@partner.test"}, "invalid")
	if a = r.callout(CalloutOrder{Address: "x@gone.test"}, "unknown"); a.Reply == nil || a.Reply.Text != "gone.test was closed" {
		t.Errorf("%+v", a.Reply)
	}
	if items, _, err := r.Remembered(admin, RecipientsQuery{Tenant: "acme", Domain: "partner.test"}); len(items) > 0 || err != nil {
		t.Errorf("%v %v", items, err)
	}
}

func TestB43_callout_of_a_message(t *testing.T) {
	r := newRig(t, "", nil)
	id := r.message(mail.Inbound, "acme", "x@partner.test", "bob@acme.test", "eve@acme.test")
	as, err := r.Callout(t.Context(), acmes, CalloutOrder{Message: id})
	if err != nil || len(as) != 2 || as[0].Answer != "known" || as[1].Answer != "invalid" {
		t.Errorf("%+v %v", as, err)
	}
	as, err = r.Callout(t.Context(), acmes, CalloutOrder{Message: id + ".2"})
	if err != nil || len(as) != 1 || as[0].Address != "eve@acme.test" {
		t.Errorf("%+v %v", as, err)
	}
	// Outgoing mail of its own may be asked about too: the gateway goes there anyway.
	id = r.message(mail.Outbound, "acme", "bob@acme.test", "ann@partner.test")
	as, err = r.Callout(t.Context(), acmes, CalloutOrder{Message: id})
	if err != nil || len(as) != 1 || as[0].Answer != "known" {
		t.Errorf("%+v %v", as, err)
	}
}

// TestScopes: what domain level may try is its own, mailbox level may nothing,
// and nobody is called for a refusal.
func TestScopes(t *testing.T) {
	r := newRig(t, "", nil)
	theirs := r.message(mail.Inbound, "beta", "x@partner.test", "bob@beta.test")
	ours := r.message(mail.Inbound, "acme", "x@partner.test", "bob@acme.test")
	auditor, helpdesk := acmes, acmes
	auditor.Role, helpdesk.Role = lifecycle.RoleAuditor, lifecycle.RoleHelpdesk
	ctx := t.Context()
	for name, tc := range map[string]struct {
		do   func() error
		want error
	}{
		"callout_mailbox":             {func() error { _, err := r.Callout(ctx, mailbox, CalloutOrder{Address: "bob@acme.test"}); return err }, lifecycle.ErrRefused},
		"callout_mailbox_own_message": {func() error { _, err := r.Callout(ctx, mailbox, CalloutOrder{Message: ours}); return err }, lifecycle.ErrRefused},
		"callout_auditor":             {func() error { _, err := r.Callout(ctx, auditor, CalloutOrder{Address: "bob@acme.test"}); return err }, lifecycle.ErrRefused},
		"callout_elsewhere":           {func() error { _, err := r.Callout(ctx, acmes, CalloutOrder{Address: "ann@partner.test"}); return err }, lifecycle.ErrRefused},
		"callout_other_domain_of_the_tenant": {func() error {
			_, err := r.Callout(ctx, acmes, CalloutOrder{Address: "bob@acme.example.test"})
			return err
		}, lifecycle.ErrRefused},
		"callout_other_tenant":  {func() error { _, err := r.Callout(ctx, acmes, CalloutOrder{Address: "bob@beta.test"}); return err }, lifecycle.ErrRefused},
		"callout_their_message": {func() error { _, err := r.Callout(ctx, acmes, CalloutOrder{Message: theirs}); return err }, store.ErrNotFound},
		"sender_mailbox":        {func() error { _, err := r.SenderCallout(ctx, mailbox, CalloutOrder{Message: ours}); return err }, lifecycle.ErrRefused},
		"sender_elsewhere": {func() error {
			_, err := r.SenderCallout(ctx, acmes, CalloutOrder{Address: "ann@partner.test"})
			return err
		}, lifecycle.ErrRefused},
		"sender_their_message": {func() error { _, err := r.SenderCallout(ctx, acmes, CalloutOrder{Message: theirs}); return err }, store.ErrNotFound},
		"smtp_mailbox":         {func() error { _, err := r.SMTP(ctx, mailbox, SMTPOrder{Message: ours}); return err }, lifecycle.ErrRefused},
		"smtp_elsewhere":       {func() error { _, err := r.SMTP(ctx, acmes, SMTPOrder{To: []string{"ann@partner.test"}}); return err }, lifecycle.ErrRefused},
		"smtp_one_of_two_elsewhere": {func() error {
			_, err := r.SMTP(ctx, acmes, SMTPOrder{To: []string{"bob@acme.test", "bob@beta.test"}})
			return err
		}, lifecycle.ErrRefused},
		"smtp_host": {func() error {
			_, err := r.SMTP(ctx, acmes, SMTPOrder{To: []string{"bob@acme.test"}, Host: "127.0.0.1", Port: 22})
			return err
		}, lifecycle.ErrRefused},
		"smtp_host_by_an_administrator_of_one_tenant": {func() error {
			_, err := r.SMTP(ctx, scope.Tenant("plugin", "acme"), SMTPOrder{To: []string{"bob@acme.test"}, Host: "127.0.0.1", Port: 22})
			return err
		}, lifecycle.ErrRefused},
		"callout_other_tenant_by_an_administrator_of_one": {func() error {
			_, err := r.Callout(ctx, scope.Tenant("plugin", "acme"), CalloutOrder{Address: "bob@beta.test"})
			return err
		}, lifecycle.ErrRefused},
		"smtp_their_message": {func() error { _, err := r.SMTP(ctx, acmes, SMTPOrder{Message: theirs}); return err }, store.ErrNotFound},
		"smtp_send_out": {func() error {
			_, err := r.SMTP(ctx, acmes, SMTPOrder{Message: r.message(mail.Outbound, "acme", "bob@acme.test", "ann@partner.test"), Send: true})
			return err
		}, lifecycle.ErrRefused},
		"callout_own_message_to_another_tenant": {func() error {
			_, err := r.Callout(ctx, acmes, CalloutOrder{Message: r.message(mail.Outbound, "acme", "bob@acme.test", "bob@beta.test")})
			return err
		}, lifecycle.ErrRefused},
		"smtp_own_message_to_another_tenant": {func() error {
			_, err := r.SMTP(ctx, acmes, SMTPOrder{Message: r.message(mail.Outbound, "acme", "bob@acme.test", "bob@beta.test")})
			return err
		}, lifecycle.ErrRefused},
		"sender_of_another_tenant": {func() error {
			_, err := r.SenderCallout(ctx, acmes, CalloutOrder{Message: r.message(mail.Inbound, "acme", "bob@beta.test", "bob@acme.test")})
			return err
		}, lifecycle.ErrRefused},
		"tls_mailbox":     {func() error { _, err := r.TLS(ctx, mailbox, TLSOrder{Domain: "acme.test"}); return err }, lifecycle.ErrRefused},
		"tls_host":        {func() error { _, err := r.TLS(ctx, acmes, TLSOrder{Host: "10.0.0.1"}); return err }, lifecycle.ErrRefused},
		"tls_elsewhere":   {func() error { _, err := r.TLS(ctx, acmes, TLSOrder{Domain: "partner.test"}); return err }, lifecycle.ErrRefused},
		"route_mailbox":   {func() error { _, err := r.Route(ctx, mailbox, RouteOrder{Recipient: "bob@acme.test"}); return err }, lifecycle.ErrRefused},
		"route_elsewhere": {func() error { _, err := r.Route(ctx, acmes, RouteOrder{Recipient: "ann@partner.test"}); return err }, lifecycle.ErrRefused},
		"route_forged_sender": {func() error {
			_, err := r.Route(ctx, acmes, RouteOrder{Sender: "bob@beta.test", Recipient: "ann@partner.test"})
			return err
		}, lifecycle.ErrRefused},
		"dns_mailbox":   {func() error { _, err := r.Look(ctx, mailbox, DNSOrder{Name: "acme.test"}); return err }, lifecycle.ErrRefused},
		"dns_elsewhere": {func() error { _, err := r.Look(ctx, acmes, DNSOrder{Name: "notacme.test"}); return err }, lifecycle.ErrRefused},
		"self":          {func() error { _, err := r.Self(ctx, acmes, true); return err }, lifecycle.ErrRefused},
		"known_mailbox": {func() error { _, _, err := r.Remembered(mailbox, RecipientsQuery{Tenant: "acme"}); return err }, lifecycle.ErrRefused},
		"known_other_domain": {func() error {
			_, _, err := r.Remembered(acmes, RecipientsQuery{Tenant: "acme", Domain: "acme.example.test"})
			return err
		}, lifecycle.ErrRefused},
		"clear_helpdesk": {func() error { _, err := r.Forget(helpdesk, RecipientsQuery{Tenant: "acme"}); return err }, lifecycle.ErrRefused},
	} {
		if err := tc.do(); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := r.Remembered(acmes, RecipientsQuery{Tenant: "beta"}); err == nil || strings.Contains(err.(*mistake).Remedy(), "beta") {
		t.Errorf("another tenant: %v", err)
	}
	for _, p := range []*smtptest.Peer{r.acme, r.beta, r.partner} {
		if p.Accepted() > 0 {
			t.Errorf("a destination was called: %v", p.Lines())
		}
	}
	if as, err := r.Callout(ctx, helpdesk, CalloutOrder{Address: "bob@acme.test"}); err != nil || as[0].Answer != "known" {
		t.Errorf("%v %v", as, err)
	}
}

// TestB44_sender_callout asks the sender's own servers, and has rations.
func TestB44_sender_callout(t *testing.T) {
	r := newRig(t, "", nil)
	a, err := r.SenderCallout(t.Context(), admin, CalloutOrder{Address: "ann@partner.test"})
	if err != nil || a.Answer != "known" || a.Stranger.Code != 550 || !got(r.partner, "MAIL FROM:<>") || got(r.partner, "DATA") {
		t.Errorf("%+v %v", a, err)
	}
	id := r.message(mail.Inbound, "acme", "eve@partner.test", "bob@acme.test")
	if a, err = r.SenderCallout(t.Context(), acmes, CalloutOrder{Message: id}); err != nil || a.Answer != "invalid" || a.Address != "eve@partner.test" {
		t.Errorf("%+v %v", a, err)
	}
	id = r.message(mail.Inbound, "acme", "", "bob@acme.test")
	if _, err = r.SenderCallout(t.Context(), acmes, CalloutOrder{Message: id}); !errors.Is(err, lifecycle.ErrRefused) {
		t.Errorf("of the null sender: %v", err)
	}
}

// TestB44_sender_callouts_are_rationed: whoever orders them, a domain's servers
// are asked five times and then every half minute; an operator may order ten.
func TestB44_sender_callouts_are_rationed(t *testing.T) {
	r := newRig(t, "", nil)
	other := admin
	other.Actor = "other"
	order := func(n int) error {
		sc := admin
		if n%2 == 0 {
			sc = other
		}
		_, err := r.SenderCallout(t.Context(), sc, CalloutOrder{Address: "ann@partner.test"})
		return err
	}
	for i := range 5 {
		if err := order(i); err != nil {
			t.Fatal(err)
		}
	}
	var busy *Busy
	if err := order(5); !errors.As(err, &busy) || busy.Wait <= 0 || busy.Wait > 30*time.Second {
		t.Errorf("%v", err)
	}
	n := len(r.partner.Lines())
	r.add(30 * time.Second)
	if err := order(6); err != nil || len(r.partner.Lines()) == n {
		t.Errorf("%v", err)
	}
	r = newRig(t, "", nil)
	for i := range 11 {
		_, err := r.SenderCallout(t.Context(), admin, CalloutOrder{Address: "x@" + strings.Repeat("a", i+1) + ".partner.test"})
		if (i < 10) != (err == nil) {
			t.Errorf("%d: %v", i, err)
		}
	}
}

func TestB43_callouts_are_rationed(t *testing.T) {
	r := newRig(t, "", nil)
	var n int
	var err error
	for n = 0; err == nil && n < 100; n++ {
		_, err = r.Callout(t.Context(), acmes, CalloutOrder{Address: "bob@acme.test"})
	}
	var busy *Busy
	if !errors.As(err, &busy) || n != 31 {
		t.Errorf("after %d: %v", n, err)
	}
	if _, err = r.Callout(t.Context(), admin, CalloutOrder{Address: "bob@acme.test"}); err != nil {
		t.Errorf("another operator: %v", err)
	}
	if _, err = r.Callout(t.Context(), acmes, CalloutOrder{Address: "bob@acme.test", Remembered: true}); err != nil {
		t.Errorf("what is remembered costs nothing: %v", err)
	}
}

// TestB65_known_recipients_are_listed_and_cleared within the scope.
func TestB65_known_recipients_are_listed_and_cleared(t *testing.T) {
	r := newRig(t, "", nil)
	for _, a := range []string{"bob@acme.test", "eve@acme.test", "eve@acme.example.test", "bob@beta.test"} {
		if _, err := r.Callout(t.Context(), admin, CalloutOrder{Address: a}); err != nil {
			t.Fatal(err)
		}
	}
	list := func(sc func(*RecipientsQuery), domainLevel bool, want string) {
		t.Helper()
		q := RecipientsQuery{Tenant: "acme"}
		if sc != nil {
			sc(&q)
		}
		who := admin
		if domainLevel {
			who = acmes
		}
		var got []string
		for {
			items, next, err := r.Remembered(who, q)
			if err != nil {
				t.Fatal(err)
			}
			for _, it := range items {
				got = append(got, it.Address+nonEmpty("@", it.Domain)+"="+it.Kind)
			}
			if q.After = next; next == "" {
				break
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("got %v, want %s", got, want)
		}
	}
	list(nil, false, "@acme.example.test=selective @acme.test=selective bob@acme.test=valid eve@acme.example.test=invalid eve@acme.test=invalid")
	list(func(q *RecipientsQuery) { q.Limit = 2 }, false, "@acme.example.test=selective @acme.test=selective bob@acme.test=valid eve@acme.example.test=invalid eve@acme.test=invalid")
	list(nil, true, "@acme.test=selective bob@acme.test=valid eve@acme.test=invalid")
	list(func(q *RecipientsQuery) { q.Kind = "invalid" }, false, "eve@acme.example.test=invalid eve@acme.test=invalid")
	list(func(q *RecipientsQuery) { q.Prefix = "B" }, false, "bob@acme.test=valid")
	if n, err := r.Forget(acmes, RecipientsQuery{Tenant: "acme", Address: "eve@acme.example.test"}); n != 0 || err != nil {
		t.Errorf("cleared what is not its own: %d, %v", n, err)
	}
	if n, err := r.Forget(acmes, RecipientsQuery{Tenant: "acme"}); n != 3 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	list(nil, false, "@acme.example.test=selective eve@acme.example.test=invalid")
	if items, _, err := r.Remembered(admin, RecipientsQuery{Tenant: "beta"}); len(items) != 2 || err != nil {
		t.Errorf("%v, %v", items, err)
	}
}

func nonEmpty(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}
