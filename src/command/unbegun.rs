//! A run that could not begin. Of several reasons the gravest is told (74, 7, 6, 1): a state may hold it, though another
//! was met before anybody looked there. Programs also hear what is known of the import, which stays as it was.

use super::feed_checks;
use super::inputs::{InputFacts, input_facts};
use super::meant_letters::Meant;
use super::opening::{self, Subject};
use super::origin::Origin;
use super::replay::{Desk, keep_still};
use super::replays::Replays;
use super::send::held;
use super::status::{Seen, look, standing_of};
use crate::args::{ReplayArgs, SendArgs};
use crate::edge::ledger::{Found, LastFeed};
use crate::edge::state_dir::StateDir;
use crate::error::{Error, exit};
use crate::model::FeedKey;
use crate::report::Summary;
use crate::settings::{self, Chosen};
use crate::target::Target;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where no sandbox is started; nobody asks it, and it is no part of what the target is known by.
const NOWHERE: &str = "http://127.0.0.1:9";

/// Why a `send` could not begin.
pub(super) fn gravest(args: &SendArgs, arguments: &[OsString], error: Error) -> Error {
    if error.exit != exit::FAILED {
        return error;
    }
    let state = settings::state_path(args);
    state.ok().and_then(|state| obstacle(args, arguments, &state)).unwrap_or(error)
}

/// What in the state is in the way of this run.
fn obstacle(args: &SendArgs, arguments: &[OsString], state: &Path) -> Option<Error> {
    if !StateDir::is_clean(state) {
        return None;
    }
    if StateDir::is_held(state).unwrap_or(false) {
        return Some(held(state));
    }
    let seen = look(state, &|view| {
        let Some(found) = view.newest()? else { return Ok(None) };
        let key = view.feed_key(found.import.number)?;
        Ok(Some((found, key)))
    });
    let obstacle = match seen {
        Err(error) => error,
        Ok(Seen::Running) => held(state),
        Ok(Seen::Ledger(Some((found, key)))) if !args.abandon => {
            refuse(args, arguments, &found, key).err()?
        }
        Ok(Seen::Ledger(_)) => return None,
    };
    Some(obstacle).filter(is_graver)
}

fn is_graver(obstacle: &Error) -> bool {
    matches!(obstacle.exit, exit::LEDGER | exit::HELD | exit::NOT_THE_SAME)
}

/// Whether this is the import that the state is of; what else is wrong is known already.
fn refuse(args: &SendArgs, arguments: &[OsString], found: &Found, key: Option<FeedKey>) -> Result<(), Error> {
    let layout = settings::layout(args)?;
    let target = Arc::new(compiled(args)?);
    let inputs = match (settings::is_live(args), settings::is_piped(args)) {
        (true, _) => vec![InputFacts::of_a_stream()],
        (false, true) => Vec::new(),
        (false, false) => input_facts(&args.inputs, &layout).unwrap_or_default(),
    };
    let subject = Subject { args, layout: &layout, arguments, target, inputs };
    match feed_checks::key(args, arguments)? {
        Some(typed) => {
            subject.check(found)?;
            let last = key.map(|key| LastFeed { key: key.names().to_vec(), keys: None });
            feed_checks::check_history(&typed, found, last.as_ref())
        }
        None => opening::refuse(found, key.as_ref().map(FeedKey::names), &subject),
    }
}

/// Why a `replay` could not begin.
pub(super) fn gravest_of_replay(args: &ReplayArgs, arguments: &[OsString], error: Error) -> Error {
    if error.exit != exit::FAILED {
        return error;
    }
    let obstacle = look_at_replays(args, arguments).err();
    obstacle.filter(is_graver).unwrap_or(error)
}

fn look_at_replays(args: &ReplayArgs, arguments: &[OsString]) -> Result<(), Error> {
    let Some(meant) = Meant::of(args)? else { return Ok(()) };
    let Some((root, foreign)) = meant.root(&args.send)? else { return Ok(()) };
    let replays = root.join("replays");
    if StateDir::is_held(&replays).unwrap_or(false) {
        return Err(held(&replays));
    }
    let still = keep_still(&root)?;
    drop((Replays::of(&root)?, Origin::of(&root)?));
    if args.send.abandon || settings::is_piped(&args.send) {
        return Ok(());
    }
    let target = Arc::new(compiled(&args.send)?);
    let layout = meant.layout.clone();
    let file = meant.file(&replays)?;
    Desk::of(args, arguments, target, file, (root, still), (layout, foreign))?.last().map(drop)
}

/// The state of the newest replay of these dead letters.
pub(super) fn state_of_replay(args: &ReplayArgs) -> Option<PathBuf> {
    let (root, _) = Meant::of(args).ok()??.root(&args.send).ok()??;
    let replays = Replays::of(&root).ok()?;
    replays.newest().map(|(number, _)| root.join("replays").join(number.to_string()))
}

/// The target; a token that is missing is no part of what it is known by.
fn compiled(args: &SendArgs) -> Result<Target, Error> {
    looked_at(&settings::choose(args)?)
}

/// The target, before there is a sandbox.
pub(super) fn looked_at(chosen: &Chosen) -> Result<Target, Error> {
    chosen.compile(chosen.is_sandbox.then_some(NOWHERE))
}

/// What programs hear of it.
pub(super) fn summary(args: &SendArgs, state: Option<&Path>, error: &Error) -> Summary {
    let mut summary = Summary::of_error(args, error);
    let Some(state) = state.filter(|state| StateDir::is_clean(state)) else { return summary };
    summary.dead_letters = settings::dead_letter_path(args, state).display().to_string();
    let seen = look(state, &|view| {
        let Some(found) = view.newest()? else { return Ok(None) };
        let details = view.details(found.import.number)?;
        Ok(Some((found, details)))
    });
    let standing = match seen {
        Ok(Seen::Ledger(found)) => standing_of(state, false, found),
        // What the last run told is all that there is.
        Ok(Seen::Running) | Err(_) => standing_of(state, true, None),
    };
    standing.fill(&mut summary);
    summary
}
