package journal

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

// TestB121_nothing_that_is_read_names_others: a host answers a message to two
// tenants after the data, and names one recipient. The other tenant reads the
// answer wherever it is to be had, without that name.
func TestB121_nothing_that_is_read_names_others(t *testing.T) {
	st := open(t)
	m := put(t, st, t0.Add(-time.Hour), mail.Inbound, "x@far.test", "a@acme.test queued", "b@beta.test queued")
	said := mail.NewReply(554, "5.2.2", "refused: <B@beta.test> is over quota")
	claims, err := st.Claim(t.Context(), store.ClaimRequest{Now: t0, Limit: 2, For: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range claims {
		a := mail.Attempt{Start: t0, Host: "mx.shared.test", Recipients: c.Lease.Recipients}
		var o store.Outcome
		for _, n := range c.Lease.Recipients {
			r := c.Message.Recipients[n-1]
			r.Status, r.Next, r.Attempts, r.Last, r.LastRemote, r.LastHost, r.Changed = mail.StatusBounced, time.Time{}, 1, said, true, "mx.shared.test", t0
			o.Recipients = append(o.Recipients, r)
			a.Outcome = append(a.Outcome, mail.RcptReply{N: n, Reply: *said, Remote: true})
			o.Events = append(o.Events, mail.Event{At: t0, Type: mail.EventBounce, Message: m.ID, N: n, Tenant: r.Tenant, Recipient: r.Address.String(), Status: r.Status, Reply: said, Text: said.Text})
		}
		o.Attempts = []mail.Attempt{a}
		if err := st.Settle(t.Context(), c.Lease, o); err != nil {
			t.Fatal(err)
		}
	}
	l := newLog(st)
	read := func(sc scope.Scope) map[string]string {
		out := map[string]string{}
		page, err := l.Find(t.Context(), sc, Query{})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Rows {
			out["row"] += fmt.Sprintf("%s %v", r.Recipient.Last, r.Text("reply"))
			out["message of row"] += r.Message.Recipients[0].Last.String()
		}
		if err := l.Each(t.Context(), sc, query.Filter{}, func(r store.Row) error {
			out["each"] += r.Recipient.Last.String()
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		shown, err := l.Show(t.Context(), sc, m.ID.String())
		if err != nil {
			t.Fatal(err)
		}
		out["shown"] = shown.Message.Recipients[0].Last.String()
		x, err := l.Explain(t.Context(), sc, m.ID.String()+".1")
		if err != nil {
			t.Fatal(err)
		}
		out["explained"] = fmt.Sprintf("%+v %s", x.Recipients, x.Message.Recipients[0].Last)
		for _, e := range x.Events {
			if e.Reply != nil {
				out["event explained"] += e.Reply.Text + e.Text
			}
		}
		es, err := l.Events(t.Context(), sc, m.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range es {
			if e.Reply != nil {
				out["event"] += e.Reply.Text + e.Text
			}
		}
		log, err := l.Attempted(t.Context(), sc, Query{})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range log.Rows {
			out["delivery"] += d.Result().Reply.Text + d.Recipient.Last.Text
		}
		return out
	}
	theirs, all := read(scope.Domain("anna", "acme.test")), read(admin)
	if len(theirs) != len(all) || len(all) != 8 {
		t.Errorf("%d and %d places", len(theirs), len(all))
	}
	for where, text := range all {
		if !strings.Contains(text, "<B@beta.test>") && where != "explained" {
			t.Errorf("%s: an administrator reads %q", where, text)
		}
		got := theirs[where]
		if strings.Contains(strings.ToLower(got), "beta.test") || !strings.Contains(got, "over quota") {
			t.Errorf("%s: another tenant reads %q", where, got)
		}
	}
}
