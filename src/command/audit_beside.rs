//! What an audit knows beside batches and dead letters: which rows of a feed need not be anywhere, and what the ledger
//! keeps of rows that can't be read again.

use super::audit::is_same_row;
use super::inputs::InputFacts;
use super::opening::ledger_error;
use super::replay_request::Request;
use super::replays::Replays;
use super::survey::Survey;
use crate::edge::ledger::{Found, LedgerError, View};
use crate::engine::Recount;
use crate::error::Error;
use crate::model::{Courses, ImportState, Mark, Ordinal, Tally};
use crate::settings;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The courses of a feed's rows, made again from the input and from what was delivered before this import.
pub(super) fn courses(
    view: &View,
    found: &Found,
    inputs: &[PathBuf],
    before: &[InputFacts],
) -> Result<Option<Courses>, Error> {
    let failed = |error: LedgerError| ledger_error(&error);
    let Some(key) = view.feed_key(found.import.number).map_err(failed)? else { return Ok(None) };
    // The types of its columns are part of what a row says.
    let Some(layout) = before.first().and_then(|facts| facts.layout.as_ref()) else { return Ok(None) };
    let folder = tempfile::tempdir()
        .map_err(|error| Error::failed(format!("no folder to sort the rows of the feed in: {error}")))?;
    let folder = folder.path();
    let survey = Survey {
        inputs,
        again: false,
        read: Ordinal(0),
        holds: true,
        layout,
        key: &key,
        folder,
        seen: &[],
        is_asked: &|| false,
    };
    let (courses, _) = survey.of(|_| None, |meet| view.known_rows(&mut |known| meet(known).map(drop)))?;
    Ok(Some(courses))
}

/// What a feed no longer had was deleted by an import without an input; its end is in the feed's books.
pub(super) fn of_deletion(state: &Path) -> Error {
    let whole = std::path::absolute(state).unwrap_or_else(|_| state.to_owned());
    let feed = match state.parent().and_then(Path::parent) {
        Some(feed) if !feed.as_os_str().is_empty() => feed,
        Some(_) => Path::new("."),
        None => whole.parent().and_then(Path::parent).unwrap_or(state),
    };
    let words = format!("`{}` holds the deletions of a feed, which read no input", state.display());
    Error::failed(words).hint(format!("the feed's books tell of them: {}", settings::audit_command(feed)))
}

/// Whether what is known of a feed's rows may have changed since it was read through: the next one has begun to delete, or a
/// replay has sent some.
pub(super) fn is_followed(view: &View, state: &Path, import: u64) -> Result<bool, Error> {
    if view.is_sealed(import).map_err(|error| ledger_error(&error))? {
        return Ok(true);
    }
    for view in Replays::of(state)?.views() {
        let Tally { delivered, in_doubt, pending, .. } = *view.tally();
        if delivered + in_doubt + pending > 0 && Request::read(view.found())?.nth == import {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Rows that the ledger keeps, by their numbers in the import, until the input has come to them.
#[derive(Debug, Default)]
pub(super) struct Kept(BTreeMap<u64, (Mark, Box<RawValue>)>);

/// They are those of the batches that have no end, and no others.
pub(super) fn kept(view: &View, found: &Found, recount: &mut Recount) -> Result<Kept, Error> {
    let mut all = Kept::default();
    let is_given_up = found.import.state == ImportState::Abandoned;
    let read = view.kept(found.import.number, &mut |batch, rows| -> Result<(), LedgerError> {
        let seq = batch.seq;
        let Some(rows) = rows else {
            if !is_given_up {
                recount.note(format!("batch {seq} has no end, and the ledger does not keep its rows"));
            }
            return Ok(());
        };
        if batch.state.is_ended() {
            recount.note(format!("batch {seq} has its end, and the ledger still keeps its rows"));
        }
        // Of a request that is asked for once more all rows are kept.
        let is_own = |ordinal: &Ordinal| batch.parent.is_none() || batch.rows.contains(*ordinal);
        if !rows.iter().map(|(mark, _)| mark.ordinal).filter(is_own).eq(batch.rows.iter()) {
            recount.note(format!("the rows that the ledger keeps for batch {seq} are not its rows"));
        }
        for (mark, text) in rows.iter() {
            match String::from_utf8(text.to_vec()).ok().and_then(|text| RawValue::from_string(text).ok()) {
                Some(text) => drop(all.0.insert(mark.ordinal.0, (mark, text))),
                None => recount.note(format!("a row that the ledger keeps for batch {seq} is no JSON")),
            }
        }
        Ok(())
    });
    read.map_err(|error| ledger_error(&error))?;
    Ok(all)
}

impl Kept {
    /// What is kept of this row, if that is not the row.
    pub(super) fn mismatch(&mut self, mark: &Mark, text: Option<&[u8]>) -> Option<&'static str> {
        let (place, row) = self.0.remove(&mark.ordinal.0)?;
        match text {
            _ if place != *mark => Some("it at another place"),
            Some(text) if is_same_row(text, &row) => None,
            _ => Some("another row"),
        }
    }

    /// One that the input has not come to.
    pub(super) fn first(&self) -> Option<u64> {
        self.0.keys().next().copied()
    }
}
