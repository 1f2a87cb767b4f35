package actions

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

// hold has a filter hold the first recipient of a message until later.
func (h *house) hold(id mail.ID) {
	h.t.Helper()
	err := h.st.Update(h.t.Context(), id, func(m *store.Message) ([]mail.Event, error) {
		r := &m.Recipients[0]
		r.Unjudged, r.Next = true, h.now.Add(time.Hour)
		r.Hold = &store.Hold{Until: r.Next, Filter: "base.sandbox", Since: h.now, Count: 1}
		return nil, nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

// What a filter holds is delivered, scanned again or removed; mail that is
// merely accepted is not delivered past the filters.
func TestVerbsOnMailAFilterHolds(t *testing.T) {
	h := newHouse(t)
	for verb, want := range map[lifecycle.Verb]func(store.Recipient) bool{
		lifecycle.Deliver: func(r store.Recipient) bool {
			return r.Status == mail.StatusQueued && !r.Unjudged && r.Origin == mail.StatusReleased && r.Hold == nil && r.Next.Equal(h.now)
		},
		lifecycle.RetryStalled: func(r store.Recipient) bool {
			return r.Status == mail.StatusAccepted && r.Unjudged && r.Hold != nil && r.Hold.Count == 1 && r.Next.Equal(h.now)
		},
		lifecycle.Remove: func(r store.Recipient) bool { return r.Status == mail.StatusQueueRemoved && r.Hold == nil },
	} {
		m := h.put(mail.Inbound, "s@elsewhere.test", "a@acme.test accepted", "b@acme.test accepted")
		h.hold(m.ID)
		h.do(admin, verb, rid(m, 1))
		if r := h.rcpt(m.ID, 1); !want(r) {
			t.Errorf("%s: %+v", verb, r)
		}
		if verb == lifecycle.Remove {
			continue
		}
		if res := h.do(admin, verb, rid(m, 2)); res.Changed != 0 || !strings.Contains(res.Items[0].Error, "no filter holds it") {
			t.Errorf("%s of mail that no filter holds: %+v", verb, res)
		}
	}
}

// Plugins are told what a verb did to held mail, after it is durable, and of
// nothing else.
func TestVerbsAreTold(t *testing.T) {
	h := newHouse(t)
	var heard []string
	h.Told = func(m *store.Message, ns []int, name, actor string) {
		heard = append(heard, fmt.Sprint(name, ns, actor, h.rcpt(m.ID, ns[0]).Status == m.Recipients[ns[0]-1].Status))
	}
	for _, c := range []struct {
		verb   lifecycle.Verb
		status string
		want   string
	}{
		{lifecycle.Release, "quarantined", "released[1 2]roottrue"},
		{lifecycle.RemoveQuarantined, "quarantined", "removed[1 2]roottrue"},
		{lifecycle.Force, "stalled", "forced[1 2]roottrue"},
		{lifecycle.RetryStalled, "stalled", "retried[1 2]roottrue"},
		{lifecycle.DeleteStalled, "stalled", "removed[1 2]roottrue"},
		{lifecycle.Retry, "queued", ""},
		{lifecycle.Remove, "queued", ""},
	} {
		heard = nil
		m := h.put(mail.Inbound, "s@elsewhere.test", "a@acme.test "+c.status, "b@acme.test "+c.status)
		if _, err := h.Do(t.Context(), admin, c.verb, Selection{IDs: []string{m.ID.String()}}, Args{Confirmed: true, DryRun: true}); err != nil || len(heard) > 0 {
			t.Errorf("%s, only rehearsed: %v, %v", c.verb, heard, err)
		}
		h.do(scope.Admin("root"), c.verb, m.ID.String())
		if got := strings.Join(heard, "; "); got != c.want {
			t.Errorf("%s of %s: told %q, want %q", c.verb, c.status, got, c.want)
		}
	}
	heard = nil
	m := h.put(mail.Inbound, "s@elsewhere.test", "a@acme.test accepted")
	h.hold(m.ID)
	h.do(admin, lifecycle.Deliver, m.ID.String())
	if got := strings.Join(heard, "; "); got != "released[1]roottrue" {
		t.Errorf("told %q", got)
	}
}
