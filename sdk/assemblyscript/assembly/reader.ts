import { Call } from "./call";

/** How much a reader fetches at once. */
const WINDOW: i32 = 8192;

/**
 * Reads one part through a small window, so that many small reads near one
 * another cost one host call.
 */
export class Reader {
  private buf: Uint8Array = new Uint8Array(0);
  private off: i64 = 0; // of buf
  private have: i32 = 0;

  constructor(private call: Call, private part: i32, public size: u64) {}

  /** Fills `to` from an offset; gives less only at the end, -1 failed. */
  readAt(to: Uint8Array, offset: i64): i32 {
    let n = 0;
    while (n < to.length) {
      const pos = offset + n;
      const left = to.length - n;
      if (pos >= this.off && pos < this.off + this.have) {
        const from = <i32>(pos - this.off);
        const k = min(this.have - from, left);
        memory.copy(to.dataStart + n, this.buf.dataStart + from, k);
        n += k;
      } else if (left >= WINDOW) {
        const k = this.call.readPart(this.part, pos, to.subarray(n));
        if (k < 0) return -1;
        if (k == 0) break;
        n += k;
      } else {
        const k = this.fill(pos);
        if (k < 0) return -1;
        if (k == 0) break;
      }
    }
    return n;
  }

  // Puts the window around pos; 0: nothing is there, -1 failed.
  private fill(pos: i64): i32 {
    if (this.buf.length == 0) this.buf = new Uint8Array(WINDOW);
    this.off = pos - (pos % (WINDOW / 2));
    this.have = 0;
    while (this.have < WINDOW) {
      const n = this.call.readPart(this.part, this.off + this.have, this.buf.subarray(this.have));
      if (n < 0) {
        this.have = 0;
        return -1;
      }
      if (n == 0) break;
      this.have += n;
    }
    return pos < this.off + this.have ? 1 : 0;
  }

  /** All of it, at most limit octets; null failed. */
  readAll(limit: i32): Uint8Array | null {
    const b = new Uint8Array(<i32>min<u64>(limit, this.size));
    const n = this.readAt(b, 0);
    return n < 0 ? null : b.subarray(0, n);
  }
}
