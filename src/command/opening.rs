//! Which import a state holds, and whether this input goes on with it: every line of the contract about changed
//! inputs, other targets and finished imports is decided here, before anything is sent.

use crate::args::SendArgs;
use crate::edge::fingerprint::Fingerprint;
use crate::edge::ledger::{Found, Ledger, LedgerError};
use crate::edge::source::{Format, Layout, Source, SourceError, Step};
use crate::error::{Error, exit};
use crate::model::{Cursor, Digest, Hasher, ImportId, ImportRecord, ImportState};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// An input as it was when the import began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct InputFacts {
    pub name: String,
    pub size: u64,
    /// SHA-256 of its first MiB, hexadecimal.
    pub head: String,
    /// As in [`Fingerprint::content`].
    pub content: String,
}

/// What this run does with the state.
#[derive(Debug)]
pub(super) enum Opening {
    /// Go on, or begin; reading starts behind the cursor.
    Run { import: ImportRecord, source: Box<Source> },
    /// Finished before, and nothing has changed.
    Finished { found: Box<Found>, exit: u8 },
}

/// What is about to be imported.
#[derive(Debug)]
pub(super) struct Subject<'a> {
    pub args: &'a SendArgs,
    pub layout: &'a Layout,
    pub target: Digest,
    pub inputs: Vec<InputFacts>,
}

impl Subject<'_> {
    /// Of the target and of how the input is read: another one is another import.
    fn identity(&self) -> Digest {
        let layout = self.layout;
        let (format, delimiter) = match layout.format {
            Format::Csv { delimiter } => ("csv", delimiter),
            Format::Ndjson => ("ndjson", 0),
        };
        let mut hasher = Hasher::new("bulkhaul/mapping")
            .field(&self.target.0)
            .field(format.as_bytes())
            .number(u64::from(delimiter))
            .number(u64::from(layout.header))
            .number(u64::from(layout.null.is_some()))
            .field(layout.null.as_deref().unwrap_or_default().as_bytes());
        for name in layout.columns.iter().flatten() {
            hasher = hasher.field(b"column").field(name.as_bytes());
        }
        for (name, kind) in &layout.types {
            hasher = hasher.field(b"type").field(name.as_bytes()).field(kind.to_string().as_bytes());
        }
        hasher.finish()
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

    fn begin(&self, ledger: &mut Ledger, number: u64) -> Result<Opening, Error> {
        let source = Source::open(&self.args.inputs, self.layout).map_err(|error| source_error(&error))?;
        let import = ImportRecord {
            number,
            id: self.import_id(number),
            identity: self.identity(),
            state: ImportState::Open,
        };
        let inputs = serde_json::to_string(&self.inputs).expect("names and sizes are plain data");
        ledger.begin(&import, &inputs).map_err(|error| ledger_error(&error))?;
        Ok(Opening::Run { import, source: Box::new(source) })
    }
}

/// Decides what to do with the state, and begins or takes up the import.
pub(super) fn open(ledger: &mut Ledger, subject: &Subject<'_>) -> Result<Opening, Error> {
    let Some(found) = ledger.newest().map_err(|error| ledger_error(&error))? else {
        return subject.begin(ledger, 1);
    };
    if found.import.identity != subject.identity() {
        return Err(other_target(subject));
    }
    match found.import.state {
        ImportState::Open => resume(ledger, subject, found),
        ImportState::Complete(_) | ImportState::Abandoned if subject.args.again => {
            subject.begin(ledger, found.import.number + 1)
        }
        ImportState::Abandoned => Err(Error::new(exit::NOT_THE_SAME, "the import here was abandoned")
            .hint("--again imports the input once more, under new keys")),
        ImportState::Complete(exit) => finished(ledger, subject, found, exit),
    }
}

/// Gives an import up, whatever has become of its input.
pub(super) fn abandon(ledger: &mut Ledger) -> Result<Found, Error> {
    let newest = ledger.newest().map_err(|error| ledger_error(&error))?;
    let found = newest.ok_or_else(|| Error::failed("there is no import here to abandon"))?;
    if found.import.state != ImportState::Open {
        return Err(Error::failed("the import here is finished; there is nothing to abandon"));
    }
    // The dead-letter file follows to the end.
    ledger.recover(found.import.number).map_err(|error| ledger_error(&error))?;
    ledger.abandon(found.import.number).map_err(|error| ledger_error(&error))?;
    Ok(found)
}

