//! The encoding of ABI weir1: little-endian records, append-only. What a writer
//! left out is zero, what a reader does not know is skipped.

use std::borrow::Cow;
use std::fmt;

/// How deep records may nest; only `Value` nests itself.
pub const MAX_DEPTH: u32 = 64;

/// Why bytes are not a record of this ABI.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DecodeError {
    /// A field, or the record itself, goes past the end.
    Short,
    /// A list claims more items than its record has room for.
    Count,
    /// Records nest deeper than `MAX_DEPTH`.
    Depth,
    /// Bytes follow the record.
    Tail,
}

impl DecodeError {
    /// The error in words.
    pub fn text(self) -> &'static str {
        match self {
            DecodeError::Short => "abi: record cut short",
            DecodeError::Count => "abi: list count too large",
            DecodeError::Depth => "abi: records nested too deep",
            DecodeError::Tail => "abi: bytes after the record",
        }
    }
}

/// A string of the ABI: octets that are UTF-8 almost always, since SMTP does
/// not promise it. It compares with `str` and shows what is not UTF-8 as U+FFFD.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Text(Vec<u8>);

impl Text {
    /// The empty text.
    pub const fn new() -> Text {
        Text(Vec::new())
    }

    /// The octets as they came.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text as a `str`, with U+FFFD for what is not UTF-8.
    pub fn to_str(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }

    /// The number of octets.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<&str> for Text {
    fn from(s: &str) -> Text {
        Text(s.as_bytes().to_vec())
    }
}

impl From<&[u8]> for Text {
    fn from(b: &[u8]) -> Text {
        Text(b.to_vec())
    }
}

impl From<&Text> for Text {
    fn from(t: &Text) -> Text {
        t.clone()
    }
}

impl From<String> for Text {
    fn from(s: String) -> Text {
        Text(s.into_bytes())
    }
}

impl From<Vec<u8>> for Text {
    fn from(b: Vec<u8>) -> Text {
        Text(b)
    }
}

impl From<Text> for Vec<u8> {
    fn from(t: Text) -> Vec<u8> {
        t.0
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, s: &str) -> bool {
        self.0 == s.as_bytes()
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, s: &&str) -> bool {
        self.0 == s.as_bytes()
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_str())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.to_str(), f)
    }
}

/// A record of the schema.
pub trait Record: Default {
    /// Appends the encoding to `b`.
    fn append(&self, b: &mut Vec<u8>);

    /// Reads the fields of one record; used by `decode`.
    fn read(&mut self, r: &mut Decoder);

    /// The encoding.
    fn encode(&self) -> Vec<u8> {
        let mut b = Vec::new();
        self.append(&mut b);
        b
    }

    /// Reads one encoded record, which must be all of `b`.
    fn decode(b: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Decoder { b, o: 0, end: b.len(), depth: 0, err: None };
        let mut v = Self::default();
        if r.item() {
            v.read(&mut r);
        }
        match r.err {
            Some(e) => Err(e),
            None if r.o != b.len() => Err(DecodeError::Tail),
            None => Ok(v),
        }
    }
}

/// Walks one encoded record. After an error every field is zero.
pub struct Decoder<'a> {
    b: &'a [u8],
    o: usize,   // where the next field begins
    end: usize, // where the record at hand ends
    depth: u32,
    err: Option<DecodeError>,
}

impl<'a> Decoder<'a> {
    fn fail(&mut self, e: DecodeError) {
        if self.err.is_none() {
            self.err = Some(e);
        }
        self.o = self.end;
    }

