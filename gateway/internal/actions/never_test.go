package actions

import (
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Remove and notify is refused where the sender asked not to be told, and the
// mail stays: removing it is another verb.
func TestB46_WhoAskedNotToBeToldIsNot(t *testing.T) {
	h := newHouse(t)
	m := h.put(mail.Outbound, "me@acme.test", "a@far.test queued", "b@far.test queued")
	err := h.st.Update(t.Context(), m.ID, func(m *store.Message) ([]mail.Event, error) {
		m.Recipients[0].DSN.Notify = mail.NotifyNever
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	res := h.do(admin, lifecycle.Bounce, rid(m, 1), rid(m, 2))
	if res.Changed != 1 || len(res.Items) == 0 || !strings.Contains(res.Items[0].Error, "NOTIFY=NEVER") {
		t.Errorf("%+v", res)
	}
	now, err := h.st.Get(t.Context(), m.ID)
	if err != nil || now.Recipients[0].Status != mail.StatusQueued || now.Recipients[1].Status != mail.StatusQueueBounced {
		t.Errorf("%+v %v", now, err)
	}
	rows, _, err := h.st.Search(t.Context(), query.Where("kind", query.Is, "dsn"), "", 10)
	if err != nil || len(rows) != 1 {
		t.Fatalf("%d DSNs, %v", len(rows), err)
	}
}