fn finished(ledger: &mut Ledger, subject: &Subject<'_>, found: Found, exit: u8) -> Result<Opening, Error> {
    let cursor = found.cursor.ok_or_else(|| Error::new(exit::LEDGER, "the ledger has lost its place"))?;
    let changed = || {
        Error::new(exit::NOT_THE_SAME, "the import here is finished, and the input has changed since").hint(
            "--again imports all of it once more, under new keys; --state DIR begins a new import beside it",
        )
    };
    let mut source = match Source::resume(&subject.args.inputs, subject.layout, &cursor, &mut |_| {}) {
        Ok(source) => source,
        Err(error) if error.is_changed() => return Err(changed()),
        Err(error) => return Err(source_error(&error)),
    };
    if !matches!(source.next(&mut Vec::new()), Ok(Step::End)) {
        return Err(changed());
    }
    let takes_up =
        subject.args.on_ambiguous == Some(crate::args::AmbiguousArg::Resend) && found.tally.in_doubt > 0;
    if takes_up {
        ledger.reopen(found.import.number).map_err(|error| ledger_error(&error))?;
        let import = ImportRecord { state: ImportState::Open, ..found.import };
        return Ok(Opening::Run { import, source: Box::new(source) });
    }
    Ok(Opening::Finished { found: Box::new(found), exit })
}

fn resume(ledger: &mut Ledger, subject: &Subject<'_>, found: Found) -> Result<Opening, Error> {
    if subject.args.again {
        return Err(Error::new(exit::NOT_THE_SAME, "the import here is not finished")
            .hint("leave --again out to go on with it; --abandon gives it up"));
    }
    let before: Vec<InputFacts> = serde_json::from_str(&found.inputs)
        .map_err(|_| Error::new(exit::LEDGER, "the ledger's list of inputs cannot be read"))?;
    let source = match found.cursor {
        None => Source::open(&subject.args.inputs, subject.layout),
        Some(cursor) => Source::resume(&subject.args.inputs, subject.layout, &cursor, &mut |_| {}),
    };
    let source = source.map_err(|error| {
        if error.is_changed() {
            Error::new(exit::NOT_THE_SAME, format!("{error}: the rows that were read before are not the same"))
                .hint("bring the old input back to go on; --abandon gives the import up; --state DIR begins another")
        } else {
            source_error(&error)
        }
    })?;
    let same = before.len() == subject.inputs.len()
        && before
            .iter()
            .zip(&subject.inputs)
            .all(|(old, new)| old.size == new.size && old.content == new.content);
    if !same {
        accept_tail(ledger, subject, &found, found.cursor)?;
    }
    Ok(Opening::Run { import: found.import, source: Box::new(source) })
}

/// What was consumed is the same, and something behind it is not.
fn accept_tail(
    ledger: &mut Ledger,
    subject: &Subject<'_>,
    found: &Found,
    cursor: Option<Cursor>,
) -> Result<(), Error> {
    if !subject.args.accept_new_tail {
        let read = cursor.map_or(0, |cursor| cursor.ordinal.0);
        let message = format!("the input has changed after row {read}, behind what was read before");
        return Err(Error::new(exit::NOT_THE_SAME, message)
            .hint("--accept-new-tail goes on with the input as it is now; --abandon gives the import up"));
    }
    let inputs = serde_json::to_string(&subject.inputs).expect("names and sizes are plain data");
    ledger.accept_tail(found.import.number, &inputs).map_err(|error| ledger_error(&error))
}

fn other_target(subject: &Subject<'_>) -> Error {
    let first = subject.args.inputs[0].display();
    Error::new(exit::NOT_THE_SAME, "the import here goes to another target, or maps its rows another way")
        .hint(format!("use the settings it began with, or begin another import: --state {first}.2.bulkhaul"))
}

pub(super) fn source_error(error: &SourceError) -> Error {
    Error::failed(error.to_string()).maybe_hint(error.hint())
}

pub(super) fn ledger_error(error: &LedgerError) -> Error {
    if error.is_held() {
        return Error::new(exit::HELD, "another process has the ledger open")
            .hint("wait for it to end, or give this import a folder of its own: --state DIR");
    }
    Error::new(exit::LEDGER, format!("the ledger could not be read or written: {error}"))
        .hint("nothing more was sent; mend the disk, then run the same command again")
}

/// Size and head of each input; errors as the source would tell them.
pub(super) fn input_facts(inputs: &[PathBuf], layout: &Layout) -> Result<Vec<InputFacts>, Error> {
    // The source's own checks and words come first: missing files, folders, damaged archives.
    drop(Source::open(inputs, layout).map_err(|error| source_error(&error))?);
    inputs.iter().map(|path| facts(path)).collect()
}

fn facts(path: &Path) -> Result<InputFacts, Error> {
    let read = || {
        let Fingerprint { size, head, content } = Fingerprint::of(path)?;
        std::io::Result::Ok(InputFacts { name: path.display().to_string(), size, head: head.hex(), content })
    };
    read().map_err(|error| Error::failed(format!("cannot read `{}`: {error}", path.display())))
}
