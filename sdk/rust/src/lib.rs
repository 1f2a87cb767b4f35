//! Write a plugin for the Weir mail filtering gateway.
//!
//! ```ignore
//! use weir::{Call, Result, Stage, Verdict};
//!
//! fn on_message(c: &Call, v: &mut Verdict) -> Result<()> {
//!     if c.header("Subject").map_or(false, |s| s.is_empty()) {
//!         v.find("spam", "empty-subject").score = 1.0;
//!     }
//!     Ok(())
//! }
//!
//! weir::plugin! { Stage::MESSAGE => on_message }
//! ```
//!
//! A crate of type `cdylib` built for `wasm32-unknown-unknown` is a plugin. Plugins
//! classify and recommend; the operator's policy disposes. This crate is not for
//! the gateway, and has no dependencies.
#![warn(missing_docs)]

#[allow(missing_docs)]
pub mod abi;
mod call;
mod config;
mod error;
#[doc(hidden)]
pub mod guest;
mod host;
mod matching;
mod net;
mod queue;
mod reader;
mod store;
mod value;
mod verdict;
pub mod wire;

pub use abi::*;
pub use call::Call;
pub use error::{Code, Error, Result};
pub use guest::{Hook, Init as InitHook};
pub use host::last_error;
pub use matching::Patterns;
pub use net::Conn;
pub use reader::Reader;
pub use store::KV;
pub use wire::{Record, Text};

/// The part number of the message as it came, header and body.
pub const PART_RAW: i32 = -1;

/// Makes the crate's exports: the hooks by stage, and before them, where there
/// is one, what runs once per instance.
///
/// ```ignore
/// weir::plugin! {
///     init: on_init;
///     Stage::RCPT_TO => on_rcpt,
///     Stage::MESSAGE => on_message,
/// }
/// ```
///
/// The stages must agree with the manifest.
#[macro_export]
macro_rules! plugin {
    (init: $init:path; $($stage:expr => $hook:path),+ $(,)?) => {
        #[no_mangle]
        pub extern "C" fn weir_abi_1() {}

        #[no_mangle]
        pub extern "C" fn weir_init(len: u32) -> i32 {
            $crate::guest::init(len, $init)
        }

        #[no_mangle]
        pub extern "C" fn weir_hook(_stage: u32, len: u32) -> i32 {
            $crate::guest::hook(len, &[$(($stage, $hook as $crate::Hook)),+])
        }
    };
    ($($stage:expr => $hook:path),+ $(,)?) => {
        $crate::plugin! { init: $crate::guest::no_init; $($stage => $hook),+ }
    };
}
