//! Which import a state holds, and whether this input goes on with it: every line of the contract about changed
//! inputs, other targets and finished imports is decided here, before anything is sent.

use super::another_mapping::{self, identity};
use super::changed_input::{changed_since, grown_since, not_as_read};
use super::inputs::{self, InputFacts};
use super::reading::Reading;
use crate::args::SendArgs;
use crate::edge::chance;
use crate::edge::ledger::{Found, Ledger, LedgerError};
use crate::edge::source::{Layout, Source, SourceError};
use crate::error::{Error, exit};
use crate::model::{Digest, FeedKey, ImportId, ImportRecord, ImportState, Unsettled, UnsettledState};
use crate::report::speech::say;
use crate::settings;
use crate::target::Target;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

/// What this run does with the state.
#[derive(Debug)]
pub(super) enum Opening {
    /// Go on, or begin; reading starts behind the cursor.
    Run { import: ImportRecord, source: Box<Source> },
    /// An import that reads no more, because its input is gone for good: what the ledger keeps of it is sent, and
    /// then the state is looked at again.
    Rest { import: ImportRecord, found: Box<Found> },
    /// Finished before, and nothing has changed.
    Finished { found: Box<Found>, exit: u8 },
}

/// What is about to be imported.
#[derive(Debug)]
pub(super) struct Subject<'a> {
    pub args: &'a SendArgs,
    pub layout: &'a Layout,
    /// The command, as it was typed.
    pub arguments: &'a [OsString],
    pub target: Arc<Target>,
    pub inputs: Vec<InputFacts>,
}

impl Subject<'_> {
    pub(super) fn is_stream(&self) -> bool {
        self.inputs.iter().any(InputFacts::is_stream)
    }

    /// Of the target and of how the input is read: another one is another import.
    pub(super) fn identity(&self) -> Digest {
        identity(self.target.identity(), self.layout)
    }

    pub(super) fn import_id(&self, number: u64) -> ImportId {
        if let Some(name) = &self.args.import_id {
            return ImportId::fixed(name, number);
        }
        let inputs: Vec<(Digest, u64)> = self
            .inputs
            .iter()
            .map(|input| (Digest::from_hex(&input.head).unwrap_or(Digest([0; 32])), input.size))
            .collect();
        ImportId::derive(self.identity(), &inputs, number)
    }

    /// Whether this is the import that the state began with, as far as that can be told from the settings.
    pub(super) fn check(&self, found: &Found) -> Result<(), Error> {
        let import = &found.import;
        if import.identity != self.identity() {
            return Err(another_mapping::refuse(self, found));
        }
        match &self.args.import_id {
            Some(name) if import.id != ImportId::fixed(name, import.number) => {
                let words =
                    format!("the import here began with another --import-id than `{name}`, or without one");
                Err(Error::new(exit::NOT_THE_SAME, words).hint(
                    "say the one that it began with, or none; another import has a state of its own: --state DIR",
                ))
            }
            _ => Ok(()),
        }
    }

    /// Behind the import that was found, if one was.
    fn begin(
        &self,
        ledger: &mut Ledger,
        reading: &mut Reading<'_>,
        found: Option<&Found>,
    ) -> Result<Opening, Error> {
        let is_same = found.is_none_or(|found| self.is_of(reading, found));
        let source = reading.open(self.layout).map_err(|error| source_error(&error))?;
        let (import, inputs) = self.new_import(found.map_or(1, |found| found.import.number + 1))?;
        let begun =
            if is_same { ledger.begin(&import, &inputs) } else { ledger.begin_beside(&import, &inputs) };
        begun.map_err(|error| ledger_error(&error))?;
        let is_meant = self.args.quiet || self.args.new_stream;
        if !is_same && !is_meant && found.is_some_and(|found| found.tally.rejected > 0) {
            say(
                "note: what was refused of the input before is still open, as this is another one; see `bulkhaul rejects`",
            );
        }
        Ok(Opening::Run { import, source: Box::new(source) })
    }

    /// Whether all rows of an earlier import are meant once more. Of a copied stream that can be seen.
    fn is_of(&self, reading: &mut Reading<'_>, found: &Found) -> bool {
        let is_copy = settings::is_piped(self.args) && !self.is_stream();
        let is_same = |cursor| !is_copy || reading.resume(self.layout, &cursor).is_ok();
        !self.args.new_stream && found.cursor.is_none_or(is_same)
    }

    /// As `begin`, of a feed with so many different keys.
    pub(super) fn begin_feed(
        &self,
        ledger: &mut Ledger,
        number: u64,
        key: &FeedKey,
        keys: u64,
    ) -> Result<(ImportRecord, Source), Error> {
        let source = Source::open(&self.args.inputs, self.layout).map_err(|error| source_error(&error))?;
        let (import, inputs) = self.new_import(number)?;
        ledger.begin_feed(&import, &inputs, key, keys).map_err(|error| ledger_error(&error))?;
        Ok((import, source))
    }

    fn new_import(&self, number: u64) -> Result<(ImportRecord, String), Error> {
        let id = if self.is_stream() && self.args.import_id.is_none() {
            let chance = chance::digest();
            ImportId(chance.map_err(|error| Error::failed(format!("cannot begin: {error}")))?)
        } else {
            self.import_id(number)
        };
        let import = ImportRecord { number, id, identity: self.identity(), state: ImportState::Open };
        Ok((import, self.written(self.args.again)?))
    }

    /// The inputs as the ledger has them, of an import that `--again` began or not.
    fn written(&self, again: bool) -> Result<String, Error> {
        let columns =
            Source::column_names(&self.args.inputs, self.layout).map_err(|error| source_error(&error))?;
        let facts = self.inputs.iter().zip(columns).map(|(facts, columns)| {
            let layout = Some(self.layout.clone());
            InputFacts { layout, columns, ..facts.clone() }
        });
        let mut facts: Vec<InputFacts> = facts.collect();
        if let Some(first) = facts.first_mut() {
            first.target = self.target.traits().to_vec();
            first.again = again;
        }
        Ok(serde_json::to_string(&facts).expect("names and sizes are plain data"))
    }
}

