//! Requests of earlier feeds of which nobody knows whether they were carried out. As long as nothing newer was sent of their
//! rows, the target can still be asked about them, and they can go again if it says that they were not.

use super::{Found, Ledger, LedgerError, feed, reading};
use crate::model::{BatchSeq, FeedEntry, FeedKey, KeptRows};
use rusqlite::{Connection, OptionalExtension, params};

/// An earlier import, and those of its requests that can be asked about.
#[derive(Debug)]
pub struct Question {
    pub found: Found,
    pub batches: Vec<BatchSeq>,
}

impl Ledger {
    /// The first import behind number `after`, and before the newest, of which something can be asked. What ended imports
    /// delivered is folded.
    pub fn question(&self, after: u64, key: &FeedKey) -> Result<Option<Question>, LedgerError> {
        if self.is_new {
            return Ok(None);
        }
        let mut select = self.conn.prepare(
            "SELECT batch.import, batch.seq, kept.rows FROM batch JOIN kept USING (seq) JOIN import ON number = import
             WHERE import > ?1 AND import < (SELECT max(number) FROM import)
               AND sync IS NOT NULL AND import.state <> 'abandoned'
               AND batch.state IN ('prepared', 'accepted', 'doubt') AND may_have_left = 1
             ORDER BY import, seq",
        )?;
        let mut rows = select.query([after as i64])?;
        let (mut import, mut batches) = (None, Vec::new());
        while let Some(row) = rows.next()? {
            let number = reading::number(row, "import")?;
            if import.is_some_and(|import| import != number) {
                break;
            }
            if is_last_word(&self.conn, key, row.get("rows")?)? {
                import = Some(number);
                batches.push(BatchSeq(reading::number(row, "seq")?));
            }
        }
        let Some(import) = import else { return Ok(None) };
        Ok(Some(Question { found: reading::import(&self.conn, import)?, batches }))
    }

    /// Opens the import again for these requests: what becomes of them is folded once more.
    pub fn ask_again(&mut self, question: &Question, key: &FeedKey) -> Result<(), LedgerError> {
        let number = question.found.import.number as i64;
        let txn = self.conn.transaction()?;
        for seq in &question.batches {
            let kept = reading::kept(&txn, *seq)?;
            feed::note_kept(&txn, seq.0 as i64, &kept, key)?;
        }
        txn.execute("UPDATE import SET state = 'open', folded = 0 WHERE number = ?1", [number])?;
        txn.commit()?;
        Ok(())
    }

    /// An import by its number.
    pub fn import(&self, number: u64) -> Result<Found, LedgerError> {
        reading::import(&self.conn, number)
    }

    /// Rows of an import that it did not send, because an earlier one has left them in doubt.
    pub fn held(&self, import: u64) -> Result<u64, LedgerError> {
        reading::held(&self.conn, import)
    }
}

/// Nothing was sent of any of these rows since.
fn is_last_word(conn: &Connection, key: &FeedKey, kept: Vec<u8>) -> Result<bool, LedgerError> {
    let kept = KeptRows::read(kept).ok_or_else(|| reading::damaged("the kept rows of a batch"))?;
    for (_, row) in kept.iter() {
        let Ok(entry) = key.entry(row) else { return Ok(false) };
        if known(conn, entry.key)? != Some(entry.doubtful()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What the blocks have under this key.
fn known(conn: &Connection, key: [u8; 16]) -> Result<Option<FeedEntry>, LedgerError> {
    let block: Option<Vec<u8>> = conn
        .prepare_cached("SELECT entries FROM feed WHERE first <= ?1 ORDER BY first DESC LIMIT 1")?
        .query_row(params![key.as_slice()], |row| row.get(0))
        .optional()?;
    let mut entries = block.iter().flat_map(|block| block.chunks_exact(FeedEntry::BYTES));
    Ok(entries.find(|entry| entry.starts_with(&key)).map(FeedEntry::from_bytes))
}
