//! The copy of the rows that a replay has taken over: written once, and read from where the replay stands.

use super::opening::source_error;
use crate::edge::ledger::Found;
use crate::edge::source::{Layout, Source, TakenRow};
use crate::error::{Error, exit};
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The copy of the rows that were taken over.
pub(super) const COPY: &str = "rows.ndjson";

/// The copy that is being written.
pub(super) struct Copying<'a> {
    out: BufWriter<File>,
    path: &'a Path,
}

impl<'a> Copying<'a> {
    pub(super) fn begin(path: &'a Path) -> Result<Self, Error> {
        let made = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
        let file = made.map_err(|error| unwritable(path, &error))?;
        Ok(Self { out: BufWriter::new(file), path })
    }

    pub(super) fn write(&mut self, row: &TakenRow) -> Result<(), Error> {
        self.out.write_all(row.to_line().as_bytes()).map_err(|error| unwritable(self.path, &error))
    }

    pub(super) fn end(self) -> Result<(), Error> {
        let file = self.out.into_inner().map_err(|error| unwritable(self.path, error.error()))?;
        file.sync_all().map_err(|error| unwritable(self.path, &error))
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> Error {
    Error::failed(format!("cannot write `{}`: {error}", path.display()))
}

/// The rows of a replay from where it stands.
pub(super) fn goes_on(folder: &Path, found: &Found) -> Result<Source, Error> {
    let copy = [folder.join(COPY)];
    Source::behind(&copy, &Layout::taken(), found.cursor.as_ref()).map_err(|error| {
        if error.is_changed() {
            let words = format!("the replay's copy of its rows, `{}`, was changed", copy[0].display());
            Error::new(exit::NOT_THE_SAME, words).hint("--abandon gives the replay up")
        } else {
            source_error(&error)
        }
    })
}
