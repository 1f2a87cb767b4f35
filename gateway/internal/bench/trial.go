package main

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// trial is one system that a backlog is tried on.
type trial struct {
	name  string
	sys   *system
	towns *towns
	n     int // messages of the backlog
	dests int
	text  string
}

func (t *trial) say(what, f string, a ...any) {
	fmt.Printf("%-8s %-52s %s\n", t.name, what, fmt.Sprintf(f, a...))
}

// toHealthy and toBacklog are the messages of the loads.
func (t *trial) toHealthy(i int) letterOf {
	return letterOf{fmt.Sprintf("s@t%d.test", 1+i%(tenantsOf-1)), fmt.Sprintf("r%d@h%d.test", i, i%healthyTowns), t.text}
}

func (t *trial) toBacklog(i int) letterOf {
	return letterOf{fmt.Sprintf("s@t%d.test", 1+i%(tenantsOf-1)), fmt.Sprintf("r%d@d%d.test", i, i%t.dests), t.text}
}

// fill makes the backlog. What goes to the one that hangs is sent beside the
// rest: a client waits there for as long as the server is willing to.
func (t *trial) fill() error {
	var hang, rest []int
	for i := range t.n {
		if i%t.dests == hangs {
			hang = append(hang, i)
		} else {
			rest = append(rest, i)
		}
	}
	cost := t.cost()
	failed := make(chan error, 1)
	go func() {
		// Each on a connection of its own: an answer takes as long as a direct attempt may.
		_, err := pour(t.sys.addr, max(len(hang), 1), len(hang), func(i int) letterOf { return t.toBacklog(hang[i]) })
		failed <- err
	}()
	took, err := pour(t.sys.addr, 2**sessions, len(rest), func(i int) letterOf { return t.toBacklog(rest[i]) })
	if err := errors.Join(err, <-failed); err != nil {
		return err
	}
	t.say("backlog taken", "%.0f/s%s", float64(len(rest))/took.Seconds(), cost(t.n))
	return nil
}

// deliver sends as many messages as a backlog has, to healthy destinations.
func (t *trial) deliver() error {
	took, err := pour(t.sys.addr, 2**sessions, t.n, t.toHealthy)
	if err != nil {
		return err
	}
	t.say("as many delivered", "%.0f/s", float64(t.n)/took.Seconds())
	return nil
}

// bound puts the gateway under the memory limit; the function returned says how
// it did.
func (t *trial) bound() (report func()) {
	if *memoryMiB <= 0 {
		return func() {}
	}
	l, err := newLimit(*memoryMiB << 20)
	if err == nil {
		err = l.enter(t.sys.pid)
	}
	if err != nil {
		fmt.Println("without a limit of memory:", err)
		return func() {}
	}
	return func() {
		peak, anon := l.used()
		t.say(fmt.Sprintf("memory, with the cache of its files, bound to %d MiB", *memoryMiB), "%d MiB at most, %d MiB of it anonymous at the end", peak>>20, anon>>20)
		t.sys.stop()
		l.close()
	}
}

// loads is how many messages a load has: so many that what is put off, such as the
// search index and compactions, is part of it.
func (t *trial) loads() int { return max(t.n/8, 8000) }

// load is messages a second to the last 250, of one load to healthy destinations.
func (t *trial) load() (rate float64, err error) {
	took, err := pour(t.sys.addr, *sessions, t.loads(), t.toHealthy)
	return float64(t.loads()) / took.Seconds(), err
}

// acceptance is the median of three loads, and says what one of their messages
// took.
func (t *trial) acceptance() (rate float64, took string, err error) {
	var got []float64
	cost := t.cost()
	for range 3 {
		one, err := t.load()
		if err != nil {
			return 0, "", err
		}
		got = append(got, one)
	}
	slices.Sort(got)
	return got[1], cost(3 * t.loads()), nil
}

// beside is acceptance in turns with another one, whose queue is empty: how fast
// the machine is changes within minutes. The first load of each is not counted. It
// gives how much of the other's there is.
func (t *trial) beside(other *trial, what string) (ratio float64, err error) {
	const turns = 4
	var own, others []float64
	cost, otherCost := t.cost(), other.cost()
	for i := range turns {
		b, err := other.load()
		if err != nil {
			return 0, err
		}
		a, err := t.load()
		if err != nil {
			return 0, err
		}
		if i > 0 {
			own, others = append(own, a), append(others, b)
		}
	}
	slices.Sort(own)
	slices.Sort(others)
	mid := (turns - 1) / 2
	t.say("accepted, queue deep, in turns with "+what, "%.0f/s, %.2f of the other's %.0f/s%s; the other%s", own[mid], own[mid]/others[mid], others[mid],
		cost(turns*t.loads()), otherCost(turns*t.loads()))
	return own[mid] / others[mid], nil
}

