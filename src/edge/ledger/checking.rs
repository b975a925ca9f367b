//! A ledger read for checking: every batch with its descendants, every dead letter by its row, and the dead-letter
//! file against what it is a projection of. All of it in streams, however large the import is.

use super::reading::{damaged, digest, number, row_set};
use super::{LedgerError, View, present};
use crate::model::{BatchKey, BatchPage, BatchState, KeptRows, LetterPage, Place};
use rusqlite::{OptionalExtension, Row, params};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// What a dead-letter file is to its ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LetterFileState {
    /// It holds the letters, each once, in their order.
    Same,
    /// It is not there.
    Missing,
    /// Right as far as it goes; the next run writes the rest, as after every crash.
    Behind { missing: u64 },
    /// This line (from 1) is not what the ledger holds there.
    Differs { line: u64 },
    /// It ends too early: before this line, which was recorded as written.
    Short { line: u64 },
    /// After its last line (this one) stands something else.
    Longer { line: u64 },
    /// Of a file with other lines in it: so many letters are not there, though they had been written, and so many
    /// stand there more than once.
    Unlike { lost: u64, repeated: u64 },
}

impl View {
    /// What is wrong with the file itself, in `SQLite`'s words; `None` if nothing is.
    pub fn damage(&self) -> Result<Option<String>, LedgerError> {
        let found: String = self.conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
        Ok((found != "ok").then_some(found))
    }

    /// Hands over each batch that was cut from the input, with its descendants behind it, in the order in which
    /// they were planned.
    pub fn families<E: From<LedgerError>>(
        &self,
        import: u64,
        each: &mut dyn FnMut(Vec<BatchPage>) -> Result<(), E>,
    ) -> Result<(), E> {
        let sql = |error: rusqlite::Error| E::from(LedgerError::from(error));
        let select = "SELECT * FROM batch WHERE import = ?1 ORDER BY rank, seq";
        let mut select = self.conn.prepare(select).map_err(sql)?;
        let mut rows = select.query([import as i64]).map_err(sql)?;
        let mut family: Vec<BatchPage> = Vec::new();
        while let Some(row) = rows.next().map_err(sql)? {
            let page = page(row)?;
            if family.first().is_some_and(|first| first.rank != page.rank) {
                each(std::mem::take(&mut family))?;
            }
            family.push(page);
        }
        if family.is_empty() { Ok(()) } else { each(family) }
    }

    /// Dead letters of rows from this one on, by row, so many at most.
    pub fn letters_from(&self, import: u64, ordinal: u64, most: u64) -> Result<Vec<LetterPage>, LedgerError> {
        let mut select = self.conn.prepare_cached(
            "SELECT ordinal, bytes, batch, line FROM letter WHERE import = ?1 AND ordinal >= ?2
             ORDER BY ordinal LIMIT ?3",
        )?;
        let mut rows = select.query(params![import as i64, ordinal as i64, most as i64])?;
        let mut letters = Vec::new();
        while let Some(row) = rows.next()? {
            let batch: Option<i64> = row.get("batch")?;
            letters.push(LetterPage {
                ordinal: number(row, "ordinal")?,
                bytes: number(row, "bytes")?,
                batch: batch.map(|seq| seq as u64),
                line: row.get("line")?,
            });
        }
        Ok(letters)
    }

    /// Hands over the rows that are kept for batches of an import, each batch with its number, its rows and how it stands;
    /// no kept rows where a batch that has no end should have them.
    pub fn kept<E: From<LedgerError>>(
        &self,
        import: u64,
        each: &mut dyn FnMut(BatchPage, Option<KeptRows>) -> Result<(), E>,
    ) -> Result<(), E> {
        let sql = |error: rusqlite::Error| E::from(LedgerError::from(error));
        let mut select = self
            .conn
            .prepare(
                "SELECT batch.*, kept.rows AS kept_rows FROM batch LEFT JOIN kept USING (seq)
                 WHERE import = ?1 AND (kept.seq IS NOT NULL
                   OR batch.kept = 1 AND state IN ('prepared', 'accepted', 'doubt')) ORDER BY batch.seq",
            )
            .map_err(sql)?;
        let mut rows = select.query([import as i64]).map_err(sql)?;
        while let Some(row) = rows.next().map_err(sql)? {
            let kept: Option<Vec<u8>> = row.get("kept_rows").map_err(sql)?;
            let kept =
                kept.map(|bytes| KeptRows::read(bytes).ok_or_else(|| damaged("the kept rows of a batch")));
            each(page(row)?, kept.transpose()?)?;
        }
        Ok(())
    }

