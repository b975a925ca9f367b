//! What replays have sent of the rows that a feed's target had refused: the next feed knows it. Else it would send them
//! again, and nobody would ever delete them.

use super::intake::COPY;
use super::opening::ledger_error;
use super::replay::Request;
use super::replays::{Replays, replay_runs};
use crate::edge::ledger::{EachReplayed, LedgerError, ReplayView, ReplayedRow, Standing};
use crate::edge::source::{Layout, Source, Step};
use crate::error::{Error, exit};
use crate::model::{ImportState, Ordinal};
use crate::settings;
use crate::target::Target;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The replays of a feed's state.
#[derive(Debug)]
pub(super) struct Replayed {
    root: PathBuf,
    replays: Replays,
    /// Of a replay to the feed's own target.
    place: String,
}

impl Replayed {
    pub(super) fn of(root: &Path, target: &Target) -> Result<Self, Error> {
        let (root, replays) = (root.to_owned(), Replays::of(root)?);
        Ok(Self { root, replays, place: target.place().hex() })
    }

    pub(super) fn check_still(&self) -> Result<(), Error> {
        check_still(&self.replays)
    }

    /// The rows of this import's dead letters, and where they stand; see [`crate::edge::ledger`].
    pub(super) fn rows(&self, import: u64, each: &mut EachReplayed<'_>) -> Result<(), LedgerError> {
        for (number, view) in self.replays.numbered() {
            let request = Request::read(view.found()).map_err(|error| refused(&error.message))?;
            // What another target has this one does not: it is still open here, and the feed sends it.
            if request.nth == import && request.place == self.place {
                self.of_one(*number, view, each)?;
            }
        }
        Ok(())
    }

    /// Whether anything was sent of dead letters since this import began.
    pub(super) fn has_sent(&self, import: u64) -> Result<bool, LedgerError> {
        let mut has_sent = false;
        self.rows(import, &mut |row| {
            has_sent |= matches!(row.standing, Standing::Delivered | Standing::InDoubt);
            Ok(())
        })?;
        Ok(has_sent)
    }

    fn of_one(&self, number: u64, view: &ReplayView, each: &mut EachReplayed<'_>) -> Result<(), LedgerError> {
        let copy = self.root.join("replays").join(number.to_string()).join(COPY);
        let broken = |error: &dyn std::fmt::Display| refused(&error.to_string());
        let mut source = Source::open(&[copy], &Layout::taken()).map_err(|error| broken(&error))?;
        let mut text = Vec::new();
        loop {
            text.clear();
            match source.next(&mut text).map_err(|error| broken(&error))? {
                Step::Row { mark, text: range } => each(ReplayedRow {
                    text: &text[range],
                    letter: view.letter(mark.ordinal)?,
                    standing: view.standing_of(mark.ordinal)?,
                })?,
                Step::Bad { .. } | Step::Idle => {}
                Step::End => return Ok(()),
            }
        }
    }
}

/// No replay is under way: it would send what the import or feed that begins now sends. One that was killed ends by itself,
/// under its own keys: once another has taken over what it left, its rows would be in doubt for ever, or sent twice.
pub(super) fn check_still(replays: &Replays) -> Result<(), Error> {
    if replays.is_running {
        return Err(replay_runs());
    }
    match replays.numbered().iter().find(|(_, view)| view.is_in_flight()) {
        Some((number, view)) => Err(unfinished(*number, &Request::read(view.found())?.name)),
        None => Ok(()),
    }
}

/// Whether a later import has taken over what the newest replay has not brought to its end.
pub(super) fn is_newest_overtaken(replays: &Replays) -> Result<bool, Error> {
    let Some((_, view)) = replays.newest() else { return Ok(false) };
    if view.import().state != ImportState::Open && view.tally().in_doubt == 0 {
        return Ok(false);
    }
    for ordinal in (0..).map(Ordinal) {
        let Some(letter) = view.letter(ordinal).map_err(|error| ledger_error(&error))? else { break };
        if replays.is_over(letter)? {
            let standing = view.standing_of(ordinal).map_err(|error| ledger_error(&error))?;
            if matches!(standing, Standing::Waiting | Standing::InDoubt) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// What it has not sent a later import has.
pub(super) fn overtaken(number: u64) -> Error {
    let words =
        format!("replay {number} is not finished, and a later import has taken over what was open of it");
    Error::new(exit::NOT_THE_SAME, words).hint("--abandon gives it up")
}

/// Rows that it has sent, and that a later import has sent or holds.
pub(super) fn doubts_overtaken(number: u64, is_feed: bool) -> Error {
    let words = format!("what replay {number} left in doubt is the import's since another one was sent");
    Error::new(exit::NOT_THE_SAME, words).hint(if is_feed {
        "`bulkhaul send … --sync … --on-ambiguous resend` sends the rows that the feed holds for it"
    } else {
        "the books of that import say what became of them; what it left refused or in doubt is what can be replayed"
    })
}

/// The feed sends what was refused, as soon as its deletions have ended.
pub(super) fn followed() -> Error {
    let words = "the feed behind these dead letters has begun to delete rows, and sends what they hold next";
    Error::new(exit::NOT_THE_SAME, words)
        .hint("run the feed's command again; what it leaves refused can be replayed then")
}

fn unfinished(number: u64, dead_letters: &str) -> Error {
    let words = format!(
        "replay {number} of this state is not finished, and may have sent what this run would send; nothing was sent"
    );
    let name = settings::quoted(OsStr::new(dead_letters));
    Error::new(exit::NOT_THE_SAME, words).hint(format!(
        "its own command, `bulkhaul replay {name} --to …`, finishes it under its own keys; the same with --abandon gives it \
         up, and what it has sent stays in doubt; then run this command again"
    ))
}

fn refused(why: &str) -> LedgerError {
    LedgerError::Refused(format!("a replay cannot be read: {why}"))
}
