package journal

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

// TestB109_reasons_stand_out: each recipient that is not delivered has a mark.
func TestB109_reasons_stand_out(t *testing.T) {
	for _, c := range []struct {
		name string
		r    store.Recipient
		want string
	}{
		{"B110_queued_no_attempt_failed_yet", store.Recipient{Status: mail.StatusQueued}, MarkQueued},
		{"B110_accepted", store.Recipient{Status: mail.StatusAccepted}, MarkQueued},
		{"B111_deferring", store.Recipient{Status: mail.StatusQueued, Failures: 1}, MarkDeferring},
		{"B112_failed", store.Recipient{Status: mail.StatusBounced}, MarkFailed},
		{"B112_failed_without_notice", store.Recipient{Status: mail.StatusDeliveryFailed}, MarkFailed},
		{"B112_expired", store.Recipient{Status: mail.StatusQueueExpired}, MarkFailed},
		{"B112_frozen", store.Recipient{Status: mail.StatusQueueFrozen}, MarkFailed},
		{"B113_deep_filtered", store.Recipient{Status: mail.StatusAccepted, Hold: &store.Hold{}}, MarkFiltering},
		{"delivered", store.Recipient{Status: mail.StatusDelivered}, ""},
		{"released", store.Recipient{Status: mail.StatusReleased}, ""},
		{"removed", store.Recipient{Status: mail.StatusQueueRemoved}, ""},
		{"quarantined", store.Recipient{Status: mail.StatusQuarantined}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Mark(&c.r); got != c.want {
				t.Errorf("mark %q, want %q", got, c.want)
			}
		})
	}
}

// tried is a message of three recipients with attempts at two hosts, twice.
func tried(t *testing.T) (*store.Message, []mail.Attempt) {
	t.Helper()
	m := &store.Message{ID: mail.NewID(t0), Sender: addr(t, "x@far.test")}
	for i, a := range []string{"a@acme.test", "b@acme.test", "c@acme.test"} {
		m.Recipients = append(m.Recipients, store.Recipient{N: i + 1, Address: addr(t, a)})
	}
	slow := mail.RcptReply{Reply: *mail.NewReply(451, "4.4.1", "connection timed out")}
	later := func(n int) mail.RcptReply {
		return mail.RcptReply{N: n, Reply: *mail.NewReply(450, "4.2.0", "try later"), Remote: true}
	}
	as := []mail.Attempt{
		{K: 1, Start: t0, Host: "mx1.acme.test", Addr: "192.0.2.1:25", Outcome: []mail.RcptReply{
			{N: 1, Reply: *mail.NewReply(250, "2.0.0", "Ok"), Remote: true},
			{N: 2, Reply: *mail.NewReply(550, "5.1.1", "No such user"), Remote: true}, later(3)}},
		{K: 2, Start: t0.Add(time.Second), Host: "mx2.acme.test", Addr: "192.0.2.2:25", Outcome: []mail.RcptReply{{N: 3, Reply: slow.Reply}}},
		{K: 3, Start: t0.Add(time.Hour), Host: "mx1.acme.test", Addr: "192.0.2.1:25", Outcome: []mail.RcptReply{later(3)}},
		{K: 4, Start: t0.Add(time.Hour + time.Second), Host: "mx2.acme.test", Addr: "192.0.2.2:25", Outcome: []mail.RcptReply{{N: 3, Reply: slow.Reply}}},
	}
	return m, as
}

func outcomes(as []Attempt) string {
	var out []string
	for _, a := range as {
		for _, r := range a.Results {
			out = append(out, r.Recipient[:1]+" "+r.Outcome)
		}
	}
	return strings.Join(out, ", ")
}

// TestB116_to_B119_outcomes: sent, deferred, bounced, and expired for the one
// attempt at whose end the recipient's time was over.
func TestB116_sent_B117_deferred_B118_bounced_B119_expired(t *testing.T) {
	m, as := tried(t)
	got := Attempts(m, as, nil)
	if o := outcomes(got); o != "a sent, b bounced, c deferred, c deferred, c deferred, c deferred" {
		t.Error(o)
	}
	over := mail.Event{Type: mail.EventExpiration, N: 3, Attempt: 3, At: t0.Add(2 * time.Hour)}
	if o := outcomes(Attempts(m, as, []mail.Event{over})); o != "a sent, b bounced, c deferred, c deferred, c deferred, c expired" {
		t.Error(o)
	}
	// It was queued again later (B132), and tried: those are no part of it.
	again := append(slices.Clone(as), mail.Attempt{K: 5, Start: t0.Add(5 * time.Hour), Outcome: []mail.RcptReply{as[3].Outcome[0]}})
	if o := outcomes(Attempts(m, again, []mail.Event{over})); !strings.HasSuffix(o, "c deferred, c expired, c deferred") {
		t.Error(o)
	}
	// An operator's bounce is no expiry, nor is an expiry without an attempt.
	for _, e := range []mail.Event{{Type: mail.EventAdminBounce, N: 3, Attempt: 3, At: over.At}, {Type: mail.EventExpiration, N: 3, At: over.At}} {
		if o := outcomes(Attempts(m, as, []mail.Event{e})); strings.Contains(o, Expired) {
			t.Error(o)
		}
	}
}

