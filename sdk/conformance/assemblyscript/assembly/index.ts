// The conformance guest of the AssemblyScript SDK; ../../README.md says what it
// is for.

import {
  Action, Call, Config, DNSRequest, DNSResponse, DecodeError, ErrorCode, HTTPRequest, Hash, HeaderList, Init, KVBatch,
  KVBatchResult, LogLevel, MessageOrder, PART_RAW, Part, Pattern, Patterns, Record, ScheduleRequest, Stage, Submission, Value,
  ValueKind, Verdict, attr, literal, octets, on, onInit, regexp, stringList, text, wildcard,
} from "../weir-sdk/assembly";
import { describe } from "./describe";
import { recordOf } from "./recode";

export { weir_abi_1, weir_hook, weir_init } from "../weir-sdk/assembly";

/** The most octets that go into a note. */
const LARGEST = 4000;

let started = new Init();

let none = false; // the operation found that there is none
let silent = false; // it leaves no note
let broken: DecodeError = DecodeError.None; // its data

function act(c: Call, v: Verdict): void {
  const p = c.params();
  if (p === null) {
    c.fail("no parameters");
    return;
  }
  none = false;
  silent = false;
  const out = run(c, v, p);
  if (c.failure !== null || silent) return;
  if (none) {
    v.note("none", "");
  } else if (out === null) {
    v.note("err", broken == DecodeError.None ? (<i32>c.error).toString() : decodeName(broken));
    v.note("text", c.errorText());
  } else if (out.length > LARGEST) {
    if (!c.kv.set("out", out)) c.fail(c.errorText());
  } else {
    v.note("ok", text(out));
  }
}

function decodeName(e: DecodeError): string {
  switch (e) {
    case DecodeError.Short: return "short";
    case DecodeError.Count: return "count";
    case DecodeError.Depth: return "depth";
  }
  return "tail";
}

function str(a: Value, name: string): string {
  return attr(a, name).string;
}

function num(a: Value, name: string): i64 {
  return <i64>attr(a, name).number;
}

// The record of an operation's argument data.
function data<T extends Record>(a: Value): T {
  const r = instantiate<T>();
  broken = r.decode(octets(str(a, "data")));
  return r;
}

function done(ok: bool): Uint8Array | null {
  return ok ? new Uint8Array(0) : null;
}

function encoded(r: Record | null): Uint8Array | null {
  return r === null ? null : r.encode();
}

function decimal(n: i64): Uint8Array | null {
  return n < 0 ? null : octets(n.toString());
}

function run(c: Call, v: Verdict, a: Value): Uint8Array | null {
  broken = DecodeError.None;
  const op = c.event.name;
  if (op == "init") return started.encode();
  if (op == "echo") return c.event.encode();
  if (op == "describe") return describe(c.event).encode();
  if (op == "recode") {
    const r = recordOf(str(a, "record"));
    if (r === null) {
      c.fail("no such record");
      return null;
    }
    broken = r.decode(octets(str(a, "data")));
    return broken == DecodeError.None ? r.encode() : null;
  }
  if (op == "params") return a.encode();
  if (op == "config") return encoded(c.configValue());
  if (op == "config built") {
    const s = settings.of(c);
    if (s === null) return null;
    if (s.limit < 0) {
      c.fail("a limit below 0");
      return null;
    }
    return octets(s.limit.toString() + ":" + s.builds.toString());
  }
  if (op == "note of") {
    const s = c.noteOf(str(a, "key"));
    none = s === null;
    return s === null ? null : octets(s);
  }
  if (op == "log") {
    const line = str(a, "line");
    switch (<i32>num(a, "level")) {
      case LogLevel.Debug: c.debug(line); break;
      case LogLevel.Info: c.info(line); break;
      case LogLevel.Warn: c.warn(line); break;
      default: c.logError(line);
    }
    let kept = "";
    for (let l = 0; l < 4; l++) kept += c.enabled(l) ? "1" : "0";
    return octets(kept);
  }
  if (op == "count") return done(c.count(str(a, "name"), num(a, "delta")));
  if (op == "fail") {
    c.fail(str(a, "why"));
    return null;
  }
  if (op == "trap") throw new Error(str(a, "why"));
  if (op == "large") {
    v.text = "\0".repeat(300 << 10);
    silent = true;
    return null;
  }
  if (op == "verdict") {
    silent = true;
    if (v.decode(octets(str(a, "data"))) != DecodeError.None) c.fail("no verdict");
    return null;
  }
  if (op == "verdict built") {
    built(v);
    silent = true;
    return null;
  }
  return message(c, v, a);
}

function message(c: Call, v: Verdict, a: Value): Uint8Array | null {
  const op = c.event.name;
  const part = <i32>num(a, "part");
  if (op == "headers") {
    const hs = c.headers();
    if (hs === null) return null;
    const l = new HeaderList();
    l.headers = hs;
    return l.encode();
  }
  if (op == "header") {
    const s = c.header(str(a, "name"), <u32>num(a, "nth"));
    none = s === null;
    return s === null ? null : octets(s);
  }
  if (op == "parts") return encoded(c.parts());
  if (op == "read") {
    const p = new Part();
    p.index = part;
    const r = part == PART_RAW ? c.openRaw() : c.open(p);
    const ranges = attr(a, "ranges").items;
    let all: u8[] = [];
    for (let i = 0; i < ranges.length; i++) {
      const b = new Uint8Array(<i32>ranges[i].items[1].number);
      const n = r.readAt(b, <i64>ranges[i].items[0].number);
      if (n < 0) return null;
      for (let k = 0; k < n; k++) all.push(b[k]);
    }
    const out = new Uint8Array(all.length);
    out.set(all);
    return out;
  }
  if (op == "hash") return c.hash(part, <Hash>(<i32>num(a, "alg")));
  if (op == "match part" || op == "match text") {
    const list: Pattern[] = [];
    const ps = attr(a, "patterns").items;
    for (let i = 0; i < ps.length; i++) list.push(pattern(ps[i]));
    const p = new Patterns(<u32>num(a, "set"), list);
    const hits = op == "match part" ? p.matchPart(c, part) : p.matchText(c, str(a, "text"));
    if (hits === null) return null;
    let s = "";
    for (let i = 0; i < hits.length; i++) s += hits[i].toString() + ",";
    return octets(s);
  }
  if (op == "stage") {
    const content = stringList(attr(a, "content"));
    for (let i = 0; i < content.length; i++) {
      if (c.stagePart(part, octets(content[i])) < 0) return null;
    }
    v.appendPart(part, octets(str(a, "text")));
    return new Uint8Array(0);
  }
  return store(c, a);
}

