package tlsrpt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// KV is where counts are kept; *softkv.Store is one. They may be lost: a
// report is a courtesy.
type KV interface {
	Get(plugin, tenant, key string) (value []byte, found bool, err error)
	Set(plugin, tenant, key string, value []byte, ttl time.Duration) error
	Scan(plugin, tenant, prefix, after string, f func(key string, value []byte, end time.Time) bool) error
}

const (
	// kvName is the KV's name for this room; no plugin can be called so.
	kvName     = "_tls_report"
	flushEvery = time.Minute
	// maxUnsaved is how many domains are counted between two savings; further
	// ones are lost, which the log tells.
	maxUnsaved = 20_000
)

// Keep is how long a day's counts can be asked for.
const Keep = 32 * 24 * time.Hour

// Options of Counts; zero fields but KV have the defaults named.
type Options struct {
	KV     KV
	Now    func() time.Time // default time.Now
	Logger *slog.Logger     // default: discard
}

// Counts counts sessions. All methods are safe in parallel.
type Counts struct {
	o Options

	mu      sync.Mutex
	unsaved map[string]*day // by key
	lost    int64

	saving sync.Mutex
}

// New makes Counts. Run saves them.
func New(o Options) *Counts {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Counts{o: o, unsaved: map[string]*day{}}
}

// dateFormat is how a day is written; days are those of UTC (RFC 8460 §4.1).
const dateFormat = time.DateOnly

func key(date, domain string) string { return date + " " + domain }

// Count counts one session, now.
func (c *Counts) Count(s Session) {
	s = s.clean()
	if s.Domain == "" || len(s.Domain) > 255 {
		return
	}
	k := key(c.o.Now().UTC().Format(dateFormat), s.Domain)
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.unsaved[k]
	if d == nil {
		if len(c.unsaved) >= maxUnsaved {
			c.lost++
			return
		}
		d = &day{Domain: s.Domain}
		c.unsaved[k] = d
	}
	d.add(s)
}

// Run saves what was counted every minute, and once more when ctx ends.
func (c *Counts) Run(ctx context.Context) error {
	t := time.NewTicker(flushEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-ctx.Done():
			c.Save()
			return context.Cause(ctx)
		}
		c.Save()
	}
}

// Save writes down what was counted since the last time.
func (c *Counts) Save() {
	c.saving.Lock()
	defer c.saving.Unlock()
	c.mu.Lock()
	unsaved, lost := c.unsaved, c.lost
	c.unsaved, c.lost = map[string]*day{}, 0
	c.mu.Unlock()
	if lost > 0 {
		c.o.Logger.Warn("TLS sessions were not counted: too many domains within a minute", "sessions", lost)
	}
	var failed error
	for k, d := range unsaved {
		if err := c.save(k, d); err != nil {
			failed = err
		}
	}
	if failed != nil {
		c.o.Logger.Warn("counts for TLS reports could not be saved and are lost", "err", failed)
	}
}

func (c *Counts) save(k string, d *day) error {
	old, err := c.load(k)
	if err != nil {
		return err
	}
	if old != nil {
		old.merge(d)
		d = old
	}
	b, err := json.Marshal(d)
	if err != nil {
		return err
	}
	return c.o.KV.Set(kvName, "", k, b, Keep)
}

func (c *Counts) load(k string) (*day, error) {
	b, found, err := c.o.KV.Get(kvName, "", k)
	if err != nil || !found {
		return nil, err
	}
	d := &day{}
	if err := json.Unmarshal(b, d); err != nil {
		return nil, fmt.Errorf("counts of TLS sessions %q: %w", k, err)
	}
	return d, nil
}

// ErrNone: nothing was counted for the domain on the day.
var ErrNone = errors.New("no TLS session was counted for this domain on this day")

// Summary is one domain's day in brief.
type Summary struct {
	Domain           string
	Success, Failure int64
	Types            []string         // policy types, each once
	Results          map[string]int64 // failures by result type
}

// Summaries are the domains counted on a day (UTC), by name.
func (c *Counts) Summaries(date time.Time) ([]Summary, error) {
	c.Save()
	prefix := key(date.UTC().Format(dateFormat), "")
	var out []Summary
	err := c.o.KV.Scan(kvName, "", prefix, "", func(_ string, value []byte, _ time.Time) bool {
		d := &day{}
		if json.Unmarshal(value, d) == nil {
			out = append(out, d.summary())
		}
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("reading the counts of TLS sessions: %w", err)
	}
	return out, nil
}

func (d *day) summary() Summary {
	s := Summary{Domain: d.Domain, Results: map[string]int64{}}
	seen := map[string]bool{}
	for _, p := range d.Policies {
		s.Success += p.Success
		s.Failure += p.Failure
		if !seen[p.Type] {
			seen[p.Type] = true
			s.Types = append(s.Types, p.Type)
		}
		for _, f := range p.Details {
			s.Results[f.Result] += f.Count
		}
	}
	return s
}
