//! Which rows the server refuses, and what identifies a row.
//!
//! Both depend on nothing but what the row says: the same row is refused in every run, whatever the seed.
//! This file must never draw chances.

use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::reading;

/// The reason given for a row that the `reject` fault chose.
pub(super) const REJECTED: &str = "rejected by the sandbox (reject fault)";
const NOT_POSITIVE: &str = "amount must be positive";

/// The house rules that an import meets.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    /// The share of rows refused by hash, of 2^64.
    pub(super) reject: u64,
    /// Most operations in one orders request.
    pub(super) max_items: usize,
    /// Most bytes in one orders request.
    pub(super) max_bytes: usize,
    /// Whether an atomic refusal says which item it was.
    pub(super) atomic_names_item: bool,
    /// For what is shuffled or takes a number of polls.
    pub(super) seed: u64,
}

impl Rules {
    /// The threshold for a percentage of rows.
    pub(super) fn share(percent: f64) -> u64 {
        (percent / 100.0 * 2f64.powi(64)) as u64
    }

    /// Whether the `reject` fault chose this text.
    pub(super) fn rejects(&self, text: &str) -> bool {
        self.reject > 0 && (self.reject == u64::MAX || first_eight(Sha256::digest(text)) < self.reject)
    }

    /// Why a row is refused, if it is; `amount` is its member of that name.
    pub(super) fn refusal(&self, row: &str, amount: Option<&RawValue>) -> Option<&'static str> {
        if amount.is_some_and(not_positive) {
            Some(NOT_POSITIVE)
        } else {
            self.rejects(row).then_some(REJECTED)
        }
    }

    /// Why a row of any form is refused, if it is.
    pub(super) fn refusal_of(&self, row: &str) -> Option<&'static str> {
        let amount = reading::members(row, ["amount"]).ok().and_then(|[amount]| amount);
        self.refusal(row, amount)
    }

    /// Chances of its own for one thing, the same whenever the same thing is asked for.
    pub(super) fn chance(&self, about: i64) -> fastrand::Rng {
        let mixed = self.seed ^ about.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15);
        fastrand::Rng::with_seed(mixed)
    }
}

fn not_positive(amount: &RawValue) -> bool {
    let text = amount.get();
    let numeric = text.starts_with(['"', '-']) || text.starts_with(|first: char| first.is_ascii_digit());
    numeric && reading::scalar(amount).trim().parse::<f64>().is_ok_and(|amount| amount <= 0.0)
}

fn first_eight(digest: impl AsRef<[u8]>) -> u64 {
    digest.as_ref().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// What makes two rows the same one: where they went, and their id, or lacking one, every byte.
pub(super) fn identity(path: &str, id: Option<&RawValue>, row: &str) -> i64 {
    let hash = Sha256::new().chain_update(path);
    let hash = match id.filter(|id| !id.get().starts_with(['{', '[']) && id.get() != "null") {
        Some(id) => hash.chain_update([0, 1]).chain_update(reading::scalar(id).as_bytes()),
        None => hash.chain_update([0, 2]).chain_update(row),
    };
    first_eight(hash.finalize()).cast_signed()
}

/// The identity of any row.
pub(super) fn identity_of(path: &str, row: &str) -> i64 {
    let id = reading::members(row, ["id"]).ok().and_then(|[id]| id);
    identity(path, id, row)
}
