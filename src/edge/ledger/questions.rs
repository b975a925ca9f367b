//! Requests of earlier feeds of which nobody knows whether they were carried out. As long as nothing newer was sent of their
//! rows, the target can still be asked about them, and they can go again if it says that they were not.

use super::{Found, Ledger, LedgerError, feed, reading};
use crate::model::{BatchSeq, FeedKey, KeptRows};
use rusqlite::{Connection, params};

/// What a plan takes an import to send before it ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Presumed {
    pub rows: u64,
    pub requests: u64,
}

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
            "SELECT batch.import, batch.seq, batch.row_set, kept.rows FROM batch JOIN kept USING (seq) JOIN import ON number = import
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
            let kept = KeptRows::read(row.get("rows")?)
                .ok_or_else(|| reading::damaged("the kept rows of a batch"))?;
            if is_last_word(&self.conn, key, &kept.only(&reading::row_set(row, "row_set")?))? {
                import = Some(number);
                batches.push(BatchSeq(reading::number(row, "seq")?));
            }
        }
        let Some(import) = import else { return Ok(None) };
        Ok(Some(Question { found: reading::import(&self.conn, import)?, batches }))
    }

    /// Opens the import again for these requests: what becomes of them is folded once more.
    pub fn ask_again(&mut self, question: &Question, key: &FeedKey) -> Result<(), LedgerError> {
        self.open_again(question.found.import.number, &question.batches, key)
    }

    /// Whether requests of the newest feed are in doubt that can go again as they are. Behind it the next one may have
    /// deleted what they brought: then rows in doubt that are still in the feed go with it.
    pub fn may_repeat_feed(&self, number: u64) -> Result<bool, LedgerError> {
        Ok(!reading::is_sealed(&self.conn, number)? && self.has_doubts(number)?)
    }

    /// As [`Self::reopen`], of a feed.
    pub fn reopen_feed(&mut self, number: u64, key: &FeedKey) -> Result<(), LedgerError> {
        let open = reading::unsettled(&self.conn, number)?;
        let batches: Vec<BatchSeq> = open.iter().map(|open| open.batch.seq).collect();
        self.open_again(number, &batches, key)
    }

    /// For a plan, in a copy of a ledger: the import has come to its end, and what it may still send is delivered. What may
    /// have left is in doubt unless it `repeats`, and so stays what was in doubt unless the run `takes_up` that. `only` these
    /// requests go, where that is not all that have no end.
    pub fn presume(
        &mut self,
        number: u64,
        repeats: bool,
        takes_up: bool,
        only: Option<&[BatchSeq]>,
    ) -> Result<Presumed, LedgerError> {
        let txn = self.conn.transaction()?;
        let sends = "import = ?1 AND (state = 'accepted' OR state = 'prepared' AND (?2 OR NOT may_have_left)
                     OR state = 'doubt' AND ?3) AND (?4 IS NULL OR seq IN (SELECT value FROM json_each(?4)))";
        let only = only.map(|only| {
            serde_json::to_string(&only.iter().map(|seq| seq.0).collect::<Vec<_>>()).expect("plain data")
        });
        let values = params![number as i64, repeats, takes_up, only];
        let sql =
            format!("SELECT coalesce(sum(rows), 0) AS rows, count(*) AS requests FROM batch WHERE {sends}");
        let presumed = txn.query_row(&sql, values, |row| {
            Ok(reading::number(row, "rows")
                .and_then(|rows| Ok(Presumed { rows, requests: reading::number(row, "requests")? })))
        })??;
        txn.execute(&format!("UPDATE batch SET state = 'settled', delivered = rows WHERE {sends}"), values)?;
        txn.execute(
            "UPDATE import SET state = 'complete', exit = coalesce(exit, 0) WHERE number = ?1",
            [number as i64],
        )?;
        txn.commit()?;
        Ok(presumed)
    }

    fn open_again(&mut self, number: u64, batches: &[BatchSeq], key: &FeedKey) -> Result<(), LedgerError> {
        let txn = self.conn.transaction()?;
        for seq in batches {
            let sql = "SELECT row_set FROM batch WHERE seq = ?1";
            let own = txn.query_row(sql, [seq.0 as i64], |row| Ok(reading::row_set(row, "row_set")))??;
            let kept = reading::kept(&txn, *seq)?.only(&own);
            feed::note_kept(&txn, seq.0 as i64, &kept, key)?;
        }
        // One that is not sealed still has all its entries.
        let sql = "UPDATE import SET state = 'open', folded = iif(folded = 0, 0, 2) WHERE number = ?1";
        txn.execute(sql, [number as i64])?;
        txn.commit()?;
        Ok(())
    }

    /// An earlier import that is open was asked about, and that was broken off. What has no end is in doubt as it was
    /// before: else it would be sent when newer feeds have sent other rows under its keys.
    pub(super) fn withdraw_questions(&mut self) -> Result<(), LedgerError> {
        let txn = self.conn.transaction()?;
        let broken_off: Vec<i64> = txn
            .prepare(
                "SELECT number FROM import WHERE sync IS NOT NULL AND state = 'open'
                 AND number < (SELECT max(number) FROM import)",
            )?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let taken_up = "import = ?1 AND (batch.state = 'prepared' OR batch.state = 'accepted')";
        for number in broken_off {
            let rows = format!("SELECT coalesce(sum(rows), 0) FROM batch WHERE {taken_up}");
            let sql = "UPDATE import SET state = 'complete', in_doubt = in_doubt + (";
            txn.execute(&format!("{sql}{rows}) WHERE number = ?1"), [number])?;
            let why = "nobody knows whether it was applied, and asking about it was broken off";
            let sql = "UPDATE batch SET state = 'doubt', may_have_left = 1, why = ?2 WHERE ";
            txn.execute(&format!("{sql}{taken_up}"), params![number, why])?;
        }
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
fn is_last_word(conn: &Connection, key: &FeedKey, kept: &KeptRows) -> Result<bool, LedgerError> {
    for (_, row) in kept.iter() {
        let Ok(entry) = key.entry(row) else { return Ok(false) };
        if feed::of_key(conn, entry.key)? != Some(entry.doubtful()) {
            return Ok(false);
        }
    }
    Ok(true)
}
