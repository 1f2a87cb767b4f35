//! The conformance guest of the Rust SDK; ../README.md says what it is for.

mod describe;
mod recode;

use std::cell::RefCell;
use std::io::Read;
use weir::wire::DecodeError;
use weir::*;

/// The most octets that go into a note.
const LARGEST: usize = 4000;

thread_local! {
    static STARTED: RefCell<Init> = RefCell::new(Init::default());
    static BUILDS: RefCell<usize> = RefCell::new(0);
}

fn on_init(i: &Init) -> Result<()> {
    STARTED.with(|s| *s.borrow_mut() = i.clone());
    Ok(())
}

weir::plugin! {
    init: on_init;
    Stage::CONNECT => act,
    Stage::HELO => act,
    Stage::AUTH => act,
    Stage::MAIL_FROM => act,
    Stage::RCPT_TO => act,
    Stage::DATA => act,
    Stage::HEADERS => act,
    Stage::MESSAGE => act,
    Stage::QUEUED => act,
    Stage::DELIVERY => act,
    Stage::HOLD_EVENT => act,
    Stage::SCHEDULE => act,
    Stage::ACTION => act,
}

/// What an operation gives: octets, or that there is nothing to say.
enum Out {
    Ok(Vec<u8>),
    Nothing, // there is none
    Silent,  // no note at all
}

impl From<String> for Out {
    fn from(s: String) -> Out {
        Out::Ok(s.into_bytes())
    }
}

fn act(c: &Call, v: &mut Verdict) -> Result<()> {
    let p = Args(c.params()?);
    match run(c, v, &p) {
        Ok(Out::Ok(b)) if b.len() > LARGEST => c.kv().set("out", &b, 0)?,
        Ok(Out::Ok(b)) => v.note("ok", b),
        Ok(Out::Nothing) => v.note("none", ""),
        Ok(Out::Silent) => {}
        Err(e) => {
            let code = match e.code {
                Code::NotFound => "-1",
                Code::Denied => "-2",
                Code::TooLarge => "-3",
                Code::Timeout => "-4",
                Code::BadArgument => "-5",
                Code::Unavailable => "-6",
                Code::Decode(DecodeError::Short) => "short",
                Code::Decode(DecodeError::Count) => "count",
                Code::Decode(DecodeError::Depth) => "depth",
                Code::Decode(DecodeError::Tail) => "tail",
                Code::Plugin => return Err(e),
            };
            v.note("err", code);
            v.note("text", weir::last_error());
        }
    }
    Ok(())
}

struct Args(Value);

impl Args {
    fn get(&self, name: &str) -> &Value {
        self.0.get(name)
    }
    fn octets(&self, name: &str) -> &[u8] {
        self.0.get(name).as_text().as_bytes()
    }
    fn text(&self, name: &str) -> String {
        self.0.get(name).as_text().to_str().into_owned()
    }
    fn num(&self, name: &str) -> i64 {
        self.0.get(name).as_number() as i64
    }
}

fn done(_: ()) -> Out {
    Out::Ok(Vec::new())
}

