//! The books of an import as the engine keeps them: the ledger's numbers, moved on by each acknowledged entry.

use crate::model::{Counters, Passed, Requests, Tally};

/// Rows and batches over all runs, requests of this one.
#[derive(Clone, Debug, Default)]
pub struct Books {
    tally: Tally,
    /// Bytes of the input that the rows read stand in.
    bytes_read: u64,
    /// Rows that earlier runs settled.
    settled_before: u64,
    batches: Counters,
    requests: Requests,
    bytes_sent: u64,
}

impl Books {
    pub fn new(tally: Tally, bytes_read: u64, batches: Counters) -> Self {
        Self { tally, bytes_read, batches, settled_before: tally.settled(), ..Self::default() }
    }

    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Rows that this run settled.
    pub const fn settled_here(&self) -> u64 {
        self.tally.settled().saturating_sub(self.settled_before)
    }

    pub const fn batches(&self) -> &Counters {
        &self.batches
    }

    pub const fn requests(&self) -> &Requests {
        &self.requests
    }

    pub const fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    pub const fn bytes_sent(&self) -> u64 {
        self.bytes_sent
    }

    pub(super) const fn requests_mut(&mut self) -> &mut Requests {
        &mut self.requests
    }

    pub(super) const fn sent(&mut self, bytes: usize, again: bool) {
        self.requests.sent += 1;
        self.bytes_sent += bytes as u64;
        if again {
            self.requests.retried += 1;
        }
    }

    pub(super) const fn read(&mut self, rows: u64, bytes: u64) {
        self.bytes_read += bytes;
        self.tally.read += rows;
        self.tally.pending += rows;
    }

    /// Rows that were read but go back to the input when the run ends: they were never in the ledger.
    pub(super) const fn unread(&mut self, rows: u64, bytes: u64) {
        self.bytes_read -= bytes;
        self.tally.read -= rows;
        self.tally.pending -= rows;
    }

    pub(super) const fn planned(&mut self) {
        self.batches.planned += 1;
    }

    pub(super) const fn reject(&mut self, rows: u64) {
        self.tally.pending -= rows;
        self.tally.rejected += rows;
    }

    pub(super) const fn deliver(&mut self, rows: u64, may_be_doubled: u64) {
        self.tally.pending -= rows;
        self.tally.delivered += rows;
        self.tally.may_be_doubled += may_be_doubled;
    }

    pub(super) const fn pass(&mut self, passed: Passed) {
        self.tally.pending -= passed.rows();
        self.tally.in_doubt += passed.held;
        self.tally.unchanged += passed.unchanged;
        self.tally.superseded += passed.superseded;
    }

    pub(super) const fn park(&mut self, rows: u64) {
        self.tally.pending -= rows;
        self.tally.in_doubt += rows;
    }

    pub(super) const fn take_up(&mut self, rows: u64) {
        self.tally.in_doubt -= rows;
        self.tally.pending += rows;
    }

    pub(super) const fn settled(&mut self, split: bool) {
        if split {
            self.batches.split += 1;
        } else {
            self.batches.settled += 1;
        }
    }
}
