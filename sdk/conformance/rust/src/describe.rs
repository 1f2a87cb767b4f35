use weir::*;

/// Gives the fields of an event by their names in this language.
pub fn describe(e: &Event) -> Value {
    let n = |x: u64| Value::from(Text::from(x.to_string()));
    let s = |t: &Text| Value::from(t.clone());
    let (c, a) = (&e.client, &e.attempt);
    let mut out = vec![
        n(e.stage.0.into()),
        n(e.config_id),
        s(&e.id),
        s(&e.tenant),
        n(e.direction.0.into()),
        s(&c.ip),
        n(c.port.into()),
        s(&c.name),
        s(&c.helo),
        c.esmtp.into(),
        s(&c.tls_version),
        s(&c.tls_cipher),
        s(&c.auth_user),
        s(&c.listener),
        s(&e.sender),
        s(&e.recipient),
        Value::from(e.recipients.iter().map(s).collect::<Vec<_>>()),
        n(e.size),
        n(e.part_count.into()),
        e.malformed.into(),
        n(e.received_unix_ms),
        s(&e.filter),
        n(a.number.into()),
        n(a.result.0.into()),
        n(a.code.into()),
        s(&a.enhanced),
        s(&a.text),
        s(&a.host),
        s(&a.addr),
        n(a.next_unix_ms),
        s(&e.name),
        s(&e.actor),
    ];
    for m in &e.message {
        out.extend([s(&m.id), s(&m.sender), s(&m.subject), m.has_body.into()]);
        for r in &m.recipients {
            out.extend([s(&r.address), s(&r.status), r.score.into(), s(&r.reply)]);
        }
    }
    out.into()
}
