import { KVBatch, KVBatchResult, KVRequest, KVResult } from "./abi";
import { Call, copyOf } from "./call";
import { ErrorCode, again, at, raw, size } from "./host";
import { octets } from "./wire";

/**
 * The plugin's store. Keys have 1 to 512 octets, values at most 64 KiB; a TTL is
 * milliseconds, 0 for ever. What fails says why in Call.error.
 */
export class KV {
  call!: Call;

  /** A value; null where there is none, and then Call.error is None, or it failed. */
  get(key: string): Uint8Array | null {
    const k = octets(key);
    let n: i32;
    do n = raw.kv_get(k.dataStart, k.length, at(), size()); while (again(n));
    if (this.call.ok(n)) return copyOf(n);
    if (this.call.error == ErrorCode.NotFound) this.call.error = ErrorCode.None;
    return null;
  }

  /** Stores a value. */
  set(key: string, value: Uint8Array, ttl: u64 = 0): bool {
    const k = octets(key);
    return this.call.ok(raw.kv_set(k.dataStart, k.length, value.dataStart, value.length, ttl));
  }

  /** Stores value if the key holds old; null means absent. 1 done, 0 not, -1 failed. */
  compareAndSwap(key: string, old: Uint8Array | null, value: Uint8Array, ttl: u64 = 0): i32 {
    const k = octets(key);
    const p = old === null ? value.dataStart : old.dataStart;
    const length = old === null ? -1 : old.length;
    const n = raw.kv_cas(k.dataStart, k.length, p, length, value.dataStart, value.length, ttl);
    return this.call.ok(n) ? n : -1;
  }

  /** Removes a key; one that is not there is no error. */
  delete(key: string): bool {
    const k = octets(key);
    return this.call.ok(raw.kv_delete(k.dataStart, k.length));
  }

  /**
   * Adds to a counter and gives its new value, 0 where it failed; the TTL counts
   * from the first add of a counter.
   */
  add(key: string, delta: i64, ttl: u64 = 0): i64 {
    const k = octets(key);
    return this.call.ok(raw.kv_add(k.dataStart, k.length, delta, ttl, at())) ? load<i64>(at()) : 0;
  }

  /**
   * Runs at most 1,000 operations (256 KiB of requests) in one call, in order,
   * and gives their results in step.
   */
  batch(ops: KVRequest[]): KVResult[] | null {
    const req = new KVBatch();
    req.ops = ops;
    const r = this.call.batchReply<KVBatchResult>(req);
    if (r === null) return null;
    if (r.results.length == ops.length) return r.results;
    this.call.error = ErrorCode.Unavailable;
    return null;
  }
}
