package api

import (
	"strings"
	"sync"
	"time"
)

const (
	// tallyFor is how long refusals of one network are summed up.
	tallyFor = 15 * time.Minute
	// tallyMost is how many networks are told apart; further ones are one.
	tallyMost = 10_000
	// tallyAtOnce bounds the sums that one sign-in records besides itself.
	tallyAtOnce = 16
)

// tally sums up sign-ins that come while somebody has to wait: nothing was
// looked at, so that each as an entry of its own would let anybody fill the
// audit log. The first of a network is recorded, the others as a number.
type tally struct {
	mu    sync.Mutex
	of    map[string]*tallied // by network
	swept time.Time
}

type tallied struct {
	since time.Time // when one was recorded
	more  int       // after it
}

// count takes one refusal, and reports whether it is to be recorded by itself.
func (t *tally) count(net string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of == nil {
		t.of = map[string]*tallied{}
	}
	if t.of[net] == nil && len(t.of) >= tallyMost {
		net = ""
	}
	if sum := t.of[net]; sum != nil {
		sum.more++
		return false
	}
	t.of[net] = &tallied{since: now}
	return true
}

// due takes out the sums whose time is over, by network: some of them, where
// there are many.
func (t *tally) due(now time.Time) map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.swept) < time.Second { // looking at all of them takes a while
		return nil
	}
	t.swept = now
	out := map[string]int{}
	for net, sum := range t.of {
		if now.Sub(sum.since) < tallyFor {
			continue
		}
		if sum.more > 0 {
			if len(out) == tallyAtOnce {
				continue
			}
			out[net] = sum.more
		}
		delete(t.of, net)
	}
	return out
}

// maxSignInName is the longest name that is looked for, octets.
const maxSignInName = 254

// signInName is a name as somebody unknown typed it, no longer than one can be.
func signInName(name string) string {
	return strings.ToValidUTF8(name[:min(len(name), maxSignInName)], "")
}
