package policy

import (
	"math"
	"time"
)

// maxJitter is the most that jitter delays an attempt (B77).
const maxJitter = time.Minute

// End is how long after the first failure the last attempt is made: the end
// of the last phase, or the lifetime where that is positive and shorter.
func (s *Schedule) End(lifetime time.Duration) time.Duration {
	var end time.Duration
	if n := len(s.Phases); n > 0 {
		end = s.Phases[n-1].Until
	}
	if lifetime > 0 && lifetime < end {
		end = lifetime
	}
	return end
}

// Next is the time of the next attempt after the automatic failure number
// failures (the one at now included; less than 1 counts as 1), or expired
// when that failure was the last one (B78). The phase that holds the moment
// of the failed attempt sets the interval; a lifetime truncates the schedule.
// The last attempt is made at its very end. jitter returns [0,1) and only
// delays, by at most a minute (B77) and a tenth of the interval; nil is none.
func (s *Schedule) Next(firstFailure, now time.Time, failures int, lifetime time.Duration, jitter func() float64) (next time.Time, expired bool) {
	end := firstFailure.Add(s.End(lifetime))
	if !now.Before(end) {
		return time.Time{}, true
	}
	p, k := s.phase(now.Sub(firstFailure), failures)
	wait := p.interval(k)
	next = now.Add(wait)
	if next.After(end) {
		next = end
	}
	if jitter != nil {
		next = next.Add(delay(jitter(), wait))
	}
	return next, false
}

// delay turns [0,1) into a delay of at most a tenth of the wait and a minute;
// anything else is brought into that range.
func delay(j float64, wait time.Duration) time.Duration {
	if !(j > 0) { // NaN too
		return 0
	}
	return time.Duration(math.Min(j, 1) * float64(min(maxJitter, wait/10)))
}

// phase is the phase that holds a moment, and how many intervals of it the
// failures before this one have used up. The latter is counted against the
// schedule as it stands on paper, so that a slow attempt or a stopped gateway
// does not skip a step of a growing phase.
func (s *Schedule) phase(since time.Duration, failures int) (Phase, int) {
	used := 0 // failures that belong to earlier phases, on paper
	var at time.Duration
	for i, p := range s.Phases {
		if since < p.Until || i == len(s.Phases)-1 {
			return p, max(0, failures-1-used)
		}
		for k := 0; at < p.Until && used < failures; k++ {
			at += p.interval(k)
			used++
		}
	}
	return Phase{Every: time.Hour, Factor: 1}, 0 // no phase at all: load refuses that
}

// interval is the phase's k-th interval, from 0, at least a second.
func (p Phase) interval(k int) time.Duration {
	d := float64(p.Every)
	if p.Factor > 1 {
		d *= math.Pow(p.Factor, float64(k))
	}
	if d > float64(365*24*time.Hour) {
		return 365 * 24 * time.Hour
	}
	return max(time.Duration(d), time.Second)
}
