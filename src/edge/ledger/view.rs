//! A ledger that is only looked at: by `status`, `rejects` and whoever else wants to know. Nothing is made, changed
//! or locked, so it may lie on a disk that cannot be written, in an archive, or beside a run that begins this moment.
//!
//! `SQLite` would make files beside a database in write-ahead mode, even to read it. There are two ways around it:
//! without a log the file is opened as one that never changes; with a log (the run was killed) its index is kept in
//! memory, which takes a database that nobody else has open. Whoever opens a view has seen that no run holds the
//! state, and asks [`View::is_still`] at the end whether that has remained so.

use super::written::Written;
use super::{Found, LedgerError, history, reading, schema, verdict};
use crate::model::{Sample, WallTime};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Params, params};
use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// See the module.
#[derive(Debug)]
pub struct View {
    pub(super) conn: Connection,
    pub(super) path: PathBuf,
    seen: Stamp,
    pub(super) is_new: bool,
    pub(super) written: OnceCell<Written>,
}

/// Size and last change of a ledger and of its log. While it is the same, no run has come and gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp([Option<(u64, SystemTime)>; 2]);

impl Stamp {
    pub fn of(path: &Path) -> Self {
        let mut log = path.to_owned().into_os_string();
        log.push("-wal");
        Self([path, Path::new(&log)].map(|path| {
            let facts = path.metadata().ok()?;
            Some((facts.len(), facts.modified().ok()?))
        }))
    }

    fn has_log(&self) -> bool {
        self.0[1].is_some_and(|(len, _)| len > 0)
    }
}

/// What is known of an import beyond its tally.
#[derive(Clone, Debug, Default)]
pub struct Details {
    pub planned: u64,
    pub settled: u64,
    pub split: u64,
    /// Rows that were sent, or were about to be: nobody knows without asking.
    pub prepared_rows: u64,
    /// Rows that are written down, and surely were not applied.
    pub unsent_rows: u64,
    /// Jobs that the target has taken on and that have not ended, and their rows.
    pub jobs: u64,
    pub job_rows: u64,
    /// Why rows are in doubt, with their number; the most frequent first.
    pub doubts: Vec<(String, u64)>,
    /// Rows in doubt of earlier streams, and those that were being taken up when a run ended.
    pub doubts_earlier: u64,
    pub pending_earlier: u64,
    /// Rows that are delivered because a person said that they are there.
    pub told_applied: u64,
    pub pause_until: Option<WallTime>,
    pub learned_rows: Option<u64>,
    pub learned_bytes: Option<u64>,
}

/// Why rows were refused.
#[derive(Clone, Debug, Default)]
pub struct Refusals {
    /// By code, the most frequent first, and not all of them.
    pub reasons: Vec<(String, u64)>,
    /// Rows in doubt because the target refused some of them and did not say which; and how many it refused.
    pub unnamed_rows: u64,
    pub unnamed: u64,
    /// Why the most of the other rows in doubt are, and how many these are.
    pub doubt: Option<(String, u64)>,
    /// Rows in doubt of jobs whose end was not seen.
    pub of_jobs: u64,
}

impl View {
    /// Opens a ledger that no run has open.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let seen = Stamp::of(path);
        if is_being_made(path) {
            return Ok(Self {
                conn: Connection::open_in_memory()?,
                path: path.to_owned(),
                seen,
                is_new: true,
                written: OnceCell::new(),
            });
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = if seen.has_log() {
            let conn = Connection::open_with_flags_and_vfs(path, flags, c"unix-none")?;
            conn.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
            conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
            conn
        } else {
            let whole = std::path::absolute(path)?;
            Connection::open_with_flags(uri(&whole), flags | OpenFlags::SQLITE_OPEN_URI)?
        };
        schema::distrust(&conn)?;
        let is_new = !schema::is_committed(&conn)?;
        Ok(Self { conn, path: path.to_owned(), seen, is_new, written: OnceCell::new() })
    }

    /// Whether the files are what they were when the view was opened. If not, what was read means nothing.
    pub fn is_still(&self) -> bool {
        Stamp::of(&self.path) == self.seen
    }

    /// The newest import; `None` if none has begun.
    pub fn newest(&self) -> Result<Option<Found>, LedgerError> {
        if self.is_new { Ok(None) } else { reading::newest(&self.conn) }
    }

