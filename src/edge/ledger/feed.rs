//! What a state knows of its feed: for each key the hash of the row as it was delivered last.
//!
//! While an import is on, each batch's entries lie beside it, and which of them were delivered follows from the
//! batches' ends: no second book is written that could run ahead of them. When the import has ended, they are folded
//! into the sorted blocks of `feed`, which are read from one end to the other by the next one.

use super::fold::fold;
use super::{Ledger, LedgerError, Standing, View, overtaken, reading, refused};
use crate::edge::sorter::{Sorted, Sorter};
use crate::model::{FeedEntry, FeedKey, ImportRecord, KeptRows, LetterId, Load, Ordinal, RowSet};
use rusqlite::{Connection, OptionalExtension, params};
use std::ops::Range;
use std::path::Path;

/// What the last feed of a state was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastFeed {
    /// What its rows are known by.
    pub key: Vec<String>,
    /// Rows with different keys that it had; `None` if it did not come to its end.
    pub keys: Option<u64>,
}

/// Writes the next row and says which it is, and where it stands in what was written; `None` at the end.
pub type NextRow<'a> = dyn FnMut(&mut Vec<u8>) -> Result<Option<(Ordinal, Range<usize>)>, LedgerError> + 'a;

/// A row that a replay has taken.
#[derive(Clone, Copy, Debug)]
pub struct ReplayedRow<'a> {
    pub text: &'a [u8],
    pub letter: Option<LetterId>,
    pub standing: Standing,
}

/// Hands over the rows of an import's dead letters that replays have taken, in the order in which they were.
pub type ReplayedRows<'a> = dyn FnMut(u64, &mut EachReplayed<'_>) -> Result<(), LedgerError> + 'a;
pub type EachReplayed<'a> = dyn FnMut(ReplayedRow<'_>) -> Result<(), LedgerError> + 'a;

/// Whether the fields by which rows are known are kept as they are, and not their hashes alone: to delete by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyTexts {
    Kept,
    NotKept,
}

impl Ledger {
    /// The newest feed of this state; `None` if no import of it was one.
    pub fn last_feed(&self) -> Result<Option<LastFeed>, LedgerError> {
        if self.is_new {
            return Ok(None);
        }
        let sql = "SELECT sync FROM import WHERE sync IS NOT NULL ORDER BY number DESC LIMIT 1";
        let Some(key) = self.conn.query_row(sql, [], |row| row.get::<_, String>(0)).optional()? else {
            return Ok(None);
        };
        let key = serde_json::from_str(&key)
            .map_err(|_| LedgerError::Refused("the key of a feed cannot be read".to_owned()))?;
        let sql = "SELECT feed_keys FROM import WHERE sync IS NOT NULL AND state = 'complete'
                   ORDER BY number DESC LIMIT 1";
        let keys: Option<i64> = self.conn.query_row(sql, [], |row| row.get(0)).optional()?.flatten();
        Ok(Some(LastFeed { key, keys: keys.map(|keys| keys as u64) }))
    }

    /// As [`Self::begin`], of a feed with so many different keys. What came before it is folded, and that is final now.
    pub fn begin_feed(
        &mut self,
        import: &ImportRecord,
        inputs: &str,
        key: &FeedKey,
        keys: u64,
    ) -> Result<(), LedgerError> {
        let names = serde_json::to_string(key.names()).expect("names are plain data");
        self.begin_with(import, inputs, &|conn| {
            seal_all(conn, key)?;
            let sql = "UPDATE import SET sync = ?2, feed_keys = ?3 WHERE number = ?1";
            conn.execute(sql, params![import.number as i64, names, keys as i64])?;
            Ok(())
        })
    }

    /// As [`Self::close_input`], of a feed. Of one that `--again` began the rest is owed: what it has not sent is no longer
    /// known as it was delivered, else the next feed would call it unchanged.
    pub fn close_feed(&mut self, number: u64, again: bool) -> Result<(), LedgerError> {
        let txn = self.conn.transaction()?;
        let sql = "UPDATE import SET drained = 2 WHERE number = ?1 AND drained = 0";
        if txn.execute(sql, [number as i64])? > 0 && again {
            owe_all(&txn)?;
        }
        txn.commit()?;
        Ok(())
    }

    /// Goes on with an import that is of a feed.
    pub fn keep_feed(&mut self, key: &FeedKey, texts: KeyTexts) {
        self.feed = Some((key.clone(), texts));
    }

