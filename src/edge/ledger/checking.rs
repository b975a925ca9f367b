//! A ledger read for checking: every batch with its descendants, every dead letter by its row, and the dead-letter
//! file against what it is a projection of. All of it in streams, however large the import is.

use super::reading::{damaged, digest, number, row_set};
use super::{LedgerError, View};
use crate::model::{BatchKey, BatchPage, BatchState, LetterPage, Place};
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
            .query_row("SELECT letters, len, hash FROM projection", [], |row| {
                Ok((row.get::<_, i64>(0)?, number(row, "len"), row.get::<_, Vec<u8>>(2)?))
            })
            .optional()?;
        let (last, len, hash) = match recorded {
            Some((last, len, hash)) => (last, len?, Some(hash)),
            None => (0, 0, None),
        };
        let mut file = match File::open(path) {
            Ok(file) => BufReader::new(file),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(LetterFileState::Missing);
            }
            Err(error) => return Err(error.into()),
        };
        let ours: i64 = self.conn.query_row(
            "SELECT coalesce(sum(length(CAST(line AS BLOB)) + 1), 0) FROM letter WHERE number <= ?1",
            [last],
            |row| row.get(0),
        )?;
        // What a person's file held before us; letters that have grown since are found where they begin to differ.
        let foreign = len.saturating_sub(ours as u64);
        let mut hasher = blake3::Hasher::new();
        let before = lines_of(&mut file, foreign, &mut hasher)?;
        let state = self.compare(&mut file, last, before, &mut hasher)?;
        // What stood in the file before it was ours can only be told by the hash.
        let is_whole = hash.is_none_or(|hash| hasher.finalize().as_bytes()[..] == hash[..]);
        Ok(if is_whole || !matches!(state, LetterFileState::Same | LetterFileState::Behind { .. }) {
            state
        } else {
            LetterFileState::Differs { line: 1 }
        })
    }

    /// `recorded` is the number of the last letter that was recorded as written; up to it the text is hashed.
    fn compare(
        &self,
        file: &mut impl BufRead,
        recorded: i64,
        mut line: u64,
        hasher: &mut blake3::Hasher,
    ) -> Result<LetterFileState, LedgerError> {
        let mut select = self.conn.prepare("SELECT number, line FROM letter ORDER BY number")?;
        let mut rows = select.query([])?;
        let mut held = Vec::new();
        let mut missing = 0;
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
            if number <= recorded {
                hasher.update(&held);
            }
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

/// Reads so many bytes, and counts the line ends in them.
fn lines_of(file: &mut impl BufRead, bytes: u64, hasher: &mut blake3::Hasher) -> std::io::Result<u64> {
    let mut left = bytes;
    let mut lines = 0;
    while left > 0 {
        let held = file.fill_buf()?;
        let taken = held.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        if taken == 0 {
            break;
        }
        lines += memchr::memchr_iter(b'\n', &held[..taken]).count() as u64;
        hasher.update(&held[..taken]);
        file.consume(taken);
        left -= taken as u64;
    }
    Ok(lines)
}

fn page(row: &Row<'_>) -> Result<BatchPage, LedgerError> {
    let parent: Option<i64> = row.get("parent")?;
    let state: String = row.get("state")?;
    Ok(BatchPage {
        seq: number(row, "seq")?,
        parent: parent.map(|seq| seq as u64),
        rank: number(row, "rank")?,
        generation: row.get("generation")?,
        rows: row_set(row)?,
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
    })
}
