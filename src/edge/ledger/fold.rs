//! Changed entries into the sorted blocks of a feed, a few blocks a transaction.

use super::LedgerError;
use crate::edge::sorter::Sorted;
use crate::model::{FeedEntry, Ordinal};
use rusqlite::{Connection, params};

/// Entries of a block; one of twice as many is divided.
const BLOCK: usize = 1024;
/// Changed blocks committed together.
const GROUP: usize = 1024;

/// Changed entries in their order, the last of each key.
struct Changes<'a> {
    sorted: &'a mut Sorted,
    next: Option<(Ordinal, FeedEntry)>,
}

impl Changes<'_> {
    /// The next one whose key comes before `end`.
    fn before(&mut self, end: Option<&[u8]>) -> Result<Option<FeedEntry>, LedgerError> {
        loop {
            let Some((_, entry)) = self.next.filter(|(_, entry)| end.is_none_or(|end| &entry.key[..] < end))
            else {
                return Ok(None);
            };
            self.next = self.sorted.next()?;
            if self.next.is_none_or(|(_, later)| later.key != entry.key) {
                return Ok(Some(entry));
            }
        }
    }
}

/// Puts changed entries into the blocks.
pub(super) fn fold(conn: &mut Connection, sorted: &mut Sorted) -> Result<(), LedgerError> {
    let next = sorted.next()?;
    let mut changes = Changes { sorted, next };
    let mut firsts: Vec<Vec<u8>> = conn
        .prepare("SELECT first FROM feed ORDER BY first")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    if firsts.is_empty() {
        // The first block begins before every key.
        conn.execute("INSERT INTO feed (first, entries) VALUES (x'', x'')", [])?;
        firsts.push(Vec::new());
    }
    let mut blocks = firsts.iter().enumerate();
    while changes.next.is_some() {
        let txn = conn.transaction()?;
        let mut written = 0;
        while written < GROUP {
            let Some((index, first)) = blocks.next() else { break };
            written += fold_block(&txn, first, firsts.get(index + 1).map(Vec::as_slice), &mut changes)?;
        }
        txn.commit()?;
    }
    Ok(())
}

/// One block with the changes that belong to it; says how many blocks that made.
fn fold_block(
    conn: &Connection,
    first: &[u8],
    end: Option<&[u8]>,
    changes: &mut Changes<'_>,
) -> Result<usize, LedgerError> {
    let Some(mut change) = changes.before(end)? else { return Ok(0) };
    let old: Vec<u8> = conn
        .prepare_cached("SELECT entries FROM feed WHERE first = ?1")?
        .query_row([first], |row| row.get(0))?;
    let mut block = Block { conn, first: first.to_vec(), entries: Vec::new(), written: 0, is_first: true };
    let mut old = old.chunks_exact(FeedEntry::BYTES).map(FeedEntry::from_bytes).peekable();
    loop {
        while let Some(entry) = old.next_if(|entry| entry.key < change.key) {
            block.push(entry)?;
        }
        old.next_if(|entry| entry.key == change.key);
        block.push(change)?;
        match changes.before(end)? {
            Some(next) => change = next,
            None => break,
        }
    }
    for entry in old {
        block.push(entry)?;
    }
    block.flush()?;
    Ok(block.written)
}

/// A block that is being written anew, and what it is divided into if it has become too large.
struct Block<'a> {
    conn: &'a Connection,
    first: Vec<u8>,
    entries: Vec<u8>,
    written: usize,
    is_first: bool,
}

impl Block<'_> {
    fn push(&mut self, entry: FeedEntry) -> Result<(), LedgerError> {
        self.entries.extend_from_slice(&entry.to_bytes());
        if self.entries.len() < 2 * BLOCK * FeedEntry::BYTES {
            return Ok(());
        }
        let rest = self.entries.split_off(BLOCK * FeedEntry::BYTES);
        self.flush()?;
        (self.first, self.entries) = (FeedEntry::from_bytes(&rest[..FeedEntry::BYTES]).key.to_vec(), rest);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), LedgerError> {
        let sql = if std::mem::take(&mut self.is_first) {
            "UPDATE feed SET entries = ?2 WHERE first = ?1"
        } else {
            "INSERT INTO feed (first, entries) VALUES (?1, ?2)"
        };
        self.conn.prepare_cached(sql)?.execute(params![self.first, self.entries])?;
        self.entries.clear();
        self.written += 1;
        Ok(())
    }
}
