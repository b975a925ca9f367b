//! Rows in doubt of which no letter speaks: where they are in the input, and why nobody knows.

use super::told::Seams;
use super::{Found, Ledger, LedgerError, View, feed, reading};
use crate::model::{BatchSeq, FeedEntry, KeptRows, Planned, Unsettled, UnsettledState};
use rusqlite::{OptionalExtension, params};
use std::collections::HashSet;

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
    /// The target took them on as a job, and its end was not seen.
    pub is_job: bool,
}

/// Imports of streams behind number ?1 and before the newest, whose rows in doubt the ledger still has.
const STREAMS: &str = "SELECT number FROM import WHERE sync IS NULL AND number > ?1
  AND number < (SELECT max(number) FROM import) AND (state = 'open' AND ?2 OR EXISTS (
    SELECT 1 FROM batch JOIN kept USING (seq) WHERE batch.import = number AND batch.state = 'doubt' AND ?3)) ORDER BY number";

/// Nobody knows of this batch of import ?1 whether it was applied: nobody asks any more what became of a request that an
/// import had under way when it was given up.
const IN_DOUBT: &str =
    "(state = 'doubt' OR (state = 'accepted' OR state = 'prepared' AND (may_have_left OR doubtful))
  AND (SELECT import.state FROM import WHERE number = ?1) = 'abandoned')";
/// Why nobody knows of such a one.
const GIVEN_UP: &str = "it was under way when the import was given up";

