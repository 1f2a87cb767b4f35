use crate::abi::{Pattern, PatternKind, PatternSet};
use crate::host::{check, raw};
use crate::{Call, Code, Record, Result};

/// A set of patterns that the host compiles once for the filter's configuration
/// and matches natively, many times faster than a guest could. Make one where
/// the configuration is built (`Call::config`).
#[derive(Clone, Debug)]
pub struct Patterns {
    number: u32,
    set: PatternSet,
}

impl Pattern {
    /// A text that is found anywhere.
    pub fn literal(text: &str) -> Pattern {
        Pattern { kind: PatternKind::LITERAL, text: text.into(), fold: false }
    }

    /// A regular expression (RE2 syntax) that is found anywhere.
    pub fn regexp(text: &str) -> Pattern {
        Pattern { kind: PatternKind::REGEXP, text: text.into(), fold: false }
    }

    /// The whole text; * is any octets, ? one.
    pub fn wildcard(text: &str) -> Pattern {
        Pattern { kind: PatternKind::WILDCARD, text: text.into(), fold: false }
    }

    /// The same without regard to case.
    pub fn folded(mut self) -> Pattern {
        self.fold = true;
        self
    }
}

impl Patterns {
    /// Makes a set. The number tells the plugin's sets of one configuration apart.
    pub fn new(number: u32, patterns: Vec<Pattern>) -> Patterns {
        Patterns { number, set: PatternSet { patterns } }
    }

    /// The number of patterns.
    pub fn len(&self) -> usize {
        self.set.patterns.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.set.patterns.is_empty()
    }

    /// The numbers of the patterns that a part's decoded content (or `PART_RAW`)
    /// matches, ascending.
    pub fn match_part(&self, c: &Call, part: i32) -> Result<Vec<usize>> {
        self.hits(c, &|id, p, cap| unsafe { raw::r#match(id, self.number, part, p, cap) })
    }

    /// The numbers of the patterns that a text of at most 256 KiB matches,
    /// ascending.
    pub fn match_text(&self, c: &Call, text: impl AsRef<[u8]>) -> Result<Vec<usize>> {
        let t = text.as_ref();
        self.hits(c, &|id, p, cap| unsafe { raw::match_text(id, self.number, t.as_ptr(), t.len() as u32, p, cap) })
    }

    fn hits(&self, c: &Call, ask: &dyn Fn(u64, *mut u32, u32) -> i32) -> Result<Vec<usize>> {
        if self.is_empty() {
            return Ok(Vec::new());
        }
        let id = c.event.config_id;
        let mut hits = vec![0u32; self.len()];
        let mut ask = || check(ask(id, hits.as_mut_ptr(), 4 * hits.len() as u32));
        let n = match ask() {
            Err(e) if e.code == Code::NotFound => {
                // The host does not have the set (any more).
                let def = self.set.encode();
                check(unsafe { raw::match_define(id, self.number, def.as_ptr(), def.len() as u32) })?;
                ask()?
            }
            n => n?,
        };
        Ok(hits.iter().take(n).map(|&h| h as usize).collect())
    }
}
