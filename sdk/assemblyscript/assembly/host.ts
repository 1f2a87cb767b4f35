// The host functions of import module weir1, as they are; Call has what plugins
// use. An import that is not used is dropped by the compiler: one that is there
// needs its grant.

export namespace raw {
  // @ts-ignore: decorator
  @external("weir1", "event_read") export declare function event_read(p: usize, cap: u32): i32;
  // @ts-ignore: decorator
  @external("weir1", "config_read") export declare function config_read(id: u64, p: usize, cap: u32): i32;
  // @ts-ignore: decorator
  @external("weir1", "result_write") export declare function result_write(p: usize, len: u32): i32;
  // @ts-ignore: decorator
  @external("weir1", "log") export declare function log(level: u32, p: usize, len: u32): void;
  // @ts-ignore: decorator
  @external("weir1", "log_level") export declare function log_level(): i32;
  // @ts-ignore: decorator
  @external("weir1", "error_read") export declare function error_read(p: usize, cap: u32): i32;
  // @ts-ignore: decorator
  @external("weir1", "metric_add") export declare function metric_add(name: usize, nameLen: u32, delta: i64): i32;
  // @ts-ignore: decorator
  @external("weir1", "headers_read") export declare function headers_read(p: usize, cap: u32): i32;
  // @ts-ignore: decorator
  @external("weir1", "header_get") export declare function header_get(name: usize, nameLen: u32, nth: u32, p: usize, cap: u32): i32;
  // @ts-ignore: decorator
  @external("weir1", "parts_read") export declare function parts_read(p: usize, cap: u32): i32;
  // @ts-ignore: decorator
  @external("weir1", "body_read") export declare function body_read(part: i32, offset: i64, p: usize, cap: u32): i32;
  // @ts-ignore: decorator
  @external("weir1", "body_write") export declare function body_write(part: i32, p: usize, len: u32): i32;
  // @ts-ignore: decorator
  @external("weir1", "part_hash") export declare function part_hash(part: i32, alg: u32, p: usize, cap: u32): i32;
  // @ts-ignore: decorator
  @external("weir1", "match_define") export declare function match_define(id: u64, set: u32, p: usize, len: u32): i32;
  // @ts-ignore: decorator
  @external("weir1", "match") export declare function match(id: u64, set: u32, part: i32, hits: usize, cap: u32): i32;
  // @ts-ignore: decorator
  @external("weir1", "match_text") export declare function match_text(id: u64, set: u32, text: usize, textLen: u32, hits: usize, cap: u32): i32;
  // @ts-ignore: decorator
  @external("weir1", "list_lookup") export declare function list_lookup(req: usize, reqLen: u32, p: usize, cap: u32): i32;
  // @ts-ignore: decorator
  @external("weir1", "kv_get") export declare function kv_get(key: usize, keyLen: u32, p: usize, cap: u32): i32;
  // @ts-ignore: decorator
  @external("weir1", "kv_set") export declare function kv_set(key: usize, keyLen: u32, p: usize, len: u32, ttl: u64): i32;
  // @ts-ignore: decorator
  @external("weir1", "kv_cas") export declare function kv_cas(key: usize, keyLen: u32, old: usize, oldLen: i32, p: usize, len: u32, ttl: u64): i32;
  // @ts-ignore: decorator
  @external("weir1", "kv_delete") export declare function kv_delete(key: usize, keyLen: u32): i32;
  // @ts-ignore: decorator
  @external("weir1", "kv_add") export declare function kv_add(key: usize, keyLen: u32, delta: i64, ttl: u64, out: usize): i32;
  // @ts-ignore: decorator
  @external("weir1", "kv_batch") export declare function kv_batch(p: usize, len: u32): i32;
  // @ts-ignore: decorator
  @external("weir1", "reply_read") export declare function reply_read(p: usize, cap: u32): i32;
  // @ts-ignore: decorator
  @external("weir1", "dns_query") export declare function dns_query(p: usize, len: u32): i32;
  // @ts-ignore: decorator
  @external("weir1", "http_fetch") export declare function http_fetch(p: usize, len: u32): i32;
  // @ts-ignore: decorator
  @external("weir1", "dial") export declare function dial(address: usize, len: u32): i32;
  // @ts-ignore: decorator
  @external("weir1", "conn_write") export declare function conn_write(conn: i32, p: usize, len: u32): i32;
  // @ts-ignore: decorator
  @external("weir1", "conn_send") export declare function conn_send(conn: i32, part: i32, offset: i64, len: i64): i64;
  // @ts-ignore: decorator
  @external("weir1", "conn_read") export declare function conn_read(conn: i32, p: usize, cap: u32): i32;
  // @ts-ignore: decorator
  @external("weir1", "conn_close") export declare function conn_close(conn: i32): i32;
  // @ts-ignore: decorator
  @external("weir1", "schedule") export declare function schedule(p: usize, len: u32): i32;
  // @ts-ignore: decorator
  @external("weir1", "message_get") export declare function message_get(p: usize, len: u32): i32;
  // @ts-ignore: decorator
  @external("weir1", "message_release") export declare function message_release(p: usize, len: u32): i32;
  // @ts-ignore: decorator
  @external("weir1", "message_reject") export declare function message_reject(p: usize, len: u32): i32;
  // @ts-ignore: decorator
  @external("weir1", "message_delete") export declare function message_delete(p: usize, len: u32): i32;
  // @ts-ignore: decorator
  @external("weir1", "message_submit") export declare function message_submit(p: usize, len: u32): i32;
}

/** Why a host call failed; None: it did not. */
export enum ErrorCode {
  None = 0,
  /** There is no such key, list, part or configuration. */
  NotFound = -1,
  /** The grant is not given, or does not name this. */
  Denied = -2,
  /** More than the host takes. */
  TooLarge = -3,
  /** The call's time is over. */
  Timeout = -4,
  /** The host does not understand what it was asked. */
  BadArgument = -5,
  /** Not to be had here or now. */
  Unavailable = -6,
  /** What came is not the record it should be. */
  Malformed = -7,
}

/** The error in words. */
export function errorName(e: ErrorCode): string {
  switch (e) {
    case ErrorCode.None: return "";
    case ErrorCode.NotFound: return "not found";
    case ErrorCode.Denied: return "denied: not granted";
    case ErrorCode.TooLarge: return "too large";
    case ErrorCode.Timeout: return "timeout";
    case ErrorCode.BadArgument: return "bad argument";
    case ErrorCode.Malformed: return "abi: not the record it should be";
  }
  return "unavailable";
}

// Where answers of the host arrive; what must outlive the next host call is
// copied out (decoders and strings are).
let room = new StaticArray<u8>(4096);

/** Where the answer goes. */
export function at(): usize {
  return changetype<usize>(room);
}

/** How much may go there. */
export function size(): u32 {
  return room.length;
}

/** Whether a call must be made again, since its answer has n octets: there is room now. */
export function again(n: i32): bool {
  if (n <= room.length) return false;
  room = new StaticArray<u8>(n + n / 4);
  return true;
}

/** Gives the room of a large answer back. */
export function forget(): void {
  if (room.length > 65536) room = new StaticArray<u8>(4096);
}
