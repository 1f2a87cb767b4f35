package toolchain

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"time"

	"github.com/mailweir/weir/sdk/abi"
)

type kvKey struct{ tenant, key string }

type kvValue struct {
	value []byte
	until time.Time // zero: for ever
}

var errNoCounter = errors.New("the value is no counter")

// get is a value that has not expired by the scenario's clock. The caller
// holds the lock, here and below.
func (w *world) get(k kvKey) ([]byte, bool) {
	v, ok := w.kv[k]
	if ok && !v.until.IsZero() && !w.now.Before(v.until) {
		delete(w.kv, k)
		return nil, false
	}
	return v.value, ok
}

func (w *world) set(k kvKey, value []byte, ttl time.Duration) {
	v := kvValue{value: bytes.Clone(value)}
	if v.value == nil {
		v.value = []byte{}
	}
	if ttl > 0 {
		v.until = w.now.Add(ttl)
	}
	w.kv[k] = v
}

func (w *world) add(k kvKey, delta int64, ttl time.Duration) (int64, error) {
	old, ok := w.get(k)
	if ok {
		if len(old) != 8 {
			return 0, errNoCounter
		}
		until := w.kv[k].until // counts from the first Add
		n := int64(binary.LittleEndian.Uint64(old)) + delta
		w.kv[k] = kvValue{binary.LittleEndian.AppendUint64(nil, uint64(n)), until}
		return n, nil
	}
	w.set(k, binary.LittleEndian.AppendUint64(nil, uint64(delta)), ttl)
	return delta, nil
}

// Get implements filter.KV.
func (r *rig) Get(_ context.Context, _, tenant, key string) ([]byte, bool, error) {
	w := r.world()
	w.mu.Lock()
	defer w.mu.Unlock()
	v, ok := w.get(kvKey{tenant, key})
	return bytes.Clone(v), ok, nil
}

// Set implements filter.KV.
func (r *rig) Set(_ context.Context, _, tenant, key string, value []byte, ttl time.Duration) error {
	w := r.world()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.set(kvKey{tenant, key}, value, ttl)
	return nil
}

// CompareAndSwap implements filter.KV.
func (r *rig) CompareAndSwap(_ context.Context, _, tenant, key string, old, value []byte, ttl time.Duration) (bool, error) {
	w := r.world()
	w.mu.Lock()
	defer w.mu.Unlock()
	have, ok := w.get(kvKey{tenant, key})
	if ok != (old != nil) || !bytes.Equal(have, old) {
		return false, nil
	}
	w.set(kvKey{tenant, key}, value, ttl)
	return true, nil
}

// Delete implements filter.KV.
func (r *rig) Delete(_ context.Context, _, tenant, key string) error {
	w := r.world()
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.kv, kvKey{tenant, key})
	return nil
}

// Add implements filter.KV.
func (r *rig) Add(_ context.Context, _, tenant, key string, delta int64, ttl time.Duration) (int64, error) {
	w := r.world()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.add(kvKey{tenant, key}, delta, ttl)
}

// Batch implements filter.KV.
func (r *rig) Batch(_ context.Context, _, tenant string, ops []abi.KVRequest) ([]abi.KVResult, error) {
	w := r.world()
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]abi.KVResult, len(ops))
	for i, o := range ops {
		k, ttl := kvKey{tenant, o.Key}, time.Duration(o.TTLMs)*time.Millisecond
		switch o.Op {
		case abi.KVOpGet:
			v, ok := w.get(k)
			out[i] = abi.KVResult{Found: ok, Value: bytes.Clone(v)}
		case abi.KVOpSet:
			w.set(k, o.Value, ttl)
		case abi.KVOpDelete:
			_, out[i].Found = w.get(k)
			delete(w.kv, k)
		case abi.KVOpAdd:
			n, err := w.add(k, o.Delta, ttl)
			if err != nil {
				return nil, err
			}
			out[i].Number = n
		}
	}
	return out, nil
}
