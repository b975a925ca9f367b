//! The dead-letter file: a projection of the ledger. Text commits with the verdict; the file follows, and the
//! ledger records how far. After a crash the file is cut back to what was recorded and written on from there, so
//! each refused row stands in it once, whatever happened in between.
//!
//! In the state's folder the file is ours alone: what is missing of it is written again, and what a person made of it
//! is set aside. A file that a person named may hold other people's lines: it is only ever appended to.

use super::{LedgerError, present};
use crate::model::Canary;
use rusqlite::{Connection, OptionalExtension};
use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
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
    /// Where one was put that a person had changed.
    pub(super) aside: Option<PathBuf>,
    /// Letters in the file, its length and the hash of its bytes, as far as we wrote it.
    letters: i64,
    len: u64,
    hasher: blake3::Hasher,
    unrecorded: bool,
    /// Somebody's last line has no end yet.
    is_line_open: bool,
    /// Which letters the file lacks does not follow from their numbers: [`present`] has the list.
    has_gaps: bool,
}

/// How far the file was ours when that was written down last.
struct Recorded {
    letters: i64,
    len: u64,
    hash: Vec<u8>,
}

impl LetterFile {
    /// `ledger` is the ledger's own file.
    pub(super) fn at(path: &Path, ledger: &Path) -> Self {
        Self {
            path: path.to_owned(),
            is_at_home: path.parent() == ledger.parent(),
            file: None,
            aside: None,
            letters: 0,
            len: 0,
            hasher: blake3::Hasher::new(),
            unrecorded: false,
            is_line_open: false,
            has_gaps: false,
        }
    }

    /// Brings the file back to what was recorded, and finds out what it lacks.
    pub(super) fn recover(&mut self, conn: &Connection) -> Result<(), LedgerError> {
        let recorded = conn
            .query_row("SELECT letters, len, hash FROM projection", [], |row| {
                let len: i64 = row.get(1)?;
                Ok(Recorded { letters: row.get(0)?, len: len as u64, hash: row.get(2)? })
            })
            .optional()?;
        // Its lock would be in our own way.
        self.file = None;
        let Some(mut file) = self.open()? else {
            return self.begin(conn); // Missing: all of it is written anew.
        };
        if let Some(recorded) = &recorded
            && self.is_as_recorded(&mut file, recorded)?
            && extends_as_we_would(conn, recorded.letters, &mut file)?
        {
            return self.go_on(conn, file, recorded);
        }
        if self.is_at_home { self.start_over(conn, file, recorded.as_ref()) } else { self.join(conn, file) }
    }

    /// Hashes what was recorded.
    fn is_as_recorded(&mut self, file: &mut File, recorded: &Recorded) -> Result<bool, LedgerError> {
        self.hasher.reset();
        let held = std::io::copy(&mut Read::by_ref(file).take(recorded.len), &mut self.hasher)?;
        let is_same = recorded.len == 0 || self.hasher.finalize().as_bytes()[..] == recorded.hash[..];
        Ok(held == recorded.len && is_same)
    }

    /// Behind what was recorded there is at most what we were writing when the run died.
    fn go_on(&mut self, conn: &Connection, mut file: File, recorded: &Recorded) -> Result<(), LedgerError> {
        if Canary::LettersNotCutBack.is_loose() {
            file.seek(SeekFrom::End(0))?;
        } else if file.metadata()?.len() > recorded.len {
            file.set_len(recorded.len)?;
            file.sync_all()?;
            file.seek(SeekFrom::Start(recorded.len))?;
        }
        self.is_line_open = !self.is_at_home && is_line_open(&mut file, recorded.len)?;
        (self.letters, self.len, self.file) = (recorded.letters, recorded.len, Some(file));
        if Canary::LettersNotWrittenAgain.is_loose() {
            self.letters =
                conn.query_row("SELECT coalesce(max(number), 0) FROM letter", [], |row| row.get(0))?;
        }
        Ok(())
    }

    /// A file of our own that is not as we left it. If it was only cut off, it holds nothing but ours; else a person
    /// edited it, or it is an older import's, and is set aside under another name, never overwritten.
    fn start_over(
        &mut self,
        conn: &Connection,
        mut file: File,
        recorded: Option<&Recorded>,
    ) -> Result<(), LedgerError> {
        self.hasher.reset();
        file.rewind()?;
        let is_empty = file.metadata()?.len() == 0;
        if is_empty || recorded.is_some() && extends_as_we_would(conn, 0, &mut file)? {
            file.set_len(0)?;
            file.rewind()?;
            self.file = Some(file);
        } else {
            self.set_aside()?;
        }
        self.begin(conn)
    }

    /// A file with other people's lines in it, perhaps among ours: what it lacks of ours comes behind them all.
    fn join(&mut self, conn: &Connection, mut file: File) -> Result<(), LedgerError> {
        self.hasher.reset();
        file.rewind()?;
        self.len = std::io::copy(&mut file, &mut self.hasher)?;
        self.is_line_open = is_line_open(&mut file, self.len)?;
        file.rewind()?;
        self.has_gaps = present::look(conn, &mut BufReader::new(&mut file))? > 0;
        self.file = Some(file);
        // With gaps, what it holds is recorded when they are filled: until then it has to be looked through again.
        if self.has_gaps { Ok(()) } else { self.begin(conn) }
    }

