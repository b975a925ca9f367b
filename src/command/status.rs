//! `bulkhaul status`: how an import stands. While a run is on, its `status.json` is read; else the ledger, which is
//! the truth. Nothing is made or changed.

use super::opening::ledger_error;
use super::{deletes, inputs, rejects};
use crate::args::StatusArgs;
use crate::edge::clock::Clock;
use crate::edge::ledger::{Details, Found, LedgerError, Stamp, View};
use crate::edge::state_dir::StateDir;
use crate::edge::status_file;
use crate::error::{Error, exit};
use crate::report::speech;
use crate::report::status::{Input, Standing};
use crate::settings;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

/// Times that a ledger is read again because a run began or ended meanwhile.
const TRIES: usize = 20;
/// Between them: all at once would all meet the same run.
const PAUSE: Duration = Duration::from_millis(2);

pub(super) fn run(args: &StatusArgs) -> Result<u8, Error> {
    let state = settings::find_state(args.state.as_deref())?;
    let standing = standing(&state)?;
    if args.json {
        speech::tell(&standing.to_json().to_string());
    } else {
        speech::show(&standing.words());
    }
    Ok(exit::COMPLETE)
}

/// What failed may have failed because a run came between.
fn standing(state: &Path) -> Result<Standing, Error> {
    (1..TRIES).find_map(|_| standing_now(state).ok()).map_or_else(|| standing_now(state), Ok)
}

fn standing_now(state: &Path) -> Result<Standing, Error> {
    let seen = look(state, &|view| {
        let Some(found) = view.newest()? else { return Ok(None) };
        let details = view.details(found.import.number)?;
        Ok(Some((found, details)))
    })?;
    let (is_running, found) = match seen {
        Seen::Running => (true, None),
        Seen::Ledger(found) => (false, found),
    };
    standing_since(state, is_running, found)
}

/// As [`standing_of`], with what replays and deletions have done.
pub(super) fn standing_since(
    state: &Path,
    is_running: bool,
    found: Option<(Found, Details)>,
) -> Result<Standing, Error> {
    let ((replayed, open_earlier), deletion) = match found {
        Some(_) => (rejects::replayed(state)?, deletes::of_last_feed(state)?),
        None => ((None, 0), None),
    };
    Ok(Standing { replayed, open_earlier, deletion, ..standing_of(state, is_running, found) })
}

/// With what `status.json` and the clock say.
pub(super) fn standing_of(state: &Path, is_running: bool, found: Option<(Found, Details)>) -> Standing {
    // Advice only: what cannot be read is as good as missing.
    let told = status_file::read(state).ok().flatten();
    let told = told.and_then(|text| serde_json::from_str::<Value>(&text).ok()).filter(Value::is_object);
    let inputs = found.as_ref().map(|(found, _): &(Found, Details)| inputs(found)).unwrap_or_default();
    Standing {
        state: state.to_owned(),
        is_running,
        told,
        found,
        inputs,
        replayed: None,
        open_earlier: 0,
        deletion: None,
        now: Clock::wall(),
    }
}

fn inputs(found: &Found) -> Vec<Input> {
    let facts = inputs::of_ledger(&found.inputs).unwrap_or_default();
    facts.into_iter().map(|facts| Input { name: facts.name, size: facts.size }).collect()
}

/// What is there to be read.
pub(super) enum Seen<T> {
    /// A run holds the ledger.
    Running,
    Ledger(T),
}

/// Reads a state's ledger, if no run has it; again if one came between.
pub(super) fn look<T>(
    state: &Path,
    read: &dyn Fn(&View) -> Result<T, LedgerError>,
) -> Result<Seen<T>, Error> {
    let path = state.join("ledger.db");
    let unreadable = |error: std::io::Error| {
        Error::failed(format!("the state folder `{}` cannot be read: {error}", state.display()))
    };
    if !path.try_exists().map_err(unreadable)? {
        return Err(Error::failed(format!("there is no import in `{}`", state.display()))
            .hint("a state folder holds the file ledger.db"));
    }
    let held = || StateDir::is_held(state).map_err(unreadable);
    for _ in 0..TRIES {
        if held()? {
            return Ok(Seen::Running);
        }
        let before = Stamp::of(&path);
        let outcome = View::open(&path).and_then(|view| Ok((read(&view)?, view.is_still())));
        match outcome {
            Ok((value, true)) if !held()? => return Ok(Seen::Ledger(value)),
            // What failed while a run came between has failed for that, though it may be over by now.
            Err(error) if !held()? && Stamp::of(&path) == before => return Err(ledger_error(&error)),
            Ok(_) | Err(_) => std::thread::sleep(PAUSE),
        }
    }
    Err(Error::failed("the ledger changes all the time").hint("try again in a moment"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::cell::Cell;

    #[test]
    fn what_failed_because_a_run_came_and_went_is_read_again() {
        let state = tempfile::tempdir().unwrap();
        let path = state.path().join("ledger.db");
        std::fs::write(&path, "a").unwrap();
        std::fs::write(state.path().join("ledger.db-journal"), "a ledger that is being made").unwrap();
        let looks = Cell::new(0);
        let torn = || Err(LedgerError::Refused("torn".into()));
        let seen = look(state.path(), &|_| {
            looks.set(looks.get() + 1);
            if looks.get() == 1 {
                std::fs::write(&path, "what a run has made of it").unwrap();
                return torn();
            }
            Ok(())
        });
        assert!(matches!(seen, Ok(Seen::Ledger(()))));
        assert_eq!(looks.get(), 2);
        // Nobody was here: it is the ledger that is broken.
        assert!(look(state.path(), &|_| -> Result<(), _> { torn() }).is_err());
    }
}
