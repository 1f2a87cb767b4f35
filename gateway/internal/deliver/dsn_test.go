package deliver

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/smtpc/smtptest"
)

// What was asked about notices goes with each recipient, also where they go
// over a connection that carried others; and it is known where nobody reports
// any further.
func TestDSNParametersGoWithTheirRecipients(t *testing.T) {
	for _, lmtp := range []bool{false, true} {
		for name, ext := range map[string][]string{"offered": {"DSN", "PIPELINING"}, "not_offered": {"PIPELINING"}} {
			t.Run(fmt.Sprintf("%s_lmtp_%v", name, lmtp), func(t *testing.T) {
				s := smtptest.Script{Ext: ext}
				if lmtp {
					s.LMTP = func(string) string { return "" }
				}
				p := smtptest.Start(t, s)
				e := engine(t, nil)
				for i := range 2 { // the second over the first's connection
					req := request(t, Route{Name: "r", Hosts: []string{p.Addr}, TLS: "none", LMTP: lmtp}, "a@b.test", "c@b.test")
					req.Params = mail.MailParams{Ret: "HDRS", EnvID: fmt.Sprint("E", i)}
					req.To[1].Params = mail.RcptParams{Notify: mail.NotifySuccess, ORcpt: "rfc822;x@b.test"}
					res := run(t, e, req)
					for _, r := range res.Rcpts {
						if r.Outcome != Delivered || r.Relayed != (name == "not_offered") {
							t.Errorf("%+v", r)
						}
					}
				}
				sent := strings.Join(p.Lines(), "|")
				for i := range 2 {
					want := fmt.Sprintf("RET=HDRS ENVID=E%d|RCPT TO:<a@b.test>|RCPT TO:<c@b.test> NOTIFY=SUCCESS ORCPT=rfc822;x@b.test|", i)
					if strings.Contains(sent, want) != (name == "offered") {
						t.Errorf("sent %s", sent)
					}
				}
			})
		}
	}
}
