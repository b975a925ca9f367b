//! Rows in doubt of which no letter speaks: where they are in the input, and why nobody knows.

use super::told::Seams;
use super::{Found, Ledger, LedgerError, View, reading};
use rusqlite::OptionalExtension;

/// The rows of one request.
#[derive(Clone, Debug)]
pub struct Doubt {
    /// Input and row (from 1) of the first of them, and the line that it begins on.
    pub first: (u32, u64),
    pub line: u64,
    /// Of the last.
    pub last: (u32, u64),
    pub rows: u64,
    pub why: String,
}

/// Imports of streams behind number ?1 and before the newest, whose rows in doubt the ledger still has.
const STREAMS: &str = "SELECT number FROM import WHERE sync IS NULL AND number > ?1
  AND number < (SELECT max(number) FROM import) AND (state = 'open' AND ?2 OR EXISTS (
    SELECT 1 FROM batch JOIN kept USING (seq) WHERE batch.import = number AND batch.state = 'doubt' AND ?3)) ORDER BY number";

impl Ledger {
    /// The first earlier stream behind number `after` that was opened again and has not come to its end; where doubts are
    /// taken up (`takes_up`), also the first that has some.
    pub fn earlier_stream(&self, after: u64, takes_up: bool) -> Result<Option<Found>, LedgerError> {
        if self.is_new {
            return Ok(None);
        }
        let mut select = self.conn.prepare(STREAMS)?;
        let number: Option<i64> =
            select.query_row((after as i64, true, takes_up), |row| row.get(0)).optional()?;
        number.map(|number| reading::import(&self.conn, number as u64)).transpose()
    }
}

impl View {
    /// Earlier streams whose rows in doubt the ledger still has, or that were opened again for them.
    pub fn earlier_streams(&self) -> Result<Vec<Found>, LedgerError> {
        let mut select = self.conn.prepare(STREAMS)?;
        let numbers = select.query_map((0, true, true), |row| row.get::<_, i64>(0))?;
        let numbers: Vec<i64> = numbers.collect::<Result<_, _>>()?;
        numbers.into_iter().map(|number| reading::import(&self.conn, number as u64)).collect()
    }

    /// Rows of a feed that an earlier one has left in doubt, and that this one has as they were. What the ledger still knows
    /// of them is their hash.
    pub fn held(&self, import: u64) -> Result<u64, LedgerError> {
        reading::held(&self.conn, import)
    }

    /// In the order of the input.
    pub fn doubts(&self, import: u64) -> Result<Vec<Doubt>, LedgerError> {
        let seams = Seams::read(&self.conn, import)?;
        let mut select = self.conn.prepare(
            "SELECT row_set, input, row, line, coalesce(why, '') AS why FROM batch
             WHERE import = ?1 AND state = 'doubt' AND NOT EXISTS (
               SELECT 1 FROM letter WHERE letter.import = batch.import AND letter.ordinal IS NULL
                 AND letter.batch = batch.parent)
             ORDER BY input, row",
        )?;
        let mut rows = select.query([import as i64])?;
        let mut doubts = Vec::new();
        while let Some(row) = rows.next()? {
            let set = reading::row_set(row, "row_set")?;
            doubts.push(Doubt {
                first: (row.get("input")?, reading::number(row, "row")?),
                line: reading::number(row, "line")?,
                last: seams.place(set.last()),
                rows: set.len(),
                why: row.get("why")?,
            });
        }
        Ok(doubts)
    }
}
