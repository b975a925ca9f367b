//! What inputs were when an import began, as the ledger keeps it: enough to see that one is another now.

use super::opening::source_error;
use crate::edge::fingerprint::Fingerprint;
use crate::edge::ledger::Found;
use crate::edge::source::{Layout, Source};
use crate::error::{Error, exit};
use crate::target::Trait;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// An input as it was when the import began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct InputFacts {
    pub name: String,
    pub size: u64,
    /// SHA-256 of its first MiB, hexadecimal.
    pub head: String,
    /// As in [`Fingerprint::content`]; empty for standard input that was read as it came.
    pub content: String,
    /// As in [`Fingerprint::stamp`].
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stamp: String,
    /// How it was read, and what its columns were called: to read a record again that could not be parsed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// Where its rows go and what becomes of them; of the first input, for it is the same for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub target: Vec<Trait>,
    /// The import was begun by `--again`; of the first input.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
}

impl InputFacts {
    /// Standard input, of which nothing is known before it is read.
    pub(super) fn of_a_stream() -> Self {
        Self { name: "-".to_owned(), ..Self::default() }
    }

    pub(super) fn is_stream(&self) -> bool {
        self.name == "-" && self.content.is_empty()
    }
}

/// The list of an import's inputs, as the ledger has it.
pub(super) fn of_ledger(list: &str) -> Result<Vec<InputFacts>, Error> {
    serde_json::from_str(list)
        .map_err(|_| Error::new(exit::LEDGER, "the ledger's list of inputs cannot be read"))
}

/// Whether an import was begun by `--again`, so that saying it once more does not mean another one.
pub(super) fn is_begun_again(found: &Found) -> bool {
    of_ledger(&found.inputs).is_ok_and(|inputs| inputs.first().is_some_and(|first| first.again))
}

/// Size and head of each input; errors as the source would tell them.
pub(super) fn input_facts(inputs: &[PathBuf], layout: &Layout) -> Result<Vec<InputFacts>, Error> {
    // The source's own checks and words come first: missing files, folders, damaged archives.
    drop(Source::open(inputs, layout).map_err(|error| source_error(&error))?);
    refuse_exports(inputs, layout)?;
    inputs.iter().map(|path| facts(path)).collect()
}

/// A table that `rejects` wrote is replayed: sent as an input, its rows would go with our columns in them, and nobody would
/// know which dead letters they were.
fn refuse_exports(inputs: &[PathBuf], layout: &Layout) -> Result<(), Error> {
    let columns = Source::column_names(inputs, layout).map_err(|error| source_error(&error))?;
    let is_export = |columns: &Option<Vec<String>>| {
        columns.iter().flatten().any(|name| name == "bulkhaul:source.row" || name == "bulkhaul:csv-safe")
    };
    let Some(at) = columns.iter().position(is_export) else { return Ok(()) };
    let shown = inputs[at].display();
    Err(Error::failed(format!("`{shown}` is a table of dead letters that `bulkhaul rejects --export` wrote"))
        .hint(format!(
            "`bulkhaul replay {shown} --to …` sends its rows, each once (not one for spreadsheets, csv-safe)"
        )))
}

/// The same of a copy of standard input.
pub(super) fn copy_facts(copy: &Path) -> Result<Vec<InputFacts>, Error> {
    Ok(vec![InputFacts { name: "-".to_owned(), ..facts(copy)? }])
}

fn facts(path: &Path) -> Result<InputFacts, Error> {
    let read = || {
        let Fingerprint { size, head, content, stamp } = Fingerprint::of(path)?;
        let (name, head) = (path.display().to_string(), head.hex());
        std::io::Result::Ok(InputFacts { name, size, head, content, stamp, ..InputFacts::default() })
    };
    read().map_err(|error| Error::failed(format!("cannot read `{}`: {error}", path.display())))
}
