//! Dead letters of earlier imports. An import of the same input takes all of them over, and a feed those of the rows that
//! it has sent, by their keys: they are over. Of rows in doubt what a feed holds is open. What another stream had is, too.

use super::{LedgerError, View, feed};
use crate::model::{FeedEntry, FeedKey, Letter, LetterId};
use rusqlite::{Connection, params};
use serde_json::value::RawValue;

/// All letters before the import that begins.
pub(super) fn take_all(conn: &Connection) -> Result<(), LedgerError> {
    conn.execute("INSERT OR IGNORE INTO overtaken (letter) SELECT number FROM letter", [])?;
    Ok(())
}

/// What a feed has sent, once it is over: within the transaction after which nobody knows any more what that was. A letter
/// about a whole request is over with one of its rows, for nobody could tell them apart then: the feed itself holds the others.
pub(super) fn take_sent(conn: &Connection, import: i64, key: &FeedKey) -> Result<(), LedgerError> {
    gather(conn, import, Some(key), Which::Open)?;
    conn.execute(
        "INSERT OR IGNORE INTO overtaken (letter) SELECT number FROM temp.earlier WHERE is_over",
        [],
    )?;
    Ok(())
}

/// Letters of earlier imports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    All,
    /// Without those that are written down as over: a feed of every night would read those of years.
    Open,
}

/// Lists letters of earlier imports with the names of their rows, and which of them are over. The list is a temporary
/// table, so that memory stays bounded.
fn gather(conn: &Connection, import: i64, key: Option<&FeedKey>, which: Which) -> Result<(), LedgerError> {
    conn.execute_batch(
        "CREATE TEMP TABLE IF NOT EXISTS earlier (
           number INTEGER NOT NULL, name BLOB NOT NULL, key BLOB, is_over INTEGER NOT NULL, PRIMARY KEY (number, name)
         ) STRICT, WITHOUT ROWID;
         CREATE INDEX IF NOT EXISTS temp.earlier_name ON earlier (name);
         CREATE INDEX IF NOT EXISTS temp.earlier_key ON earlier (key) WHERE key IS NOT NULL;
         DELETE FROM temp.earlier;",
    )?;
    let mut select = conn.prepare(
        "SELECT number, line, overtaken.letter IS NOT NULL FROM letter LEFT JOIN overtaken ON overtaken.letter = number
         WHERE import < ?1 AND (?2 OR overtaken.letter IS NULL)",
    )?;
    let mut insert = conn.prepare("INSERT INTO temp.earlier VALUES (?1, ?2, ?3, ?4)")?;
    let mut rows = select.query(params![import, which == Which::All])?;
    let mut are_open = false;
    while let Some(row) = rows.next()? {
        let letter = read(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?)?;
        let is_over: bool = row.get(2)?;
        for (name, text) in names(&letter).zip(rows_of(&letter)) {
            let of_row = key.zip(text).and_then(|(key, text)| key.entry(text.get().as_bytes()).ok());
            let is_over = is_over || key.is_some() && !is_known(conn, of_row, letter.is_doubt())?;
            are_open |= !is_over;
            insert.execute(params![row.get::<_, i64>(0)?, name.0, of_row.map(|entry| entry.key), is_over])?;
        }
    }
    match key {
        Some(key) if are_open => meet(conn, import, key),
        _ => Ok(()),
    }
}

/// Of a record that was no row no key is known: the next feed has it in its place. A row in doubt is one as long as the
/// feed has it as such.
fn is_known(conn: &Connection, row: Option<FeedEntry>, is_doubt: bool) -> Result<bool, LedgerError> {
    let Some(row) = row else { return Ok(false) };
    Ok(!is_doubt || feed::of_key(conn, row.key)? == Some(row.doubtful()))
}

/// What this feed has sent, or has refused itself, is over.
fn meet(conn: &Connection, import: i64, key: &FeedKey) -> Result<(), LedgerError> {
    let mut end = conn.prepare("UPDATE temp.earlier SET is_over = 1 WHERE key = ?1")?;
    let mut select =
        conn.prepare("SELECT entries FROM feed_batch JOIN batch USING (seq) WHERE batch.import = ?1")?;
    let mut rows = select.query([import])?;
    while let Some(row) = rows.next()? {
        let entries = row.get_ref(0)?.as_bytes().map_err(rusqlite::Error::from)?;
        for entry in entries.chunks_exact(FeedEntry::BYTES) {
            end.execute([FeedEntry::from_bytes(entry).key])?;
        }
    }
    let mut select = conn.prepare("SELECT line FROM letter WHERE import = ?1")?;
    let mut rows = select.query([import])?;
    while let Some(row) = rows.next()? {
        let letter = read(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?)?;
        if let Some(key) = key_of(&letter, key) {
            end.execute([key])?;
        }
    }
    Ok(())
}

pub(super) fn read(line: &str) -> Result<Letter, LedgerError> {
    Letter::read(line).map_err(|why| LedgerError::Refused(format!("a dead letter cannot be read: {why}")))
}

fn key_of(letter: &Letter, key: &FeedKey) -> Option<[u8; 16]> {
    Some(key.entry(letter.row.as_ref()?.get().as_bytes()).ok()?.key)
}

/// Its row, or its rows.
fn rows_of(letter: &Letter) -> Vec<Option<Box<RawValue>>> {
    match &letter.rows {
        None => vec![letter.row.clone()],
        Some(rows) => {
            let rows: Vec<Box<RawValue>> = serde_json::from_str(rows.get()).unwrap_or_default();
            rows.into_iter().map(Some).collect()
        }
    }
}

/// Of its row, or of its rows.
pub(super) fn names(letter: &Letter) -> impl Iterator<Item = LetterId> {
    let place = letter.source.as_ref().zip(letter.import_id.as_deref());
    let indexes = if letter.is_doubt() { 1..letter.count() + 1 } else { 0..1 };
    place.into_iter().flat_map(move |(source, import_id)| {
        let of = move |index| LetterId::of_place(import_id, &source.input, source.row, index);
        indexes.clone().map(of)
    })
}

impl View {
    /// Looks for what is over of letters before this import: once, before it is asked about.
    pub fn find_earlier(&self, import: u64) -> Result<(), LedgerError> {
        let key = self.feed_key(import)?;
        gather(&self.conn, import as i64, key.as_ref(), Which::All)
    }

    /// Whether a later import has taken this letter over.
    pub fn is_over(&self, letter: LetterId) -> Result<bool, LedgerError> {
        let sql = "SELECT 1 FROM temp.earlier WHERE name = ?1 AND is_over";
        Ok(self.conn.prepare_cached(sql)?.exists([letter.0])?)
    }

    /// Hands over the letters before this import that are not over.
    pub fn earlier_letters<E: From<LedgerError>>(
        &self,
        import: u64,
        each: &mut dyn FnMut(&str) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.is_new {
            return Ok(());
        }
        self.find_earlier(import)?;
        let query = "SELECT line FROM letter
                     WHERE number IN (SELECT number FROM temp.earlier WHERE NOT is_over) ORDER BY number";
        self.lines(query, [], each)
    }
}
