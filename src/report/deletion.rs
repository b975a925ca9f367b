//! The words about rows that a feed no longer had: how many are deleted, and what has become of the others.

use super::speech::{count, grouped};
use super::summary::Deleted;
use crate::model::Tally;
use serde_json::{Value, json};
use std::path::PathBuf;

/// What was deleted before the last feed of a state was sent.
#[derive(Clone, Debug)]
pub struct Deletion {
    /// Of the last one, if there were several.
    pub folder: PathBuf,
    /// It was broken off.
    pub is_open: bool,
    pub rows: u64,
    pub tally: Tally,
    /// The command of the run that was broken off, as far as it is told.
    pub command: Option<String>,
}

impl Deletion {
    /// Rows of which no end is known.
    fn pending(&self) -> u64 {
        let Tally { delivered, rejected, in_doubt, .. } = self.tally;
        if self.is_open { self.rows.saturating_sub(delivered + rejected + in_doubt) } else { 0 }
    }

    /// What a feed is, though its import is complete.
    pub(super) fn heading(&self) -> &'static str {
        match (self.is_open, self.tally.in_doubt, self.tally.rejected) {
            (true, ..) => "complete, but a later run was broken off while it deleted what is no longer there",
            (false, 0, 0) => "complete",
            (false, 0, _) => "complete, but deletions were refused",
            (false, ..) => "complete, but deletions are in doubt",
        }
    }

    /// What goes on with one that was broken off.
    pub(super) fn to_go_on(&self) -> Option<String> {
        let same = || "the same `bulkhaul send … --deletes` command".to_owned();
        self.is_open.then(|| self.command.clone().unwrap_or_else(same))
    }

    /// There is nothing left of it to be looked at.
    pub const fn is_done(&self) -> bool {
        !self.is_open && self.tally.rejected + self.tally.in_doubt == 0
    }

    /// As the summary of a run tells it.
    pub fn sums(&self) -> Deleted {
        Deleted::of(&self.tally, &self.folder)
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
            "pending": self.pending(), "dead_letters": self.sums().dead_letters,
            "state_dir": self.folder.display().to_string()})
    }
}
