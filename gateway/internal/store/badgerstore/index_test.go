package badgerstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/gateway/internal/store/sqlindex"
)

// openQuick opens a store with an index that syncs nothing.
func openQuick(t testing.TB, dir string) *Store {
	t.Helper()
	o := testOptions(t, dir)
	o.IndexDir, o.Logger, o.NoSync = filepath.Join(dir, "index"), quiet, true
	s, err := open(o)
	must(t, err)
	return s
}

// whole waits until the index can be used.
func whole(t testing.TB, s *Store) {
	t.Helper()
	waitFor(t, "the search index to be whole", func() bool {
		st, err := s.IndexStatus(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return st.Whole && st.Behind == 0
	})
}

// compare asks the index and the record the same, and tells what differs.
func compare(t testing.TB, s *Store, texts ...string) (rows int) {
	t.Helper()
	for _, text := range texts {
		f, err := query.Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		whole(t, s)
		match, err := query.Compile(f, s.now())
		must(t, err)
		p := &page{match: match, limit: maxRows}
		must(t, s.view(func(txn *badger.Txn) error { return p.scan(ctx, txn) }))
		var got []store.Row
		for pos := (sqlindex.Position{}); ; {
			q := store.Query{Filter: f, Limit: 17}
			found, err := s.indexed(ctx, q, match, pos)
			must(t, err)
			got = append(got, found.Rows...)
			if found.Next == "" {
				break
			}
			pos.ID, pos.N, err = parseCursor(found.Next)
			must(t, err)
		}
		key := func(rows []store.Row) (out []string) {
			for _, r := range rows {
				out = append(out, fmt.Sprint(r.Message.ID, ".", r.Recipient.N))
			}
			return out
		}
		if a, b := key(got), key(p.rows); !slices.Equal(a, b) {
			t.Fatalf("%s: the index finds %d rows, the record has %d\n%v\n%v", text, len(a), len(b), a, b)
		}
		rows += len(got)
	}
	return rows
}

var asked = []string{
	"", "status:delivered", "status:queued", "status:queued,queue-frozen", "-status:delivered", "tenant:acme", "tenant:beta status:queued", "direction:outbound", "sender:ann@far.test", "sender_domain:far.test",
	"recipient:x@dest.test", "recipient_domain:dest.test tenant:beta", "owner_domain:far.test,dest.test", "subject:hello", "subject:wor tenant:acme", "subject:xy", "class:spam", "main:spam direction:inbound",
	"client:192.0.2.0/24", "client:192.0.2.7", "after:-1h", "before:-10m", "after:-1h before:-10m", "(tenant:acme subject:hello) or status:bounced", "score:>3", "tag:a", "sender:*@far.test", "hello", "recipient:*@dest.test -tenant:acme",
}

// work does n things to the store at random, as the gateway does them.
func workAtRandom(t testing.TB, s *Store, seed uint64, n int) {
	r := rand.New(rand.NewPCG(seed, 1))
	pick := func(vs ...string) string { return vs[r.IntN(len(vs))] }
	address := func(a string) mail.Address {
		if a == "" {
			return mail.Address{}
		}
		out, err := mail.ParseAddress(a)
		if err != nil {
			t.Error(err)
		}
		return out
	}
	var ids []mail.ID
	for range n {
		switch k := r.IntN(10); {
		case k < 4:
			at := time.Now().Add(-time.Duration(r.IntN(7200)) * time.Second)
			m := &store.Message{
				ID: mail.NewID(at), Received: at, Direction: mail.Direction(pick("inbound", "outbound")), Sender: address(pick("", "ann@far.test", "Bob@far.test", "c@near.test")),
				Summary: store.Summary{Subject: pick("Hello World", "hello", "Grüße", "")},
			}
			live := r.IntN(2) == 0
			for i := range 1 + r.IntN(3) {
				st := mail.Status(pick("delivered", "rejected", "bounced"))
				if live {
					st = mail.StatusQueued
				}
				m.Recipients = append(m.Recipients, store.Recipient{N: i + 1, Address: address(pick("x@dest.test", "y@other.test")), Tenant: pick("acme", "beta"), Status: st, Changed: at, Score: float64(r.IntN(7)),
					Class: mail.Class{Main: pick("", "spam", "list")}, Tags: []string{pick("a", "b")}, NextHop: "h", Next: at})
			}
			if !live {
				s.Record(m, nil)
				ids = append(ids, m.ID)
				continue
			}
			d, err := s.NewDraft(ctx, 10)
			if err == nil {
				_, _ = d.Write([]byte("Subject: x\r\n\r\n"))
				_, err = s.Enqueue(ctx, &store.Admission{Message: m, Draft: d})
				d.Discard()
			}
			if err != nil {
				t.Error(err)
			}
			ids = append(ids, m.ID)
		case k < 6 && len(ids) > 0:
			err := s.Update(ctx, ids[r.IntN(len(ids))], func(m *store.Message) ([]mail.Event, error) {
				rc := &m.Recipients[r.IntN(len(m.Recipients))]
				rc.Tenant, rc.Score = pick("acme", "beta", "moved"), float64(r.IntN(7))
				if rc.Status == mail.StatusQueued && r.IntN(2) == 0 {
					rc.Status = mail.StatusQueueFrozen
				}
				return nil, nil
			})
			if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrLeased) {
				t.Error(err)
			}
		case k < 7 && len(ids) > 0:
			_ = s.Forget(ctx, ids[r.IntN(len(ids))]) // live mail is refused
		case k < 9:
			cs, err := s.Claim(ctx, store.ClaimRequest{Now: time.Now(), Limit: 2, For: time.Minute})
			if err != nil {
				t.Error(err)
			}
			for _, c := range cs {
				var o store.Outcome
				for _, n := range c.Lease.Recipients {
					for _, rc := range c.Message.Recipients {
						if rc.N == n {
							rc.Status, rc.Changed = mail.StatusDelivered, time.Now()
							o.Recipients = append(o.Recipients, rc)
						}
					}
				}
				o.DropBody = true
				if err := s.Settle(ctx, c.Lease, o); err != nil {
					t.Error(err)
				}
			}
		default:
			f, _ := query.Parse(pick(asked...))
			if _, err := s.Find(ctx, store.Query{Filter: f, Limit: 5}); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestIndexFindsWhatTheRecordHas: over whatever is done, by several at once,
// and over restarts, the index names the rows that the record has.
func TestIndexFindsWhatTheRecordHas(t *testing.T) {
	dir := t.TempDir()
	for round := range 3 {
		s := openQuick(t, dir)
		var wg sync.WaitGroup
		for w := range 3 {
			wg.Go(func() { workAtRandom(t, s, uint64(10*round+w), 120) })
		}
		wg.Wait()
		must(t, s.Sync(ctx))
		if rows := compare(t, s, asked...); rows < 100 {
			t.Errorf("only %d rows were compared", rows)
		}
		must(t, s.Close())
	}
}

// TestIndexIsMadeAnew: whatever happened to the index or to the store, the one
// is made to fit the other.
func TestIndexIsMadeAnew(t *testing.T) {
	dir := t.TempDir()
	plain := func(n int) { // a program without the index has the store
		o := testOptions(t, dir)
		o.NoSync = true
		s, err := open(o)
		must(t, err)
		workAtRandom(t, s, uint64(n), n)
		must(t, s.Sync(ctx))
		must(t, s.Close())
	}
	check := func(what string) {
		t.Helper()
		s := openQuick(t, dir)
		defer func() { must(t, s.Close()) }()
		whole(t, s)
		if rows := compare(t, s, "", "status:delivered", "tenant:beta", "subject:hello"); rows == 0 {
			t.Errorf("%s: nothing to compare", what)
		}
	}
	plain(100)
	check("a store that never had an index")
	plain(40) // its changes are in the feed
	check("a store that was used without the index")

	older := openTest(t, dir) // as a program would that knows no feed: nothing stands in it
	older.com.feed.quiet = true
	workAtRandom(t, older, 5, 60)
	must(t, older.Sync(ctx))
	must(t, older.db.Update(func(txn *badger.Txn) error {
		b, err := txn.Get(counterEpoch)
		if err != nil {
			return err
		}
		v, err := b.ValueCopy(nil)
		v[len(v)-1]++ // it counted itself, but wrote no epoch of the feed
		if err != nil {
			return err
		}
		return txn.Set(counterEpoch, v)
	}))
	must(t, older.Close())
	check("a store that an older program had")

	path := filepath.Join(dir, "index", "search.db")
	must(t, os.Truncate(path, 5000))
	check("a broken index")
	must(t, os.RemoveAll(filepath.Join(dir, "index")))
	check("an index that was removed")

	ahead, err := sqlindex.Open(ctx, filepath.Join(dir, "index"), sqlindex.Options{})
	must(t, err)
	st, err := ahead.State(ctx)
	must(t, err)
	st.Applied += 1000
	must(t, ahead.Apply(ctx, st, []sqlindex.Change{}))
	must(t, ahead.Close())
	check("an index ahead of the store")
}

// TestIndexIsRebuiltWhileMailFlows: searches are answered all the time, and
// nothing is missing from what was begun before.
func TestIndexIsRebuiltWhileMailFlows(t *testing.T) {
	s := openQuick(t, t.TempDir())
	defer func() { must(t, s.Close()) }()
	workAtRandom(t, s, 1, 300)
	must(t, s.Sync(ctx))
	whole(t, s)
	done := make(chan struct{})
	go func() {
		defer close(done)
		workAtRandom(t, s, 2, 200)
	}()
	for range 3 {
		must(t, s.RebuildIndex(ctx))
		for range 10 {
			found, err := s.Find(ctx, store.Query{Limit: 10})
			if err != nil || len(found.Rows) != 10 {
				t.Errorf("%d rows: %v", len(found.Rows), err)
			}
		}
	}
	<-done
	must(t, s.Sync(ctx))
	whole(t, s)
	compare(t, s, asked...)
}

// TestDamageWhileRunning: an index that is damaged under way is made anew.
func TestDamageWhileRunning(t *testing.T) {
	dir := t.TempDir()
	s := openQuick(t, dir)
	defer func() { must(t, s.Close()) }()
	workAtRandom(t, s, 1, 200)
	must(t, s.Sync(ctx))
	whole(t, s)
	old := s.search.x.Load()
	must(t, old.Damage(ctx))
	workAtRandom(t, s, 2, 50)
	must(t, s.Sync(ctx))
	waitFor(t, "another index", func() bool { return s.search.x.Load() != old })
	whole(t, s)
	compare(t, s, asked...)
}

// TestFeedIsTrimmed: what the index has is dropped from the feed, but for the
// last entry.
func TestFeedIsTrimmed(t *testing.T) {
	s := openQuick(t, t.TempDir())
	defer func() { must(t, s.Close()) }()
	workAtRandom(t, s, 1, 200)
	must(t, s.Sync(ctx))
	whole(t, s)
	entries := func() (n int) {
		must(t, s.view(func(txn *badger.Txn) error {
			return scan(ctx, txn, []byte{keyFeed}, func(*badger.Item) error { n++; return nil })
		}))
		return n
	}
	waitFor(t, "one entry to be left", func() bool { return entries() == 1 })
	if last, err := lastOf(s); err != nil || last != s.com.feed.durable.Load() {
		t.Errorf("the last entry is %d, not %d: %v", last, s.com.feed.durable.Load(), err)
	}
}

func lastOf(s *Store) (seq uint64, err error) {
	err = s.view(func(txn *badger.Txn) error {
		seq, err = lastFed(txn)
		return err
	})
	return seq, err
}

// TestSearchWithoutTheIndexInTime: a search does not wait for an index that is
// far behind, nor longer than it may take.
func TestSearchWithoutTheIndexInTime(t *testing.T) {
	s := openQuick(t, t.TempDir())
	defer func() { must(t, s.Close()) }()
	workAtRandom(t, s, 1, 50)
	must(t, s.Sync(ctx))
	whole(t, s)
	s.search.reached(0, false) // as if it were being made anew
	c, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	start := time.Now()
	found, err := s.Find(c, store.Query{Limit: 5})
	if err != nil || len(found.Rows) != 5 || time.Since(start) > time.Second {
		t.Errorf("%d rows after %v: %v", len(found.Rows), time.Since(start), err)
	}
}
