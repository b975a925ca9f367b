//! An import as a whole: which one, how far it has read, how it ended.

use super::{Digest, ImportId, Ordinal, Place};

/// Why a batch was closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Close {
    #[default]
    Rows,
    Bytes,
    /// The next row does not go with it: a name that it has already, or other members.
    Unlike,
    Age,
    /// The run was asked to end while the batch was open.
    Stop,
    /// `--limit`.
    Limit,
    End,
    /// It came from another batch, not from the input.
    Child,
}

impl Close {
    pub const ALL: [Self; 8] =
        [Self::Rows, Self::Bytes, Self::Unlike, Self::Age, Self::Stop, Self::Limit, Self::End, Self::Child];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::Bytes => "bytes",
            Self::Unlike => "unlike",
            Self::Age => "age",
            Self::Stop => "signal",
            Self::Limit => "limit",
            Self::End => "end",
            Self::Child => "child",
        }
    }
}

/// How far the input has been read: all rows before it are in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Where the next record begins.
    pub place: Place,
    /// Number of the next record.
    pub ordinal: Ordinal,
    /// Running hash over all bytes before `place`, over all inputs in order.
    pub chain: [u8; 32],
}

/// How an import stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportState {
    Open,
    /// Every row has its end; with the exit code it ended with.
    Complete(u8),
    /// Given up by a person.
    Abandoned,
}

/// The ledger's page about one import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportRecord {
    /// From 1.
    pub number: u64,
    pub id: ImportId,
    /// Of the target and the mapping.
    pub identity: Digest,
    pub state: ImportState,
}
