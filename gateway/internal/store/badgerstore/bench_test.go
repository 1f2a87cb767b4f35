package badgerstore

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// BenchmarkEnqueue measures durable messages per second, as the gateway needs
// them: synced body, synced records. BenchmarkCycle takes each through its
// life: enqueued, claimed, read, settled, body dropped.
//
// Run it on the file system in question: TMPDIR=/var/lib go test -bench Enqueue.
func BenchmarkEnqueue(b *testing.B) { benchmark(b, false) }

func BenchmarkCycle(b *testing.B) { benchmark(b, true) }

// BenchmarkRecord measures the journal alone, as direct delivery uses it.
func BenchmarkRecord(b *testing.B) {
	s := openTest(b, b.TempDir())
	defer s.Close()
	to, _ := mail.ParseAddress("rcpt@dest.test")
	for b.Loop() {
		m := benchMessage(to, mail.StatusDelivered)
		s.Record(m, []mail.Attempt{{Host: "mx.dest.test"}}, mail.Event{Type: mail.EventReception, Message: m.ID}, mail.Event{Type: mail.EventDelivery, Message: m.ID, N: 1})
	}
	if err := s.Sync(context.Background()); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkFeed measures what it costs to write the feed of the search index:
// BenchmarkRecord's work with it and without, in turns.
func BenchmarkFeed(b *testing.B) {
	to, _ := mail.ParseAddress("rcpt@dest.test")
	var took [2]time.Duration
	for b.Loop() {
		for i, quiet := range []bool{false, true} {
			s := openTest(b, b.TempDir())
			s.com.feed.quiet = quiet
			start := time.Now()
			for range 5000 {
				s.Record(benchMessage(to, mail.StatusDelivered), nil)
			}
			if err := s.Sync(context.Background()); err != nil {
				b.Fatal(err)
			}
			took[i] += time.Since(start)
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(took[0])/float64(took[1]), "with/without")
}

func benchMessage(to mail.Address, st mail.Status) *store.Message {
	from, _ := mail.ParseAddress("sender@origin.test")
	now := time.Now()
	return &store.Message{
		ID: mail.NewID(now), Direction: mail.Inbound, Received: now, Sender: from,
		Trace:   "Received: from client.origin.test (client.origin.test [192.0.2.1])\r\n\tby mx.weir.test with ESMTPS\r\n",
		Summary: store.Summary{From: "Sender <sender@origin.test>", To: "rcpt@dest.test", Subject: "A subject of ordinary length", MessageID: "<1234567890@origin.test>"},
		Recipients: []store.Recipient{{
			N: 1, Address: to, Tenant: "acme", Status: st, Route: "tenant:acme:in", Schedule: "standard",
			NextHop: "127.0.0.1:2526", Next: now, Changed: now,
		}},
	}
}

func benchmark(b *testing.B, cycle bool) {
	body := make([]byte, 1<<20)
	r := rand.NewChaCha8([32]byte{})
	r.Read(body)
	for _, size := range []int{4 << 10, 50 << 10, 1 << 20} {
		for _, writers := range []int{1, 10, 50} {
			b.Run(fmt.Sprintf("size=%dK/writers=%d", size>>10, writers), func(b *testing.B) {
				s := openTest(b, b.TempDir())
				s.log = quiet
				defer s.Close()
				var next atomic.Int64
				lat := make([][]time.Duration, writers)
				b.SetBytes(int64(size))
				b.ResetTimer()
				var wg sync.WaitGroup
				for w := range writers {
					wg.Go(func() {
						for next.Add(1) <= int64(b.N) {
							start := time.Now()
							if err := benchOne(s, body[:size], cycle); err != nil {
								b.Error(err)
								return
							}
							lat[w] = append(lat[w], time.Since(start))
						}
					})
				}
				wg.Wait()
				b.StopTimer()
				all := slices.Concat(lat...)
				slices.Sort(all)
				if len(all) > 0 {
					b.ReportMetric(float64(len(all))/b.Elapsed().Seconds(), "msg/s")
					b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
				}
			})
		}
	}
}

func benchOne(s *Store, body []byte, cycle bool) error {
	ctx := context.Background()
	to, _ := mail.ParseAddress("rcpt@dest.test")
	d, err := s.NewDraft(ctx, int64(len(body)))
	if err != nil {
		return err
	}
	defer d.Discard()
	for rest := body; len(rest) > 0; {
		n := min(len(rest), 32<<10)
		if _, err := d.Write(rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
	}
	m := benchMessage(to, mail.StatusQueued)
	_, err = s.Enqueue(ctx, &store.Admission{Message: m, Draft: d, Events: []mail.Event{{At: m.Received, Type: mail.EventReception, Message: m.ID}}})
	if err != nil || !cycle {
		return err
	}
	cs, err := s.Claim(ctx, store.ClaimRequest{Now: time.Now(), Limit: 1, For: time.Minute})
	if err != nil {
		return err
	}
	for _, c := range cs { // not necessarily this writer's own
		bd, err := s.OpenBody(ctx, c.Message.ID)
		if err != nil {
			return err
		}
		p := make([]byte, bd.Size())
		if _, err := bd.ReadAt(p, 0); err != nil {
			return err
		}
		bd.Close()
		r := c.Message.Recipients[0]
		r.Status = mail.StatusDelivered
		if err := s.Settle(ctx, c.Lease, store.Outcome{
			Recipients: []store.Recipient{r}, DropBody: true,
			Attempts: []mail.Attempt{{Recipients: []int{1}, Start: time.Now(), Host: "dest.test", Transcript: "> MAIL FROM:<>\n< 250 ok\n"}},
			Events:   []mail.Event{{Type: mail.EventDelivery, Message: c.Message.ID, N: 1}},
		}); err != nil {
			return err
		}
	}
	return nil
}
