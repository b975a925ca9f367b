//! What runs were like, line by line, for the report. It rides along: a line is written with the next transaction
//! that is written anyway, so it costs no sync, and the last lines of a killed run may be missing. Nothing is decided
//! by it, and a ledger without the table is as good as one with it.

use super::LedgerError;
use crate::model::Sample;
use rusqlite::{Connection, params};

/// Lines that are kept at the beginning of a run; older ones go.
const LINES_MAX: i64 = 5000;
/// Lines that wait for a transaction; older ones go.
const WAITING_MAX: usize = 1000;

/// The history of the run that is on.
#[derive(Debug, Default)]
pub(super) struct History {
    /// `None` if there is no table to write to.
    run: Option<i64>,
    waiting: Vec<Sample>,
}

impl History {
    /// For a run that begins.
    pub(super) fn begin(conn: &Connection) -> Result<Self, LedgerError> {
        if !exists(conn)? {
            return Ok(Self::default());
        }
        let (last, run): (i64, i64) = conn.query_row(
            "SELECT coalesce(max(number), 0), coalesce(max(run), 0) + 1 FROM history",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        conn.execute("DELETE FROM history WHERE number <= ?1", [last - LINES_MAX])?;
        Ok(Self { run: Some(run), waiting: Vec::new() })
    }

    pub(super) fn add(&mut self, sample: Sample) {
        if self.waiting.len() < WAITING_MAX {
            self.waiting.push(sample);
        }
    }

    /// Writes what waits; the caller commits.
    pub(super) fn write(&mut self, conn: &Connection, import: u64) -> Result<(), LedgerError> {
        let Some(run) = self.run else {
            self.waiting.clear();
            return Ok(());
        };
        for sample in self.waiting.drain(..) {
            let figures = serde_json::to_string(&sample).unwrap_or_default();
            conn.prepare_cached("INSERT INTO history (import, run, figures) VALUES (?1, ?2, ?3)")?
                .execute(params![import as i64, run, figures])?;
        }
        Ok(())
    }
}

fn exists(conn: &Connection) -> Result<bool, LedgerError> {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'history'";
    Ok(conn.query_row(sql, [], |row| row.get::<_, i64>(0))? > 0)
}

/// The lines of an import, each with the number of its run. What cannot be read is passed over.
pub(super) fn read(conn: &Connection, import: u64) -> Result<Vec<(u64, Sample)>, LedgerError> {
    if !exists(conn)? {
        return Ok(Vec::new());
    }
    let mut select = conn.prepare("SELECT run, figures FROM history WHERE import = ?1 ORDER BY number")?;
    let lines =
        select.query_map([import as i64], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
    let mut samples = Vec::new();
    for line in lines {
        let (run, figures) = line?;
        if let Ok(sample) = serde_json::from_str(&figures) {
            samples.push((run as u64, sample));
        }
    }
    Ok(samples)
}
