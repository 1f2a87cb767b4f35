package verify

import (
	"container/list"
	"slices"
	"strings"
	"sync"
	"time"
)

// Memory is a Cache of bounded size; the entries used longest ago go first.
type Memory struct {
	max int
	mu  sync.Mutex
	m   map[string]*list.Element
	lru *list.List // of memoryItem, last used first
}

type memoryItem struct {
	key   string
	entry Entry
}

// NewMemory makes a Memory for at most max entries.
func NewMemory(max int) *Memory {
	return &Memory{max: max, m: map[string]*list.Element{}, lru: list.New()}
}

// Get finds an entry.
func (m *Memory) Get(tenant, key string) (Entry, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	el := m.m[tenant+"\x00"+key]
	if el == nil {
		return Entry{}, false
	}
	m.lru.MoveToFront(el)
	return el.Value.(memoryItem).entry, true
}

// Put keeps an entry. keep is not needed here: size bounds this cache.
func (m *Memory) Put(tenant, key string, e Entry, _ time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key = tenant + "\x00" + key
	if el := m.m[key]; el != nil {
		el.Value = memoryItem{key, e}
		m.lru.MoveToFront(el)
		return
	}
	m.m[key] = m.lru.PushFront(memoryItem{key, e})
	for m.lru.Len() > m.max {
		last := m.lru.Back()
		m.lru.Remove(last)
		delete(m.m, last.Value.(memoryItem).key)
	}
}

// Delete drops an entry.
func (m *Memory) Delete(tenant, key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if el := m.m[tenant+"\x00"+key]; el != nil {
		m.lru.Remove(el)
		delete(m.m, tenant+"\x00"+key)
	}
}

// Scan lists entries as they are when it begins.
func (m *Memory) Scan(tenant, prefix, after string, f func(key string, e Entry) bool) error {
	m.mu.Lock()
	var found []memoryItem
	for k, el := range m.m {
		if key, ok := strings.CutPrefix(k, tenant+"\x00"); ok && strings.HasPrefix(key, prefix) && key > after {
			found = append(found, memoryItem{key, el.Value.(memoryItem).entry})
		}
	}
	m.mu.Unlock()
	slices.SortFunc(found, func(a, b memoryItem) int { return strings.Compare(a.key, b.key) })
	for _, x := range found {
		if !f(x.key, x.entry) {
			break
		}
	}
	return nil
}
