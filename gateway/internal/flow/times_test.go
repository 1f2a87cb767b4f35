package flow_test

import (
	"testing"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// TestB138_a_reception_is_before_its_attempt: of mail that is delivered while the
// client waits, the reception is told of with a time before the attempt's, and the
// outcome with one behind it.
func TestB138_a_reception_is_before_its_attempt(t *testing.T) {
	dest := destination(t, "")
	r := newRig(t, silent, base("", "", tenant("acme", dest, outward(dest))), nil)
	reply, id := r.asks(r.open(mail.Outbound), "me@acme.test", mail.MailParams{}, mail.RcptParams{}, "ann@far.test")
	m := r.get(id)
	r.want(reply, m, 250, "ann@far.test=delivered")
	es, err := r.st.Events(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	as, err := r.st.Attempts(t.Context(), id)
	if err != nil || len(as) != 1 {
		t.Fatal(as, err)
	}
	came := 0
	for _, e := range es {
		if e.Type == mail.EventReception {
			if came++; e.At.After(as[0].Start) {
				t.Errorf("received at %v, tried at %v", e.At, as[0].Start)
			}
		}
	}
	if changed := m.Recipients[0].Changed; came != 1 || changed.Before(as[0].Start) {
		t.Errorf("%d receptions; changed at %v, tried at %v", came, changed, as[0].Start)
	}
}
