// The encoding of ABI weir1: little-endian records, append-only. What a writer
// left out is zero, what a reader does not know is skipped.

/** How deep records may nest; only Value nests itself. */
export const MAX_DEPTH: i32 = 64;

/** Why bytes are not a record of this ABI. */
export enum DecodeError {
  None = 0,
  /** A field, or the record itself, goes past the end. */
  Short = 1,
  /** A list claims more items than its record has room for. */
  Count = 2,
  /** Records nest deeper than MAX_DEPTH. */
  Depth = 3,
  /** Bytes follow the record. */
  Tail = 4,
}

/** A record of the schema. */
export abstract class Record {
  /** Appends the encoding. */
  abstract write(e: Encoder): void;

  /** Reads the fields of one record into a new one; use decode. */
  abstract read(d: Decoder): void;

  /** Reads one encoded record, which must be all of b, into a new record. */
  decode(b: Uint8Array): DecodeError {
    return this.decodeFrom(b.dataStart, b.length);
  }

  /** As decode, from memory. */
  decodeFrom(ptr: usize, length: i32): DecodeError {
    const d = new Decoder(ptr, length);
    if (d.item()) this.read(d);
    if (d.error != DecodeError.None) return d.error;
    return d.at == length ? DecodeError.None : DecodeError.Tail;
  }

  /** The encoding. */
  encode(): Uint8Array {
    const e = new Encoder();
    this.write(e);
    return e.bytesOut();
  }
}

/** Walks one encoded record. After an error every field is zero. */
export class Decoder {
  at: i32 = 0; // where the next field begins
  error: DecodeError = DecodeError.None;
  private end: i32; // where the record at hand ends
  private depth: i32 = 0;

  constructor(private ptr: usize, length: i32) {
    this.end = length;
  }

  private fail(e: DecodeError): void {
    if (this.error == DecodeError.None) this.error = e;
    this.at = this.end;
  }

  // A field that is missing altogether is no error (an older writer); one that
  // is cut is.
  private has(n: i32): bool {
    if (this.error != DecodeError.None || this.at >= this.end) return false;
    if (this.end - this.at < n) {
      this.fail(DecodeError.Short);
      return false;
    }
    return true;
  }

  u32(): u32 {
    if (!this.has(4)) return 0;
    this.at += 4;
    return load<u32>(this.ptr + this.at - 4);
  }

  u64(): u64 {
    if (!this.has(8)) return 0;
    this.at += 8;
    return load<u64>(this.ptr + this.at - 8);
  }

  i32(): i32 {
    return <i32>this.u32();
  }

  i64(): i64 {
    return <i64>this.u64();
  }

  f64(): f64 {
    return reinterpret<f64>(this.u64());
  }

  bool(): bool {
    if (!this.has(1)) return false;
    this.at += 1;
    return load<u8>(this.ptr + this.at - 1) != 0;
  }

  // Takes n octets and gives where they begin, or 0.
  private take(): i32 {
    const n = this.u32();
    if (n > <u32>(this.end - this.at)) {
      this.fail(DecodeError.Short);
      return 0;
    }
    this.at += n;
    return n;
  }

  string(): string {
    const n = this.take();
    return n == 0 ? "" : textOf(this.ptr + this.at - n, n);
  }

  bytes(): Uint8Array {
    const n = this.take();
    const b = new Uint8Array(n);
    memory.copy(b.dataStart, this.ptr + this.at - n, n);
    return b;
  }

  /** The length of a list whose items take at least size octets each. */
  count(size: u32): i32 {
    const n = this.u32();
    if (this.error != DecodeError.None) return 0;
    if (<u64>n * <u64>size > <u64>(this.end - this.at)) {
      this.fail(DecodeError.Count);
      return 0;
    }
    return n;
  }

  /** Whether another item of a list is there: items are never missing. */
  item(): bool {
    if (this.error == DecodeError.None && this.at >= this.end) this.fail(DecodeError.Short);
    return this.error == DecodeError.None;
  }

