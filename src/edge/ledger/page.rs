//! One transaction while entries are written into it. What they add to the import's numbers, and how far they move the
//! cursor, is written once for all of them.

use super::{KeyTexts, LedgerError};
use crate::model::{Cursor, FeedKey};
use rusqlite::{Connection, params, params_from_iter};
use std::cell::RefCell;
use std::ops::Deref;
use std::sync::LazyLock;

pub(super) struct Page<'a> {
    conn: &'a Connection,
    pub(super) import: i64,
    sums: RefCell<[u64; SUMS.len()]>,
    cursor: RefCell<Option<Cursor>>,
    pub(super) feed: Option<&'a (FeedKey, KeyTexts)>,
}

/// The numbers of an import that entries add to.
const SUMS: [&str; 11] = [
    "rows_read",
    "bytes_read",
    "delivered",
    "rejected",
    "in_doubt",
    "planned",
    "settled",
    "split",
    "unchanged",
    "superseded",
    "may_be_doubled",
];

static ADD: LazyLock<String> = LazyLock::new(|| {
    let added: Vec<_> =
        SUMS.iter().enumerate().map(|(at, name)| format!("{name} = {name} + ?{}", at + 2)).collect();
    format!("UPDATE import SET {} WHERE number = ?1", added.join(", "))
});

impl Deref for Page<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.conn
    }
}

impl<'a> Page<'a> {
    pub(super) fn new(conn: &'a Connection, import: u64, feed: Option<&'a (FeedKey, KeyTexts)>) -> Self {
        Self { conn, import: import as i64, sums: RefCell::default(), cursor: RefCell::default(), feed }
    }

    /// `column` is one of [`SUMS`].
    pub(super) fn add(&self, column: &'static str, amount: u64) {
        let at = SUMS.iter().position(|known| *known == column).expect("a number that entries add to");
        self.sums.borrow_mut()[at] += amount;
    }

    pub(super) fn stand_at(&self, cursor: Cursor) {
        self.cursor.replace(Some(cursor));
    }

    /// Writes what was gathered: before the commit.
    pub(super) fn close(self) -> Result<(), LedgerError> {
        let sums = self.sums.into_inner().map(|sum| sum as i64);
        if sums.iter().any(|sum| *sum > 0) {
            let values = std::iter::once(self.import).chain(sums);
            self.conn.prepare_cached(&ADD)?.execute(params_from_iter(values))?;
        }
        match self.cursor.into_inner() {
            Some(cursor) => advance(self.conn, self.import, &cursor),
            None => Ok(()),
        }
    }
}

fn advance(conn: &Connection, import: i64, cursor: &Cursor) -> Result<(), LedgerError> {
    conn.prepare_cached(
        "UPDATE import SET cur_input = ?2, cur_row = ?3, cur_line = ?4, cur_byte = ?5, cur_ordinal = ?6, chain = ?7
         WHERE number = ?1",
    )?
    .execute(params![
        import,
        cursor.place.input,
        cursor.place.row as i64,
        cursor.place.line as i64,
        cursor.place.byte as i64,
        cursor.ordinal.0 as i64,
        cursor.chain,
    ])?;
    Ok(())
}
