//! What `--deletes` would delete, and by which requests.

use super::deletes;
use super::missing::Missing;
use super::plan::{Aim, FirstBatch, first_request};
use crate::args::SendArgs;
use crate::drive::Former;
use crate::edge::clock::Clock;
use crate::engine::{Assembler, Event, Formed};
use crate::error::Error;
use crate::model::ImportId;
use crate::report::{Curl, PlannedDeletion};
use crate::settings;
use crate::target::Target;
use std::sync::Arc;

/// `unread`: rows of the feed that may have any key.
pub(super) fn of(
    args: &SendArgs,
    aim: &Aim,
    missing: &mut Missing,
    unread: u64,
) -> Result<PlannedDeletion, Error> {
    let notes = missing.settle(unread, false);
    let goes_on = deletes::of_last_feed(&settings::state_path(args)?)?.is_some_and(|last| last.is_open);
    let mut planned = PlannedDeletion { rows: missing.rows(), requests: 0, goes_on, notes, curl: None };
    let Some(target) = deletes::target(args, &aim.target)?.filter(|_| planned.rows > 0) else {
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
