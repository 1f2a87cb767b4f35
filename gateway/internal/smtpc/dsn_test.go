package smtpc

import (
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/smtpc/smtptest"
)

// What the sender asked about notices goes to a host that offers DSN, and to
// no other (RFC 3461 §5.2.1, §5.2.2).
func TestDSNParametersGoToHostsThatOfferIt(t *testing.T) {
	e := Envelope{
		From: address(t, "a@b.test"), To: []mail.Address{address(t, "c@d.test"), address(t, "e@d.test"), address(t, "f@d.test")},
		Rcpts: []mail.RcptParams{
			{Notify: mail.NotifySuccess | mail.NotifyDelay, ORcpt: "rfc822;c+x@d.test"},
			{Notify: mail.NotifyNever, ORcpt: "utf-8;jü@d.test"},
		},
		Params: mail.MailParams{Ret: "HDRS", EnvID: "QQ+1 x"},
	}
	for _, tc := range []struct {
		name  string
		ext   []string
		probe bool
		want  string
	}{
		{"offered", []string{"PIPELINING", "dsn"}, false, `MAIL FROM:<a@b.test> RET=HDRS ENVID=QQ+2B1+20x|RCPT TO:<c@d.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;c+2Bx@d.test|RCPT TO:<e@d.test> NOTIFY=NEVER ORCPT=utf-8;j\x{FC}@d.test|RCPT TO:<f@d.test>|`},
		{"not_offered", []string{"PIPELINING"}, false, "MAIL FROM:<a@b.test>|RCPT TO:<c@d.test>|RCPT TO:<e@d.test>|RCPT TO:<f@d.test>|"},
		{"a_callout_asks_nothing", []string{"DSN"}, true, "MAIL FROM:<a@b.test>|RCPT TO:<c@d.test>|RCPT TO:<e@d.test>|RCPT TO:<f@d.test>|"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := smtptest.Start(t, smtptest.Script{Ext: tc.ext})
			c, _ := mustDial(t, Options{Addr: p.Addr})
			e.Probe = tc.probe
			if _, err := c.Begin(t.Context(), e); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(p.Lines()[1:], "|") + "|"; !strings.HasPrefix(got, tc.want) {
				t.Errorf("sent %s", got)
			}
			if c.DSN() == (tc.name == "not_offered") {
				t.Errorf("DSN: %v", c.DSN())
			}
		})
	}
}
