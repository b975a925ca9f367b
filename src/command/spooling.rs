//! `--spool`: the stream is copied first, and then it is a file like any other. Once it is copied, a later run needs
//! nothing on standard input; what is there all the same has to be what was copied.

use super::opening::{ledger_error, source_error};
use super::reading::attend;
use crate::args::SendArgs;
use crate::drive::Stage;
use crate::edge::ledger::Ledger;
use crate::edge::source::SourceError;
use crate::edge::spool::{self, SpoolError};
use crate::edge::state_dir::StateDir;
use crate::error::{Error, exit};
use crate::model::ImportState;
use crate::report::speech::{count, say};
use std::path::PathBuf;

/// The copy that this run reads.
pub(super) fn spool(
    args: &SendArgs,
    ledger: &Ledger,
    state: &StateDir,
    stage: &mut Stage,
) -> Result<PathBuf, Error> {
    let newest = ledger.newest().map_err(|error| ledger_error(&error))?;
    let begins = newest.is_none_or(|found| args.again && found.import.state != ImportState::Open);
    let copy = spool::copy_in(state.path());
    let is_the_same = match &copy {
        Some(_) if spool::is_terminal() => true,
        Some(copy) if !begins && !args.accept_new_tail => {
            let copy = copy.clone();
            attend(stage, move |input| told(spool::is_same_or_empty(input, &copy)))
                .map_err(|error| source_error(&error))?
        }
        _ => false,
    };
    match copy {
        Some(copy) if is_the_same => {
            tell(args, "going on with the copy of standard input that the state holds");
            Ok(copy)
        }
        Some(_) if !begins && !args.accept_new_tail => Err(not_the_same()),
        copy => {
            let (folder, before) = (state.path().to_owned(), copy.filter(|_| !begins));
            let copied = attend(stage, move |input| match spool::copy(input, &folder, before.as_deref()) {
                Err(SpoolError::Input(error)) => told(Err(error)),
                Err(SpoolError::Copy(error)) => Ok(Err(error)),
                Ok(copied) => Ok(Ok(copied)),
            });
            let copied = copied.map_err(|error| {
                // Nothing was sent of a copy that nobody knows to be whole.
                if begins && let Some(copy) = spool::copy_in(state.path()) {
                    let _ = std::fs::remove_file(copy);
                }
                source_error(&error)
            })?;
            let copied = copied.map_err(|error| uncopied(state, &error))?;
            let (copy, bytes) = copied.ok_or_else(not_the_same)?;
            let words = format!("standard input is copied: {} in {}", count(bytes, "byte"), copy.display());
            tell(args, &words);
            Ok(copy)
        }
    }
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