    /// Takes what ended imports and the replays of their dead letters delivered into the blocks. Temporary files are made
    /// in `folder`. A crash in between loses nothing: what was folded before is folded once more. So is the newest import,
    /// whose rows in doubt and dead letters may still come to another end, until [`Self::seal_feeds`].
    pub fn fold_feeds(
        &mut self,
        (key, texts): (&FeedKey, KeyTexts),
        folder: &Path,
        replayed: &mut ReplayedRows<'_>,
    ) -> Result<(), LedgerError> {
        if self.is_new {
            return Ok(());
        }
        self.withdraw_questions()?;
        let newest: i64 = self.conn.query_row("SELECT max(number) FROM import", [], |row| row.get(0))?;
        for (number, is_asked) in unsealed(&self.conn)? {
            let mut delivered = delivered(&self.conn, number, is_asked, folder)?;
            fold(&mut self.conn, &mut delivered)?;
            if !is_asked {
                // Of what was asked about once more, the rest and what replays have sent of it is known.
                self.fold_replays(number as u64, (key, texts), folder, replayed)?;
            }
            if is_asked || number < newest {
                let txn = self.conn.transaction()?;
                seal(&txn, number, key)?;
                txn.commit()?;
            }
        }
        Ok(())
    }

    /// What was folded is final: before rows are deleted, which the newest import must not bring back.
    pub fn seal_feeds(&mut self, key: &FeedKey) -> Result<(), LedgerError> {
        if self.is_new {
            return Ok(());
        }
        let txn = self.conn.transaction()?;
        seal_all(&txn, key)?;
        txn.commit()?;
        Ok(())
    }

    /// Takes the rows that an import without `--sync` delivered for what is known of the feed, and says how many they
    /// were. `next` hands over its rows, as often as it is asked. A crash in between loses nothing: it is done again.
    pub fn adopt(
        &mut self,
        import: u64,
        (key, texts): (&FeedKey, KeyTexts),
        folder: &Path,
        next: &mut NextRow<'_>,
    ) -> Result<u64, LedgerError> {
        let open = Open::of(&self.conn, import)?;
        let sql = "SELECT ordinal FROM letter WHERE import = ?1 AND ordinal IS NOT NULL ORDER BY ordinal";
        let refused: Vec<i64> = self
            .conn
            .prepare(sql)?
            .query_map([import as i64], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let mut sorter = Sorter::new(folder);
        let mut rows = 0;
        let txn = self.conn.transaction()?;
        txn.execute_batch("DELETE FROM feed; DELETE FROM feed_key")?;
        let mut text = Vec::new();
        while let Some((ordinal, range)) = next(&mut text)? {
            if refused.binary_search(&(ordinal.0 as i64)).is_ok() {
                continue;
            }
            // A row without its key is not known, and is sent.
            let Ok(entry) = key.entry(&text[range.clone()]) else { continue };
            let Some(known) = open.known(ordinal, entry) else { continue };
            sorter.push(ordinal, known)?;
            rows += u64::from(known == entry);
            if texts == KeyTexts::Kept {
                keep_text(&txn, &entry, key, &text[range])?;
            }
        }
        txn.commit()?;
        fold(&mut self.conn, &mut sorter.sorted()?)?;
        Ok(rows)
    }

    /// What replays delivered came after what their import did.
    pub fn fold_replays(
        &mut self,
        import: u64,
        (key, texts): (&FeedKey, KeyTexts),
        folder: &Path,
        replayed: &mut ReplayedRows<'_>,
    ) -> Result<(), LedgerError> {
        let mut sorter = Sorter::new(folder);
        let mut next = 0;
        let txn = self.conn.transaction()?;
        replayed(import, &mut |ReplayedRow { text: row, letter, standing }| {
            if next == 0 {
                refused::list(&txn, import)?;
            }
            next += 1;
            // A tool may have written it with other blanks: the feed has it as it was.
            let was = letter.map_or(Ok(None), |letter| refused::as_it_was(&txn, letter, row))?;
            let row = was.as_ref().map_or(row, |was| was.get().as_bytes());
            // A person may have taken its key out.
            let Ok(sent) = key.entry(row) else { return Ok(()) };
            let known = match standing {
                Standing::Delivered => sent,
                Standing::InDoubt => sent.doubtful(),
                // It may have been in doubt when it was folded last.
                _ if of_key(&txn, sent.key)? == Some(sent.doubtful()) => sent.unsure(),
                Standing::Waiting | Standing::RefusedAgain => return Ok(()),
            };
            sorter.push(Ordinal(next), known)?;
            if texts == KeyTexts::Kept { keep_text(&txn, &sent, key, row) } else { Ok(()) }
        })?;
        txn.commit()?;
        fold(&mut self.conn, &mut sorter.sorted()?)
    }

    /// Hands over each entry of the blocks, in the order of the keys.
    pub fn known_rows(
        &self,
        each: &mut dyn FnMut(FeedEntry) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        if self.is_new { Ok(()) } else { known(&self.conn, each) }
    }
}

impl View {
    /// What the rows of an import are known by; `None` if it is not of a feed.
    pub fn feed_key(&self, import: u64) -> Result<Option<FeedKey>, LedgerError> {
        let sql = "SELECT sync FROM import WHERE number = ?1";
        let names: Option<String> = self.conn.query_row(sql, [import as i64], |row| row.get(0))?;
        let Some(names) = names else { return Ok(None) };
        let names = serde_json::from_str(&names).ok().and_then(FeedKey::new);
        names.map(Some).ok_or_else(|| LedgerError::Refused("the key of a feed cannot be read".to_owned()))
    }