// cost begins to count; the function returned says what each of n messages took.
func (t *trial) cost() (each func(n int) string) {
	cpu := func() float64 {
		if t.sys.cpu == nil {
			return 0
		}
		return t.sys.cpu()
	}
	before, wrote := cpu(), t.sys.wrote()
	return func(n int) (took string) {
		if c := cpu(); c > before {
			took = fmt.Sprintf(", %.0f µs of CPU", (c-before)*1e6/float64(n))
		}
		if w := t.sys.wrote(); w > wrote {
			took += fmt.Sprintf(", %.1f KiB written", float64(w-wrote)/1024/float64(n))
		}
		return took
	}
}

// delays are how long probes took from their final dot to their arrival.
type delays struct {
	took []time.Duration
	lost int
}

func (d *delays) String() string {
	if len(d.took) == 0 {
		return "nothing was measured"
	}
	slices.Sort(d.took)
	at := func(p float64) time.Duration {
		return d.took[min(int(p*float64(len(d.took))), len(d.took)-1)].Round(time.Millisecond)
	}
	return fmt.Sprintf("p50 %v  p99 %v  longest %v  (%d probes, %d not arrived)", at(.5), at(.99), d.took[len(d.took)-1].Round(time.Millisecond), len(d.took), d.lost)
}

// probe sends messages to healthy destinations, every so often, until stop is
// closed, and waits for them.
func (t *trial) probe(stop <-chan struct{}, every time.Duration) *delays {
	d := &delays{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	tick := time.NewTicker(every)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-stop:
			wg.Wait()
			return d
		case <-tick.C:
		}
		wg.Go(func() {
			token := fmt.Sprintf("%s-%d-%d", t.name, time.Now().UnixNano(), i)
			came := t.towns.expect(token)
			s, err := dial(t.sys.addr)
			if err == nil {
				defer s.close()
				l := t.toHealthy(i)
				l.text = "X-Probe: " + token + "\r\n" + l.text
				start := time.Now()
				if err = s.send(l); err == nil {
					select {
					case at := <-came:
						mu.Lock()
						d.took = append(d.took, at.Sub(start))
						mu.Unlock()
						return
					case <-time.After(2 * time.Minute):
					}
				}
			}
			mu.Lock()
			d.lost++
			mu.Unlock()
		})
	}
}

// watch follows the memory until it is stopped, and gives the most there was.
func (t *trial) watch() (stop func() (rss, anon int64)) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	var most, mostAnon int64
	wg.Go(func() {
		for {
			a, b := t.sys.rss()
			most, mostAnon = max(most, a), max(mostAnon, b)
			select {
			case <-done:
				return
			case <-time.After(2 * time.Second): // to look is not free: it holds the address space
			}
		}
	})
	return func() (int64, int64) {
		close(done)
		wg.Wait()
		return most, mostAnon
	}
}

// left is how much of the backlog will arrive in the end: the destinations that
// hang and refuse keep theirs.
func (t *trial) left() int64 {
	n := int64(0)
	for i := range t.n {
		if d := i % t.dests; d != hangs && d != refuses {
			n++
		}
	}
	return n
}

// drain opens the destinations, has everything retried, and gives the time
// from there until all of it has arrived.
func (t *trial) drain(retry func() error, limit time.Duration) (time.Duration, error) {
	want := t.towns.n.Load() + t.left()
	t.towns.open.Store(true)
	defer t.towns.open.Store(false)
	start := time.Now()
	failed := make(chan error, 1)
	go func() { failed <- retry() }()
	for t.towns.n.Load() < want {
		select {
		case err := <-failed:
			if err != nil {
				return 0, fmt.Errorf("asking for the retry: %w", err)
			}
			failed = nil
		case <-time.After(5 * time.Millisecond):
		}
		if time.Since(start) > limit {
			return 0, fmt.Errorf("%d of the backlog had not arrived after %v", want-t.towns.n.Load(), limit)
		}
	}
	return time.Since(start), nil
}

// settle waits until the store has sorted what it took, which it does behind the
// scenes: what is measured next is the queue that stands, not the way there.
func (t *trial) settle() {
	const calm, idle = 5, 512 << 10 // seconds in a row with less than so many octets written
	start := time.Now()
	last := t.sys.wrote()
	for quiet := 0; quiet < calm && time.Since(start) < 5*time.Minute; {
		time.Sleep(time.Second)
		now := t.sys.wrote()
		if quiet++; now-last > idle {
			quiet = 0
		}
		last = now
	}
	t.say("sorted what was taken", "%v", time.Since(start).Round(time.Second))
}

// flood has one tenant send to the backlog's destinations as fast as it can
// until the function is called, which says how many it sent. They come on top
// of the backlog.
func (t *trial) flood() (end func() int) {
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var mu sync.Mutex
	n := 0
	for i := range 4 {
		wg.Go(func() {
			s, err := dial(t.sys.addr)
			if err != nil {
				return
			}
			defer s.close()
			for j := i; ; j += 4 {
				select {
				case <-stop:
					return
				default:
				}
				if err := s.send(letterOf{"s@t0.test", fmt.Sprintf("f%d@d%d.test", j, j%t.dests), t.text}); err != nil {
					return
				}
				mu.Lock()
				n++
				mu.Unlock()
			}
		})
	}
	return func() int {
		close(stop)
		wg.Wait()
		return n
	}
}
