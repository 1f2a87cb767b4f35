//! The host functions of import module weir1, as they are. `Call` has what
//! plugins use.

use crate::{Code, Error, Record, Result, Text};

/// Declares the host functions; built natively (for unit tests of a plugin's
/// own functions) each answers "unavailable". An import that is not used is
/// dropped by the linker: one that is there needs its grant.
macro_rules! imports {
    ($($module:literal: $(fn $name:ident($($arg:ident: $ty:ty),*) $(-> $ret:ty)?;)*)*) => {
        $(#[cfg(target_arch = "wasm32")]
        #[link(wasm_import_module = $module)]
        extern "C" {
            $(pub fn $name($($arg: $ty),*) $(-> $ret)?;)*
        }
        $(#[cfg(not(target_arch = "wasm32"))]
        pub unsafe extern "C" fn $name($(_: $ty),*) $(-> $ret)? { imports!(@absent $($ret)?) })*)*
    };
    (@absent $ret:ty) => { -6 };
    (@absent) => { () };
}

pub mod raw {
    //! The imports themselves. Results are lengths or counts, or negative.
    #![allow(missing_docs)]

    imports! {
        "weir1":
        fn event_read(p: *mut u8, cap: u32) -> i32;
        fn config_read(id: u64, p: *mut u8, cap: u32) -> i32;
        fn result_write(p: *const u8, len: u32) -> i32;
        fn log(level: u32, p: *const u8, len: u32);
        fn log_level() -> i32;
        fn error_read(p: *mut u8, cap: u32) -> i32;
        fn metric_add(name: *const u8, name_len: u32, delta: i64) -> i32;
        fn headers_read(p: *mut u8, cap: u32) -> i32;
        fn header_get(name: *const u8, name_len: u32, nth: u32, p: *mut u8, cap: u32) -> i32;
        fn parts_read(p: *mut u8, cap: u32) -> i32;
        fn body_read(part: i32, offset: i64, p: *mut u8, cap: u32) -> i32;
        fn body_write(part: i32, p: *const u8, len: u32) -> i32;
        fn part_hash(part: i32, alg: u32, p: *mut u8, cap: u32) -> i32;
        fn match_define(id: u64, set: u32, p: *const u8, len: u32) -> i32;
        fn r#match(id: u64, set: u32, part: i32, hits: *mut u32, cap: u32) -> i32;
        fn match_text(id: u64, set: u32, text: *const u8, text_len: u32, hits: *mut u32, cap: u32) -> i32;
        fn list_lookup(req: *const u8, req_len: u32, p: *mut u8, cap: u32) -> i32;
        fn kv_get(key: *const u8, key_len: u32, p: *mut u8, cap: u32) -> i32;
        fn kv_set(key: *const u8, key_len: u32, p: *const u8, len: u32, ttl_ms: u64) -> i32;
        fn kv_cas(key: *const u8, key_len: u32, old: *const u8, old_len: i32, p: *const u8, len: u32, ttl_ms: u64) -> i32;
        fn kv_delete(key: *const u8, key_len: u32) -> i32;
        fn kv_add(key: *const u8, key_len: u32, delta: i64, ttl_ms: u64, out: *mut i64) -> i32;
        fn kv_batch(p: *const u8, len: u32) -> i32;
        fn reply_read(p: *mut u8, cap: u32) -> i32;
        fn dns_query(p: *const u8, len: u32) -> i32;
        fn http_fetch(p: *const u8, len: u32) -> i32;
        fn dial(address: *const u8, len: u32) -> i32;
        fn conn_write(conn: i32, p: *const u8, len: u32) -> i32;
        fn conn_send(conn: i32, part: i32, offset: i64, len: i64) -> i64;
        fn conn_read(conn: i32, p: *mut u8, cap: u32) -> i32;
        fn conn_close(conn: i32) -> i32;
        fn schedule(p: *const u8, len: u32) -> i32;
        fn message_get(p: *const u8, len: u32) -> i32;
        fn message_release(p: *const u8, len: u32) -> i32;
        fn message_reject(p: *const u8, len: u32) -> i32;
        fn message_delete(p: *const u8, len: u32) -> i32;
        fn message_submit(p: *const u8, len: u32) -> i32;
    }
}

/// A result of the host: a length, or the error a negative number means.
pub fn check(n: i32) -> Result<usize> {
    if n >= 0 {
        return Ok(n as usize);
    }
    let code = match n {
        -1 => return Err(Code::NotFound.into()), // often asked for, and says all
        -2 => Code::Denied,
        -3 => Code::TooLarge,
        -4 => Code::Timeout,
        -5 => Code::BadArgument,
        _ => Code::Unavailable,
    };
    Err(Error { code, text: last_error().to_str().into_owned() })
}

/// Runs a host function that writes to (pointer, capacity), again with more
/// room if it needs it.
pub fn fetch(call: &dyn Fn(*mut u8, u32) -> i32, room: usize) -> Result<Vec<u8>> {
    let mut b: Vec<u8> = Vec::with_capacity(room);
    loop {
        let n = check(call(b.as_mut_ptr(), b.capacity() as u32))?;
        if n <= b.capacity() {
            // The host wrote n octets.
            unsafe { b.set_len(n) };
            return Ok(b);
        }
        b.reserve_exact(n);
    }
}

/// The reply of a call that left one of n octets, or that call's error.
pub fn reply(n: i32) -> Result<Vec<u8>> {
    let n = check(n)?;
    fetch(&|p, cap| unsafe { raw::reply_read(p, cap) }, n)
}

/// A list that must have an item for each of n.
pub fn in_step<T>(list: Vec<T>, n: usize) -> Result<Vec<T>> {
    if list.len() != n {
        return Err(Code::Unavailable.into());
    }
    Ok(list)
}

/// Calls f with an encoded record.
pub fn with<R: Record>(r: &R, f: unsafe extern "C" fn(*const u8, u32) -> i32) -> i32 {
    let b = r.encode();
    unsafe { f(b.as_ptr(), b.len() as u32) }
}

/// What the host says about the last host call that failed.
pub fn last_error() -> Text {
    let mut b: Vec<u8> = Vec::with_capacity(512);
    loop {
        let n = unsafe { raw::error_read(b.as_mut_ptr(), b.capacity() as u32) };
        if n < 0 {
            return Text::new();
        }
        if n as usize <= b.capacity() {
            // The host wrote n octets.
            unsafe { b.set_len(n as usize) };
            return b.into();
        }
        b.reserve_exact(n as usize);
    }
}
