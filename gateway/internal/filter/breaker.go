package filter

import (
	"sync"
	"time"

	"github.com/mailweir/weir/sdk/abi"
)

// breaker keeps a plugin that fails again and again from being called: after
// breakerFailures failures within breakerWindow it opens, then lets one call
// through as a probe after a pause that doubles with each failed probe.
//
// It stays closed while the plugin does well with what else comes at the stage
// of the failure: otherwise somebody who has found a message that breaks a
// plugin could, with five of them, take it from everybody.
//
// Only what the guest did wrong counts (traps, deadlines, nonsense), neither a
// busy pool nor a caller that gave up.
type breaker struct {
	mu       sync.Mutex
	failures [breakerFailures]failedAt // ring of the last ones
	next     int
	good     [breakerStages]uint64 // calls that ended well, by stage
	open     bool
	probing  bool
	pause    time.Duration
	until    time.Time
}

const (
	breakerFailures = 5
	breakerWindow   = 60 * time.Second
	breakerPause    = 5 * time.Second
	breakerMaxPause = 5 * time.Minute
	breakerGood     = 4 * breakerFailures // calls that end well meanwhile keep it closed
	breakerStages   = int(abi.StageAction) + 1
)

// failedAt is when a call failed, and how many had ended well by then.
type failedAt struct {
	time time.Time
	good [breakerStages]uint64
}

// outcome of a call, for the breaker.
type outcome int

const (
	neutral outcome = iota
	good
	bad
)

// allow says whether a call may go ahead; one that may must be followed by done.
func (b *breaker) allow(now time.Time) (ok, probe bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case !b.open:
		return true, false
	case b.probing || now.Before(b.until):
		return false, false
	}
	b.probing = true
	return true, true
}

// done records how a call ended; opened says that it opened the breaker.
func (b *breaker) done(now time.Time, st abi.Stage, probe bool, o outcome) (opened bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	stage := min(int(st), breakerStages-1)
	if o == good {
		b.good[stage]++
	}
	if probe {
		b.probing = false
		switch o {
		case good:
			b.open, b.pause, b.failures = false, 0, [breakerFailures]failedAt{}
		case bad:
			b.pause = min(2*b.pause, breakerMaxPause)
			b.until = now.Add(b.pause)
			return true
		}
		return false
	}
	if o != bad || b.open {
		return false
	}
	b.failures[b.next] = failedAt{now, b.good}
	b.next = (b.next + 1) % breakerFailures
	oldest := &b.failures[b.next]
	if oldest.time.IsZero() || now.Sub(oldest.time) > breakerWindow || b.good[stage]-oldest.good[stage] > breakerGood {
		return false
	}
	b.open, b.pause, b.until = true, breakerPause, now.Add(breakerPause)
	return true
}

func (b *breaker) state(now time.Time) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case !b.open:
		return "closed"
	case b.probing || !now.Before(b.until):
		return "probe"
	}
	return "open"
}

// remaining is how long the breaker stays open.
func (b *breaker) remaining(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return max(0, b.until.Sub(now))
}
