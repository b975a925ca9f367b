//! Rows that were delivered and that a feed no longer has, as they are found while it is read through.

use super::opening::source_error;
use crate::args::SendArgs;
use crate::edge::ledger::{KeyHash, Ledger, LedgerError};
use crate::edge::source::{Format, Layout, Source};
use crate::engine::MaxRejects;
use crate::error::Error;
use crate::model::LetterId;
use crate::report::{Guard, speech};
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// What is allowed where nothing is said.
const MAX: MaxRejects = MaxRejects::Percent(10.0);

/// By their keys, ascending; written down as they are found.
pub(super) struct Missing {
    path: PathBuf,
    out: BufWriter<File>,
    keys: Vec<LetterId>,
    /// The fields of their keys are not known.
    nameless: u64,
    /// Rows that were known.
    known: u64,
}

impl Missing {
    pub(super) fn gather(folder: &Path) -> Result<Self, Error> {
        let path = folder.join("missing.ndjson");
        let out = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
        let out = BufWriter::new(out.map_err(|error| failed(&path, &error))?);
        Ok(Self { path, out, keys: Vec::new(), nameless: 0, known: 0 })
    }

    /// A known row; `is_there` in the feed.
    pub(super) fn add(&mut self, ledger: &Ledger, key: KeyHash, is_there: bool) -> Result<(), LedgerError> {
        self.known += 1;
        if is_there {
            return Ok(());
        }
        match ledger.key_fields(key)? {
            Some(fields) => {
                writeln!(self.out, "{fields}")?;
                self.keys.push(LetterId(key));
            }
            None => self.nameless += 1,
        }
        Ok(())
    }

    /// `unread` rows of the feed may have any key: then nothing is missing for sure. What is to be said of it, unless a
    /// person wants it `quiet`.
    pub(super) fn settle(&mut self, unread: u64, quiet: bool) -> Vec<String> {
        let mut notes = Vec::new();
        if unread > 0 && !self.keys.is_empty() {
            self.keys.clear();
            let unread = speech::count(unread, "row");
            notes.push(format!(
                "nothing is deleted: {unread} of the feed cannot be read, and may be what it seems to lack"
            ));
        }
        if self.nameless > 0 && !quiet {
            let rows = speech::count(self.nameless, "row");
            notes.push(format!(
                "{rows} that the feed no longer has stay: they were delivered before there was a way to delete"
            ));
        }
        notes
    }

    pub(super) fn guard(&self, args: &SendArgs) -> Guard {
        let max = args.max_deletes.map_or(MAX, |max| max.0);
        Guard::of_deleting(max, self.known, self.rows())
    }

    pub(super) fn rows(&self) -> u64 {
        self.keys.len() as u64
    }

    /// None of these rows is back in the feed.
    pub(super) fn lacks(&self, rows: &[LetterId]) -> bool {
        rows.iter().all(|row| self.keys.binary_search_by_key(&row.0, |key| key.0).is_ok())
    }

    /// Puts them, durably, where they stay, and says which keys they are.
    pub(super) fn keep(self, place: &Path) -> Result<Vec<LetterId>, Error> {
        let Self { path, out, keys, .. } = self;
        let file = out.into_inner().map_err(|error| failed(&path, error.error()))?;
        file.sync_all()
            .and_then(|()| std::fs::rename(&path, place))
            .map_err(|error| failed(place, &error))?;
        Ok(keys)
    }

    /// They are not deleted.
    pub(super) fn discard(&self) {
        let _ = std::fs::remove_file(&self.path);
    }

    /// As a deletion reads them.
    pub(super) fn read(&mut self) -> Result<Source, Error> {
        self.out.flush().map_err(|error| failed(&self.path, &error))?;
        Source::open(std::slice::from_ref(&self.path), &layout()).map_err(|error| source_error(&error))
    }
}

/// Of the rows of a deletion.
pub(super) fn layout() -> Layout {
    Layout::new(Format::Ndjson)
}

pub(super) fn failed(path: &Path, error: &io::Error) -> Error {
    Error::failed(format!("cannot write `{}`: {error}", path.display()))
}
