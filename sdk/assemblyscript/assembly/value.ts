import { Value, ValueKind } from "./abi";

// Configuration values and action parameters. The host has checked them by the
// manifest's schema and filled its defaults in. Durations are milliseconds, sizes
// octets.

/** An attribute of an object, null where there is none. */
export function attr(v: Value, name: string): Value {
  if (v.kind == ValueKind.Object) {
    const i = v.keys.indexOf(name);
    if (i >= 0 && i < v.items.length) return v.items[i];
  }
  return new Value();
}

/** Whether there is nothing. */
export function isNull(v: Value): bool {
  return v.kind == ValueKind.Null;
}

/** The strings of a list; a string stands for a list of one, items of other kinds are left out. */
export function stringList(v: Value): string[] {
  const out: string[] = [];
  if (v.kind == ValueKind.String) out.push(v.string);
  if (v.kind == ValueKind.List) {
    for (let i = 0; i < v.items.length; i++) {
      if (v.items[i].kind == ValueKind.String) out.push(v.items[i].string);
    }
  }
  return out;
}

/** A bool. */
export function ofBool(b: bool): Value {
  const v = new Value();
  v.kind = ValueKind.Bool;
  v.bool = b;
  return v;
}

/** A number. Integers are exact up to 2^53. */
export function ofNumber(n: f64): Value {
  const v = new Value();
  v.kind = ValueKind.Number;
  v.number = n;
  return v;
}

/** A string. */
export function ofString(s: string): Value {
  const v = new Value();
  v.kind = ValueKind.String;
  v.string = s;
  return v;
}

/** A list. */
export function ofList(items: Value[]): Value {
  const v = new Value();
  v.kind = ValueKind.List;
  v.items = items;
  return v;
}

/** An empty object, to be filled with setAttr. */
export function object(): Value {
  const v = new Value();
  v.kind = ValueKind.Object;
  return v;
}

/** Sets an attribute of an object, replacing one of that name. */
export function setAttr(v: Value, name: string, x: Value): void {
  const i = v.keys.indexOf(name);
  if (i >= 0 && i < v.items.length) {
    v.items[i] = x;
    return;
  }
  v.keys.push(name);
  v.items.push(x);
}