function pattern(v: Value): Pattern {
  const t = v.items[1].string;
  const fold = v.items[2].bool;
  switch (<i32>v.items[0].number) {
    case 0: return literal(t, fold);
    case 1: return regexp(t, fold);
  }
  return wildcard(t, fold);
}

function store(c: Call, a: Value): Uint8Array | null {
  const op = c.event.name;
  const key = str(a, "key");
  const value = octets(str(a, "value"));
  const ttl = <u64>num(a, "ttl");
  if (op == "lookup") return encoded(c.lookup(str(a, "list"), stringList(attr(a, "keys"))));
  if (op == "kv get") {
    const b = c.kv.get(key);
    none = b === null && c.error == ErrorCode.None;
    return b;
  }
  if (op == "kv set") return done(c.kv.set(key, value, ttl));
  if (op == "kv cas") {
    const old = attr(a, "old");
    return decimal(c.kv.compareAndSwap(key, old.kind == ValueKind.Null ? null : octets(old.string), value, ttl));
  }
  if (op == "kv delete") return done(c.kv.delete(key));
  if (op == "kv add") {
    const n = c.kv.add(key, num(a, "delta"), ttl);
    return c.error == ErrorCode.None ? octets(n.toString()) : null;
  }
  if (op == "kv batch") {
    const b = data<KVBatch>(a);
    const rs = c.kv.batch(b.ops);
    if (rs === null) return null;
    const r = new KVBatchResult();
    r.results = rs;
    return r.encode();
  }
  return beyond(c, a);
}

function beyond(c: Call, a: Value): Uint8Array | null {
  const op = c.event.name;
  if (op == "dns") {
    const answers = c.dns(data<DNSRequest>(a).questions);
    if (answers === null) return null;
    const r = new DNSResponse();
    r.answers = answers;
    return r.encode();
  }
  if (op == "fetch") return encoded(c.fetch(data<HTTPRequest>(a)));
  if (op == "dial") return talk(c, a);
  if (op == "schedule") return done(c.schedule(data<ScheduleRequest>(a)));
  if (op == "message") return encoded(c.message(str(a, "id")));
  if (op == "release") return decimal(c.release(data<MessageOrder>(a)));
  if (op == "reject") return decimal(c.reject(data<MessageOrder>(a)));
  if (op == "delete") return decimal(c.delete(data<MessageOrder>(a)));
  if (op == "submit") {
    const id = c.submit(data<Submission>(a));
    return id === null ? null : octets(id);
  }
  c.fail("nothing is called that");
  return null;
}

// Writes a text and a range of a part, and reads to the end.
function talk(c: Call, a: Value): Uint8Array | null {
  const conn = c.dial(str(a, "address"));
  if (conn === null) return null;
  if (!conn.write(octets(str(a, "write")))) return null;
  const sent = conn.sendPart(<i32>num(a, "part"), num(a, "offset"), num(a, "length"));
  if (sent < 0) return null;
  let all = sent.toString() + ":";
  const b = new Uint8Array(1000);
  for (;;) {
    const n = conn.read(b);
    if (n < 0) return null;
    if (n == 0) break;
    all += text(b.subarray(0, n));
  }
  return conn.close() ? octets(all) : null;
}

class Settings {
  constructor(public limit: i64, public builds: i32) {}
}

let builds = 0;

const settings = new Config<Settings>((v: Value): Settings => new Settings(num(v, "limit"), ++builds));

// Fills a verdict by every function the SDK has for it.
function built(v: Verdict): void {
  v.redirectTo("other@acme.test");
  v.recommend(Action.Quarantine);
  v.tempfail(451, "4.7.1", "later");
  v.reject(550, "5.7.1", "no");
  const f = v.find("spam", "subject");
  f.score = 1.5;
  f.explanation = "a word";
  f.part = 1;
  v.tag("one");
  v.tag("two");
  v.addHeader("X-Added", "value");
  v.replaceHeader("Subject", 0, "other");
  v.removeHeader("X-Gone", -1);
  v.replacePart(1, "text/plain", "note.txt", octets("new"));
  v.prependPart(2, octets("before"));
  v.appendPart(2, octets("after"));
  v.removePart(3);
  v.note("key", "value");
  v.waive("known", ["spam", "list/sender"]);
  v.keepOriginal = true;
  v.hold.untilUnixMs = (<u64>1) << 40;
  v.hold.reason = "wait";
  v.hold.key = "k";
  v.route = "slow";
  v.delayMs = 250;
}

for (let s = <i32>Stage.Connect; s <= <i32>Stage.Action; s++) on(s, act);

onInit((i: Init): string | null => {
  started = i;
  return null;
});
