//! `--spool`: the stream is copied first, and then it is a file like any other. Once it is copied, a later run needs
//! nothing on standard input; what is there all the same has to be what was copied.

use super::another_mapping;
use super::opening::{self, Subject, ledger_error, source_error};
use super::reading::{Reading, attend};
use crate::args::SendArgs;
use crate::drive::Stage;
use crate::edge::ledger::Ledger;
use crate::edge::source::SourceError;
use crate::edge::spool::{self, Copied, SpoolError};
use crate::edge::state_dir::StateDir;
use crate::error::{Error, exit};
use crate::model::{Cursor, ImportState};
use crate::report::speech::{count, grouped, say};
use crate::settings;
use std::path::{Path, PathBuf};

/// The copy that this run reads. An older one is replaced once it is sure that this import goes on with the new one.
pub(super) fn spool(
    subject: &Subject<'_>,
    ledger: &Ledger,
    state: &StateDir,
    stage: &mut Stage,
) -> Result<PathBuf, Error> {
    let args = subject.args;
    let newest = ledger.newest().map_err(|error| ledger_error(&error))?;
    if let Some(found) = &newest {
        let feed = ledger.last_feed().map_err(|error| ledger_error(&error))?;
        opening::check(found, feed.as_ref().map(|feed| feed.key.as_slice()), subject)?;
    }
    let goes_on = newest.filter(|found| {
        let is_another = args.again && found.import.state != ImportState::Open;
        !is_another && !another_mapping::may_begin_anew(subject, found)
    });
    let copy = spool::copy_in(state.path());
    let is_the_same = match &copy {
        Some(_) if spool::is_terminal() => true,
        Some(copy) if goes_on.is_some() && !args.accept_new_tail => {
            let copy = copy.clone();
            attend(stage, move |input| told(spool::is_same_or_empty(input, &copy)))
                .map_err(|error| source_error(&error))?
        }
        _ => false,
    };
    if let Some(copy) = copy.as_ref().filter(|_| is_the_same) {
        return Ok(going_on(args, copy.clone()));
    }
    if copy.is_some() && goes_on.is_some() && !args.accept_new_tail {
        return Err(not_the_same());
    }
    let (folder, before) = (state.path().to_owned(), copy.clone().filter(|_| goes_on.is_some()));
    let copied = attend(stage, move |input| match spool::copy(input, &folder, before.as_deref()) {
        Err(SpoolError::Input(error)) => told(Err(error)),
        Err(SpoolError::Copy(error)) => Ok(Err(error)),
        Ok(copied) => Ok(Ok(copied)),
    });
    let copied = copied.map_err(|error| source_error(&error))?;
    match (copied.map_err(|error| uncopied(state, &error))?, copy) {
        (Copied::Nothing, Some(copy)) => Ok(going_on(args, copy)),
        (Copied::Nothing | Copied::Another, _) => Err(not_the_same()),
        (Copied::Short { bytes, before }, _) => Err(short(state, bytes, before)),
        (Copied::Whole(whole), _) => {
            let bytes = whole.bytes;
            let whole = whole.set_apart().map_err(|error| uncopied(state, &error))?;
            if let Err(error) = fits(whole.path(), subject, goes_on.and_then(|found| found.cursor)) {
                whole.remove().map_err(|error| uncopied(state, &error))?;
                return Err(error);
            }
            let copy = whole.put_in_place().map_err(|error| uncopied(state, &error))?;
            let words = format!("standard input is copied: {} in {}", count(bytes, "byte"), copy.display());
            tell(args, &words);
            Ok(copy)
        }
    }
}

/// Whether an import that has read so far goes on with this copy, or another one begins with it.
fn fits(copy: &Path, subject: &Subject<'_>, cursor: Option<Cursor>) -> Result<(), Error> {
    let copy = [copy.to_owned()];
    let mut reading = Reading::Files(&copy);
    let opened = match cursor {
        Some(cursor) => reading.resume(subject.layout, &cursor),
        None => reading.open(subject.layout),
    };
    match opened {
        Err(error) if error.is_changed() => Err(not_the_same()),
        opened => opened.map(drop).map_err(|error| source_error(&error)),
    }
}

fn going_on(args: &SendArgs, copy: PathBuf) -> PathBuf {
    tell(args, "going on with the copy of standard input that the state holds");
    copy
}

/// A producer that dies leaves an end like any other.
fn short(state: &StateDir, bytes: u64, before: u64) -> Error {
    let part = state.path().join("stdin.part");
    let words = format!(
        "standard input has ended after {}, and a run before had read {} of it",
        count(bytes, "byte"),
        grouped(before)
    );
    Error::stopped("input", words).hint(format!(
        "what has come is kept; if that is really all of it now, rm {} first",
        settings::quoted(part.as_os_str())
    ))
}

fn tell(args: &SendArgs, words: &str) {
    if !args.quiet {
        say(words);
    }
}

fn uncopied(state: &StateDir, error: &std::io::Error) -> Error {
    let shown = state.path().display();
    Error::failed(format!("standard input cannot be copied into `{shown}`: {error}; nothing was sent"))
        .hint("make room on that disk, or name a state on another: --state DIR")
}

fn not_the_same() -> Error {
    Error::new(exit::NOT_THE_SAME, "standard input is not what was copied from it before").hint(
        "leave it empty (< /dev/null) to go on with the copy; --accept-new-tail takes a stream that has only grown; \
         after the end, --again imports another one",
    )
}

fn told<T>(result: std::io::Result<T>) -> Result<T, SourceError> {
    result.map_err(|error| match error.kind() {
        std::io::ErrorKind::WouldBlock => SourceError::Interrupted { input: "-".to_owned() },
        _ => SourceError::Unreadable { input: "-".to_owned(), reason: error.to_string().to_lowercase() },
    })
}
