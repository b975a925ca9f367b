//! `--on-ambiguous verify` under `--sync`: the target is also asked about what feeds before the newest have left in doubt,
//! before the next one is read. What it says was not applied goes again, as it would at the end of its own import.

use super::deletes;
use super::feed::{Desk, Next};
use super::opening::{self, ledger_error};
use crate::args::AmbiguousArg;
use crate::edge::ledger::{Ledger, Question};
use crate::error::{Error, exit};

impl Desk<'_> {
    /// What can be asked, and was not yet; what ended imports delivered is folded.
    pub(super) fn question(&self, ledger: &Ledger) -> Result<Option<Question>, Error> {
        if self.subject.args.on_ambiguous != Some(AmbiguousArg::Verify) {
            return Ok(None);
        }
        ledger.question(self.done.asked, &self.key).map_err(|error| ledger_error(&error))
    }

    pub(super) fn ask(&mut self, mut ledger: Ledger, question: &Question) -> Result<Next, Error> {
        let (found, number) = (&question.found, question.found.import.number);
        self.done.asked = number;
        self.closing.asks_first(&opening::names(found).unwrap_or_default());
        ledger.ask_again(question, &self.key).map_err(|error| ledger_error(&error))?;
        let code = self.rest(ledger, found, Some(question.batches.clone()))?;
        if !deletes::is_good(code) {
            return Ok(Next::End(code));
        }
        // What is in doubt still counts with the feed, if it has these rows; old dead letters were told.
        let now = self.job.ledger()?.import(number).map_err(|error| ledger_error(&error))?;
        let is_refused = now.tally.rejected > found.tally.rejected;
        self.is_done(if is_refused { exit::DEAD_LETTERS } else { exit::COMPLETE });
        Ok(Next::Look)
    }
}