    /// A feed that comes after this import has begun to delete rows.
    pub fn is_sealed(&self, import: u64) -> Result<bool, LedgerError> {
        reading::is_sealed(&self.conn, import)
    }

    /// As [`Ledger::known_rows`]. Rows that the newest import has delivered need not be among them yet.
    pub fn known_rows(
        &self,
        each: &mut dyn FnMut(FeedEntry) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        known(&self.conn, each)
    }
}

/// Ended feeds that may be folded once more, and whether they were opened again behind a last time.
fn unsealed(conn: &Connection) -> Result<Vec<(i64, bool)>, LedgerError> {
    let sql = "SELECT number, folded = 2 FROM import
               WHERE sync IS NOT NULL AND folded <> 1 AND state <> 'open' ORDER BY number";
    let mut select = conn.prepare(sql)?;
    let unsealed = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(unsealed.collect::<Result<_, _>>()?)
}

fn seal_all(conn: &Connection, key: &FeedKey) -> Result<(), LedgerError> {
    unsealed(conn)?.iter().try_for_each(|(number, _)| seal(conn, *number, key))
}

/// From here on nobody knows which rows it sent, but for what the blocks have of them.
fn seal(conn: &Connection, number: i64, key: &FeedKey) -> Result<(), LedgerError> {
    overtaken::take_sent(conn, number, key)?;
    conn.execute("DELETE FROM feed_batch WHERE seq IN (SELECT seq FROM batch WHERE import = ?1)", [number])?;
    conn.execute("UPDATE import SET folded = 1 WHERE number = ?1", [number])?;
    Ok(())
}

fn known(
    conn: &Connection,
    each: &mut dyn FnMut(FeedEntry) -> Result<(), LedgerError>,
) -> Result<(), LedgerError> {
    let mut select = conn.prepare("SELECT entries FROM feed ORDER BY first")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let entries = row.get_ref(0)?.as_bytes().map_err(rusqlite::Error::from)?;
        entries.chunks_exact(FeedEntry::BYTES).map(FeedEntry::from_bytes).try_for_each(&mut *each)?;
    }
    Ok(())
}

/// Whatever is known under a key, the row is sent.
fn owe_all(conn: &Connection) -> Result<(), LedgerError> {
    let mut select = conn.prepare("SELECT first FROM feed")?;
    let firsts: Vec<Vec<u8>> = select.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut read = conn.prepare("SELECT entries FROM feed WHERE first = ?1")?;
    let mut write = conn.prepare("UPDATE feed SET entries = ?2 WHERE first = ?1")?;
    for first in firsts {
        let block: Vec<u8> = read.query_row([&first], |row| row.get(0))?;
        let entries = block.chunks_exact(FeedEntry::BYTES).map(FeedEntry::from_bytes);
        let owed: Vec<u8> = entries.flat_map(|entry| entry.unsure().to_bytes()).collect();
        write.execute(params![first, owed])?;
    }
    Ok(())
}

/// What the blocks have under this key.
pub(super) fn of_key(conn: &Connection, key: [u8; 16]) -> Result<Option<FeedEntry>, LedgerError> {
    let block: Option<Vec<u8>> = conn
        .prepare_cached("SELECT entries FROM feed WHERE first <= ?1 ORDER BY first DESC LIMIT 1")?
        .query_row(params![key.as_slice()], |row| row.get(0))
        .optional()?;
    let mut entries = block.iter().flat_map(|block| block.chunks_exact(FeedEntry::BYTES));
    Ok(entries.find(|entry| entry.starts_with(&key)).map(FeedEntry::from_bytes))
}

/// Within the transaction that plans the batch.
pub(super) fn note(
    conn: &Connection,
    seq: i64,
    load: &Load,
    (key, texts): &(FeedKey, KeyTexts),
) -> Result<(), LedgerError> {
    let mut entries = Vec::with_capacity(load.len() * FeedEntry::BYTES);
    for index in 0..load.len() {
        let entry = key.entry(load.text(index)).map_err(|field| {
            LedgerError::Refused(format!(
                "a row without `{field}` was planned, and nobody would know it again"
            ))
        })?;
        entries.extend_from_slice(&entry.to_bytes());
        if *texts == KeyTexts::Kept {
            keep_text(conn, &entry, key, load.text(index))?;
        }
    }
    conn.prepare_cached("INSERT INTO feed_batch (seq, entries) VALUES (?1, ?2)")?
        .execute(params![seq, entries])?;
    Ok(())
}

