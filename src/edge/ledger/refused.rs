//! What the rows of dead letters were, before a tool wrote them anew.

use super::LedgerError;
use super::overtaken::{names, read};
use crate::model::LetterId;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::value::RawValue;

/// Lists the letters of an import by the names of their rows: in a temporary table, so that memory stays bounded.
pub(super) fn list(conn: &Connection, import: u64) -> Result<(), LedgerError> {
    conn.execute_batch(
        "CREATE TEMP TABLE IF NOT EXISTS refused (
           name BLOB PRIMARY KEY, number INTEGER NOT NULL, place INTEGER NOT NULL
         ) STRICT, WITHOUT ROWID;
         DELETE FROM temp.refused;",
    )?;
    let mut select = conn.prepare("SELECT number, line FROM letter WHERE import = ?1")?;
    let mut insert = conn.prepare("INSERT OR IGNORE INTO temp.refused VALUES (?1, ?2, ?3)")?;
    let mut rows = select.query([import as i64])?;
    while let Some(row) = rows.next()? {
        let letter = read(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?)?;
        for (place, name) in names(&letter).enumerate() {
            insert.execute(params![name.0, row.get::<_, i64>(0)?, place as i64])?;
        }
    }
    Ok(())
}

/// The row of this name as it was refused, if that is what it still says.
pub(super) fn as_it_was(
    conn: &Connection,
    name: LetterId,
    row: &[u8],
) -> Result<Option<Box<RawValue>>, LedgerError> {
    let sql = "SELECT line, place FROM temp.refused JOIN letter USING (number) WHERE name = ?1";
    let mut select = conn.prepare_cached(sql)?;
    let found = select.query_row([name.0], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let Some((line, place)): Option<(String, i64)> = found else { return Ok(None) };
    Ok(read(&line)?.row_like(place as u64, row))
}
