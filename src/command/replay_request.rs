//! What a replay is asked for.

use crate::edge::fingerprint::Fingerprint;
use crate::edge::ledger::Found;
use crate::edge::source::{ColumnType, Layout};
use crate::error::{Error, exit};
use crate::model::{Digest, RowSet};
use crate::report::Replayed;
use crate::target::{Scope, Target};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What a replay began with: told again, it is the same replay. It lies in the ledger as the facts of its one input.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) head: String,
    pub(super) content: String,
    pub(super) reason: Option<String>,
    pub(super) in_doubt: bool,
    pub(super) reading: Option<Layout>,
    #[serde(default)]
    pub(super) types: Vec<(String, ColumnType)>,
    #[serde(default)]
    pub(super) null: Option<String>,
    /// Which import of the state the letters are of, from 1.
    #[serde(default)]
    pub(super) nth: u64,
    /// Which place it goes to, as [`crate::target::Target::place`]; hexadecimal.
    #[serde(default)]
    pub(super) place: String,
    /// It was begun by `--again`.
    #[serde(default)]
    pub(super) again: bool,
    /// The rows that may have been applied before, as [`RowSet::to_bytes`]; hexadecimal, empty if there are none.
    #[serde(default)]
    pub(super) doubted: String,
    pub(super) replay: Replayed,
}

impl Request {
    /// What the replay in a ledger began with.
    pub(super) fn read(found: &Found) -> Result<Self, Error> {
        let [before]: [Self; 1] = serde_json::from_str(&found.inputs)
            .map_err(|_| Error::new(exit::LEDGER, "the ledger's words about a replay cannot be read"))?;
        Ok(before)
    }

    /// The rows that may be doubled, where this target takes what it is sent again for new.
    pub(super) fn doubted(&self, target: &Target) -> Option<RowSet> {
        let keys = target.idempotency();
        if keys.scope == Scope::Natural || keys.is_natural_key() {
            return None;
        }
        RowSet::from_bytes(&Digest::bytes_of(&self.doubted)?)
    }

    /// Whether the same is asked for, of the same letters.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.content == other.content && self.is_alike(other)
    }

    /// Whether `later` asks for the same of these letters and of more, which were appended to their `file` since.
    pub(super) fn is_less_than(&self, later: &Self, file: &Path) -> bool {
        self.size < later.size
            && self.is_alike(later)
            && Fingerprint::of_beginning(file, self.size).is_ok_and(|content| content == self.content)
    }

    /// Whether the same is asked for, of whatever letters.
    fn is_alike(&self, other: &Self) -> bool {
        self.reason == other.reason
            && self.in_doubt == other.in_doubt
            && self.reading == other.reading
            && self.types == other.types
            && self.null == other.null
    }
}
