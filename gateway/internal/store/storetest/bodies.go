package storetest

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// sizes straddle whatever an implementation treats differently.
var sizes = []int{0, 1, 4 << 10, 64 << 10, 64<<10 + 1, 1 << 20, 3<<20 + 7}

var bodyTests = []test{
	{"exactly_as_received", func(f *fixture) {
		bodies := map[mail.ID][]byte{}
		for _, n := range sizes {
			m := message(rcpt(1, "a"))
			want := bodyOf(m.ID, n)
			d, err := f.s.NewDraft(ctx, 0)
			f.must(err)
			for rest := want; len(rest) > 0; {
				k := min(len(rest), 10007)
				if w, err := d.Write(rest[:k]); err != nil || w != k {
					f.Fatal(w, err)
				}
				rest = rest[k:]
			}
			_, err = f.s.Enqueue(ctx, &store.Admission{Message: m, Draft: d})
			f.must(err)
			d.Discard()
			bodies[m.ID] = want
		}
		for range 2 {
			for id, want := range bodies {
				f.wantBody(id, want)
				if got := f.get(id); got.Size != int64(len(want)) {
					f.Errorf("size %d, want %d", got.Size, len(want))
				}
			}
			f.reopen()
		}
	}},
	{"reads_follow_io_readerat", func(f *fixture) {
		for _, n := range []int{1000, 200 << 10} {
			m := message(rcpt(1, "a"))
			want := bodyOf(m.ID, n)
			d := f.draft(want)
			_, err := f.s.Enqueue(ctx, &store.Admission{Message: m, Draft: d})
			f.must(err)
			b, err := f.s.OpenBody(ctx, m.ID)
			f.must(err)
			for name, r := range map[string]io.ReaderAt{"draft": d, "body": b} {
				p := make([]byte, 100)
				if k, err := r.ReadAt(p, 500); err != nil || !bytes.Equal(p[:k], want[500:600]) {
					f.Errorf("%s: inside: %d, %v", name, k, err)
				}
				if k, err := r.ReadAt(p, int64(n-10)); k != 10 || err != io.EOF || !bytes.Equal(p[:k], want[n-10:]) {
					f.Errorf("%s: over the end: %d, %v", name, k, err)
				}
				if k, err := r.ReadAt(p, int64(n)); k != 0 || err != io.EOF {
					f.Errorf("%s: at the end: %d, %v", name, k, err)
				}
				if _, err := r.ReadAt(p, -1); err == nil {
					f.Errorf("%s: before the start: no error", name)
				}
			}
			f.must(b.Close())
			d.Discard()
		}
	}},
	{"a_draft_is_read_by_many_also_after_enqueue", func(f *fixture) {
		for _, n := range []int{1000, 200 << 10} {
			m := message(rcpt(1, "a"))
			want := bodyOf(m.ID, n)
			d := f.draft(want)
			if d.Size() != int64(n) {
				f.Fatalf("size %d", d.Size())
			}
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					got, err := io.ReadAll(io.NewSectionReader(d, 0, int64(n)))
					if err != nil || !bytes.Equal(got, want) {
						f.Errorf("read %d octets: %v", len(got), err)
					}
				})
			}
			_, err := f.s.Enqueue(ctx, &store.Admission{Message: m, Draft: d})
			f.must(err)
			wg.Wait()
			got, err := io.ReadAll(io.NewSectionReader(d, 0, int64(n)))
			if err != nil || !bytes.Equal(got, want) {
				f.Errorf("after Enqueue: %d octets, %v", len(got), err)
			}
			d.Discard()
			d.Discard()
			f.wantBody(m.ID, want)
		}
	}},
	{"a_discarded_draft_leaves_nothing", func(f *fixture) {
		for _, n := range []int{1000, 200 << 10} {
			m := message(rcpt(1, "a"))
			d := f.draft(bodyOf(m.ID, n))
			d.Discard()
			d.Discard()
			if _, err := d.Write([]byte("x")); err == nil {
				f.Error("wrote to a discarded draft")
			}
			if _, err := f.s.Enqueue(ctx, &store.Admission{Message: m, Draft: d}); err == nil {
				f.Error("took over a discarded draft")
			}
			f.wantNoBody(m.ID)
			_, err := f.s.Get(ctx, m.ID)
			f.wantErr(err, store.ErrNotFound)
		}
	}},
	{"an_open_body_outlives_its_removal", func(f *fixture) {
		for _, n := range []int{1000, 200 << 10} {
			m := message(rcpt(1, "a"))
			want := bodyOf(m.ID, n)
			d := f.draft(want)
			_, err := f.s.Enqueue(ctx, &store.Admission{Message: m, Draft: d})
			f.must(err)
			d.Discard()
			b, err := f.s.OpenBody(ctx, m.ID)
			f.must(err)
			c := f.claimOne(t0)
			o := outcome(c, mail.StatusDelivered)
			o.DropBody = true
			f.must(f.s.Settle(ctx, c.Lease, o))
			got, err := io.ReadAll(io.NewSectionReader(b, 0, b.Size()))
			if err != nil || !bytes.Equal(got, want) {
				f.Errorf("%d octets, %v", len(got), err)
			}
			f.must(b.Close())
			f.must(b.Close())
			f.wantNoBody(m.ID)
		}
	}},
	{"admit", func(f *fixture) {
		f.must(f.s.Admit(ctx, 1000))
		f.wantErr(f.s.Admit(ctx, 1<<62), store.ErrFull)
	}},
	{"closed", func(f *fixture) {
		m := f.enqueue(message(rcpt(1, "a")))
		d := f.draft([]byte("x"))
		defer d.Discard()
		f.must(f.s.Close())
		_, err := f.s.Enqueue(ctx, &store.Admission{Message: message(rcpt(1, "a")), Draft: d})
		f.wantErr(err, store.ErrUnavailable)
		_, err = f.s.Get(ctx, m.ID)
		f.wantErr(err, store.ErrUnavailable)
		f.wantErr(f.s.Sync(ctx), store.ErrUnavailable)
		f.s.Record(nil, nil, mail.Event{At: t0, Type: mail.EventPolicy}) // says so in the log, and no more
		f.s = f.open(f.T, f.dir)
		f.wantBody(m.ID, bodyOf(m.ID, 1000))
	}},
}

