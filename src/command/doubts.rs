//! Rows in doubt of which no letter speaks, for those who look for them.

use super::opening;
use super::replays::root_of_state;
use super::status::{Seen, look};
use crate::edge::ledger::{Doubt, View};
use crate::edge::status_file;
use crate::error::Error;
use crate::model::ImportState;
use crate::report::rejects::{Doubtful, GIVEN_UP, REPLAY_GIVEN_UP};
use crate::settings;
use serde_json::Value;
use std::path::Path;

/// Of a state's newest import, and of streams before it.
pub(super) fn of_state(state: &Path) -> Result<Vec<Doubtful>, Error> {
    let seen = look(state, &|view| {
        // A stream that another one has followed cannot be gone on with, and its rows are still here.
        let mut all = view.earlier_streams()?;
        all.extend(view.newest()?);
        let mut doubts = Vec::new();
        for found in &all {
            let names = opening::names(found).unwrap_or_default();
            let name = |input: u32| names.get(input as usize).cloned().unwrap_or_default();
            let doubtful = |doubt: Doubt| Doubtful {
                input: name(doubt.first.0),
                row: doubt.first.1,
                line: doubt.line,
                last: (doubt.first.0 == doubt.last.0).then_some(doubt.last.1),
                rows: doubt.rows,
                why: doubt.why,
                is_job: doubt.is_job,
            };
            doubts.extend(view.doubts(found.import.number)?.into_iter().map(doubtful));
        }
        Ok(doubts)
    })?;
    Ok(if let Seen::Ledger(doubts) = seen { doubts } else { Vec::new() })
}

/// What the last run of a state's newest import told of it.
pub(super) struct Told {
    /// Its command.
    pub(super) command: Option<String>,
    /// Sending a row again writes the same once more.
    pub(super) harmless: bool,
}

pub(super) fn told(state: &Path, import_id: Option<&str>) -> Option<Told> {
    let told: Value = serde_json::from_str(&status_file::read(state).ok()??).ok()?;
    let is_of_it = told["import_id"].as_str() == import_id;
    is_of_it.then(|| Told {
        command: told["command"].as_str().and_then(settings::untied),
        harmless: settings::repeats_harmlessly(&told["settings"]),
    })
}

/// Whose command ends the doubts of a state.
pub(super) fn whose(state: Option<&Path>, is_feed: bool) -> Result<&'static str, Error> {
    let is_replay = state.is_some_and(|state| root_of_state(state) != state);
    let newest = state.map(|state| look(state, &View::newest)).transpose()?;
    let is_given_up =
        matches!(newest, Some(Seen::Ledger(Some(found))) if found.import.state == ImportState::Abandoned);
    Ok(match (is_replay, is_given_up) {
        (true, true) => REPLAY_GIVEN_UP,
        (true, false) => "replay",
        (false, _) if is_feed => "feed",
        (false, true) => GIVEN_UP,
        (false, false) => "import",
    })
}
