//! Rows that were the last of an input without a line end, and got one with the tail that was accepted behind them.

use std::collections::BTreeMap;

/// `\r\n`.
const LONGEST: u64 = 2;

/// Rows with the length of the line end that they had not when they were read.
#[derive(Debug, Default)]
pub(super) struct LineEnds(BTreeMap<u64, u64>);

impl LineEnds {
    /// Whether a line end is all that a row has more `here` than the ledger `said`.
    pub(super) fn explain(&mut self, row: u64, here: u64, said: u64) -> bool {
        let more = here.saturating_sub(said);
        let is_one = (1..=LONGEST).contains(&more);
        if is_one {
            self.0.insert(row, more);
        }
        is_one
    }

    pub(super) fn bytes(&self) -> u64 {
        self.0.values().sum()
    }
}
