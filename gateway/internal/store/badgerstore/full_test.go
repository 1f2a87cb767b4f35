package badgerstore

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/gateway/internal/store/powercut"
	"github.com/mailweir/weir/gateway/internal/store/storetest"
)

// fill is a child that takes mail until the disk is full, in the ledger's
// words; then it says "full", and goes on trying until it is killed. What is
// queued it still settles.
func fill(s *Store, w io.Writer) error {
	said := false
	body := make([]byte, 300<<10)
	to, _ := mail.ParseAddress("rcpt@dest.test")
	for i := 0; ; i++ {
		err := fillOne(s, w, to, body[:1+i%2*(len(body)-1)])
		switch {
		case err == nil:
		case errors.Is(err, store.ErrFull), errors.Is(err, store.ErrUnavailable):
			if !said {
				fmt.Fprintln(w, "full")
				said = true
			}
			time.Sleep(time.Millisecond)
		default:
			return err
		}
	}
}

func fillOne(s *Store, w io.Writer, to mail.Address, body []byte) error {
	m := benchMessage(to, mail.StatusQueued)
	m.Recipients[0].Next = time.Time{}
	for i := range 20 { // so that Badger fills up as well
		m.Summary.Attachments = append(m.Summary.Attachments, fmt.Sprintf("%0500d", i))
	}
	d, err := s.NewDraft(ctx, 0)
	if err != nil {
		return err
	}
	defer d.Discard()
	if _, err := d.Write(storetest.Body(m.ID, len(body))); err != nil {
		return err
	}
	if _, err := s.Enqueue(ctx, &store.Admission{Message: m, Draft: d}); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "E %s %d\n", m.ID, len(body))
	return err
}

// TestFullDisk fills a small disk, with mail and then with somebody else's
// file to the last octet: nobody dies, and nothing acknowledged is lost.
func TestFullDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("makes and mounts a file system")
	}
	if !powercut.Alone(t, "ext4") {
		return
	}
	d := powercut.New(t, "ext4", 256<<20)
	data := filepath.Join(d.Dir, "data")
	path := filepath.Join(t.TempDir(), "ledger")
	ledger, err := os.Create(path)
	must(t, err)
	defer ledger.Close()
	read := func() []byte {
		b, err := os.ReadFile(path)
		must(t, err)
		return b
	}
	hog, err := os.Create(filepath.Join(d.Dir, "hog"))
	must(t, err)
	defer hog.Close()
	hogged := int64(100 << 20) // so that it does not take for ever
	must(t, unix.Fallocate(int(hog.Fd()), 0, 0, hogged))
	cmd, errs := startChild(t, "fill", data, ledger)
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	alive := func(when string) {
		t.Helper()
		select {
		case err := <-exited:
			t.Fatalf("the process ended %s: %v\n%.2000s", when, err, errs)
		default:
		}
	}
	waitFor(t, "the disk to be full", func() bool { alive("while the disk filled"); return bytes.Contains(read(), []byte("full\n")) })
	for n := int64(32 << 20); n >= 4096; {
		if err := unix.Fallocate(int(hog.Fd()), 0, hogged, n); err != nil {
			n /= 2
			continue
		}
		hogged += n
	}
	time.Sleep(500 * time.Millisecond) // the child goes on trying all the while
	alive("when nothing was left")
	o := testOptions(t, data)
	o.Logger = quiet
	must(t, cmd.Process.Kill())
	<-exited
	// With nothing free it says so, and touches nothing.
	if s, err := open(o); !errors.Is(err, store.ErrFull) {
		if err == nil {
			s.Close()
		}
		t.Fatalf("open on a full disk: %v", err)
	}
	must(t, hog.Truncate(0))
	b := read()
	s, err := open(o)
	must(t, err)
	r := storetest.Check(ctx, s, b, b)
	if r.Acked < 20 || len(r.Missing) > 0 {
		t.Fatalf("of %d acknowledged, %d are wrong: %.300v", r.Acked, len(r.Missing), r.Missing)
	}
	n, err := s.Counts(ctx)
	must(t, err)
	if n[mail.StatusQueued] != r.Acked {
		t.Errorf("%d are queued, %d were acknowledged", n[mail.StatusQueued], r.Acked)
	}
	must(t, s.Close())
	t.Logf("%d acknowledged before the disk was full, none lost", r.Acked)
}

func TestWatermark(t *testing.T) {
	o := testOptions(t, t.TempDir())
	o.FreeWatermark, o.reserve, o.BallastSize, o.Logger = 100<<20, 50<<20, 4<<20, quiet
	s, err := open(o)
	must(t, err)
	defer s.Close()
	if s.Watermark() != 100<<20 {
		t.Errorf("the watermark is %d", s.Watermark())
	}
	if low := newSpace(o.Dir, &settings{Options: Options{FreeWatermark: 1 << 20}, reserve: 50 << 20}); low.mark != 50<<20 {
		t.Errorf("a watermark below the reserve is %d", low.mark)
	}
	free := int64(1 << 30)
	set := func(n int64) {
		s.space.mu.Lock()
		free, s.space.at = n, time.Time{}
		s.space.stat = func(string) (int64, error) { return free, nil }
		s.space.mu.Unlock()
	}
	ballast := func() bool { _, err := os.Stat(filepath.Join(o.Dir, "ballast")); return err == nil }
	full := func(what string, err error, want bool) {
		t.Helper()
		if errors.Is(err, store.ErrFull) != want {
			t.Fatalf("%s with %d MiB free: %v", what, free>>20, err)
		}
	}
	set(1 << 30)
	full("admit", s.Admit(ctx, 10<<20), false)
	full("admit of a message that is too large", s.Admit(ctx, 700<<20), true)
	if !ballast() {
		t.Fatal("no ballast was laid")
	}
	d, err := s.NewDraft(ctx, 940<<20) // promised, not yet written
	must(t, err)
	full("admit beside a large draft", s.Admit(ctx, 10<<20), true)
	d.Discard()
	full("admit after it went", s.Admit(ctx, 10<<20), false)

	queued := enqueue(t, s, small, nil)
	set(99 << 20)
	full("admit", s.Admit(ctx, 1), true)
	enqueue(t, s, small, nil) // what was admitted before is still taken
	set(49 << 20)
	d, err = s.NewDraft(ctx, 0)
	must(t, err)
	_, err = d.Write(make([]byte, 10))
	must(t, err)
	to, _ := mail.ParseAddress("a@b.test")
	_, err = s.Enqueue(ctx, &store.Admission{Message: benchMessage(to, mail.StatusQueued), Draft: d})
	full("enqueue", err, true)
	_, err = d.Write(make([]byte, 100<<10))
	full("write to the spool", err, true)
	d.Discard()
	if ballast() {
		t.Error("the ballast is still there")
	}
	deliver(t, s, queued) // the queue can be drained
	set(24 << 20)
	err = s.Update(ctx, queued, func(*store.Message) ([]mail.Event, error) { return nil, nil })
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("update on the last of the space: %v", err)
	}
	set(1 << 30)
	must(t, s.Update(ctx, queued, func(*store.Message) ([]mail.Event, error) { return nil, nil }))
	full("admit", s.Admit(ctx, 1), false)
	if !ballast() {
		t.Error("the ballast was not laid again")
	}
}
