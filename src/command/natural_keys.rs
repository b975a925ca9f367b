//! Which natural keys a replay must not use: those that were decided against, and those under which another row was
//! delivered. The target would answer the second row from its memory of the first, and never apply it.

use super::letters::{Foreign, of_any};
use super::opening::{ledger_error, source_error};
use super::origin::Origin;
use super::replay::Request;
use super::replays::Replays;
use crate::edge::ledger::Replaying;
use crate::edge::source::{Layout, Source, Step};
use crate::error::Error;
use crate::model::{Digest, ImportRecord};
use crate::target::{RowContext, Target};
use std::path::Path;

/// Writes down what is known of the keys of the rows in `copy`, which the replay `import` has taken over.
pub(super) fn hand_on(
    book: &Replaying<'_>,
    (origin, replays): (Option<&Origin>, &Replays),
    (target, import): (&Target, &ImportRecord),
    copy: &Path,
) -> Result<(), Error> {
    let mut refused = |key, refusals| book.refused_key(key, refusals);
    if let Some(origin) = origin {
        origin.refused_keys(&mut refused).map_err(|error| ledger_error(&error))?;
    }
    for view in replays.views() {
        view.refused_keys(&mut refused).map_err(|error| ledger_error(&error))?;
    }
    let mut source =
        Source::open(&[copy.to_owned()], &Layout::taken()).map_err(|error| source_error(&error))?;
    let mut text = Vec::new();
    loop {
        text.clear();
        let (ordinal, row) = match source.next(&mut text).map_err(|error| source_error(&error))? {
            Step::Row { mark, text } => (mark.ordinal, text),
            Step::Bad { .. } | Step::Idle => continue,
            Step::End => return Ok(()),
        };
        let row = RowContext { ordinal, text: &text[row], index: 0, import: import.id };
        match target.natural_key(&row) {
            Ok(Some(key)) => {
                let key = Digest::of(key.as_bytes());
                if is_delivered(origin, replays, key)? {
                    book.delivered_key(key, import.number).map_err(|error| ledger_error(&error))?;
                }
            }
            // Of one that cannot be made nothing is sent.
            Err(_) => {}
            // Rows of this target bring no keys along.
            Ok(None) => return Ok(()),
        }
    }
}

/// Where no ledger knows the import, its letters say which keys were decided against: those that their rows went under.
pub(super) fn hand_on_from_letters(
    book: &Replaying<'_>,
    letters: &Path,
    foreign: Foreign,
) -> Result<(), Error> {
    of_any(letters, foreign, &mut |letter, _| {
        let Some(shown) = letter.batch.as_deref() else { return Ok(()) };
        let refused = |key: &str, times| {
            book.refused_key(Digest::of(key.as_bytes()), times).map_err(|error| ledger_error(&error))
        };
        refused(shown, 1)?;
        let numbered =
            shown.rsplit_once('~').and_then(|(key, times)| Some((key, times.parse::<u32>().ok()?)));
        let (key, times) = numbered.unwrap_or((shown, 1));
        refused(key, times)?;
        // Of a later import of its state, and the books begin with the first one here.
        match key.rsplit_once("~i") {
            Some((key, import)) if import.parse::<u32>().is_ok() => refused(key, times),
            _ => Ok(()),
        }
    })?;
    Ok(())
}

fn is_delivered(origin: Option<&Origin>, replays: &Replays, key: Digest) -> Result<bool, Error> {
    let nth = origin.map_or(1, Origin::nth);
    if let Some(origin) = origin
        && origin.has_delivered(key).map_err(|error| ledger_error(&error))?
    {
        return Ok(true);
    }
    for view in replays.views() {
        if Request::read(view.found())?.nth == nth
            && view.has_delivered(key).map_err(|error| ledger_error(&error))?
        {
            return Ok(true);
        }
    }
    Ok(false)
}
