//! The words about rows that a feed no longer has, where not all of them are deleted.

use super::speech::{count, grouped};
use crate::model::Tally;
use serde_json::{Value, json};
use std::path::PathBuf;

/// The last deletion of a state.
#[derive(Clone, Debug)]
pub struct Deletion {
    pub folder: PathBuf,
    /// It was broken off.
    pub is_open: bool,
    pub rows: u64,
    pub tally: Tally,
}

impl Deletion {
    /// Rows of which no end is known.
    fn pending(&self) -> u64 {
        let Tally { delivered, rejected, in_doubt, .. } = self.tally;
        if self.is_open { self.rows.saturating_sub(delivered + rejected + in_doubt) } else { 0 }
    }

    /// What a feed is not, though its import is complete.
    pub(super) fn heading(&self) -> &'static str {
        match (self.is_open, self.tally.in_doubt) {
            (true, _) => "complete, but what it no longer has is not all deleted",
            (false, 0) => "complete, but deletions were refused",
            (false, _) => "complete, but deletions are in doubt",
        }
    }

    pub(super) fn words(&self) -> String {
        let Tally { delivered, rejected, in_doubt, .. } = self.tally;
        let gone = count(self.rows, "row");
        let mut words = format!("{} of {gone} that the feed no longer has", grouped(delivered));
        for (rows, what) in [(self.pending(), "pending"), (rejected, "refused"), (in_doubt, "in doubt")] {
            if rows > 0 {
                words.push_str(&format!(", {} {what}", grouped(rows)));
            }
        }
        if self.is_open {
            words.push_str("; a run with --deletes goes on, one without, or --abandon, gives them up");
        }
        if let Some(refused) = self.refused() {
            words.push_str(&format!("; {refused}"));
        }
        words
    }

    /// Where it says why.
    pub(super) fn refused(&self) -> Option<String> {
        let rejected = self.tally.rejected;
        (rejected > 0)
            .then(|| format!("bulkhaul rejects {} says why they were refused", self.folder.display()))
    }

    pub(super) fn to_json(&self) -> Value {
        let Tally { delivered, rejected, in_doubt, .. } = self.tally;
        json!({"missing": self.rows, "deleted": delivered, "rejected": rejected, "in_doubt": in_doubt,
            "pending": self.pending(), "state_dir": self.folder.display().to_string()})
    }
}
