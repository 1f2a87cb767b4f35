package keeper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/notify"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/gateway/internal/store/badgerstore"
)

const day = 24 * time.Hour

// house is a store whose time the test moves.
type house struct {
	t   *testing.T
	st  store.Store
	now time.Time
	*Keeper
}

func (h *house) Now() time.Time { return h.now }

func (h *house) Wait(ctx context.Context, d time.Duration) error {
	return errors.New("not in this test")
}

var quiet = slog.New(slog.DiscardHandler)

func newHouse(t *testing.T, o Options) *house {
	t.Helper()
	h := &house{t: t, now: time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)}
	st, err := badgerstore.Open(badgerstore.Options{Dir: t.TempDir(), Clock: h.Now, Logger: quiet, FreeWatermark: 1, BallastSize: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	h.st = st
	o.Store, o.Logger = st, quiet
	if o.Clock == nil {
		o.Clock = h
	}
	o.Payer = &notify.Payer{Store: st, Hostname: func() string { return "mx.weir.test" }, Clock: h.Now}
	h.Keeper = New(o)
	return h
}

func addr(t *testing.T, s string) mail.Address {
	t.Helper()
	if s == "" {
		return mail.Address{}
	}
	a, err := mail.ParseAddress(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// put stores a message; recipients are "address status", held ones with 7
// days to go.
func (h *house) put(dir mail.Direction, sender string, rcpts ...string) mail.ID {
	h.t.Helper()
	m := &store.Message{ID: mail.NewID(h.now), Direction: dir, Received: h.now, Sender: addr(h.t, sender), HasBody: true}
	live := false
	for i, r := range rcpts {
		a, s, _ := strings.Cut(r, " ")
		rc := store.Recipient{N: i + 1, Address: addr(h.t, a), Tenant: strings.Split(strings.Split(a, "@")[1], ".")[0], Status: mail.Status(s), Changed: h.now}
		if rc.Status.Held() {
			rc.Expires = h.now.Add(7 * day)
		}
		if rc.Status.Due() {
			rc.Next = h.now
		}
		live = live || rc.Status.Live()
		m.Recipients = append(m.Recipients, rc)
	}
	if !live {
		m.HasBody = false
		h.st.Record(m, nil)
		if err := h.st.Sync(h.t.Context()); err != nil {
			h.t.Fatal(err)
		}
		return m.ID
	}
	d, err := h.st.NewDraft(h.t.Context(), 0)
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := io.WriteString(d, "Subject: hello\r\n\r\nbody\r\n"); err != nil {
		h.t.Fatal(err)
	}
	if _, err := h.st.Enqueue(h.t.Context(), &store.Admission{Message: m, Draft: d}); err != nil {
		h.t.Fatal(err)
	}
	return m.ID
}

func (h *house) pass() Stats {
	h.t.Helper()
	st, more, err := h.Pass(h.t.Context())
	if err != nil || more || st.Errors != 0 {
		h.t.Fatalf("%+v more=%v %v", st, more, err)
	}
	return st
}

func (h *house) get(id mail.ID) *store.Message {
	h.t.Helper()
	m, err := h.st.Get(h.t.Context(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	return m
}

func (h *house) dsns() []store.Row {
	h.t.Helper()
	rows, _, err := h.st.Search(h.t.Context(), query.Where("kind", query.Is, "dsn"), "", 10)
	if err != nil {
		h.t.Fatal(err)
	}
	return rows
}

func TestHeldMailExpires(t *testing.T) {
	h := newHouse(t, Options{})
	in := h.put(mail.Inbound, "x@far.test", "a@acme.test quarantined", "b@acme.test stalled", "c@acme.test queued")
	out := h.put(mail.Outbound, "a@acme.test", "x@far.test stalled")
	null := h.put(mail.Outbound, "", "x@far.test stalled")
	h.now = h.now.Add(7*day - time.Second)
	if st := h.pass(); st.Expired != 0 {
		t.Fatalf("too early: %+v", st)
	}
	h.now = h.now.Add(time.Second)
	if st := h.pass(); st.Expired != 4 {
		t.Fatalf("%+v", st)
	}
	m := h.get(in)
	if m.Recipients[0].Status != mail.StatusQuarantineExpired || m.Recipients[1].Status != mail.StatusQuarantineExpired || m.Recipients[2].Status != mail.StatusQueued || !m.HasBody {
		t.Errorf("%+v", m)
	}
	es, err := h.st.Events(t.Context(), in)
	if err != nil || len(es) != 2 || es[0].Type != mail.EventExpiration || es[0].Status != mail.StatusQuarantineExpired || es[0].Text != "nobody decided while it was quarantined" {
		t.Errorf("%+v %v", es, err)
	}
	for _, id := range []mail.ID{out, null} {
		if m := h.get(id); m.HasBody || m.Recipients[0].Status != mail.StatusQuarantineExpired || notify.Owes(m) {
			t.Errorf("%+v", m)
		}
	}
	rows := h.dsns()
	if len(rows) != 1 || rows[0].Message.Parent != out || rows[0].Recipient.Address.String() != "a@acme.test" {
		t.Errorf("only our own sender is told: %+v", rows)
	}
	if st := h.pass(); st.Expired != 0 {
		t.Errorf("again: %+v", st)
	}
}

func TestRecordsGoByTheirTenantsTime(t *testing.T) {
	h := newHouse(t, Options{Retain: func(tenant string) time.Duration {
		return map[string]time.Duration{"short": 2 * day, "long": 40 * day, "none": 0}[tenant]
	}})
	short := h.put(mail.Inbound, "x@far.test", "a@short.test delivered")
	both := h.put(mail.Inbound, "x@far.test", "a@short.test delivered", "a@long.test rejected")
	none := h.put(mail.Inbound, "x@far.test", "a@none.test delivered")
	live := h.put(mail.Inbound, "x@far.test", "a@short.test delivered", "b@short.test queued")
	gone := func(id mail.ID) bool {
		_, err := h.st.Get(t.Context(), id)
		return errors.Is(err, store.ErrNotFound)
	}
	for _, c := range []struct {
		after time.Duration
		want  string
	}{{23 * time.Hour, "false false false"}, {25 * time.Hour, "false false true"}, {2*day + time.Hour, "true false true"}, {39 * day, "true false true"}, {41 * day, "true true true"}} {
		h.now = time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC).Add(c.after)
		h.pass()
		if got := fmt.Sprint(gone(short), gone(both), gone(none)); got != c.want || gone(live) {
			t.Errorf("after %v: %s, want %s; live gone: %v", c.after, got, c.want, gone(live))
		}
	}
}

// finish ends the one recipient of a message and leaves its body.
func (h *house) finish(id mail.ID, s mail.Status, owe bool) {
	h.t.Helper()
	err := h.st.Update(h.t.Context(), id, func(m *store.Message) ([]mail.Event, error) {
		r := &m.Recipients[0]
		r.Status, r.Changed = s, h.now
		if owe {
			notify.Owe(r, notify.CauseRemoved, "root")
		}
		return nil, nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

func TestBodiesAndDebtsOfFinishedMail(t *testing.T) {
	h := newHouse(t, Options{KeepBody: func(m *store.Message) time.Duration {
		if m.Recipients[0].Status == mail.StatusDeliveryFailed {
			return 3 * day
		}
		return 0
	}})
	delivered := h.put(mail.Inbound, "x@far.test", "a@acme.test queued")
	failed := h.put(mail.Inbound, "x@far.test", "b@acme.test queued")
	owed := h.put(mail.Inbound, "x@far.test", "c@acme.test queued")
	h.finish(delivered, mail.StatusDelivered, false)
	h.finish(failed, mail.StatusDeliveryFailed, false)
	h.finish(owed, mail.StatusQueueBounced, true)
	if st := h.pass(); st.Bodies != 0 || st.Notified != 0 {
		t.Fatalf("whoever finished it is not done yet: %+v", st)
	}
	h.now = h.now.Add(time.Hour)
	if st := h.pass(); st.Bodies != 1 || st.Notified != 1 {
		t.Fatalf("%+v", st)
	}
	if h.get(delivered).HasBody || !h.get(failed).HasBody || h.get(owed).HasBody || notify.Owes(h.get(owed)) {
		t.Error("wrong bodies are kept")
	}
	if rows := h.dsns(); len(rows) != 1 || rows[0].Message.Parent != owed {
		t.Errorf("%+v", rows)
	}
	h.now = h.now.Add(3 * day)
	h.pass()
	if h.get(failed).HasBody {
		t.Error("kept too long")
	}
}

func TestBatches(t *testing.T) {
	h := newHouse(t, Options{Batch: 2})
	for range 5 {
		h.now = h.now.Add(time.Millisecond)
		h.put(mail.Inbound, "x@far.test", "a@acme.test stalled")
	}
	h.now = h.now.Add(8 * day)
	total := 0
	for i := range 3 {
		st, more, err := h.Pass(t.Context())
		if err != nil || more != (i < 2) {
			t.Fatalf("pass %d: more=%v %v", i, more, err)
		}
		total += st.Expired
	}
	if total != 5 || h.Stats().Expired != 5 {
		t.Errorf("%d expired, %+v", total, h.Stats())
	}
}

// steps is a clock that lets Run take n waits.
type steps struct {
	*house
	n     int
	waits []time.Duration
	stop  context.CancelCauseFunc
}

var errEnough = errors.New("enough")

func (s *steps) Wait(ctx context.Context, d time.Duration) error {
	s.waits = append(s.waits, d)
	if s.n--; s.n == 0 {
		s.stop(errEnough)
		return ctx.Err()
	}
	s.now = s.now.Add(d)
	return nil
}

func TestRun(t *testing.T) {
	ctx, stop := context.WithCancelCause(t.Context())
	s := &steps{n: 64, stop: stop}
	s.house = newHouse(t, Options{Clock: s, Batch: 1})
	for range 3 {
		s.now = s.now.Add(time.Millisecond)
		s.put(mail.Inbound, "x@far.test", "a@acme.test stalled")
	}
	s.now = s.now.Add(8 * day)
	if err := s.Keeper.Run(ctx); !errors.Is(err, errEnough) {
		t.Fatal(err)
	}
	st := s.Stats()
	if st.Expired != 3 || s.waits[0] != time.Second || s.waits[len(s.waits)-1] != time.Minute {
		t.Errorf("%+v, waits %v", st, s.waits[:5])
	}
	if sweeps := st.Passes - 64; sweeps < 2 || sweeps > 6 {
		t.Errorf("%d sweeps in an hour", sweeps)
	}
}
