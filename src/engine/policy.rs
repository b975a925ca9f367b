//! The rules of one run, as values: limits, patience, and what to do when nobody can know.

use super::{Backoff, Concurrency, Rate};
use crate::model::RowSet;
use crate::target::Polling;
use std::time::Duration;

/// What to do with a request whose outcome is unknown, where the target honours no keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnAmbiguous {
    /// Send it again: rows may be doubled.
    Resend,
    /// Ask the target, as the profile says how.
    Verify,
    /// Set it apart and go on: rows may be missing.
    Hold,
    /// End the run, with the rows pending.
    Stop,
}

/// `--max-rejects`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MaxRejects {
    Rows(u64),
    /// Of all rows once they are read; before that of those settled so far, at least of a hundred, so that one early
    /// refusal ends nothing.
    Percent(f64),
}

impl MaxRejects {
    pub fn is_passed(self, rejected: u64, of: u64) -> bool {
        match self {
            Self::Rows(rows) => rejected > rows,
            Self::Percent(percent) => rejected as f64 * 100.0 > percent * of as f64,
        }
    }
}

/// The rules of one run.
#[derive(Clone, Debug)]
pub struct Policy {
    pub concurrency: Concurrency,
    pub request_rates: Vec<Rate>,
    pub row_rates: Vec<Rate>,
    pub byte_rates: Vec<Rate>,
    /// Rows and bytes of the largest batch: the rates must let one through.
    pub batch_rows: u64,
    pub batch_bytes: u64,
    pub backoff: Backoff,
    /// Tries of one batch, without any success in between, before the run gives the target up.
    pub attempts: u32,
    /// The same while nothing was ever delivered: a wrong address should not take minutes to be told.
    pub first_attempts: u32,
    pub max_wait: Duration,
    pub max_elapsed: Option<Duration>,
    pub max_rejects: Option<MaxRejects>,
    pub on_ambiguous: OnAmbiguous,
    /// Sending the same request again is harmless: the target honours keys, or writes are upserts.
    pub repeatable: bool,
    /// Writing a row twice is writing it once, in whatever requests: there are no keys that could change.
    pub upserts: bool,
    /// What a request brings is only there when the steps behind it have committed it.
    pub commits_after: bool,
    /// The target looks its keys up before limits and validation, so that any answer decides a key's fate.
    pub key_first: bool,
    /// How long the target remembers a key; `None` where nothing is remembered (or writes are upserts).
    pub key_ttl: Option<Duration>,
    /// When jobs are asked about, where the target takes them.
    pub polling: Option<Polling>,
    /// Jobs that may run at the target at one time.
    pub jobs_max: usize,
    /// Times that the target may give one row back before the run gives up.
    pub row_attempts: u32,
    /// The credential is got, and can be got anew.
    pub renewable: bool,
    /// A run takes up rows in doubt of earlier runs (`--on-ambiguous`, said by a person): `resend` sends them again,
    /// `verify` asks for each request that may have been carried out whether it was.
    pub take_up_doubt: bool,
    /// Verdicts are told row by row (`--results`).
    pub tell: bool,
    /// The ledger keeps each batch's rows until it has ended: the input can't be read again.
    pub keep_rows: bool,
    /// `--expect-rows`: an input with another number of rows is not the whole one.
    pub expect_rows: Option<u64>,
    /// Rows that an earlier import may have brought, and that this one sends as new: what is delivered of them may be there
    /// twice.
    pub doubted: Option<RowSet>,
}

impl Policy {
    /// The age from which a key is no longer sent.
    pub fn key_age_max(&self) -> Option<Duration> {
        self.key_ttl.map(sent_until)
    }
}

/// For how long a key is sent that the target remembers for so long: less five minutes or a tenth, whichever is more.
pub fn sent_until(ttl: Duration) -> Duration {
    ttl.saturating_sub((ttl / 10).max(Duration::from_secs(300)))
}
