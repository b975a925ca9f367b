//! The import whose dead letters are replayed, looked at while no run holds it.

use super::inputs::{self, InputFacts};
use super::opening::ledger_error;
use crate::edge::ledger::{Found, LedgerError, View};
use crate::edge::source::Layout;
use crate::error::Error;
use crate::model::{Digest, Letter};
use std::path::Path;

/// The import whose dead letters these are, as far as its ledger could be read.
#[derive(Debug)]
pub(super) struct Origin {
    view: View,
    /// The identity of its first import.
    pub(super) first: String,
    pub(super) newest: Found,
    pub(super) inputs: Vec<InputFacts>,
}

impl Origin {
    /// `None` if there is none in this folder.
    pub(super) fn of(root: &Path) -> Result<Option<Self>, Error> {
        let path = root.join("ledger.db");
        if !path.is_file() {
            return Ok(None);
        }
        let view = View::open(&path).map_err(|error| ledger_error(&error))?;
        let Some(newest) = view.newest().map_err(|error| ledger_error(&error))? else { return Ok(None) };
        let inputs = inputs::of_ledger(&newest.inputs).unwrap_or_default();
        let first = view.first_id().map_err(|error| ledger_error(&error))?;
        let first = first.map_or(String::new(), |id| id.hex());
        Ok(Some(Self { view, first, newest, inputs }))
    }

    /// Which import of the state its rows are of.
    pub(super) fn nth(&self) -> u64 {
        // As a stream's own rows: what its messages bring along names them in all of its imports.
        if self.is_stream() { 1 } else { self.newest.import.number }
    }

    fn is_stream(&self) -> bool {
        self.inputs.iter().any(InputFacts::is_stream)
    }

    /// Whether an import of the state has this identity; hexadecimal.
    pub(super) fn knows(&self, import_id: &str) -> Result<bool, LedgerError> {
        self.view.knows(import_id)
    }

    /// Whether a row was delivered under a natural key.
    pub(super) fn has_delivered(&self, key: Digest) -> Result<bool, LedgerError> {
        let import = (!self.is_stream()).then_some(self.newest.import.number);
        self.view.has_delivered(key, import)
    }

    /// Hands over the natural keys that were decided against, and how often.
    pub(super) fn refused_keys(
        &self,
        each: &mut dyn FnMut(Digest, u32) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        self.view.refused_keys(each)
    }

    /// Whether a later feed of the state has sent what was open of an earlier one, or is about to.
    pub(super) fn is_past(&self, nth: u64) -> Result<bool, Error> {
        let newest = self.newest.import.number;
        let key = self.view.feed_key(newest).map_err(|error| ledger_error(&error))?;
        Ok(key.is_some() && (nth < newest || self.is_followed()?))
    }

    /// Whether the next feed has begun to delete rows, and its import has not begun.
    pub(super) fn is_followed(&self) -> Result<bool, Error> {
        self.view.is_sealed(self.newest.import.number).map_err(|error| ledger_error(&error))
    }

    pub(super) fn id(&self) -> String {
        self.newest.import.id.hex()
    }

    /// How its import read a letter's input: this one, or all of them where they are alike.
    pub(super) fn reading(&self, letter: &Letter) -> Option<(Layout, Option<Vec<String>>)> {
        let input = letter.source.as_ref().map_or("", |source| source.input.as_str());
        let earlier = letter.import_id.as_deref().filter(|id| *id != self.id());
        let earlier = earlier.and_then(|id| self.view.inputs_of(id).ok().flatten());
        let earlier = earlier.map(|list| inputs::of_ledger(&list).unwrap_or_default());
        reading_of(earlier.as_deref().unwrap_or(&self.inputs), input)
    }
}

fn reading_of(inputs: &[InputFacts], input: &str) -> Option<(Layout, Option<Vec<String>>)> {
    let of = |facts: &InputFacts| Some((facts.layout.clone()?, facts.columns.clone()));
    if let Some(facts) = inputs.iter().find(|facts| facts.name == input) {
        return of(facts);
    }
    let first = of(inputs.first()?)?;
    inputs.iter().all(|facts| of(facts).as_ref() == Some(&first)).then_some(first)
}
