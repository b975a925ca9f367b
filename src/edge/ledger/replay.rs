//! What a replay's ledger knows beyond an import's: which dead letter each of its rows was. Whether a letter was
//! delivered follows from where its row is, so there is no second book to fall behind the first.

use super::{Found, Ledger, LedgerError, View, reading, schema, writing};
use crate::model::{
    BatchSeq, Digest, Hasher, ImportId, ImportRecord, ImportState, LetterId, Ordinal, RowSet, Tally,
};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use std::collections::HashMap;
use std::path::Path;

/// Where a letter stands in one replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Taken over and not sent yet.
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
    doubted: Option<RowSet>,
}

impl Ledger {
    /// Begins to write a replay down in a new ledger.
    pub fn replaying(&mut self) -> Result<Replaying<'_>, LedgerError> {
        if !self.is_new {
            return Err(LedgerError::Refused("a replay has begun in it before".to_owned()));
        }
        let txn = self.conn.transaction()?;
        schema::create(&txn)?;
        txn.execute_batch(
            "CREATE TEMP TABLE seen (letter BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
             CREATE TEMP TABLE piece (letter BLOB, piece BLOB, PRIMARY KEY (letter, piece)) STRICT, WITHOUT ROWID;",
        )?;
        Ok(Replaying { txn, is_new: &mut self.is_new, taken: 0, doubted: None })
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

    /// This is one of the rows that a person made of a letter.
    pub fn note_piece(&self, letter: LetterId, piece: LetterId) -> Result<(), LedgerError> {
        self.txn
            .prepare_cached("INSERT OR IGNORE INTO temp.piece (letter, piece) VALUES (?1, ?2)")?
            .execute([letter.0, piece.0])?;
        Ok(())
    }

    /// Several rows were made of it.
    pub fn is_divided(&self, letter: LetterId) -> Result<bool, LedgerError> {
        let mut select =
            self.txn.prepare_cached("SELECT 1 FROM temp.piece WHERE letter = ?1 LIMIT 1 OFFSET 1")?;
        Ok(select.exists([letter.0])?)
    }

    /// The next row is this letter's. `is_doubted`: it may have been applied before.
    pub fn take(&mut self, letter: LetterId, is_doubted: bool) -> Result<(), LedgerError> {
        self.txn
            .prepare_cached("INSERT INTO origin (ordinal, letter) VALUES (?1, ?2)")?
            .execute(params![self.taken, letter.0])?;
        if is_doubted {
            let row = Ordinal(self.taken as u64);
            match &mut self.doubted {
                Some(rows) => rows.push(row),
                None => self.doubted = Some(RowSet::range(row, 1)),
            }
        }
        self.taken += 1;
        Ok(())
    }

    /// Which letters were taken, in their order.
    pub fn names(&self) -> Result<Digest, LedgerError> {
        let mut select = self.txn.prepare("SELECT letter FROM origin ORDER BY ordinal")?;
        let mut rows = select.query([])?;
        let mut hasher = Hasher::new("bulkhaul/letters");
        while let Some(row) = rows.next()? {
            hasher = hasher.field(row.get_ref(0)?.as_bytes().map_err(rusqlite::Error::from)?);
        }
        Ok(hasher.finish())
    }

    /// The rows that may have been applied before.
    pub fn doubted(&self) -> Option<&RowSet> {
        self.doubted.as_ref()
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

    /// Another row was delivered under a natural key, and none of this replay, which is `import` here, may have it.
    pub fn delivered_key(&self, key: Digest, import: u64) -> Result<(), LedgerError> {
        self.txn
            .prepare_cached("INSERT OR IGNORE INTO natural_key (key, import, seq) VALUES (?1, ?2, -1)")?
            .execute(params![key.0, import as i64])?;
        Ok(())
    }

    /// Writes it down.
    pub fn begin(self, import: &ImportRecord, inputs: &str) -> Result<(), LedgerError> {
        writing::begin(&self.txn, import, inputs)?;
        self.txn.execute_batch("DROP TABLE temp.seen; DROP TABLE temp.piece")?;
        self.txn.commit()?;
        *self.is_new = false;
        Ok(())
    }
}

/// A replay that no process runs, looked at.
#[derive(Debug)]
pub struct ReplayView {
    view: View,
    found: Found,
    /// Rows without an end, and whether they may have been sent.
    unsettled: Vec<(RowSet, bool)>,
}

impl ReplayView {
    /// `None` if none has begun in this ledger.
    pub fn open(ledger: &Path) -> Result<Option<Self>, LedgerError> {
        let view = View::open(ledger)?;
        let Some(found) = view.newest()? else { return Ok(None) };
        let unsettled = reading::unsettled(&view.conn, found.import.number)?;
        let unsettled = unsettled.into_iter().map(|open| (open.batch.rows.clone(), open.may_have_left()));
        let unsettled = unsettled.collect();
        Ok(Some(Self { view, found, unsettled }))
    }

