package queue

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/deliver"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// gated is an engine whose own limits keep one next hop back.
type gated struct {
	Engine
	mu    sync.Mutex
	hop   string
	hold  time.Duration
	most  int // attempts at a time to any hop
	asked int
}

func (g *gated) Room(hop string) (int, string, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if hop == g.hop {
		g.asked++
	}
	return g.most, "", hop != g.hop
}

func (g *gated) Held(hop string) (time.Duration, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.hold, hop == g.hop
}

func (g *gated) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hop = ""
}

func (g *gated) times() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.asked
}

// A hop that our own limits keep back for a moment is left alone, which costs
// nobody anything; others go on, and it goes on when there is room (B89).
func TestB89_hop_without_room_is_left_alone(t *testing.T) {
	t.Parallel()
	held, other := newDest(t, nil), newDest(t, nil)
	b := newBench(t, 2, 2, benchTenant("acme", route(held)), benchTenant("other", route(other)))
	g := &gated{hop: held.addr, hold: time.Second}
	b.wrap = func(e Engine) Engine { g.Engine = e; return g }
	waits := b.put("acme", "r@acme.test", nil)
	var goes []mail.ID
	for range 5 {
		goes = append(goes, b.put("other", "r@other.test", nil))
	}
	b.start(&judges{}, 0)
	for _, id := range goes {
		b.until(id, "delivered", is(mail.StatusDelivered))
	}
	for limit := time.Now().Add(10 * time.Second); g.times() < 2; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("the hop is not asked about again")
		}
	}
	m, err := b.st.Get(t.Context(), waits)
	if err != nil {
		t.Fatal(err)
	}
	if r := m.Recipients[0]; m.Rev != 1 || r.Attempts != 0 || r.Throttled || held.taken.Load() != 0 {
		t.Errorf("it was touched: revision %d, %+v", m.Rev, r)
	}
	g.open()
	b.until(waits, "delivered once there is room", is(mail.StatusDelivered))
}

// Mail that an operator's suspension keeps back is looked at from time to time: it
// ends when its time is over, and not when somebody ends the suspension (B89, B105).
func TestB105_mail_for_a_suspended_destination_ends(t *testing.T) {
	t.Parallel()
	d := newDest(t, nil)
	b := newBench(t, 2, 2, benchTenant("acme", route(d)))
	b.wrap = func(e Engine) Engine {
		e.(*deliver.Engine).Suspend(deliver.Suspension{Name: d.addr})
		return e
	}
	ends := b.put("acme", "r@acme.test", func(m *store.Message) {
		m.Received = time.Now().Add(-40 * 24 * time.Hour)
		m.Recipients[0].Next = time.Now().Add(-longHold - time.Minute)
	})
	waits := b.put("acme", "r@acme.test", nil)
	b.start(&judges{}, 0)
	b.until(ends, "expired", is(mail.StatusQueueExpired))
	m, err := b.st.Get(t.Context(), waits)
	if err != nil {
		t.Fatal(err)
	}
	if m.Rev != 1 {
		t.Errorf("what has just come was touched: %+v", m.Recipients[0])
	}
}

// What an operator resumes is looked at at once, and not when the time is over for
// which it was left alone (B89).
func TestB89_a_resumed_hop_goes_on_at_once(t *testing.T) {
	t.Parallel()
	d := newDest(t, nil)
	b := newBench(t, 2, 2, benchTenant("acme", route(d)))
	g := &gated{hop: d.addr, hold: shortHold}
	b.wrap = func(e Engine) Engine { g.Engine = e; return g }
	id := b.put("acme", "r@acme.test", nil)
	b.start(&judges{}, 0)
	for limit := time.Now().Add(10 * time.Second); g.times() < 1; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("the hop is not asked about")
		}
	}
	g.open()
	b.w.Again()
	b.until(id, "delivered", is(mail.StatusDelivered)) // which waits 15 s, where it would be left alone for 20
}