/// Decides what to do with the state, and begins or takes up the import.
pub(super) fn open(
    ledger: &mut Ledger,
    subject: &Subject<'_>,
    reading: &mut Reading<'_>,
) -> Result<Opening, Error> {
    let Some(found) = ledger.newest().map_err(|error| ledger_error(&error))? else {
        return subject.begin(ledger, reading, None);
    };
    let feed = ledger.last_feed().map_err(|error| ledger_error(&error))?;
    check(&found, feed.as_ref().map(|feed| feed.key.as_slice()), subject)?;
    let args = subject.args;
    if another_mapping::may_begin_anew(subject, &found) {
        if found.import.state == ImportState::Open {
            ledger.abandon(found.import.number).map_err(|error| ledger_error(&error))?;
        }
        if !args.quiet {
            say("note: no target has taken anything of the import here; with these settings it begins anew");
        }
        return subject.begin(ledger, reading, Some(&found));
    }
    match found.import.state {
        ImportState::Open if args.new_stream => rest(ledger, subject, found),
        ImportState::Open => resume(ledger, subject, reading, found),
        _ if args.again || args.new_stream => subject.begin(ledger, reading, Some(&found)),
        ImportState::Complete(_) if has_found_nothing(subject, &found) && !is_same(&found, subject)? => {
            subject.begin(ledger, reading, Some(&found))
        }
        ImportState::Complete(exit) => finished(ledger, subject, reading, found, exit),
        ImportState::Abandoned => Err(abandoned()),
    }
}

/// Whether a run without `--sync` goes on with what the state holds, as far as the settings tell.
pub(super) fn check(found: &Found, feed: Option<&[String]>, subject: &Subject<'_>) -> Result<(), Error> {
    if let Some(key) = feed {
        let key = key.join(",");
        let words = format!("the state here is of a feed, whose rows are known by `{key}`");
        return Err(Error::new(exit::NOT_THE_SAME, words).hint(format!(
            "say --sync {key} (with --again: everything), or begin another import: --state DIR"
        )));
    }
    if another_mapping::may_begin_anew(subject, found) {
        return Ok(());
    }
    subject.check(found)?;
    let Subject { args, .. } = subject;
    match found.import.state {
        ImportState::Open if args.again && !args.new_stream && !inputs::is_begun_again(found) => {
            Err(not_finished())
        }
        ImportState::Abandoned if !args.again && !args.new_stream => Err(abandoned()),
        _ => Ok(()),
    }
}

/// As [`open`] would refuse this input, of which all is there; nothing is begun or written. An input that looks as it
/// did is not read.
pub(super) fn refuse(found: &Found, feed: Option<&[String]>, subject: &Subject<'_>) -> Result<(), Error> {
    check(found, feed, subject)?;
    let Subject { args, inputs, .. } = subject;
    let begins_again = args.again && found.import.state != ImportState::Open;
    let begins = args.new_stream || begins_again || another_mapping::may_begin_anew(subject, found);
    if inputs.is_empty() || begins {
        return Ok(());
    }
    same_kind(subject, found)?;
    if subject.is_stream() || is_same(found, subject)? {
        return Ok(());
    }
    match found.import.state {
        ImportState::Open => go_on(subject, &mut Reading::Files(&args.inputs), found).map(drop),
        _ if has_found_nothing(subject, found) => Ok(()),
        _ => Err(changed_since(subject, found, None)),
    }
}

