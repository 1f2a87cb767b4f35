//! waves is a plugin for Weir that counts how many messages have subjects that
//! begin alike, and finds those past a limit.

mod beginning;

use beginning::beginning;
use weir::{Call, Result, Stage, Value, Verdict};

weir::plugin! { Stage::MESSAGE => on_message }

/// The config block as the plugin wants it.
struct Settings {
    words: usize,
    limit: i64,
    window_ms: u64,
    score: f64,
}

/// Called once for each configuration and instance. The host has checked the
/// block by the manifest's schema and filled the defaults in.
fn read(v: &Value) -> Result<Settings> {
    Ok(Settings {
        words: v.get("words").as_number() as usize,
        limit: v.get("limit").as_number() as i64,
        window_ms: v.get("window").as_number() as u64,
        score: v.get("score").as_number(),
    })
}

fn on_message(c: &Call, v: &mut Verdict) -> Result<()> {
    let cfg = c.config(read)?; // an error: the policy's on_error says what becomes of the message
    let subject = match c.header("Subject") {
        Some(s) => s,
        None => return Ok(()),
    };
    let start = beginning(&subject.to_str(), cfg.words);
    if start.is_empty() {
        return Ok(());
    }
    let key = format!("wave/{}", start); // the store is the tenant's own
    let n = c.kv().add(key, 1, cfg.window_ms)?;
    if n > cfg.limit {
        let f = v.find("bulk", "wave");
        f.score = cfg.score;
        f.explanation = format!("message {} whose subject begins with \"{}\"", n, start).into();
    }
    Ok(())
}
