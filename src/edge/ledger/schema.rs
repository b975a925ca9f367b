//! The ledger's tables, and the settings under which `SQLite` keeps its word.
//!
//! The format number (`user_version`) rises whenever a table changes; a ledger of another number is refused, never
//! guessed at. A ledger with no committed schema is a new one: its first run died before it began.

use super::LedgerError;
use crate::model::Canary;
use rusqlite::Connection;
use rusqlite::config::DbConfig;

/// "bulk" in ASCII.
pub(super) const APPLICATION_ID: i64 = 0x6275_6c6b;
pub(super) const FORMAT: i64 = 9;
/// Of a batch that has no end, in the words of the index that finds these.
pub(super) const UNSETTLED: &str = "(state = 'prepared' OR state = 'accepted' OR state = 'doubt')";

/// Spelt without `IN`: `SQLite` makes a table anew of such a list for each row that is written, which was a third of the
/// ledger's time. Keys follow from their rows and stand once by that; an index of them would cost as much as the batches.
const TABLES: &str = "
CREATE TABLE import (
  number INTEGER PRIMARY KEY,
  id BLOB NOT NULL, identity BLOB NOT NULL, inputs TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state = 'open' OR state = 'complete' OR state = 'abandoned'), exit INTEGER,
  cur_input INTEGER, cur_row INTEGER, cur_line INTEGER, cur_byte INTEGER, cur_ordinal INTEGER, chain BLOB,
  drained INTEGER NOT NULL DEFAULT 0,
  rows_read INTEGER NOT NULL DEFAULT 0, bytes_read INTEGER NOT NULL DEFAULT 0,
  delivered INTEGER NOT NULL DEFAULT 0, rejected INTEGER NOT NULL DEFAULT 0,
  unchanged INTEGER NOT NULL DEFAULT 0, superseded INTEGER NOT NULL DEFAULT 0,
  may_be_doubled INTEGER NOT NULL DEFAULT 0, in_doubt INTEGER NOT NULL DEFAULT 0,
  planned INTEGER NOT NULL DEFAULT 0, settled INTEGER NOT NULL DEFAULT 0, split INTEGER NOT NULL DEFAULT 0,
  sync TEXT, feed_keys INTEGER, folded INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE batch (
  seq INTEGER PRIMARY KEY,
  import INTEGER NOT NULL REFERENCES import (number),
  parent INTEGER, rank INTEGER NOT NULL, generation INTEGER NOT NULL,
  rows INTEGER NOT NULL, row_set BLOB NOT NULL, close TEXT NOT NULL,
  input INTEGER NOT NULL, row INTEGER NOT NULL, line INTEGER NOT NULL, byte INTEGER NOT NULL,
  source_bytes INTEGER NOT NULL,
  key BLOB NOT NULL, body_hash BLOB NOT NULL,
  planned_at INTEGER NOT NULL, may_have_left INTEGER NOT NULL, row_attempts INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state = 'prepared' OR state = 'accepted' OR state = 'settled' OR state = 'split'
    OR state = 'doubt' OR state = 'taken_up'),
  group_state TEXT, refusals INTEGER NOT NULL, doubtful INTEGER NOT NULL, kept INTEGER NOT NULL,
  job_id TEXT, job_path TEXT, accepted_at INTEGER, why TEXT,
  delivered INTEGER NOT NULL DEFAULT 0, rejected INTEGER NOT NULL DEFAULT 0, shown TEXT
) STRICT;
CREATE INDEX batch_shown ON batch (shown) WHERE shown IS NOT NULL;
CREATE INDEX batch_unsettled ON batch (import, seq)
  WHERE (state = 'prepared' OR state = 'accepted' OR state = 'doubt');
