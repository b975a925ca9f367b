//! What framing a record found, whatever the format. Extents and troubles only; no bytes are touched here.

use super::SourceError;
use super::buffer::Buffer;
use std::io;

/// How many times `record_bytes_max` a bad row's raw may be.
const OVERSIZE: usize = 8;

/// A record that begins at the start of the buffer's window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// Lines passed before the record.
    pub(super) gap: u64,
    /// Bytes of the record without its line end.
    pub(super) content: usize,
    /// Bytes of the record with its line end.
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
    Endless { lines: u64, byte: u64, limit: usize },
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
            Self::Endless { lines, byte, limit } => {
                SourceError::Endless { input: input_owned(), line: line + lines, byte, limit }
            }
        }
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// How far a record may reach, in two steps: what is a row, and what is still kept as a bad one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) row: usize,
}

impl Bounds {
    /// Beyond this a record is given up.
    pub(super) const fn raw(self) -> usize {
        self.row.saturating_mul(OVERSIZE)
    }

    /// The part of a window in which a record of `limit` bytes and its line end must lie.
    pub(super) fn cut(window: &[u8], limit: usize) -> &[u8] {
        &window[..window.len().min(limit.saturating_add(2))]
    }
}
