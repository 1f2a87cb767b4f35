package nettools

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/deliver"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/smtpc"
	"github.com/mailweir/weir/gateway/internal/smtpc/smtptest"
)

func (r *rig) smtp(o SMTPOrder) []SMTPTest {
	r.Helper()
	tests, err := r.SMTP(r.Context(), admin, o)
	if err != nil {
		r.Fatal(err)
	}
	return tests
}

// summary is a test in one line: each recipient's answer, and the visits.
func summary(tests []SMTPTest) string {
	var out []string
	for _, s := range tests {
		for i, to := range s.Recipients {
			out = append(out, fmt.Sprintf("%s: %s", to, s.Answers[i]))
		}
		if s.Refused != nil {
			out = append(out, "refused "+s.Refused.String())
		}
		for _, v := range s.Visits {
			out = append(out, strings.TrimSpace("at "+v.Host+" "+v.Stage))
		}
	}
	return strings.Join(out, "; ")
}

// TestB45_dialogue_of_a_message is what a delivery begins with, by a message's own envelope,
// and nothing is sent.
func TestB45_dialogue_of_a_message(t *testing.T) {
	r := newRig(t, "", nil)
	id := r.message(mail.Inbound, "acme", "ann@partner.test", "bob@acme.test", "eve@acme.test")
	tests, err := r.SMTP(t.Context(), acmes, SMTPOrder{Message: id})
	if err != nil {
		t.Fatal(err)
	}
	if a := tests[0].Answers; len(tests) != 1 || a[0].Code != 250 || a[1].String() != "550 5.1.1 <eve@acme.test>: no such user" {
		t.Error(summary(tests))
	}
	d := tests[0].Visits[0].Dialogue
	for _, want := range []string{"* connecting to 127.0.0.1:", "\n< 220 ", "\n> EHLO mx.weir.test\n", "\n> MAIL FROM:<ann@partner.test>", "\n> RCPT TO:<bob@acme.test>\n", "\n> RCPT TO:<eve@acme.test>\n", "\n< 550 5.1.1 <eve@acme.test>: no such user\n", "\n> RSET\n", "* stopped before DATA", "\n> QUIT\n"} {
		if !strings.Contains(d, want) {
			t.Errorf("no %q in\n%s", want, d)
		}
	}
	if got(r.acme, "DATA") || len(r.acme.Messages()) > 0 {
		t.Error("it did not stop before DATA")
	}
}

// TestB45_addresses: those with one way go together; what the table refuses
// calls nobody.
func TestB45_addresses(t *testing.T) {
	r := newRig(t, "", nil)
	tests := r.smtp(SMTPOrder{From: "bob@acme.test", To: []string{"ann@partner.test", "bob@beta.test", "eve@partner.test", "x@gone.test"}})
	if len(tests) != 3 || len(tests[0].Recipients) != 2 || tests[0].Route != "route:partner" || tests[1].NextHop != r.beta.Addr || tests[2].Refused.Code != 550 {
		t.Errorf("%+v", tests)
	}
	if !got(r.partner, "MAIL FROM:<bob@acme.test>") || r.partner.Accepted() != 1 || r.beta.Accepted() != 1 || r.acme.Accepted() != 0 {
		t.Error(r.partner.Lines(), r.beta.Lines())
	}
}

// TestB45_next_host_as_a_delivery_would: a host that cannot be reached, or
// defers, leads to the next one; a 5yz is an answer (B102).
func TestB45_next_host_as_a_delivery_would(t *testing.T) {
	r := newRig(t, "", nil)
	slow := smtptest.Start(t, smtptest.Script{Rcpt: func(string) string { return "451 4.3.0 later" }})
	last := smtptest.Start(t, smtptest.Script{})
	r.setHosts(smtptest.Closed(t), slow.Addr, r.acme.Addr, last.Addr)
	tests := r.smtp(SMTPOrder{To: []string{"eve@acme.test"}})
	if s := summary(tests); !strings.HasPrefix(s, "eve@acme.test: 550 5.1.1") || len(tests[0].Visits) != 3 || tests[0].Visits[0].Stage != "connect" || last.Accepted() > 0 {
		t.Error(s)
	}
	if tests = r.smtp(SMTPOrder{To: []string{"eve@acme.test"}, All: true}); len(tests[0].Visits) != 4 || last.Accepted() != 1 {
		t.Error(summary(tests))
	}
}

