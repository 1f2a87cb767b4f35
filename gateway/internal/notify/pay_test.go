package notify

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/gateway/internal/store/badgerstore"
)

// till is a store with one message, and a Payer over it.
type till struct {
	t  *testing.T
	st store.Store
	*Payer
}

func newTill(t *testing.T) *till {
	t.Helper()
	st, err := badgerstore.Open(badgerstore.Options{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler), FreeWatermark: 1, BallastSize: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return &till{t: t, st: st, Payer: &Payer{
		Store: st, Hostname: func() string { return "mx.weir.test" }, Clock: func() time.Time { return t0.Add(time.Hour) },
		Admins: func(tenant, kind string) []mail.Address { return []mail.Address{addr(t, kind+"@acme.test")} },
	}}
}

func (l *till) put(m *store.Message) {
	l.t.Helper()
	d, err := l.st.NewDraft(l.t.Context(), 0)
	if err != nil {
		l.t.Fatal(err)
	}
	defer d.Discard()
	if _, err := io.WriteString(d, originalText); err != nil {
		l.t.Fatal(err)
	}
	if _, err := l.st.Enqueue(l.t.Context(), &store.Admission{Message: m, Draft: d}); err != nil {
		l.t.Fatal(err)
	}
}

// made are the notices in the store, as "kind recipient".
func (l *till) made() map[mail.ID]string {
	l.t.Helper()
	rows, _, err := l.st.Search(l.t.Context(), query.OneOf("kind", KindDSN, KindNotice), "", 100)
	if err != nil {
		l.t.Fatal(err)
	}
	out := map[mail.ID]string{}
	for _, r := range rows {
		out[r.Message.ID] = r.Message.Kind + " " + r.Recipient.Address.String() + " " + r.Message.Summary.Subject
	}
	return out
}

// forgetful is a store that dies between the notice and its record's debt.
type forgetful struct{ store.Store }

var errDied = errors.New("died")

func (forgetful) Update(context.Context, mail.ID, func(*store.Message) ([]mail.Event, error)) error {
	return errDied
}

// What is owed is made once each, also when the gateway dies behind it and the
// recipient has moved on in between.
func TestDebtsArePaidOnce(t *testing.T) {
	l := newTill(t)
	m := original(t)
	m.Recipients[0].Status, m.Recipients[1].Status = mail.StatusBounced, mail.StatusQueued
	m.Recipients[1].Next = t0
	Owe(&m.Recipients[0], "", "")
	OweKind(&m.Recipients[1], KindExpanded, "", t0)
	OweKind(&m.Recipients[1], KindStalled, "", t0)
	l.put(m)
	broken := *l.Payer
	broken.Store = forgetful{l.st}
	if err := broken.Pay(t.Context(), m.ID); !errors.Is(err, errDied) {
		t.Fatal(err)
	}
	first := l.made()
	if len(first) != 3 {
		t.Fatalf("%v", first)
	}
	if got, err := l.st.Get(t.Context(), m.ID); err != nil || !Owes(got) {
		t.Fatal("the debt went with the crash", err)
	}
	err := l.st.Update(t.Context(), m.ID, func(m *store.Message) ([]mail.Event, error) { // it is tried on
		m.Recipients[1].Attempts, m.Recipients[1].Changed = 9, t0.Add(2*time.Hour)
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := l.Pay(t.Context(), m.ID); err != nil {
			t.Fatal(err)
		}
	}
	if again := l.made(); len(again) != 3 {
		t.Errorf("made twice: %v", again)
	}
	if got, err := l.st.Get(t.Context(), m.ID); err != nil || Owes(got) || !got.HasBody {
		t.Errorf("%+v %v", got, err)
	}
}

// A debt as the first release wrote it is understood.
func TestDebtOfAnEarlierRelease(t *testing.T) {
	r := store.Recipient{Notes: map[string]string{"_.dsn": "removed root of all"}}
	d := debts(&r)["_.dsn"]
	if d.kind != KindFailed || d.cause != CauseRemoved || d.actor != "root of all" || !d.since.IsZero() {
		t.Errorf("%+v", d)
	}
	OweKind(&r, KindRelayed, "", t0)
	if d := debts(&r)["_.dsn.relayed"]; d.kind != KindRelayed || !d.since.Equal(t0) || d.cause != "" {
		t.Errorf("%+v", d)
	}
	if kept := KeepDebts(r.Notes, map[string]string{"x.a": "b"}); len(kept) != 3 {
		t.Errorf("%v", kept)
	}
	Forgive(&r)
	if ds := debts(&r); len(ds) != 1 || ds["_.dsn.relayed"].kind != KindRelayed {
		t.Errorf("%v", ds)
	}
}

// Administrators hear of many ends in one notice, and of each once.
func TestB136_B137_OneNoticeOfManyEnds(t *testing.T) {
	l := newTill(t)
	var all []Ended
	for i := range 3 {
		m := original(t)
		m.ID = mail.NewID(t0.Add(time.Duration(i) * time.Second))
		m.Recipients = m.Recipients[:1]
		m.Recipients[0].Status = mail.StatusQuarantineExpired
		OweKind(&m.Recipients[0], KindExpired, CauseHeld, t0)
		l.put(m)
		all = append(all, Ended{m, m.Recipients})
	}
	for range 2 {
		if err := l.Expired(t.Context(), "acme", all); err != nil {
			t.Fatal(err)
		}
	}
	made := l.made()
	if len(made) != 1 {
		t.Fatalf("%v", made)
	}
	for _, what := range made {
		if what != "notice expired@acme.test Mail that has ended undelivered: 3" {
			t.Errorf("%s", what)
		}
	}
	for _, e := range all {
		if m, err := l.st.Get(t.Context(), e.Message.ID); err != nil || Owes(m) || m.HasBody {
			t.Errorf("%+v %v", m, err)
		}
	}
}