// Mail is claimed for no more attempts than there is room for: of a destination
// that was in trouble one message finds out how it is, and nothing is written of
// the others (B89).
func TestB89_no_more_is_claimed_than_there_is_room_for(t *testing.T) {
	t.Parallel()
	goOn := make(chan struct{})
	d := newDest(t, func(verb, _ string) string {
		if verb == "MAIL" {
			<-goOn
		}
		return ""
	})
	b := newBench(t, 8, 8, benchTenant("acme", route(d)))
	g := &gated{most: 1}
	b.wrap = func(e Engine) Engine { g.Engine = e; return g }
	var ids []mail.ID
	for range 6 {
		ids = append(ids, b.put("acme", "r@acme.test", nil))
	}
	b.start(&judges{}, 0)
	d.hears(t, "MAIL")
	time.Sleep(50 * time.Millisecond) // for what should not come
	for _, id := range ids {
		m, err := b.st.Get(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if r := m.Recipients[0]; m.Rev != 1 || r.Throttled {
			t.Errorf("it was touched: revision %d, %+v", m.Rev, r)
		}
	}
	close(goOn)
	for _, id := range ids {
		b.until(id, "delivered in turn", is(mail.StatusDelivered))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.most != 1 {
		t.Errorf("%d transactions at one time, want 1", d.most)
	}
}

// An operator's retry is tried although our own limits keep its hop back (B47).
func TestB47_retry_goes_past_what_keeps_a_hop_back(t *testing.T) {
	t.Parallel()
	d := newDest(t, nil)
	b := newBench(t, 2, 2, benchTenant("acme", route(d)))
	g := &gated{hop: d.addr, hold: time.Second}
	b.wrap = func(e Engine) Engine { g.Engine = e; return g }
	waits := b.put("acme", "r@acme.test", nil)
	asked := b.put("acme", "s@acme.test", func(m *store.Message) { m.Recipients[0].Manual = true })
	b.start(&judges{}, 0)
	b.until(asked, "delivered", is(mail.StatusDelivered))
	m, err := b.st.Get(t.Context(), waits)
	if err != nil {
		t.Fatal(err)
	}
	if r := m.Recipients[0]; m.Rev != 1 || r.Status != mail.StatusQueued {
		t.Errorf("the other one was touched: revision %d, %+v", m.Rev, r)
	}
}

// Destinations of one tenant that do not answer never take all workers:
// another tenant's mail is delivered meanwhile.
func TestB89_hanging_destinations_of_a_tenant_leave_workers_to_others(t *testing.T) {
	t.Parallel()
	stop := make(chan struct{})
	var hosts []*dest
	var tenants []string
	for i := range 8 {
		d := newDest(t, func(verb, _ string) string {
			if verb == "MAIL" {
				<-stop
			}
			return ""
		})
		hosts = append(hosts, d)
		tenants = append(tenants, fmt.Sprintf("route \"h%d\" {\n  hosts = [%q]\n  tls   = \"none\"\n}\nvia \"h%d\" {\n  recipient = [\"*@h%d.test\"]\n  route     = route.h%d\n}\n", i, d.addr, i, i, i))
	}
	well := newDest(t, nil)
	b := newBench(t, 4, 4, append(tenants, benchTenant("flood", ""), benchTenant("other", route(well)))...)
	for i := range hosts {
		b.put("flood", fmt.Sprintf("r@h%d.test", i), func(m *store.Message) {
			m.Direction, m.Sender = mail.Outbound, address(t, "s@flood.test")
		})
	}
	b.start(&judges{}, 0)
	t.Cleanup(func() { close(stop) }) // before the worker is stopped
	busy := func() (n int) {
		for _, d := range hosts {
			d.mu.Lock()
			n += d.open
			d.mu.Unlock()
		}
		return n
	}
	for limit := time.Now().Add(10 * time.Second); busy() < 3; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("%d attempts hang, want 3", busy())
		}
	}
	for range 5 {
		b.until(b.put("other", "r@other.test", nil), "delivered beside what hangs", is(mail.StatusDelivered))
	}
	if n := busy(); n != 3 {
		t.Errorf("%d of 4 workers are at the tenant's hosts, want 3", n)
	}
}
