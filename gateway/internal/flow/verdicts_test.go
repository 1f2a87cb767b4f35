package flow_test

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/flow"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/smtpd"
	"github.com/mailweir/weir/sdk/abi"
)

// outcome runs a session until something says no, and tells where that was and
// with what, or what has become of the message.
func (r *rig) outcome() string {
	r.t.Helper()
	ctx := r.t.Context()
	tx, err := r.f.Connect(ctx, &smtpd.Peer{Listener: "mx", Direction: mail.Inbound, Remote: netip.MustParseAddrPort("127.0.0.1:999"), Helo: "client.test", ESMTP: true, Session: "s"})
	if s := refusedAs("connect", err); s != "" {
		return s
	}
	defer tx.Close(nil)
	if s := refusedAs("helo", tx.Helo(ctx)); s != "" {
		return s
	}
	if s := refusedAs("mail", tx.Mail(ctx, addr(r.t, "s@client.test"), mail.MailParams{})); s != "" {
		return s
	}
	if s := refusedAs("rcpt", tx.Rcpt(ctx, addr(r.t, "a@acme.test"), mail.RcptParams{})); s != "" {
		return s
	}
	m, err := tx.Data(ctx)
	if s := refusedAs("data", err); s != "" {
		return s
	}
	if _, err := io.WriteString(m, plainMail); err != nil {
		r.t.Fatal(err)
	}
	reply := m.Commit(ctx)
	x := r.get(flow.LastID(tx)).Recipients[0]
	end := ""
	if m.(smtpd.Ender).Ends() {
		end = ", the end"
	}
	return fmt.Sprintf("%d %s %s%s", reply.Code, x.Address, x.Status, end)
}

func refusedAs(where string, err error) string {
	if err == nil {
		return ""
	}
	reply, ok := mail.AsReply(err)
	if !ok {
		return where + " " + err.Error()
	}
	return fmt.Sprintf("%s %d", where, reply.Code)
}

// TestEveryActionAtEveryStage is the table of what an action means at a
// stage, in a tenant's chain and in a listener's (plugin host: verdict;
// architecture: a message's life).
func TestEveryActionAtEveryStage(t *testing.T) {
	t.Parallel()
	// Stages before the message: a tenant's chain hears the first three at the
	// first RCPT, and answers that.
	later := map[abi.Action]string{
		abi.ActionContinue: "250 a@acme.test delivered", abi.ActionAccept: "250 a@acme.test delivered", abi.ActionRedirect: "250 b@acme.test delivered",
		abi.ActionQuarantine: "250 a@acme.test quarantined", abi.ActionStall: "250 a@acme.test stalled", abi.ActionDiscard: "250 a@acme.test blackholed",
	}
	with := func(tempfail, reject, disconnect string) map[abi.Action]string {
		m := map[abi.Action]string{abi.ActionTempfail: tempfail, abi.ActionReject: reject, abi.ActionDisconnect: disconnect}
		for a, s := range later {
			m[a] = s
		}
		return m
	}
	rcpt := with("rcpt 451", "rcpt 550", "rcpt 421")
	message := with("451 a@acme.test not-accepted", "550 a@acme.test rejected", "554 a@acme.test rejected, the end")
	tables := map[string]map[abi.Stage]map[abi.Action]string{
		"tenant": {
			abi.StageConnect: rcpt, abi.StageHelo: rcpt, abi.StageMailFrom: rcpt, abi.StageRcptTo: rcpt,
			abi.StageData: message, abi.StageHeaders: message, abi.StageMessage: message,
		},
		"listener": {
			abi.StageConnect:  with("connect 421", "connect 550", "connect 421"),
			abi.StageHelo:     with("helo 451", "helo 550", "helo 421"),
			abi.StageMailFrom: with("mail 451", "mail 550", "mail 421"),
			abi.StageData:     with("data 451", "data 550", "data 421"),
		},
	}
	var say func(ev *abi.Event, v *abi.Verdict)
	all := []abi.Stage{abi.StageConnect, abi.StageHelo, abi.StageMailFrom, abi.StageRcptTo, abi.StageData, abi.StageHeaders, abi.StageMessage}
	fs := &told{stages: all, say: func(_ context.Context, ev *abi.Event, v *abi.Verdict) error { say(ev, v); return nil }}
	r := newRig(t, fs, base("rulesets = [ruleset.all]", "", tenant("acme", destination(t, "accept"), "")), nil)
	for whose, table := range tables {
		for stage, row := range table {
			for action, want := range row {
				for _, how := range []string{"verdict", "finding", "recipient"} {
					if how == "recipient" && (whose == "listener" || stage < abi.StageRcptTo || stage == abi.StageData) {
						continue // nobody to name yet
					}
					say = func(ev *abi.Event, v *abi.Verdict) {
						if ev.Stage == stage && (ev.Tenant == "") == (whose == "listener") {
							speak(v, action, how)
						}
					}
					if got := r.outcome(); got != want {
						t.Errorf("%s/%s/%s/%s: %s, want %s", whose, stage, action, how, got, want)
					}
				}
			}
		}
	}
}

