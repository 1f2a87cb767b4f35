package verify

import (
	"encoding/json"
	"fmt"
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
	// Scan calls f for a tenant's entries whose keys begin with prefix and come
	// after after, in order of keys, until it returns false. f must not call the
	// Cache. What cannot be read is an error: an operator is told.
	Scan(tenant, prefix, after string, f func(key string, e Entry) bool) error
}

// The kinds of Entry. The first two are of addresses, the others of domains.
const (
	EntryValid     = "valid"
	EntryInvalid   = "invalid"
	EntryCatchAll  = "catch-all" // it takes any address
	EntrySelective = "selective" // it refuses addresses that do not exist
	EntryUnsure    = "unsure"    // it takes the address asked for, and would not say what it does with strangers
	EntryRefuses   = "refuses"   // the destination takes nothing for it
)

// Entry is one thing learnt.
type Entry struct {
	Kind  string      `json:"kind"`
	At    time.Time   `json:"at"`
	Reply *mail.Reply `json:"reply,omitempty"` // the refusal, of EntryInvalid and EntryRefuses
	// Asked is when a valid address was last asked for again without an answer.
	Asked time.Time `json:"asked,omitzero"`
}

// KV is the soft store a Cache can live in across restarts; *softkv.Store is
// one. Get reports false for what is missing or expired; Scan is as
// softkv.Store's.
type KV interface {
	Get(plugin, tenant, key string) (value []byte, found bool, err error)
	Set(plugin, tenant, key string, value []byte, ttl time.Duration) error
	Delete(plugin, tenant, key string) error
	Scan(plugin, tenant, prefix, after string, f func(key string, value []byte, end time.Time) bool) error
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

// Scan lists entries; what is not one is passed over.
func (s Soft) Scan(tenant, prefix, after string, f func(key string, e Entry) bool) error {
	return s.KV.Scan(softName, tenant, prefix, after, func(key string, b []byte, _ time.Time) bool {
		var e Entry
		if err := json.Unmarshal(b, &e); err != nil {
			s.report(err)
			return true
		}
		return f(key, e)
	})
}

func (s Soft) report(err error) {
	if err != nil && s.OnError != nil {
		s.OnError(fmt.Errorf("known recipients: %w", err))
	}
}
