//! Which dead letters stand in a file that is not ours alone, whatever stands between them: each is known by the hash
//! of its line. The list of them is a temporary table, so that memory stays bounded.

use super::LedgerError;
use rusqlite::{Connection, params};
use std::io::BufRead;

/// The letters that the file lacked when it was looked through.
pub(super) const MISSING: &str =
    "SELECT letter.number, letter.line FROM letter JOIN temp.sight USING (number)
  WHERE sight.times = 0 AND letter.number > ?1 ORDER BY letter.number";

/// Looks a file through for the letters of the ledger; says how many stand in it.
pub(super) fn look(conn: &Connection, file: &mut impl BufRead) -> Result<u64, LedgerError> {
    let txn = conn.unchecked_transaction()?;
    txn.execute_batch(
        "CREATE TEMP TABLE IF NOT EXISTS sight (
           hash BLOB PRIMARY KEY, number INTEGER NOT NULL, times INTEGER NOT NULL
         ) STRICT, WITHOUT ROWID;
         DELETE FROM temp.sight;",
    )?;
    {
        let mut letters = txn.prepare("SELECT number, line FROM letter")?;
        let mut insert = txn.prepare("INSERT OR IGNORE INTO temp.sight VALUES (?1, ?2, 0)")?;
        let mut rows = letters.query([])?;
        while let Some(row) = rows.next()? {
            let line = row.get_ref(1)?.as_bytes().map_err(rusqlite::Error::from)?;
            insert.execute(params![blake3::hash(line).as_bytes(), row.get::<_, i64>(0)?])?;
        }
        let mut see = txn.prepare("UPDATE temp.sight SET times = times + 1 WHERE hash = ?1")?;
        each_line(file, &mut |hash| Ok(see.execute([hash]).map(drop)?))?;
    }
    let seen: i64 = txn.query_row("SELECT count(*) FROM temp.sight WHERE times > 0", [], |row| row.get(0))?;
    txn.commit()?;
    Ok(seen as u64)
}

/// Hands over the hash of each line, however long; the last one needs no end.
fn each_line(
    file: &mut impl BufRead,
    each: &mut dyn FnMut(&[u8; 32]) -> Result<(), LedgerError>,
) -> Result<(), LedgerError> {
    let mut hasher = blake3::Hasher::new();
    loop {
        let held = file.fill_buf()?;
        let end = memchr::memchr(b'\n', held);
        let (text, used) = end.map_or((held, held.len()), |end| (&held[..end], end + 1));
        let is_over = used == 0;
        hasher.update(text);
        file.consume(used);
        if end.is_some() || is_over && hasher.count() > 0 {
            each(hasher.finalize().as_bytes())?;
            hasher.reset();
        }
        if is_over {
            return Ok(());
        }
    }
}
