use crate::abi::*;
use crate::host::{check, in_step, raw, reply, with};
use crate::{Call, Record, Result};
use std::io;
use std::marker::PhantomData;

impl Call {
    /// Asks at most 32 questions at once; the answers are in step. What the DNS
    /// does not tell is no error but the answer's code. It needs grant dns.
    pub fn dns(&self, questions: Vec<DNSQuestion>) -> Result<Vec<DNSAnswer>> {
        let n = questions.len();
        let b = reply(with(&DNSRequest { questions }, raw::dns_query))?;
        in_step(DNSResponse::decode(&b)?.answers, n)
    }

    /// One HTTP request; redirects are not followed. It needs grant http.
    pub fn fetch(&self, req: &HTTPRequest) -> Result<HTTPResponse> {
        let b = reply(with(req, raw::http_fetch))?;
        Ok(HTTPResponse::decode(&b)?)
    }

    /// Connects to a granted address, "unix:/path" or "host:port". It needs grant
    /// dial.
    pub fn dial(&self, address: &str) -> Result<Conn<'_>> {
        let n = check(unsafe { raw::dial(address.as_ptr(), address.len() as u32) })?;
        Ok(Conn { number: n as i32, call: PhantomData })
    }
}

/// A connection; it ends with the call or when dropped. It is `io::Read` and
/// `io::Write` too.
pub struct Conn<'a> {
    number: i32,
    call: PhantomData<&'a Call>,
}

impl Conn<'_> {
    /// Writes all of it.
    pub fn send(&mut self, b: &[u8]) -> Result<()> {
        if b.is_empty() {
            return Ok(());
        }
        check(unsafe { raw::conn_write(self.number, b.as_ptr(), b.len() as u32) })?;
        Ok(())
    }

    /// Writes a range of a part's decoded content without passing it through
    /// the guest; gives how much, less only at the part's end.
    pub fn send_part(&mut self, part: i32, offset: u64, len: u64) -> Result<u64> {
        let n = unsafe { raw::conn_send(self.number, part, offset as i64, len as i64) };
        check(n.clamp(-99, 0) as i32)?;
        Ok(n as u64)
    }

    /// Reads what there is; 0 at the end.
    pub fn receive(&mut self, to: &mut [u8]) -> Result<usize> {
        if to.is_empty() {
            return Ok(0);
        }
        check(unsafe { raw::conn_read(self.number, to.as_mut_ptr(), to.len() as u32) })
    }
}

impl Drop for Conn<'_> {
    fn drop(&mut self) {
        unsafe { raw::conn_close(self.number) };
    }
}

impl io::Read for Conn<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        Ok(self.receive(to)?)
    }
}

impl io::Write for Conn<'_> {
    fn write(&mut self, b: &[u8]) -> io::Result<usize> {
        self.send(b)?;
        Ok(b.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
