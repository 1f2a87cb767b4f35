package pluginfo

import (
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/sdk/abi"
)

func TestMessageShowsOneTenantOnly(t *testing.T) {
	a, _ := mail.ParseAddress("a@acme.test")
	b, _ := mail.ParseAddress("b@other.test")
	m := &store.Message{
		ID: mail.NewID(time.Now()), Direction: mail.Outbound, Received: time.UnixMilli(1234), Size: 99, HasBody: true,
		Summary: store.Summary{Subject: "s", Attachments: []string{"x.zip"}},
		Recipients: []store.Recipient{
			{N: 1, Address: a, Tenant: "acme", Status: mail.StatusStalled, Reason: strings.Repeat("x", 5000), Findings: []mail.Finding{
				{Class: mail.Class{Main: "unscannable", Sub: "zip"}, Recommended: mail.ActionStall, Action: mail.ActionQuarantine},
				{Class: mail.Class{Main: "spam"}, Recommended: mail.ActionReject, Waived: "somebody"},
			}},
			{N: 2, Address: b, Tenant: "other", Status: mail.StatusQueued, Last: mail.NewReply(451, "4.0.0", "later")},
		},
	}
	got := Message(m, "acme")
	if len(got.Recipients) != 1 || got.Recipients[0].Address != "a@acme.test" || got.Direction != abi.DirectionOutbound || got.Size != 99 || got.ReceivedUnixMs != 1234 || !got.HasBody {
		t.Fatalf("%+v", got)
	}
	r := got.Recipients[0]
	if len(r.Reason) != maxText || len(r.Findings) != 2 || r.Findings[0].Action != abi.ActionQuarantine || r.Findings[1].Action != abi.ActionContinue {
		t.Errorf("%+v", r)
	}
	if Message(m, "nobody") != nil || Of(m, "acme", 2) != nil {
		t.Error("a tenant learns of a message it has no part in")
	}
	if x := Of(m, "other", 2, 1); x == nil || len(x.Recipients) != 1 || !strings.Contains(x.Recipients[0].Reply, "451") {
		t.Errorf("%+v", x)
	}
}
