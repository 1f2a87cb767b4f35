package badgerstore

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

var ctx = context.Background()

const (
	small = 2000      // goes into a segment
	large = 200 << 10 // gets a file of its own
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func testBody(id mail.ID, size int) []byte {
	return bytes.Repeat([]byte(id.String()+"\r\n"), size/28+1)[:size]
}

// enqueue takes over one message for one recipient.
func enqueue(t testing.TB, s *Store, size int, change func(*store.Message)) mail.ID {
	t.Helper()
	to, _ := mail.ParseAddress("rcpt@dest.test")
	m := benchMessage(to, mail.StatusQueued)
	if change != nil {
		change(m)
	}
	d, err := s.NewDraft(ctx, int64(size))
	must(t, err)
	defer d.Discard()
	_, err = d.Write(testBody(m.ID, size))
	must(t, err)
	_, err = s.Enqueue(ctx, &store.Admission{Message: m, Draft: d})
	must(t, err)
	return m.ID
}

func deliver(t testing.TB, s *Store, id mail.ID) {
	t.Helper()
	cs, err := s.Claim(ctx, store.ClaimRequest{Now: time.Now(), Limit: 1000, For: time.Nanosecond})
	must(t, err)
	for _, c := range cs {
		if c.Message.ID == id {
			r := c.Message.Recipients[0]
			r.Status = mail.StatusDelivered
			must(t, s.Settle(ctx, c.Lease, store.Outcome{Recipients: []store.Recipient{r}, DropBody: true}))
			return
		}
	}
	t.Fatalf("message %s is not due", id)
}

func wantBody(t testing.TB, s *Store, id mail.ID, size int) {
	t.Helper()
	b, err := s.OpenBody(ctx, id)
	must(t, err)
	defer b.Close()
	got, err := io.ReadAll(io.NewSectionReader(b, 0, b.Size()))
	if err != nil || !bytes.Equal(got, testBody(id, size)) {
		t.Fatalf("body of %s: %d octets that differ; %v", id, len(got), err)
	}
}

func wantStatus(t testing.TB, s *Store, id mail.ID, want mail.Status) *store.Message {
	t.Helper()
	m, err := s.Get(ctx, id)
	must(t, err)
	if m.Recipients[0].Status != want {
		t.Fatalf("message %s is %s (%s), want %s", id, m.Recipients[0].Status, m.Recipients[0].Reason, want)
	}
	return m
}

func eventTypes(t testing.TB, s *Store, id mail.ID) (out []mail.EventType) {
	t.Helper()
	es, err := s.Events(ctx, id)
	must(t, err)
	for _, e := range es {
		out = append(out, e.Type)
	}
	return out
}

func spooled(t testing.TB, dir string) (n int) {
	t.Helper()
	must(t, filepath.WalkDir(filepath.Join(dir, "spool"), func(p string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			n++
		}
		return err
	}))
	return n
}

// loseRecord removes a message's records behind the store's back, as a
// damaged Badger does.
func loseRecord(t testing.TB, dir string, id mail.ID, prefixes ...byte) {
	t.Helper()
	db, err := badger.Open(badgerOptions(filepath.Join(dir, "meta"), schema, false, quiet))
	must(t, err)
	must(t, db.Update(func(txn *badger.Txn) error {
		for _, p := range prefixes {
			it := txn.NewIterator(badger.IteratorOptions{Prefix: idKey(p, id)})
			var keys [][]byte
			for it.Rewind(); it.Valid(); it.Next() {
				keys = append(keys, it.Item().KeyCopy(nil))
			}
			it.Close()
			for _, k := range keys {
				if err := txn.Delete(k); err != nil {
					return err
				}
			}
		}
		return nil
	}))
	must(t, db.Close())
}

func TestBodyWithoutRecordIsRecovered(t *testing.T) {
	for _, marks := range []string{"Ml", "M", "l"} { // with its live mark, or without, or the mark alone
		dir := t.TempDir()
		s := openTest(t, dir)
		ids := []mail.ID{enqueue(t, s, small, nil), enqueue(t, s, large, nil)}
		must(t, s.Close())
		for _, id := range ids {
			loseRecord(t, dir, id, []byte(marks)...)
		}
		s = openTest(t, dir)
		for i, id := range ids {
			wantStatus(t, s, id, mail.StatusQueued)
			wantBody(t, s, id, []int{small, large}[i])
			if e := eventTypes(t, s, id); marks != "l" && !slices.Contains(e, mail.EventRecovered) {
				t.Errorf("events: %v", e)
			}
		}
		must(t, s.Close())
		s = openTest(t, dir) // and again
		for _, id := range ids {
			deliver(t, s, id)
		}
		must(t, s.Close())
		s = openTest(t, dir)
		for _, id := range ids {
			wantStatus(t, s, id, mail.StatusDelivered)
		}
		must(t, s.Close())
	}
}