// parallelTests are for the race detector as much as for what they check.
var parallelTests = []test{
	{"every_recipient_is_settled_once", func(f *fixture) {
		const messages, workers = 60, 8
		for i := range messages {
			f.enqueue(message(rcpt(1, "a"), rcpt(2, string(rune('b'+i%4)))))
		}
		var mu sync.Mutex
		seen := map[mail.ID]map[int]int{}
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() {
				for {
					cs, err := f.s.Claim(ctx, store.ClaimRequest{Now: t0, Limit: 3, For: time.Minute})
					if err != nil {
						f.Error(err)
						return
					}
					if len(cs) == 0 {
						return
					}
					for _, c := range cs {
						o := outcome(c, mail.StatusDelivered)
						o.DropBody, o.Attempts = true, []mail.Attempt{{}}
						if err := f.s.Settle(ctx, c.Lease, o); err != nil {
							f.Error(err)
							return
						}
						mu.Lock()
						if seen[c.Message.ID] == nil {
							seen[c.Message.ID] = map[int]int{}
						}
						for _, n := range c.Lease.Recipients {
							seen[c.Message.ID][n]++
						}
						mu.Unlock()
					}
				}
			})
		}
		wg.Wait()
		if len(seen) != messages {
			f.Fatalf("%d messages were settled, want %d", len(seen), messages)
		}
		for id, ns := range seen {
			if ns[1] != 1 || ns[2] != 1 {
				f.Errorf("recipients were settled %v times", ns)
			}
			if m := f.get(id); m.HasBody || m.Attempts != 2 {
				f.Errorf("at the end: body %v, attempts %d", m.HasBody, m.Attempts)
			}
		}
		n, err := f.s.Counts(ctx)
		f.must(err)
		if len(n) != 0 {
			f.Errorf("counts: %v", n)
		}
	}},
	{"operators_against_workers", func(f *fixture) {
		m := f.enqueue(message(rcpt(1, "a"), rcpt(2, "b"), rcpt(3, "c")))
		var wg sync.WaitGroup
		var updates, settled [4]int
		var mu sync.Mutex
		for n := 1; n <= 3; n++ {
			wg.Go(func() {
				for range 20 {
					err := f.s.Update(ctx, m.ID, func(m *store.Message) ([]mail.Event, error) {
						find(m, n).Breaks++
						return nil, nil
					})
					if err == nil {
						mu.Lock()
						updates[n]++
						mu.Unlock()
					} else if !errors.Is(err, store.ErrLeased) {
						f.Error(err)
					}
				}
			})
		}
		wg.Go(func() {
			for i := range 30 {
				for _, c := range f.claim(t0.Add(time.Duration(i)*time.Hour), 3) {
					o := outcome(c, mail.StatusQueued)
					o.Recipients[0].Failures++
					err := f.s.Settle(ctx, c.Lease, o)
					if errors.Is(err, store.ErrLeaseLost) {
						continue // by the clock the lease was over long ago: an update may end it
					}
					if err != nil {
						f.Error(err)
					}
					mu.Lock()
					settled[c.Lease.Recipients[0]]++
					mu.Unlock()
				}
			}
		})
		wg.Wait()
		got := f.get(m.ID)
		for n := 1; n <= 3; n++ {
			if r := find(got, n); r.Breaks != updates[n] || r.Failures != settled[n] {
				f.Errorf("recipient %d: %d of %d updates, %d of %d outcomes", n, r.Breaks, updates[n], r.Failures, settled[n])
			}
		}
	}},
	{"many_enqueue_the_same", func(f *fixture) {
		m := message(rcpt(1, "a"))
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				d := f.draft(bodyOf(m.ID, 500+i%2*(100<<10)))
				defer d.Discard()
				if _, err := f.s.Enqueue(ctx, &store.Admission{Message: m, Draft: d, Events: []mail.Event{event(m, mail.EventReception)}}); err != nil {
					f.Error(err)
				}
			})
		}
		wg.Wait()
		if n := len(f.events(m.ID)); n != 1 {
			f.Fatalf("%d events", n)
		}
		f.claimOne(t0)
		if len(f.claim(t0, 5)) != 0 {
			f.Fatal("claimed twice")
		}
	}},
	{"everything_at_once", func(f *fixture) {
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				for range 15 {
					m := message(rcpt(1, string(rune('a'+i))))
					d := f.draft(bodyOf(m.ID, 100+i*20000))
					_, err := f.s.Enqueue(ctx, &store.Admission{Message: m, Draft: d, Events: []mail.Event{event(m, mail.EventReception)}})
					d.Discard()
					if err != nil {
						f.Error(err)
					}
					r := rcpt(1, "")
					r.Status = mail.StatusDelivered
					direct := message(r)
					f.s.Record(direct, []mail.Attempt{{}}, event(direct, mail.EventDelivery))
				}
			})
		}
		stop := make(chan struct{})
		var bg sync.WaitGroup
		bg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				for _, c := range f.claim(t0, 5) {
					b, err := f.s.OpenBody(ctx, c.Message.ID)
					if err != nil {
						f.Error(err)
						continue
					}
					_, err = io.Copy(io.Discard, io.NewSectionReader(b, 0, b.Size()))
					b.Close()
					if err != nil {
						f.Error(err)
					}
					o := outcome(c, mail.StatusDelivered)
					o.DropBody = true
					if err := f.s.Settle(ctx, c.Lease, o); err != nil {
						f.Error(err)
					}
				}
			}
		})
		bg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				if _, _, err := f.s.Search(ctx, all, "", 20); err != nil {
					f.Error(err)
				}
				if _, err := f.s.PutDoc(ctx, store.Doc{Kind: "k", Key: string(rune('a' + i%26)), JSON: []byte("{}")}, 0); err != nil && !errors.Is(err, store.ErrConflict) {
					f.Error(err)
				}
			}
		})
		wg.Wait()
		close(stop)
		bg.Wait()
		f.must(f.s.Sync(ctx))
		rows, _, err := f.s.Search(ctx, all, "", 1000)
		f.must(err)
		if len(rows) != 180 {
			f.Fatalf("%d rows, want 180", len(rows))
		}
	}},
}
