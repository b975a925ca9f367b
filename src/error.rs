//! What went wrong, as it is told to people: what happened and where, what to do next, and the exit code. The
//! three are separate things, and every room that meets the outside world may return them.

use std::fmt;

/// The process's exit codes.
pub mod exit {
    pub const COMPLETE: u8 = 0;
    pub const FAILED: u8 = 1;
    pub const USAGE: u8 = 2;
    pub const DEAD_LETTERS: u8 = 3;
    pub const STOPPED: u8 = 4;
    pub const IN_DOUBT: u8 = 5;
    pub const NOT_THE_SAME: u8 = 6;
    pub const HELD: u8 = 7;
    pub const LEDGER: u8 = 74;
}

/// An error for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    pub exit: u8,
    /// Lower case, names in backticks, cause after a colon, no full stop.
    pub message: String,
    /// The remedy.
    pub hint: Option<String>,
}

impl Error {
    pub fn new(exit: u8, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: None }
    }

    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(exit::FAILED, message)
    }

    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(exit::USAGE, message)
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, "\nhint: {hint}"))
    }
}

impl std::error::Error for Error {}

/// The system's own words, less the number that it has for them.
pub fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(at) if text.ends_with(')') => text[..at].to_owned(),
        _ => text,
    }
}
