//! Rows in doubt that a person has looked for at the target: the doubt about them ends, and nothing is sent.

use super::page::Page;
use super::{Ledger, LedgerError, writing};
use crate::model::{BatchSeq, DeadLetter};
use rusqlite::{Connection, params};

/// Instead of the key that a batch with dead letters was shown under: so it is found by the index of those.
const BY_WORD: &str = "verdict";

/// Rows of an import that are delivered by such a word: nothing else settles a request and leaves standing why it was in
/// doubt.
pub(super) fn told_applied(conn: &Connection, import: i64) -> Result<u64, LedgerError> {
    let sql = "SELECT coalesce(sum(delivered), 0) FROM batch INDEXED BY batch_shown
               WHERE shown IS NOT NULL AND import = ?1 AND state = 'settled' AND why IS NOT NULL";
    let rows: i64 = conn.query_row(sql, [import], |row| row.get(0))?;
    Ok(rows.max(0) as u64)
}

impl Ledger {
    /// Ends the doubt about a batch of a complete import: its rows are delivered, or they are these dead letters.
    pub fn end_doubt(&mut self, seq: BatchSeq, missing: &[DeadLetter]) -> Result<(), LedgerError> {
        let (import, batch) = (self.import as i64, seq.0 as i64);
        let txn = self.conn.transaction()?;
        self.letters.record(&txn)?;
        let sql = "SELECT rows FROM batch WHERE seq = ?1 AND import = ?2 AND state = 'doubt'";
        let rows: i64 = txn.query_row(sql, [batch, import], |row| row.get(0))?;
        if !missing.is_empty() && missing.len() as i64 != rows {
            return Err(LedgerError::Refused("the rows of a batch cannot be read again".to_owned()));
        }
        let rejected = missing.len() as i64;
        let delivered = rows - rejected;
        txn.execute(
            "UPDATE batch SET state = 'settled', delivered = ?2, rejected = ?3, shown = coalesce(shown, ?4) WHERE seq = ?1",
            params![batch, delivered, rejected, BY_WORD],
        )?;
        txn.execute("DELETE FROM kept WHERE seq = ?1", [batch])?;
        let page = Page::new(&txn, self.import, None);
        page.add("delivered", delivered as u64);
        page.add("settled", 1);
        writing::refuse(&page, import, Some(seq.0), missing)?;
        page.close()?;
        txn.execute("UPDATE import SET in_doubt = in_doubt - ?2 WHERE number = ?1", [import, rows])?;
        // As the import would have ended.
        txn.execute(
            "UPDATE import SET exit = iif(in_doubt > 0, 5, iif(rejected > 0, 3, 0))
             WHERE number = ?1 AND state = 'complete'",
            [import],
        )?;
        txn.commit()?;
        self.project()
    }
}
