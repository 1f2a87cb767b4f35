package sdktest

import (
	"bytes"
	"encoding/binary"

	"github.com/mailweir/weir/sdk"
)

// The KV of the fake keeps values for ever: TTLs are the gateway's matter.

func (h fake) KVGet(key string) ([]byte, error) {
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
	return nil
}

func (h fake) KVCompareAndSwap(key string, old, value []byte, ttlMS int64) (bool, error) {
	have, ok := h.KV[key]
	if ok != (old != nil) || !bytes.Equal(have, old) {
		return false, nil
	}
	return true, h.KVSet(key, value, ttlMS)
}

func (h fake) KVDelete(key string) error {
	delete(h.KV, key)
	return nil
}

func (h fake) KVAdd(key string, delta, ttlMS int64) (int64, error) {
	n := delta
	if v, ok := h.KV[key]; ok {
		if len(v) != 8 {
			return 0, sdk.ErrBadArgument
		}
		n += int64(binary.LittleEndian.Uint64(v))
	}
	return n, h.KVSet(key, binary.LittleEndian.AppendUint64(nil, uint64(n)), ttlMS)
}
