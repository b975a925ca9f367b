//! Letters about whole requests, whose refused rows nobody named, as a person left them in a file: rows taken out, edited,
//! or in lines of their own. What the ledger has of such a letter says which rows they are.

use super::opening::ledger_error;
use super::replays::{Replays, in_order};
use crate::edge::ledger::{LedgerError, View};
use crate::error::Error;
use crate::model::Letter;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// A letter as it stands in a file, with what the ledger knows of it.
pub(super) struct Known<'a> {
    pub(super) letter: Cow<'a, Letter>,
    /// The letter about this one's request, as it was written.
    written: Option<Letter>,
    /// It could be about one of several requests.
    is_guess: bool,
}

impl Known<'_> {
    /// The place that each of its rows has in the letter as it was written. `None` where a person has changed it so that
    /// this would be a guess: a row that is taken for another is sent twice later on, and the other one never.
    pub(super) fn places(&self) -> Option<Vec<u64>> {
        match &self.written {
            Some(written) => self.letter.places_in(written),
            None => (!self.is_guess).then(|| in_order(self.letter.count())),
        }
    }

    /// No ledger has the letter: where its rows stand in it is all that is known of them.
    pub(super) fn is_alone(&self) -> bool {
        self.letter.is_doubt() && self.written.is_none()
    }

    /// The request's other places whose rows said what this one says.
    pub(super) fn alike(&self, row: &[u8], places: &[u64]) -> Vec<u64> {
        let Some(written) = self.written.as_ref().filter(|written| places.len() as u64 != written.count())
        else {
            return Vec::new();
        };
        let mut alike = written.places_of(row);
        alike.retain(|place| !places.contains(place));
        alike
    }
}

impl Replays {
    /// A row to which a person gave a line of its own is still one of its request's, whatever became of `source`.
    pub(super) fn known<'a>(&self, given: &'a Letter) -> Result<Known<'a>, Error> {
        let written = if given.is_doubt() || given.row.is_some() { self.written(given)? } else { None };
        let is_guess = given.is_doubt() && given.batch.is_none() && self.have_unnamed()?;
        let Some(written) = written else {
            return Ok(Known { letter: Cow::Borrowed(given), written: None, is_guess });
        };
        let rows = match &given.row {
            Some(row) if !given.is_doubt() => RawValue::from_string(format!("[{}]", row.get())).ok(),
            _ => given.rows.clone(),
        };
        let letter = Letter {
            rows,
            invalid: written.invalid,
            error: given.error.clone(),
            source: written.source.clone(),
            import_id: written.import_id.clone(),
            batch: given.batch.clone(),
            ..Letter::default()
        };
        Ok(Known { letter: Cow::Owned(letter), written: Some(written), is_guess })
    }

    /// Whether a later import of the state has taken over all that a letter is about.
    pub(super) fn is_letter_over(&self, given: &Letter, newest: Option<&str>) -> Result<bool, Error> {
        let known = self.known(given)?;
        let places = known.places().unwrap_or_else(|| in_order(known.letter.count()));
        let names = self.names(&known.letter, &places, newest)?;
        let are_over = self.are_over(names.as_deref(), places.len())?;
        Ok(!are_over.is_empty() && are_over.into_iter().all(|is_over| is_over))
    }

    /// What a ledger has as the letter about this one's request.
    fn written(&self, letter: &Letter) -> Result<Option<Letter>, Error> {
        let Some(key) = letter.batch.as_deref() else { return Ok(None) };
        for view in self.ledgers() {
            let line = view.letter_about(key).map_err(|error| ledger_error(&error))?;
            let written = line.map(|line| Letter::read(&line).map_err(LedgerError::Refused)).transpose();
            let written = written.map_err(|error| ledger_error(&error))?;
            // A natural key comes again with each import.
            let is_of_it =
                |written: &Letter| letter.import_id.is_none() || letter.import_id == written.import_id;
            if let Some(written) = written.filter(is_of_it) {
                return Ok(Some(written));
            }
        }
        Ok(None)
    }

    fn have_unnamed(&self) -> Result<bool, Error> {
        let mut has_some = self.ledgers().map(View::has_unnamed);
        let found = has_some.find(|found| !matches!(found, Ok(false)));
        found.unwrap_or(Ok(false)).map_err(|error| ledger_error(&error))
    }
}
