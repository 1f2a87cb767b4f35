package smtpc

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/smtpc/smtptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var pipelining = []string{"PIPELINING", "8BITMIME", "SIZE 1000000"}

func address(t testing.TB, s string) mail.Address {
	t.Helper()
	a, err := mail.ParseAddress(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// quick are timeouts of 100 ms where a test waits for one.
func quick(set func(*Timeouts)) Timeouts {
	d := 30 * time.Second
	t := Timeouts{Connect: d, Greeting: d, EHLO: d, StartTLS: d, Auth: d, Mail: d, Rcpt: d, Data: d, Block: d, Dot: d, Reset: d, Quit: d}
	if set != nil {
		set(&t)
	}
	return t
}

func dial(t *testing.T, o Options) (*Conn, *Transcript, error) {
	t.Helper()
	tr := &Transcript{}
	o.Transcript = tr
	if o.Helo == "" {
		o.Helo = "gw.test"
	}
	if o.Timeouts == (Timeouts{}) {
		o.Timeouts = quick(nil)
	}
	c, err := Dial(t.Context(), o)
	if c != nil {
		t.Cleanup(func() { c.Close() })
	}
	return c, tr, err
}

func mustDial(t *testing.T, o Options) (*Conn, *Transcript) {
	t.Helper()
	c, tr, err := dial(t, o)
	if err != nil {
		t.Fatal(err)
	}
	return c, tr
}

func asError(t *testing.T, err error) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("not an *Error: %v", err)
	}
	return e
}

// send does a whole transaction.
func send(c *Conn, t *testing.T, body string, to ...string) ([]Answer, error) {
	t.Helper()
	e := Envelope{From: address(t, "from@a.test"), Size: int64(len(body))}
	for _, a := range to {
		e.To = append(e.To, address(t, a))
	}
	answers, err := c.Begin(t.Context(), e)
	if err != nil || !c.AwaitsData() {
		return answers, err
	}
	final, err := c.Data(t.Context(), strings.NewReader(body), nil)
	for i := range answers {
		if answers[i].Reply.Success() {
			answers[i] = final[i]
		}
	}
	return answers, err
}

func TestMessage_arrives_with_and_without_pipelining(t *testing.T) {
	body := "Subject: x\r\n\r\n.dot\r\n..\r\nlast"
	for name, ext := range map[string][]string{"stepwise": nil, "pipelined": pipelining, "lower case": {"pipelining", "size 1000000"}} {
		t.Run(name, func(t *testing.T) {
			p := smtptest.Start(t, smtptest.Script{Ext: ext})
			c, tr := mustDial(t, Options{Addr: p.Addr})
			for range 3 {
				answers, err := send(c, t, body, "one@b.test", "two@b.test")
				if err != nil || !answers[0].Reply.Success() || !answers[1].Reply.Success() || !answers[0].Remote {
					t.Fatalf("%v %v\n%s", answers, err, tr)
				}
			}
			c.Quit()
			ms := p.Messages()
			if len(ms) != 3 || ms[2].Body != body+"\r\n" || strings.Join(ms[2].To, " ") != "one@b.test two@b.test" || ms[0].From != "from@a.test" {
				t.Fatalf("%#v", ms)
			}
			if !strings.Contains(tr.String(), "* 28 bytes of message\n> .\n< 250 2.0.0 taken as 1\n") || strings.Contains(tr.String(), "..") {
				t.Errorf("transcript:\n%s", tr)
			}
			if p.Accepted() != 1 || !strings.Contains(tr.String(), "> QUIT\n< 221 bye\n") {
				t.Errorf("%d connections\n%s", p.Accepted(), tr)
			}
		})
	}
}

