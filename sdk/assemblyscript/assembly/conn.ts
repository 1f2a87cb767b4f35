import { Call } from "./call";
import { raw } from "./host";

/** A connection; it ends with the call. What fails says why in Call.error. */
export class Conn {
  constructor(private call: Call, private number: i32) {}

  /** Writes all of it. */
  write(b: Uint8Array): bool {
    if (b.length == 0) return true;
    return this.call.ok(raw.conn_write(this.number, b.dataStart, b.length));
  }

  /**
   * Writes a range of a part's decoded content without passing it through the
   * guest; gives how much, less only at the part's end, -1 failed.
   */
  sendPart(part: i32, offset: i64, length: i64): i64 {
    const n = raw.conn_send(this.number, part, offset, length);
    return this.call.ok(n) ? n : -1;
  }

  /** Reads what there is; 0 at the end, -1 failed. */
  read(to: Uint8Array): i32 {
    if (to.length == 0) return 0;
    const n = raw.conn_read(this.number, to.dataStart, to.length);
    return this.call.ok(n) ? n : -1;
  }

  /** Ends the connection. */
  close(): bool {
    return this.call.ok(raw.conn_close(this.number));
  }
}
