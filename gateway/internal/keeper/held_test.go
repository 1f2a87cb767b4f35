package keeper

import (
	"fmt"
	"testing"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Plugins are told of held mail that expires, when it has; and of an original
// that was kept beside what went out, the sender is told nothing.
func TestExpiryIsToldAndKeptOriginalsAreQuiet(t *testing.T) {
	var heard []string
	var h *house
	h = newHouse(t, Options{Told: func(m *store.Message, ns []int, name, actor string) {
		now := h.get(m.ID) // durable
		heard = append(heard, fmt.Sprint(name, ns, now.Recipients[ns[0]-1].Status, m.Recipients[ns[0]-1].Status))
	}})
	id := h.put(mail.Outbound, "me@acme.test", "a@other.test quarantined")
	err := h.st.Update(t.Context(), id, func(m *store.Message) ([]mail.Event, error) {
		m.Recipients[0].Kept = true
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	h.pass()
	if len(heard) != 0 {
		t.Fatalf("told too early: %v", heard)
	}
	h.now = h.now.Add(8 * day)
	h.pass()
	if got, want := fmt.Sprint(heard), "[expired[1]quarantine-expiredquarantine-expired]"; got != want {
		t.Errorf("heard %s, want %s", got, want)
	}
	if ds := h.dsns(); len(ds) != 0 {
		t.Errorf("%d DSNs", len(ds))
	}
}
