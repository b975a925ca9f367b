//! What is said of an input that is not the one its import read, and what goes on.

use super::opening::Subject;
use crate::edge::ledger::Found;
use crate::edge::source::SourceError;
use crate::error::{Error, exit};
use crate::report::speech::count;
use crate::settings;

/// What was read is there, and more behind it: perhaps the producer of a pipe had died.
pub(super) fn grown_since(subject: &Subject<'_>, found: &Found) -> Error {
    let rows = count(found.tally.read, "row");
    if !subject.is_stream() {
        let hint = format!(
            "--accept-new-tail sends only what was added behind the {rows} that it read; {}",
            anew(subject)
        );
        return Error::new(exit::NOT_THE_SAME, CHANGED).hint(hint);
    }
    let words = format!(
        "the import here is finished, and standard input has more now behind the {rows} that it read"
    );
    Error::new(exit::NOT_THE_SAME, words).hint(format!(
        "--accept-new-tail sends only what came behind them; --new-stream takes all of it for new rows, and sends the \
         {rows} once more"
    ))
}

const CHANGED: &str = "the import here is finished, and the input has changed since";

pub(super) fn changed_since(subject: &Subject<'_>, found: &Found, error: Option<&SourceError>) -> Error {
    if let Some(ended) = error.and_then(|error| ended_early(subject, found, error)) {
        return ended;
    }
    if subject.is_stream() {
        let words = "the import here is finished, and standard input is not the stream that it read";
        return Error::new(exit::NOT_THE_SAME, words).hint(
            "--new-stream takes all that comes now for new rows, also what was sent before, if that is among them; \
             --state DIR does so beside it",
        );
    }
    Error::new(exit::NOT_THE_SAME, CHANGED).hint(anew(subject))
}

/// What may be done with a file that is another one now.
fn anew(subject: &Subject<'_>) -> String {
    let state = settings::state_path(subject.args)
        .map_or_else(|_| "DIR".into(), |state| settings::quoted(state.as_os_str()));
    format!(
        "--sync KEY --state {state} sends only new and changed rows (once, with --again, all of them, if what was \
         read before is no longer there); --again imports all of it once more, under new keys; --state DIR begins a new \
         import beside it"
    )
}

/// A stream that is over before what was read of it: rather its producer has failed than that it is another one.
fn ended_early(subject: &Subject<'_>, found: &Found, error: &SourceError) -> Option<Error> {
    if !subject.is_stream() || !matches!(error, SourceError::Changed { shorter: true, .. }) {
        return None;
    }
    let rows = count(found.cursor.map_or(0, |cursor| cursor.ordinal.0), "row");
    let words = format!("standard input has ended before the end of the {rows} that were read of it before");
    Some(Error::new(exit::NOT_THE_SAME, words).hint(
        "nothing was sent; see whether its producer came to its end, and feed the whole stream again from its start; if it \
         is another one, --new-stream begins with what comes now; --abandon gives the import up",
    ))
}

pub(super) fn not_as_read(subject: &Subject<'_>, found: &Found, error: &SourceError) -> Error {
    if let Some(ended) = ended_early(subject, found, error) {
        return ended;
    }
    if subject.is_stream() {
        let words = "standard input does not begin with what was read of it before";
        return Error::new(exit::NOT_THE_SAME, words).hint(
            "feed the same stream again from its start to go on; if it is a queue that goes on by itself, \
             --new-stream settles what was written down and begins with what comes now; --abandon gives the import up",
        );
    }
    Error::new(exit::NOT_THE_SAME, format!("{error}: the rows that were read before are not the same"))
        .hint("bring the old input back to go on; --abandon gives the import up; --state DIR begins another")
}
