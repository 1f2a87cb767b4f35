package filter

import (
	"math/bits"
	"sync/atomic"
	"time"

	"github.com/mailweir/weir/sdk/abi"
)

// histogram counts durations in buckets that grow by an eighth: 63 powers of
// two of nanoseconds, 8 steps each. Quantiles are at most 12.5 % too high.
type histogram struct {
	buckets [63 * 8]atomic.Uint64
	count   atomic.Uint64
	sum     atomic.Int64 // nanoseconds
}

func bucket(d time.Duration) int {
	n := uint64(max(d, 1))
	e := bits.Len64(n) - 1 // 2^e <= n
	if e < 3 {
		return int(n)
	}
	return e*8 + int(n>>(e-3))&7
}

// upper is the largest duration of a bucket.
func upper(b int) time.Duration {
	e := b / 8
	if e < 3 {
		return time.Duration(b)
	}
	return time.Duration(1)<<e + time.Duration(b%8+1)<<(e-3) - 1
}

func (h *histogram) add(d time.Duration) {
	h.buckets[bucket(d)].Add(1)
	h.count.Add(1)
	h.sum.Add(int64(d))
}

// Durations are how long calls took: counts at or below each bound, for a
// histogram of metrics.
type Durations struct {
	Count uint64
	Sum   time.Duration
	Below map[time.Duration]uint64
}

// bounds of Durations.
var bounds = [...]time.Duration{
	10 * time.Microsecond, 25 * time.Microsecond, 50 * time.Microsecond, 100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond,
	250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second, 30 * time.Second,
}

// durations sums the fine buckets up. A bucket that a bound lies in counts
// above it, so that a count may be an eighth of a bound late.
func (h *histogram) durations() Durations {
	d := Durations{Sum: time.Duration(h.sum.Load()), Below: make(map[time.Duration]uint64, len(bounds))}
	next := 0
	for b := range h.buckets {
		for next < len(bounds) && upper(b) > bounds[next] {
			d.Below[bounds[next]] = d.Count
			next++
		}
		d.Count += h.buckets[b].Load()
	}
	return d
}

// quantile gives the duration that a share q of all stays below; 0 of none.
func (h *histogram) quantile(q float64) time.Duration {
	total := h.count.Load()
	if total == 0 {
		return 0
	}
	want := uint64(q*float64(total)) + 1
	var seen uint64
	for b := range h.buckets {
		if seen += h.buckets[b].Load(); seen >= min(want, total) {
			return upper(b)
		}
	}
	return upper(len(h.buckets) - 1)
}

var kinds = [...]Kind{KindTrap, KindDeadline, KindMemory, KindUnavailable, KindResult, KindBreaker, KindLoad}

// stats of one plugin, over all its generations: counters only grow.
type stats struct {
	calls    atomic.Uint64
	fuel     atomic.Uint64 // in ticks
	memory   atomic.Int64  // octets of linear memory of all instances
	peak     atomic.Int64  // the most that was
	failures [len(kinds)]atomic.Uint64
	verdicts [int(abi.ActionDisconnect) + 1]atomic.Uint64
}

func (s *stats) fail(k Kind) {
	for i, x := range kinds {
		if x == k {
			s.failures[i].Add(1)
		}
	}
}

func (s *stats) failed() map[Kind]uint64 {
	m := map[Kind]uint64{}
	for i, k := range kinds {
		if n := s.failures[i].Load(); n > 0 {
			m[k] = n
		}
	}
	return m
}

// traps are the calls that ended their guest.
func (s *stats) traps() (n uint64) {
	for i, k := range kinds {
		if k == KindTrap || k == KindMemory || k == KindDeadline {
			n += s.failures[i].Load()
		}
	}
	return n
}

func (s *stats) judged(a abi.Action) {
	if i := int(a); i < len(s.verdicts) { // else checkVerdict has refused it
		s.verdicts[i].Add(1)
	}
}

func (s *stats) byAction() map[string]uint64 {
	m := map[string]uint64{}
	for i := range s.verdicts {
		if n := s.verdicts[i].Load(); n > 0 {
			m[abi.Action(i).String()] = n
		}
	}
	return m
}

// grew says that an instance has so much more linear memory, or less.
func (s *stats) grew(by int64) {
	if by == 0 {
		return
	}
	now := s.memory.Add(by)
	for {
		peak := s.peak.Load()
		if now <= peak || s.peak.CompareAndSwap(peak, now) {
			return
		}
	}
}
