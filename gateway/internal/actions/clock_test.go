package actions

import (
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// TestB138_a_job_does_not_set_changes_back: what a job that began long ago changes
// changed when it did so, and never before it changed last.
func TestB138_a_job_does_not_set_changes_back(t *testing.T) {
	h := newHouse(t)
	a, b, c := h.put(mail.Inbound, "x@far.test", "a@acme.test quarantined"), h.put(mail.Inbound, "x@far.test", "b@acme.test quarantined"), h.put(mail.Inbound, "x@far.test", "c@acme.test quarantined")
	began := h.now
	ahead := began.Add(time.Hour)
	if err := h.st.Update(t.Context(), c.ID, func(m *store.Message) ([]mail.Event, error) {
		m.Recipients[0].Changed = ahead // an attempt, by a clock that goes ahead
		return []mail.Event{{At: ahead, Type: mail.EventTransientFailure, Message: m.ID, N: 1}}, nil
	}); err != nil {
		t.Fatal(err)
	}
	later := func(ItemResult) { h.now = h.now.Add(10 * time.Minute) }
	res, err := h.DoEach(t.Context(), admin, lifecycle.Release, Selection{IDs: []string{rid(a, 1), rid(b, 1), rid(c, 1)}}, Args{Reason: "because"}, later)
	if err != nil || res.Changed != 3 {
		t.Fatal(res, err)
	}
	for _, c := range []struct {
		m    *store.Message
		want time.Time
	}{{a, began}, {b, began.Add(10 * time.Minute)}, {c, ahead}} {
		es := h.events(c.m.ID)
		if rc := h.rcpt(c.m.ID, 1); rc.Status == mail.StatusQuarantined || !rc.Changed.Equal(c.want) || !es[len(es)-1].At.Equal(c.want) {
			t.Errorf("%s: changed %v, event of %v; want %v", rc.Status, rc.Changed, es[len(es)-1].At, c.want)
		}
	}
}