func TestWholeBadgerLost(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	kept := []mail.ID{enqueue(t, s, small, nil), enqueue(t, s, large, nil), enqueue(t, s, 0, nil)}
	done := []mail.ID{enqueue(t, s, small, nil), enqueue(t, s, large, nil)}
	for _, id := range done {
		deliver(t, s, id)
	}
	must(t, s.Close())
	must(t, os.RemoveAll(filepath.Join(dir, "meta")))
	s = openTest(t, dir)
	defer s.Close()
	for i, id := range kept {
		wantStatus(t, s, id, mail.StatusQueued)
		wantBody(t, s, id, []int{small, large, 0}[i])
	}
	for _, id := range done { // not sent again
		if _, err := s.Get(ctx, id); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("delivered mail came back: %v", err)
		}
	}
}

func TestRecordWithoutBodyIsFrozen(t *testing.T) {
	for _, size := range []int{small, large} {
		dir := t.TempDir()
		s := openTest(t, dir)
		id := enqueue(t, s, size, nil)
		held := enqueue(t, s, size, func(m *store.Message) { m.Recipients[0].Status = mail.StatusStalled })
		must(t, s.Close())
		must(t, os.RemoveAll(filepath.Join(dir, "spool")))
		o := testOptions(t, dir)
		var log bytes.Buffer
		o.Logger = textLog(&log)
		s, err := open(o)
		must(t, err)
		m := wantStatus(t, s, id, mail.StatusQueueFrozen)
		if !strings.Contains(m.Recipients[0].Reason, "missing") || !slices.Contains(eventTypes(t, s, id), mail.EventFreeze) {
			t.Errorf("%+v", m.Recipients[0])
		}
		wantStatus(t, s, held, mail.StatusStalled)
		if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), id.String()) {
			t.Errorf("log: %s", log.String())
		}
		must(t, s.Close())
		s = openTest(t, dir)
		if n := len(eventTypes(t, s, id)); n != 1 {
			t.Errorf("%d events after two starts", n)
		}
		must(t, s.Close())
	}
}

func TestDamagedBodyIsFrozen(t *testing.T) {
	for name, budget := range map[string]int64{"on open": 1 << 30, "on first read": 0} {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int{small, large} {
				dir := t.TempDir()
				s := openTest(t, dir)
				id := enqueue(t, s, size, nil)
				must(t, s.Close())
				flip(t, dir, testBody(id, size)[100:140])
				o := testOptions(t, dir)
				o.verify, o.Logger = budget, quiet
				s, err := open(o)
				must(t, err)
				if budget == 0 {
					wantStatus(t, s, id, mail.StatusQueued)
					cs, err := s.Claim(ctx, store.ClaimRequest{Now: time.Now(), Limit: 1, For: time.Hour})
					must(t, err)
					if _, err := s.OpenBody(ctx, id); !errors.Is(err, errDamaged) {
						t.Fatalf("opened: %v", err)
					}
					if err := s.Settle(ctx, cs[0].Lease, store.Outcome{}); !errors.Is(err, store.ErrLeaseLost) {
						t.Fatalf("settled: %v", err)
					}
				}
				wantStatus(t, s, id, mail.StatusQueueFrozen)
				must(t, s.Close())
			}
		})
	}
}

// flip damages the first octets of pattern somewhere in the spool.
func flip(t testing.TB, dir string, pattern []byte) {
	t.Helper()
	done := false
	must(t, filepath.WalkDir(filepath.Join(dir, "spool"), func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || done {
			return err
		}
		b, err := os.ReadFile(p)
		if i := bytes.Index(b, pattern); err == nil && i >= 0 {
			b[i] ^= 1
			done = true
			return os.WriteFile(p, b, 0o600)
		}
		return err
	}))
	if !done {
		t.Fatal("nothing to damage")
	}
}

