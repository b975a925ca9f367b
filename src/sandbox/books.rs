//! How one request changes the store.
//!
//! A [`Books`] is open for the length of one transaction: it notes the request, applies rows under it, and
//! adds up the sums when it is closed. It must never change a row that was applied, but replace an upserted
//! one as a whole.

use rusqlite::{Connection, OptionalExtension};

use super::keys;
use super::shape::Shape;

/// One row to be applied.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    /// What makes it the same row as another; `None` for rows that are not ours.
    pub(super) identity: Option<i64>,
    /// Its place in an event stream.
    pub(super) place: Option<i64>,
    /// The row, byte for byte.
    pub(super) row: &'a str,
}

/// The open books.
#[derive(Debug)]
pub(super) struct Books<'a> {
    pub(super) db: &'a Connection,
    /// The number of the request that the rows belong to.
    pub(super) call: i64,
    pub(super) shape: Shape,
    pub(super) path: &'a str,
    calls: i64,
    applied: i64,
    refused: i64,
}

impl<'a> Books<'a> {
    /// Notes a new request.
    pub(super) fn open(
        db: &'a Connection,
        shape: Shape,
        path: &'a str,
        key: Option<&str>,
    ) -> rusqlite::Result<Self> {
        db.prepare_cached("INSERT INTO calls (shape, path, key) VALUES (?1, ?2, ?3)")?.execute((
            shape.name(),
            path,
            key,
        ))?;
        let call = db.last_insert_rowid();
        Ok(Self { db, call, shape, path, calls: 1, applied: 0, refused: 0 })
    }

    /// Goes on with a request noted before.
    pub(super) fn resume(db: &'a Connection, shape: Shape, path: &'a str, call: i64) -> Self {
        Self { db, call, shape, path, calls: 0, applied: 0, refused: 0 }
    }

    /// Applies rows in this order; the number of the first, the others follow.
    pub(super) fn apply<'r>(&mut self, rows: impl IntoIterator<Item = Entry<'r>>) -> rusqlite::Result<i64> {
        let mut insert = self
            .db
            .prepare_cached("INSERT INTO applied (call, identity, place, row) VALUES (?1, ?2, ?3, ?4)")?;
        let mut first = None;
        for entry in rows {
            insert.execute((self.call, entry.identity, entry.place, entry.row))?;
            first.get_or_insert_with(|| self.db.last_insert_rowid());
            self.applied += 1;
        }
        Ok(first.unwrap_or(0))
    }

    /// Applies one row of an entity: what was known of it before is replaced.
    pub(super) fn upsert(&mut self, entity: &str, identity: i64, row: &str) -> rusqlite::Result<()> {
        let scope = keys::scope(self.path, entity);
        let before: Option<(i64, i64)> = self
            .db
            .prepare_cached(
                "SELECT applied.n, writes FROM current JOIN applied USING (n) WHERE current.scope = ?1",
            )?
            .query_row((&scope,), |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let writes = before.map_or(0, |(_, writes)| writes) + 1;
        self.db
            .prepare_cached("INSERT INTO applied (call, identity, writes, row) VALUES (?1, ?2, ?3, ?4)")?
            .execute((self.call, identity, writes, row))?;
        let now = self.db.last_insert_rowid();
        self.db
            .prepare_cached("INSERT OR REPLACE INTO current (scope, n) VALUES (?1, ?2)")?
            .execute((&scope, now))?;
        if let Some((stale, _)) = before {
            self.db.prepare_cached("DELETE FROM applied WHERE n = ?1")?.execute((stale,))?;
        }
        self.applied += 1;
        Ok(())
    }

    /// Counts rows that were refused.
    pub(super) fn refuse(&mut self, rows: usize) {
        self.refused += rows as i64;
    }

    /// Adds up.
    pub(super) fn close(self) -> rusqlite::Result<()> {
        tally(self.db, self.shape, self.calls, self.applied, self.refused, 0)
    }
}

/// Adds to a shape's sums.
pub(super) fn tally(
    db: &Connection,
    shape: Shape,
    calls: i64,
    rows: i64,
    refused: i64,
    replays: i64,
) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO tallies (shape, calls, rows, refused, replays) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (shape) DO UPDATE SET calls = calls + ?2, rows = rows + ?3,
             refused = refused + ?4, replays = replays + ?5",
    )?
    .execute((shape.name(), calls, rows, refused, replays))?;
    Ok(())
}
