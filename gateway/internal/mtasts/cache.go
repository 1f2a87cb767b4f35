package mtasts

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"
)

// Cache keeps policies. It should survive a restart: who has mail to a domain
// for the first time after its cache is lost can be lied to (RFC 8461 §10.2).
// Safe in parallel.
type Cache interface {
	Get(domain string) ([]byte, error)                         // nil: it is not there
	Put(domain string, entry []byte, keep time.Duration) error // replaces
	Domains() ([]string, error)                                // those that are there, in any order
}

// KV is the soft store a Cache can live in; *softkv.Store is one.
type KV interface {
	Get(plugin, tenant, key string) (value []byte, found bool, err error)
	Set(plugin, tenant, key string, value []byte, ttl time.Duration) error
	Scan(plugin, tenant, prefix, after string, f func(key string, value []byte, end time.Time) bool) error
}

// Soft is a Cache over a KV.
type Soft struct{ KV KV }

// softName is the KV's name for this room; no plugin can be called so.
const softName = "_mta_sts"

// Get implements Cache.
func (s Soft) Get(domain string) ([]byte, error) {
	b, found, err := s.KV.Get(softName, "", domain)
	if err != nil || !found {
		return nil, err
	}
	return b, nil
}

// Put implements Cache.
func (s Soft) Put(domain string, entry []byte, keep time.Duration) error {
	return s.KV.Set(softName, "", domain, entry, keep)
}

// Domains implements Cache.
func (s Soft) Domains() (out []string, err error) {
	err = s.KV.Scan(softName, "", "", "", func(key string, _ []byte, _ time.Time) bool {
		out = append(out, key)
		return true
	})
	return out, err
}

// cached is the known policy of a domain that has not expired.
func (c *Checker) cached(domain string) *Policy {
	b, err := c.o.Cache.Get(domain)
	if err != nil {
		c.log.Warn("reading an MTA-STS policy from the cache", "domain", domain, "err", err)
		return nil
	}
	p := &Policy{}
	if b == nil || json.Unmarshal(b, p) != nil || p.Domain != domain || !c.o.Now().Before(p.Expires()) {
		return nil
	}
	return p
}

func (c *Checker) keep(p *Policy) {
	b, err := json.Marshal(p)
	if err == nil {
		err = c.o.Cache.Put(p.Domain, b, max(p.MaxAge, time.Second))
	}
	if err != nil {
		c.log.Warn("keeping an MTA-STS policy", "domain", p.Domain, "err", err)
	}
}

// Run fetches policies again before they expire, also of domains that no mail
// goes to (RFC 8461 §10.2), until ctx ends.
func (c *Checker) Run(ctx context.Context) error {
	t := time.NewTicker(time.Hour)
	defer t.Stop()
	for {
		c.Sweep(ctx)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-t.C:
		}
	}
}

// Sweep fetches every known policy again that is older than Options.Refresh,
// or than half its max_age, if its domain still announces one. It returns how
// many were fetched.
func (c *Checker) Sweep(ctx context.Context) (n int) {
	domains, err := c.o.Cache.Domains()
	if err != nil {
		c.log.Warn("reading the cache of MTA-STS policies", "err", err)
	}
	for _, domain := range domains {
		p := c.cached(domain)
		if p == nil || c.o.Now().Sub(p.Fetched) <= c.o.refreshAfter(p) {
			continue
		}
		id, err := c.announced(ctx, domain)
		if err != nil || id == "" || ctx.Err() != nil {
			continue
		}
		if _, err := c.fetched(ctx, domain, id); err == nil {
			n++
		}
	}
	return n
}

// memory is a Cache for a Checker that was given none.
type memory struct {
	mu sync.Mutex
	m  map[string][]byte
}

const maxMemory = 10_000

func newMemory() *memory { return &memory{m: map[string][]byte{}} }

func (m *memory) Get(domain string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.m[domain], nil
}

func (m *memory) Put(domain string, entry []byte, _ time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.m[domain]; !ok && len(m.m) >= maxMemory {
		for d := range m.m { // any one: whoever needs more has a durable cache
			delete(m.m, d)
			break
		}
	}
	m.m[domain] = entry
	return nil
}

func (m *memory) Domains() ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Collect(maps.Keys(m.m)), nil
}