func TestTerminalRecordWithBodyIsCleared(t *testing.T) {
	for _, size := range []int{small, large} {
		dir := t.TempDir()
		s := openTest(t, dir)
		id := enqueue(t, s, size, nil)
		other := enqueue(t, s, size, nil) // keeps the segment
		// A crash between the commit and the removal: the commit alone.
		cs, err := s.Claim(ctx, store.ClaimRequest{Now: time.Now(), Limit: 2, For: time.Nanosecond})
		must(t, err)
		for _, c := range cs {
			if c.Message.ID == id {
				r := c.Message.Recipients[0]
				r.Status = mail.StatusDelivered
				held, err := s.idx.current(c.Lease)
				must(t, err)
				_, err = s.settle(held, c.Lease, store.Outcome{Recipients: []store.Recipient{r}, DropBody: true}, nil)
				must(t, err)
			}
		}
		if _, err := s.spool.open(id); err != nil {
			t.Fatal("the body is gone already: the test shows nothing")
		}
		must(t, s.Close())
		s = openTest(t, dir)
		if _, err := s.spool.open(id); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the body is still there: %v", err)
		}
		must(t, s.Forget(ctx, id))
		must(t, s.Close())
		s = openTest(t, dir)
		if _, err := s.Get(ctx, id); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("forgotten mail came back: %v", err)
		}
		wantBody(t, s, other, size)
		must(t, s.Close())
	}
}

func TestIncompleteBodiesAreRemoved(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	seg := enqueue(t, s, small, nil)
	file := enqueue(t, s, large, nil)
	must(t, s.Close())
	// The file and the segment as they are when power fails while they are written.
	cutFile := filepath.Join(dir, "spool", "0", mail.NewID(time.Now()).String())
	cutFile = cutFile[:len(cutFile)-1] + "0" + fileSuffix
	must(t, os.WriteFile(cutFile, bytes.Repeat([]byte("x"), 5000), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "spool", "tmp", "1-1"), []byte("x"), 0o600))
	segs, _ := filepath.Glob(filepath.Join(dir, "spool", "seg", "*"))
	b, err := os.ReadFile(segs[0])
	must(t, err)
	half := append(b, b[segHeaderLen:segHeaderLen+1500]...)
	must(t, os.WriteFile(segs[0], half, 0o600))
	must(t, os.WriteFile(segPath(filepath.Join(dir, "spool", "seg"), 99), []byte("weir"), 0o600))
	s = openTest(t, dir)
	wantBody(t, s, seg, small)
	wantBody(t, s, file, large)
	must(t, s.Close())
	if n := spooled(t, dir); n != 2 {
		t.Errorf("%d files in the spool, want a segment and a message", n)
	}
}

func TestSegmentScanGoesOnBehindDamage(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	var ids []mail.ID
	for range 5 {
		ids = append(ids, enqueue(t, s, small, nil))
	}
	seg := s.spool.segs.paths()[0]
	off := s.spool.segs.refs[ids[2]].off
	must(t, s.Close())
	f, err := os.OpenFile(seg, os.O_RDWR, 0)
	must(t, err)
	_, err = f.WriteAt(make([]byte, 30), off+10) // the header of the third frame
	must(t, err)
	must(t, f.Close())
	must(t, os.RemoveAll(filepath.Join(dir, "meta"))) // so that only the spool counts
	s = openTest(t, dir)
	defer s.Close()
	for i, id := range ids {
		if i == 2 {
			if _, err := s.Get(ctx, id); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("the damaged one: %v", err)
			}
			continue
		}
		wantBody(t, s, id, small)
	}
}

// A body may contain anything, also what looks like a frame of this very
// store: without the segment's cookie it is not one.
func TestABodyCannotForgeAFrame(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	victim := enqueue(t, s, small, nil)
	b, err := os.ReadFile(s.spool.segs.paths()[0])
	must(t, err)
	forged := bytes.Clone(b[segHeaderLen:])
	clear(forged[:cookieLen]) // the one thing a sender cannot know
	d, err := s.NewDraft(ctx, 0)
	must(t, err)
	_, err = d.Write(forged)
	must(t, err)
	to, _ := mail.ParseAddress("rcpt@dest.test")
	m := benchMessage(to, mail.StatusQueued)
	_, err = s.Enqueue(ctx, &store.Admission{Message: m, Draft: d})
	must(t, err)
	d.Discard()
	deliver(t, s, victim)
	must(t, s.Close())
	must(t, os.RemoveAll(filepath.Join(dir, "meta")))
	s = openTest(t, dir)
	defer s.Close()
	if _, err := s.Get(ctx, victim); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a forged frame was taken for mail: %v", err)
	}
	wantStatus(t, s, m.ID, mail.StatusQueued)
}

