//! The dead-letter file: a projection of the ledger. Text commits with the verdict; the file follows, and the
//! ledger records how far. After a crash the file is cut back to what was recorded and written on from there, so
//! each refused row stands in it once, whatever happened in between.

use super::LedgerError;
use crate::model::Canary;
use rusqlite::{Connection, OptionalExtension};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// How often, and how long apart, a lock is asked for that another process has.
const LOOKS: u32 = 10;
const LOOK: std::time::Duration = std::time::Duration::from_millis(5);

/// See the module.
#[derive(Debug)]
pub struct LetterFile {
    path: PathBuf,
    /// It stands in the state's own folder.
    is_at_home: bool,
    file: Option<File>,
    /// Letters in the file, its length and the hash of its bytes, as far as we wrote it.
    letters: i64,
    len: u64,
    hasher: blake3::Hasher,
    unrecorded: bool,
}

impl LetterFile {
    /// `ledger` is the ledger's own file.
    pub(super) fn at(path: &Path, ledger: &Path) -> Self {
        Self {
            path: path.to_owned(),
            is_at_home: path.parent() == ledger.parent(),
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
        let Some(mut file) = self.open_existing()? else {
            return self.begin(conn); // Missing: all of it is written anew.
        };
        let Some((letters, len, hash)) = recorded else { return self.take_over(conn, file) };
        let mut hasher = blake3::Hasher::new();
        let mut prefix = Read::by_ref(&mut file).take(len);
        let held = std::io::copy(&mut prefix, &mut hasher)?;
        let is_ours = held == len && (len == 0 || hasher.finalize().as_bytes()[..] == hash[..]);
        if !is_ours || !extends_as_we_would(conn, letters, &mut file)? {
            self.set_aside()?;
            return self.begin(conn);
        }
        if Canary::LettersNotCutBack.is_loose() {
            file.seek(SeekFrom::End(0))?;
        } else {
            file.set_len(len)?;
            file.sync_all()?;
            file.seek(SeekFrom::Start(len))?;
        }
        (self.letters, self.len, self.hasher, self.file) = (letters, len, hasher, Some(file));
        if Canary::LettersNotWrittenAgain.is_loose() {
            self.letters =
                conn.query_row("SELECT coalesce(max(number), 0) FROM letter", [], |row| row.get(0))?;
        }
        Ok(())
    }

    /// A file that was there before us. In the state's own folder it is an older import's, and set aside; one that a
    /// person named is appended to, and from now on what it held counts as ours.
    fn take_over(&mut self, conn: &Connection, mut file: File) -> Result<(), LedgerError> {
        let len = file.metadata()?.len();
        if len > 0 && self.is_at_home {
            self.set_aside()?;
            return self.begin(conn);
        }
        self.hasher.update_reader(&mut file)?;
        file.seek(SeekFrom::Start(len))?;
        (self.len, self.file) = (len, Some(file));
        self.begin(conn)
    }

    /// Records where our part of the file begins, before anything is written behind it: else a run that dies after its
    /// first lines leaves some that nobody knows for ours, and they would be written a second time.
    fn begin(&mut self, conn: &Connection) -> Result<(), LedgerError> {
        self.unrecorded = true;
        self.record(conn)
    }

    /// The file as it is, locked: two imports that wrote one file would cut off each other's lines.
    fn open_existing(&self) -> Result<Option<File>, LedgerError> {
        // A link that was planted in the state's folder would have its victim written over.
        if self.is_at_home && self.path.is_symlink() {
            return Err(self.trouble(&std::io::Error::other("it is a link")));
        }
        let file = match OpenOptions::new().read(true).write(true).open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.trouble(&error)),
        };
        if !file.metadata()?.is_file() {
            return Err(self.trouble(&std::io::Error::other("it is not a plain file")));
        }
        // A process that was just started holds what its parent had open, until it becomes another program.
        let is_ours = (0..LOOKS).any(|look| {
            std::thread::sleep(LOOK * look.min(1));
            file.try_lock().is_ok()
        });
        if !is_ours {
            return Err(self.trouble(&std::io::Error::other("another process writes it")));
        }
        Ok(Some(file))
    }

    fn trouble(&self, error: &std::io::Error) -> LedgerError {
        LedgerError::Refused(format!("the dead-letter file `{}`: {error}", self.path.display()))
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
            let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.path);
            let file = made.map_err(|error| self.trouble(&error))?;
            file.lock()?;
            // Its name too must outlive a power cut: a finished import writes no letter again.
            let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
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

/// Whether what stands behind the recorded part is what we would have written there, whole or torn.
fn extends_as_we_would(conn: &Connection, letters: i64, file: &mut File) -> Result<bool, LedgerError> {
    let mut rest = std::io::BufReader::new(file);
    let mut lines = conn.prepare("SELECT line FROM letter WHERE number > ?1 ORDER BY number")?;
    let mut rows = lines.query([letters])?;
    let mut held = Vec::new();
    while let Some(row) = rows.next()? {
        let line = row.get_ref(0)?.as_bytes().map_err(rusqlite::Error::from)?;
        held.clear();
        Read::by_ref(&mut rest).take(line.len() as u64 + 1).read_to_end(&mut held)?;
        let expected = line.iter().chain(b"\n").take(held.len());
        if !held.iter().eq(expected) {
            return Ok(false);
        }
        if held.len() <= line.len() {
            return Ok(true);
        }
    }
    Ok(rest.read(&mut [0])? == 0)
}
