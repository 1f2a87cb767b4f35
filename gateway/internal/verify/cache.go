package verify

import (
	"container/list"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// Cache keeps what was learnt. It may forget at any time, and must be safe in
// parallel. keep is how long an entry can be of use; whether it still is, the
// Checker decides from Entry.At, on its own clock.
type Cache interface {
	Get(tenant, key string) (Entry, bool)
	Put(tenant, key string, e Entry, keep time.Duration)
	Delete(tenant, key string)
}

// The kinds of Entry.
const (
	EntryValid     = "valid"
	EntryInvalid   = "invalid"
	EntryCatchAll  = "catch-all" // of a domain: it takes any address
	EntrySelective = "selective" // of a domain: it refuses addresses that do not exist
)

// Entry is one thing learnt.
type Entry struct {
	Kind  string      `json:"kind"`
	At    time.Time   `json:"at"`
	Reply *mail.Reply `json:"reply,omitempty"` // the refusal, of an invalid address
}

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

// KV is the soft store a Cache can live in across restarts; *softkv.Store is
// one. Get reports false for what is missing or expired.
type KV interface {
	Get(plugin, tenant, key string) (value []byte, found bool, err error)
	Set(plugin, tenant, key string, value []byte, ttl time.Duration) error
	Delete(plugin, tenant, key string) error
}

// softName is the name under which the KV keeps what this package learns; no
// plugin can be called so.
const softName = "_verify"

// Soft is a Cache over a KV. An error of the KV is a miss: this cache may
// always forget.
type Soft struct {
	KV      KV
	OnError func(error) // may be nil
}

// Get finds an entry.
func (s Soft) Get(tenant, key string) (Entry, bool) {
	b, ok, err := s.KV.Get(softName, tenant, key)
	if err == nil && ok {
		var e Entry
		if err = json.Unmarshal(b, &e); err == nil {
			return e, true
		}
	}
	s.report(err)
	return Entry{}, false
}

// Put keeps an entry for keep.
func (s Soft) Put(tenant, key string, e Entry, keep time.Duration) {
	b, err := json.Marshal(e)
	if err == nil {
		err = s.KV.Set(softName, tenant, key, b, keep)
	}
	s.report(err)
}

// Delete drops an entry.
func (s Soft) Delete(tenant, key string) { s.report(s.KV.Delete(softName, tenant, key)) }

func (s Soft) report(err error) {
	if err != nil && s.OnError != nil {
		s.OnError(fmt.Errorf("known recipients: %w", err))
	}
}