  /** Goes into a record; gives the end of the enclosing one, or -1. */
  enter(): i32 {
    const outer = this.end;
    if (this.error != DecodeError.None || this.at >= this.end) return -1;
    const n = this.u32();
    if (this.error != DecodeError.None) return -1;
    if (n > <u32>(this.end - this.at)) {
      this.fail(DecodeError.Short);
      return -1;
    }
    if (++this.depth > MAX_DEPTH) {
      this.fail(DecodeError.Depth);
      return -1;
    }
    this.end = this.at + n;
    return outer;
  }

  /** Skips the fields this version does not know. */
  leave(outer: i32): void {
    this.depth--;
    this.at = this.error == DecodeError.None ? this.end : outer;
    this.end = outer;
  }
}

/** Writes records to memory of its own, which it keeps for the next. */
export class Encoder {
  length: i32 = 0;
  private buffer: StaticArray<u8> = new StaticArray<u8>(512);

  /** Where the octets are, until the next write. */
  get ptr(): usize {
    return changetype<usize>(this.buffer);
  }

  /** Starts anew. A buffer that grew large is given back. */
  reset(): void {
    this.length = 0;
    if (this.buffer.length > 65536) this.buffer = new StaticArray<u8>(512);
  }

  /** A copy of the octets. */
  bytesOut(): Uint8Array {
    const b = new Uint8Array(this.length);
    memory.copy(b.dataStart, this.ptr, this.length);
    return b;
  }

  // Makes room for n octets and gives where they go.
  private room(n: i32): usize {
    const need = this.length + n;
    if (need > this.buffer.length) {
      const larger = new StaticArray<u8>(max(need, this.buffer.length * 2));
      memory.copy(changetype<usize>(larger), this.ptr, this.length);
      this.buffer = larger;
    }
    const at = this.ptr + this.length;
    this.length = need;
    return at;
  }

  u32(v: u32): void {
    store<u32>(this.room(4), v);
  }

  u64(v: u64): void {
    store<u64>(this.room(8), v);
  }

  i32(v: i32): void {
    this.u32(<u32>v);
  }

  i64(v: i64): void {
    this.u64(<u64>v);
  }

  f64(v: f64): void {
    this.u64(reinterpret<u64>(v));
  }

  bool(v: bool): void {
    store<u8>(this.room(1), v ? 1 : 0);
  }

  string(s: string): void {
    const n = textSize(s);
    this.u32(n);
    writeText(s, this.room(n));
  }

  bytes(b: Uint8Array): void {
    this.u32(b.length);
    const at = this.room(b.length);
    memory.copy(at, b.dataStart, b.length);
  }

  /** Leaves room for a record's length; end fills it in. */
  begin(): i32 {
    this.u32(0);
    return this.length;
  }

  end(at: i32): void {
    store<u32>(this.ptr + at - 4, this.length - at);
  }
}

// Strings of the ABI are octets, UTF-8 almost always, since SMTP does not
// promise it. An octet that is no UTF-8 becomes a lone low surrogate, U+DC80 to
// U+DCFF, and that octet again on the way out: nothing is lost.

// The length of the UTF-8 sequence at p, 0: the octet there begins none.
function sequence(p: usize, left: i32): i32 {
  const a = load<u8>(p);
  if (a < 0x80) return 1;
  if (a < 0xc2 || a > 0xf4) return 0;
  const n = a < 0xe0 ? 2 : a < 0xf0 ? 3 : 4;
  if (left < n) return 0;
  const b = load<u8>(p, 1);
  // Overlong forms, surrogates and what is past U+10FFFF are not UTF-8.
  const low: u8 = a == 0xe0 ? 0xa0 : a == 0xf0 ? 0x90 : 0x80;
  const high: u8 = a == 0xed ? 0x9f : a == 0xf4 ? 0x8f : 0xbf;
  if (b < low || b > high) return 0;
  if (n > 2 && (load<u8>(p, 2) & 0xc0) != 0x80) return 0;
  if (n > 3 && (load<u8>(p, 3) & 0xc0) != 0x80) return 0;
  return n;
}