/// The entries of a batch whose rows are kept, once more.
pub(super) fn note_kept(
    conn: &Connection,
    seq: i64,
    kept: &KeptRows,
    key: &FeedKey,
) -> Result<(), LedgerError> {
    let entries = kept.iter().map(|(_, row)| key.entry(row).map(FeedEntry::to_bytes));
    let entries: Vec<[u8; FeedEntry::BYTES]> = entries
        .collect::<Result<_, _>>()
        .map_err(|field| LedgerError::Refused(format!("a row without `{field}` was sent")))?;
    conn.prepare_cached("INSERT OR REPLACE INTO feed_batch (seq, entries) VALUES (?1, ?2)")?
        .execute(params![seq, entries.concat()])?;
    Ok(())
}

fn keep_text(conn: &Connection, entry: &FeedEntry, key: &FeedKey, row: &[u8]) -> Result<(), LedgerError> {
    conn.prepare_cached("INSERT OR IGNORE INTO feed_key (key, fields) VALUES (?1, ?2)")?
        .execute(params![entry.key, key.fields(row)])?;
    Ok(())
}

/// The entries of all rows that an import delivered, or may have. One in doubt takes the place of what was delivered
/// before it: else a row that goes back to that would be called unchanged, and the target may have the other. And it is
/// known as what it is: else the same row would be sent again, and the target might have it twice.
///
/// What was folded before as in doubt may have come to another end since: it is no longer in doubt, and nobody knows what
/// the target has. Of what was asked about once more (`is_asked`) there is nothing else to tell, and what newer feeds sent
/// since stays as it is.
fn delivered(conn: &Connection, number: i64, is_asked: bool, folder: &Path) -> Result<Sorted, LedgerError> {
    let open = Open::of(conn, number as u64)?;
    let mut sorter = Sorter::new(folder);
    let mut batches = conn.prepare(
        "SELECT batch.row_set, feed_batch.entries FROM feed_batch JOIN batch USING (seq)
         WHERE batch.import = ?1 ORDER BY seq",
    )?;
    let mut refusals =
        conn.prepare("SELECT ordinal FROM letter WHERE import = ?1 AND ordinal BETWEEN ?2 AND ?3")?;
    let mut rows = batches.query([number])?;
    while let Some(row) = rows.next()? {
        let set = reading::row_set(row, "row_set")?;
        let (first, last) = (set.first().0 as i64, set.last().0 as i64);
        let refused = refusals.query_map([number, first, last], |row| row.get::<_, i64>(0))?;
        let refused: std::collections::HashSet<i64> = refused.collect::<Result<_, _>>()?;
        let open = open.among(&set);
        let entries = row.get_ref(1)?.as_bytes().map_err(rusqlite::Error::from)?;
        for (ordinal, entry) in set.iter().zip(entries.chunks_exact(FeedEntry::BYTES)) {
            let sent = FeedEntry::from_bytes(entry);
            let is_refused = refused.contains(&(ordinal.0 as i64));
            let known = open.known(ordinal, sent).filter(|_| !is_refused);
            match known {
                Some(known) if !is_asked => sorter.push(ordinal, known)?,
                _ if of_key(conn, sent.key)? == Some(sent.doubtful()) => {
                    sorter.push(ordinal, known.unwrap_or(sent.unsure()))?;
                }
                _ => {}
            }
        }
    }
    Ok(sorter.sorted()?)
}

/// Rows of an import that have no end, and whether they may have been sent.
struct Open(Vec<(RowSet, bool)>);

impl Open {
    fn of(conn: &Connection, import: u64) -> Result<Self, LedgerError> {
        let open = reading::unsettled(conn, import)?;
        Ok(Self(open.into_iter().map(|open| (open.batch.rows.clone(), open.may_have_left())).collect()))
    }

    /// Those that may have rows of this set.
    fn among(&self, set: &RowSet) -> Self {
        let near = |rows: &RowSet| rows.first() <= set.last() && rows.last() >= set.first();
        Self(self.0.iter().filter(|(rows, _)| near(rows)).cloned().collect())
    }

    /// What is known of a row that was not refused; nothing of one that was never sent.
    fn known(&self, ordinal: Ordinal, entry: FeedEntry) -> Option<FeedEntry> {
        match self.0.iter().find(|(rows, _)| rows.contains(ordinal)) {
            None => Some(entry),
            Some((_, true)) => Some(entry.doubtful()),
            Some((_, false)) => None,
        }
    }
}