/// A letter speaks of this batch.
const TOLD: &str =
    "EXISTS (SELECT 1 FROM letter WHERE letter.import = batch.import AND letter.ordinal IS NULL
  AND letter.batch = batch.parent)";

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

    /// Whether rows of an import were delivered that come after some of those that are in doubt.
    pub fn doubts_are_overtaken(&self, import: u64) -> Result<bool, LedgerError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM batch WHERE import = ?1 AND delivered > 0 AND rank > (
                     SELECT min(rank) FROM batch WHERE import = ?1 AND state = 'doubt'))";
        Ok(self.conn.query_row(sql, [import as i64], |row| row.get(0))?)
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

    /// Requests of an import that are in doubt, of which no letter speaks, each with the reason.
    pub fn requests_in_doubt(&self, import: u64) -> Result<Vec<(Planned, String)>, LedgerError> {
        let sql = format!("SELECT seq FROM batch WHERE import = ?1 AND {IN_DOUBT} AND NOT {TOLD}");
        let mut select = self.conn.prepare(&sql)?;
        let untold = select.query_map([import as i64], |row| row.get::<_, i64>(0))?;
        let untold: HashSet<i64> = untold.collect::<Result<_, _>>()?;
        let all = reading::unsettled(&self.conn, import)?.into_iter();
        let of = |unsettled: Unsettled| {
            let why = match unsettled.state {
                UnsettledState::Parked { park, .. } => park.why,
                _ => GIVEN_UP.to_owned(),
            };
            (unsettled.batch, why)
        };
        Ok(all.filter(|open| untold.contains(&(open.batch.seq.0 as i64))).map(of).collect())
    }

    /// Rows in doubt of an import of which a letter speaks.
    pub fn told_in_doubt(&self, import: u64) -> Result<u64, LedgerError> {
        let sql = format!(
            "SELECT coalesce(sum(rows), 0) FROM batch WHERE import = ?1 AND state = 'doubt' AND {TOLD}"
        );
        let rows: i64 = self.conn.query_row(&sql, [import as i64], |row| row.get(0))?;
        Ok(rows.max(0) as u64)
    }

    /// Imports before the newest whose rows in doubt the ledger still has: of feeds, or of streams.
    pub fn earlier_in_doubt(&self, of_feeds: bool) -> Result<Vec<Found>, LedgerError> {
        if !of_feeds {
            return self.earlier_streams();
        }
        let mut select = self.conn.prepare(
            "SELECT DISTINCT import FROM batch JOIN kept USING (seq) JOIN import ON number = import
             WHERE batch.state = 'doubt' AND sync IS NOT NULL AND import.state <> 'abandoned'
               AND number < (SELECT max(number) FROM import) ORDER BY import",
        )?;
        let numbers = select.query_map([], |row| row.get::<_, i64>(0))?;
        let numbers: Vec<i64> = numbers.collect::<Result<_, _>>()?;
        numbers.into_iter().map(|number| reading::import(&self.conn, number as u64)).collect()
    }

    /// The rows of a request, where they are kept.
    pub fn recall(&self, seq: BatchSeq) -> Result<KeptRows, LedgerError> {
        reading::kept(&self.conn, seq)
    }

    /// Whether this row is known as one in doubt.
    pub fn is_held(&self, entry: FeedEntry) -> Result<bool, LedgerError> {
        Ok(feed::of_key(&self.conn, entry.key)? == Some(entry.doubtful()))
    }

    /// Takes out the keys of which an import has sent rows itself.
    pub fn drop_sent(&self, import: u64, keys: &mut HashSet<[u8; 16]>) -> Result<(), LedgerError> {
        let sql = "SELECT entries FROM feed_batch JOIN batch USING (seq) WHERE batch.import = ?1";
        let mut select = self.conn.prepare(sql)?;
        let mut rows = select.query([import as i64])?;
        while let Some(row) = rows.next()? {
            let entries = row.get_ref(0)?.as_bytes().map_err(rusqlite::Error::from)?;
            for entry in entries.chunks_exact(FeedEntry::BYTES) {
                keys.remove(&FeedEntry::from_bytes(entry).key);
            }
        }
        Ok(())
    }

    /// Why the most of an import's rows in doubt of which no letter speaks are so, and how many these are.
    pub(super) fn main_doubt(&self, import: u64) -> Result<Option<(String, u64)>, LedgerError> {
        let sql = format!(
            "SELECT why, sum(rows) AS rows FROM batch
             WHERE import = ?1 AND state = 'doubt' AND why IS NOT NULL AND NOT {TOLD}
             GROUP BY why ORDER BY rows DESC, min(seq) LIMIT 1"
        );
        let row = self.conn.query_row(&sql, [import as i64], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)));
        Ok(row.optional()?.map(|(why, rows)| (why, rows.max(0) as u64)))
    }

    /// Rows in doubt of an import that the target took on as jobs whose end was not seen.
    pub(super) fn doubts_of_jobs(&self, import: u64) -> Result<u64, LedgerError> {
        let sql = "SELECT coalesce(sum(rows), 0) FROM batch WHERE import = ?1 AND state = 'doubt' AND job_id IS NOT NULL";
        let rows: i64 = self.conn.query_row(sql, [import as i64], |row| row.get(0))?;
        Ok(rows.max(0) as u64)
    }

    /// In the order of the input.
    pub fn doubts(&self, import: u64) -> Result<Vec<Doubt>, LedgerError> {
        let seams = Seams::read(&self.conn, import)?;
        let mut select = self.conn.prepare(&format!(
            "SELECT row_set, input, row, line, iif(state = 'doubt', coalesce(why, ''), ?2) AS why,
               job_id IS NOT NULL AS is_job FROM batch
             WHERE import = ?1 AND {IN_DOUBT} AND NOT {TOLD} ORDER BY input, row"
        ))?;
        let mut rows = select.query(params![import as i64, GIVEN_UP])?;
        let mut doubts = Vec::new();
        while let Some(row) = rows.next()? {
            let set = reading::row_set(row, "row_set")?;
            doubts.push(Doubt {
                first: (row.get("input")?, reading::number(row, "row")?),
                line: reading::number(row, "line")?,
                last: seams.place(set.last()),
                rows: set.len(),
                why: row.get("why")?,
                is_job: row.get("is_job")?,
            });
        }
        Ok(doubts)
    }
}
