package resolver

import (
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"
)

// hostsFile is /etc/hosts, read again when it has changed (looked at every few
// seconds). Container networks name their neighbours there.
type hostsFile struct {
	path string
	now  func() time.Time

	mu     sync.Mutex
	looked time.Time
	mtime  time.Time
	size   int64
	names  map[string][]netip.Addr
}

const (
	hostsEvery  = 5 * time.Second
	maxHostsLen = 1 << 20 // bytes; a longer file is not read
)

func (h *hostsFile) lookup(host string) []netip.Addr {
	if h.path == "none" {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if now := h.now(); h.looked.IsZero() || now.Sub(h.looked) > hostsEvery {
		h.looked = now
		h.reread()
	}
	return h.names[plain(host)]
}

func (h *hostsFile) reread() {
	st, err := os.Stat(h.path)
	if err != nil || st.Size() > maxHostsLen {
		h.names = nil
		return
	}
	if st.ModTime().Equal(h.mtime) && st.Size() == h.size {
		return
	}
	b, err := os.ReadFile(h.path)
	if err != nil {
		return
	}
	h.mtime, h.size, h.names = st.ModTime(), st.Size(), map[string][]netip.Addr{}
	for line := range strings.Lines(string(b)) {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		a, err := netip.ParseAddr(f[0])
		if err != nil {
			continue
		}
		for _, name := range f[1:] {
			h.names[plain(name)] = append(h.names[plain(name)], a.Unmap())
		}
	}
}