/// A file without rows was imported, and no rows before it: what is in the file now is doubled by nothing.
fn has_found_nothing(subject: &Subject<'_>, found: &Found) -> bool {
    found.tally.read == 0 && !found.has_left && !subject.is_stream() && !another_mapping::is_replayed(subject)
}

fn abandoned() -> Error {
    Error::new(exit::NOT_THE_SAME, "the import here was abandoned")
        .hint("--again imports all of the input once more, under new keys")
}

/// What the last run of a stream wrote down is all that will ever be known of it.
fn rest(ledger: &mut Ledger, subject: &Subject<'_>, found: Found) -> Result<Opening, Error> {
    same_kind(subject, &found)?;
    ledger.close_input(found.import.number).map_err(|error| ledger_error(&error))?;
    Ok(Opening::Rest { import: found.import.clone(), found: Box::new(found) })
}

/// A stream and a file are not the same input, though they may hold the same rows: the ledger keeps a stream's rows.
fn same_kind(subject: &Subject<'_>, found: &Found) -> Result<Vec<InputFacts>, Error> {
    let before = inputs::of_ledger(&found.inputs)?;
    let words = match (before.iter().any(InputFacts::is_stream), subject.is_stream()) {
        (true, false) => "the import here reads standard input as it comes, and this is another input",
        (false, true) => "the import here reads a file, or a copy of standard input, and this is a stream",
        _ => return Ok(before),
    };
    Err(Error::new(exit::NOT_THE_SAME, words)
        .hint("use the input it began with, or begin another import: --state DIR"))
}

/// Gives an import (or a replay: `what`) up, whatever has become of its input: the newest, or an earlier stream that was
/// opened again. Comes with how many of its pending rows may have been applied.
pub(super) fn abandon(ledger: &mut Ledger, what: &str) -> Result<(Found, u64), Error> {
    let newest = ledger.newest().map_err(|error| ledger_error(&error))?;
    let newest = newest.ok_or_else(|| Error::failed(format!("there is no {what} here to abandon")))?;
    let found = match newest.import.state {
        ImportState::Open => Some(newest),
        _ => ledger.earlier_stream(0, false).map_err(|error| ledger_error(&error))?,
    };
    let over = || Error::failed(format!("the {what} here is over; there is nothing to abandon"));
    let found = found.ok_or_else(over)?;
    // The dead-letter file follows to the end.
    let recovered = ledger.recover(found.import.number).map_err(|error| ledger_error(&error))?;
    ledger.abandon(found.import.number).map_err(|error| ledger_error(&error))?;
    let is_left =
        |open: &&Unsettled| open.may_have_left() && !matches!(open.state, UnsettledState::Parked { .. });
    let left = recovered.unsettled.iter().filter(is_left).map(|open| open.batch.rows.len()).sum();
    Ok((found, left))
}

fn finished(
    ledger: &mut Ledger,
    subject: &Subject<'_>,
    reading: &mut Reading<'_>,
    found: Found,
    exit: u8,
) -> Result<Opening, Error> {
    same_kind(subject, &found)?;
    if subject.args.verdict.is_some() && subject.is_stream() {
        // The ledger has these rows, too.
        return Ok(Opening::Finished { found: Box::new(found), exit });
    }
    let takes_up = settings::takes_up_doubts(subject.args) && found.tally.in_doubt > 0;
    if takes_up && subject.is_stream() {
        // The ledger has these rows; the stream is not needed for them.
        ledger.reopen(found.import.number).map_err(|error| ledger_error(&error))?;
        let source = Source::nothing(subject.layout).map_err(|error| source_error(&error))?;
        let import = ImportRecord { state: ImportState::Open, ..found.import };
        return Ok(Opening::Run { import, source: Box::new(source) });
    }
    // A stream that was given up before its first row has no place.
    let Some(cursor) = found.cursor else { return Err(changed_since(subject, &found, None)) };
    let changed = |error: SourceError| {
        if error.is_changed() { changed_since(subject, &found, Some(&error)) } else { source_error(&error) }
    };
    if subject.args.accept_new_tail {
        let source = reading.resume(subject.layout, &cursor).map_err(changed)?;
        let written = subject.written(false)?;
        let accepted = ledger.accept_tail(found.import.number, &written);
        accepted.and_then(|()| ledger.reopen(found.import.number)).map_err(|error| ledger_error(&error))?;
        let import = ImportRecord { state: ImportState::Open, ..found.import };
        return Ok(Opening::Run { import, source: Box::new(source) });
    }
    let (source, is_at_end) = reading.resume_to_end(subject.layout, &cursor).map_err(changed)?;
    if !is_at_end {
        return Err(grown_since(subject, &found));
    }
    if takes_up {
        ledger.reopen(found.import.number).map_err(|error| ledger_error(&error))?;
        let import = ImportRecord { state: ImportState::Open, ..found.import };
        return Ok(Opening::Run { import, source: Box::new(source) });
    }
    Ok(Opening::Finished { found: Box::new(found), exit })
}

