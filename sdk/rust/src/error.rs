use crate::wire::DecodeError;
use std::fmt;

/// Why a host call, or a hook, failed. A hook that returns one could not judge:
/// the policy's `on_error` applies.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Error {
    /// There is no such key, list, part or configuration.
    NotFound,
    /// The grant is not given, or does not name this.
    Denied,
    /// More than the host takes.
    TooLarge,
    /// The call's time is over.
    Timeout,
    /// The host does not understand what it was asked.
    BadArgument,
    /// Not to be had here or now.
    Unavailable,
    /// Octets that are not the record they should be.
    Decode(DecodeError),
    /// The plugin's own words.
    Other(String),
}

/// What most functions of this crate give.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The error in words.
    pub fn text(&self) -> &str {
        match self {
            Error::NotFound => "not found",
            Error::Denied => "denied: not granted",
            Error::TooLarge => "too large",
            Error::Timeout => "timeout",
            Error::BadArgument => "bad argument",
            Error::Unavailable => "unavailable",
            Error::Decode(e) => e.text(),
            Error::Other(s) => s,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for Error {}

impl From<DecodeError> for Error {
    fn from(e: DecodeError) -> Error {
        Error::Decode(e)
    }
}

impl From<&str> for Error {
    fn from(s: &str) -> Error {
        Error::Other(s.to_string())
    }
}

impl From<String> for Error {
    fn from(s: String) -> Error {
        Error::Other(s)
    }
}

impl From<Error> for std::io::Error {
    fn from(e: Error) -> std::io::Error {
        std::io::Error::new(std::io::ErrorKind::Other, e)
    }
}