fn run(c: &Call, v: &mut Verdict, a: &Args) -> Result<Out> {
    let part = a.num("part") as i32;
    let ttl = a.num("ttl") as u64;
    let key = a.octets("key");
    let name = c.event.name.to_str();
    Ok(match &*name {
        "init" => Out::Ok(STARTED.with(|s| s.borrow().encode())),
        "echo" => Out::Ok(c.event.encode()),
        "describe" => Out::Ok(describe::describe(&c.event).encode()),
        "recode" => match recode::recode(&a.text("record"), a.octets("data")) {
            Some(r) => Out::Ok(r?),
            None => return Err("no such record".into()),
        },
        "params" => Out::Ok(a.0.encode()),
        "config" => Out::Ok(c.config_value()?.encode()),
        "config built" => {
            let s = c.config(build).map_err(|e| Error::from(e.text()))?;
            format!("{}:{}", s.limit, s.builds).into()
        }
        "note of" => match c.note(&a.text("key")) {
            Some(t) => Out::Ok(t.as_bytes().to_vec()),
            None => Out::Nothing,
        },
        "log" => {
            let line = a.text("line");
            match LogLevel(a.num("level") as u32) {
                LogLevel::DEBUG => c.debug(&line),
                LogLevel::INFO => c.info(&line),
                LogLevel::WARN => c.warn(&line),
                _ => c.error(&line),
            }
            let kept: String = (0..4).map(|l| if c.enabled(LogLevel(l)) { '1' } else { '0' }).collect();
            kept.into()
        }
        "count" => done(c.count(&a.text("name"), a.num("delta"))?),
        "fail" => return Err(a.text("why").into()),
        "trap" => panic!("{}", a.text("why")),
        "large" => {
            v.text = vec![0; 300 << 10].into();
            Out::Silent
        }
        "verdict" => {
            *v = Verdict::decode(a.octets("data"))?;
            Out::Silent
        }
        "verdict built" => {
            built(v);
            Out::Silent
        }
        "headers" => Out::Ok(HeaderList { headers: c.headers()?.to_vec() }.encode()),
        "header" => match c.header_at(&a.text("name"), a.num("nth") as u32) {
            Some(t) => Out::Ok(t.into()),
            None => Out::Nothing,
        },
        "parts" => Out::Ok(c.parts()?.encode()),
        "read" => {
            let mut r = match part {
                PART_RAW => c.open_raw(),
                n => c.open(&Part { index: n as u32, ..Part::default() }),
            };
            let mut out = Vec::new();
            for x in &a.get("ranges").items {
                let mut b = vec![0; x.items[1].as_number() as usize];
                let n = r.read_at(x.items[0].as_number() as u64, &mut b)?;
                out.extend_from_slice(&b[..n]);
            }
            Out::Ok(out)
        }
        "hash" => Out::Ok(c.hash(part, Hash(a.num("alg") as u32))?),
        "match part" | "match text" => {
            let p = Patterns::new(a.num("set") as u32, a.get("patterns").items.iter().map(pattern).collect());
            let hits = match &*name {
                "match part" => p.match_part(c, part)?,
                _ => p.match_text(c, a.octets("text"))?,
            };
            let list: String = hits.iter().map(|h| format!("{},", h)).collect();
            list.into()
        }
        "stage" => {
            for x in a.get("content").text_list() {
                c.stage_part(part, x.as_bytes())?;
            }
            v.append_part(part as u32, a.octets("text"));
            done(())
        }
        "lookup" => {
            let keys: Vec<String> = a.get("keys").text_list().iter().map(|k| k.to_str().into_owned()).collect();
            let keys: Vec<&str> = keys.iter().map(|k| &**k).collect();
            Out::Ok(c.lookup(&a.text("list"), &keys)?.encode())
        }
        "kv get" => match c.kv().get(key)? {
            Some(b) => Out::Ok(b),
            None => Out::Nothing,
        },
        "kv set" => done(c.kv().set(key, a.octets("value"), ttl)?),
        "kv cas" => {
            let old = a.get("old");
            let old = if old.is_null() { None } else { Some(old.as_text().as_bytes()) };
            let swapped = c.kv().compare_and_swap(key, old, a.octets("value"), ttl)?;
            u8::from(swapped).to_string().into()
        }
        "kv delete" => done(c.kv().delete(key)?),
        "kv add" => c.kv().add(key, a.num("delta"), ttl)?.to_string().into(),
        "kv batch" => {
            let b = KVBatch::decode(a.octets("data"))?;
            Out::Ok(KVBatchResult { results: c.kv().batch(b.ops)? }.encode())
        }
        "dns" => {
            let r = DNSRequest::decode(a.octets("data"))?;
            Out::Ok(DNSResponse { answers: c.dns(r.questions)? }.encode())
        }
        "fetch" => Out::Ok(c.fetch(&HTTPRequest::decode(a.octets("data"))?)?.encode()),
        "dial" => {
            let mut conn = c.dial(&a.text("address"))?;
            conn.send(a.octets("write"))?;
            let sent = conn.send_part(part, a.num("offset") as u64, a.num("length") as u64)?;
            let mut out = format!("{}:", sent).into_bytes();
            conn.read_to_end(&mut out).map_err(|e| Error::from(e.to_string()))?;
            Out::Ok(out)
        }
        "schedule" => done(c.schedule(&ScheduleRequest::decode(a.octets("data"))?)?),
        "message" => Out::Ok(c.message(&a.text("id"))?.encode()),
        "release" => c.release(&MessageOrder::decode(a.octets("data"))?)?.to_string().into(),
        "reject" => c.reject(&MessageOrder::decode(a.octets("data"))?)?.to_string().into(),
        "delete" => c.delete(&MessageOrder::decode(a.octets("data"))?)?.to_string().into(),
        "submit" => Out::Ok(c.submit(&Submission::decode(a.octets("data"))?)?.into()),
        _ => return Err("nothing is called that".into()),
    })
}

fn pattern(v: &Value) -> Pattern {
    let text = v.items[1].as_text().to_str();
    let p = match v.items[0].as_number() as u32 {
        0 => Pattern::literal(&text),
        1 => Pattern::regexp(&text),
        _ => Pattern::wildcard(&text),
    };
    if v.items[2].as_bool() {
        p.folded()
    } else {
        p
    }
}

struct Settings {
    limit: i64,
    builds: usize,
}

fn build(v: &Value) -> Result<Settings> {
    let builds = BUILDS.with(|b| {
        *b.borrow_mut() += 1;
        *b.borrow()
    });
    let limit = v.get("limit").as_number() as i64;
    if limit < 0 {
        return Err("a limit below 0".into());
    }
    Ok(Settings { limit, builds })
}

/// Fills a verdict by every function the SDK has for it.
fn built(v: &mut Verdict) {
    v.redirect_to("other@acme.test");
    v.recommend(Action::QUARANTINE);
    v.tempfail(451, "4.7.1", "later");
    v.reject(550, "5.7.1", "no");
    let f = v.find("spam", "subject");
    f.score = 1.5;
    f.explanation = "a word".into();
    f.part = 1;
    v.tag("one");
    v.tag("two");
    v.add_header("X-Added", "value");
    v.replace_header("Subject", 0, "other");
    v.remove_header("X-Gone", -1);
    v.replace_part(1, "text/plain", "note.txt", b"new");
    v.prepend_part(2, b"before");
    v.append_part(2, b"after");
    v.remove_part(3);
    v.note("key", "value");
    v.waive("known", &["spam", "list/sender"]);
    v.keep_original = true;
    v.hold = Hold { until_unix_ms: 1 << 40, reason: "wait".into(), key: "k".into() };
    v.route = "slow".into();
    v.delay_ms = 250;
}
