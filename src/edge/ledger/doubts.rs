//! Rows in doubt of which no letter speaks: where they are in the input, and why nobody knows.

use super::told::Seams;
use super::{LedgerError, View, reading};

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

impl View {
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
