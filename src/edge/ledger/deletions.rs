//! What a state knows of rows that its feed no longer has, and what has become of their deletion. A deletion is an import
//! of its own, whose ledger says which key each of its rows was; what came of it is taken in here, once.

use super::{Ledger, LedgerError, ReplayView, Standing, reading};
use crate::model::{BatchSeq, FeedEntry, LetterId, Ordinal, Unsettled};
use rusqlite::{Connection, OptionalExtension, params};

/// A hash by which a row is known.
pub type KeyHash = [u8; 16];

impl Ledger {
    /// The fields by which a row is known, as an object; `None` if they were not kept.
    pub fn key_fields(&self, key: KeyHash) -> Result<Option<String>, LedgerError> {
        let mut select = self.conn.prepare_cached("SELECT fields FROM feed_key WHERE key = ?1")?;
        Ok(select.query_row([key], |row| row.get(0)).optional()?)
    }

    /// Number of the last deletion that was taken in, from 1.
    pub fn last_deletion(&self) -> Result<u64, LedgerError> {
        if self.is_new {
            return Ok(0);
        }
        let number: i64 = self.conn.query_row("SELECT deletion FROM target", [], |row| row.get(0))?;
        Ok(number as u64)
    }

    /// The requests of a deletion that have no end, with the keys of their rows.
    pub fn open_keys(&self, number: u64) -> Result<Vec<(BatchSeq, Vec<LetterId>)>, LedgerError> {
        let mut select = self.conn.prepare("SELECT letter FROM origin WHERE ordinal = ?1")?;
        let mut open = Vec::new();
        for Unsettled { batch, .. } in reading::unsettled(&self.conn, number)? {
            let key = |row: Ordinal| select.query_row([row.0 as i64], |row| Ok(LetterId(row.get(0)?)));
            open.push((batch.seq, batch.rows.iter().map(key).collect::<Result<_, _>>()?));
        }
        Ok(open)
    }

    /// Takes a deletion in: what was deleted is known no more, and what may have been is sent if it comes again.
    pub fn fold_deletion(&mut self, number: u64, view: &ReplayView) -> Result<(), LedgerError> {
        let mut fates = Vec::new();
        view.each_standing(&mut |LetterId(key), standing| {
            match standing {
                Standing::Delivered => fates.push((key, true)),
                Standing::InDoubt => fates.push((key, false)),
                Standing::Waiting | Standing::RefusedAgain => {}
            }
            Ok(())
        })?;
        fates.sort_unstable();
        let txn = self.conn.transaction()?;
        forget(&txn, &fates)?;
        txn.execute("UPDATE target SET deletion = ?1", [number as i64])?;
        txn.commit()?;
        Ok(())
    }
}

/// `fates` are sorted by key; with each whether it is gone.
fn forget(conn: &Connection, fates: &[(KeyHash, bool)]) -> Result<(), LedgerError> {
    let firsts: Vec<Vec<u8>> = conn
        .prepare("SELECT first FROM feed ORDER BY first")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut rest = fates;
    for (index, first) in firsts.iter().enumerate() {
        let end = firsts.get(index + 1);
        let here = rest.partition_point(|(key, _)| end.is_none_or(|end| key[..] < end[..]));
        let (of_block, later) = rest.split_at(here);
        rest = later;
        if of_block.is_empty() {
            continue;
        }
        let old: Vec<u8> =
            conn.query_row("SELECT entries FROM feed WHERE first = ?1", [first], |row| row.get(0))?;
        let mut new = Vec::with_capacity(old.len());
        for mut entry in old.chunks_exact(FeedEntry::BYTES).map(FeedEntry::from_bytes) {
            match of_block.binary_search_by_key(&entry.key, |(key, _)| *key).map(|at| of_block[at].1) {
                Ok(true) => continue,
                Ok(false) => entry = entry.unsure(),
                Err(_) => {}
            }
            new.extend_from_slice(&entry.to_bytes());
        }
        conn.execute("UPDATE feed SET entries = ?2 WHERE first = ?1", params![first, new])?;
    }
    let mut delete = conn.prepare("DELETE FROM feed_key WHERE key = ?1")?;
    for (key, _) in fates.iter().filter(|(_, is_gone)| *is_gone) {
        delete.execute([key])?;
    }
    Ok(())
}

impl ReplayView {
    /// Letters that were taken over.
    pub fn taken(&self) -> Result<u64, LedgerError> {
        let taken: i64 = self.conn().query_row("SELECT count(*) FROM origin", [], |row| row.get(0))?;
        Ok(taken as u64)
    }

    /// Hands over each letter that was taken over, and where it stands.
    pub fn each_standing(
        &self,
        each: &mut dyn FnMut(LetterId, Standing) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        let conn = self.conn();
        let mut select = conn.prepare("SELECT ordinal, letter FROM origin ORDER BY ordinal")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let ordinal: i64 = row.get(0)?;
            each(LetterId(row.get(1)?), self.standing_of(Ordinal(ordinal as u64))?)?;
        }
        Ok(())
    }
}
