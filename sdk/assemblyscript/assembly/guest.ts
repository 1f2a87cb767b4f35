import { Event, Init, LogLevel, Stage } from "./abi";
import { Call } from "./call";
import { again, at, forget, raw, size } from "./host";
import { Verdict } from "./verdict";
import { DecodeError, Encoder, octets } from "./wire";

/**
 * A hook writes what it found to the verdict; an untouched one is "continue".
 *
 * Instances run one call at a time, in any order of sessions: what must last
 * from one stage of a session to the next goes into notes (Verdict.note), what
 * must last longer into Call.kv.
 */
export type Hook = (c: Call, v: Verdict) => void;

const hooks = new Map<u32, Hook>();
let starting: ((i: Init) => string | null) | null = null;

/** Registers the hook of a stage. The stages must agree with the manifest. */
export function on(stage: Stage, hook: Hook): void {
  hooks.set(<u32>stage, hook);
}

/**
 * Registers what runs once per instance, before any hook; it gives null, or why
 * the instance cannot start. It has no configuration: that comes with each call.
 */
export function onInit(f: (i: Init) => string | null): void {
  starting = f;
}

export function weir_abi_1(): void {}

function read(): i32 {
  let n: i32;
  do n = raw.event_read(at(), size()); while (again(n));
  return n;
}

export function weir_init(length: i32): i32 {
  const i = new Init();
  const e = i.decodeFrom(at(), read());
  const f = starting;
  if (e != DecodeError.None) return outcome("abi: weir_init got no Init");
  return outcome(f === null ? null : f(i));
}

export function weir_hook(stage: i32, length: i32): i32 {
  const ev = new Event();
  const n = read();
  if (ev.decodeFrom(at(), n) != DecodeError.None) return outcome("abi: weir_hook got no Event");
  if (!hooks.has(<u32>ev.stage)) return outcome("no hook for this stage");
  const c = new Call(ev);
  const v = new Verdict();
  hooks.get(<u32>ev.stage)(c, v);
  if (c.failure === null) {
    const out = new Encoder();
    v.write(out);
    if (!c.ok(raw.result_write(out.ptr, out.length))) c.fail(c.errorText());
  }
  forget();
  return outcome(c.failure);
}

function say(line: string): void {
  const b = octets(line);
  raw.log(<u32>LogLevel.Error, b.dataStart, b.length);
}

// Tells the host why by a log line, the last of level error.
function outcome(failure: string | null): i32 {
  if (failure === null) return 0;
  say(failure);
  return -1;
}

/** What throw and assert come to: a log line, and the end of the instance. For asc's --use abort=. */
export function weirAbort(message: string | null, file: string | null, line: u32, column: u32): void {
  say(
    "abort: " + (message === null ? "" : message) + " at " + (file === null ? "" : file) + ":" + line.toString() + ":" +
      column.toString(),
  );
  unreachable();
}
