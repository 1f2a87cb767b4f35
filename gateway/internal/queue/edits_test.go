package queue

import (
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Edits that cannot be applied any more keep a recipient from being sent the
// message as it came: it is frozen, and seen. Others of the message go on.
func TestEditsThatCannotBeAppliedFreeze(t *testing.T) {
	t.Parallel()
	d := newDest(t, nil)
	b := newBench(t, 2, 2, benchTenant("acme", route(d)))
	b.start(&judges{}, 0)
	for name, spoil := range map[string]func(m *store.Message, r *store.Recipient){
		"moved": func(m *store.Message, r *store.Recipient) {
			r.PartEdits = m.Stage([]mail.PartEdit{{Op: "append", Part: 0, At: 3, Text: []byte("x")}})
		},
		"lost": func(_ *store.Message, r *store.Recipient) { r.PartEdits = "0123" },
	} {
		id := b.put("acme", "a@acme.test", func(m *store.Message) {
			other := m.Recipients[0]
			other.N, other.Address = 2, address(t, "b@acme.test")
			m.Recipients = append(m.Recipients, other)
			spoil(m, &m.Recipients[0])
		})
		m := b.until(id, "frozen", func(r *store.Recipient) bool { return r.Status == mail.StatusQueueFrozen })
		if !strings.Contains(m.Recipients[0].Reason, "cannot be applied") || !m.HasBody {
			t.Errorf("%s: %+v", name, m.Recipients[0])
		}
		if s := m.Recipients[1].Status; s != mail.StatusDelivered {
			t.Errorf("%s: the other recipient is %s", name, s)
		}
	}
	if n := d.taken.Load(); n != 2 {
		t.Errorf("%d messages taken", n)
	}
}
