//! The rows of an import that have their end, told again: `--results` may have heard of none of them, of some, or of
//! all. They follow from the batches and their ends; there is no second book of what was told.

use super::reading::{damaged, number, row_set};
use super::{Ledger, LedgerError};
use crate::model::{InputStart, Ordinal, RowSet, Settled};
use rusqlite::{Connection, params};

/// Dead letters handed over at a time.
const LETTERS: usize = 1024;

impl Ledger {
    /// Hands over each row of an import that was delivered or rejected, a batch at a time. What the target calls them is
    /// not in the ledger.
    pub fn settled<E: From<LedgerError>>(
        &self,
        import: u64,
        each: &mut dyn FnMut(&[Settled]) -> Result<(), E>,
    ) -> Result<(), E> {
        let seams = Seams::read(&self.conn, import)?;
        delivered(&self.conn, import, &mut |rows| {
            let rows: Vec<Settled> = rows.map(|row| seams.settled(row, Settled::DELIVERED)).collect();
            each(&rows)
        })?;
        let mut from = 0;
        loop {
            let rows = rejected(&self.conn, import, from)?;
            let Some(last) = rows.last() else { return Ok(()) };
            from = last.0 + 1;
            let rows: Vec<Settled> =
                rows.into_iter().map(|row| seams.settled(row, Settled::REJECTED)).collect();
            each(&rows)?;
        }
    }
}

/// Where one input ends and the next begins.
pub(super) struct Seams(Vec<InputStart>);

impl Seams {
    pub(super) fn read(conn: &Connection, import: u64) -> Result<Self, LedgerError> {
        let mut seams = vec![InputStart { input: 0, first: Ordinal(0) }];
        let mut select =
            conn.prepare("SELECT input, first FROM input_start WHERE import = ?1 ORDER BY input")?;
        let mut rows = select.query([import as i64])?;
        while let Some(row) = rows.next()? {
            seams.push(InputStart { input: row.get("input")?, first: Ordinal(number(row, "first")?) });
        }
        Ok(Self(seams))
    }

    /// Input, and number in it, from 1.
    pub(super) fn place(&self, row: Ordinal) -> (u32, u64) {
        let InputStart { input, first } = self.0[self.0.partition_point(|start| start.first <= row) - 1];
        (input, row.0 - first.0 + 1)
    }

    fn settled(&self, row: Ordinal, verdict: &'static str) -> Settled {
        let (input, row) = self.place(row);
        Settled { input, row, verdict, id: None }
    }
}

/// The rows that ended in each batch by being delivered: not refused in it, and in none of its children.
fn delivered<E: From<LedgerError>>(
    conn: &Connection,
    import: u64,
    each: &mut dyn FnMut(&mut dyn Iterator<Item = Ordinal>) -> Result<(), E>,
) -> Result<(), E> {
    let failed = |error: rusqlite::Error| E::from(LedgerError::from(error));
    let sql =
        "SELECT seq, rows, row_set, delivered FROM batch WHERE import = ?1 AND delivered > 0 ORDER BY seq";
    let mut batches = conn.prepare(sql).map_err(failed)?;
    let mut batches = batches.query([import as i64]).map_err(failed)?;
    while let Some(batch) = batches.next().map_err(failed)? {
        let (rows, count) = (row_set(batch, "row_set")?, number(batch, "delivered")?);
        if number(batch, "rows")? == count {
            each(&mut rows.iter())?;
            continue;
        }
        let elsewhere = elsewhere(conn, import, number(batch, "seq")?, &rows)?;
        let mut rows: Vec<Ordinal> = rows.iter().collect();
        rows.retain(|row| !elsewhere.iter().any(|other| other.contains(*row)));
        if rows.len() as u64 != count {
            return Err(damaged("the end of a batch").into());
        }
        each(&mut rows.into_iter())?;
    }
    Ok(())
}

/// Rows of a batch that have or will have their end elsewhere.
fn elsewhere(conn: &Connection, import: u64, seq: u64, rows: &RowSet) -> Result<Vec<RowSet>, LedgerError> {
    let mut sets = Vec::new();
    let mut select = conn.prepare_cached("SELECT row_set FROM batch WHERE parent = ?1")?;
    let mut children = select.query([seq as i64])?;
    while let Some(child) = children.next()? {
        sets.push(row_set(child, "row_set")?);
    }
    let (first, last) = (rows.first().0 as i64, rows.last().0 as i64);
    let sql = "SELECT ordinal FROM letter WHERE import = ?1 AND ordinal BETWEEN ?2 AND ?3 ORDER BY ordinal";
    let mut select = conn.prepare_cached(sql)?;
    let refused = select.query_map(params![import as i64, first, last], |row| row.get::<_, i64>(0))?;
    let refused: Vec<Ordinal> =
        refused.map(|row| Ok(Ordinal(row? as u64))).collect::<Result<_, LedgerError>>()?;
    sets.extend(RowSet::from_ordinals(refused));
    Ok(sets)
}

/// The next rows from this one on that were refused.
fn rejected(conn: &Connection, import: u64, from: u64) -> Result<Vec<Ordinal>, LedgerError> {
    let sql = "SELECT ordinal FROM letter WHERE import = ?1 AND ordinal >= ?2 ORDER BY ordinal LIMIT ?3";
    let mut select = conn.prepare_cached(sql)?;
    let rows =
        select.query_map(params![import as i64, from as i64, LETTERS as i64], |row| row.get::<_, i64>(0))?;
    rows.map(|row| Ok(Ordinal(row? as u64))).collect()
}
