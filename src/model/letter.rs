//! A dead letter read back from its line, as it was written or as a person has edited it.

use super::{Digest, Hasher, edited_rows};
use serde::Deserialize;
use serde_json::value::RawValue;

/// What stands for a reason where `rejects --in-doubt` writes rows: they are no dead letters.
pub const IN_DOUBT: &str = "bulkhaul:in_doubt";

/// One line of a dead-letter file. What a person left out is `None`; the row's bytes are as they stand.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Letter {
    pub row: Option<Box<RawValue>>,
    /// A record that was no row.
    pub raw: Option<String>,
    /// Its bytes, where they are not UTF-8.
    pub raw_hex: Option<String>,
    /// Rows of a request of which nobody knows how many of them were refused: in doubt, not rejected.
    pub rows: Option<Box<RawValue>>,
    /// How many of `rows` were refused.
    pub invalid: Option<u64>,
    pub error: LetterError,
    pub source: Option<LetterSource>,
    pub import_id: Option<String>,
    pub batch: Option<String>,
    pub attempt: Option<u64>,
    pub at: Option<String>,
}

/// Why it was refused.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct LetterError {
    pub code: String,
    pub message: String,
    pub status: Option<u16>,
    pub field: Option<String>,
}

/// Where it stood.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct LetterSource {
    pub input: String,
    pub row: u64,
    pub line: u64,
    pub byte: u64,
}

/// Names a dead letter, whatever a person has done to its row: by its import and its place. It is the same in every
/// copy of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LetterId(pub [u8; 16]);

impl LetterId {
    /// `index` counts the rows of a letter about several, from 0.
    pub fn of_place(import_id: &str, input: &str, row: u64, index: u64) -> Self {
        let hasher = Hasher::new("bulkhaul/letter").field(import_id.as_bytes()).field(input.as_bytes());
        Self::cut(hasher.number(row).number(index).finish())
    }

    /// One that does not say where it stood: by the state that it is replayed in, what it holds, and how many such came
    /// before it.
    pub fn of_content(state: &str, content: &[u8], index: u64, before: u64) -> Self {
        let hasher = Hasher::new("bulkhaul/letter-without-place").field(state.as_bytes()).field(content);
        Self::cut(hasher.number(index).number(before).finish())
    }

    /// Names one of several rows that a person made of this letter, by what it says.
    #[must_use]
    pub fn piece(self, content: &str) -> Self {
        Self::cut(Hasher::new("bulkhaul/letter-piece").field(&self.0).field(content.as_bytes()).finish())
    }

    fn cut(digest: Digest) -> Self {
        let Digest(bytes) = digest;
        Self(bytes[..16].try_into().expect("a digest has 32 bytes"))
    }
}

impl Letter {
    /// Reads one line. `Err` says in words why it is none.
    pub fn read(line: &str) -> Result<Self, String> {
        if !line.trim_start().starts_with('{') {
            return Err("it is no JSON object".to_owned());
        }
        let letter: Self = serde_json::from_str(line).map_err(|error| {
            let text = error.to_string();
            let words = text.split(" at line ").next().unwrap_or_default();
            format!("{words}, at character {}", error.column())
        })?;
        if letter.row.is_none() && letter.raw.is_none() && letter.rows.is_none() {
            return Err("it has neither `row`, `raw` nor `rows`".to_owned());
        }
        Ok(letter)
    }

    /// The place that each of its rows has in the letter as it was written; `None` where a person has changed it so that
    /// this would be a guess.
    pub fn places_in<'a>(&'a self, written: &'a Self) -> Option<Vec<u64>> {
        let (now, then) = (self.rows.as_ref()?, written.rows.as_ref()?);
        let list = |rows: &'a RawValue| serde_json::from_str::<Vec<&RawValue>>(rows.get()).ok();
        edited_rows::places(&list(then)?, &list(now)?)
    }

    /// The places of its rows that say what this one says.
    pub fn places_of(&self, row: &[u8]) -> Vec<u64> {
        let list = |rows| serde_json::from_str::<Vec<&RawValue>>(rows).ok();
        let rows = self.rows.as_ref().and_then(|rows| list(rows.get())).unwrap_or_default();
        serde_json::from_slice(row).map_or(Vec::new(), |row| edited_rows::places_of(row, &rows))
    }

    /// The row at this place, if it says what this one says, however that is written.
    pub fn row_like(&self, place: u64, row: &[u8]) -> Option<Box<RawValue>> {
        let of_several = || serde_json::from_str::<Vec<Box<RawValue>>>(self.rows.as_ref()?.get()).ok();
        let then = match &self.row {
            Some(row) => row.clone(),
            None => of_several()?.into_iter().nth(usize::try_from(place).ok()?)?,
        };
        let now = serde_json::from_slice(row).ok()?;
        edited_rows::is_alike(&then, now).then_some(then)
    }

    /// Rows that this letter is about.
    pub fn count(&self) -> u64 {
        let Some(rows) = &self.rows else { return 1 };
        serde_json::from_str::<Vec<&RawValue>>(rows.get()).map_or(1, |rows| rows.len() as u64)
    }

    /// Whether it is no dead letter, but a row in doubt that a person was shown.
    pub fn is_shown_doubt(&self) -> bool {
        self.error.code == IN_DOUBT
    }

    /// Whether nobody knows which rows it is about.
    pub fn is_doubt(&self) -> bool {
        self.rows.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_back_byte_for_byte() {
        let line = r#"{"row":{"n":9007199254740993, "f":1.0,"n":2},"error":{"code":"bad","message":"m","status":422,"field":null}}"#;
        let letter = Letter::read(line).unwrap();
        assert_eq!(letter.row.unwrap().get(), r#"{"n":9007199254740993, "f":1.0,"n":2}"#);
        assert_eq!((letter.error.code.as_str(), letter.error.status), ("bad", Some(422)));
    }

    #[test]
    fn what_is_no_dead_letter_is_told() {
        assert_eq!(Letter::read("a,b").unwrap_err(), "it is no JSON object");
        assert_eq!(Letter::read("{\"id\":1}").unwrap_err(), "it has neither `row`, `raw` nor `rows`");
        assert!(Letter::read("{\"row\":{}").unwrap_err().starts_with("EOF while parsing"));
    }
}