    pub fn details(&self, import: u64) -> Result<Details, LedgerError> {
        let number = import as i64;
        let mut details = Details::default();
        let unsigned = |value: i64| u64::try_from(value).unwrap_or_default();
        (details.planned, details.settled, details.split) = self.conn.query_row(
            "SELECT planned, settled, split FROM import WHERE number = ?1",
            [number],
            |row| Ok((unsigned(row.get(0)?), unsigned(row.get(1)?), unsigned(row.get(2)?))),
        )?;
        let mut states = self.conn.prepare(&format!(
            "SELECT iif(state = 'prepared' AND may_have_left = 0, 'unsent', state), count(*), sum(rows) FROM batch
             WHERE import = ?1 AND {} GROUP BY 1",
            schema::UNSETTLED
        ))?;
        let mut rows = states.query([number])?;
        while let Some(row) = rows.next()? {
            let (batches, sum) = (unsigned(row.get(1)?), unsigned(row.get(2)?));
            match row.get_ref(0)?.as_str().unwrap_or_default() {
                "prepared" => details.prepared_rows = sum,
                "unsent" => details.unsent_rows = sum,
                "accepted" => (details.jobs, details.job_rows) = (batches, sum),
                _ => {}
            }
        }
        let mut whys = self.conn.prepare(
            "SELECT coalesce(why, ''), sum(rows) AS n FROM batch WHERE import = ?1 AND state = 'doubt'
             GROUP BY 1 ORDER BY n DESC LIMIT 5",
        )?;
        let whys = whys.query_map([number], |row| Ok((row.get(0)?, unsigned(row.get(1)?))))?;
        details.doubts = whys.collect::<Result<_, _>>()?;
        for Found { tally, .. } in self.earlier_streams()? {
            details.doubts_earlier += tally.in_doubt;
            details.pending_earlier += tally.pending;
        }
        details.told_applied = verdict::told_applied(&self.conn, number)?;
        let target = self
            .conn
            .query_row("SELECT pause_until, learned_rows, learned_bytes FROM target", [], |row| {
                Ok((row.get(0)?, row.get::<_, Option<i64>>(1)?, row.get::<_, Option<i64>>(2)?))
            })
            .optional()?;
        if let Some((pause, rows, bytes)) = target {
            details.pause_until = Option::<i64>::map(pause, WallTime::from_millis);
            details.learned_rows = rows.map(unsigned);
            details.learned_bytes = bytes.map(unsigned);
        }
        Ok(details)
    }

    /// Why rows of an import were refused, over all its runs.
    pub fn refusals(&self, import: u64) -> Result<Refusals, LedgerError> {
        let unsigned = |value: i64| u64::try_from(value).unwrap_or_default();
        let mut select = self.conn.prepare(
            "SELECT code, count(*) AS n FROM letter WHERE import = ?1 AND ordinal IS NOT NULL
             GROUP BY code ORDER BY n DESC, min(number) LIMIT 4",
        )?;
        let reasons = select.query_map([import as i64], |row| Ok((row.get(0)?, unsigned(row.get(1)?))))?;
        let reasons = reasons.collect::<Result<_, _>>()?;
        let (unnamed_rows, unnamed) = self.conn.query_row(
            "SELECT coalesce(sum(batch.rows), 0), coalesce(sum(json_extract(letter.line, '$.invalid')), 0)
             FROM letter JOIN batch ON batch.parent = letter.batch
             WHERE letter.import = ?1 AND letter.ordinal IS NULL AND batch.state = 'doubt'",
            [import as i64],
            |row| Ok((unsigned(row.get(0)?), unsigned(row.get(1)?))),
        )?;
        let doubt = self.main_doubt(import)?;
        let of_jobs = self.doubts_of_jobs(import)?;
        Ok(Refusals { reasons, unnamed_rows, unnamed, doubt, of_jobs })
    }

    /// What the runs of an import were like, in order, each line with the number of its run.
    pub fn history(&self, import: u64) -> Result<Vec<(u64, Sample)>, LedgerError> {
        if self.is_new { Ok(Vec::new()) } else { history::read(&self.conn, import) }
    }

    /// Hands over the dead letters of an import, one line each, in the order in which they were written.
    pub fn letters<E: From<LedgerError>>(
        &self,
        import: u64,
        each: &mut dyn FnMut(&str) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.is_new {
            return Ok(());
        }
        self.lines("SELECT line FROM letter WHERE import = ?1 ORDER BY number", params![import as i64], each)
    }

    /// Hands over what a query gives: lines.
    pub(super) fn lines<E: From<LedgerError>>(
        &self,
        query: &str,
        values: impl Params,
        each: &mut dyn FnMut(&str) -> Result<(), E>,
    ) -> Result<(), E> {
        let sql = |error: rusqlite::Error| E::from(LedgerError::from(error));
        let mut select = self.conn.prepare(query).map_err(sql)?;
        let mut rows = select.query(values).map_err(sql)?;
        while let Some(row) = rows.next().map_err(sql)? {
            let line = row.get_ref(0).map_err(sql)?;
            each(line.as_str().map_err(|error| sql(error.into()))?)?;
        }
        Ok(())
    }
}

/// A ledger is in write-ahead mode before it has a schema: a rollback journal beside it is from its making, which a power
/// cut can leave half done. What stands in the file then may be no database, and is no ledger yet.
fn is_being_made(path: &Path) -> bool {
    let mut journal = path.as_os_str().to_owned();
    journal.push("-journal");
    std::fs::metadata(journal).is_ok_and(|journal| journal.len() > 0)
}

/// The path as an address that says: this file does not change.
fn uri(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(byte) {
            uri.push(char::from(*byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri + "?immutable=1"
}
