package flow_test

import (
	"context"
	"testing"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/sdk/abi"
)

// What an operator let pass is never held again for the same reason (B52,
// B148), what else is found holds it, and the channel that the waived finding
// demanded stays demanded (B30).
func TestB52_B148_waived_is_not_held_again(t *testing.T) {
	t.Parallel()
	more := ""
	fs := &told{stages: []abi.Stage{abi.StageMessage}, say: func(_ context.Context, _ *abi.Event, v *abi.Verdict) error {
		finds(v, "confidential", abi.ActionStall)
		if more != "" {
			finds(v, more, abi.ActionStall)
		}
		return nil
	}}
	to := newInbox(t, 0).addr
	secure := "inbound {\n  secure \"all\" {\n    when = finding.sub == \"confidential\"\n    tls = \"verified\"\n  }\n}"
	r := newRig(t, fs, base("", "", tenant("acme", to, secure)), nil)
	_, m := r.post(twoParts, "a@acme.test")
	rc := &m.Recipients[0]
	if rc.Status != mail.StatusStalled || rc.Secure == nil || rc.Secure.TLS != "verified" {
		t.Fatalf("%s, %+v", rc.Status, rc.Secure)
	}
	f := rc.Findings[0]
	rc.Waivers = append(rc.Waivers, mail.Waiver{By: "anna@acme.test", Classes: []string{f.Class.Main}, Findings: []string{mail.Fingerprint(f)}})

	again := func() *store.Recipient {
		body, err := r.st.OpenBody(t.Context(), m.ID)
		if err != nil {
			t.Fatal(err)
		}
		defer body.Close()
		o, err := r.f.Rejudge(t.Context(), m, []int{1}, body)
		if err != nil || len(o.Recipients) != 1 {
			t.Fatalf("%+v, %v", o, err)
		}
		return &o.Recipients[0]
	}
	got := again()
	if got.Status.Held() || len(got.Findings) == 0 || got.Findings[0].Waived != "anna@acme.test" {
		t.Errorf("%s, %+v", got.Status, got.Findings)
	}
	if got.Secure == nil || got.Secure.TLS != "verified" {
		t.Errorf("the waiver took the channel: %+v", got.Secure)
	}
	more = "malware"
	if got := again(); got.Status != mail.StatusStalled || got.Class.Sub != "malware" {
		t.Errorf("what nobody waived does not hold it: %s %s", got.Status, got.Class)
	}
}