    /// Dead letters of the whole state; those of one import that are about a row; and those about a whole request.
    pub fn letter_counts(&self, import: u64) -> Result<[u64; 3], LedgerError> {
        let counts = self.conn.query_row(
            "SELECT count(*), count(*) FILTER (WHERE import = ?1 AND ordinal IS NOT NULL),
               count(*) FILTER (WHERE import = ?1 AND ordinal IS NULL) FROM letter",
            [import as i64],
            |row| Ok([row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?]),
        )?;
        Ok(counts.map(|count| count as u64))
    }

    /// Compares the dead-letter file with the letters of all imports of the state.
    pub fn letter_file(&self, path: &Path) -> Result<LetterFileState, LedgerError> {
        let recorded = self
            .conn
            .query_row("SELECT letters FROM projection", [], |row| row.get::<_, i64>(0))
            .optional()?
            .unwrap_or_default();
        let mut file = match File::open(path) {
            Ok(file) => BufReader::new(file),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(LetterFileState::Missing);
            }
            Err(error) => return Err(error.into()),
        };
        if path.parent() != self.path.parent() {
            return self.shared_file(&mut file, recorded);
        }
        self.compare(&mut file, recorded)
    }

    /// Other people's lines may stand in it.
    fn shared_file(&self, file: &mut impl BufRead, recorded: i64) -> Result<LetterFileState, LedgerError> {
        present::look(&self.conn, file)?;
        let [lost, missing, repeated] = self.conn.query_row(
            "SELECT count(*) FILTER (WHERE times = 0 AND number <= ?1), count(*) FILTER (WHERE times = 0),
               count(*) FILTER (WHERE times > 1) FROM temp.sight",
            [recorded],
            |row| Ok([row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?]),
        )?.map(|count| count as u64);
        Ok(match (lost, missing, repeated) {
            (0, 0, 0) => LetterFileState::Same,
            (0, missing, 0) => LetterFileState::Behind { missing },
            (lost, _, repeated) => LetterFileState::Unlike { lost, repeated },
        })
    }

    /// `recorded` is the number of the last letter that was recorded as written.
    fn compare(&self, file: &mut impl BufRead, recorded: i64) -> Result<LetterFileState, LedgerError> {
        let mut select = self.conn.prepare("SELECT number, line FROM letter ORDER BY number")?;
        let mut rows = select.query([])?;
        let mut held = Vec::new();
        let (mut line, mut missing) = (0, 0);
        while let Some(row) = rows.next()? {
            let (number, expected) = (row.get::<_, i64>(0)?, row.get_ref(1)?.as_bytes());
            let expected = expected.map_err(rusqlite::Error::from)?;
            if missing > 0 {
                missing += 1;
                continue;
            }
            line += 1;
            held.clear();
            Read::by_ref(file).take(expected.len() as u64 + 1).read_to_end(&mut held)?;
            let is_same = held.iter().eq(expected.iter().chain(b"\n").take(held.len()));
            if is_same && held.len() > expected.len() {
                continue;
            }
            if number <= recorded {
                return Ok(if is_same {
                    LetterFileState::Short { line }
                } else {
                    LetterFileState::Differs { line }
                });
            }
            // Torn by a power cut before its sync: the next run writes it anew.
            missing = 1;
        }
        if missing > 0 {
            return Ok(LetterFileState::Behind { missing });
        }
        let is_at_end = file.fill_buf()?.is_empty();
        Ok(if is_at_end { LetterFileState::Same } else { LetterFileState::Longer { line } })
    }
}

fn page(row: &Row<'_>) -> Result<BatchPage, LedgerError> {
    let parent: Option<i64> = row.get("parent")?;
    let state: String = row.get("state")?;
    Ok(BatchPage {
        seq: number(row, "seq")?,
        parent: parent.map(|seq| seq as u64),
        rank: number(row, "rank")?,
        generation: row.get("generation")?,
        rows: row_set(row, "row_set")?,
        start: Place {
            input: row.get("input")?,
            row: number(row, "row")?,
            line: number(row, "line")?,
            byte: number(row, "byte")?,
        },
        source_bytes: number(row, "source_bytes")?,
        key: BatchKey(digest(row, "key")?),
        body_hash: digest(row, "body_hash")?,
        state: BatchState::from_word(&state).ok_or_else(|| damaged("the state of a batch"))?,
        delivered: number(row, "delivered")?,
        rejected: number(row, "rejected")?,
        has_group_state: row.get::<_, Option<String>>("group_state")?.is_some(),
        shown: row.get("shown")?,
    })
}
