import { Value } from "./abi";
import { Call } from "./call";

/**
 * How many built configurations an instance keeps; past it the cache starts
 * anew, so that years of reloads do not fill a guest's memory.
 */
const MAX_CONFIGS = 4096;

/**
 * The configurations of a plugin as its own type. Keep one in a global:
 *
 *     const settings = new Config<Settings>((v) => new Settings(attr(v, "limit").number));
 *
 * build runs once per configuration and instance; a changed configuration has
 * another ID.
 */
export class Config<T> {
  private built: Map<u64, T> = new Map<u64, T>();

  constructor(private build: (v: Value) => T) {}

  /** The configuration of the filter block at hand; null, and the call has failed, where there is none. */
  of(c: Call): T | null {
    const id = c.event.configId;
    if (this.built.has(id)) return this.built.get(id);
    const v = c.configValue();
    if (v === null) {
      c.fail(c.errorText());
      return null;
    }
    if (this.built.size >= MAX_CONFIGS) this.built.clear();
    const t = this.build(v);
    this.built.set(id, t);
    return t;
  }
}
