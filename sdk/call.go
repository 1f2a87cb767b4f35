package sdk

import (
	"time"

	"github.com/mailweir/weir/sdk/abi"
)

// Call is one call of a hook: the event, and the host's services for its
// length. It must not be kept.
type Call struct {
	abi.Event
	h     host
	cache *configCache

	headers []abi.Header
	parts   *abi.PartList
	failed  error // of a call whose signature has no room for it
}

// NoteOf is a note that the plugin left at an earlier stage of this session.
func (c *Call) NoteOf(key string) (value string, ok bool) {
	for _, n := range c.Notes {
		if n.Key == key {
			return n.Value, true
		}
	}
	return "", false
}

// Now is the time. Natively it is the test's.
func (c *Call) Now() time.Time { return hostNow(c.h) }

// Enabled reports whether lines of this level are kept.
func (c *Call) Enabled(l abi.LogLevel) bool { return l >= hostLogLevel(c.h) }

// Debug, Info, Warn and Error log a line; 64 lines a call are kept. Never log
// a body or a credential.
func (c *Call) Debug(line string) { hostLog(c.h, abi.LogLevelDebug, line) }

// Info logs a line.
func (c *Call) Info(line string) { hostLog(c.h, abi.LogLevelInfo, line) }

// Warn logs a line.
func (c *Call) Warn(line string) { hostLog(c.h, abi.LogLevelWarn, line) }

// Error logs a line.
func (c *Call) Error(line string) { hostLog(c.h, abi.LogLevelError, line) }

// Count adds to a counter of the plugin's, shown in the gateway's metrics.
func (c *Call) Count(name string, delta int64) error { return hostMetricAdd(c.h, name, delta) }

// Lookup asks a list the host keeps for the first of keys it has. A list that
// does not exist is ErrNotFound. It needs grant lists.
func (c *Call) Lookup(list string, keys ...string) (abi.LookupResult, error) {
	var res abi.LookupResult
	req := abi.LookupRequest{List: list, Keys: keys}
	b, err := hostListLookup(c.h, req.Append(nil))
	if err != nil {
		return res, err
	}
	return res, res.Decode(b)
}

// KV is the plugin's own store: one namespace per plugin and tenant, shared by
// all instances. Values are at most 64 KiB. It needs grant kv.
func (c *Call) KV() KV { return KV{c.h} }

// KV is a handle on the plugin's store. TTLs are milliseconds, 0 for ever. What
// has no TTL, and what CompareAndSwap writes, is on disk when the call returns;
// of what has one, a power cut may take the last seconds.
type KV struct{ h host }

// Get gives a value; ok is false where there is none.
func (k KV) Get(key string) (value []byte, ok bool, err error) {
	value, err = hostKVGet(k.h, key)
	if err == ErrNotFound {
		return nil, false, nil
	}
	return value, err == nil, err
}

// Set stores a value.
func (k KV) Set(key string, value []byte, ttlMS int64) error {
	return hostKVSet(k.h, key, value, ttlMS)
}

// CompareAndSwap stores value if the key holds old; old nil means absent.
func (k KV) CompareAndSwap(key string, old, value []byte, ttlMS int64) (bool, error) {
	return hostKVCas(k.h, key, old, value, ttlMS)
}

// Delete removes a key; one that is not there is no error.
func (k KV) Delete(key string) error { return hostKVDelete(k.h, key) }

// Add adds to a counter and gives its new value; ttlMS counts from the first
// Add of a counter.
func (k KV) Add(key string, delta, ttlMS int64) (int64, error) {
	return hostKVAdd(k.h, key, delta, ttlMS)
}

// Batch runs at most 1,000 operations (256 KiB of requests) in one call, in
// order, and gives their results in step: much faster than one by one. Nobody
// else changes these keys meanwhile. Values read have at most 4 MiB together;
// with more the error is ErrTooLarge, and nothing was written.
func (k KV) Batch(ops []abi.KVRequest) ([]abi.KVResult, error) {
	if len(ops) == 0 {
		return nil, nil
	}
	b, err := hostKVBatch(k.h, (&abi.KVBatch{Ops: ops}).Append(nil))
	if err != nil {
		return nil, err
	}
	var r abi.KVBatchResult
	if err := r.Decode(b); err != nil {
		return nil, err
	}
	if len(r.Results) != len(ops) {
		return nil, ErrUnavailable
	}
	return r.Results, nil
}
