//! `plan --sync`: what a feed would send, beside what was delivered of the last one. It looks at a copy of the ledger,
//! in a folder that is gone afterwards.

use super::baseline::Baseline;
use super::deletes;
use super::feed_checks::{check_history, guards};
use super::inputs;
use super::missing::Missing;
use super::opening::{Subject, ledger_error};
use super::plan::Aim;
use super::planned_deletion;
use super::replayed::Replayed;
use super::send::held;
use super::survey::Survey;
use crate::args::SendArgs;
use crate::edge::ledger::{EachReplayed, Found, KeyTexts, LastFeed, Ledger, Presumed};
use crate::edge::state_dir::{StateDir, StateError};
use crate::edge::watched::Seen;
use crate::engine::OnAmbiguous;
use crate::error::Error;
use crate::model::{Course, Courses, FeedKey, ImportState, News, Ordinal};
use crate::report::{Guard, PlannedDeletion, ReadingBar};
use crate::settings;
use crate::target::Target;
use std::io;
use std::path::Path;

/// What is known of the feed.
pub(super) struct PlannedFeed {
    pub(super) courses: Courses,
    pub(super) news: News,
    /// Rows of the last feed that are not settled: they go first.
    pub(super) pending: u64,
    pub(super) guards: Vec<Guard>,
    /// What would be deleted, under `--deletes`.
    pub(super) deletion: Option<PlannedDeletion>,
}

/// What the ledger of a state knows; there may be none yet.
#[derive(Default)]
struct Known {
    ledger: Option<Ledger>,
    last: Option<LastFeed>,
    before: Before,
}

/// What the next run does before it takes the feed.
#[derive(Default)]
struct Before {
    /// Rows of an earlier run that it sends.
    pending: u64,
    /// Of the feed that goes on.
    read: u64,
    /// `--again` began that one.
    again: bool,
}

/// The feed as it is read through.
type Looked = (Courses, News, Option<(Missing, Vec<String>)>);

pub(super) fn survey(
    subject: &Subject<'_>,
    aim: &Aim,
    key: &FeedKey,
    seen: &[Option<Seen>],
) -> Result<PlannedFeed, Error> {
    let Subject { args, layout, .. } = *subject;
    let target = &aim.target;
    let state = settings::state_path(args)?;
    let folder = tempfile::tempdir().map_err(|error| failed(&state, &error))?;
    let beside = folder.path().join("deletion");
    std::fs::create_dir(&beside).map_err(|error| failed(&state, &error))?;
    let Known { mut ledger, last, before } = known(subject, target, key, &state, folder.path())?;
    let Before { pending, read, again } = before;
    let (inputs, holds) = (&args.inputs, settings::holds_doubts(args, target));
    let survey = Survey {
        inputs,
        again,
        read: Ordinal(read),
        holds,
        layout,
        key,
        folder: folder.path(),
        seen,
        is_asked: &|| false,
    };
    let (mut courses, mut news, mut missing) = look(args, &survey, ledger.as_ref())?;
    let guards = guards(args, last.as_ref(), news, missing.as_ref().map(|(missing, _)| missing));
    let mut first = Presumed::default();
    if let Some(ledger) = &mut ledger {
        let lacks = missing.as_ref().map(|(missing, _)| missing);
        if let Some(broken_off) = planned_deletion::take_in(args, aim, (ledger, &beside), lacks)? {
            first = broken_off;
            drop(missing);
            (courses, news, missing) = look(args, &survey, Some(ledger))?;
        }
    }
    for behind in (0..read).map(Ordinal) {
        if courses.of(behind) == Course::Send {
            courses.set(behind, Course::Unchanged);
        }
    }
    let missing = missing.map(|missing| planned_deletion::of(args, aim, missing, first));
    Ok(PlannedFeed { courses, news, pending, guards, deletion: missing.transpose()? })
}

fn failed(state: &Path, error: &io::Error) -> Error {
    Error::failed(format!("the state folder `{}` cannot be looked at: {error}", state.display()))
}

