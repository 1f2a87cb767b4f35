package keeper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/notify"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/gateway/internal/store/badgerstore"
)

// BenchmarkSweep is a look through finished mail of which ten messages still have
// a body: WEIR_RECORDS of them, by default 100,000. It does not grow with them.
func BenchmarkSweep(b *testing.B) {
	n, _ := strconv.Atoi(os.Getenv("WEIR_RECORDS"))
	if n == 0 {
		n = 100_000
	}
	now := time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)
	o := badgerstore.Options{Dir: b.TempDir(), NoSync: true, Clock: func() time.Time { return now }, Logger: quiet, FreeWatermark: 1, BallastSize: -1}
	st, err := badgerstore.Open(o)
	if err != nil {
		b.Fatal(err)
	}
	to, err := mail.ParseAddress("you@acme.test")
	if err != nil {
		b.Fatal(err)
	}
	first := now.Add(-20 * day)
	for i := range n {
		at := first.Add(time.Duration(i) * 19 * day / time.Duration(n))
		m := &store.Message{ID: mail.NewID(at), Received: at, Direction: mail.Inbound, Size: 1234, Summary: store.Summary{Subject: fmt.Sprintf("message %d", i)},
			Recipients: []store.Recipient{{N: 1, Address: to, Tenant: "acme", Status: mail.StatusDelivered, Changed: at}}}
		if i%(n/10) == 0 {
			withBody(b, st, m)
			continue
		}
		st.Record(m, nil)
	}
	if err := errors.Join(st.Sync(b.Context()), st.Close()); err != nil {
		b.Fatal(err)
	}
	o.IndexDir = b.TempDir() // made at once, which is faster than to follow
	if st, err = badgerstore.Open(o); err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := st.Close(); err != nil {
			b.Error(err)
		}
	}()
	for end := time.Now().Add(10 * time.Minute); ; time.Sleep(time.Second) {
		is, err := st.IndexStatus(b.Context())
		if err == nil && is.Whole && is.Behind == 0 {
			break
		}
		if time.Now().After(end) {
			b.Fatalf("%+v, %v", is, err)
		}
	}
	k := New(Options{Store: st, Payer: &notify.Payer{Store: st}, Clock: fixed(now), Logger: quiet,
		Least: func() time.Duration { return 32 * day }, KeepBody: func(*store.Message) time.Duration { return 100 * day }})
	for b.Loop() {
		if _, err := k.pass(b.Context(), sweeping, k.sweep); err != nil {
			b.Fatal(err)
		}
	}
}

// withBody stores a finished message that keeps its body.
func withBody(b *testing.B, st store.Store, m *store.Message) {
	b.Helper()
	d, err := st.NewDraft(b.Context(), 0)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := io.WriteString(d, "Subject: hello\r\n\r\nbody\r\n"); err != nil {
		b.Fatal(err)
	}
	m.Recipients[0].Status = mail.StatusQueued
	_, err = st.Enqueue(b.Context(), &store.Admission{Message: m, Draft: d})
	if err == nil {
		err = st.Update(b.Context(), m.ID, func(m *store.Message) ([]mail.Event, error) {
			m.Recipients[0].Status = mail.StatusDelivered
			return nil, nil
		})
	}
	if err != nil {
		b.Fatal(err)
	}
}

// fixed is a time that does not pass.
type fixed time.Time

func (f fixed) Now() time.Time { return time.Time(f) }

func (f fixed) Wait(ctx context.Context, _ time.Duration) error { <-ctx.Done(); return ctx.Err() }
