use crate::{Call, Result};
use std::io;

/// How much a reader fetches at once.
const WINDOW: usize = 8 << 10;

/// Reads one part through a small window, so that many small reads near one
/// another cost one host call. It is `io::Read` and `io::Seek` too.
pub struct Reader<'a> {
    call: &'a Call,
    part: i32,
    size: u64,
    at: u64,  // for io::Read
    off: u64, // of buf
    buf: Vec<u8>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(call: &'a Call, part: i32, size: u64) -> Reader<'a> {
        Reader { call, part, size, at: 0, off: 0, buf: Vec::new() }
    }

    /// The number of octets after transfer decoding.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Fills `to` from an offset; gives less only at the end.
    pub fn read_at(&mut self, offset: u64, to: &mut [u8]) -> Result<usize> {
        let mut n = 0;
        while n < to.len() {
            let at = offset + n as u64;
            if at >= self.off && at < self.off + self.buf.len() as u64 {
                let have = &self.buf[(at - self.off) as usize..];
                let k = have.len().min(to.len() - n);
                to[n..n + k].copy_from_slice(&have[..k]);
                n += k;
            } else if to.len() - n >= WINDOW {
                match self.call.read_part(self.part, at, &mut to[n..])? {
                    0 => break,
                    k => n += k,
                }
            } else if !self.fill(at)? {
                break;
            }
        }
        Ok(n)
    }

    /// Puts the window around at; false: nothing is there.
    fn fill(&mut self, at: u64) -> Result<bool> {
        let start = at - at % (WINDOW as u64 / 2);
        let mut have = 0;
        self.buf.resize(WINDOW, 0);
        while have < WINDOW {
            match self.call.read_part(self.part, start + have as u64, &mut self.buf[have..]) {
                Ok(0) => break,
                Ok(n) => have += n,
                Err(e) => {
                    self.buf.clear();
                    return Err(e);
                }
            }
        }
        self.buf.truncate(have);
        self.off = start;
        Ok(at < start + have as u64)
    }

    /// All of it, at most `limit` octets.
    pub fn read_all(&mut self, limit: usize) -> Result<Vec<u8>> {
        let mut b = vec![0; limit.min(self.size as usize)];
        let n = self.read_at(0, &mut b)?;
        b.truncate(n);
        Ok(b)
    }
}

impl io::Read for Reader<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let n = self.read_at(self.at, to)?;
        self.at += n as u64;
        Ok(n)
    }
}

impl io::Seek for Reader<'_> {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        let (base, delta) = match to {
            io::SeekFrom::Start(n) => (n, 0),
            io::SeekFrom::End(d) => (self.size, d),
            io::SeekFrom::Current(d) => (self.at, d),
        };
        let at = (base as i64).wrapping_add(delta);
        if at < 0 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        self.at = at as u64;
        Ok(self.at)
    }
}