    pub fn import(&self) -> &ImportRecord {
        &self.found.import
    }

    pub fn tally(&self) -> &Tally {
        &self.found.tally
    }

    /// What it began with, and where it stands.
    pub fn found(&self) -> &Found {
        &self.found
    }

    /// It is not finished, and nobody knows what came of some of its requests: only its own run can ask again under their
    /// keys.
    pub fn is_in_flight(&self) -> bool {
        self.found.import.state == ImportState::Open
            && self.unsettled.iter().any(|(_, may_have_left)| *may_have_left)
    }

    /// Which letter this row of the replay was.
    pub fn letter(&self, ordinal: Ordinal) -> Result<Option<LetterId>, LedgerError> {
        let mut select = self.view.conn.prepare_cached("SELECT letter FROM origin WHERE ordinal = ?1")?;
        Ok(select.query_row([ordinal.0 as i64], |row| Ok(LetterId(row.get(0)?))).optional()?)
    }

    /// Its ledger, as that of any import.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// Where a letter stands here; `None` if it was not taken over.
    pub fn standing(&self, letter: LetterId) -> Result<Option<Standing>, LedgerError> {
        self.ordinal(letter)?.map(|ordinal| self.standing_of(ordinal)).transpose()
    }

    /// Which row of the replay this letter is.
    pub fn ordinal(&self, letter: LetterId) -> Result<Option<Ordinal>, LedgerError> {
        let mut select = self.view.conn.prepare_cached("SELECT ordinal FROM origin WHERE letter = ?1")?;
        let ordinal: Option<i64> = select.query_row([letter.0], |row| row.get(0)).optional()?;
        Ok(ordinal.map(|number| Ordinal(number as u64)))
    }

    pub fn folder(&self) -> &Path {
        self.view.path.parent().unwrap_or(&self.view.path)
    }

    pub(super) fn conn(&self) -> &Connection {
        &self.view.conn
    }

    /// Where a row stands.
    pub fn standing_of(&self, ordinal: Ordinal) -> Result<Standing, LedgerError> {
        if self.found.cursor.is_none_or(|cursor| ordinal >= cursor.ordinal) {
            return Ok(Standing::Waiting);
        }
        let sql = "SELECT 1 FROM letter WHERE import = ?1 AND ordinal = ?2";
        let mut refused = self.view.conn.prepare_cached(sql)?;
        if refused.exists([self.found.import.number as i64, ordinal.0 as i64])? {
            return Ok(Standing::RefusedAgain);
        }
        Ok(match self.unsettled.iter().find(|(rows, _)| rows.contains(ordinal)) {
            None => Standing::Delivered,
            Some((_, true)) => Standing::InDoubt,
            Some((_, false)) => Standing::Waiting,
        })
    }

    /// Hands over the natural keys that were decided against, and how often.
    pub fn refused_keys(
        &self,
        each: &mut dyn FnMut(Digest, u32) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        self.view.refused_keys(each)
    }

    /// Whether one of its rows was delivered under a natural key.
    pub fn has_delivered(&self, key: Digest) -> Result<bool, LedgerError> {
        self.view.has_delivered(key, None)
    }
}

/// A batch that a letter speaks of.
#[derive(Clone, Debug)]
pub struct BatchOf {
    pub seq: u64,
    /// The batch that was cut from the input.
    pub rank: u64,
    pub rows: RowSet,
}

/// Rows without an end.
#[derive(Clone, Debug)]
pub struct WithoutEnd {
    pub is_doubt: bool,
    pub rows: RowSet,
    /// The batch whose letter speaks of them, if one does.
    pub told_by: Option<u64>,
}

/// By the batch that was cut from the input.
pub type RowsWithoutEnd = HashMap<u64, Vec<WithoutEnd>>;

/// Rows in doubt, and a letter about them, or about some of them and others.
#[derive(Clone, Debug)]
pub struct ToldDoubt<'a> {
    pub batch: BatchSeq,
    pub rows: RowSet,
    pub letter: &'a str,
    /// All that the letter is about.
    pub letter_rows: RowSet,
}

