//! The first `--sync` of a state whose import was made without it. That import's ledger keeps no rows, so its input has to
//! be there as it was read, at least as the beginning of what is there now: then the rows that it delivered are known.

use super::opening::{ledger_error, source_error};
use super::replayed::Replayed;
use super::survey::interrupted;
use crate::edge::ledger::{EachReplayed, Found, KeyTexts, Ledger, LedgerError};
use crate::edge::source::{Layout, Source, SourceError, Step};
use crate::edge::state_dir::StateDir;
use crate::error::{Error, exit};
use crate::model::{Cursor, FeedKey};
use crate::report::speech;
use std::path::PathBuf;

/// What a baseline is made from.
pub(super) struct Baseline<'a> {
    pub(super) inputs: &'a [PathBuf],
    pub(super) layout: &'a Layout,
    pub(super) state: &'a StateDir,
    pub(super) key: &'a FeedKey,
    pub(super) texts: KeyTexts,
    pub(super) replayed: &'a Replayed,
    pub(super) quiet: bool,
    /// Whether a signal asks to end.
    pub(super) is_asked: &'a dyn Fn() -> bool,
}

impl Baseline<'_> {
    /// Writes down what the import has delivered.
    pub(super) fn take(&self, ledger: &mut Ledger, found: &Found) -> Result<(), Error> {
        let Some(cursor) = found.cursor else { return Ok(()) };
        let inputs = self.as_it_was(&cursor)?.ok_or_else(|| self.gone())?;
        let mut source = Source::open(&inputs, self.layout).map_err(|error| source_error(&error))?;
        let (number, key, folder) = (found.import.number, (self.key, self.texts), self.state.path());
        let mut is_over = false;
        let rows = ledger.adopt(number, key, folder, &mut |text| loop {
            text.clear();
            if source.ordinal().0 % 4096 == 0 && (self.is_asked)() {
                is_over = true;
                return Ok(None);
            }
            if source.ordinal() >= cursor.ordinal {
                return Ok(None);
            }
            match source.next(text).map_err(|error| LedgerError::Refused(error.to_string()))? {
                Step::Row { mark, text } => return Ok(Some((mark.ordinal, text))),
                Step::Bad { .. } | Step::Idle => {}
                Step::End => return Ok(None),
            }
        });
        let rows = rows.map_err(|error| ledger_error(&error))?;
        if is_over {
            // As no feed has begun, it is done again, from its beginning.
            return Err(interrupted());
        }
        let mut replayed = |import, each: &mut EachReplayed<'_>| self.replayed.rows(import, each);
        let folded = ledger.fold_replays(number, key, folder, &mut replayed);
        folded.map_err(|error| ledger_error(&error))?;
        if !self.quiet {
            let rows = speech::count(rows, "row");
            speech::say(&format!("{rows} delivered without --sync: known from now on"));
        }
        Ok(())
    }

    /// The import's input: what is sent now, or the file that the state is named for.
    fn as_it_was(&self, cursor: &Cursor) -> Result<Option<Vec<PathBuf>>, Error> {
        let named_for = self.state.path().with_extension("");
        let is_named = self.state.path().extension().is_some_and(|ending| ending == "bulkhaul");
        let candidates =
            [Some(self.inputs.to_vec()), (is_named && named_for.is_file()).then(|| vec![named_for])];
        for inputs in candidates.into_iter().flatten() {
            match Source::resume(&inputs, self.layout, cursor, &mut |_| {}) {
                Ok(_) => return Ok(Some(inputs)),
                Err(error) if is_another(&error) => {}
                Err(error) => return Err(source_error(&error)),
            }
        }
        Ok(None)
    }

    fn gone(&self) -> Error {
        let typed = self.key.names().join(",");
        let words = "the import here was made without --sync, and its input is not there as it was, so nobody knows which \
                     rows are new or changed";
        Error::new(exit::NOT_THE_SAME, words).hint(format!(
            "--sync {typed} --again sends all rows once more, under new keys, and knows them from then on; or bring the \
             old input back for one run with --sync {typed}: what was delivered of it is not sent again"
        ))
    }
}

/// Another file may be no input of this layout at all.
fn is_another(error: &SourceError) -> bool {
    error.is_changed() || !matches!(error, SourceError::Unreadable { .. } | SourceError::Interrupted { .. })
}
