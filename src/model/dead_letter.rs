//! Dead letters: rows refused for good, whole, with the reason.

use super::{BadRow, Digest, Mark, WallTime};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// Why a row, or a whole request, was refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rejection {
    /// Stable word for grouping: the target's own code where it gave one.
    pub code: String,
    pub message: String,
    /// HTTP status of the answer; `None` when the row was refused before it was sent.
    pub status: Option<u16>,
    /// The field at fault, as the target names it.
    pub field: Option<String>,
}

impl Rejection {
    pub fn local(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), status: None, field: None }
    }
}

/// One line of the dead-letter file, with what the ledger needs to know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    pub mark: Mark,
    /// Stable word, copied out for grouping.
    pub code: String,
    /// One JSON object, no line end.
    pub line: String,
}

/// What a dead letter says beside the row.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    pub input: &'a str,
    pub import_id: &'a str,
    /// Key of the request that the row was refused in; `None` when it was never sent.
    pub batch: Option<&'a str>,
    /// Which attempt brought the refusal, from 1; 0 when the row was never sent.
    pub attempt: u32,
    pub at: WallTime,
}

#[derive(Default, Serialize)]
struct Line<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    row: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<Vec<&'a RawValue>>,
    /// So many of `rows` were refused; nobody knows which.
    #[serde(skip_serializing_if = "Option::is_none")]
    invalid: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw: Option<&'a str>,
    /// Beside `raw` when the record is not UTF-8, so that nothing of it is lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    raw_hex: Option<String>,
    error: Error<'a>,
    source: Source<'a>,
    import_id: &'a str,
    batch: Option<&'a str>,
    attempt: u32,
    #[serde(serialize_with = "rfc3339")]
    at: WallTime,
}

fn raw(text: &[u8]) -> &RawValue {
    serde_json::from_slice(text).expect("a row is a JSON object")
}

#[derive(Default, Serialize)]
struct Error<'a> {
    code: &'a str,
    message: &'a str,
    status: Option<u16>,
    field: Option<&'a str>,
}

#[derive(Default, Serialize)]
struct Source<'a> {
    input: &'a str,
    row: u64,
    line: u64,
    byte: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn rfc3339<S: Serializer>(at: &WallTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&at.rfc3339())
}

impl DeadLetter {
    /// A row that was refused. `text` is the row as a JSON object.
    pub fn of_row(mark: Mark, text: &[u8], refusal: &Rejection, about: &Circumstances<'_>) -> Self {
        let line = Line { row: Some(raw(text)), ..Line::default() };
        Self::write(mark, refusal, about, line)
    }

    /// A refusal of `invalid` rows of a request, without their names. `mark` is of the first row.
    pub fn of_batch<'a>(
        mark: Mark,
        texts: impl Iterator<Item = &'a [u8]>,
        invalid: u64,
        refusal: &Rejection,
        about: &Circumstances<'_>,
    ) -> Self {
        let rows = Some(texts.map(raw).collect());
        Self::write(mark, refusal, about, Line { rows, invalid: Some(invalid), ..Line::default() })
    }

    /// A record that could not be read as a row, or not as one with such fields.
    pub fn of_record(mark: Mark, bad: &BadRow, about: &Circumstances<'_>) -> Self {
        let refusal = Rejection {
            code: bad.code.clone().into_owned(),
            message: bad.message.clone(),
            status: None,
            field: bad.field.clone(),
        };
        if let Some(row) = &bad.row {
            return Self::of_row(mark, row.as_bytes(), &refusal, about);
        }
        let raw = String::from_utf8_lossy(&bad.raw);
        let raw_hex = std::str::from_utf8(&bad.raw).is_err().then(|| Digest::hex_of(&bad.raw));
        Self::write(mark, &refusal, about, Line { raw: Some(&raw), raw_hex, ..Line::default() })
    }

    fn write<'a>(mark: Mark, refusal: &'a Rejection, about: &Circumstances<'a>, what: Line<'a>) -> Self {
        let Rejection { code, message, status, field } = refusal;
        let place = mark.place;
        let line = Line {
            error: Error { code, message, status: *status, field: field.as_deref() },
            source: Source { input: about.input, row: place.row, line: place.line, byte: place.byte },
            import_id: about.import_id,
            batch: about.batch,
            attempt: about.attempt,
            at: about.at,
            ..what
        };
        let line = serde_json::to_string(&line).expect("a dead letter is plain data");
        Self { mark, code: code.clone(), line }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Ordinal, Place};

    const ABOUT: Circumstances<'_> = Circumstances {
        input: "a.csv",
        import_id: "id",
        batch: None,
        attempt: 0,
        at: WallTime::from_millis(0),
    };

    fn mark() -> Mark {
        Mark { ordinal: Ordinal(16), place: Place { input: 0, row: 17, line: 19, byte: 2048 }, end: 2060 }
    }

    #[test]
    fn the_row_stands_in_its_dead_letter_byte_for_byte() {
        let text = br#"{"n":9007199254740993,"f":1.0,"n":2}"#;
        let letter = DeadLetter::of_row(mark(), text, &Rejection::local("bad", "no"), &ABOUT);
        assert_eq!(
            letter.line,
            concat!(
                r#"{"row":{"n":9007199254740993,"f":1.0,"n":2},"error":{"code":"bad","message":"no","status":null,"field":null},"#,
                r#""source":{"input":"a.csv","row":17,"line":19,"byte":2048},"import_id":"id","batch":null,"attempt":0,"at":"1970-01-01T00:00:00Z"}"#
            )
        );
    }

    #[test]
    fn a_record_that_is_not_utf8_loses_no_byte() {
        let bad = BadRow::new("invalid_utf8", "m", vec![b'a', 0xff]);
        let letter = DeadLetter::of_record(mark(), &bad, &ABOUT);
        assert!(letter.line.contains(r#""raw_hex":"61ff""#), "{}", letter.line);
    }
}