    /// Takes a field of n octets. A field that is missing altogether is no
    /// error (an older writer); one that is cut is.
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        if self.err.is_some() || self.o >= self.end {
            return None;
        }
        if self.end - self.o < n {
            self.fail(DecodeError::Short);
            return None;
        }
        self.o += n;
        Some(&self.b[self.o - n..self.o])
    }

    pub(crate) fn u32(&mut self) -> u32 {
        match self.take(4) {
            Some(s) => u32::from_le_bytes([s[0], s[1], s[2], s[3]]),
            None => 0,
        }
    }

    pub(crate) fn u64(&mut self) -> u64 {
        match self.take(8) {
            Some(s) => u64::from_le_bytes([s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]]),
            None => 0,
        }
    }

    pub(crate) fn i32(&mut self) -> i32 {
        self.u32() as i32
    }

    pub(crate) fn i64(&mut self) -> i64 {
        self.u64() as i64
    }

    pub(crate) fn f64(&mut self) -> f64 {
        f64::from_bits(self.u64())
    }

    pub(crate) fn bool(&mut self) -> bool {
        matches!(self.take(1), Some(s) if s[0] != 0)
    }

    pub(crate) fn bytes(&mut self) -> Vec<u8> {
        let n = self.u32() as usize;
        if n > self.end - self.o {
            self.fail(DecodeError::Short);
            return Vec::new();
        }
        self.o += n;
        self.b[self.o - n..self.o].to_vec()
    }

    pub(crate) fn text(&mut self) -> Text {
        Text(self.bytes())
    }

    /// Reads the length of a list whose items take at least `size` octets each.
    pub(crate) fn count(&mut self, size: u64) -> usize {
        let n = self.u32();
        if self.err.is_some() {
            return 0;
        }
        if u64::from(n) * size > (self.end - self.o) as u64 {
            self.fail(DecodeError::Count);
            return 0;
        }
        n as usize
    }

    /// Whether another item of a list is there; items, unlike fields, are never
    /// missing.
    pub(crate) fn item(&mut self) -> bool {
        if self.err.is_none() && self.o >= self.end {
            self.fail(DecodeError::Short);
        }
        self.err.is_none()
    }

    /// Goes into a record and gives the end of the enclosing one, for `leave`.
    pub(crate) fn enter(&mut self) -> Option<usize> {
        let outer = self.end;
        if self.err.is_some() || self.o >= self.end {
            return None;
        }
        let n = self.u32() as usize;
        if self.err.is_some() {
            return None;
        }
        if n > self.end - self.o {
            self.fail(DecodeError::Short);
            return None;
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            self.fail(DecodeError::Depth);
            return None;
        }
        self.end = self.o + n;
        Some(outer)
    }

    /// Skips the fields this version does not know.
    pub(crate) fn leave(&mut self, outer: usize) {
        self.depth -= 1;
        self.o = if self.err.is_some() { outer } else { self.end };
        self.end = outer;
    }
}

pub(crate) fn put_u32(b: &mut Vec<u8>, v: u32) {
    b.extend_from_slice(&v.to_le_bytes());
}

pub(crate) fn put_i32(b: &mut Vec<u8>, v: i32) {
    b.extend_from_slice(&v.to_le_bytes());
}

pub(crate) fn put_u64(b: &mut Vec<u8>, v: u64) {
    b.extend_from_slice(&v.to_le_bytes());
}

pub(crate) fn put_i64(b: &mut Vec<u8>, v: i64) {
    b.extend_from_slice(&v.to_le_bytes());
}

pub(crate) fn put_f64(b: &mut Vec<u8>, v: f64) {
    put_u64(b, v.to_bits());
}

pub(crate) fn put_bool(b: &mut Vec<u8>, v: bool) {
    b.push(u8::from(v));
}

pub(crate) fn put_bytes(b: &mut Vec<u8>, v: &[u8]) {
    put_u32(b, v.len() as u32);
    b.extend_from_slice(v);
}

/// Leaves room for a record's length; `end` fills it in.
pub(crate) fn begin(b: &mut Vec<u8>) -> usize {
    put_u32(b, 0);
    b.len()
}

pub(crate) fn end(b: &mut [u8], at: usize) {
    let n = (b.len() - at) as u32;
    b[at - 4..at].copy_from_slice(&n.to_le_bytes());
}