// setHosts makes these the hosts of acme, by way of the engine's look-up.
func (r *rig) setHosts(hosts ...string) {
	e := r.Engine
	r.Engine = hostsOf{e, hosts}
}

// hostsOf is an engine whose look-ups find other hosts.
type hostsOf struct {
	Engine
	hosts []string
}

func (h hostsOf) Lookup(ctx context.Context, r deliver.Route) ([]deliver.HostView, *mail.Reply) {
	r.Hosts = h.hosts
	return h.Engine.Lookup(ctx, r)
}

// TestB45_stages: where a dialogue breaks off, and in whose words.
func TestB45_stages(t *testing.T) {
	for _, tc := range []struct {
		name   string
		script smtptest.Script
		stage  smtpc.Stage
		want   string
	}{
		{"greeting", smtptest.Script{Greeting: "554 5.7.1 your address is listed"}, smtpc.StageGreeting, "554 5.7.1 your address is listed"},
		{"ehlo", smtptest.Script{Reply: map[string]string{"EHLO": "550 no", "HELO": "550 5.7.1 no"}}, smtpc.StageEHLO, "550 5.7.1 no"},
		{"mail", smtptest.Script{Reply: map[string]string{"MAIL": "550 5.7.1 sender refused"}}, smtpc.StageMail, "550 5.7.1 sender refused"},
		{"garbage", smtptest.Script{Greeting: smtptest.Garbage}, smtpc.StageGreeting, "451 4.5.0 the host does not speak SMTP"},
		{"close", smtptest.Script{Reply: map[string]string{"RCPT": smtptest.Close}}, smtpc.StageRcpt, "451 4.4.2 the host closed the connection before the answer to RCPT"},
		{"hang", smtptest.Script{Reply: map[string]string{"MAIL": smtptest.Hang}}, smtpc.StageMail, "451 4.4.2 timed out waiting for the answer to MAIL"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, "", func(o *Options, _ *deliver.Options) { o.Timeouts.Mail = 300 * time.Millisecond })
			r.acme.Set(tc.script)
			s := r.smtp(SMTPOrder{To: []string{"bob@acme.test"}})[0]
			v := s.Visits[0]
			if v.Stage != string(tc.stage) || v.Failed.String() != tc.want || s.Answers[0] != nil && s.Answers[0] != v.Failed {
				t.Errorf("%+v %s, answer %v\n%s", v.Stage, v.Failed, s.Answers[0], v.Dialogue)
			}
		})
	}
}

// TestB45_test_message is sent only when asked for, is well-formed, and says
// what it is.
func TestB45_test_message(t *testing.T) {
	r := newRig(t, "", nil)
	s := r.smtp(SMTPOrder{To: []string{"bob@acme.test", "eve@acme.test"}, Send: true})[0]
	ms := r.acme.Messages()
	if !s.Sent || len(ms) != 1 || ms[0].From != "" || len(ms[0].To) != 1 || s.Answers[0].Code != 250 || s.Answers[1].Code != 550 {
		t.Fatalf("%s, %+v", summary([]SMTPTest{s}), ms)
	}
	for _, want := range []string{"From: postmaster@mx.weir.test", "To: bob@acme.test", "Message-ID: " + s.MessageID, "Auto-Submitted: auto-generated", "Subject: Test message"} {
		if !strings.Contains(ms[0].Body, want) {
			t.Errorf("no %q in\n%s", want, ms[0].Body)
		}
	}
	if _, err := r.SMTP(t.Context(), admin, SMTPOrder{To: []string{"bob@acme.test"}, Send: true, TLS: "none"}); err == nil {
		t.Error("sent over a channel that the order chose")
	}
	if _, err := r.SMTP(t.Context(), acmes, SMTPOrder{To: []string{"bob@acme.test"}, Send: true}); err != nil {
		t.Error(err)
	}
}

