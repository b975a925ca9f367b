//! Rows in doubt of streams that other streams have followed: they cannot come again, and the ledger has kept them.

use super::opening::{Opening, Subject, check, ledger_error};
use crate::edge::ledger::{Found, Ledger};
use crate::error::Error;
use crate::model::{ImportRecord, ImportState};
use crate::settings;

/// The next earlier stream, behind number `behind`, of which rows in doubt are to be taken up, or were when a run ended.
pub(super) fn next(
    ledger: &mut Ledger,
    subject: &Subject<'_>,
    behind: u64,
) -> Result<Option<Opening>, Error> {
    let failed = |error: &_| ledger_error(error);
    if !subject.is_stream() {
        return Ok(None);
    }
    let args = subject.args;
    let takes_up = settings::takes_up_doubts(args);
    let Some(newest) = ledger.newest().map_err(|error| failed(&error))? else { return Ok(None) };
    let mut found = ledger.earlier_stream(behind, takes_up).map_err(|error| failed(&error))?;
    // Another stream follows in this run.
    let number = newest.import.number;
    if found.is_none() && args.new_stream && takes_up && number > behind && is_complete(&newest) {
        let has_doubts = ledger.has_doubts(number).map_err(|error| failed(&error))?;
        found = has_doubts.then(|| newest.clone());
    }
    let Some(found) = found else { return Ok(None) };
    check(&newest, None, subject)?;
    ledger.reopen(found.import.number).map_err(|error| failed(&error))?;
    let import = ImportRecord { state: ImportState::Open, ..found.import.clone() };
    Ok(Some(Opening::Rest { import, found: Box::new(found) }))
}

fn is_complete(found: &Found) -> bool {
    matches!(found.import.state, ImportState::Complete(_))
}