func TestRefusesNewerAndForeignStores(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	if _, err := Open(Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "in use by another weir") {
		t.Errorf("opened twice: %v", err)
	}
	id := enqueue(t, s, small, nil)
	must(t, s.Close())
	meta := filepath.Join(dir, "meta")
	must(t, stampSchema(meta, schema+1))
	if _, err := open(testOptions(t, dir)); err == nil || !strings.Contains(err.Error(), "newer weir") {
		t.Errorf("a newer store: %v", err)
	}
	must(t, stampSchema(meta, schema))
	s = openTest(t, dir) // nothing was harmed, and the lock is free
	wantBody(t, s, id, small)
	must(t, s.Close())
}

func TestMigrates(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	id := enqueue(t, s, small, nil)
	must(t, s.Close())
	meta := filepath.Join(dir, "meta")
	var ran []string
	step := func(name string, err error) migration {
		return func(db *badger.DB, _ *settings) error {
			ran = append(ran, name)
			return errors.Join(err, db.Update(func(txn *badger.Txn) error { return txn.Set([]byte("cmigrated"), []byte(name)) }))
		}
	}
	o := testOptions(t, dir)
	o.Logger = quiet
	broken := map[uint16]migration{schema: step("one", nil), schema + 1: step("two", errors.New("oops"))}
	if err := migrate(meta, schema, schema+2, broken, o); err == nil {
		t.Fatal("a failed step was passed over")
	}
	if v, err := storedSchema(meta); err != nil || v != schema+1 {
		t.Fatalf("version %d after one step of two, %v", v, err)
	}
	must(t, migrate(meta, schema+1, schema+2, map[uint16]migration{schema + 1: step("two", nil)}, o))
	if !slices.Equal(ran, []string{"one", "two", "two"}) {
		t.Fatalf("steps: %v", ran)
	}
	if err := migrate(meta, 0, 1, nil, o); err == nil || !strings.Contains(err.Error(), "older release") {
		t.Errorf("no step for it: %v", err)
	}
	must(t, stampSchema(meta, schema))
	s = openTest(t, dir)
	wantBody(t, s, id, small)
	must(t, s.Close())
}

// Where the file system has no O_TMPFILE, drafts have names for a while.
func TestWithoutTmpfile(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	s.spool.noTmpfile.Store(true)
	id := enqueue(t, s, large, nil)
	wantBody(t, s, id, large)
	d, err := s.NewDraft(ctx, 0)
	must(t, err)
	_, err = d.Write(make([]byte, large))
	must(t, err)
	if n := spooled(t, dir); n != 2 {
		t.Errorf("%d files, want the message and the draft", n)
	}
	d.Discard()
	if n := spooled(t, dir); n != 1 {
		t.Errorf("%d files after Discard, want the message alone", n)
	}
	must(t, s.Close())
	s = openTest(t, dir)
	defer s.Close()
	wantBody(t, s, id, large)
}

// A record that cannot be read must neither stop other mail nor be claimed
// over and over.
func TestClaimPassesOverAnUnreadableRecord(t *testing.T) {
	s := openTest(t, t.TempDir())
	defer s.Close()
	s.log = quiet
	bad := enqueue(t, s, small, nil)
	good := enqueue(t, s, small, nil)
	must(t, s.com.commit(&op{write: func(b *batch) error {
		b.wrote = append(b.wrote, written{id: bad}) // not as it was written
		return b.set(messageKey(bad), []byte("{"))
	}}))
	now := time.Now()
	cs, err := s.Claim(ctx, store.ClaimRequest{Now: now, Limit: 10, For: time.Minute})
	if err != nil || len(cs) != 1 || cs[0].Message.ID != good {
		t.Fatalf("%d claims, %v", len(cs), err)
	}
	if due, err := s.NextDue(ctx); err != nil || due.Before(now.Add(59*time.Second)) {
		t.Errorf("next due %v, %v: it would be tried at once", due, err)
	}
}
