//! Letters into records.

use super::columns::{Columns, Shape};
use super::{ALWAYS, OURS, SAFE, heading};
use crate::model::Letter;
use std::io::{self, Write};

/// Writes one record for each letter.
#[derive(Debug)]
pub struct SheetWriter<W: Write> {
    csv: csv::Writer<W>,
    columns: Columns,
    is_safe: bool,
}

/// For people: the last columns of a safe table.
const PLAIN: [&str; 8] = ["record", "error code", "error message", "status", "field", "input", "row", "line"];

impl<W: Write> SheetWriter<W> {
    /// The exact table: its header is written.
    pub fn exact(out: W, columns: Columns) -> io::Result<Self> {
        let mut it = Self { csv: csv::Writer::from_writer(out), columns, is_safe: false };
        let mut header: Vec<String> = it.columns.names.iter().map(|name| heading(name)).collect();
        let ours = it.optional().into_iter().chain(ALWAYS);
        header.extend(ours.map(|name| format!("{OURS}{name}")));
        it.csv.write_record(&header).map_err(to_io)?;
        Ok(it)
    }

    /// The table for spreadsheets: its header is written.
    pub fn safe(out: W, columns: Columns) -> io::Result<Self> {
        let mut it = Self { csv: csv::Writer::from_writer(out), columns, is_safe: true };
        let names: Vec<String> = it.columns.names.iter().map(|name| harmless(name)).collect();
        let header = std::iter::once(SAFE).chain(names.iter().map(String::as_str)).chain(PLAIN);
        it.csv.write_record(header).map_err(to_io)?;
        Ok(it)
    }

    pub fn write(&mut self, letter: &Letter) -> io::Result<()> {
        let record = if self.is_safe { self.safe_record(letter) } else { self.exact_record(letter) };
        self.csv.write_record(&record).map_err(to_io)
    }

    pub fn finish(mut self) -> io::Result<()> {
        self.csv.flush()
    }

    /// Our columns that this table needs, beside those that are always there.
    fn optional(&self) -> Vec<&'static str> {
        let columns = &self.columns;
        let all = [
            ("json", columns.json),
            ("absent", columns.absences()),
            ("order", columns.order),
            ("kind", columns.kinds),
            ("text", columns.kinds),
            ("raw_hex", columns.raw_hex),
            ("invalid", columns.invalid),
        ];
        all.into_iter().filter(|(_, needed)| *needed).map(|(name, _)| name).collect()
    }

    fn exact_record(&self, letter: &Letter) -> Vec<String> {
        let names = &self.columns.names;
        let mut record = vec![String::new(); names.len()];
        let (mut json, mut order) = (Vec::new(), Vec::new());
        let mut there = vec![false; names.len()];
        let (mut kind, mut text) = ("", String::new());
        let mut in_cells = false;
        match self.columns.fit(letter) {
            Shape::Cells(members) => {
                in_cells = true;
                for member in members {
                    let Some(at) = self.columns.index_of(&member.name) else { continue };
                    let (cell, is_json) = member.cell();
                    (record[at], there[at]) = (cell, true);
                    if is_json {
                        json.push(member.name.clone());
                    }
                    order.push((at, member.name));
                }
            }
            Shape::Text(of, whole) => (kind, text) = (of, whole),
        }
        let absent: Vec<&String> = names
            .iter()
            .zip(&there)
            .filter(|(_, there)| in_cells && !**there)
            .map(|(name, _)| name)
            .collect();
        let is_ordered = order.is_sorted_by_key(|(at, _)| *at);
        let order: Vec<&String> = order.iter().map(|(_, name)| name).collect();
        for column in self.optional() {
            record.push(match column {
                "json" if !json.is_empty() => serde_json::json!(json).to_string(),
                "absent" if !absent.is_empty() => serde_json::json!(absent).to_string(),
                "order" if !is_ordered => serde_json::json!(order).to_string(),
                "kind" => kind.to_owned(),
                "text" => std::mem::take(&mut text),
                "raw_hex" => letter.raw_hex.clone().unwrap_or_default(),
                "invalid" => number(letter.invalid),
                _ => String::new(),
            });
        }
        record.extend(ALWAYS.iter().map(|name| about(letter, name)));
        record
    }

    fn safe_record(&self, letter: &Letter) -> Vec<String> {
        let mut record = vec![String::new(); self.columns.names.len() + 1];
        let mut whole = String::new();
        match self.columns.fit(letter) {
            Shape::Cells(members) => {
                for member in members {
                    if let Some(at) = self.columns.index_of(&member.name) {
                        record[at + 1] = member.cell().0;
                    }
                }
            }
            Shape::Text(_, text) => whole = text,
        }
        record.push(whole);
        let paths = [
            "error.code",
            "error.message",
            "error.status",
            "error.field",
            "source.input",
            "source.row",
            "source.line",
        ];
        record.extend(paths.iter().map(|path| about(letter, path)));
        record.iter().map(|cell| harmless(cell)).collect()
    }
}

/// What a letter says beside its row.
fn about(letter: &Letter, path: &str) -> String {
    let (error, source) = (&letter.error, letter.source.as_ref());
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    match path {
        "error.code" => error.code.clone(),
        "error.message" => error.message.clone(),
        "error.status" => error.status.map(|status| status.to_string()).unwrap_or_default(),
        "error.field" => text(&error.field),
        "source.input" => source.map(|source| source.input.clone()).unwrap_or_default(),
        "source.row" => number(source.map(|source| source.row)),
        "source.line" => number(source.map(|source| source.line)),
        "source.byte" => number(source.map(|source| source.byte)),
        "import_id" => text(&letter.import_id),
        "batch" => text(&letter.batch),
        "attempt" => number(letter.attempt),
        "at" => text(&letter.at),
        _ => String::new(),
    }
}

fn number(number: Option<u64>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

/// A cell that no spreadsheet takes for a formula.
fn harmless(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']) {
        format!("'{cell}")
    } else {
        cell.to_owned()
    }
}

fn to_io(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}
