//! What framing a record found, whatever the format. Extents and troubles only; no bytes are touched here.

use super::SourceError;
use super::buffer::Buffer;
use std::io;

/// How many times `record_bytes_max` a quote may stay open.
const OVERSIZE: usize = 8;
/// Bytes beyond `record_bytes_max` that are still looked at in one piece: of a record that is cut off behind them, more
/// is kept than a row may have, even where a character is not cut in two. So what a replay reads of it is too large once
/// more, and never taken for all of the row.
const SPARE: usize = 4;

/// A record that begins at the start of the buffer's window, or before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// Lines passed before the record.
    pub(super) gap: u64,
    /// Bytes of a record that is too large to be held that lie before the window.
    pub(super) passed: u64,
    /// Bytes of the record in the window without its line end.
    pub(super) content: usize,
    /// Bytes of the record in the window with its line end.
    pub(super) whole: usize,
    /// Line ends within the record, its own included.
    pub(super) lines: u64,
    /// It is larger than a record may be.
    pub(super) oversize: bool,
}

/// Why no record can be framed. Lines count from the end of the record before.
#[derive(Debug)]
pub(super) enum Trouble {
    Io(io::Error),
    OpenQuote { lines: u64, byte: u64 },
}

impl Trouble {
    /// In words; `line` is where the framer stood.
    pub(super) fn into_error(self, input: &str, line: u64, buffer: &Buffer) -> SourceError {
        let input_owned = || input.to_owned();
        match self {
            Self::Io(error) => SourceError::from_io(input, buffer.coding(), buffer.reach(), &error),
            Self::OpenQuote { lines, byte } => {
                SourceError::OpenQuote { input: input_owned(), line: line + lines, byte }
            }
        }
    }
}

/// At the end of an input: whether the record that ends there has no line end, or lacks more than that.
pub(super) fn is_open(found: &Result<Option<Extent>, Trouble>) -> bool {
    match found {
        Ok(extent) => extent.is_some_and(|extent| extent.whole == extent.content),
        Err(trouble) => matches!(trouble, Trouble::OpenQuote { .. }),
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// How large a record may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) row: usize,
}

impl Bounds {
    /// Beyond this an open quote was opened by mistake.
    pub(super) const fn quoted(self) -> u64 {
        (self.row as u64).saturating_mul(OVERSIZE as u64)
    }

    /// What is kept of a record that is too large.
    pub(super) const fn kept(self) -> usize {
        self.row.saturating_add(SPARE)
    }

    /// The part of a window in which a record lies that is looked at in one piece.
    pub(super) fn cut(self, window: &[u8]) -> &[u8] {
        &window[..window.len().min(self.kept())]
    }
}

/// What of a record too large to be held was passed over.
#[derive(Debug, Default)]
pub(super) struct Passed {
    pub(super) bytes: u64,
    pub(super) lines: u64,
    /// The field that is looked at begins in it: behind so many line ends, at this byte.
    pub(super) field: Option<(u64, u64)>,
    /// No quote was open where one may not be open any more.
    pub(super) is_far: bool,
}

impl Passed {
    /// Bytes of the window up to that place, however much of it is there.
    pub(super) fn reach(&self, bounds: Bounds) -> usize {
        let left = bounds.quoted().saturating_sub(self.bytes);
        if self.is_far { usize::MAX } else { usize::try_from(left).unwrap_or(usize::MAX) }
    }
}
