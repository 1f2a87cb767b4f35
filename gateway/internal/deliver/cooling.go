package deliver

import (
	"sync"
	"time"
)

// cooling remembers hosts that could not be reached a moment ago, so that the
// next messages do not all wait for the same dead host before they try its
// neighbour. A cooling host is still tried, after the others.
type cooling struct {
	mu    sync.Mutex
	until map[host]time.Time
	For   time.Duration
	now   func() time.Time
}

// maxCooling bounds the memory; beyond it the oldest knowledge is dropped at once.
const maxCooling = 4096

func (c *cooling) failed(h host) {
	if c.For <= 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.until == nil || len(c.until) >= maxCooling {
		c.until = map[host]time.Time{}
	}
	c.until[h] = c.now().Add(c.For)
}

func (c *cooling) reached(h host) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.until, h)
}

// last moves cooling hosts behind the others and keeps the order otherwise.
func (c *cooling) last(hosts []host) []host {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	var warm, cool []host
	for _, h := range hosts {
		if t, ok := c.until[h]; ok && now.Before(t) {
			cool = append(cool, h)
		} else {
			delete(c.until, h)
			warm = append(warm, h)
		}
	}
	return append(warm, cool...)
}
