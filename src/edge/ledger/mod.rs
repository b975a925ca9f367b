//! The ledger: the `SQLite` file that knows what happened. One connection, one thread, every commit synced.
//!
//! It may say what was done, never where to send or what to open, and holds no secret. A failed commit is an
//! unknown one (the frame may be on the disk all the same): after any error here nothing more is written or sent,
//! and the next run reads what is true.

mod checking;
mod clerk;
mod deletions;
mod doubts;
mod feed;
mod fold;
mod history;
mod letters;
mod overtaken;
mod page;
mod present;
mod questions;
mod reading;
mod refused;
mod replay;
mod schema;
mod told;
mod verdict;
mod view;
mod writing;
mod written;

pub use checking::LetterFileState;
pub use clerk::{Clerk, Done};
pub use deletions::KeyHash;
pub use doubts::Doubt;
pub use feed::{EachReplayed, KeyTexts, LastFeed, NextRow, ReplayedRow, ReplayedRows};
pub use letters::LetterFile;
pub use questions::{Presumed, Question};
pub use reading::Found;
pub use replay::{BatchOf, ReplayView, Replaying, RowsWithoutEnd, Standing, ToldDoubt, WithoutEnd};
pub use view::{Details, Refusals, Stamp, View};

use crate::model::{
    BatchSeq, Begun, Canary, Entry, FeedKey, GroupId, ImportRecord, KeptRows, Noted, Recovered, Sample,
};
use history::History;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// The ledger could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("{0}")]
    Sql(#[from] rusqlite::Error),
    #[error("{0}")]
    File(#[from] std::io::Error),
    #[error("{0}")]
    Refused(String),
    /// Another version of this program wrote it.
    #[error("it has format {0}, and this program writes format {format}", format = schema::FORMAT)]
    Format(i64),
    /// The ledger is well, and the dead-letter file cannot be written.
    #[error("{0}")]
    Letters(String),
}

impl LedgerError {
    /// Another process has it open, though it does not hold the state's lock (someone deleted the lock file).
    pub fn is_held(&self) -> bool {
        matches!(self, Self::Sql(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy))
    }
}

/// An open ledger.
#[derive(Debug)]
pub struct Ledger {
    conn: Connection,
    letters: LetterFile,
    history: History,
    import: u64,
    is_new: bool,
    /// What rows are known by, if the import is of a feed.
    feed: Option<(FeedKey, KeyTexts)>,
}

impl Ledger {
    /// Opens or makes the file. The caller holds the state's lock.
    pub fn open(path: &Path, dead_letters: &Path) -> Result<Self, LedgerError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NOFOLLOW
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        // No link stands for the ledger itself; the way to its folder may hold as many as it likes.
        let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
        let real = folder.zip(path.file_name()).map(|(folder, name)| folder.join(name));
        let conn = Connection::open_with_flags(real.as_deref().unwrap_or(path), flags)?;
        schema::configure(&conn)?;
        let is_new = !schema::is_committed(&conn)?;
        let letters = LetterFile::at(dead_letters, path);
        Ok(Self { conn, letters, history: History::default(), import: 0, is_new, feed: None })
    }

    /// The newest import of this state; `None` in a new ledger.
    pub fn newest(&self) -> Result<Option<Found>, LedgerError> {
        if self.is_new { Ok(None) } else { reading::newest(&self.conn) }
    }

    /// Writes a new import down, and with the first one the schema: they are durable together or not at all.
    pub fn begin(&mut self, import: &ImportRecord, inputs: &str) -> Result<(), LedgerError> {
        self.begin_with(import, inputs, &overtaken::take_all)
    }

    /// As [`Self::begin`], of a stream that has other rows than the one before it: what was refused of that stays open.
    pub fn begin_beside(&mut self, import: &ImportRecord, inputs: &str) -> Result<(), LedgerError> {
        self.begin_with(import, inputs, &|_| Ok(()))
    }

    /// As [`Self::begin`], with what else is known from the beginning.
    fn begin_with(
        &mut self,
        import: &ImportRecord,
        inputs: &str,
        more: &dyn Fn(&Connection) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        let txn = self.conn.transaction()?;
        if self.is_new {
            schema::create(&txn)?;
        }
        writing::begin(&txn, import, inputs)?;
        more(&txn)?;
        txn.commit()?;
        self.is_new = false;
        Ok(())
    }

    /// What recovery finds of this import; also brings the dead-letter file to what the ledger says.
    pub fn recover(&mut self, number: u64) -> Result<Recovered, LedgerError> {
        self.import = number;
        self.letters.recover(&self.conn)?;
        self.project()?;
        self.history = History::begin(&self.conn)?;
        reading::recovered(&self.conn, number)
    }

    /// Brings the dead-letter file of an import that is over back to what the ledger says.
    pub fn restore_letters(&mut self) -> Result<(), LedgerError> {
        self.letters.recover(&self.conn)?;
        self.project()
    }

    /// Where the dead-letter file was put, if a person had changed it.
    pub fn letters_aside(&self) -> Option<&Path> {
        self.letters.aside.as_deref()
    }

    /// Closes an import that a person gives up, and lets go of the rows that were kept for it.
    pub fn abandon(&mut self, number: u64) -> Result<(), LedgerError> {
        let txn = self.conn.transaction()?;
        let number = number as i64;
        txn.execute("UPDATE import SET state = 'abandoned' WHERE number = ?1", [number])?;
        txn.execute("DELETE FROM kept WHERE seq IN (SELECT seq FROM batch WHERE import = ?1)", [number])?;
        txn.commit()?;
        Ok(())
    }

    /// The rows of a batch that were kept for it, because its input can't be read again.
    pub fn recall(&self, seq: BatchSeq) -> Result<KeptRows, LedgerError> {
        reading::kept(&self.conn, seq)
    }

    /// Whether this import has begun a group that had to be empty.
    pub fn begun(&self, group: GroupId) -> Result<Begun, LedgerError> {
        reading::begun(&self.conn, self.import, group)
    }

    /// Whether requests of an import are in doubt; of rows that were only passed over there is none to ask about.
    pub fn has_doubts(&self, number: u64) -> Result<bool, LedgerError> {
        let sql = "SELECT 1 FROM batch WHERE import = ?1 AND state = 'doubt'";
        Ok(self.conn.prepare(sql)?.exists([number as i64])?)
    }

    /// Opens a completed import again, to take up its rows in doubt.
    pub fn reopen(&mut self, number: u64) -> Result<(), LedgerError> {
        self.conn.execute("UPDATE import SET state = 'open' WHERE number = ?1", [number as i64])?;
        Ok(())
    }

    /// Nothing more will be read for the import, whatever its input was: it ends with the rows that it has.
    pub fn close_input(&mut self, number: u64) -> Result<(), LedgerError> {
        let sql = "UPDATE import SET drained = 2 WHERE number = ?1 AND drained = 0";
        self.conn.execute(sql, [number as i64])?;
        Ok(())
    }

    /// The input behind what was read is another one now; the import goes on with it.
    pub fn accept_tail(&mut self, number: u64, inputs: &str) -> Result<(), LedgerError> {
        let sql = "UPDATE import SET inputs = ?2, drained = 0 WHERE number = ?1";
        self.conn.execute(sql, rusqlite::params![number as i64, inputs])?;
        Ok(())
    }

    /// Applies entries in one transaction, durable on return, and then lets the dead-letter file follow. What was
    /// found meanwhile comes back for each.
    pub fn apply<'a>(&mut self, entries: impl Iterator<Item = &'a Entry>) -> Result<Vec<Noted>, LedgerError> {
        let noted = self.commit(entries)?;
        self.project()?;
        Ok(noted)
    }

    /// The first half of [`Self::apply`]: durable on return, and the dead-letter file is still as it was.
    pub fn commit<'a>(
        &mut self,
        entries: impl Iterator<Item = &'a Entry>,
    ) -> Result<Vec<Noted>, LedgerError> {
        let txn = self.conn.transaction()?;
        self.letters.record(&txn)?;
        let page = page::Page::new(&txn, self.import, self.feed.as_ref());
        let mut noted = Vec::new();
        for entry in entries {
            noted.push(writing::apply(&page, entry)?);
            if Canary::LettersBeforeLedger.is_loose() {
                self.letters.append(&txn)?;
            }
        }
        page.close()?;
        self.history.write(&txn, self.import)?;
        txn.commit()?;
        Ok(noted)
    }

    /// A line of the run's history, to be written with the next transaction.
    pub fn note(&mut self, sample: Sample) {
        self.history.add(sample);
    }

    /// Whether what is committed outlives a power cut.
    pub fn commits_are_synced(&self) -> Result<bool, LedgerError> {
        let level: i64 = self.conn.query_row("PRAGMA synchronous", [], |row| row.get(0))?;
        Ok(level >= 2)
    }

    /// The other half of [`Self::apply`]: appends what the file lacks; how far it reaches is recorded with the next
    /// transaction.
    pub fn project(&mut self) -> Result<(), LedgerError> {
        self.letters.append(&self.conn)
    }

    /// Records how far the dead-letter file reaches, and folds the log into the database.
    pub fn close(mut self) -> Result<(), LedgerError> {
        let txn = self.conn.transaction()?;
        self.letters.record(&txn)?;
        self.history.write(&txn, self.import)?;
        txn.commit()?;
        self.conn.close().map_err(|(_, error)| LedgerError::Sql(error))
    }
}
