// labels is a plugin for Weir that labels mail by its header fields.

import { Call, Config, Patterns, Stage, Value, Verdict, attr, on, regexp } from "../weir-sdk/assembly";

export { weir_abi_1, weir_hook, weir_init } from "../weir-sdk/assembly";

/** One label block of the configuration. */
class Label {
  name: string;
  header: string;
  pattern: Patterns | null = null; // null: any value

  constructor(number: u32, v: Value) {
    this.name = attr(v, "_labels").items[0].string;
    this.header = attr(v, "header").string;
    const matches = attr(v, "matches").string;
    if (matches.length > 0) this.pattern = new Patterns(number, [regexp(matches, true)]);
  }

  /** Whether a message earns the label. */
  fits(c: Call): bool {
    let nth = 0;
    let value = c.header(this.header);
    while (value !== null) {
      const p = this.pattern;
      if (p === null) return true;
      const hits = p.matchText(c, value);
      if (hits === null) {
        c.fail("label " + this.name + ": " + c.errorText());
        return false;
      }
      if (hits.length > 0) return true;
      value = c.header(this.header, ++nth);
    }
    return false;
  }
}

/** The config block as the plugin wants it. */
class Settings {
  field: string;
  labels: Label[] = [];

  constructor(v: Value) {
    this.field = attr(v, "field").string;
    const blocks = attr(v, "label").items;
    for (let i = 0; i < blocks.length; i++) this.labels.push(new Label(i, blocks[i]));
  }
}

// Built once for each configuration and instance. The host has checked the
// block by the manifest's schema and filled the defaults in.
const settings = new Config<Settings>((v: Value) => new Settings(v));

on(Stage.Message, (c: Call, v: Verdict): void => {
  const cfg = settings.of(c);
  if (cfg === null) return; // the call has failed: the policy's on_error says what becomes of the message
  const earned: string[] = [];
  for (let i = 0; i < cfg.labels.length; i++) {
    if (cfg.labels[i].fits(c)) earned.push(cfg.labels[i].name);
  }
  for (let i = 0; i < earned.length; i++) v.tag(earned[i]);
  if (cfg.field.length == 0) return;
  if (c.header(cfg.field) !== null) v.removeHeader(cfg.field, -1); // somebody else's
  if (earned.length > 0) v.addHeader(cfg.field, earned.join(", "));
});
