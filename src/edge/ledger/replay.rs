//! What a replay's ledger knows beyond an import's: which dead letter each of its rows was. Whether a letter was
//! delivered follows from where its row is, so there is no second book to fall behind the first.

use super::{Ledger, LedgerError, View, reading, schema, writing};
use crate::model::{Digest, ImportRecord, LetterId, Ordinal, RowSet};
use rusqlite::{OptionalExtension, Transaction, params};
use std::path::Path;

/// Where a letter stands in one replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Taken over and not read yet.
    Waiting,
    Delivered,
    RefusedAgain,
    /// Sent, and nobody knows what came of it.
    InDoubt,
}

/// A replay that is being written down: all of it is durable with [`Self::begin`], or nothing.
#[derive(Debug)]
pub struct Replaying<'a> {
    txn: Transaction<'a>,
    is_new: &'a mut bool,
    taken: i64,
}

impl Ledger {
    /// Begins to write a replay down in a new ledger.
    pub fn replaying(&mut self) -> Result<Replaying<'_>, LedgerError> {
        if !self.is_new {
            return Err(LedgerError::Refused("a replay has begun in it before".to_owned()));
        }
        let txn = self.conn.transaction()?;
        schema::create(&txn)?;
        txn.execute_batch("CREATE TEMP TABLE seen (letter BLOB PRIMARY KEY) STRICT, WITHOUT ROWID")?;
        Ok(Replaying { txn, is_new: &mut self.is_new, taken: 0 })
    }
}

impl Replaying<'_> {
    /// Whether this letter was not shown before.
    pub fn see(&self, letter: LetterId) -> Result<bool, LedgerError> {
        let new = self
            .txn
            .prepare_cached("INSERT OR IGNORE INTO temp.seen (letter) VALUES (?1)")?
            .execute([letter.0])?;
        Ok(new == 1)
    }

    /// The next row is this letter's.
    pub fn take(&mut self, letter: LetterId) -> Result<(), LedgerError> {
        self.txn
            .prepare_cached("INSERT INTO origin (ordinal, letter) VALUES (?1, ?2)")?
            .execute(params![self.taken, letter.0])?;
        self.taken += 1;
        Ok(())
    }

    pub fn taken(&self) -> u64 {
        self.taken as u64
    }

    /// A natural key was decided against so often before.
    pub fn refused_key(&self, key: Digest, refusals: u32) -> Result<(), LedgerError> {
        self.txn
            .prepare_cached(
                "INSERT INTO natural_key (key, import, seq, refusals) VALUES (?1, 0, 0, ?2)
                 ON CONFLICT DO UPDATE SET refusals = max(refusals, ?2)",
            )?
            .execute(params![key.0, refusals])?;
        Ok(())
    }

    /// Writes it down.
    pub fn begin(self, import: &ImportRecord, inputs: &str) -> Result<(), LedgerError> {
        writing::begin(&self.txn, import, inputs)?;
        self.txn.execute_batch("DROP TABLE temp.seen")?;
        self.txn.commit()?;
        *self.is_new = false;
        Ok(())
    }
}

/// A replay that no process runs, looked at.
#[derive(Debug)]
pub struct ReplayView {
    view: View,
    import: ImportRecord,
    read: Ordinal,
    unsettled: Vec<RowSet>,
}

impl ReplayView {
    /// `None` if none has begun in this ledger.
    pub fn open(ledger: &Path) -> Result<Option<Self>, LedgerError> {
        let view = View::open(ledger)?;
        let Some(found) = view.newest()? else { return Ok(None) };
        let unsettled = reading::unsettled(&view.conn, found.import.number)?;
        let unsettled = unsettled.into_iter().map(|unsettled| unsettled.batch.rows).collect();
        let read = found.cursor.map_or(Ordinal(0), |cursor| cursor.ordinal);
        Ok(Some(Self { view, import: found.import, read, unsettled }))
    }

    pub fn import(&self) -> &ImportRecord {
        &self.import
    }

    /// Which letter this row of the replay was.
    pub fn letter(&self, ordinal: Ordinal) -> Result<Option<LetterId>, LedgerError> {
        let mut select = self.view.conn.prepare_cached("SELECT letter FROM origin WHERE ordinal = ?1")?;
        Ok(select.query_row([ordinal.0 as i64], |row| Ok(LetterId(row.get(0)?))).optional()?)
    }

    /// The rows in doubt that a letter about several of them speaks of, by the first.
    pub fn in_doubt_from(&self, first: Ordinal) -> Option<&RowSet> {
        self.unsettled.iter().find(|rows| rows.first() == first)
    }

    /// Where a letter stands here; `None` if it was not taken over.
    pub fn standing(&self, letter: LetterId) -> Result<Option<Standing>, LedgerError> {
        let conn = &self.view.conn;
        let mut select = conn.prepare_cached("SELECT ordinal FROM origin WHERE letter = ?1")?;
        let ordinal: Option<i64> = select.query_row([letter.0], |row| row.get(0)).optional()?;
        let Some(number) = ordinal else { return Ok(None) };
        let ordinal = Ordinal(number as u64);
        if ordinal >= self.read {
            return Ok(Some(Standing::Waiting));
        }
        let mut refused = conn.prepare_cached("SELECT 1 FROM letter WHERE import = ?1 AND ordinal = ?2")?;
        if refused.exists([self.import.number as i64, number])? {
            return Ok(Some(Standing::RefusedAgain));
        }
        let unsettled = self.unsettled.iter().any(|rows| rows.contains(ordinal));
        Ok(Some(if unsettled { Standing::InDoubt } else { Standing::Delivered }))
    }

    /// Hands over the natural keys that were decided against, and how often.
    pub fn refused_keys(
        &self,
        each: &mut dyn FnMut(Digest, u32) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        self.view.refused_keys(each)
    }
}

impl View {
    /// As [`ReplayView::refused_keys`].
    pub fn refused_keys(
        &self,
        each: &mut dyn FnMut(Digest, u32) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        if self.is_new {
            return Ok(());
        }
        let sql = "SELECT key, max(refusals) FROM natural_key WHERE refusals > 0 GROUP BY key";
        let mut select = self.conn.prepare(sql)?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            each(Digest(row.get(0)?), row.get(1)?)?;
        }
        Ok(())
    }

    /// Whether an import has this identity; hexadecimal.
    pub fn knows(&self, import_id: &str) -> Result<bool, LedgerError> {
        let Some(id) = Digest::from_hex(import_id).filter(|_| !self.is_new) else { return Ok(false) };
        Ok(self.conn.prepare("SELECT 1 FROM import WHERE id = ?1")?.exists([id.0])?)
    }
}