    /// Records where our part of the file begins, before anything is written behind it: else a run that dies after its
    /// first lines leaves some that nobody knows for ours, and they would be written a second time.
    fn begin(&mut self, conn: &Connection) -> Result<(), LedgerError> {
        self.unrecorded = true;
        self.record(conn)
    }

    /// The file as it is, locked: two imports that wrote one file would cut off each other's lines. One of our own is
    /// made when it is needed; of one that a person named it must be known now whether it can be.
    fn open(&self) -> Result<Option<File>, LedgerError> {
        // A link that was planted in the state's folder would have its victim written over.
        if self.is_at_home && self.path.is_symlink() {
            return Err(self.trouble(&"it is a link"));
        }
        let is_new = !self.path.exists();
        if is_new && self.is_at_home {
            return Ok(None);
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).append(!self.is_at_home).create(!self.is_at_home).mode(0o600);
        let file = options.open(&self.path).map_err(|error| self.failed(&error))?;
        if !file.metadata()?.is_file() {
            return Err(self.trouble(&"it is not a plain file"));
        }
        // A process that was just started holds what its parent had open, until it becomes another program.
        let is_ours = (0..LOOKS).any(|look| {
            std::thread::sleep(LOOK * look.min(1));
            file.try_lock().is_ok()
        });
        if !is_ours {
            return Err(self.trouble(&"another process writes it"));
        }
        if is_new {
            self.sync_folder()?;
        }
        Ok(Some(file))
    }

    /// Its name too must outlive a power cut: a finished import writes no letter again.
    fn sync_folder(&self) -> Result<(), LedgerError> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        Ok(File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?)
    }

    /// A file that a person named may just be the wrong one; else it is the disk that fails.
    fn failed(&self, error: &std::io::Error) -> LedgerError {
        use std::io::ErrorKind::{
            IsADirectory, NotADirectory, NotFound, PermissionDenied, ReadOnlyFilesystem,
        };
        let is_wrong = [IsADirectory, NotADirectory, NotFound, PermissionDenied, ReadOnlyFilesystem]
            .contains(&error.kind());
        let trouble = self.trouble(&plain(error));
        if is_wrong && !self.is_at_home || error.kind() == IsADirectory {
            return trouble;
        }
        std::io::Error::new(error.kind(), trouble.to_string()).into()
    }

    fn trouble(&self, why: &dyn std::fmt::Display) -> LedgerError {
        LedgerError::Letters(format!(
            "the dead-letter file `{}` cannot be written: {why}",
            self.path.display()
        ))
    }

    fn set_aside(&mut self) -> Result<(), LedgerError> {
        for number in 1.. {
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".{number}"));
            let aside = PathBuf::from(name);
            if !aside.exists() {
                std::fs::rename(&self.path, &aside)?;
                self.aside = Some(aside);
                break;
            }
        }
        Ok(())
    }

    /// Appends what the ledger has and the file lacks, and syncs it.
    pub(super) fn append(&mut self, conn: &Connection) -> Result<(), LedgerError> {
        let sql = if self.has_gaps {
            present::MISSING
        } else {
            "SELECT number, line FROM letter WHERE number > ?1 ORDER BY number"
        };
        let mut missing = conn.prepare_cached(sql)?;
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
        if last == self.letters && !self.has_gaps {
            return Ok(());
        }
        self.write(&text)?;
        if std::mem::take(&mut self.has_gaps) {
            last = conn.query_row("SELECT coalesce(max(number), 0) FROM letter", [], |row| row.get(0))?;
        }
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
            let file = made.map_err(|error| self.failed(&error))?;
            file.lock()?;
            self.sync_folder()?;
            self.file = Some(file);
        }
        if !text.is_empty() && std::mem::take(&mut self.is_line_open) {
            self.put(b"\n")?;
        }
        self.put(text)
    }

    fn put(&mut self, text: &[u8]) -> Result<(), LedgerError> {
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
        // A sector of a write that was never synced may be full of zeros, and no letter holds one.
        let mut pairs = held.iter().zip(line.iter().chain(b"\n"));
        if !pairs.all(|(held, expected)| held == expected || *held == 0) {
            return Ok(false);
        }
        if held.len() <= line.len() {
            return Ok(true);
        }
    }
    Ok(rest.read(&mut [0])? == 0)
}

/// Whether the last of so many bytes is not a line end.
fn is_line_open(file: &mut File, len: u64) -> std::io::Result<bool> {
    let mut last = [b'\n'];
    if len > 0 {
        file.seek(SeekFrom::Start(len - 1))?;
        file.read_exact(&mut last)?;
    }
    Ok(last != *b"\n")
}

fn plain(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such folder".to_owned(),
        _ => error.to_string(),
    }
}