impl Ledger {
    /// Hands over each letter about rows that are in doubt, with each batch of those.
    pub fn told_doubts(
        &self,
        import: u64,
        each: &mut dyn FnMut(ToldDoubt<'_>) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        let mut select = self.conn.prepare(
            "SELECT batch.seq, batch.row_set, letter.line, teller.row_set AS letter_rows
             FROM letter JOIN batch AS teller ON teller.seq = letter.batch
             JOIN batch ON batch.import = letter.import AND batch.rank = teller.rank
             WHERE letter.import = ?1 AND letter.ordinal IS NULL AND batch.state = 'doubt'",
        )?;
        let mut rows = select.query([import as i64])?;
        while let Some(row) = rows.next()? {
            each(ToldDoubt {
                batch: BatchSeq(reading::number(row, "seq")?),
                rows: reading::row_set(row, "row_set")?,
                letter: row.get_ref("line")?.as_str().map_err(rusqlite::Error::from)?,
                letter_rows: reading::row_set(row, "letter_rows")?,
            })?;
        }
        Ok(())
    }
}

impl View {
    /// The batch of a letter, by what it went under.
    pub fn batch_of(&self, shown: &str) -> Result<Option<BatchOf>, LedgerError> {
        if self.is_new {
            return Ok(None);
        }
        let sql = "SELECT seq, rank, row_set FROM batch WHERE shown = ?1 ORDER BY seq DESC LIMIT 1";
        let mut select = self.conn.prepare_cached(sql)?;
        let mut rows = select.query([shown])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let (seq, rank) = (reading::number(row, "seq")?, reading::number(row, "rank")?);
        Ok(Some(BatchOf { seq, rank, rows: reading::row_set(row, "row_set")? }))
    }

    /// Of all imports.
    pub fn rows_without_end(&self) -> Result<RowsWithoutEnd, LedgerError> {
        let mut found = RowsWithoutEnd::new();
        if self.is_new {
            return Ok(found);
        }
        let mut select = self.conn.prepare(&format!(
            "SELECT rank, state, row_set, iif(EXISTS (
               SELECT 1 FROM letter WHERE letter.import = batch.import AND letter.ordinal IS NULL
                 AND letter.batch = batch.parent), parent, NULL) AS told_by
             FROM batch WHERE {}",
            schema::UNSETTLED
        ))?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let told_by: Option<i64> = row.get("told_by")?;
            found.entry(reading::number(row, "rank")?).or_default().push(WithoutEnd {
                is_doubt: row.get_ref("state")?.as_str().map_err(rusqlite::Error::from)? == "doubt",
                rows: reading::row_set(row, "row_set")?,
                told_by: told_by.map(|seq| seq as u64),
            });
        }
        Ok(found)
    }

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

    /// Whether a row of this import, or of any, was delivered under a natural key.
    pub fn has_delivered(&self, key: Digest, import: Option<u64>) -> Result<bool, LedgerError> {
        if self.is_new {
            return Ok(false);
        }
        let sql = "WITH RECURSIVE family (seq) AS (
                     SELECT seq FROM natural_key WHERE key = ?1 AND (?2 IS NULL OR import = ?2)
                     UNION SELECT batch.seq FROM batch JOIN family ON batch.parent = family.seq)
                   SELECT 1 FROM family JOIN batch USING (seq) WHERE batch.delivered > 0";
        let mut select = self.conn.prepare_cached(sql)?;
        Ok(select.exists(params![key.0, import.map(|number| number as i64)])?)
    }

    /// The identity of the first import: the state's own for as long as it lives.
    pub fn first_id(&self) -> Result<Option<ImportId>, LedgerError> {
        if self.is_new {
            return Ok(None);
        }
        let mut select = self.conn.prepare("SELECT id FROM import ORDER BY number LIMIT 1")?;
        Ok(select.query_row([], |row| Ok(ImportId(Digest(row.get(0)?)))).optional()?)
    }

    /// What the inputs were of the import with this identity; hexadecimal.
    pub fn inputs_of(&self, import_id: &str) -> Result<Option<String>, LedgerError> {
        let Some(id) = Digest::from_hex(import_id).filter(|_| !self.is_new) else { return Ok(None) };
        let mut select = self.conn.prepare_cached("SELECT inputs FROM import WHERE id = ?1")?;
        Ok(select.query_row([id.0], |row| row.get(0)).optional()?)
    }

    /// Whether an import has this identity; hexadecimal.
    pub fn knows(&self, import_id: &str) -> Result<bool, LedgerError> {
        let Some(id) = Digest::from_hex(import_id).filter(|_| !self.is_new) else { return Ok(false) };
        Ok(self.conn.prepare_cached("SELECT 1 FROM import WHERE id = ?1")?.exists([id.0])?)
    }
}