/// In a copy, what comes before the feed has come to its end.
fn known(
    subject: &Subject<'_>,
    target: &Target,
    key: &FeedKey,
    state: &Path,
    folder: &Path,
) -> Result<Known, Error> {
    let Subject { args, layout, .. } = *subject;
    let texts = deletes::target(args, target)?.map_or(KeyTexts::NotKept, |_| deletes::key_texts(target));
    let replayed = Replayed::of(state, target)?;
    replayed.check_still()?;
    let Some(mut ledger) = copied(state, folder)? else { return Ok(Known::default()) };
    let mut before = Before::default();
    let mut last = ledger.last_feed().map_err(|error| ledger_error(&error))?;
    if let Some(found) = ledger.newest().map_err(|error| ledger_error(&error))? {
        subject.check(&found)?;
        check_history(key, &found, last.as_ref())?;
        if last.is_none() {
            let state = StateDir::take(folder).map_err(|_| held(folder))?;
            let (inputs, quiet) = (&args.inputs[..], true);
            let (state, replayed, is_asked) = (&state, &replayed, &|| false);
            let baseline = Baseline { inputs, layout, state, key, texts, replayed, quiet, is_asked };
            baseline.take(&mut ledger, &found)?;
        }
        before = sent_before(subject, target, &mut ledger, &found, &replayed)?;
        last = ledger.last_feed().map_err(|error| ledger_error(&error))?;
    }
    let mut rows = |import, each: &mut EachReplayed<'_>| replayed.rows(import, each);
    ledger.fold_feeds((key, texts), folder, &mut rows).map_err(|error| ledger_error(&error))?;
    Ok(Known { ledger: Some(ledger), last, before })
}

/// Reads the feed through; what it lacks is gathered where it is deleted.
fn look(args: &SendArgs, survey: &Survey<'_>, ledger: Option<&Ledger>) -> Result<Looked, Error> {
    let mut missing = if args.deletes { Some(Missing::gather(survey.folder)?) } else { None };
    let (courses, news) = survey.of(
        |source| Some(ReadingBar::new(args, source.bytes_total())),
        |meet| {
            let Some(ledger) = ledger else { return Ok(()) };
            ledger.known_rows(&mut |known| {
                let is_there = meet(known)?;
                missing.as_mut().map_or(Ok(()), |missing| missing.add(ledger, known.key, is_there))
            })
        },
    )?;
    let missing = missing.map(|mut missing| {
        let notes = missing.settle(news.unread, false);
        (missing, notes)
    });
    Ok((courses, news, missing))
}

/// What the next run sends of the import here before it takes the feed. The ledger, a copy, has it then as the target will,
/// unless it is this feed that goes on.
fn sent_before(
    subject: &Subject<'_>,
    target: &Target,
    ledger: &mut Ledger,
    found: &Found,
    replayed: &Replayed,
) -> Result<Before, Error> {
    let (args, number) = (subject.args, found.import.number);
    let policy = settings::policy(args, target);
    let takes_up = settings::takes_up_doubts(args);
    let is_open = found.import.state == ImportState::Open;
    if is_open && subject.goes_on(ledger, found, takes_up, replayed)?.is_some() {
        let read = found.cursor.map_or(0, |cursor| cursor.ordinal.0);
        return Ok(Before { pending: found.tally.pending, read, again: inputs::is_begun_again(found) });
    }
    let is_again = takes_up
        && matches!(found.import.state, ImportState::Complete(_))
        && ledger.may_repeat_feed(number).map_err(|error| ledger_error(&error))?;
    if !is_open && !is_again {
        return Ok(Before::default());
    }
    if is_open {
        let again = inputs::is_begun_again(found);
        ledger.close_feed(number, again).map_err(|error| ledger_error(&error))?;
    }
    let repeats = policy.repeatable || takes_up || policy.on_ambiguous == OnAmbiguous::Resend;
    let sent = ledger.presume(number, repeats, takes_up, None).map_err(|error| ledger_error(&error))?;
    Ok(Before { pending: sent.rows, ..Before::default() })
}

/// The ledger of a state that no run holds; `None` where there is none yet.
pub(super) fn copied(state: &Path, folder: &Path) -> Result<Option<Ledger>, Error> {
    let failed = |error: io::Error| {
        Error::failed(format!("the ledger in `{}` cannot be looked at: {error}", state.display()))
    };
    if !state.join("ledger.db").is_file() {
        return Ok(None);
    }
    let _look = StateDir::look(state).map_err(|error| match error {
        StateError::Held => held(state),
        StateError::Io(error) => failed(error),
    })?;
    for name in ["ledger.db", "ledger.db-wal"] {
        match std::fs::copy(state.join(name), folder.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
    }
    let opened = Ledger::open(&folder.join("ledger.db"), &folder.join("dead-letters.ndjson"));
    opened.map(Some).map_err(|error| ledger_error(&error))
}