fn resume(
    ledger: &mut Ledger,
    subject: &Subject<'_>,
    reading: &mut Reading<'_>,
    found: Found,
) -> Result<Opening, Error> {
    let source = go_on(subject, reading, &found)?;
    // The end of a stream is known when its import is over, no sooner: what ended the run may have ended the producer,
    // and then the rows that it still had are behind the end that was seen.
    if found.drained && subject.is_stream() || !is_same(&found, subject)? {
        let written = subject.written(inputs::is_begun_again(&found))?;
        ledger.accept_tail(found.import.number, &written).map_err(|error| ledger_error(&error))?;
    }
    Ok(Opening::Run { import: found.import, source: Box::new(source) })
}

/// The input behind what was read of it. Where something else than that has changed, `--accept-new-tail` has to be said.
fn go_on(subject: &Subject<'_>, reading: &mut Reading<'_>, found: &Found) -> Result<Source, Error> {
    same_kind(subject, found)?;
    let source = match found.cursor {
        None => reading.open(subject.layout),
        Some(cursor) => reading.resume(subject.layout, &cursor),
    };
    let source = source.map_err(|error| {
        if error.is_changed() { not_as_read(subject, found, &error) } else { source_error(&error) }
    })?;
    if !subject.args.accept_new_tail && !is_same(found, subject)? {
        let read = found.cursor.map_or(0, |cursor| cursor.ordinal.0);
        let message = format!("the input has changed after row {read}, behind what was read before");
        return Err(Error::new(exit::NOT_THE_SAME, message)
            .hint("--accept-new-tail goes on with the input as it is now; --abandon gives the import up"));
    }
    Ok(source)
}

pub(super) fn not_finished() -> Error {
    Error::new(exit::NOT_THE_SAME, "the import here is not finished")
        .hint("leave --again out to go on with it; --abandon gives it up")
}

/// Whether the inputs are what they were when the import began. Of a large one that was not read to its end a sample is
/// known, and then nobody may have written to it.
pub(super) fn is_same(found: &Found, subject: &Subject<'_>) -> Result<bool, Error> {
    let before = inputs::of_ledger(&found.inputs)?;
    let pairs = || before.iter().zip(&subject.inputs);
    Ok(before.len() == subject.inputs.len()
        && pairs().all(|(old, new)| {
            let is_untouched = found.drained || old.stamp == new.stamp;
            old.size == new.size && old.content == new.content && is_untouched
        }))
}

/// What the inputs were called.
pub(super) fn names(found: &Found) -> Option<Vec<String>> {
    let facts = inputs::of_ledger(&found.inputs).ok()?;
    Some(facts.into_iter().map(|facts| facts.name).collect())
}

pub(super) fn source_error(error: &SourceError) -> Error {
    if matches!(error, SourceError::Interrupted { .. }) {
        return Error::new(exit::STOPPED, "interrupted before standard input had come far enough");
    }
    let near = || match error {
        SourceError::Unreadable { input, .. } if !Path::new(input).exists() => {
            if input.contains(['*', '?', '[']) {
                return Some("no file has such a name".to_owned());
            }
            settings::near_file(Path::new(input)).map(|near| format!("did you mean `{near}`?"))
        }
        _ => None,
    };
    Error::failed(error.to_string()).maybe_hint(error.hint().or_else(near))
}

pub(super) fn ledger_error(error: &LedgerError) -> Error {
    if error.is_held() {
        return Error::new(exit::HELD, "another process has the ledger open")
            .hint("wait for it to end: `bulkhaul status` says how it stands");
    }
    if let LedgerError::Format(_) = error {
        return Error::new(exit::LEDGER, format!("the ledger could not be read or written: {error}"))
            .hint("go on with the version that wrote it, or begin another import: --state DIR");
    }
    if let LedgerError::Letters(why) = error {
        return Error::failed(why)
            .hint("nothing more was sent; mend it, or name another file: --dead-letter FILE");
    }
    Error::new(exit::LEDGER, format!("the ledger could not be read or written: {error}"))
        .hint("nothing more was sent; mend the disk, then run the same command again")
}
