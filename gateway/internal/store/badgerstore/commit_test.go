package badgerstore

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	badger "github.com/dgraph-io/badger/v4"
	"go.uber.org/goleak"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

func TestBatchesSplitWhenTooLarge(t *testing.T) {
	s := openTest(t, t.TempDir())
	defer s.Close()
	s.com.max = 1 << 40 // so that only Badger's own limit splits
	reason := noise(100 << 10)
	var wg sync.WaitGroup
	for i := range 60 { // 6 MB of records at once, 1.2 MB fit
		wg.Go(func() {
			to, _ := mail.ParseAddress("a@b.test")
			m := benchMessage(to, mail.StatusRejected)
			m.Recipients[0].Reason = reason
			m.Recipients[0].Tags = []string{fmt.Sprint(i)}
			if _, err := s.Enqueue(ctx, &store.Admission{Message: m, Events: []mail.Event{{Type: mail.EventRejection, Message: m.ID}}}); err != nil {
				t.Error(err)
				return
			}
			got, err := s.Get(ctx, m.ID)
			if err != nil || got.Recipients[0].Reason != reason || got.Recipients[0].Tags[0] != fmt.Sprint(i) {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	wg.Wait()
	seqs := 0
	must(t, s.view(func(txn *badger.Txn) error {
		return scan(ctx, txn, []byte{keyEvent}, func(*badger.Item) error { seqs++; return nil })
	}))
	if seqs != 60 || s.com.seq != 60 {
		t.Errorf("%d events, last number %d", seqs, s.com.seq)
	}
}

// noise is text that packs badly.
func noise(n int) string {
	b := make([]byte, n*3/4)
	_, _ = rand.Read(b)
	return base64.StdEncoding.EncodeToString(b)
}

func TestOneChangeTooLargeFailsAlone(t *testing.T) {
	s := openTest(t, t.TempDir())
	defer s.Close()
	to, _ := mail.ParseAddress("a@b.test")
	m := benchMessage(to, mail.StatusRejected)
	m.Recipients = nil
	for i := range 40 {
		m.Recipients = append(m.Recipients, store.Recipient{N: i + 1, Address: to, Status: mail.StatusRejected, Reason: noise(100 << 10)})
	}
	if _, err := s.Enqueue(ctx, &store.Admission{Message: m}); !errors.Is(err, badger.ErrTxnTooBig) {
		t.Fatalf("error is %v", err)
	}
	if _, err := s.Get(ctx, m.ID); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("a part of it is there: %v", err)
	}
	wantBody(t, s, enqueue(t, s, small, nil), small)
	// A single record must never reach Badger's value log.
	m = benchMessage(to, mail.StatusRejected)
	m.Recipients[0].Reason = strings.Repeat("x", maxRecord)
	if _, err := s.Enqueue(ctx, &store.Admission{Message: m}); err == nil {
		t.Error("an oversized record was taken")
	}
	if _, err := s.PutDoc(ctx, store.Doc{Kind: "k", Key: "k", JSON: make([]byte, maxRecord)}, 0); err == nil {
		t.Error("an oversized document was taken")
	}
}

func TestWaitersShareOneCommit(t *testing.T) {
	s := openTest(t, t.TempDir())
	defer s.Close()
	var commits atomic.Int32
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			var mine *batch
			err := s.com.commit(&op{write: func(b *batch) error {
				if b.doc == s.com.doc { // the first of its transaction
					commits.Add(1)
				}
				b.doc++
				mine = b
				return nil
			}})
			if err != nil || mine == nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := commits.Load(); n > 25 {
		t.Errorf("50 changes took %d commits", n)
	}
}

func TestAFailedCommitIsFatal(t *testing.T) {
	o := testOptions(t, t.TempDir())
	var fatal []error
	o.Fatal = func(err error) { fatal = append(fatal, err) }
	o.Logger = quiet
	s, err := open(o)
	must(t, err)
	id := enqueue(t, s, small, nil)
	must(t, s.db.Close()) // every commit fails from here on
	to, _ := mail.ParseAddress("a@b.test")
	for range 3 {
		m := benchMessage(to, mail.StatusRejected)
		m.ID = mail.NewID(time.Now())
		// Not Enqueue: reading from a closed Badger is none of the test's business.
		c, err := newChange(nil, m, nil, nil)
		must(t, err)
		if err := s.com.commit(&op{write: func(b *batch) error { return c.apply(b) }}); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("commit: %v", err)
		}
	}
	if len(fatal) != 1 {
		t.Errorf("fatal was called %d times: %v", len(fatal), fatal)
	}
	if err := s.Admit(ctx, 1); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("admit: %v", err)
	}
	if _, err := s.NewDraft(ctx, 1); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("new draft: %v", err)
	}
	if err := s.Sync(ctx); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("sync: %v", err)
	}
	s.Record(nil, nil, mail.Event{})
	s.Close()
	s = openTest(t, o.Dir)
	defer s.Close()
	wantBody(t, s, id, small)
}

func TestCloseEndsEverything(t *testing.T) {
	before := goleak.IgnoreCurrent()
	s := openTest(t, t.TempDir())
	enqueue(t, s, small, nil)
	enqueue(t, s, large, nil)
	must(t, s.Close())
	must(t, s.Close())
	goleak.VerifyNone(t, before)
}

func TestTwoHundredThousandQueued(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a large index")
	}
	x := newIndex(1)
	now := time.Now().UnixNano()
	const messages, hops = 200_000, 2000
	for i := range messages {
		id := mail.DeriveID(mail.ID{}, time.Unix(0, now), fmt.Sprint(i))
		x.put(id, &state{rcpts: []rcptState{{n: 1, status: mail.StatusQueued, next: now - int64(i), hop: fmt.Sprintf("hop%d:25", i%hops), tenant: "acme"}}})
	}
	start := time.Now()
	seen := map[string]int{}
	const claims = 20_000
	for n := 0; n < claims; n += 10 {
		for _, l := range x.claim(now, now+int64(time.Minute), store.ClaimRequest{Limit: 10, PerHop: 100}) {
			seen[l.hops[0]]++
		}
	}
	took := time.Since(start)
	if len(seen) != hops {
		t.Fatalf("%d next hops were served", len(seen))
	}
	for h, n := range seen {
		if n != claims/hops {
			t.Fatalf("%s was served %d times, want %d", h, n, claims/hops)
		}
	}
	if per := took / claims; per > 200*time.Microsecond { // measured 0.6 µs
		t.Errorf("a claim took %v", per)
	}
	t.Logf("%v a claim", took/claims)
}
