//! What was really applied, how often, and under which keys.
//!
//! The summary is one object, the rows are lines, read a page at a time so that neither the server's memory
//! nor its other requests suffer. It must never tell a row in other words than it came in.

use std::collections::HashMap;
use std::fmt::Write;

use rusqlite::{Connection, Row};
use serde_json::{Map, Value, json};

use super::shape::{Shape, j17};

const PAGE: i64 = 500;

/// The summary.
pub(super) fn summary(db: &Connection) -> rusqlite::Result<String> {
    let count = |sql: &str| db.query_one(sql, [], |row| row.get::<_, i64>(0));
    let mut targets = Map::new();
    let (mut applied, mut rivals) = (0, 0);
    let mut tallies =
        db.prepare("SELECT shape, calls, rows, refused, replays FROM tallies ORDER BY shape")?;
    let mut found = tallies.query([])?;
    while let Some(row) = found.next()? {
        let (shape, rows): (String, i64) = (row.get(0)?, row.get(2)?);
        if shape == Shape::Rival.name() {
            rivals = rows;
            continue;
        }
        applied += rows;
        let (calls, refused, replays): (i64, i64, i64) = (row.get(1)?, row.get(3)?, row.get(4)?);
        let sums = json!({ "calls": calls, "rows": rows, "refused": refused, "replays": replays });
        targets.insert(shape, sums);
    }
    let mut noted = Map::new();
    let mut counters = db.prepare("SELECT name, n FROM counters ORDER BY name")?;
    let mut found = counters.query([])?;
    while let Some(row) = found.next()? {
        noted.insert(row.get(0)?, row.get::<_, i64>(1)?.into());
    }
    let requests = noted.remove("requests").unwrap_or(Value::from(0));
    let doubled = doubled(db)?;
    let summary = json!({
        "requests": requests,
        "rows": {
            "applied": applied,
            "distinct": count("SELECT count(DISTINCT identity) FROM applied")?,
            "doubled": doubled.len(),
            "under_several_keys": doubled.values().filter(|(_, keys)| *keys > 1).count(),
        },
        "keys": count("SELECT count(*) FROM answers")?,
        "jobs": count("SELECT count(*) FROM jobs")?,
        "jobs_pending": count("SELECT count(*) FROM jobs WHERE answer IS NULL")?,
        "targets": targets,
        "streams": {
            "count": count("SELECT count(*) FROM streams")?,
            "events": count("SELECT ifnull(sum(length), 0) FROM streams")?,
            "rivals": rivals,
        },
        "faults": noted,
    });
    Ok(summary.to_string())
}

/// Where in the truth a reader is.
#[derive(Debug, Default)]
pub(super) struct Reader {
    at: i64,
    end: i64,
    doubled: HashMap<i64, (i64, i64)>,
}

impl Reader {
    /// Begins a reading, which ends with the row that is the last one now.
    pub(super) fn begin(db: &Connection) -> rusqlite::Result<Self> {
        let end = db.query_one("SELECT ifnull(max(n), 0) FROM applied", [], |row| row.get(0))?;
        Ok(Self { at: 0, end, doubled: doubled(db)? })
    }

    /// The next lines; none at the end.
    pub(super) fn page(&mut self, db: &Connection) -> rusqlite::Result<Option<String>> {
        let mut select = db.prepare_cached(
            "SELECT n, shape, path, key, identity, place, writes, row
             FROM applied JOIN calls ON calls.id = call WHERE n > ?1 AND n <= ?2 ORDER BY n LIMIT ?3",
        )?;
        let mut rows = select.query((self.at, self.end, PAGE))?;
        let mut page = String::new();
        while let Some(row) = rows.next()? {
            self.at = row.get(0)?;
            self.line(&mut page, row)?;
        }
        Ok(Some(page).filter(|page| !page.is_empty()))
    }

    fn line(&self, page: &mut String, row: &Row<'_>) -> rusqlite::Result<()> {
        let shape: String = row.get(1)?;
        let (path, key): (String, Option<String>) = (row.get(2)?, row.get(3)?);
        let identity: Option<i64> = row.get(4)?;
        let text = row.get_ref(7)?.as_str()?;
        let (times, keys) =
            identity.and_then(|identity| self.doubled.get(&identity)).copied().unwrap_or((1, 1));
        let (path_text, key_text) = (json!(path), json!(key));
        let mut line = format!(r#"{{"n":{},"path":{path_text},"key":{key_text}"#, self.at);
        if let Some(place) = row.get::<_, Option<i64>>(5)? {
            let stream = json!(j17::stream_of(&path));
            let ours = shape != Shape::Rival.name();
            let _ = write!(line, r#","stream":{stream},"index":{place},"ours":{ours},"event":{text}"#);
        } else {
            let _ = write!(line, r#","row":{text}"#);
        }
        if let Some(writes) = row.get::<_, Option<i64>>(6)? {
            let _ = write!(line, r#","writes":{writes}"#);
        }
        let _ = write!(line, r#","times":{times},"keys":{keys}}}"#);
        page.push_str(&line);
        page.push('\n');
        Ok(())
    }
}

/// The identities applied more than once: how often, and under how many keys (each request without one
/// counts as one).
fn doubled(db: &Connection) -> rusqlite::Result<HashMap<i64, (i64, i64)>> {
    let mut select = db.prepare(
        "SELECT identity, count(*), count(DISTINCT ifnull(key, calls.id))
         FROM applied JOIN calls ON calls.id = call
         WHERE identity IN (SELECT identity FROM applied GROUP BY identity HAVING count(*) > 1)
         GROUP BY identity",
    )?;
    let found = select.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))?;
    found.collect()
}

/// Adds to the counters.
pub(super) fn count(db: &Connection, name: &str, by: i64) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT INTO counters (name, n) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET n = n + ?2")?
        .execute((name, by))?;
    Ok(())
}
