package keeper

import (
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/notify"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/store"
)

// The administrators of a tenant get one notice of all stalled mail that ended
// because nobody decided; none of what was in quarantine anyway.
func TestB136_administrators_hear_of_stalled_mail_that_ended(t *testing.T) {
	h := newHouse(t, Options{})
	h.o.Payer.Admins = func(tenant, kind string) []mail.Address {
		if kind != notify.KindExpired || tenant != "acme" {
			return nil
		}
		return []mail.Address{addr(t, "chief@acme.test")}
	}
	one := h.put(mail.Inbound, "x@far.test", "a@acme.test stalled")
	two := h.put(mail.Inbound, "y@far.test", "b@acme.test stalled", "c@other.test stalled")
	spam := h.put(mail.Inbound, "z@far.test", "a@acme.test quarantined")
	h.now = h.now.Add(8 * day)
	if st := h.pass(); st.Expired != 4 || st.Told != 2 {
		t.Errorf("%+v", st)
	}
	rows, _, err := h.st.Search(t.Context(), query.Where("kind", query.Is, "notice"), "", 10)
	if err != nil || len(rows) != 1 || rows[0].Recipient.Address.String() != "chief@acme.test" {
		t.Fatalf("notices: %+v %v", rows, err)
	}
	for _, id := range []mail.ID{one, two, spam} {
		if m := h.get(id); notify.Owes(m) || m.HasBody {
			t.Errorf("owes %v, body %v", notify.Owes(m), m.HasBody)
		}
	}
	if st := h.pass(); st.Told != 0 {
		t.Errorf("told again: %+v", st)
	}
}

// What failed keeps its body for its time, after whatever else ends, and then
// it goes (B132).
func TestB132_body_of_failed_mail_goes_in_time(t *testing.T) {
	h := newHouse(t, Options{KeepBody: func(m *store.Message) time.Duration {
		for _, r := range m.Recipients {
			if r.Status == mail.StatusDeliveryFailed {
				return 3 * day
			}
		}
		return 0
	}})
	id := h.put(mail.Inbound, "x@far.test", "a@acme.test quarantined", "b@acme.test queued")
	h.now = h.now.Add(6 * day)
	h.finishOne(id, 1, mail.StatusDeliveryFailed)
	h.now = h.now.Add(day)
	if st := h.pass(); st.Expired != 1 {
		t.Fatalf("%+v", st)
	}
	h.now = h.now.Add(2 * day)
	h.pass()
	if !h.get(id).HasBody {
		t.Fatal("the body went with the quarantine")
	}
	h.now = h.now.Add(day + time.Hour)
	if st := h.pass(); st.Bodies != 1 || h.get(id).HasBody {
		t.Errorf("%+v, body %v", st, h.get(id).HasBody)
	}
}

// finishOne ends one recipient, by index.
func (h *house) finishOne(id mail.ID, i int, s mail.Status) {
	h.t.Helper()
	err := h.st.Update(h.t.Context(), id, func(m *store.Message) ([]mail.Event, error) {
		m.Recipients[i].Status, m.Recipients[i].Changed, m.Recipients[i].Next = s, h.now, time.Time{}
		return nil, nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
}
