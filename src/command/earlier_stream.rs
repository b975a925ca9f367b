//! Rows in doubt of streams that other streams have followed: they cannot come again, and the ledger has kept them.

use super::opening::{Opening, Subject, check, ledger_error};
use crate::edge::ledger::Ledger;
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
    let takes_up = settings::takes_up_doubts(subject.args);
    let earlier = ledger.earlier_stream(behind, takes_up).map_err(|error| failed(&error))?;
    let (Some(found), Some(newest)) = (earlier, ledger.newest().map_err(|error| failed(&error))?) else {
        return Ok(None);
    };
    check(&newest, None, subject)?;
    ledger.reopen(found.import.number).map_err(|error| failed(&error))?;
    let import = ImportRecord { state: ImportState::Open, ..found.import.clone() };
    Ok(Some(Opening::Rest { import, found: Box::new(found) }))
}
