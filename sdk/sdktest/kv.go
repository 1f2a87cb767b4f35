package sdktest

import (
	"bytes"
	"encoding/binary"
	"maps"
	"time"

	"github.com/mailweir/weir/sdk"
	"github.com/mailweir/weir/sdk/abi"
)

// The KV of the fake keeps values for ever, unless the test has a Clock.

// expire drops a key whose time is over.
func (h fake) expire(key string) {
	if end, ok := h.ends[key]; ok && h.Clock != nil && !h.Clock().Before(end) {
		delete(h.KV, key)
		delete(h.ends, key)
	}
}

// last says when a key that is set now ends.
func (h fake) last(key string, ttlMS int64) {
	delete(h.ends, key)
	if ttlMS > 0 && h.Clock != nil {
		h.ends[key] = h.Clock().Add(time.Duration(ttlMS) * time.Millisecond)
	}
}

func (h fake) KVGet(key string) ([]byte, error) {
	h.expire(key)
	v, ok := h.KV[key]
	if !ok {
		return nil, sdk.ErrNotFound
	}
	return bytes.Clone(v), nil
}

func (h fake) KVSet(key string, value []byte, ttlMS int64) error {
	if ttlMS < 0 {
		return sdk.ErrBadArgument
	}
	h.KV[key] = bytes.Clone(value)
	h.last(key, ttlMS)
	return nil
}

func (h fake) KVCompareAndSwap(key string, old, value []byte, ttlMS int64) (bool, error) {
	h.expire(key)
	have, ok := h.KV[key]
	if ok != (old != nil) || !bytes.Equal(have, old) {
		return false, nil
	}
	return true, h.KVSet(key, value, ttlMS)
}

func (h fake) KVDelete(key string) error {
	delete(h.KV, key)
	delete(h.ends, key)
	return nil
}

func (h fake) KVAdd(key string, delta, ttlMS int64) (int64, error) {
	h.expire(key)
	n := delta
	if v, ok := h.KV[key]; ok {
		if len(v) != 8 {
			return 0, sdk.ErrBadArgument
		}
		n += int64(binary.LittleEndian.Uint64(v))
		h.KV[key] = binary.LittleEndian.AppendUint64(nil, uint64(n)) // its time counts from the first Add
		return n, nil
	}
	return n, h.KVSet(key, binary.LittleEndian.AppendUint64(nil, uint64(n)), ttlMS)
}

// KVBatch runs the operations one by one. A batch that fails half-way is undone.
func (h fake) KVBatch(req []byte) ([]byte, error) {
	var b abi.KVBatch
	if err := b.Decode(req); err != nil {
		return nil, refuse(sdk.ErrBadArgument, err.Error())
	}
	if len(b.Ops) > maxOps {
		return nil, refuse(sdk.ErrTooLarge, "at most 1,000 operations at once")
	}
	kv, ends := maps.Clone(h.KV), maps.Clone(h.ends)
	var out abi.KVBatchResult
	for i := range b.Ops {
		r, err := h.op(&b.Ops[i])
		if err != nil {
			h.KV, h.ends = kv, ends
			return nil, err
		}
		out.Results = append(out.Results, r)
	}
	return out.Append(nil), nil
}

func (h fake) op(o *abi.KVRequest) (r abi.KVResult, err error) {
	switch o.Op {
	case abi.KVOpGet:
		r.Value, err = h.KVGet(o.Key)
		if r.Found = err == nil; err == sdk.ErrNotFound {
			err = nil
		}
	case abi.KVOpSet:
		err = h.KVSet(o.Key, o.Value, int64(o.TTLMs))
	case abi.KVOpDelete:
		h.expire(o.Key)
		_, r.Found = h.KV[o.Key]
		err = h.KVDelete(o.Key)
	case abi.KVOpAdd:
		r.Number, err = h.KVAdd(o.Key, o.Delta, int64(o.TTLMs))
	default:
		err = refuse(sdk.ErrBadArgument, "unknown operation")
	}
	return r, err
}
