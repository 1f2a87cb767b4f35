package flow_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/gateway/internal/flow"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/sdk/abi"
)

// ranOn is what the record holds of the filters that ran on a recipient.
func ranOn(r *store.Recipient) string {
	var out []string
	for _, f := range r.Filters {
		text := f.Filter + "/" + f.Plugin + "@" + f.Digest
		for _, s := range f.Stages {
			text += fmt.Sprintf(" %s=%dus", s.Stage, s.Micros)
			if s.Outcome != "" {
				text += ":" + s.Outcome
			}
		}
		out = append(out, text)
	}
	return strings.Join(out, "; ")
}

// TestWhatRanIsRecorded: for each recipient what ran for it and for no other
// tenant's, the listener's stages first; for those that were refused and for a
// message that never came, too; and a second judgement replaces what the first
// did at the message, and nothing before it.
func TestWhatRanIsRecorded(t *testing.T) {
	t.Parallel()
	const head = "all.told/told@0123456789abcdef"
	stages := []abi.Stage{abi.StageMailFrom, abi.StageRcptTo, abi.StageMessage}
	fs := &told{stages: stages, say: func(_ context.Context, ev *abi.Event, v *abi.Verdict) error {
		switch {
		case ev.Stage == abi.StageRcptTo && strings.HasPrefix(ev.Recipient, "no@"):
			finds(v, "odd", abi.ActionReject)
		case ev.Stage == abi.StageMessage && ev.Tenant == "beta":
			return failed(ev, filter.Stall)
		case ev.Stage == abi.StageMessage && strings.HasPrefix(ev.Sender, "hold"):
			finds(v, "odd", abi.ActionStall)
		}
		return nil
	}}
	const acts = `action "odd" {
    when = finding.sub == "odd"
    do   = reject(550, "5.7.1", "odd")
  }`
	dest := destination(t, "accept")
	r := newRig(t, fs, base("rulesets = [ruleset.all]", acts, tenant("acme", dest, ""), tenant("beta", dest, "")), nil)

	tx := r.open(mail.Inbound)
	if err := tx.Mail(t.Context(), addr(t, "s@client.test"), mail.MailParams{}); err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{"a@acme.test", "no@acme.test", "b@acme.test", "c@beta.test"} {
		if err := tx.Rcpt(t.Context(), addr(t, to), mail.RcptParams{}); (err != nil) != strings.HasPrefix(to, "no@") {
			t.Fatalf("%s: %v", to, err)
		}
	}
	m, err := tx.Data(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Write([]byte(plainMail)); err != nil {
		t.Fatal(err)
	}
	m.Commit(t.Context())
	taken := r.get(flow.LastID(tx))
	for i, want := range []string{
		head + " mail_from=1500us mail_from=1500us rcpt_to=1500us message=1500us", // the listener's, the tenant's
		head + " mail_from=1500us mail_from=1500us rcpt_to=1500us message=1500us",
		head + " mail_from=1500us mail_from=1500us rcpt_to=1500us message=1500us:failed",
		head + " mail_from=1500us mail_from=1500us rcpt_to=1500us:reject",
	} {
		if got := ranOn(&taken.Recipients[i]); got != want {
			t.Errorf("%s: %s, want %s", taken.Recipients[i].Address, got, want)
		}
	}
	row := store.Row{Message: taken, Recipient: &taken.Recipients[0]}
	if ms, ok := row.Num("filter_time"); !ok || ms != 6 || row.Text("plugin")[0] != "told" || row.Text("plugin_digest")[0] != "0123456789abcdef" {
		t.Errorf("%v ms, %v", ms, row.Text("plugin"))
	}

	o := r.rejudge(&store.Message{ID: taken.ID, Direction: taken.Direction, Received: taken.Received, Client: taken.Client, Sender: taken.Sender, Recipients: taken.Recipients[2:3]})
	if got, want := ranOn(&o.Recipients[0]), head+" mail_from=1500us mail_from=1500us rcpt_to=1500us message=1500us:failed"; got != want {
		t.Errorf("again: %s, want %s", got, want)
	}

	if err := tx.Mail(t.Context(), addr(t, "gone@client.test"), mail.MailParams{}); err != nil {
		t.Fatal(err)
	}
	if err := tx.Rcpt(t.Context(), addr(t, "a@acme.test"), mail.RcptParams{}); err != nil {
		t.Fatal(err)
	}
	id := flow.LastID(tx)
	tx.Reset()
	gone := r.get(id)
	if got, want := ranOn(&gone.Recipients[0]), head+" mail_from=1500us mail_from=1500us rcpt_to=1500us"; got != want || gone.Recipients[0].Status != mail.StatusNotAccepted {
		t.Errorf("a client that left: %s, want %s", got, want)
	}
}
