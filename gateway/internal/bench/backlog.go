package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/client"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/peers"
	"github.com/mailweir/weir/gateway/internal/query"
)

const (
	healthyTowns = 50
	tenantsOf    = 10 // senders; the first one floods
)

// backlogConfig is a gateway of tenantsOf tenants whose mail goes to towns, each
// by a route of its own.
func backlogConfig(data, direct string, port, towns int) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, `
gateway {
  hostname        = "bench.weir.test"
  data_dir        = %q
  direct_outbound = %q
  log_level       = "error"
}
listener "submission" {
  address   = "127.0.0.1:0"
  direction = "outbound"
  allow     = ["127.0.0.0/8"]
  limits {
    connections = 2000
    per_client  = 2000
    commands    = 10000000
    errors      = 1000
  }
}
plugin "rules" { source = "builtin:rules" }
plugin "stall" { source = "builtin:stall" }
ruleset "baseline" {
  filter "lists" {
    plugin = plugin.rules
    config {
      block "spammers" { sender_domain = ["spam.test", "*.spam.test"] }
      block "words" { subject = ["*lottery*", "*invoice overdue*"] }
    }
  }
  filter "unscannable" {
    plugin = plugin.stall
    config { causes = ["encrypted-archive", "unreadable"] }
  }
}
`, data, direct)
	for i := range tenantsOf {
		fmt.Fprintf(&b, "tenant \"t%[1]d\" {\n  domains  = [\"t%[1]d.test\"]\n  rulesets = [ruleset.baseline]\n}\n", i)
	}
	way := func(name, addr string) {
		fmt.Fprintf(&b, "route %[1]q {\n  hosts = [\"%[2]s:%[3]d\"]\n  tls   = \"none\"\n}\nvia %[1]q {\n  recipient = [\"%[1]s.test\"]\n  route     = route.%[1]s\n}\n", name, addr, port)
	}
	for i := range healthyTowns {
		way(fmt.Sprintf("h%d", i), healthyAddr(i))
	}
	for i := range towns {
		name := fmt.Sprintf("d%d", i)
		way(name, backlogAddr(i))
		fmt.Fprintf(&b, "destination %[1]q { domains = [\"%[1]s.test\"] }\n", name) // treated as anybody's, not as one of our own
	}
	return []byte(b.String())
}

// lines are the reports of one system, in order.
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
		_, err := pour(t.sys.addr, *sessions, len(hang), func(i int) letterOf { return t.toBacklog(hang[i]) })
		failed <- err
	}()
	took, err := pour(t.sys.addr, 2**sessions, len(rest), func(i int) letterOf { return t.toBacklog(rest[i]) })
	if err := errors.Join(err, <-failed); err != nil {
		return err
	}
	t.say("backlog taken", "%.0f/s%s", float64(len(rest))/took.Seconds(), cost(t.n))
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