func TestRecipients_are_answered_one_by_one(t *testing.T) {
	rcpt := func(a string) string {
		switch strings.Split(a, "@")[0] {
		case "no":
			return "550 5.1.1 no such user"
		case "later":
			return "450 4.2.1 later"
		case "full":
			return "552 5.2.2 mailbox full"
		}
		return ""
	}
	for name, ext := range map[string][]string{"stepwise": nil, "pipelined": pipelining} {
		t.Run(name, func(t *testing.T) {
			p := smtptest.Start(t, smtptest.Script{Ext: ext, Rcpt: rcpt})
			c, tr := mustDial(t, Options{Addr: p.Addr})
			answers, err := send(c, t, "x\r\n", "no@b.test", "yes@b.test", "later@b.test", "full@b.test")
			if err != nil {
				t.Fatal(err)
			}
			want := []string{"550 5.1.1 no such user", "250 2.0.0 taken as 1", "450 4.2.1 later", "452 4.2.2 mailbox full"}
			for i, a := range answers {
				if a.Reply.String() != want[i] || !a.Remote {
					t.Errorf("%d: got %v, want %s", i, a, want[i])
				}
			}
			// All refused: nothing is sent, the connection stays good.
			answers, err = send(c, t, "y\r\n", "no@b.test", "no2@b.test", "no@c.test")
			_ = answers
			if err != nil || len(p.Messages()) != 2 {
				t.Fatalf("%v, %d messages\n%s", err, len(p.Messages()), tr)
			}
			answers, err = send(c, t, "z\r\n", "no@b.test")
			if err != nil || answers[0].Reply.Code != 550 || !c.Usable() {
				t.Fatalf("%v %v usable %v\n%s", answers, err, c.Usable(), tr)
			}
			if _, err = send(c, t, "z\r\n", "yes@b.test"); err != nil || len(p.Messages()) != 3 {
				t.Fatalf("%v, %d messages\n%s", err, len(p.Messages()), tr)
			}
		})
	}
}

func TestDATA_granted_without_a_recipient_gets_a_lone_dot(t *testing.T) {
	p := smtptest.Start(t, smtptest.Script{Ext: pipelining, Reply: map[string]string{"RCPT": "550 no", "DATA": "354 fine", "DOT": "554 no valid recipients"}})
	c, tr := mustDial(t, Options{Addr: p.Addr})
	answers, err := send(c, t, "secret\r\n", "a@b.test")
	if err != nil || answers[0].Reply.Code != 550 || c.AwaitsData() || !c.Usable() {
		t.Fatalf("%v %v\n%s", answers, err, tr)
	}
	if p.Raw() != ".\r\n" {
		t.Errorf("sent %q", p.Raw())
	}
	p.Set(smtptest.Script{Ext: pipelining, Reply: map[string]string{"MAIL": "550 5.7.1 go away", "RCPT": "503 MAIL first", "DATA": "354 fine", "DOT": "554 no"}})
	_, err = send(c, t, "secret\r\n", "a@b.test")
	e := asError(t, err)
	if e.Stage != StageMail || !e.Remote || e.Reply.Code != 550 || !c.Usable() || p.Raw() != ".\r\n.\r\n" {
		t.Fatalf("%v usable %v, sent %q\n%s", err, c.Usable(), p.Raw(), tr)
	}
}

// TestPeer_that_misbehaves: whatever it does, at whatever stage, we end in
// time, with the right stage, and with a temporary reply of ours.
func TestPeer_that_misbehaves(t *testing.T) {
	stages := map[string]struct {
		stage Stage
		limit func(*Timeouts)
	}{
		"GREETING": {StageGreeting, func(t *Timeouts) { t.Greeting = 150 * time.Millisecond }},
		"EHLO":     {StageEHLO, func(t *Timeouts) { t.EHLO = 150 * time.Millisecond }},
		"STARTTLS": {StageStartTLS, func(t *Timeouts) { t.StartTLS = 150 * time.Millisecond }},
		"MAIL":     {StageMail, func(t *Timeouts) { t.Mail = 150 * time.Millisecond }},
		"RCPT":     {StageRcpt, func(t *Timeouts) { t.Rcpt = 150 * time.Millisecond }},
		"DATA":     {StageData, func(t *Timeouts) { t.Data = 150 * time.Millisecond }},
		"DOT":      {StageDot, func(t *Timeouts) { t.Dot = 150 * time.Millisecond }},
	}
	actions := map[string]string{
		smtptest.Hang: "timed out", smtptest.Drip: "", smtptest.Close: "closed the connection",
		smtptest.Flood: "too long", smtptest.LongOne: "too long", smtptest.Garbage: "does not speak SMTP", smtptest.Mixed: "does not speak SMTP",
	}
	for verb, st := range stages {
		for action, words := range actions {
			for _, ext := range [][]string{{"STARTTLS"}, {"STARTTLS", "PIPELINING"}} {
				t.Run(verb+action+ext[len(ext)-1], func(t *testing.T) {
					t.Parallel()
					s := smtptest.Script{Ext: ext, Reply: map[string]string{verb: action}}
					mode := TLSNone
					switch verb {
					case "GREETING":
						s.Greeting = action
					case "STARTTLS":
						mode = TLSOpportunistic
					}
					p := smtptest.Start(t, s)
					start := time.Now()
					c, tr, err := dial(t, Options{Addr: p.Addr, TLS: mode, Timeouts: quick(st.limit)})
					if err == nil {
						_, err = send(c, t, "x\r\n", "a@b.test")
						if c.Usable() {
							t.Error("still usable")
						}
					}
					e := asError(t, err)
					if e.Stage != st.stage || e.Remote || !e.Reply.Temporary() || !strings.Contains(e.Reply.Text, words) {
						t.Errorf("got %v (stage %s, remote %v)\n%s", err, e.Stage, e.Remote, tr)
					}
					if d := time.Since(start); d > 20*time.Second {
						t.Errorf("took %v", d)
					}
					if n := len(tr.String()); n > DefaultTranscript+2000 {
						t.Errorf("the transcript has %d bytes", n)
					}
				})
			}
		}
	}
}

