//! Rows that have their end, as `--results` tells them.

use super::{Ordinal, Place};

/// One row whose end is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    pub input: u32,
    /// Within its input, from 1.
    pub row: u64,
    pub verdict: &'static str,
    /// What the target calls it, if it told.
    pub id: Option<String>,
}

impl Settled {
    pub const DELIVERED: &'static str = "delivered";
    pub const REJECTED: &'static str = "rejected";

    pub const fn new(place: Place, verdict: &'static str, id: Option<String>) -> Self {
        Self { input: place.input, row: place.row, verdict, id }
    }
}

/// An input that comes behind another, and the number of its first record: so a record's place in its own input
/// follows from its number in the import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputStart {
    pub input: u32,
    pub first: Ordinal,
}
