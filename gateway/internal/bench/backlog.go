package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
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
		fmt.Fprintf(&b, "destination %[1]q { routes = [route.%[1]s] }\n", name) // treated as anybody's, not as a host of our own
	}
	return []byte(b.String())
}

// backlog measures the gateway, and Postfix where it is, with a deep queue.
func backlog(path, dir string, n int) error {
	tw, err := startTowns()
	if err != nil {
		return err
	}
	dests := min(*destinations, max(n/2, 3))
	fmt.Printf("%d messages of 4 KiB over %d destinations that are down; one of them hangs, one refuses; %d more are healthy\n", n, dests, healthyTowns)
	got, err := backlogWeir(path, dir, &trial{name: "weir", towns: tw, n: n, dests: dests, text: message(4<<10, false)})
	if err != nil {
		return fmt.Errorf("weir: %w", err)
	}
	if *only == "" || *only == "postfix" {
		got.theirs, err = backlogPostfix(dir, &trial{name: "postfix", towns: tw, n: n, dests: dests, text: message(4<<10, false)})
		switch {
		case errors.Is(err, peers.ErrMissing):
			fmt.Println("without Postfix:", err)
		case err != nil:
			return errors.Join(got.verdict(os.Stdout, n), fmt.Errorf("postfix: %w", err))
		default:
			fmt.Printf("%-8s %-52s %.2f\n", "weir", "drain, of Postfix's", got.theirs.Seconds()/got.ours.Seconds())
		}
	}
	return got.verdict(os.Stdout, n)
}

func backlogWeir(path, dir string, t *trial) (got *findings, err error) {
	got = &findings{}
	data := ""
	serve := func(name string) (*system, error) {
		return serveAt(path, filepath.Join(dir, name), "weir", "submission", func(d string) []byte {
			data = d
			return backlogConfig(d, *direct, t.towns.port, t.dests)
		})
	}
	if t.sys, err = serve("weir"); err != nil {
		return nil, err
	}
	defer t.sys.stop()
	bound := t.bound()
	defer bound()
	c := client.New(client.Options{Socket: filepath.Join(data, "weir.sock")})
	defer c.Close()
	empty, took, err := t.acceptance()
	if err != nil {
		return nil, err
	}
	t.say("accepted, queue empty", "%.0f/s%s", empty, took)
	memory := t.watch()
	if err := t.fill(); err != nil {
		return nil, err
	}
	deep, err := t.standing(c, empty)
	if err != nil {
		return nil, err
	}
	other := *t
	if other.sys, err = serve("beside"); err != nil {
		return nil, err
	}
	got.ratio, err = t.comparison(&other)
	other.sys.stop()
	if err != nil {
		return nil, err
	}
	stop, flood := make(chan struct{}), t.flood()
	probes := make(chan *delays, 1)
	go func() { probes <- t.probe(stop, 20*time.Millisecond) }()
	time.Sleep(*standing)
	flooded := flood()
	close(stop)
	got.probes = <-probes
	t.say(fmt.Sprintf("accepted for healthy ones, a tenant floods (%d taken)", flooded), "%v", got.probes)
	stop = make(chan struct{})
	go func() { probes <- t.probe(stop, 50*time.Millisecond) }()
	drained, err := t.drain(func() error { return retryAll(c) }, 30*time.Minute)
	close(stop)
	if err != nil {
		return nil, err
	}
	t.say("drained after all were retried", "%v, %.0f/s", drained.Round(100*time.Millisecond), float64(t.left())/drained.Seconds())
	t.say("accepted for healthy ones, while it drained", "%v", <-probes)
	// The first figure was of a store that had never held anything; this one
	// has the history of the deep one, so what differs is the queue alone.
	t.settle()
	after, took, err := t.acceptance()
	if err != nil {
		return nil, err
	}
	t.say("accepted, queue drained", "%.0f/s, deep %.2f of it%s", after, deep/after, took)
	rss, anon := memory()
	t.say("memory, the most there was", "RSS %d MiB, anonymous %d MiB", rss>>20, anon>>20)
	got.ours, got.anon = drained, anon
	return got, nil
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

// comparison is acceptance beside another gateway whose queue is empty: one that has
// never held anything, and then one that has as long a record, so that what differs is
// the queue alone. It gives how much of the new one's there is.
func (t *trial) comparison(other *trial) (ratio float64, err error) {
	if ratio, err = t.beside(other, "a new one"); err != nil {
		return 0, err
	}
	other.name = "beside"
	if err := other.deliver(); err != nil {
		return 0, err
	}
	other.settle()
	_, err = t.beside(other, "one of a like record")
	return ratio, err
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