/** The string that length octets at ptr are. */
export function textOf(ptr: usize, length: i32): string {
  let units = 0;
  for (let i = 0; i < length; ) {
    const n = sequence(ptr + i, length - i);
    units += n == 4 ? 2 : 1;
    i += n == 0 ? 1 : n;
  }
  if (units == 0) return "";
  const s = changetype<string>(__new(<usize>units << 1, idof<string>()));
  let to = changetype<usize>(s);
  for (let i = 0; i < length; ) {
    const p = ptr + i;
    const a: u32 = load<u8>(p);
    const n = sequence(p, length - i);
    if (n == 4) {
      const c = (((a & 7) << 18) | (cont(p, 1) << 12) | (cont(p, 2) << 6) | cont(p, 3)) - 0x10000;
      store<u16>(to, <u16>(0xd800 | (c >> 10)));
      store<u16>(to, <u16>(0xdc00 | (c & 0x3ff)), 2);
      to += 4;
    } else {
      let c = a;
      if (n == 0) c = 0xdc00 | a;
      else if (n == 2) c = ((a & 31) << 6) | cont(p, 1);
      else if (n == 3) c = ((a & 15) << 12) | (cont(p, 1) << 6) | cont(p, 2);
      store<u16>(to, <u16>c);
      to += 2;
    }
    i += n == 0 ? 1 : n;
  }
  return s;
}

function cont(p: usize, i: usize): u32 {
  return <u32>load<u8>(p + i) & 63;
}

function isPair(s: string, i: i32): bool {
  return i + 1 < s.length && (s.charCodeAt(i) & 0xfc00) == 0xd800 && (s.charCodeAt(i + 1) & 0xfc00) == 0xdc00;
}

/** How many octets a string takes in the ABI. */
export function textSize(s: string): i32 {
  let size = 0;
  for (let i = 0; i < s.length; i++) {
    const c = s.charCodeAt(i);
    if (c < 0x80 || (c >= 0xdc80 && c <= 0xdcff)) size += 1;
    else if (c < 0x800) size += 2;
    else if (isPair(s, i)) {
      size += 4;
      i++;
    } else size += 3;
  }
  return size;
}

/** Writes a string's textSize octets to ptr. */
export function writeText(s: string, ptr: usize): void {
  for (let i = 0; i < s.length; i++) {
    let c: u32 = s.charCodeAt(i);
    if (c < 0x80 || (c >= 0xdc80 && c <= 0xdcff)) {
      store<u8>(ptr++, <u8>c);
    } else if (c < 0x800) {
      store<u8>(ptr++, <u8>(0xc0 | (c >> 6)));
      store<u8>(ptr++, <u8>(0x80 | (c & 63)));
    } else if (isPair(s, i)) {
      c = 0x10000 + ((c & 0x3ff) << 10) + (<u32>s.charCodeAt(++i) & 0x3ff);
      store<u8>(ptr++, <u8>(0xf0 | (c >> 18)));
      store<u8>(ptr++, <u8>(0x80 | ((c >> 12) & 63)));
      store<u8>(ptr++, <u8>(0x80 | ((c >> 6) & 63)));
      store<u8>(ptr++, <u8>(0x80 | (c & 63)));
    } else {
      if ((c & 0xf800) == 0xd800) c = 0xfffd; // half a pair
      store<u8>(ptr++, <u8>(0xe0 | (c >> 12)));
      store<u8>(ptr++, <u8>(0x80 | ((c >> 6) & 63)));
      store<u8>(ptr++, <u8>(0x80 | (c & 63)));
    }
  }
}

/** The octets of a string. */
export function octets(s: string): Uint8Array {
  const b = new Uint8Array(textSize(s));
  writeText(s, b.dataStart);
  return b;
}

/** The string that octets are. */
export function text(b: Uint8Array): string {
  return textOf(b.dataStart, b.length);
}
