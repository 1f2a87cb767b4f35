//! What the exports that `plugin!` makes do.

use crate::abi::{Event, Init as InitRecord, LogLevel, Stage};
use crate::host::{check, raw};
use crate::{call, Call, Error, Record, Result, Verdict};

/// A hook. It writes what it found to the verdict; an untouched one is
/// "continue". An error means that the plugin could not judge. A panic costs
/// the instance as well.
///
/// Instances run one call at a time, in any order of sessions: what must last
/// from one stage of a session to the next goes into notes (`Verdict::note`),
/// what must last longer into `KV`.
pub type Hook = fn(&Call, &mut Verdict) -> Result<()>;

/// What runs once per instance, before any hook. It has no configuration.
pub type Init = fn(&InitRecord) -> Result<()>;

/// For plugins without init.
pub fn no_init(_: &InitRecord) -> Result<()> {
    Ok(())
}

fn input<R: Record>(len: u32) -> Result<R> {
    let b = crate::host::fetch(&|p, cap| unsafe { raw::event_read(p, cap) }, len as usize)?;
    Ok(R::decode(&b)?)
}

/// weir_init.
pub fn init(len: u32, f: Init) -> i32 {
    std::panic::set_hook(Box::new(|info| call::log(LogLevel::ERROR, &info.to_string())));
    outcome(input(len).and_then(|i: InitRecord| f(&i)))
}

/// weir_hook.
pub fn hook(len: u32, hooks: &[(Stage, Hook)]) -> i32 {
    outcome(run(len, hooks))
}

fn run(len: u32, hooks: &[(Stage, Hook)]) -> Result<()> {
    let c = Call::new(input::<Event>(len)?);
    let f = match hooks.iter().find(|h| h.0 == c.event.stage) {
        Some(h) => h.1,
        None => return Err(Error::from("no hook for this stage")),
    };
    let mut v = Verdict::default();
    f(&c, &mut v)?;
    c.failed()?;
    let b = v.encode();
    check(unsafe { raw::result_write(b.as_ptr(), b.len() as u32) })?;
    Ok(())
}

/// Tells the host why by a log line, the last of level error.
fn outcome(r: Result<()>) -> i32 {
    match r {
        Ok(()) => 0,
        Err(e) => {
            call::log(LogLevel::ERROR, e.text());
            -1
        }
    }
}
