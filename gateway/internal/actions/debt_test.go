package actions

import (
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/notify"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Nobody is told that mail failed which an operator has queued again before
// the DSN was made.
func TestRetryForgivesAnOwedDSN(t *testing.T) {
	h := newHouse(t)
	m := h.put(mail.Outbound, "me@acme.test", "x@far.test queued")
	err := h.st.Update(t.Context(), m.ID, func(m *store.Message) ([]mail.Event, error) {
		r := &m.Recipients[0]
		r.Status, r.Next = mail.StatusBounced, time.Time{}
		notify.Owe(r, "", "")
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if res := h.do(admin, lifecycle.Retry, m.ID.String()); res.Changed != 1 {
		t.Fatalf("%+v", res)
	}
	got, err := h.st.Get(t.Context(), m.ID)
	if err != nil || notify.Owes(got) || got.Recipients[0].Status != mail.StatusQueued {
		t.Errorf("%+v, %v", got, err)
	}
}