CREATE INDEX batch_parent ON batch (parent) WHERE parent IS NOT NULL;
CREATE TABLE kept (seq INTEGER PRIMARY KEY REFERENCES batch (seq), rows BLOB NOT NULL) STRICT;
CREATE TABLE input_start (
  import INTEGER NOT NULL, input INTEGER NOT NULL, first INTEGER NOT NULL, PRIMARY KEY (import, input)
) STRICT, WITHOUT ROWID;
CREATE TABLE letter (
  number INTEGER PRIMARY KEY,
  import INTEGER NOT NULL REFERENCES import (number),
  ordinal INTEGER, bytes INTEGER NOT NULL, batch INTEGER, code TEXT NOT NULL, line TEXT NOT NULL,
  UNIQUE (import, ordinal)
) STRICT;
CREATE TABLE overtaken (letter INTEGER PRIMARY KEY REFERENCES letter (number)) STRICT;
CREATE TABLE natural_key (
  key BLOB NOT NULL, import INTEGER NOT NULL, seq INTEGER NOT NULL, refusals INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (key, import)
) STRICT, WITHOUT ROWID;
CREATE INDEX natural_key_seq ON natural_key (seq);
CREATE TABLE blocked (
  import INTEGER NOT NULL, grp BLOB NOT NULL, ordinal INTEGER NOT NULL, PRIMARY KEY (import, grp)
) STRICT, WITHOUT ROWID;
CREATE TABLE origin (ordinal INTEGER PRIMARY KEY, letter BLOB NOT NULL UNIQUE) STRICT;
CREATE TABLE begun (
  import INTEGER NOT NULL, grp BLOB NOT NULL, sure INTEGER NOT NULL, PRIMARY KEY (import, grp)
) STRICT, WITHOUT ROWID;
CREATE TABLE feed_batch (seq INTEGER PRIMARY KEY REFERENCES batch (seq), entries BLOB NOT NULL) STRICT;
CREATE TABLE feed (first BLOB PRIMARY KEY, entries BLOB NOT NULL) STRICT;
CREATE TABLE feed_key (key BLOB PRIMARY KEY, fields TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE projection (
  one INTEGER PRIMARY KEY CHECK (one = 1), letters INTEGER NOT NULL, len INTEGER NOT NULL, hash BLOB NOT NULL
) STRICT;
CREATE TABLE target (
  one INTEGER PRIMARY KEY CHECK (one = 1), pause_until INTEGER, learned_rows INTEGER, learned_bytes INTEGER,
  deletion INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE history (
  number INTEGER PRIMARY KEY, import INTEGER NOT NULL, run INTEGER NOT NULL, figures TEXT NOT NULL
) STRICT;
CREATE INDEX history_import ON history (import, number);
INSERT INTO target (one) VALUES (1);
";

/// One connection, locked against all others, every commit synced.
pub(super) fn configure(conn: &Connection) -> Result<(), LedgerError> {
    // Exclusive before the first access to the log: no shared memory file, and no second connection ever.
    conn.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    let mode: String = conn.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        // An I/O error while switching can leave the old mode in place without a word.
        return Err(LedgerError::Refused(format!(
            "it cannot be kept in write-ahead mode (it says `{mode}`)"
        )));
    }
    let synced = if Canary::CommitsNotSynced.is_loose() { "NORMAL" } else { "FULL" };
    conn.pragma_update(None, "synchronous", synced)?;
    distrust(conn)?;
    conn.pragma_update(None, "wal_autocheckpoint", 4000)?;
    conn.set_prepared_statement_cache_capacity(32);
    Ok(())
}

/// Nothing that stands in the file is carried out.
pub(super) fn distrust(conn: &Connection) -> Result<(), LedgerError> {
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    conn.pragma_update(None, "cell_size_check", "ON")?;
    Ok(())
}

/// Whether a schema is committed. A file that is no ledger of this format is refused.
pub(super) fn is_committed(conn: &Connection) -> Result<bool, LedgerError> {
    let id: i64 = conn.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let format: i64 = conn.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (tables, id, format) {
        (0, 0, 0) => Ok(false),
        (_, APPLICATION_ID, FORMAT) if is_ours(&named(conn)?)? => Ok(true),
        (_, APPLICATION_ID, FORMAT) => Err(LedgerError::Refused(
            "it holds other tables than a ledger has: it was changed by hand".to_owned(),
        )),
        (_, APPLICATION_ID, other) => Err(LedgerError::Format(other)),
        _ => Err(LedgerError::Refused("it is not a ledger of bulkhaul".to_owned())),
    }
}

/// Kind, name and definition of something in a file.
type Defined = (String, String, Option<String>);

/// Everything that is defined in a file.
fn named(conn: &Connection) -> Result<Vec<Defined>, LedgerError> {
    let mut select = conn.prepare("SELECT type, name, sql FROM sqlite_schema")?;
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Whether a file defines what a ledger does, and nothing else. The history is figures only; a ledger may lack it.
fn is_ours(found: &[Defined]) -> Result<bool, LedgerError> {
    let conn = Connection::open_in_memory()?;
    conn.execute_batch(TABLES)?;
    let own = named(&conn)?;
    let is_needed = |(_, name, _): &Defined| !name.starts_with("history");
    Ok(found.iter().all(|defined| own.contains(defined))
        && own.iter().filter(|defined| is_needed(defined)).all(|defined| found.contains(defined)))
}

/// Within the transaction that also writes the first import.
pub(super) fn create(conn: &Connection) -> Result<(), LedgerError> {
    conn.execute_batch(TABLES)?;
    conn.pragma_update(None, "application_id", APPLICATION_ID)?;
    conn.pragma_update(None, "user_version", FORMAT)?;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;

    fn explained(conn: &Connection, statement: &str, column: usize) -> String {
        let mut explain = conn.prepare(statement).unwrap();
        let mut rows = explain.raw_query();
        let mut text = String::new();
        while let Some(row) = rows.next().unwrap() {
            text += &row.get::<_, String>(column).unwrap();
            text.push(' ');
        }
        text
    }

    #[test]
    fn writing_a_batch_makes_no_table_for_the_moment_and_those_without_an_end_are_found_by_their_index() {
        let conn = Connection::open_in_memory().unwrap();
        create(&conn).unwrap();
        let columns = "import, rank, generation, rows, row_set, close, input, row, line, byte, source_bytes, key, \
                       body_hash, planned_at, may_have_left, row_attempts, state, refusals, doubtful, kept";
        let values = ["?1"; 20].join(", ");
        let insert = format!("EXPLAIN INSERT INTO batch ({columns}) VALUES ({values})");
        for write in [insert.as_str(), "EXPLAIN UPDATE batch SET state = ?2, delivered = 1 WHERE seq = ?1"] {
            let steps = explained(&conn, write, 1);
            assert!(steps.contains("Insert") && !steps.contains("OpenEphemeral"), "{write}: {steps}");
        }
        let select =
            format!("EXPLAIN QUERY PLAN SELECT * FROM batch WHERE import = ?1 AND {UNSETTLED} ORDER BY seq");
        let plan = explained(&conn, &select, 3);
        assert!(plan.contains("USING INDEX batch_unsettled"), "{plan}");
    }
}
