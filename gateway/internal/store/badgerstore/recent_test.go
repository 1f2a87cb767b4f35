package badgerstore

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// TestRecentIsNeverWrong: whatever comes, goes and comes again, in whatever order,
// what is known of a message is so.
func TestRecentIsNeverWrong(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 11))
	at := time.Unix(1_700_000_000, 0)
	for range 60 {
		var ids []mail.ID
		for range 200 {
			ids = append(ids, mail.NewID(at.Add(time.Duration(r.IntN(5000))*time.Millisecond)))
		}
		stored := map[mail.ID]uint64{}
		var top mail.ID
		for range r.IntN(20) { // before it was opened
			id := ids[r.IntN(len(ids))]
			stored[id] = 1
			if bytes.Compare(id[:], top[:]) > 0 {
				top = id
			}
		}
		x := newRecent(top)
		x.room, x.blocks = 1000, x.blocks[:1+r.IntN(4)]
		held, unknown := 0, 0
		for range 3000 {
			var batch []written
			for range 1 + r.IntN(4) {
				id := ids[r.IntN(len(ids))]
				if stored[id] > 0 && r.IntN(4) == 0 {
					delete(stored, id)
					batch = append(batch, written{id: id})
					continue
				}
				stored[id]++
				recs := recordsFor(stored[id], r.IntN(3), r.IntN(300))
				batch = append(batch, written{id, recs})
			}
			x.put(batch)
			id := ids[r.IntN(len(ids))]
			rev, known, err := x.revision(id)
			if err != nil {
				t.Fatal(err)
			}
			if !known {
				unknown++
			} else if rev != stored[id] {
				t.Fatalf("%s has revision %d, it is said to be %d", id, stored[id], rev)
			}
			got := x.records(id)
			if got == nil {
				continue
			}
			held++
			if want := recordsFor(stored[id], len(got.rcpts), len(got.msg)); !same(got, want) {
				t.Fatalf("%s: records %v, want %v", id, got, want)
			}
		}
		if held == 0 || unknown == 0 {
			t.Fatalf("%d were held, %d unknown: nothing was tried", held, unknown)
		}
	}
}

func recordsFor(rev uint64, rcpts, size int) *records {
	st := state{rev: rev, rcpts: make([]rcptState, rcpts)}
	r := &records{state: st.encode(), msg: bytes.Repeat([]byte{byte(rev)}, size)}
	for i := range rcpts {
		r.rcpts = append(r.rcpts, fmt.Appendf(nil, "%d of %d", i, rev))
	}
	return r
}

func same(a, b *records) bool {
	return bytes.Equal(a.state, b.state) && bytes.Equal(a.msg, b.msg) && slices.EqualFunc(a.rcpts, b.rcpts, bytes.Equal)
}

// TestNewAfterReopening: what was there when the store was opened is not taken for
// new, whatever its time.
func TestNewAfterReopening(t *testing.T) {
	o := testOptions(t, t.TempDir())
	s, err := open(o)
	must(t, err)
	var ids []mail.ID
	for range 5 {
		ids = append(ids, enqueue(t, s, small, nil))
	}
	later := mail.NewID(time.Now().Add(30 * time.Minute)) // the clock was wrong
	ids = append(ids, enqueue(t, s, small, func(m *store.Message) { m.ID = later }))
	check := func(s *Store) {
		t.Helper()
		for _, id := range ids {
			if ok, err := s.exists(id); err != nil || !ok {
				t.Errorf("%s: there %v, %v", id, ok, err)
			}
		}
		for _, id := range []mail.ID{mail.NewID(time.Unix(1000, 0)), mail.NewID(time.Now().Add(time.Hour))} {
			if ok, err := s.exists(id); err != nil || ok {
				t.Errorf("%s: there %v, %v", id, ok, err)
			}
		}
	}
	check(s)
	must(t, s.Close())
	s, err = open(o)
	must(t, err)
	defer s.Close()
	if _, known, _ := s.com.recent.revision(mail.NewID(time.Now().Add(time.Hour))); !known {
		t.Error("what is above all is not known to be new")
	}
	check(s)
}
