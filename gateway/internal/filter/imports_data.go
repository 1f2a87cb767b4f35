package filter

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/mailweir/weir/sdk/abi"
)

// Bounds of lists and KV.
const (
	maxLookup  = 256 << 10 // octets of a LookupRequest
	maxKey     = 512       // octets of a KV key
	maxKVValue = 64 << 10  // octets of a KV value
	maxTTL     = 10 * 366 * 24 * time.Hour
)

func listLookup(in *instance, c *call, mem guestMemory, st []uint64) {
	req := mem.at(st[0], st[1])
	var r abi.LookupRequest
	if len(req) > maxLookup {
		result(st, c.fail(abi.ErrTooLarge, "a look-up has at most 256 KiB"))
		return
	}
	if err := r.Decode(req); err != nil {
		result(st, c.fail(abi.ErrBadArgument, err.Error()))
		return
	}
	if only := in.gen.grants["lists"]; len(only) > 0 && !slices.Contains(only, r.List) && !slices.Contains(only, "*") {
		result(st, c.fail(abi.ErrDenied, "the grant does not name this list"))
		return
	}
	lists := in.gen.opts.Lists
	if lists == nil {
		result(st, c.fail(abi.ErrUnavailable, "there are no lists here"))
		return
	}
	tenant := ""
	if c.ev != nil {
		tenant = c.ev.Tenant
	}
	key, value, found, err := lists.Lookup(c.context(), tenant, r.List, r.Keys)
	if errors.Is(err, ErrNoList) {
		result(st, c.fail(abi.ErrNotFound, "no such list"))
		return
	}
	if err != nil {
		result(st, c.failWait(err))
		return
	}
	res := abi.LookupResult{Found: found, Key: key, Value: value}
	result(st, mem.give(res.Append(nil), st[2], st[3]))
}

// failWait makes a result of what came back from a store.
func (c *call) failWait(err error) int32 {
	c.must()
	return c.fail(abi.ErrUnavailable, err.Error())
}

// kvCall checks what all KV functions have in common; ok is false when the
// result is set.
func kvCall(in *instance, c *call, mem guestMemory, st []uint64) (kv KV, key string, ok bool) {
	k := mem.at(st[0], st[1])
	switch {
	case in.gen.opts.KV == nil || c.ev == nil:
		result(st, c.fail(abi.ErrUnavailable, "there is no KV here"))
	case len(k) == 0 || len(k) > maxKey:
		result(st, c.fail(abi.ErrBadArgument, "a key has 1 to 512 octets"))
	default:
		return in.gen.opts.KV, string(k), true
	}
	return nil, "", false
}

func ttl(ms uint64) (time.Duration, bool) {
	if int64(ms) < 0 || ms > uint64(maxTTL.Milliseconds()) {
		return 0, false
	}
	return time.Duration(ms) * time.Millisecond, true
}

const badTTL = "a TTL is 0 to 10 years, in milliseconds"

func kvGet(in *instance, c *call, mem guestMemory, st []uint64) {
	kv, key, ok := kvCall(in, c, mem, st)
	if !ok {
		return
	}
	v, found, err := kv.Get(c.context(), in.gen.name, c.tenant(), key)
	switch {
	case err != nil:
		result(st, c.failWait(err))
	case !found:
		result(st, c.fail(abi.ErrNotFound, "no such key"))
	default:
		result(st, mem.give(v, st[2], st[3]))
	}
}

func kvSet(in *instance, c *call, mem guestMemory, st []uint64) {
	value := mem.at(st[2], st[3])
	kv, key, ok := kvCall(in, c, mem, st)
	if !ok {
		return
	}
	d, ok := ttl(st[4])
	switch {
	case !ok:
		result(st, c.fail(abi.ErrBadArgument, badTTL))
		return
	case len(value) > maxKVValue:
		result(st, c.fail(abi.ErrTooLarge, "a value has at most 64 KiB"))
		return
	}
	if err := kv.Set(c.context(), in.gen.name, c.tenant(), key, slices.Clone(value), d); err != nil {
		result(st, c.failWait(err))
		return
	}
	result(st, 0)
}

func kvCas(in *instance, c *call, mem guestMemory, st []uint64) {
	var old []byte
	if int32(uint32(st[3])) != -1 {
		b := mem.at(st[2], st[3])
		old = append([]byte{}, b[:min(len(b), maxKVValue+1)]...) // a longer one equals nothing
	}
	value := mem.at(st[4], st[5])
	kv, key, ok := kvCall(in, c, mem, st)
	if !ok {
		return
	}
	d, ok := ttl(st[6])
	switch {
	case !ok:
		result(st, c.fail(abi.ErrBadArgument, badTTL))
		return
	case len(value) > maxKVValue:
		result(st, c.fail(abi.ErrTooLarge, "a value has at most 64 KiB"))
		return
	}
	done, err := kv.CompareAndSwap(c.context(), in.gen.name, c.tenant(), key, old, slices.Clone(value), d)
	switch {
	case err != nil:
		result(st, c.failWait(err))
	case done:
		result(st, 1)
	default:
		result(st, 0)
	}
}

func kvDelete(in *instance, c *call, mem guestMemory, st []uint64) {
	kv, key, ok := kvCall(in, c, mem, st)
	if !ok {
		return
	}
	if err := kv.Delete(c.context(), in.gen.name, c.tenant(), key); err != nil {
		result(st, c.failWait(err))
		return
	}
	result(st, 0)
}

func kvAdd(in *instance, c *call, mem guestMemory, st []uint64) {
	to := mem.at(st[4], 8)
	kv, key, ok := kvCall(in, c, mem, st)
	if !ok {
		return
	}
	d, ok := ttl(st[3])
	if !ok {
		result(st, c.fail(abi.ErrBadArgument, badTTL))
		return
	}
	n, err := kv.Add(c.context(), in.gen.name, c.tenant(), key, int64(st[2]), d)
	if err != nil {
		result(st, c.failWait(err))
		return
	}
	binary.LittleEndian.PutUint64(to, uint64(n))
	result(st, 0)
}
