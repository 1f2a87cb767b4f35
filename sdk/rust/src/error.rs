use crate::wire::DecodeError;
use std::fmt;

/// What kind of failure an error is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Code {
    /// There is no such key, list, message or configuration.
    NotFound,
    /// The grant is not given, or does not name this.
    Denied,
    /// More than the host takes.
    TooLarge,
    /// The call's time is nearly over.
    Timeout,
    /// The host does not understand what it was asked.
    BadArgument,
    /// Not to be had here or now.
    Unavailable,
    /// Octets that are not the record they should be.
    Decode(DecodeError),
    /// The plugin's own words.
    Plugin,
}

impl Code {
    /// The code in words.
    pub fn text(self) -> &'static str {
        match self {
            Code::NotFound => "not found",
            Code::Denied => "denied: not granted",
            Code::TooLarge => "too large",
            Code::Timeout => "timeout",
            Code::BadArgument => "bad argument",
            Code::Unavailable => "unavailable",
            Code::Decode(e) => e.text(),
            Code::Plugin => "failed",
        }
    }
}

/// Why a host call, or a hook, failed. A hook that gives one could not judge: the
/// policy's `on_error` applies. `Error::from("why")` makes one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error {
    /// What kind it is.
    pub code: Code,
    /// The host's or the plugin's words, empty where the code says all.
    pub text: String,
}

/// What most functions of this crate give.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The error in words.
    pub fn text(&self) -> &str {
        if self.text.is_empty() {
            return self.code.text();
        }
        &self.text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for Error {}

impl From<Code> for Error {
    fn from(code: Code) -> Error {
        Error { code, text: String::new() }
    }
}

impl From<DecodeError> for Error {
    fn from(e: DecodeError) -> Error {
        Code::Decode(e).into()
    }
}

impl From<&str> for Error {
    fn from(s: &str) -> Error {
        s.to_string().into()
    }
}

impl From<String> for Error {
    fn from(text: String) -> Error {
        Error { code: Code::Plugin, text }
    }
}

impl From<Error> for std::io::Error {
    fn from(e: Error) -> std::io::Error {
        std::io::Error::new(std::io::ErrorKind::Other, e)
    }
}
