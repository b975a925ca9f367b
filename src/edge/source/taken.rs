//! Rows as a replay took them over from dead letters: one JSON object a line, with the line that each stood on in
//! the file that a person has before them. The file is ours alone: nothing else writes or reads it.

use super::coding::Inputs;
use super::lane::Lane;
use super::{Format, Layout, Step};
use crate::model::{BadRow, Digest};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::ops::Range;

/// One record of it: a row, or one that still is none, or none with such fields.
#[derive(Debug, Deserialize, Serialize)]
pub struct TakenRow {
    /// From 1.
    pub line: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bad: Option<Bad>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Bad {
    code: String,
    message: String,
    field: Option<String>,
    hex: String,
}

impl TakenRow {
    pub fn row(line: u64, row: Box<RawValue>) -> Self {
        Self { line, row: Some(row), bad: None }
    }

    pub fn bad(line: u64, bad: BadRow) -> Self {
        let BadRow { code, message, field, raw, row } = bad;
        let row = row.and_then(|row| RawValue::from_string(row).ok());
        let hex = if row.is_some() { String::new() } else { Digest::hex_of(&raw) };
        Self { line, row, bad: Some(Bad { code: code.into_owned(), message, field, hex }) }
    }

    /// What it says: the row's text, or the bytes of what is none.
    pub fn content(&self) -> &str {
        match (&self.row, &self.bad) {
            (Some(row), _) => row.get(),
            (None, Some(bad)) => &bad.hex,
            (None, None) => "",
        }
    }

    /// One line, with its end.
    pub fn to_line(&self) -> String {
        let mut line = serde_json::to_string(self).expect("a row is plain data");
        line.push('\n');
        line
    }
}

/// Appends the row on this line, and says on which line of its file it stood.
pub(super) fn write(record: &[u8], into: &mut Vec<u8>) -> (Option<u64>, Result<Range<usize>, BadRow>) {
    let foreign = |message: &str| BadRow::new("invalid_json", message, record);
    let Ok(taken) = serde_json::from_slice::<TakenRow>(record) else {
        return (None, Err(foreign("no line as a replay writes it")));
    };
    let result = match (taken.row, taken.bad) {
        (Some(row), None) => {
            let start = into.len();
            into.extend_from_slice(row.get().as_bytes());
            Ok(start..into.len())
        }
        (row, Some(bad)) => Err(BadRow {
            code: bad.code.into(),
            message: bad.message,
            field: bad.field,
            raw: Digest::bytes_of(&bad.hex).unwrap_or_default(),
            row: row.map(|row| row.get().to_owned()),
        }),
        (None, None) => Err(foreign("neither a row nor a record")),
    };
    (Some(taken.line), result)
}

/// What a record is alone, read as its import would have read it; or what each of several is, if somebody divided it.
/// `None` if it is none.
///
/// `columns` is what the header of its input calls them, where it has one.
pub fn records(
    text: &[u8],
    layout: &Layout,
    columns: Option<&[String]>,
) -> Option<Vec<Result<Box<RawValue>, BadRow>>> {
    let mut header = String::new();
    if let (Format::Csv { delimiter }, Some(columns), true) = (layout.format, columns, layout.header) {
        let quoted = columns.iter().map(|name| format!("\"{}\"", name.replace('"', "\"\"")));
        header = quoted.collect::<Vec<_>>().join(&char::from(delimiter).to_string()) + "\n";
    }
    // The line feed says what ends records: a carriage return alone is a character here.
    let bytes = std::io::Cursor::new([header.as_bytes(), text, b"\n"].concat());
    let mut lane = Lane::new(Inputs::readers(vec![(String::new(), Box::new(bytes))]), layout).ok()?;
    lane.enter(0, None).ok()?;
    let (mut records, mut row) = (Vec::new(), Vec::new());
    loop {
        row.clear();
        match lane.next(&mut row).ok()? {
            Step::Row { text, .. } => {
                let row = String::from_utf8(row[text].to_vec()).ok()?;
                records.push(Ok(RawValue::from_string(row).ok()?));
            }
            Step::Bad { bad, .. } => records.push(Err(bad)),
            Step::Idle | Step::End => return (!records.is_empty()).then_some(records),
        }
    }
}
