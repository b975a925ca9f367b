//! What the ledger holds of one batch, read for checking: nothing is left out, and nothing is believed.

use super::{BatchKey, Digest, Place, RowSet};

/// How a batch stands in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchState {
    Prepared,
    Accepted,
    /// Each of its rows has its end, or stands in a child.
    Settled,
    /// Halved; all of its rows stand in children.
    Split,
    Doubt,
    /// Settled after a person took its rows out of doubt.
    TakenUp,
}

impl BatchState {
    /// As it is written in the ledger.
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "prepared" => Self::Prepared,
            "accepted" => Self::Accepted,
            "settled" => Self::Settled,
            "split" => Self::Split,
            "doubt" => Self::Doubt,
            "taken_up" => Self::TakenUp,
            _ => return None,
        })
    }

    pub const fn is_ended(self) -> bool {
        matches!(self, Self::Settled | Self::Split | Self::TakenUp)
    }
}

/// One batch of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchPage {
    pub seq: u64,
    pub parent: Option<u64>,
    /// The batch that was cut from the input, this one or an ancestor.
    pub rank: u64,
    pub generation: u32,
    pub rows: RowSet,
    pub start: Place,
    pub source_bytes: u64,
    pub key: BatchKey,
    pub body_hash: Digest,
    pub state: BatchState,
    pub delivered: u64,
    pub rejected: u64,
    /// Its body says something of its group's state.
    pub has_group_state: bool,
    /// What it went under, where a dead letter says it.
    pub shown: Option<String>,
}

/// One dead letter of the ledger that is about one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LetterPage {
    pub ordinal: u64,
    pub bytes: u64,
    /// The batch that the row was refused in; `None` when it was never part of one.
    pub batch: Option<u64>,
    /// As it stands in the dead-letter file, without its line end.
    pub line: String,
}
