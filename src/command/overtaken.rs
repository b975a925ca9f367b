//! Rows in doubt that are sent again behind later ones, where a profile wants their order kept: that is told before it is done.

use super::opening::ledger_error;
use super::send::Job;
use crate::edge::ledger::Ledger;
use crate::engine::{OnAmbiguous, Policy};
use crate::error::Error;
use crate::report::speech;
use crate::settings;

/// Of an import whose run begins.
pub(super) fn warn(job: &Job<'_>, policy: &Policy, ledger: &Ledger, import: u64) -> Result<(), Error> {
    let is_ordered = job.target.group().is_some_and(|group| group.strict);
    let sends = policy.take_up_doubt && policy.on_ambiguous == OnAmbiguous::Resend;
    if !is_ordered || !sends || !ledger.doubts_are_overtaken(import).map_err(|error| ledger_error(&error))? {
        return Ok(());
    }
    let state = settings::quoted(job.state.path().as_os_str());
    speech::say(&format!(
        "warning: rows in doubt are sent again behind later ones: the profile has rows of one key applied in the order of the \
         input, and rows that come after these were delivered; where two of them share a key, the older one is applied last \
         now (which are in doubt: bulkhaul rejects {state} --in-doubt --export ndjson)"
    ));
    Ok(())
}