func TestConnect_failures_read_as_operators_expect(t *testing.T) {
	_, tr, err := dial(t, Options{Addr: smtptest.Closed(t)})
	e := asError(t, err)
	if e.Stage != StageConnect || e.Reply.String() != "451 4.4.1 connection refused" || !strings.Contains(tr.String(), "* connection refused\n") {
		t.Errorf("%v\n%s", err, tr)
	}
	// B122. A deadline in the past stands for a host that does not answer.
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	_, err = Dial(ctx, Options{Addr: "192.0.2.1:25", Helo: "gw.test"})
	if e := asError(t, err); e.Reply.String() != "451 4.4.1 connection timed out" {
		if e.Reply.Text != "connection timed out" {
			t.Errorf("%v", err)
		}
	}
}

func TestContext_ends_a_wait_at_once(t *testing.T) {
	p := smtptest.Start(t, smtptest.Script{Reply: map[string]string{"DOT": smtptest.Hang}})
	c, _ := mustDial(t, Options{Addr: p.Addr})
	if _, err := c.Begin(t.Context(), Envelope{To: []mail.Address{address(t, "a@b.test")}}); err != nil {
		t.Fatal(err)
	}
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	_, err := c.Data(ctx, strings.NewReader("x\r\n"), func() error {
		time.AfterFunc(50*time.Millisecond, func() { cancel(why) })
		return nil
	})
	if e := asError(t, err); e.Stage != StageDot || !errors.Is(err, why) || e.Reply.Text != "stopped by the gateway" {
		t.Errorf("%v", err)
	}
}

func TestData_stops_before_the_dot(t *testing.T) {
	p := smtptest.Start(t, smtptest.Script{Ext: pipelining})
	c, tr := mustDial(t, Options{Addr: p.Addr})
	if _, err := c.Begin(t.Context(), Envelope{To: []mail.Address{address(t, "a@b.test")}}); err != nil {
		t.Fatal(err)
	}
	why := errors.New("no")
	calls := 0
	_, err := c.Data(t.Context(), strings.NewReader("x\r\n"), func() error { calls++; return why })
	if e := asError(t, err); e.Stage != StageData || !errors.Is(err, why) || calls != 1 || c.Usable() {
		t.Errorf("%v after %d calls", err, calls)
	}
	p.Shut()
	if len(p.Messages()) != 0 || strings.Contains(p.Raw(), ".\r\n") {
		t.Errorf("sent %q\n%s", p.Raw(), tr)
	}
}

