package filter

import (
	"errors"
	"strconv"
	"time"

	"github.com/mailweir/weir/sdk/abi"
)

// Bounds of kv_batch.
const (
	maxBatch = 256 << 10 // octets of a KVBatch
	maxOps   = 1000
)

func kvBatch(in *instance, c *call, mem guestMemory, st []uint64) {
	b := mem.at(st[0], st[1])
	if len(b) > maxBatch {
		result(st, c.fail(abi.ErrTooLarge, "a batch has at most 256 KiB"))
		return
	}
	var r abi.KVBatch
	if err := r.Decode(b); err != nil {
		result(st, c.fail(abi.ErrBadArgument, err.Error()))
		return
	}
	result(st, in.gen.batch(c, r.Ops))
}

func (g *generation) batch(c *call, ops []abi.KVRequest) int32 {
	kv := g.opts.KV
	switch {
	case kv == nil || c.ev == nil:
		return c.fail(abi.ErrUnavailable, "there is no KV here")
	case len(ops) > maxOps:
		return c.fail(abi.ErrTooLarge, "a batch has at most 1,000 operations")
	}
	for i := range ops {
		if code, text := badOp(&ops[i]); code != 0 {
			return c.fail(code, "operation "+strconv.Itoa(i)+": "+text)
		}
	}
	out, err := kv.Batch(c.context(), g.name, c.tenant(), ops)
	if errors.Is(err, ErrKVReply) {
		return c.fail(abi.ErrTooLarge, err.Error())
	}
	if err != nil {
		return c.failWait(err)
	}
	return c.leave((&abi.KVBatchResult{Results: out}).Append(nil))
}

func badOp(o *abi.KVRequest) (code int32, text string) {
	if len(o.Key) == 0 || len(o.Key) > maxKey {
		return abi.ErrBadArgument, "a key has 1 to 512 octets"
	}
	if len(o.Value) > maxKVValue {
		return abi.ErrTooLarge, "a value has at most 64 KiB"
	}
	if o.TTLMs > uint64(maxTTL/time.Millisecond) {
		return abi.ErrBadArgument, badTTL
	}
	if o.Op > abi.KVOpAdd {
		return abi.ErrBadArgument, "it is of no known kind"
	}
	return 0, ""
}
