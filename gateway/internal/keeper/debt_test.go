package keeper

import (
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/notify"
	"github.com/mailweir/weir/gateway/internal/store"
)

// A DSN that is owed for one recipient does not wait for the others, which may
// be tried for days.
func TestDebtDoesNotWaitForOtherRecipients(t *testing.T) {
	h := newHouse(t, Options{})
	id := h.put(mail.Outbound, "me@acme.test", "a@far.test queued", "b@far.test queued")
	err := h.st.Update(t.Context(), id, func(m *store.Message) ([]mail.Event, error) {
		m.Recipients[0].Status = mail.StatusBounced
		notify.Owe(&m.Recipients[0], "", "")
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	h.now = h.now.Add(10 * time.Minute)
	if st := h.pass(); st.Notified != 1 {
		t.Errorf("%+v", st)
	}
	if n := len(h.dsns()); n != 1 || notify.Owes(h.get(id)) {
		t.Errorf("%d DSNs, still owed: %v", n, notify.Owes(h.get(id)))
	}
	if st := h.pass(); st.Notified != 0 || len(h.dsns()) != 1 {
		t.Errorf("paid again: %+v", st)
	}
}

// A debt outlives the body: the DSN then quotes nothing, and the record can go.
func TestDebtWithoutBodyIsPaid(t *testing.T) {
	h := newHouse(t, Options{Retain: func(string) time.Duration { return 2 * day }})
	m := &store.Message{ID: mail.NewID(h.now), Direction: mail.Outbound, Received: h.now, Sender: addr(t, "me@acme.test")}
	m.Recipients = []store.Recipient{{N: 1, Address: addr(t, "a@far.test"), Tenant: "acme", Status: mail.StatusBounced, Changed: h.now}}
	notify.Owe(&m.Recipients[0], "", "")
	h.st.Record(m, nil)
	if err := h.st.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.now = h.now.Add(25 * time.Hour)
	if st := h.pass(); st.Notified != 1 || len(h.dsns()) != 1 {
		t.Errorf("%+v, %d DSNs", st, len(h.dsns()))
	}
	h.now = h.now.Add(2 * day)
	if st := h.pass(); st.Forgotten != 1 {
		t.Errorf("%+v", st)
	}
}

// A debt that a crash left is paid at the next start, and not only when
// whoever made it would have had its time.
func TestDebtOfAnEarlierProcessIsPaidAtOnce(t *testing.T) {
	h := newHouse(t, Options{})
	h.pass()
	id := h.put(mail.Outbound, "me@acme.test", "a@far.test queued")
	h.finish(id, mail.StatusBounced, true)
	h.now = h.now.Add(time.Second)
	if st := h.pass(); st.Notified != 0 {
		t.Errorf("paid while whoever owes it may be about to: %+v", st)
	}
	h.Keeper = New(h.o) // the process was killed and started again
	if st := h.pass(); st.Notified != 1 || len(h.dsns()) != 1 {
		t.Errorf("after a restart: %+v, %d DSNs", st, len(h.dsns()))
	}
}