// TestB93_attempts_name_who_was_tried: an operator gives a recipient another
// address; what was tried before stays as it was.
func TestB93_attempts_name_who_was_tried(t *testing.T) {
	m, as := tried(t)
	m.Recipients[2].Address, m.Recipients[2].Former = addr(t, "z@acme.test"), []store.Former{{Address: addr(t, "c@acme.test"), Until: t0.Add(time.Minute)}}
	if o := outcomes(Attempts(m, as, nil)); o != "a sent, b bounced, c deferred, c deferred, z deferred, z deferred" {
		t.Error(o)
	}
}

// TestB121_literal_response: the answer is the destination's, word by word,
// and where it gave none, that is said (B122).
func TestB121_literal_response(t *testing.T) {
	m, as := tried(t)
	got := Attempts(m, as, nil)
	if r := got[0].Results[1]; r.Reply.String() != "550 5.1.1 No such user" || !r.Remote || r.Meaning == nil || r.Meaning.Key != "no-such-user" {
		t.Errorf("%+v", r)
	}
	if r := got[1].Results[0]; r.Reply.Text != "connection timed out" || r.Remote || r.Meaning == nil || r.Meaning.Key != "timed-out" {
		t.Errorf("%+v", r)
	}
	if got[0].Host != "mx1.acme.test" || got[0].Addr != "192.0.2.1:25" || got[0].Results[0].Meaning != nil {
		t.Errorf("%+v", got[0])
	}
}

func TestB115_key_lines(t *testing.T) {
	lines := func(s string) string {
		all := strings.Split(s, "\n")
		var out []string
		for _, i := range KeyLines(s) {
			out = append(out, all[i])
		}
		return strings.Join(out, "|")
	}
	for _, c := range []struct{ name, transcript, want string }{
		{"taken", "* connecting to 192.0.2.1:25\n< 220 hi\n> EHLO a\n< 250 b\n> MAIL FROM:<>\n> RCPT TO:<x@y.test>\n> DATA\n< 250 ok\n< 250 ok\n< 354 go\n* 12 bytes of message\n> .\n< 250 2.0.0 queued as 7\n> QUIT\n< 221 bye\n",
			"< 250 2.0.0 queued as 7"},
		{"refused", "< 220 hi\n> RCPT TO:<x@y.test>\n< 550-5.1.1 no\n< 550 5.1.1 such user\n> RSET\n< 250 ok\n", "< 550-5.1.1 no|< 550 5.1.1 such user"},
		{"put_off_at_the_dot", "> .\n< 451 4.3.0 later\n", "< 451 4.3.0 later"},
		{"unreachable", "* connecting to 192.0.2.1:25\n* connection timed out\n", "* connection timed out"},
		{"tls", "* TLS1.3 TLS_AES_128_GCM_SHA256\n< 250 a\n", ""},
		{"cut", "< 220 a\n* 7 lines left out\n> .\n* the answer to the final dot was lost: the message may have been delivered\n", "* the answer to the final dot was lost: the message may have been delivered"},
		{"none", "", ""},
	} {
		if got := lines(c.transcript); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestDeliveries: oldest first, from the real store, with the meaning of each
// answer.
func TestB115_latest_last(t *testing.T) {
	st := open(t)
	m := attempted(t, st)
	l := newLog(st)
	got, err := l.Deliveries(t.Context(), admin, m.ID)
	if err != nil || len(got) == 0 {
		t.Fatal(got, err)
	}
	for i, a := range got {
		if i > 0 && a.K <= got[i-1].K || len(a.Results) == 0 || a.Results[0].Meaning == nil || len(a.Key) == 0 {
			t.Errorf("%+v", a)
		}
	}
	if _, err := l.Deliveries(t.Context(), scope.Domain("eve", "eve.test"), m.ID); err == nil {
		t.Error("another tenant reads it")
	}
}

// TestOriginalRecipientsStayHidden: the xtext of an ORCPT names its owner too.
func TestOriginalRecipientsStayHidden(t *testing.T) {
	whole := &store.Message{Recipients: []store.Recipient{
		{N: 1, Address: addr(t, "a@acme.test")},
		{N: 2, Address: addr(t, "b+x@beta.test"), DSN: mail.RcptParams{ORcpt: "rfc822;secret+list@beta.test"}},
	}}
	seen := &store.Message{Recipients: whole.Recipients[:1]}
	a, ok := newRedactor(whole, seen).attempt(mail.Attempt{
		Recipients: []int{1, 2},
		Outcome:    []mail.RcptReply{{N: 1, Reply: mail.Reply{Code: 250, Text: "for b+x@beta.test too"}}, {N: 2}},
		Transcript: "> RCPT TO:<a@acme.test>\n> RCPT TO:<b+x@beta.test> ORCPT=rfc822;secret+2Blist@beta.test\n< 250 b+2Bx@beta.test\n",
	})
	all := a.Transcript + a.Outcome[0].Reply.Text
	if !ok || strings.Contains(all, "beta.test") || !strings.Contains(all, "a@acme.test") {
		t.Errorf("%q", all)
	}
}
