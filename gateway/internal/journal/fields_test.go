package journal

import (
	"net/netip"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/store"
)

// TestEveryFieldIsAnswered: a field that a filter may ask about and a row
// knows nothing of would make searches silently find nothing.
func TestEveryFieldIsAnswered(t *testing.T) {
	r := store.Recipient{
		N: 1, Address: addr(t, "a@acme.test"), Tenant: "acme", Status: "queued", Origin: "released",
		Class: mail.Class{Main: "m", Sub: "s", Extra: "e"}, Score: 1, Findings: []mail.Finding{{Filter: "f", Explanation: "e"}}, Tags: []string{"t"},
		Filters: []mail.FilterRun{{Filter: "f", Plugin: "p", Digest: "d", Stages: []mail.StageRun{{Stage: "message", Micros: 1}}}},
		Rule:    "r", Reason: "r", Route: "r", Schedule: "s", NextHop: "n", Next: t0, Failures: 1, Attempts: 1,
		Last: mail.NewReply(450, "4.2.0", "later"), LastHost: "h", LastAddr: "192.0.2.9:25", Changed: t0, Expires: t0, Archived: true, Identity: "i",
	}
	m := store.Message{
		ID: mail.NewID(t0), Parent: mail.NewID(t0), Direction: mail.Inbound, Received: t0, Sender: addr(t, "x@far.test"), Size: 1, Policy: "p", Kind: "dsn", HasBody: true,
		Client:     mail.Client{Addr: netip.MustParseAddrPort("192.0.2.1:1"), Name: "n", Helo: "h", User: "u", Listener: "l", TLS: "TLS1.3"},
		Summary:    store.Summary{From: "f", To: "t", Cc: "c", Subject: "s", MessageID: "m", Attachments: []string{"a"}},
		Recipients: []store.Recipient{r},
	}
	row := store.Row{Message: &m, Recipient: &r}
	for _, f := range query.Fields() {
		ok := false
		switch f.Type {
		case query.TypeNumber, query.TypeSize, query.TypeBool:
			asked := row
			if f.Name == "delay" { // of what is final
				done := r
				done.Status, done.Changed = mail.StatusDelivered, t0.Add(time.Minute)
				asked.Recipient = &done
			}
			var n float64
			n, ok = asked.Num(f.Name)
			ok = ok && n > 0
		case query.TypeTime:
			_, ok = row.Time(f.Name)
		default:
			vs := row.Text(f.Name)
			ok = len(vs) > 0 && vs[0] != "" || f.Name == "text"
		}
		if !ok {
			t.Errorf("a row does not answer %q", f.Name)
		}
	}
}