func TestBody_that_cannot_be_sent_is_never_completed(t *testing.T) {
	big := strings.Repeat(strings.Repeat("x", 70)+"\r\n", 2000)
	for name, body := range map[string]string{"bare LF": "a\nb\r\n", "smuggling": "a\r\n.\nMAIL FROM:<x@y>\r\n", "bare CR": "a\rb\r\n", "NUL": "a\x00\r\n", "late": big + "x\n.\r\n"} {
		t.Run(name, func(t *testing.T) {
			p := smtptest.Start(t, smtptest.Script{Ext: pipelining})
			c, _ := mustDial(t, Options{Addr: p.Addr})
			_, err := send(c, t, body, "a@b.test")
			if e := asError(t, err); e.Stage != StageData || e.Remote || e.Reply.Code != 554 || e.Reply.Enhanced.String() != "5.6.0" {
				t.Errorf("%v", err)
			}
			p.Shut()
			raw := strings.ReplaceAll(p.Raw(), "\r\n", "")
			if len(p.Messages()) > 0 || strings.ContainsAny(raw, "\r\n\x00") || len(p.Lines()) > 5 {
				t.Errorf("sent %q, commands %q", raw[max(0, len(raw)-50):], p.Lines())
			}
		})
	}
}

func TestUnreadable_body_is_temporary(t *testing.T) {
	p := smtptest.Start(t, smtptest.Script{})
	c, _ := mustDial(t, Options{Addr: p.Addr})
	_, _ = c.Begin(t.Context(), Envelope{To: []mail.Address{address(t, "a@b.test")}})
	_, err := c.Data(t.Context(), io.MultiReader(strings.NewReader("x\r\n"), failing{}), nil)
	if e := asError(t, err); e.Stage != StageData || e.Reply.Code != 451 || !errors.Is(err, os.ErrClosed) {
		t.Errorf("%v", err)
	}
	p.Shut()
	if len(p.Messages()) != 0 {
		t.Error("delivered")
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, os.ErrClosed }

func TestPeer_that_breaks_off_within_the_body(t *testing.T) {
	body := strings.Repeat(strings.Repeat("x", 98)+"\r\n", 200_000) // 20 MB: more than any socket buffer
	for action, want := range map[string]string{smtptest.Cut: "", smtptest.Stop: "timed out waiting for the message to be taken", smtptest.Refuse: "552 5.3.4 far too much"} {
		t.Run(action, func(t *testing.T) {
			p := smtptest.Start(t, smtptest.Script{Ext: []string{"PIPELINING"}, Reply: map[string]string{"DATA": action}})
			c, _ := mustDial(t, Options{Addr: p.Addr, Timeouts: quick(func(t *Timeouts) { t.Block = 300 * time.Millisecond })})
			_, err := send(c, t, body, "a@b.test")
			e := asError(t, err)
			if e.Stage != StageData || !strings.Contains(e.Error(), want) || e.Remote != (action == smtptest.Refuse) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestWhat_the_peer_lacks_is_our_permanent_failure(t *testing.T) {
	p := smtptest.Start(t, smtptest.Script{Ext: []string{"SIZE 1000"}})
	c, _ := mustDial(t, Options{Addr: p.Addr})
	for _, tc := range []struct {
		e    Envelope
		want string
	}{
		{Envelope{Size: 1001}, "552 5.3.4"},
		{Envelope{Params: mail.MailParams{Body: "8BITMIME"}}, "554 5.6.3"},
		{Envelope{Params: mail.MailParams{SMTPUTF8: true}}, "554 5.6.7"},
	} {
		tc.e.To = []mail.Address{address(t, "a@b.test")}
		_, err := c.Begin(t.Context(), tc.e)
		if e := asError(t, err); e.Stage != StageMail || e.Remote || !strings.HasPrefix(e.Reply.String(), tc.want) || !c.Usable() {
			t.Errorf("%v, usable %v; want %s", err, c.Usable(), tc.want)
		}
	}
	if n := len(p.Lines()); n != 1 {
		t.Errorf("%d commands were sent, want EHLO only", n)
	}
	p.Set(smtptest.Script{})
	c, _ = mustDial(t, Options{Addr: smtptest.Start(t, smtptest.Script{Ext: []string{"8bitmime", "SmtpUTF8", "SIZE"}}).Addr})
	if _, err := c.Begin(t.Context(), Envelope{Size: 5, To: []mail.Address{address(t, "a@b.test")}, Params: mail.MailParams{Body: "8BITMIME", SMTPUTF8: true}}); err != nil {
		t.Error(err)
	}
}

func TestProbe_asks_and_resets(t *testing.T) {
	for name, ext := range map[string][]string{"stepwise": nil, "pipelined": pipelining} {
		t.Run(name, func(t *testing.T) {
			p := smtptest.Start(t, smtptest.Script{Ext: ext, Rcpt: func(a string) string {
				if strings.HasPrefix(a, "no") {
					return "550 5.1.1 unknown"
				}
				return ""
			}})
			c, _ := mustDial(t, Options{Addr: p.Addr})
			answers, err := c.Begin(t.Context(), Envelope{Probe: true, To: []mail.Address{address(t, "yes@b.test"), address(t, "no@b.test")}})
			if err != nil || answers[0].Reply.Code != 250 || answers[1].Reply.Code != 550 || !c.Usable() || c.AwaitsData() {
				t.Fatalf("%v %v", answers, err)
			}
			if got := strings.Join(p.Lines()[1:], "|"); got != "MAIL FROM:<>|RCPT TO:<yes@b.test>|RCPT TO:<no@b.test>|RSET" {
				t.Errorf("sent %s", got)
			}
		})
	}
}

func Test421_closes(t *testing.T) {
	for _, ext := range [][]string{nil, pipelining} {
		p := smtptest.Start(t, smtptest.Script{Ext: ext, Rcpt: func(a string) string {
			if a == "b@b.test" {
				return "421 4.3.2 closing"
			}
			return ""
		}})
		c, _ := mustDial(t, Options{Addr: p.Addr})
		answers, err := send(c, t, "x\r\n", "a@b.test", "b@b.test", "c@b.test")
		if e := asError(t, err); e.Stage != StageRcpt || !e.Remote || e.Reply.Code != 421 || c.Usable() {
			t.Errorf("%v", err)
		}
		if answers[0].Reply.Code != 250 || answers[1].Reply.Code != 421 || !answers[2].Reply.IsZero() {
			t.Errorf("%v", answers)
		}
	}
}

func TestHELO_where_EHLO_is_unknown(t *testing.T) {
	p := smtptest.Start(t, smtptest.Script{Reply: map[string]string{"EHLO": "502 5.5.1 what?"}})
	c, tr := mustDial(t, Options{Addr: p.Addr})
	if _, err := send(c, t, "x\r\n", "a@b.test"); err != nil || len(p.Messages()) != 1 {
		t.Errorf("%v\n%s", err, tr)
	}
	p.Set(smtptest.Script{Reply: map[string]string{"EHLO": "502 no", "HELO": "550 5.7.1 not you"}})
	_, _, err := dial(t, Options{Addr: p.Addr})
	if e := asError(t, err); e.Stage != StageEHLO || !e.Remote || e.Reply.Code != 550 {
		t.Errorf("%v", err)
	}
}

func TestLMTP_answers_for_each_recipient(t *testing.T) {
	p := smtptest.Start(t, smtptest.Script{Ext: pipelining, Rcpt: func(a string) string {
		if a == "no@b.test" {
			return "550 5.1.1 no"
		}
		return ""
	}, LMTP: func(a string) string {
		switch a {
		case "full@b.test":
			return "452 4.2.2 full"
		case "gone@b.test":
			return smtptest.Close
		}
		return ""
	}})
	c, tr := mustDial(t, Options{Addr: p.Addr, LMTP: true})
	answers, err := send(c, t, "x\r\n", "no@b.test", "a@b.test", "full@b.test", "b@b.test")
	codes := []int{550, 250, 452, 250}
	for i, a := range answers {
		if a.Reply.Code != codes[i] {
			t.Errorf("%d: %v", i, a)
		}
	}
	if err != nil || p.Lines()[0] != "LHLO gw.test" {
		t.Errorf("%v\n%s", err, tr)
	}
	answers, err = send(c, t, "x\r\n", "a@b.test", "gone@b.test", "b@b.test")
	if e := asError(t, err); e.Stage != StageDot || answers[0].Reply.Code != 250 || !answers[1].Reply.IsZero() || !answers[2].Reply.IsZero() {
		t.Errorf("%v %v", answers, err)
	}
}

func TestWire_path_refuses_what_could_be_read_as_more(t *testing.T) {
	for s, ok := range map[string]bool{
		"a@b.test": true, `"a b"@c.test`: true, `"a>b"@c.test`: true, `"a\"b"@c.test`: true,
		"a b@c.test": false, "a>x@c.test": false, "a\r\nDATA@c.test": false, "a\x00@c.test": false, `"a@c.test`: false,
	} {
		var a mail.Address
		if a.UnmarshalText([]byte(s)) != nil {
			continue // mail.Address is stricter: it never comes here
		}
		if got, err := wirePath(a, true); (err == nil) != (ok && a.String() == s) && ok {
			t.Errorf("%q: %q, %v", s, got, err)
		} else if !ok && err == nil && strings.ContainsAny(strings.Trim(got, "<>"), "\r\n\x00") {
			t.Errorf("%q went through as %q", s, got)
		}
	}
}

func TestTranscript_is_bounded_and_printable(t *testing.T) {
	p := smtptest.Start(t, smtptest.Script{Reply: map[string]string{"MAIL": smtptest.Bell}})
	c, tr := mustDial(t, Options{Addr: p.Addr})
	answers, err := send(c, t, "x\r\n", "a@b.test")
	if err != nil || !answers[0].Reply.Success() {
		t.Fatal(answers, err)
	}
	if s := tr.String(); strings.ContainsAny(s, "\x1b\x07") || strings.Contains(s, "\xff") || !strings.Contains(s, `< 250 \x1b[2J\x07ok \xff`) {
		t.Errorf("%q", s)
	}
	small := &Transcript{Max: 1000}
	for i := range 1000 {
		small.Note("line %d", i)
	}
	s := small.String()
	if len(s) > 1100 || !strings.HasPrefix(s, "* line 0\n") || !strings.HasSuffix(s, "* line 999\n") || !strings.Contains(s, "lines left out") {
		t.Errorf("%q", s)
	}
}

func TestQuiet(t *testing.T) {
	conf, _ := smtptest.Certificate(t, "127.0.0.1")
	for _, mode := range []string{TLSNone, TLSRequired} {
		p := smtptest.Start(t, smtptest.Script{Ext: []string{"STARTTLS"}, TLS: conf})
		c, _ := mustDial(t, Options{Addr: p.Addr, TLS: mode})
		for range 2 {
			if _, err := send(c, t, "x\r\n", "a@b.test"); err != nil || !c.Quiet() {
				t.Fatalf("%s: %v, quiet %v", mode, err, c.Quiet())
			}
		}
		p.Hup()
		for end := time.Now().Add(20 * time.Second); c.Quiet() && mode == TLSNone; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: a closed connection looks open", mode)
			}
		}
	}
	// A reply too many would be taken for the answer to the next MAIL.
	p := smtptest.Start(t, smtptest.Script{Reply: map[string]string{"DOT": "250 ok\r\n550 5.7.1 by the way"}})
	c, _ := mustDial(t, Options{Addr: p.Addr})
	if answers, err := send(c, t, "x\r\n", "a@b.test"); err != nil || !answers[0].Reply.Success() {
		t.Fatal(answers, err)
	}
	for end := time.Now().Add(20 * time.Second); c.Quiet(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("an unasked reply is not seen")
		}
	}
}

func TestUnknown_TLS_mode_is_refused(t *testing.T) {
	p := smtptest.Start(t, smtptest.Script{})
	_, _, err := dial(t, Options{Addr: p.Addr, TLS: "dnssec"})
	if e := asError(t, err); e.Stage != StageStartTLS || !e.Reply.Temporary() || p.Accepted() != 0 {
		t.Errorf("%v", err)
	}
}

func TestReply_text_is_bounded(t *testing.T) {
	p := smtptest.Start(t, smtptest.Script{Reply: map[string]string{"MAIL": strings.Repeat("550-"+strings.Repeat("é", 400)+"\r\n", 20) + "550 end"}})
	c, _ := mustDial(t, Options{Addr: p.Addr})
	_, err := send(c, t, "x\r\n", "a@b.test")
	if e := asError(t, err); !e.Remote || len(e.Reply.Text) > maxReplyText+10 || len(e.Reply.Text) < maxReplyText-10 {
		t.Errorf("%d bytes: %v", len(e.Reply.Text), err)
	}
}
