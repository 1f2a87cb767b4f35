package testclient

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mailweir/weir/gateway/internal/smtpc/smtptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRead(t *testing.T) {
	for _, tc := range []struct {
		name, file, from string
		to               []string
		wantFrom, wantTo string
		body             string // "" is not looked at
		err              string
	}{
		{name: "headers", file: "From: Ann <ann@a.test>\nTo: b@b.test,\n \"C, D\" <c@b.test>\nCc: d@b.test\n\nhi\n",
			wantFrom: "ann@a.test", wantTo: "b@b.test c@b.test d@b.test",
			body: "From: Ann <ann@a.test>\r\nTo: b@b.test,\r\n \"C, D\" <c@b.test>\r\nCc: d@b.test\r\n\r\nhi\r\n"},
		{name: "envelope headers are taken off", file: "X-Envelope-From: <bounce@a.test>\r\nFrom: ann@a.test\r\nx-envelope-to: x@b.test y@b.test\r\nX-Envelope-To: z@b.test\r\nTo: b@b.test\r\n\r\nhi\r\n",
			wantFrom: "bounce@a.test", wantTo: "x@b.test y@b.test z@b.test", body: "From: ann@a.test\r\nTo: b@b.test\r\n\r\nhi\r\n"},
		{name: "arguments win", file: "From: ann@a.test\nTo: b@b.test\n\n", from: "x@x.test", to: []string{"<y@y.test>"}, wantFrom: "x@x.test", wantTo: "y@y.test"},
		{name: "null sender", file: "From: ann@a.test\nTo: b@b.test\n\n", from: "<>", wantFrom: "", wantTo: "b@b.test"},
		{name: "null sender in the file", file: "X-Envelope-From: <>\nTo: b@b.test\n\n", wantFrom: "", wantTo: "b@b.test"},
		{name: "quoted local part", file: "From: \"a b\"@a.test\nTo: b@b.test\n\n", wantFrom: `"a b"@a.test`, wantTo: "b@b.test"},
		{name: "no body", file: "From: ann@a.test\nTo: b@b.test", wantFrom: "ann@a.test", wantTo: "b@b.test", body: "From: ann@a.test\r\nTo: b@b.test"},
		{name: "no sender", file: "To: b@b.test\n\n", err: "--from"},
		{name: "no recipient", file: "From: a@a.test\n\n", err: "--to"},
		{name: "bad recipient", file: "From: a@a.test\n\n", to: []string{"nonsense"}, err: `recipient "nonsense"`},
		{name: "empty", file: "", err: "--from"},
	} {
		m, err := Read([]byte(tc.file), tc.from, tc.to)
		if tc.err != "" {
			if err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%s: %v", tc.name, err)
			}
			continue
		}
		var to []string
		for _, a := range m.To {
			to = append(to, a.String())
		}
		if err != nil || m.From.String() != tc.wantFrom || strings.Join(to, " ") != tc.wantTo || (tc.body != "" && string(m.Body) != tc.body) {
			t.Errorf("%s: from %s to %v body %q, %v", tc.name, m.From, to, m.Body, err)
		}
	}
}

func read(t *testing.T, file string) *Message {
	t.Helper()
	m, err := Read([]byte(file), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

const sample = "From: a@a.test\nTo: b@b.test\nSubject: x\n\n.hello\n"

func TestSend_shows_the_dialogue(t *testing.T) {
	p := smtptest.Start(t, smtptest.Script{})
	var out strings.Builder
	if _, err := Send(t.Context(), read(t, sample), Options{Server: p.Addr, Helo: "me.test", Out: &out}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"-- connecting to 127.0.0.1:", "S: 220 fake ESMTP\n", "C: EHLO me.test\n", "C: RCPT TO:<b@b.test>\n", "C: .\nS: 250 2.0.0 taken as 1\nC: QUIT\nS: 221 bye\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
	got := p.Messages()[0].Body
	if !strings.HasSuffix(got, "From: a@a.test\r\nTo: b@b.test\r\nSubject: x\r\n\r\n.hello\r\n") || !strings.HasPrefix(got, "Date: ") || !strings.Contains(got, "\r\nMessage-ID: <") {
		t.Errorf("%q", got)
	}
}

func TestSend_tells_refusals_and_breakage(t *testing.T) {
	for name, s := range map[string]smtptest.Script{
		"rcpt": {Reply: map[string]string{"RCPT": "550 no"}}, "mail": {Reply: map[string]string{"MAIL": "451 no"}},
		"data": {Reply: map[string]string{"DATA": "554 no"}}, "dot": {Reply: map[string]string{"DOT": "451 no"}},
	} {
		p := smtptest.Start(t, s)
		if _, err := Send(t.Context(), read(t, sample), Options{Server: p.Addr, Helo: "me.test"}); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := Send(t.Context(), read(t, sample), Options{Server: smtptest.Closed(t), Helo: "me.test"})
	if err == nil || errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("%v", err)
	}
}

func TestEight_bit_is_declared(t *testing.T) {
	p := smtptest.Start(t, smtptest.Script{Ext: []string{"8BITMIME", "SMTPUTF8"}})
	m := read(t, "From: a@a.test\nTo: b@b.test\nSubject: grüße\n\nhi\n")
	if _, err := Send(t.Context(), m, Options{Server: p.Addr, Helo: "me.test"}); err != nil {
		t.Fatal(err)
	}
	if l := p.Lines()[1]; l != "MAIL FROM:<a@a.test> BODY=8BITMIME SMTPUTF8" {
		t.Errorf("%s", l)
	}
}

func TestRepeat(t *testing.T) {
	n := 0
	p := smtptest.Start(t, smtptest.Script{Ext: []string{"PIPELINING"}, After: 30, Rcpt: func(string) string { return "" }})
	m := read(t, sample)
	sum := Repeat(t.Context(), m, Options{Server: p.Addr, Helo: "me.test"}, 100, 4)
	// A session that was closed with 421 counts that message as refused and goes on.
	for range p.Messages() {
		n++
	}
	if sum.Messages != 100 || sum.Accepted != n || sum.Answers["250"] != n || n < 90 {
		t.Errorf("%+v, %d arrived", sum, n)
	}
	ids := map[string]bool{}
	for _, m := range p.Messages() {
		_, id, _ := strings.Cut(m.Body, "Message-ID: ")
		id, _, _ = strings.Cut(id, "\r\n")
		ids[id] = true
	}
	if len(ids) != n {
		t.Errorf("%d different messages of %d", len(ids), n)
	}
	p.Set(smtptest.Script{Reply: map[string]string{"DOT": "451 4.3.0 later id 17"}})
	sum = Repeat(t.Context(), m, Options{Server: p.Addr, Helo: "me.test"}, 10, 2)
	var out strings.Builder
	sum.Write(&out)
	b, err := json.Marshal(sum)
	if err != nil || !strings.Contains(string(b), `"messages":10`) || !strings.Contains(string(b), `"answers":{"451 4.3.0":10}`) || !strings.Contains(string(b), `"p50_ms":`) {
		t.Errorf("%s %v", b, err)
	}
	if sum.Accepted != 0 || sum.Answers["451 4.3.0"] != 10 || !strings.Contains(out.String(), "10  451 4.3.0  later id 17\n") {
		t.Errorf("%+v\n%s", sum, &out)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if sum = Repeat(ctx, m, Options{Server: p.Addr, Helo: "me.test", Timeout: time.Second}, 10, 2); sum.Messages != 0 {
		t.Errorf("%+v", sum)
	}
}