// acceptance is messages a second to the last 250, the median of three loads
// to healthy destinations, and says what one of them took.
func (t *trial) acceptance() (rate float64, took string, err error) {
	// Long enough for what is put off, such as the search index, to be part of it.
	n := max(t.n/100, 8000)
	var got []float64
	cost := t.cost()
	for range 3 {
		took, err := pour(t.sys.addr, *sessions, n, t.toHealthy)
		if err != nil {
			return 0, "", err
		}
		got = append(got, float64(n)/took.Seconds())
	}
	slices.Sort(got)
	return got[1], cost(3 * n), nil
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

// backlog measures the gateway, and Postfix where it is, with a deep queue.
func backlog(path, dir string, n int) error {
	tw, err := startTowns()
	if err != nil {
		return err
	}
	dests := min(*destinations, max(n/2, 3))
	fmt.Printf("%d messages of 4 KiB over %d destinations that are down; one of them hangs, one refuses; %d more are healthy\n", n, dests, healthyTowns)
	ours, err := backlogWeir(path, dir, &trial{name: "weir", towns: tw, n: n, dests: dests, text: message(4<<10, false)})
	if err != nil {
		return fmt.Errorf("weir: %w", err)
	}
	if *only != "" && *only != "postfix" {
		return nil
	}
	theirs, err := backlogPostfix(dir, &trial{name: "postfix", towns: tw, n: n, dests: dests, text: message(4<<10, false)})
	if errors.Is(err, peers.ErrMissing) {
		fmt.Println("without Postfix:", err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("postfix: %w", err)
	}
	fmt.Printf("%-8s %-52s %.2f\n", "weir", "drain, of Postfix's", theirs.Seconds()/ours.Seconds())
	return nil
}

func backlogWeir(path, dir string, t *trial) (drained time.Duration, err error) {
	data := ""
	t.sys, err = serveAt(path, filepath.Join(dir, "weir"), "weir", "submission", func(d string) []byte {
		data = d
		return backlogConfig(d, *direct, t.towns.port, t.dests)
	})
	if err != nil {
		return 0, err
	}
	defer t.sys.stop()
	bound := t.bound()
	defer bound()
	c := client.New(client.Options{Socket: filepath.Join(data, "weir.sock")})
	defer c.Close()
	empty, took, err := t.acceptance()
	if err != nil {
		return 0, err
	}
	t.say("accepted, queue empty", "%.0f/s%s", empty, took)
	memory := t.watch()
	if err := t.fill(); err != nil {
		return 0, err
	}
	deep, err := t.standing(c, empty)
	if err != nil {
		return 0, err
	}
	stop, flood := make(chan struct{}), t.flood()
	probes := make(chan *delays, 1)
	go func() { probes <- t.probe(stop, 20*time.Millisecond) }()
	time.Sleep(*standing)
	flooded := flood()
	close(stop)
	t.say(fmt.Sprintf("accepted for healthy ones, a tenant floods (%d taken)", flooded), "%v", <-probes)
	stop = make(chan struct{})
	go func() { probes <- t.probe(stop, 50*time.Millisecond) }()
	drained, err = t.drain(func() error { return retryAll(c) }, 30*time.Minute)
	close(stop)
	if err != nil {
		return 0, err
	}
	t.say("drained after all were retried", "%v, %.0f/s", drained.Round(100*time.Millisecond), float64(t.left())/drained.Seconds())
	t.say("accepted for healthy ones, while it drained", "%v", <-probes)
	// The first figure was of a store that had never held anything; this one
	// has the history of the deep one, so what differs is the queue alone.
	t.settle()
	after, took, err := t.acceptance()
	if err != nil {
		return 0, err
	}
	t.say("accepted, queue drained", "%.0f/s, deep %.2f of it%s", after, deep/after, took)
	rss, anon := memory()
	t.say("memory, the most there was", "RSS %d MiB, anonymous %d MiB", rss>>20, anon>>20)
	return drained, nil
}

// standing reports what the gateway is like while the backlog stands, and gives
// the messages a second that it accepts.
func (t *trial) standing(c *client.Client, empty float64) (deep float64, err error) {
	sum, err := c.Summary(context.Background())
	if err != nil {
		return 0, err
	}
	t.settle()
	rss, anon := t.sys.rss()
	t.say("memory with the backlog", "RSS %d MiB, anonymous %d MiB, %d queued", rss>>20, anon>>20, sum.Counts[string(mail.StatusQueued)])
	deep, took, err := t.acceptance()
	if err != nil {
		return 0, err
	}
	t.say("accepted, queue deep", "%.0f/s, %.2f of empty%s", deep, deep/empty, took)
	return deep, nil
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

// retryAll is what an operator does once the destinations are back.
func retryAll(c *client.Client) error {
	ctx := context.Background()
	f := query.Where("status", query.Is, string(mail.StatusQueued))
	job, err := c.StartJob(ctx, api.JobRequest{Verb: "retry", Filter: &f})
	for err == nil && !job.Over {
		time.Sleep(500 * time.Millisecond)
		job, err = c.Job(ctx, job.ID)
	}
	if err == nil && job.Error != "" {
		err = errors.New(job.Error)
	}
	return err
}

func backlogPostfix(dir string, t *trial) (drained time.Duration, err error) {
	pdir := filepath.Join(dir, "postfix")
	if err := os.MkdirAll(pdir, 0o755); err != nil {
		return 0, err
	}
	var maps strings.Builder
	var domains []string
	for i := range t.dests {
		domains = append(domains, fmt.Sprintf("d%d.test", i))
		fmt.Fprintf(&maps, "d%d.test smtp:[%s]:%d\n", i, backlogAddr(i), t.towns.port)
	}
	for i := range healthyTowns {
		domains = append(domains, fmt.Sprintf("h%d.test", i))
		fmt.Fprintf(&maps, "h%d.test smtp:[%s]:%d\n", i, healthyAddr(i), t.towns.port)
	}
	table := filepath.Join(pdir, "transport")
	if err := os.WriteFile(table, []byte(maps.String()), 0o644); err != nil {
		return 0, err
	}
	p, err := peers.Postfix(context.Background(), pdir, fmt.Sprintf("127.9.0.1:%d", t.towns.port), domains,
		"default_process_limit = 100", "transport_maps = texthash:"+table, "in_flow_delay = 0")
	if err != nil {
		return 0, err
	}
	defer p.Stop()
	t.sys = &system{name: "postfix", addr: p.Addr, rss: func() (int64, int64) { return 0, 0 }}
	empty, took, err := t.acceptance()
	if err != nil {
		return 0, err
	}
	t.say("accepted, queue empty", "%.0f/s%s", empty, took)
	if err := t.fill(); err != nil {
		return 0, err
	}
	if err := settled(pdir, 10*time.Minute); err != nil {
		return 0, err
	}
	deep, took, err := t.acceptance()
	if err != nil {
		return 0, err
	}
	t.say("accepted, queue deep", "%.0f/s, %.2f of empty%s", deep, deep/empty, took)
	drained, err = t.drain(func() error { return peers.Flush(context.Background(), p) }, 60*time.Minute)
	if err != nil {
		return 0, err
	}
	t.say("drained after all were retried", "%v, %.0f/s", drained.Round(100*time.Millisecond), float64(t.left())/drained.Seconds())
	return drained, nil
}

// settled waits until Postfix has put off all that it took: nothing but what
// hangs is in the active queue.
func settled(dir string, limit time.Duration) error {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(time.Second) {
		n := 0
		for _, q := range []string{"incoming", "active", "maildrop"} {
			_ = filepath.WalkDir(filepath.Join(dir, "queue", q), func(_ string, e os.DirEntry, err error) error {
				if err == nil && !e.IsDir() {
					n++
				}
				return nil
			})
		}
		if n <= 200 { // of the one that hangs
			return nil
		}
	}
	return fmt.Errorf("Postfix had not put off its mail after %v", limit)
}
