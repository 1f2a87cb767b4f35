import { Pattern, PatternKind, PatternSet } from "./abi";
import { Call } from "./call";
import { ErrorCode, raw } from "./host";
import { octets } from "./wire";

/** A text that is found anywhere. */
export function literal(text: string, fold: bool = false): Pattern {
  return pattern(PatternKind.Literal, text, fold);
}

/** A regular expression (RE2 syntax) that is found anywhere. */
export function regexp(text: string, fold: bool = false): Pattern {
  return pattern(PatternKind.Regexp, text, fold);
}

/** The whole text; * is any octets, ? one. */
export function wildcard(text: string, fold: bool = false): Pattern {
  return pattern(PatternKind.Wildcard, text, fold);
}

function pattern(kind: PatternKind, text: string, fold: bool): Pattern {
  const p = new Pattern();
  p.kind = kind;
  p.text = text;
  p.fold = fold;
  return p;
}

/**
 * A set of patterns that the host compiles once for the filter's configuration
 * and matches natively, many times faster than a guest could. Make one where the
 * configuration is built (Config). The number tells the plugin's sets of one
 * configuration apart.
 */
export class Patterns {
  private set: PatternSet = new PatternSet();

  constructor(private number: u32, patterns: Pattern[]) {
    this.set.patterns = patterns;
  }

  /** The number of patterns. */
  get length(): i32 {
    return this.set.patterns.length;
  }

  /** The numbers of the patterns that a part's decoded content (or PART_RAW) matches, ascending. */
  matchPart(c: Call, part: i32): u32[] | null {
    const n = this.length;
    if (n == 0) return [];
    const hits = new StaticArray<u32>(n);
    const p = changetype<usize>(hits);
    let got = raw.match(c.event.configId, this.number, part, p, 4 * n);
    if (this.define(c, got)) got = raw.match(c.event.configId, this.number, part, p, 4 * n);
    return this.found(c, hits, got);
  }

  /** The numbers of the patterns that a text of at most 256 KiB matches, ascending. */
  matchText(c: Call, text: string): u32[] | null {
    const n = this.length;
    if (n == 0) return [];
    const t = octets(text);
    const hits = new StaticArray<u32>(n);
    const p = changetype<usize>(hits);
    let got = raw.match_text(c.event.configId, this.number, t.dataStart, t.length, p, 4 * n);
    if (this.define(c, got)) got = raw.match_text(c.event.configId, this.number, t.dataStart, t.length, p, 4 * n);
    return this.found(c, hits, got);
  }

  // Defines the set if the host does not have it (any more).
  private define(c: Call, got: i32): bool {
    if (got != <i32>ErrorCode.NotFound) return false;
    const def = this.set.encode();
    return c.ok(raw.match_define(c.event.configId, this.number, def.dataStart, def.length));
  }

  private found(c: Call, hits: StaticArray<u32>, got: i32): u32[] | null {
    if (got == <i32>ErrorCode.NotFound && c.error != ErrorCode.None) return null; // define failed, and said why
    if (!c.ok(got)) return null;
    const out: u32[] = [];
    for (let i = 0; i < min(got, hits.length); i++) out.push(hits[i]);
    return out;
  }
}
