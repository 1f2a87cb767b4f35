use crate::abi::{KVBatch, KVBatchResult, KVRequest, KVResult};
use crate::host::{check, fetch, in_step, raw, reply, with};
use crate::{Call, Code, Record, Result};
use std::marker::PhantomData;

/// The plugin's store. Keys have 1 to 512 octets, values at most 64 KiB; a TTL
/// is milliseconds, 0 for ever.
pub struct KV<'a>(PhantomData<&'a Call>);

impl<'a> KV<'a> {
    pub(crate) fn new(_: &'a Call) -> KV<'a> {
        KV(PhantomData)
    }

    /// A value, `None` where there is none.
    pub fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<Vec<u8>>> {
        let k = key.as_ref();
        match fetch(&|p, cap| unsafe { raw::kv_get(k.as_ptr(), k.len() as u32, p, cap) }, 256) {
            Err(e) if e.code == Code::NotFound => Ok(None),
            r => r.map(Some),
        }
    }

    /// Stores a value.
    pub fn set(&self, key: impl AsRef<[u8]>, value: &[u8], ttl_ms: u64) -> Result<()> {
        let k = key.as_ref();
        check(unsafe { raw::kv_set(k.as_ptr(), k.len() as u32, value.as_ptr(), value.len() as u32, ttl_ms) })?;
        Ok(())
    }

    /// Stores value if the key holds old; `None` means absent. False: it does not.
    pub fn compare_and_swap(
        &self,
        key: impl AsRef<[u8]>,
        old: Option<&[u8]>,
        value: &[u8],
        ttl_ms: u64,
    ) -> Result<bool> {
        let k = key.as_ref();
        let (op, on) = match old {
            Some(o) => (o.as_ptr(), o.len() as i32),
            None => (value.as_ptr(), -1),
        };
        let n = unsafe { raw::kv_cas(k.as_ptr(), k.len() as u32, op, on, value.as_ptr(), value.len() as u32, ttl_ms) };
        Ok(check(n)? == 1)
    }

    /// Removes a key; one that is not there is no error.
    pub fn delete(&self, key: impl AsRef<[u8]>) -> Result<()> {
        let k = key.as_ref();
        check(unsafe { raw::kv_delete(k.as_ptr(), k.len() as u32) })?;
        Ok(())
    }

    /// Adds to a counter and gives its new value; the TTL counts from the first
    /// add of a counter.
    pub fn add(&self, key: impl AsRef<[u8]>, delta: i64, ttl_ms: u64) -> Result<i64> {
        let k = key.as_ref();
        let mut out = 0i64;
        check(unsafe { raw::kv_add(k.as_ptr(), k.len() as u32, delta, ttl_ms, &mut out) })?;
        Ok(out)
    }

    /// Runs at most 1,000 operations (256 KiB of requests) in one call, in order,
    /// and gives their results in step.
    pub fn batch(&self, ops: Vec<KVRequest>) -> Result<Vec<KVResult>> {
        let n = ops.len();
        let b = reply(with(&KVBatch { ops }, raw::kv_batch))?;
        in_step(KVBatchResult::decode(&b)?.results, n)
    }
}