// TestB45_host: administrators may name a host; credentials of the route stay
// with the hosts they were written with.
func TestB45_host(t *testing.T) {
	conf, _ := smtptest.Certificate(t, "127.0.0.1")
	login := smtptest.Script{Ext: []string{"STARTTLS", "AUTH LOGIN"}, TLS: conf, Login: "dXNlcg== c2VjcmV0"}
	r := newRig(t, "", nil, func(s string) string {
		return strings.Replace(s, `route "partner" {`, "route \"partner\" {\n  tls = \"required\"\n  auth {\n    user = \"user\"\n    password = \"secret\"\n  }\n", 1)
	})
	r.partner.Set(login)
	mine := smtptest.Start(t, login)
	s := r.smtp(SMTPOrder{To: []string{"ann@partner.test"}})[0]
	if !got(r.partner, "AUTH") || s.Answers[0] == nil || s.Answers[0].Code != 250 || strings.Contains(s.Visits[0].Dialogue, "c2VjcmV0") || !strings.Contains(s.Visits[0].Dialogue, "redacted") {
		t.Errorf("%s\n%s", summary([]SMTPTest{s}), s.Visits[0].Dialogue)
	}
	if s = r.smtp(SMTPOrder{To: []string{"ann@partner.test"}, Host: mine.Addr})[0]; s.Visits[0].Host != "127.0.0.1" || mine.Accepted() != 1 || got(mine, "AUTH") {
		t.Errorf("%s, %v", summary([]SMTPTest{s}), mine.Lines())
	}
	n := len(r.partner.Lines())
	r.smtp(SMTPOrder{To: []string{"ann@partner.test"}, TLS: "opportunistic"}) // less than the route demands
	for _, l := range r.partner.Lines()[n:] {
		if strings.HasPrefix(l, "AUTH") {
			t.Error("credentials went over a channel they were not written for")
		}
	}
}

// TestB45_credentials_with_TLS_in_words: asking for what the route demands anyway
// is no reason to believe the names of mail servers that anybody may have forged.
func TestB45_credentials_with_TLS_in_words(t *testing.T) {
	ca := smtptest.NewCA(t, "root")
	conf, _ := ca.Issue(t, smtptest.Leaf{Names: []string{"mx.thief.test"}})
	script := smtptest.Script{Ext: []string{"STARTTLS", "AUTH LOGIN"}, TLS: conf, Login: "dXNlcg== c2VjcmV0"}
	thief := smtptest.Start(t, script)
	_, port, _ := strings.Cut(thief.Addr, ":")
	r := newRig(t, "relay.test. MX 10 mx.thief.test.\nmx.thief.test. A 127.0.0.1", func(o *Options, e *deliver.Options) { o.Roots, e.Roots = ca.Pool(), ca.Pool() },
		func(s string) string {
			relay := "mx = \"relay.test\"\n  port = " + port + "\n  tls = \"verified\"\n  auth {\n    user = \"user\"\n    password = \"secret\"\n  }\n}\n"
			return strings.Replace(s, `route "partner" {`, "route \"partner\" {\n  "+relay+`route "before" {`, 1)
		})
	for _, tls := range []string{"", "verified", "required"} {
		s := r.smtp(SMTPOrder{To: []string{"ann@partner.test"}, TLS: tls})[0]
		if len(s.Visits) != 1 || got(thief, "AUTH") {
			t.Errorf("%q: %s\n%s", tls, summary([]SMTPTest{s}), s.Visits[0].Dialogue)
		}
	}
}

// TestB45_calls_of_a_host_are_rationed, whoever orders them.
func TestB45_calls_of_a_host_are_rationed(t *testing.T) {
	r := newRig(t, "", nil)
	var err error
	n := 0
	for ; err == nil && n < 50; n++ {
		sc := admin
		sc.Actor = fmt.Sprint(n)
		_, err = r.SMTP(t.Context(), sc, SMTPOrder{To: []string{"bob@acme.test"}})
	}
	if n != 11 || r.acme.Accepted() != 10 {
		t.Errorf("%d, %v, %d connections", n, err, r.acme.Accepted())
	}
}
