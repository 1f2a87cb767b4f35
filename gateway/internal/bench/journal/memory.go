package journal

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// sampled is how often the memory is looked at.
const sampled = 100 * time.Millisecond

// memory watches what of the process is its own: anonymous memory, whoever in
// the process asked for it, and not the pages of files that the system would
// take back. The system keeps no peak of that, so it is sampled.
type memory struct {
	quit chan struct{}
	done sync.WaitGroup

	mu  sync.Mutex
	top int64
}

func watchMemory() *memory {
	m := &memory{quit: make(chan struct{})}
	m.done.Go(func() {
		tick := time.NewTicker(sampled)
		defer tick.Stop()
		for {
			m.sample()
			select {
			case <-tick.C:
			case <-m.quit:
				return
			}
		}
	})
	return m
}

func (m *memory) stop() {
	close(m.quit)
	m.done.Wait()
}

func (m *memory) sample() {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return
	}
	if n, ok := anonymous(string(status)); ok {
		m.mu.Lock()
		m.top = max(m.top, n)
		m.mu.Unlock()
	}
}

// peak is the most since peak was asked for last, in octets; not ok where the
// system does not tell.
func (m *memory) peak() (octets int64, ok bool) {
	m.sample()
	m.mu.Lock()
	defer m.mu.Unlock()
	octets, m.top = m.top, 0
	return octets, octets > 0
}

// anonymous reads RssAnon of /proc/PID/status (proc(5)).
func anonymous(status string) (octets int64, ok bool) {
	for line := range strings.Lines(status) {
		value, found := strings.CutPrefix(line, "RssAnon:")
		if !found {
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
		return kib << 10, err == nil
	}
	return 0, false
}
