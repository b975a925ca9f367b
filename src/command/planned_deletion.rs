//! What `--deletes` would delete, and by which requests.

use super::deletes;
use super::missing::Missing;
use super::opening::ledger_error;
use super::plan::{Aim, FirstBatch, first_request};
use super::planned_feed::copied;
use crate::args::SendArgs;
use crate::drive::Former;
use crate::edge::clock::Clock;
use crate::edge::ledger::{Ledger, Presumed, ReplayView};
use crate::engine::{Assembler, Event, Formed, OnAmbiguous};
use crate::error::{Error, exit};
use crate::model::ImportId;
use crate::report::{Curl, PlannedDeletion};
use crate::settings;
use crate::target::Target;
use std::path::Path;
use std::sync::Arc;

/// Takes a deletion that was broken off into the copy of the feed's ledger, as the next run does before it sends or deletes
/// anything else, and says what it sends of it first; `None` where there is none. Copies go into `folder`.
pub(super) fn take_in(
    args: &SendArgs,
    aim: &Aim,
    (ledger, folder): (&mut Ledger, &Path),
    missing: Option<&Missing>,
) -> Result<Option<Presumed>, Error> {
    let failed = |error: &_| ledger_error(error);
    let number = ledger.last_deletion().map_err(|error| failed(&error))? + 1;
    let Some(mut own) = copied(&deletes::folder(&settings::state_path(args)?, number), folder)? else {
        return Ok(None);
    };
    let Some(found) = own.newest().map_err(|error| failed(&error))? else { return Ok(None) };
    let target = deletes::target(args, &aim.target)?;
    let still = deletes::still_to_go(&own, &found.import, target.as_deref(), missing)?;
    let mut first = Presumed::default();
    if let (Some(target), Some(still)) = (target, still) {
        let (policy, takes_up) = (settings::policy(args, &target), settings::takes_up_doubts(args));
        let repeats = policy.repeatable || policy.on_ambiguous == OnAmbiguous::Resend;
        let presumed = own.presume(found.import.number, repeats, takes_up, Some(&still));
        first = presumed.map_err(|error| failed(&error))?;
    }
    own.close().map_err(|error| failed(&error))?;
    let view = ReplayView::open(&folder.join("ledger.db")).map_err(|error| failed(&error))?;
    let view = view.ok_or_else(|| Error::new(exit::LEDGER, "a deletion has lost its beginning"))?;
    ledger.fold_deletion(number, &view).map_err(|error| failed(&error))?;
    Ok(Some(first))
}

/// What is deleted anew, behind what goes `first`; `notes`: why not all of it is.
pub(super) fn of(
    args: &SendArgs,
    aim: &Aim,
    (mut missing, notes): (Missing, Vec<String>),
    first: Presumed,
) -> Result<PlannedDeletion, Error> {
    let mut planned = PlannedDeletion {
        rows: first.rows + missing.rows(),
        requests: first.requests,
        first: first.rows,
        notes,
        curl: None,
    };
    let Some(target) = deletes::target(args, &aim.target)?.filter(|_| missing.rows() > 0) else {
        return Ok(planned);
    };
    let mut former =
        Former::new(missing.read()?, assembler(args, target), vec!["missing".to_owned()].into(), None);
    let mut first = None;
    while let Event::Formed(Formed { loads, .. }) = former.form(1, Clock::wall()) {
        planned.requests += loads.len() as u64;
        if let (None, Some((load, key, _))) = (&first, loads.into_iter().next()) {
            first = Some(FirstBatch { load, key });
        }
    }
    let masked = aim.masked.as_ref().and_then(|(target, masks)| Some((target.deletion()?.clone(), masks)));
    if let (Some(first), Some((target, masks))) = (first, masked) {
        let request = first_request(args, first, &assembler(args, Arc::new(target)));
        planned.curl = request.map(|request| Curl::new(&request, masks));
    }
    Ok(planned)
}

fn assembler(args: &SendArgs, target: Arc<Target>) -> Arc<Assembler> {
    let limits = settings::batch_limits(args, &target);
    Arc::new(Assembler::new(target, ImportId::fixed("plan", 1), limits))
}
