import {
  Action, Finding, HeaderEdit, HeaderOp, Pair, PartEdit, PartOp, VerdictRecord, Waiver,
} from "./abi";

/**
 * What a hook answers. Plugins classify and recommend; policy disposes. All
 * edits apply together, and only when the hook ended well.
 */
export class Verdict extends VerdictRecord {
  /** Adds a finding of a class ("spam", "empty-subject") for filling in. */
  find(main: string, sub: string = "", extra: string = ""): Finding {
    const f = new Finding();
    f.main = main;
    f.sub = sub;
    f.extra = extra;
    this.findings.push(f);
    return f;
  }

  private answer(action: Action, code: u32, enhanced: string, text: string): void {
    this.action = action;
    this.code = code;
    this.enhanced = enhanced;
    this.text = text;
  }

  /** Recommends a 5xx reply, without a finding. */
  reject(code: u32, enhanced: string, text: string): void {
    this.answer(Action.Reject, code, enhanced, text);
  }

  /** Recommends a 4xx reply, without a finding. */
  tempfail(code: u32, enhanced: string, text: string): void {
    this.answer(Action.Tempfail, code, enhanced, text);
  }

  /** Recommends any action, with the policy's reply. */
  recommend(action: Action): void {
    this.answer(action, 0, "", "");
  }

  /** Recommends sending the message to another address; more by calling again. */
  redirectTo(address: string): void {
    this.action = Action.Redirect;
    this.redirect.push(address);
  }

  /** Marks the message. */
  tag(tag: string): void {
    this.tags.push(tag);
  }

  private edit(op: HeaderOp, name: string, index: i32, value: string): void {
    const e = new HeaderEdit();
    e.op = op;
    e.name = name;
    e.index = index;
    e.value = value;
    this.edits.push(e);
  }

  /** Puts a field on top of the header. */
  addHeader(name: string, value: string): void {
    this.edit(HeaderOp.Add, name, 0, value);
  }

  /** Replaces the index-th field of a name, from 0; -1 all. */
  replaceHeader(name: string, index: i32, value: string): void {
    this.edit(HeaderOp.Replace, name, index, value);
  }

  /** Removes the index-th field of a name, from 0; -1 all. */
  removeHeader(name: string, index: i32): void {
    this.edit(HeaderOp.Remove, name, index, "");
  }

  private editPart(op: PartOp, part: u32, content: Uint8Array | null): PartEdit {
    const e = new PartEdit();
    e.op = op;
    e.part = part;
    if (content) e.text = content;
    this.partEdits.push(e);
    return e;
  }

  /**
   * Replaces a part's decoded content by text of a media type ("" is text/plain
   * in UTF-8), followed by what Call.stagePart gave for it.
   */
  replacePart(part: u32, type: string, filename: string, content: Uint8Array): void {
    const e = this.editPart(PartOp.Replace, part, content);
    e.type = type;
    e.filename = filename;
  }

  /** Takes a part out. */
  removePart(part: u32): void {
    this.editPart(PartOp.Remove, part, null);
  }

  /** Puts content before a part's. */
  prependPart(part: u32, content: Uint8Array): void {
    this.editPart(PartOp.Prepend, part, content);
  }

  /** Puts content behind a part's. */
  appendPart(part: u32, content: Uint8Array): void {
    this.editPart(PartOp.Append, part, content);
  }

  /** Leaves a note for later stages of the session. */
  note(key: string, value: string): void {
    this.notes.push(pair(key, value));
  }

  /** Tells the one who called an action something, beside text. */
  result(key: string, value: string): void {
    this.results.push(pair(key, value));
  }

  /** Drops findings of these classes ("spam", "list/sender", "*") by any filter: an allow. */
  waive(reason: string, classes: string[]): void {
    const w = new Waiver();
    w.reason = reason;
    w.classes = classes;
    this.waivers.push(w);
  }
}

function pair(key: string, value: string): Pair {
  const p = new Pair();
  p.key = key;
  p.value = value;
  return p;
}
