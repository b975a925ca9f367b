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
    /// What stopped a run that can go on, in the summary's word.
    pub stopped_by: Option<&'static str>,
    /// Options of the command that goes on, with the values that let it.
    pub raised: Vec<(String, String)>,
}

impl Error {
    pub fn new(exit: u8, message: impl Into<String>) -> Self {
        Self { exit, message: plain(&message.into()), hint: None, stopped_by: None, raised: Vec::new() }
    }

    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(exit::FAILED, message)
    }

    /// Nothing was sent, and the run can go on once this limit allows it.
    pub fn stopped(by: &'static str, message: impl Into<String>) -> Self {
        Self { stopped_by: Some(by), ..Self::new(exit::STOPPED, message) }
    }

    /// These limits would have to be as high for the run to go on.
    #[must_use]
    pub fn raising(self, raised: Vec<(String, String)>) -> Self {
        Self { raised, ..self }
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

/// Words as they are, less the numbers that the system has for its errors.
pub fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(" (os error ") {
        plain.push_str(before);
        rest = after.split_once(')').map_or("", |(_, behind)| behind);
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_the_system_are_left_out() {
        let error = std::io::Error::from_raw_os_error(2);
        assert_eq!(Error::failed(format!("a: {error}, b")).message, "a: No such file or directory, b");
        assert_eq!(plain("a (b) c"), "a (b) c");
    }
}
