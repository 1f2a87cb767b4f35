import {
  DNSAnswer, DNSQuestion, DNSRequest, DNSResponse, Event, HTTPRequest, HTTPResponse, Hash, Header, HeaderList, LogLevel,
  LookupRequest, LookupResult, MessageInfo, MessageOrder, Part, PartList, ScheduleRequest, Submission, Value,
} from "./abi";
import { ErrorCode, again, at, errorName, raw, size } from "./host";
import { KV } from "./kv";
import { Conn } from "./conn";
import { Reader } from "./reader";
import { Record, DecodeError, Encoder, octets, textOf } from "./wire";

/** The part number of the message as it came, header and body. */
export const PART_RAW: i32 = -1;

const out = new Encoder();

/**
 * One call of a hook: the event, and the host's services for its length.
 *
 * What can fail gives null, false or -1, and says in `error` why. A hook that
 * cannot judge calls `fail`: the policy's on_error applies then. Throwing costs
 * the instance as well.
 */
export class Call {
  /** Why the last host call failed; None: it did not. */
  error: ErrorCode = ErrorCode.None;
  /** What fail was called with; null: the hook ended well. */
  failure: string | null = null;
  /** The plugin's own store: one namespace per plugin and tenant. It needs grant kv. */
  kv: KV;
  private headerList: HeaderList | null = null;
  private partList: PartList | null = null;

  constructor(public event: Event) {
    this.kv = new KV();
    this.kv.call = this;
  }

  /** Says that the plugin cannot judge, and why. The first reason counts. */
  fail(reason: string): void {
    if (this.failure === null) this.failure = reason;
  }

  /** What the host says about the last host call that failed. */
  errorText(): string {
    if (this.error == ErrorCode.None) return "";
    let n: i32;
    do n = raw.error_read(at(), size()); while (again(n));
    return n > 0 ? textOf(at(), n) : errorName(this.error);
  }

  /** Takes a host call's result: true where it went well. */
  ok(n: i64): bool {
    this.error = n >= 0 ? ErrorCode.None : n < -6 ? ErrorCode.Unavailable : <ErrorCode>(<i32>n);
    return n >= 0;
  }

  // Reads what the host wrote, n octets or an error, as a record.
  private take<T extends Record>(n: i32): T | null {
    if (!this.ok(n)) return null;
    const r = instantiate<T>();
    if (r.decodeFrom(at(), n) == DecodeError.None) return r;
    this.error = ErrorCode.Malformed;
    return null;
  }

  // Reads the reply that a call left, of n octets, as a record.
  private reply<T extends Record>(n: i32): T | null {
    if (!this.ok(n)) return null;
    do n = raw.reply_read(at(), size()); while (again(n));
    return this.take<T>(n);
  }

  /** A note that the plugin left at an earlier stage of this session. */
  noteOf(key: string): string | null {
    for (let i = 0; i < this.event.notes.length; i++) {
      if (this.event.notes[i].key == key) return this.event.notes[i].value;
    }
    return null;
  }

  /** The parameters of an action, an object; a null Value where the event has none; null: they cannot be read. */
  params(): Value | null {
    const v = new Value();
    if (this.event.payload.length == 0) return v;
    if (v.decode(this.event.payload) == DecodeError.None) return v;
    this.error = ErrorCode.Malformed;
    return null;
  }

  /** The configuration of the filter block at hand, an object. Config keeps what is made of it. */
  configValue(): Value | null {
    let n: i32;
    do n = raw.config_read(this.event.configId, at(), size()); while (again(n));
    return this.take<Value>(n);
  }

  /** Whether lines of this level are kept. */
  enabled(level: LogLevel): bool {
    return <i32>level >= raw.log_level();
  }

  /** Logs a line; 64 lines a call are kept, 1 KiB of each. Never log a body or a credential. */
  log(level: LogLevel, line: string): void {
    const b = octets(line);
    raw.log(<u32>level, b.dataStart, b.length);
  }

  debug(line: string): void {
    this.log(LogLevel.Debug, line);
  }

  info(line: string): void {
    this.log(LogLevel.Info, line);
  }

  warn(line: string): void {
    this.log(LogLevel.Warn, line);
  }

  logError(line: string): void {
    this.log(LogLevel.Error, line);
  }

  /** Adds to a counter of the plugin's, shown in the gateway's metrics. */
  count(name: string, delta: i64): bool {
    const b = octets(name);
    return this.ok(raw.metric_add(b.dataStart, b.length, delta));
  }

  /** The message's header fields in order, unfolded; at stage headers and later. */
  headers(): Header[] | null {
    let l = this.headerList;
    if (l === null) {
      let n: i32;
      do n = raw.headers_read(at(), size()); while (again(n));
      l = this.take<HeaderList>(n);
      if (l === null) return null;
      this.headerList = l;
    }
    return l.headers;
  }

  /**
   * The nth header field of that name, in any case, from 0; null: there is none.
   * When the header cannot be read, the hook fails as a whole: what could not be
   * looked at is never clean.
   */
  header(name: string, nth: u32 = 0): string | null {
    const b = octets(name);
    let n: i32;
    do n = raw.header_get(b.dataStart, b.length, nth, at(), size()); while (again(n));
    if (this.ok(n)) return textOf(at(), n);
    if (this.error != ErrorCode.NotFound) this.fail(this.errorText());
    return null;
  }

