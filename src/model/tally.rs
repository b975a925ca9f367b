//! The books: every row is in exactly one place.

use serde::{Deserialize, Serialize};

/// Rows of an import, over all its runs. `read` is always the sum of the five others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    pub read: u64,
    pub delivered: u64,
    pub rejected: u64,
    pub unchanged: u64,
    pub in_doubt: u64,
    pub pending: u64,
    /// Part of `unchanged`: rows that a later row of the same feed replaced.
    pub superseded: u64,
    /// Part of `delivered`: rows that were sent again, on a person's word, after a request whose outcome is unknown.
    #[serde(skip_serializing_if = "is_none")]
    pub may_be_doubled: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_none(rows: &u64) -> bool {
    *rows == 0
}

impl Tally {
    /// Rows whose end is known, one way or the other.
    pub const fn settled(&self) -> u64 {
        self.delivered + self.rejected + self.unchanged + self.in_doubt
    }

    pub const fn balances(&self) -> bool {
        self.read == self.settled() + self.pending
    }
}

/// Batches of the whole import. What is held as in doubt is not settled: a later run may take it up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counters {
    pub planned: u64,
    pub settled: u64,
    pub split: u64,
}

/// Requests of this run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Requests {
    /// Every attempt, first or tenth; polls are not among them.
    pub sent: u64,
    /// Attempts after a batch's first.
    pub retried: u64,
    /// Answers that asked for patience.
    pub throttled: u64,
    /// Answers that came from the target's memory of a key.
    pub replayed: u64,
    pub polls: u64,
    /// Answers 207, each of which speaks of single rows.
    #[serde(skip_serializing_if = "is_none")]
    pub multi_status: u64,
}

impl Requests {
    pub const fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.retried += other.retried;
        self.throttled += other.throttled;
        self.replayed += other.replayed;
        self.polls += other.polls;
        self.multi_status += other.multi_status;
    }
}
