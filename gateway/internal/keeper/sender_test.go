package keeper

import (
	"testing"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/notify"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Held mail that ends undecided: a sender that is known to be who it says is
// told, anybody else is not; nor one that asked not to be, nor of spam.
func TestB136_B137_senders_hear_of_held_mail_that_ended(t *testing.T) {
	for _, c := range []struct {
		name, sender string
		dir          mail.Direction
		shape        func(m *store.Message)
		told         bool
	}{
		{"outgoing", "me@acme.test", mail.Outbound, nil, true},
		{"incoming", "x@far.test", mail.Inbound, nil, false},
		{"from_another_tenant", "x@other.test", mail.Inbound, func(m *store.Message) { m.Client.Direction = mail.Outbound }, true},
		{"null_path", "", mail.Outbound, nil, false},
		{"never", "me@acme.test", mail.Outbound, func(m *store.Message) { m.Recipients[0].DSN.Notify = mail.NotifyNever }, false},
		{"success_only", "me@acme.test", mail.Outbound, func(m *store.Message) { m.Recipients[0].DSN.Notify = mail.NotifySuccess }, false},
		{"spam", "me@acme.test", mail.Outbound, func(m *store.Message) { m.Recipients[0].Class.Main = "spam" }, false},
		{"a_notice", "me@acme.test", mail.Outbound, func(m *store.Message) { m.Kind = "notice" }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t, Options{Known: func(m *store.Message) bool {
				return m.Direction == mail.Outbound || m.Client.Direction == mail.Outbound
			}})
			id := h.put(c.dir, c.sender, "a@far.test stalled")
			if c.shape != nil {
				err := h.st.Update(t.Context(), id, func(m *store.Message) ([]mail.Event, error) { c.shape(m); return nil, nil })
				if err != nil {
					t.Fatal(err)
				}
			}
			h.now = h.now.Add(8 * day)
			h.pass()
			if told := len(h.dsns()) == 1; told != c.told {
				t.Errorf("told: %v", told)
			}
			if m := h.get(id); notify.Owes(m) || m.Recipients[0].Status != mail.StatusQuarantineExpired {
				t.Errorf("%+v", m)
			}
		})
	}
}

// A crash between a stall and its notice leaves the debt; the keeper pays it.
func TestB145_notice_of_a_stall_survives_a_crash(t *testing.T) {
	h := newHouse(t, Options{})
	h.o.Payer.Admins = func(_, kind string) []mail.Address { return []mail.Address{addr(t, kind+"@acme.test")} }
	id := h.put(mail.Inbound, "x@far.test", "a@acme.test stalled")
	err := h.st.Update(t.Context(), id, func(m *store.Message) ([]mail.Event, error) {
		notify.OweKind(&m.Recipients[0], notify.KindStalled, "", h.now)
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if st := h.pass(); st.Notified != 0 {
		t.Errorf("who took it may be about to: %+v", st)
	}
	h.now = h.now.Add(settle)
	if st := h.pass(); st.Notified != 1 || notify.Owes(h.get(id)) || h.get(id).Recipients[0].Status != mail.StatusStalled {
		t.Errorf("%+v", st)
	}
	if st := h.pass(); st.Notified != 0 {
		t.Errorf("again: %+v", st)
	}
}
