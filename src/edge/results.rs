//! `--results`: one JSON line for each settled row, written after its end is durable and synced group by group,
//! for producers that may forget a row only then.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// An open results file; a later run goes on at its end.
#[derive(Debug)]
pub struct ResultsFile(File);

impl ResultsFile {
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(OpenOptions::new().append(true).create(true).mode(0o600).open(path)?))
    }

    /// Appends whole lines.
    pub fn append(&mut self, lines: &str) -> io::Result<()> {
        self.0.write_all(lines.as_bytes())?;
        self.0.sync_data()
    }
}