// speak puts an action into a verdict in one of three ways.
func speak(v *abi.Verdict, action abi.Action, how string) {
	switch how {
	case "verdict":
		v.Action = action
	case "finding":
		finds(v, "x", action)
	case "recipient":
		v.Recipients = []abi.RecipientAction{{Recipient: "a@acme.test", Action: action}}
	}
	if action != abi.ActionRedirect {
		return
	}
	if how == "recipient" {
		v.Recipients[0].Redirect = "b@acme.test"
	} else {
		v.Redirect = []string{"b@acme.test"}
	}
}

// What filters say at several stages adds up: tags, edits, notes and scores;
// the last route counts.
func TestVerdictsAddUpOverStages(t *testing.T) {
	t.Parallel()
	in := newInbox(t, 0)
	stages := []abi.Stage{abi.StageConnect, abi.StageMailFrom, abi.StageRcptTo, abi.StageData, abi.StageHeaders, abi.StageMessage}
	var notes []string
	fs := &told{stages: stages, say: func(_ context.Context, ev *abi.Event, v *abi.Verdict) error {
		if ev.Stage == abi.StageMessage {
			for _, n := range ev.Notes {
				notes = append(notes, n.Key+"="+n.Value)
			}
		}
		who := "tenant"
		if ev.Tenant == "" {
			who = "listener"
		}
		v.Notes = []abi.Pair{{Key: who + "-" + ev.Stage.String(), Value: "1"}, {Key: "last", Value: ev.Stage.String()}}
		v.Tags = []string{who + "-" + ev.Stage.String()}
		v.Findings = []abi.Finding{{Main: "test", Sub: ev.Stage.String(), Extra: who, Score: 1}}
		if who == "tenant" {
			v.Edits = []abi.HeaderEdit{{Op: abi.HeaderOpAdd, Name: "X-" + ev.Stage.String(), Value: "1"}}
			v.Route = "nowhere"
			if ev.Stage == abi.StageMessage {
				v.Route = "tenant:acme:in"
			}
		}
		return nil
	}}
	r := newRig(t, fs, base("rulesets = [ruleset.all]", "", tenant("acme", in.addr, "")), nil)
	if got := r.outcome(); got != "250 a@acme.test delivered" {
		t.Fatal(got)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, s := range []string{"X-connect: 1\r\n", "X-message: 1\r\n", "X-rcpt_to: 1\r\n"} {
		if len(in.got) != 1 || !contains(in.got[0], s) {
			t.Errorf("no %q in %q", s, in.got)
		}
	}
	want := "[listener-connect=1 last=headers listener-mail_from=1 listener-data=1 tenant-connect=1 tenant-mail_from=1 tenant-rcpt_to=1 tenant-data=1 tenant-headers=1]"
	if got := fmt.Sprint(notes); got != want {
		t.Errorf("notes %s, want %s", got, want)
	}
	rows, _, err := r.st.Search(t.Context(), everything, "", 10)
	if err != nil || len(rows) != 1 {
		t.Fatal(rows, err)
	}
	x := rows[0].Recipient
	if x.Score != 9 || len(x.Tags) != 9 || x.Route != "tenant:acme:in" {
		t.Errorf("score %v, tags %v, route %q", x.Score, x.Tags, x.Route)
	}
}

func contains(s, sub string) bool { return strings.Contains(s, sub) }

var everything = query.Filter{}
