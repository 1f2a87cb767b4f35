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
			if found, d, err = b.find(store.Query{Filter: f, Limit: paged}, pageBudget); err != nil {
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
	b.firstPages("alone", all)
	all = all[:0]
	for i, s := range singles {
		for _, t := range singles[i+1:] {
			if err := measure(s + " " + t); err != nil {
				return err
			}
		}
	}
	b.firstPages("in pairs", all)
	return nil
}

func (b *bench) firstPages(how string, took []time.Duration) {
	b.printf("%-11s %s", how, quantiles(took))
	p99 := quantile(took, 99)
	b.judge(p99 < b.limits.page, "first pages %s: p99 %v, limit %v", how, p99, b.limits.page)
}

// scanned are searches that no index answers: what they ask for has to be
// looked for in each row, or is in none of many.
var scanned = []string{"reply:nowhere", "reply:queued", "explanation:advertising", "text:*zebr*", "size:>400k attachment:nothing", "score:>6 reply:queued"}

// scanBudget is short, so that a history of any length outlasts it.
const scanBudget = 100 * time.Millisecond

// scans measures that a page comes when its time is over, and that the search
// goes on from there.
func (b *bench) scans() error {
	var all []time.Duration
	partial := 0
	for _, text := range scanned {
		f, err := query.Parse(text)
		if err != nil {
			return err
		}
		q := store.Query{Filter: f, Limit: paged}
		var back time.Time
		for range b.Rounds {
			found, took, err := b.find(q, scanBudget)
			if err != nil {
				return fmt.Errorf("%s: %w", text, err)
			}
			all = append(all, took)
			if !found.Back.IsZero() {
				partial++
				b.judge(found.Next != "" && (back.IsZero() || !found.Back.After(back)), "%s: the page that was searched back to %v is not gone on from", text, found.Back.UTC())
				back = found.Back
			}
			if q.Cursor = found.Next; q.Cursor == "" {
				break
			}
		}
	}
	b.printf("scans       %s; %d pages were over when their %v were", quantiles(all), partial, scanBudget)
	worst := quantile(all, 100)
	b.judge(worst < scanBudget+b.limits.scan, "pages given %v: worst %v, limit %v", scanBudget, worst, scanBudget+b.limits.scan)
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
	worst := quantile(counts, 100)
	b.judge(worst < b.limits.count, "counts: worst %v, limit %v", worst, b.limits.count)
	return nil
}

// quantile is the time that p in a hundred of all stay within.
func quantile(all []time.Duration, p int) time.Duration {
	all = slices.Sorted(slices.Values(all))
	return all[min(len(all)-1, len(all)*p/100)].Round(10 * time.Microsecond)
}

func quantiles(all []time.Duration) string {
	return fmt.Sprintf("%d: p50 %v, p99 %v, worst %v", len(all), quantile(all, 50), quantile(all, 99), quantile(all, 100))
}

// pause is between the searches beside recording, as of some operators at once.
const pause = 100 * time.Millisecond

// together measures recording while searches run beside it, relative to without.
func (b *bench) together() error {
	h := newHistory(b.Records, time.Now().Add(Days*24*time.Hour))
	var alone, beside []float64
	searched := 0
	for range b.turns {
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
				if _, _, err := b.find(store.Query{Filter: f, Limit: paged}, pageBudget); err == nil {
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
	share := beside[b.turns/2] / alone[b.turns/2]
	b.printf("recording   %.0f a second alone, %.0f while %.1f searches a second run: %.2f of it (medians of %d)", alone[b.turns/2], beside[b.turns/2],
		float64(searched)/(float64(b.turns)*b.Turn.Seconds()), share, b.turns)
	b.judge(share >= b.limits.share, "recording while searches run: %.2f of without, limit %.2f", share, b.limits.share)
	return nil
}

// recording records for a turn and tells how many recipients a second.
func (b *bench) recording(h *history) (float64, error) {
	if err := b.indexed(); err != nil {
		return 0, err
	}
	start := time.Now()
	n := 0
	for time.Since(start) < b.Turn {
		n += b.record(h)
	}
	if err := b.s.Sync(b.ctx); err != nil {
		return 0, err
	}
	return float64(n) / time.Since(start).Seconds(), nil
}
