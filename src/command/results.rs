//! `--results`: opened before anything is sent. What earlier runs settled is told again, since nobody knows how much of
//! it was heard: a run may have died between a row's end and its line, or had no `--results` at all.

use super::opening::ledger_error;
use crate::args::SendArgs;
use crate::edge::ledger::{Ledger, LedgerError};
use crate::edge::results::Results;
use crate::error::Error;
use crate::model::ImportRecord;
use std::sync::Arc;

/// What went wrong on the way from the ledger into the file.
enum Trouble {
    Ledger(LedgerError),
    File(std::io::Error),
}

impl From<LedgerError> for Trouble {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

/// The open results, with all in them that is settled; `None` if nobody asked for them.
pub(super) fn open(
    args: &SendArgs,
    ledger: &Ledger,
    import: &ImportRecord,
    names: &Arc<[String]>,
) -> Result<Option<Results>, Error> {
    let Some(path) = &args.results else { return Ok(None) };
    let failed = |error: &std::io::Error| {
        Error::failed(format!("the results cannot be written to `{}`: {error}", path.display()))
            .hint("nothing was sent; once they can, the next run tells every row that is settled")
    };
    let mut results = Results::open(path, import, Arc::clone(names)).map_err(|error| failed(&error))?;
    let told = ledger.settled(import.number, &mut |rows| results.append(rows).map_err(Trouble::File));
    match told.and_then(|()| results.sync().map_err(Trouble::File)) {
        Ok(()) => Ok(Some(results)),
        Err(Trouble::File(error)) => Err(failed(&error)),
        Err(Trouble::Ledger(error)) => Err(ledger_error(&error)),
    }
}
