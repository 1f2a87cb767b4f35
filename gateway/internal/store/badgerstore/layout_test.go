package badgerstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// oldKey is what a key was up to version 2; nil: as it is.
func oldKey(t *testing.T, k []byte) []byte {
	if k[0] == keyEvent {
		seq, err := eventSeq(k)
		must(t, err)
		return binary.BigEndian.AppendUint64([]byte{'e'}, seq)
	}
	if k[0] != keyMessage {
		return nil
	}
	id, rest, _ := keyID(k)
	switch rest[0] {
	case partAttempt:
		return append(idKey('a', id), rest[1:]...)
	case partEvent:
		return append(idKey('x', id), rest[1:]...)
	}
	return append(idKey('m', id), rest...)
}

// inDatabase does something to a closed store's database.
func inDatabase(t *testing.T, dir string, version uint16, do func(*badger.DB)) {
	t.Helper()
	db, err := badger.Open(badgerOptions(filepath.Join(dir, "meta"), version, true, quiet))
	must(t, err)
	do(db)
	must(t, db.Close())
}

// rename gives every key another name, and removes the old one.
func rename(t *testing.T, db *badger.DB, name func([]byte) []byte) (n int) {
	t.Helper()
	must(t, db.Update(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.DefaultIteratorOptions)
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			k := it.Item().KeyCopy(nil)
			to := name(k)
			if to == nil {
				continue
			}
			v, err := it.Item().ValueCopy(nil)
			must(t, err)
			must(t, txn.Set(to, v))
			must(t, txn.Delete(k))
			n++
		}
		return nil
	}))
	return n
}

// seen is what a store tells of its messages.
type seen struct {
	Messages []*store.Message
	Attempts [][]mail.Attempt
	Events   [][]mail.Event
	All      []mail.Event
	Seq      uint64
}

func look(t *testing.T, s *Store, ids []mail.ID) (out seen) {
	t.Helper()
	for _, id := range ids {
		m, err := s.Get(ctx, id)
		must(t, err)
		as, err := s.Attempts(ctx, id)
		must(t, err)
		es, err := s.Events(ctx, id)
		must(t, err)
		out.Messages, out.Attempts, out.Events = append(out.Messages, m), append(out.Attempts, as), append(out.Events, es)
	}
	var err error
	out.All, err = s.EventsAfter(ctx, 0, 1000)
	must(t, err)
	out.Seq = s.LastSeq()
	return out
}

// TestOlderLayout: a store of version 2 has all that it had, whether its migration
// was interrupted or not, and nothing of the old keys.
func TestOlderLayout(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	var ids []mail.ID
	for i := range 40 {
		id := enqueue(t, s, small, nil)
		for range i % 3 {
			cs, err := s.Claim(ctx, store.ClaimRequest{Now: time.Now(), Limit: 1, For: time.Minute})
			must(t, err)
			for _, c := range cs {
				r := c.Message.Recipients[0]
				must(t, s.Settle(ctx, c.Lease, store.Outcome{
					Recipients: []store.Recipient{r},
					Attempts:   []mail.Attempt{{Recipients: []int{r.N}, Host: fmt.Sprint("host", i)}},
					Events:     []mail.Event{{Type: mail.EventDelivery, Message: c.Message.ID}},
				}))
			}
		}
		ids = append(ids, id)
	}
	want := look(t, s, ids)
	if n := len(want.All); n < 30 || len(slices.Concat(want.Events...)) != n || len(slices.Concat(want.Attempts...)) != n || want.Seq != uint64(n) {
		t.Fatalf("%d events, the last is %d", n, want.Seq)
	}
	must(t, s.Close())

	meta := filepath.Join(dir, "meta")
	stray := append(idKey(keyMessage, mail.NewID(time.Now())), partState)
	again := func(how string) {
		t.Helper()
		s := openTest(t, dir)
		if got := look(t, s, ids); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %d events of %d, or other differences", how, len(got.All), len(want.All))
		}
		must(t, s.view(func(txn *badger.Txn) error {
			it := txn.NewIterator(badger.DefaultIteratorOptions)
			defer it.Close()
			for it.Rewind(); it.Valid(); it.Next() {
				if k := it.Item().Key(); strings.ContainsRune("maex", rune(k[0])) || string(k) == string(stray) {
					t.Errorf("%s: %q is still there", how, k)
				}
			}
			return nil
		}))
		must(t, s.Close())
		if v, err := storedSchema(meta); err != nil || v != schema {
			t.Errorf("%s: version %d, %v", how, v, err)
		}
	}
	older := func(do func(*badger.DB)) {
		t.Helper()
		inDatabase(t, dir, schema, func(db *badger.DB) {
			if n := rename(t, db, func(k []byte) []byte { return oldKey(t, k) }); n < 200 {
				t.Fatalf("%d old keys", n)
			}
		})
		must(t, stampSchema(meta, 2))
		if do != nil {
			inDatabase(t, dir, 2, do)
		}
	}
	older(nil)
	again("migrated")
	older(func(db *badger.DB) {
		must(t, layOut(db, testOptions(t, dir)))
		must(t, db.Update(func(txn *badger.Txn) error { return txn.Set(stray, []byte{1}) }))
	})
	again("interrupted, and changed by an older program since")
	older(func(db *badger.DB) { must(t, layOut(db, testOptions(t, dir))) })
	must(t, stampSchema(meta, 3))
	again("interrupted behind the step")
	older(func(db *badger.DB) {
		must(t, db.Update(func(txn *badger.Txn) error { return txn.Set([]byte("a1"), []byte{1}) }))
	})
	again("with a damaged key")

	older(nil)
	size, err := tablesSize(meta)
	must(t, err)
	if size == 0 {
		t.Fatal("the database takes no room")
	}
	o := testOptions(t, dir)
	o.stat = func(string) (int64, error) { return o.reserve + size, nil }
	if _, err := open(o); err == nil || !strings.Contains(err.Error(), "MiB more first") {
		t.Errorf("too little room: %v", err)
	}
	o.stat = func(string) (int64, error) { return o.reserve / 4 * 3, nil }
	if err := migrate(meta, 2, 3, migrations, o); !errors.Is(err, store.ErrFull) {
		t.Errorf("a full disk: %v", err)
	}
	again("after that")
}
