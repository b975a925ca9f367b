//! The dead-letter file: a projection of the ledger. Text commits with the verdict; the file follows, and the
//! ledger records how far. After a crash the file is cut back to what was recorded and written on from there, so
//! each refused row stands in it once, whatever happened in between.

use super::LedgerError;
use rusqlite::{Connection, OptionalExtension};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// See the module.
#[derive(Debug)]
pub struct LetterFile {
    path: PathBuf,
    file: Option<File>,
    /// Letters in the file, its length and the hash of its bytes, as far as we wrote it.
    letters: i64,
    len: u64,
    hasher: blake3::Hasher,
    unrecorded: bool,
}

impl LetterFile {
    pub(super) fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            file: None,
            letters: 0,
            len: 0,
            hasher: blake3::Hasher::new(),
            unrecorded: false,
        }
    }

    /// Brings the file back to what was recorded. A file that is not ours any more (a person edited it) is set
    /// aside under another name, never overwritten.
    pub(super) fn recover(&mut self, conn: &Connection) -> Result<(), LedgerError> {
        let recorded = conn
            .query_row("SELECT letters, len, hash FROM projection", [], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)? as u64, row.get::<_, Vec<u8>>(2)?))
            })
            .optional()?;
        let (letters, len, hash) = recorded.unwrap_or_default();
        let Ok(mut file) = OpenOptions::new().read(true).write(true).open(&self.path) else {
            return Ok(()); // Missing: all of it is written anew.
        };
        let mut hasher = blake3::Hasher::new();
        let mut prefix = Read::by_ref(&mut file).take(len);
        let held = std::io::copy(&mut prefix, &mut hasher)?;
        if held < len || len > 0 && hasher.finalize().as_bytes()[..] != hash[..] {
            drop(file);
            return self.set_aside();
        }
        file.set_len(len)?;
        file.sync_all()?;
        file.seek(SeekFrom::Start(len))?;
        (self.letters, self.len, self.hasher, self.file) = (letters, len, hasher, Some(file));
        Ok(())
    }

    fn set_aside(&self) -> Result<(), LedgerError> {
        for number in 1.. {
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".{number}"));
            let aside = PathBuf::from(name);
            if !aside.exists() {
                std::fs::rename(&self.path, aside)?;
                break;
            }
        }
        Ok(())
    }

    /// Appends what the ledger has and the file lacks, and syncs it.
    pub(super) fn append(&mut self, conn: &Connection) -> Result<(), LedgerError> {
        let mut missing =
            conn.prepare_cached("SELECT number, line FROM letter WHERE number > ?1 ORDER BY number")?;
        let mut rows = missing.query([self.letters])?;
        let mut text = Vec::new();
        let mut last = self.letters;
        while let Some(row) = rows.next()? {
            last = row.get(0)?;
            text.extend_from_slice(row.get_ref(1)?.as_bytes().map_err(rusqlite::Error::from)?);
            text.push(b'\n');
            if text.len() > 1 << 20 {
                self.write(&text)?;
                text.clear();
            }
        }
        if last == self.letters {
            return Ok(());
        }
        self.write(&text)?;
        self.letters = last;
        self.unrecorded = true;
        if let Some(file) = &self.file {
            file.sync_data()?;
        }
        Ok(())
    }

    fn write(&mut self, text: &[u8]) -> Result<(), LedgerError> {
        if self.file.is_none() {
            let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.path)?;
            self.file = Some(file);
        }
        if let Some(file) = &mut self.file {
            file.write_all(text)?;
        }
        self.hasher.update(text);
        self.len += text.len() as u64;
        Ok(())
    }

    /// [T6] Records how far the file reaches: after its sync, never before.
    pub(super) fn record(&mut self, conn: &Connection) -> Result<(), LedgerError> {
        if self.unrecorded {
            let hash = self.hasher.finalize();
            conn.prepare_cached(
                "INSERT INTO projection (one, letters, len, hash) VALUES (1, ?1, ?2, ?3)
                 ON CONFLICT (one) DO UPDATE SET letters = ?1, len = ?2, hash = ?3",
            )?
            .execute(rusqlite::params![self.letters, self.len as i64, &hash.as_bytes()[..]])?;
            self.unrecorded = false;
        }
        Ok(())
    }
}