  /** The MIME tree as the host parsed it. Where malformed is set, what can be read may not be all. */
  parts(): PartList | null {
    let l = this.partList;
    if (l === null) {
      let n: i32;
      do n = raw.parts_read(at(), size()); while (again(n));
      l = this.take<PartList>(n);
      this.partList = l;
    }
    return l;
  }

  /** Reads a part's decoded content (PART_RAW: the message as it came) from an offset; 0 at the end, -1 failed. */
  readPart(part: i32, offset: i64, to: Uint8Array): i32 {
    const n = raw.body_read(part, offset, to.dataStart, to.length);
    return this.ok(n) ? n : -1;
  }

  /** A reader of a part's decoded content, by ranges. */
  open(p: Part): Reader {
    return new Reader(this, p.index, p.size);
  }

  /** A reader of the message as it came. */
  openRaw(): Reader {
    return new Reader(this, PART_RAW, this.event.size);
  }

  /** The digest of a part's decoded content, or of the raw message (PART_RAW), made by the host. */
  hash(part: i32, alg: Hash): Uint8Array | null {
    const n = raw.part_hash(part, <u32>alg, at(), size());
    return this.ok(n) ? copyOf(n) : null;
  }

  /**
   * Appends to the content that is staged for a PartEdit of the part, for edits
   * too large for the verdict; gives how much there is so far.
   */
  stagePart(part: i32, content: Uint8Array): i32 {
    const n = raw.body_write(part, content.dataStart, content.length);
    return this.ok(n) ? n : -1;
  }

  /**
   * Asks a list the host keeps for the first of keys it has. A list that does
   * not exist gives null and ErrorCode.NotFound. It needs grant lists.
   */
  lookup(list: string, keys: string[]): LookupResult | null {
    const req = new LookupRequest();
    req.list = list;
    req.keys = keys;
    encode(req);
    let n: i32;
    do n = raw.list_lookup(out.ptr, out.length, at(), size()); while (again(n));
    return this.take<LookupResult>(n);
  }

  /**
   * Asks at most 32 questions at once; the answers are in step. What the DNS does
   * not tell is no error but the answer's code. It needs grant dns.
   */
  dns(questions: DNSQuestion[]): DNSAnswer[] | null {
    const req = new DNSRequest();
    req.questions = questions;
    encode(req);
    const r = this.reply<DNSResponse>(raw.dns_query(out.ptr, out.length));
    if (r === null) return null;
    if (r.answers.length == questions.length) return r.answers;
    this.error = ErrorCode.Unavailable;
    return null;
  }

  /** One HTTP request; redirects are not followed. It needs grant http. */
  fetch(req: HTTPRequest): HTTPResponse | null {
    encode(req);
    return this.reply<HTTPResponse>(raw.http_fetch(out.ptr, out.length));
  }

  /** Connects to a granted address, "unix:/path" or "host:port". It needs grant dial. */
  dial(address: string): Conn | null {
    const b = octets(address);
    const n = raw.dial(b.dataStart, b.length);
    return this.ok(n) ? new Conn(this, n) : null;
  }

  /**
   * Asks for a call of stage schedule at a time, at least once. The same name
   * and key again replaces what was there; a time of 0 drops it. It needs grant
   * queue, as what follows does.
   */
  schedule(r: ScheduleRequest): bool {
    encode(r);
    return this.ok(raw.schedule(out.ptr, out.length));
  }

  /** What is recorded of a message of the call's tenant. */
  message(id: string): MessageInfo | null {
    const o = new MessageOrder();
    o.id = id;
    encode(o);
    return this.reply<MessageInfo>(raw.message_get(out.ptr, out.length));
  }

  /** Releases what is held; gives how many recipients changed. */
  release(o: MessageOrder): i32 {
    encode(o);
    return this.changed(raw.message_release(out.ptr, out.length));
  }

  /** Removes it, and tells an authenticated sender; gives how many recipients changed. */
  reject(o: MessageOrder): i32 {
    encode(o);
    return this.changed(raw.message_reject(out.ptr, out.length));
  }

  /** Removes it; gives how many recipients changed. */
  delete(o: MessageOrder): i32 {
    encode(o);
    return this.changed(raw.message_delete(out.ptr, out.length));
  }

  private changed(n: i32): i32 {
    return this.ok(n) ? n : -1;
  }

  /** Sends a notice in the tenant's name, and gives its ID. */
  submit(s: Submission): string | null {
    encode(s);
    let n = raw.message_submit(out.ptr, out.length);
    if (!this.ok(n)) return null;
    do n = raw.reply_read(at(), size()); while (again(n));
    return this.ok(n) ? textOf(at(), n) : null;
  }

  /** Sends the encoded KV batch; used by KV. */
  batchReply<T extends Record>(req: Record): T | null {
    encode(req);
    return this.reply<T>(raw.kv_batch(out.ptr, out.length));
  }
}

function encode(r: Record): void {
  out.reset();
  r.write(out);
}

/** A copy of the n octets the host wrote. */
export function copyOf(n: i32): Uint8Array {
  const b = new Uint8Array(n);
  memory.copy(b.dataStart, at(), n);
  return b;
}
