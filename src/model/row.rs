//! Rows: where a record stood, and what could not be read.

use std::borrow::Cow;
use std::fmt;

/// The number of a record within the whole import, from 0, over all inputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ordinal(pub u64);

impl Ordinal {
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Ordinal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Where a record begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Index of the input in the order given.
    pub input: u32,
    /// Number of the data row within its input, from 1; a header is no row.
    pub row: u64,
    /// Line on which the record starts within its input, from 1.
    pub line: u64,
    /// Offset of its first byte within the (decompressed) input, from 0; a byte-order mark counts.
    pub byte: u64,
}

impl Place {
    pub const START: Self = Self { input: 0, row: 1, line: 1, byte: 0 };
}

impl Default for Place {
    fn default() -> Self {
        Self::START
    }
}

/// One record of the input: its number, where it begins, and where it ends (after its terminator).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    pub ordinal: Ordinal,
    pub place: Place,
    /// Offset of the first byte after the record and its line end, in the same input.
    pub end: u64,
}

impl Mark {
    pub const fn bytes(&self) -> u64 {
        self.end - self.place.byte
    }
}

/// A record that is no row: it becomes a dead letter with its bytes, and costs nobody else anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// Stable word for grouping, e.g. `field_count`, `invalid_json`, `invalid_utf8`, `type_mismatch`.
    pub code: Cow<'static, str>,
    /// A sentence for people, lower case, no full stop.
    pub message: String,
    /// The field at fault as a JSON Pointer (`/amount`), where one is.
    pub field: Option<String>,
    /// The record as it stood, without its line end.
    pub raw: Vec<u8>,
    /// The row, as far as there is one: a field that does not fit its type is its text.
    pub row: Option<String>,
}

impl BadRow {
    /// One of which nothing is known but its bytes, and no field is to blame.
    pub fn new(
        code: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
        raw: impl Into<Vec<u8>>,
    ) -> Self {
        Self { code: code.into(), message: message.into(), field: None, raw: raw.into(), row: None }
    }
}
