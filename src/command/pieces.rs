//! What a person made of a record that was no row. A stray quote swallows lines, so that it may have become several:
//! all of them go, each once. They share the place of their letter, and are told apart by what they say.

use super::intake::COPY;
use super::opening::ledger_error;
use super::replays::{Fate, Replays};
use crate::edge::ledger::{ReplayView, Replaying};
use crate::edge::source::TakenRow;
use crate::error::Error;
use crate::model::{Letter, LetterId};
use std::fs::File;
use std::io::{BufRead, BufReader};

/// Codes of records of which nothing was ever sent, as they were none.
const OF_NO_ROW: [&str; 7] = [
    "bad_quote",
    "blank_line",
    "field_count",
    "invalid_json",
    "invalid_utf8",
    "not_an_object",
    "record_too_large",
];

/// Whether several rows may have been made of it.
pub(super) fn may_be_several(letter: &Letter) -> bool {
    letter.raw.is_some() || OF_NO_ROW.contains(&letter.error.code.as_str()) || is_misfit(letter)
}

/// A field of it did not fit its type; that a target calls something so is another thing.
pub(super) fn is_misfit(letter: &Letter) -> bool {
    letter.error.code == "type_mismatch" && letter.error.status.is_none()
}

/// How a piece of a letter is named, if it stands in the file for the first time. One of them has the letter's own name:
/// the one that had it in a replay before, else the first.
pub(super) fn name(
    book: &Replaying<'_>,
    replays: &Replays,
    letter: LetterId,
    taken: &TakenRow,
) -> Result<Option<LetterId>, Error> {
    let piece = letter.piece(taken.content());
    let see = |name| book.see(name).map_err(|error| ledger_error(&error));
    if !see(piece)? {
        return Ok(None);
    }
    let has_own_name = |view: &ReplayView| view.standing(piece).map(|standing| standing.is_some());
    for view in replays.views() {
        if has_own_name(view).map_err(|error| ledger_error(&error))? {
            return Ok(Some(piece));
        }
    }
    let is_free = replays.fate(letter)? == Fate::Open;
    let inherits = is_free || was_sent_as(replays, letter, taken.content())?;
    Ok(Some(if inherits && see(letter)? { letter } else { piece }))
}

/// Whether something else was sent under the letter's name, and may have been applied.
pub(super) fn is_of_another(replays: &Replays, letter: LetterId, content: &str) -> Result<bool, Error> {
    Ok(replays.fate(letter)? != Fate::Open && !was_sent_as(replays, letter, content)?)
}

/// Whether some replay sent just this under the letter's name.
fn was_sent_as(replays: &Replays, letter: LetterId, content: &str) -> Result<bool, Error> {
    for view in replays.views() {
        let Some(ordinal) = view.ordinal(letter).map_err(|error| ledger_error(&error))? else { continue };
        let copy = view.folder().join(COPY);
        let unreadable = |error| Error::failed(format!("cannot read `{}`: {error}", copy.display()));
        let mut lines = BufReader::new(File::open(&copy).map_err(unreadable)?).lines();
        let line = lines.nth(ordinal.0 as usize).transpose().map_err(unreadable)?;
        let sent = line.and_then(|line| serde_json::from_str::<TakenRow>(&line).ok());
        if sent.is_some_and(|sent| sent.content() == content) {
            return Ok(true);
        }
    }
    Ok(false)
}
