//! What is fuzzed: one function for each target, which panics where a promise breaks. `cargo fuzz run --fuzz-dir tests/fuzz
//! csv` (with a nightly compiler) looks for inputs; `cargo test` plays the ones that were kept in `corpus/`.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each target uses a part, and a promise that breaks is a panic"
)]

mod books;
mod framing;
mod words;

pub(crate) use books::ledger;
pub(crate) use framing::{csv, ndjson};
pub(crate) use words::{path_template, response, retry_after, status_url};

/// Takes bytes off the front, as choices.
pub(crate) struct Choices<'a>(pub(crate) &'a [u8]);

impl Choices<'_> {
    pub(crate) fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }
}
