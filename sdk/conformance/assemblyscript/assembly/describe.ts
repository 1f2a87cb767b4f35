import { Event, Value, ofBool, ofList, ofNumber, ofString } from "../weir-sdk/assembly";

function n(x: u64): Value {
  return ofString(x.toString());
}

function s(x: string): Value {
  return ofString(x);
}

/** Gives the fields of an event by their names in this language. */
export function describe(e: Event): Value {
  const c = e.client;
  const a = e.attempt;
  const recipients: Value[] = [];
  for (let i = 0; i < e.recipients.length; i++) recipients.push(s(e.recipients[i]));
  const out: Value[] = [
    n(e.stage), n(e.configId), s(e.id), s(e.tenant), n(e.direction),
    s(c.ip), n(c.port), s(c.name), s(c.helo), ofBool(c.esmtp),
    s(c.tlsVersion), s(c.tlsCipher), s(c.authUser), s(c.listener),
    s(e.sender), s(e.recipient), ofList(recipients), n(e.size), n(e.partCount), ofBool(e.malformed),
    n(e.receivedUnixMs), s(e.filter),
    n(a.number), n(a.result), n(a.code), s(a.enhanced), s(a.text), s(a.host), s(a.addr), n(a.nextUnixMs),
    s(e.name), s(e.actor),
  ];
  for (let i = 0; i < e.message.length; i++) {
    const m = e.message[i];
    out.push(s(m.id));
    out.push(s(m.sender));
    out.push(s(m.subject));
    out.push(ofBool(m.hasBody));
    for (let k = 0; k < m.recipients.length; k++) {
      const r = m.recipients[k];
      out.push(s(r.address));
      out.push(s(r.status));
      out.push(ofNumber(r.score));
      out.push(s(r.reply));
    }
  }
  return ofList(out);
}
