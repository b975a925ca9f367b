//! The file that remembers what was applied.
//!
//! One `SQLite` connection, one transaction for each request. The schema:
//!
//! | table | a line for |
//! | --- | --- |
//! | `calls` | each handled request: its shape, path and key |
//! | `applied` | each applied row, in order, byte for byte |
//! | `answers` | each idempotency key, with the answer it got |
//! | `current` | each upserted entity, pointing to the row that holds now |
//! | `streams` | each event stream, with its length |
//! | `jobs` | each accepted job |
//! | `tallies`, `counters` | sums, so that none has to be counted |
//!
//! It must never touch a database that is not a sandbox's own.

use std::io;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

/// "BHSB", at its place in the file's header.
const APPLICATION: i32 = 0x4248_5342;
const FORMAT: i32 = 1;

const SCHEMA: &str = "
CREATE TABLE calls (id INTEGER PRIMARY KEY, shape TEXT NOT NULL, path TEXT NOT NULL, key TEXT);
CREATE TABLE applied (
    n INTEGER PRIMARY KEY, call INTEGER NOT NULL, identity INTEGER, place INTEGER, writes INTEGER,
    row TEXT NOT NULL);
CREATE TABLE answers (
    scope BLOB PRIMARY KEY, at INTEGER NOT NULL, body_hash BLOB NOT NULL, status INTEGER NOT NULL,
    body BLOB NOT NULL);
CREATE TABLE current (scope BLOB PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE streams (name TEXT PRIMARY KEY, length INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE jobs (
    id TEXT PRIMARY KEY, call INTEGER NOT NULL, rows TEXT NOT NULL, verdicts TEXT NOT NULL,
    match_key TEXT, polls_needed INTEGER NOT NULL, polls INTEGER NOT NULL DEFAULT 0, answer BLOB);
CREATE TABLE tallies (
    shape TEXT PRIMARY KEY, calls INTEGER NOT NULL, rows INTEGER NOT NULL, refused INTEGER NOT NULL,
    replays INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE counters (name TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
";

/// The open store.
#[derive(Debug)]
pub(super) struct Store {
    db: Connection,
}

impl Store {
    /// Opens or makes the file; without a path, a store that lives as long as the process.
    pub(super) fn open(path: Option<&Path>) -> io::Result<Self> {
        let named = |error: &dyn std::fmt::Display| {
            let place = path.map_or_else(|| "in memory".to_owned(), |path| path.display().to_string());
            io::Error::other(format!("the sandbox's store ({place}): {error}"))
        };
        if let Some(path) = path {
            make_private(path).map_err(|error| io::Error::new(error.kind(), named(&error)))?;
        }
        Self::connect(path).map_err(|error| named(&error))?.prepared().map_err(|error| match error {
            Unfit::Foreign => named(&"this file is a database, but not a sandbox's; choose another"),
            Unfit::Newer(format) => named(&format_args!("its format {format} is newer than this program")),
            Unfit::Sql(error) => named(&error),
        })
    }

    fn connect(path: Option<&Path>) -> rusqlite::Result<Self> {
        let db = match path {
            Some(path) => Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?,
            None => Connection::open_in_memory()?,
        };
        db.set_prepared_statement_cache_capacity(64);
        db.busy_timeout(std::time::Duration::from_secs(5))?;
        Ok(Self { db })
    }

    fn prepared(mut self) -> Result<Self, Unfit> {
        let header = |name: &str| self.db.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
        let (application, format) = (header("application_id")?, header("user_version")?);
        let tables: i64 = self.db.query_one("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        if application != APPLICATION && (application != 0 || format != 0 || tables != 0) {
            return Err(Unfit::Foreign);
        }
        if format > FORMAT {
            return Err(Unfit::Newer(format));
        }
        self.db.pragma_update(None, "journal_mode", "WAL")?;
        self.db.pragma_update(None, "synchronous", "NORMAL")?;
        self.db.pragma_update(None, "wal_autocheckpoint", 8000)?;
        self.db.pragma_update(None, "cache_size", -8192)?;
        if application == 0 {
            let change = self.begin()?;
            change.execute_batch(SCHEMA)?;
            change.pragma_update(None, "application_id", APPLICATION)?;
            change.pragma_update(None, "user_version", FORMAT)?;
            change.commit()?;
        }
        Ok(self)
    }

    fn begin(&mut self) -> rusqlite::Result<Transaction<'_>> {
        self.db.transaction_with_behavior(TransactionBehavior::Immediate)
    }

    /// All of it, or, where it fails, nothing.
    pub(super) fn transact<T>(
        &mut self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let change = self.begin()?;
        let outcome = work(&change)?;
        change.commit()?;
        Ok(outcome)
    }

    /// For looking only.
    pub(super) fn look<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        work(&self.db)
    }
}

#[derive(Debug)]
enum Unfit {
    Foreign,
    Newer(i32),
    Sql(rusqlite::Error),
}

impl From<rusqlite::Error> for Unfit {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

/// Makes the file if there is none, for its owner alone: it holds whole rows.
fn make_private(path: &Path) -> io::Result<()> {
    let mut how = std::fs::OpenOptions::new();
    how.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut how, 0o600);
    how.open(path).map(drop)
}
