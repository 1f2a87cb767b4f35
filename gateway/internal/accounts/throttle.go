package accounts

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// Locking out: wrong guesses make whoever guesses wait, longer each time.
// Counted are a name from one source, a name from everywhere (with more
// patience, for somebody else may be guessing), and a source for all names.
// Names that are not there count alike.
const (
	freePair, freeName, freeSource = 5, 50, 30
	mostPair                       = 15 * time.Minute
	mostName                       = 30 * time.Second // the owner of a name is not to be kept out by others
	mostSource                     = 15 * time.Minute
	forgetAfter                    = time.Hour // without a guess
	rememberMost                   = 100_000
)

// Wait says that it is too early for another guess.
type Wait struct{ For time.Duration }

func (w *Wait) Error() string {
	return fmt.Sprintf("too many tries; wait %s", w.For.Round(time.Second))
}

type throttle struct {
	clock func() time.Time
	mu    sync.Mutex
	tries map[string]*tries
}

type tries struct {
	count int
	last  time.Time
	until time.Time
}

func newThrottle(clock func() time.Time) *throttle {
	return &throttle{clock: clock, tries: map[string]*tries{}}
}

type limit struct {
	key  string
	free int
	most time.Duration
}

func limitsOf(name, source string) []limit {
	src := network(source)
	if strings.HasPrefix(name, "\x00") { // a way to sign in that names nobody
		return []limit{{"p" + name + "\x00" + src, freeSource, mostPair}, {"s" + src, freeSource, mostSource}}
	}
	return []limit{{"p" + name + "\x00" + src, freePair, mostPair}, {"n" + name, freeName, mostName}, {"s" + src, freeSource, mostSource}}
}

// network is a source as it is counted: an IPv6 address by its /64.
func network(source string) string {
	a, err := netip.ParseAddr(source)
	if err != nil || a.Unmap().Is4() {
		return source
	}
	p, err := a.WithZone("").Prefix(64)
	if err != nil {
		return source
	}
	return p.String()
}

// begin counts a guess before it is checked, so that many at one time are not
// free. A *Wait: it is not to be checked.
func (t *throttle) begin(name, source string) error {
	now := t.clock()
	t.mu.Lock()
	defer t.mu.Unlock()
	ls := limitsOf(name, source)
	var wait time.Duration
	for _, l := range ls {
		if e := t.tries[l.key]; e != nil && now.Sub(e.last) < forgetAfter+l.most {
			wait = max(wait, e.until.Sub(now))
		}
	}
	if wait > 0 {
		return &Wait{wait}
	}
	for _, l := range ls {
		e := t.tries[l.key]
		if e == nil || now.Sub(e.last) >= forgetAfter+l.most {
			t.room(now)
			e = &tries{}
			t.tries[l.key] = e
		}
		e.count++
		e.last = now
		if over := e.count - l.free; over >= 0 {
			e.until = now.Add(min(time.Second<<min(over, 20), l.most))
		}
	}
	return nil
}

// right forgets the guesses for a name from a source: it was its owner.
func (t *throttle) right(name, source string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, l := range limitsOf(name, source) {
		if i == 0 {
			delete(t.tries, l.key)
		} else if e := t.tries[l.key]; e != nil {
			// Others' guesses at the name, and this source's at other names, stay.
			if e.count--; e.count < l.free {
				e.until = time.Time{}
			}
		}
	}
}

// room forgets what is old, and, where that is not enough, anything.
func (t *throttle) room(now time.Time) {
	if len(t.tries) < rememberMost {
		return
	}
	for k, e := range t.tries {
		if now.Sub(e.last) > forgetAfter {
			delete(t.tries, k)
		}
	}
	for k := range t.tries { // in no order
		if len(t.tries) < rememberMost*9/10 {
			return
		}
		delete(t.tries, k)
	}
}
