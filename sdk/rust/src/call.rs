use crate::abi::*;
use crate::host::{check, fetch, raw};
use crate::{Code, Error, Reader, Record, Result, Text, KV, PART_RAW};
use std::cell::RefCell;
use std::rc::Rc;

/// One call of a hook: the event, and the host's services for its length.
pub struct Call {
    /// What happened.
    pub event: Event,
    headers: RefCell<Option<Rc<Vec<Header>>>>,
    parts: RefCell<Option<Rc<PartList>>>,
    failed: RefCell<Option<Error>>, // of a function that has no room for it
}

pub(crate) fn log(level: LogLevel, line: &str) {
    unsafe { raw::log(level.0, line.as_ptr(), line.len() as u32) }
}

impl Call {
    pub(crate) fn new(event: Event) -> Call {
        Call { event, headers: RefCell::new(None), parts: RefCell::new(None), failed: RefCell::new(None) }
    }

    /// A note that the plugin left at an earlier stage of this session.
    pub fn note(&self, key: &str) -> Option<&Text> {
        self.event.notes.iter().find(|n| n.key == key).map(|n| &n.value)
    }

    pub(crate) fn failed(&self) -> Result<()> {
        self.failed.borrow_mut().take().map_or(Ok(()), Err)
    }

    /// The parameters of an action, an object; null where the event has none.
    pub fn params(&self) -> Result<Value> {
        if self.event.payload.is_empty() {
            return Ok(Value::default());
        }
        Ok(Value::decode(&self.event.payload)?)
    }

    /// Whether lines of this level are kept.
    pub fn enabled(&self, level: LogLevel) -> bool {
        level.0 as i32 >= unsafe { raw::log_level() }
    }

    /// Logs a line; 64 lines a call are kept, 1 KiB of each. Never log a body or
    /// a credential.
    pub fn log(&self, level: LogLevel, line: &str) {
        log(level, line)
    }

    /// Logs a line of level debug.
    pub fn debug(&self, line: &str) {
        log(LogLevel::DEBUG, line)
    }

    /// Logs a line of level info.
    pub fn info(&self, line: &str) {
        log(LogLevel::INFO, line)
    }

    /// Logs a line of level warn.
    pub fn warn(&self, line: &str) {
        log(LogLevel::WARN, line)
    }

    /// Logs a line of level error.
    pub fn error(&self, line: &str) {
        log(LogLevel::ERROR, line)
    }

    /// Adds to a counter of the plugin's, shown in the gateway's metrics.
    pub fn count(&self, name: &str, delta: i64) -> Result<()> {
        check(unsafe { raw::metric_add(name.as_ptr(), name.len() as u32, delta) })?;
        Ok(())
    }

    /// The message's header fields in order, unfolded; at stage headers and later.
    pub fn headers(&self) -> Result<Rc<Vec<Header>>> {
        if let Some(h) = &*self.headers.borrow() {
            return Ok(h.clone());
        }
        let b = fetch(&|p, cap| unsafe { raw::headers_read(p, cap) }, 4096)?;
        let h = Rc::new(HeaderList::decode(&b)?.headers);
        *self.headers.borrow_mut() = Some(h.clone());
        Ok(h)
    }

    /// The first header field of that name, in any case. When the header cannot be
    /// read, the hook fails as a whole once it has ended: what could not be looked
    /// at is never clean.
    pub fn header(&self, name: &str) -> Option<Text> {
        self.header_at(name, 0)
    }

    /// The nth header field of that name, from 0.
    pub fn header_at(&self, name: &str, nth: u32) -> Option<Text> {
        let get = |p, cap| unsafe { raw::header_get(name.as_ptr(), name.len() as u32, nth, p, cap) };
        match fetch(&get, 256) {
            Ok(b) => Some(b.into()),
            Err(e) => {
                if e.code != Code::NotFound {
                    self.failed.borrow_mut().get_or_insert(e);
                }
                None
            }
        }
    }

    /// The MIME tree as the host parsed it. Where `malformed` is set, what can be
    /// read may not be all.
    pub fn parts(&self) -> Result<Rc<PartList>> {
        if let Some(l) = &*self.parts.borrow() {
            return Ok(l.clone());
        }
        let b = fetch(&|p, cap| unsafe { raw::parts_read(p, cap) }, 1024)?;
        let l = Rc::new(PartList::decode(&b)?);
        *self.parts.borrow_mut() = Some(l.clone());
        Ok(l)
    }

    /// Reads a part's decoded content (`PART_RAW`: the message as it came) from
    /// an offset; gives how much, 0 at the end.
    pub fn read_part(&self, part: i32, offset: u64, to: &mut [u8]) -> Result<usize> {
        check(unsafe { raw::body_read(part, offset as i64, to.as_mut_ptr(), to.len() as u32) })
    }

    /// A reader of a part's decoded content, by ranges.
    pub fn open(&self, p: &Part) -> Reader<'_> {
        Reader::new(self, p.index as i32, p.size)
    }

    /// A reader of the message as it came.
    pub fn open_raw(&self) -> Reader<'_> {
        Reader::new(self, PART_RAW, self.event.size)
    }

    /// The digest of a part's decoded content, or of the raw message (`PART_RAW`),
    /// made by the host.
    pub fn hash(&self, part: i32, alg: Hash) -> Result<Vec<u8>> {
        fetch(&|p, cap| unsafe { raw::part_hash(part, alg.0, p, cap) }, 32)
    }

    /// Appends to the content that is staged for a `PartEdit` of the part, for
    /// edits too large for the verdict; gives how much there is so far.
    pub fn stage_part(&self, part: i32, content: &[u8]) -> Result<usize> {
        check(unsafe { raw::body_write(part, content.as_ptr(), content.len() as u32) })
    }

    /// Asks a list the host keeps for the first of keys it has. A list that does
    /// not exist is `Code::NotFound`. It needs grant lists.
    pub fn lookup(&self, list: &str, keys: &[&str]) -> Result<LookupResult> {
        let req = LookupRequest { list: list.into(), keys: keys.iter().map(|&k| k.into()).collect() }.encode();
        let get = |p, cap| unsafe { raw::list_lookup(req.as_ptr(), req.len() as u32, p, cap) };
        Ok(LookupResult::decode(&fetch(&get, 256)?)?)
    }

    /// The plugin's own store: one namespace per plugin and tenant, shared by
    /// all instances. It needs grant kv.
    pub fn kv(&self) -> KV<'_> {
        KV::new(self)
    }

    /// The configuration of the filter block at hand, an object. `config` keeps
    /// what is made of it.
    pub fn config_value(&self) -> Result<Value> {
        let id = self.event.config_id;
        let b = fetch(&|p, cap| unsafe { raw::config_read(id, p, cap) }, 1024)?;
        Value::decode(&b).map_err(Error::from)
    }
}
