package journal

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/store"
)

// singles ask about each indexed field, for what there is much of, little, and
// none.
var singles = []string{
	"tenant:t0", "tenant:t250", "tenant:nobody", "after:-7d before:-6d", "after:-1h", "direction:outbound", "status:stalled", "status:bounced", "status:delivered", "status:rejected",
	"class:spam", "class:list/sender", "sender:u0@s0.example", "sender:u150000@s3.example", "sender:*@s1.example", "recipient:p0@t0.test", "recipient:p1500@t200.test", "recipient:*@t3.test",
	"sender_domain:s0.example", "sender_domain:s19000.example", "recipient_domain:t0.test", "recipient_domain:t280.test", "owner_domain:t0.test", "client:10.0.0.7", "client:10.3.250.0/24", "client:10.0.0.0/16",
	`message_id:"<5.5@s.example>"`, "subject:invoice", `subject:"invoice report"`, "subject:77777", "subject:zebra",
}

// paged is how many rows a first page has.
const paged = 100

// searches measures first pages of each of singles, alone and with each other.
func (b *bench) searches() error {
	var all []time.Duration
	measure := func(text string) error {
		f, err := query.Parse(text)
		if err != nil {
			return err
		}
		var took []time.Duration
		var found store.Found
		for range b.Rounds {
			var d time.Duration
			if found, d, err = b.find(store.Query{Filter: f, Limit: paged}); err != nil {
				return fmt.Errorf("%s: %w", text, err)
			}
			took = append(took, d)
		}
		slices.Sort(took)
		all = append(all, took...)
		if m := took[len(took)/2]; m > 50*time.Millisecond {
			part := ""
			if !found.Back.IsZero() {
				part = ", searched back to " + found.Back.UTC().Format(time.DateTime)
			}
			b.printf("  slow      %-70s %4d rows, median %v%s", text, len(found.Rows), m.Round(100*time.Microsecond), part)
		}
		return nil
	}
	for _, s := range singles {
		if err := measure(s); err != nil {
			return err
		}
	}
	b.printf("alone       %s", quantiles(all))
	all = all[:0]
	for i, s := range singles {
		for _, t := range singles[i+1:] {
			if err := measure(s + " " + t); err != nil {
				return err
			}
		}
	}
	b.printf("in pairs    %s", quantiles(all))
	return nil
}

// sums measures counts and facets as the API asks for them.
func (b *bench) sums() error {
	var counts, facets []time.Duration
	exact := 0
	for _, s := range append([]string{""}, singles...) {
		f, err := query.Parse(s)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(b.ctx, 400*time.Millisecond)
		start := time.Now()
		_, all, err := b.s.Count(ctx, f)
		counts = append(counts, time.Since(start))
		cancel()
		if err != nil {
			return err
		}
		if all {
			exact++
		}
		ctx, cancel = context.WithTimeout(b.ctx, 400*time.Millisecond)
		start = time.Now()
		_, err = b.s.Facets(ctx, f, "status", 10)
		facets = append(facets, time.Since(start))
		cancel()
		if err != nil {
			return err
		}
	}
	b.printf("counts      %s; %d of %d exact", quantiles(counts), exact, len(counts))
	b.printf("facets      %s", quantiles(facets))
	return nil
}

func quantiles(all []time.Duration) string {
	all = slices.Clone(all)
	slices.Sort(all)
	at := func(p int) time.Duration { return all[min(len(all)-1, len(all)*p/100)].Round(10 * time.Microsecond) }
	return fmt.Sprintf("%d: p50 %v, p99 %v, worst %v", len(all), at(50), at(99), all[len(all)-1].Round(10*time.Microsecond))
}

// How together measures: for so long with and without searches, in turns, the
// searches with pauses, as of some operators at once.
const (
	turn  = 5 * time.Second
	turns = 3
	pause = 100 * time.Millisecond
)

// together measures recording while searches run beside it, relative to without.
func (b *bench) together() error {
	h := newHistory(b.Records, time.Now().Add(Days*24*time.Hour))
	var alone, beside []float64
	searched := 0
	for range turns {
		rate, err := b.recording(h)
		if err != nil {
			return err
		}
		alone = append(alone, rate)
		ctx, stop := context.WithCancel(b.ctx)
		var wg sync.WaitGroup
		n := 0
		wg.Go(func() {
			r := rand.New(rand.NewPCG(5, 6))
			for ctx.Err() == nil {
				f, _ := query.Parse(singles[r.IntN(len(singles))])
				if _, _, err := b.find(store.Query{Filter: f, Limit: paged}); err == nil {
					n++
				}
				select {
				case <-ctx.Done():
				case <-time.After(pause):
				}
			}
		})
		rate, err = b.recording(h)
		stop()
		wg.Wait()
		if err != nil {
			return err
		}
		beside, searched = append(beside, rate), searched+n
	}
	slices.Sort(alone)
	slices.Sort(beside)
	b.printf("recording   %.0f a second alone, %.0f while %.1f searches a second run: %.2f of it (medians of %d)", alone[turns/2], beside[turns/2],
		float64(searched)/(turns*turn.Seconds()), beside[turns/2]/alone[turns/2], turns)
	return nil
}

// recording records for a turn and tells how many recipients a second.
func (b *bench) recording(h *history) (float64, error) {
	if err := b.indexed(); err != nil {
		return 0, err
	}
	start := time.Now()
	n := 0
	for time.Since(start) < turn {
		n += b.record(h)
	}
	if err := b.s.Sync(b.ctx); err != nil {
		return 0, err
	}
	return float64(n) / time.Since(start).Seconds(), nil
}
