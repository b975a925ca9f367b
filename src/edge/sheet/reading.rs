//! Records of the exact table back into letters, as they were or as a person has edited them.

use super::{OURS, SAFE};
use crate::model::{Letter, LetterError, LetterSource};
use csv::StringRecord;
use serde_json::value::RawValue;
use std::collections::HashMap;

/// Knows the columns of one table.
#[derive(Debug)]
pub struct SheetReader {
    /// The row's own columns, with their place.
    names: Vec<(String, usize)>,
    ours: HashMap<String, usize>,
}

impl SheetReader {
    /// Whether a header is that of an exact table, or of a safe one: by one of our columns.
    pub fn is_sheet(header: &StringRecord) -> bool {
        header.iter().any(|name| name.trim_start_matches('\u{feff}').starts_with(OURS))
    }

    /// Reads the header. `Err` says in words why this is no table to be read back.
    pub fn new(header: &StringRecord) -> Result<Self, String> {
        let (mut names, mut ours) = (Vec::new(), HashMap::new());
        for (at, name) in header.iter().enumerate() {
            let name = if at == 0 { name.trim_start_matches('\u{feff}') } else { name };
            if name == SAFE {
                return Err("it was exported for spreadsheets (csv-safe): its cells are changed".to_owned());
            }
            match name.strip_prefix(OURS) {
                Some(own) if own.starts_with(':') => names.push((own[1..].to_owned(), at)),
                Some(our) => {
                    ours.insert(our.to_owned(), at);
                }
                None => names.push((name.to_owned(), at)),
            }
        }
        for needed in ["error.code", "source.row"] {
            if !ours.contains_key(needed) {
                return Err(format!("it has no column `{OURS}{needed}`, so it is no export of `rejects`"));
            }
        }
        Ok(Self { names, ours })
    }

    /// One record as a letter. `Err` says in words what is wrong with it.
    pub fn letter(&self, record: &StringRecord) -> Result<Letter, String> {
        let mut letter = Letter {
            error: LetterError {
                code: self.cell(record, "error.code").to_owned(),
                message: self.cell(record, "error.message").to_owned(),
                status: self.number(record, "error.status")?.and_then(|status| u16::try_from(status).ok()),
                field: self.text(record, "error.field"),
            },
            source: None,
            import_id: self.text(record, "import_id"),
            batch: self.text(record, "batch"),
            attempt: self.number(record, "attempt")?,
            at: self.text(record, "at"),
            raw_hex: self.text(record, "raw_hex"),
            invalid: self.number(record, "invalid")?,
            ..Letter::default()
        };
        if let Some(row) = self.number(record, "source.row")? {
            letter.source = Some(LetterSource {
                input: self.cell(record, "source.input").to_owned(),
                row,
                line: self.number(record, "source.line")?.unwrap_or_default(),
                byte: self.number(record, "source.byte")?.unwrap_or_default(),
            });
        }
        let text = self.cell(record, "text");
        match self.cell(record, "kind") {
            "" => letter.row = Some(self.row(record)?),
            "whole" => letter.row = Some(raw(text.to_owned(), "text")?),
            "rows" => letter.rows = Some(raw(text.to_owned(), "text")?),
            "raw" => letter.raw = Some(text.to_owned()),
            other => return Err(format!("`{other}` in `{OURS}kind` is not known")),
        }
        Ok(letter)
    }

    fn row(&self, record: &StringRecord) -> Result<Box<RawValue>, String> {
        let json = self.list(record, "json")?;
        let absent = self.list(record, "absent")?;
        let mut members = Vec::new();
        for (name, at) in &self.names {
            let cell = record.get(*at).unwrap_or_default();
            if cell.is_empty() && (absent.contains(name) || json.contains(name)) {
                continue;
            }
            let value = if json.contains(name) {
                raw(cell.to_owned(), name)?.get().to_owned()
            } else {
                serde_json::Value::from(cell).to_string()
            };
            members.push((name, value));
        }
        let order = self.list(record, "order")?;
        if !order.is_empty() {
            let place = |name: &String| order.iter().position(|known| known == name).unwrap_or(usize::MAX);
            members.sort_by_key(|(name, _)| place(name));
        }
        let members: Vec<String> = members
            .into_iter()
            .map(|(name, value)| format!("{}:{value}", serde_json::Value::from(name.as_str())))
            .collect();
        raw(format!("{{{}}}", members.join(",")), "row")
    }

    fn cell<'a>(&self, record: &'a StringRecord, name: &str) -> &'a str {
        self.ours.get(name).and_then(|at| record.get(*at)).unwrap_or_default()
    }

    fn text(&self, record: &StringRecord, name: &str) -> Option<String> {
        Some(self.cell(record, name)).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    fn number(&self, record: &StringRecord, name: &str) -> Result<Option<u64>, String> {
        let text = self.cell(record, name);
        if text.is_empty() {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|_| format!("`{text}` in `{OURS}{name}` is no number"))
    }

    fn list(&self, record: &StringRecord, name: &str) -> Result<Vec<String>, String> {
        let text = self.cell(record, name);
        if text.is_empty() {
            return Ok(Vec::new());
        }
        serde_json::from_str(text).map_err(|_| format!("`{OURS}{name}` is no JSON array of names"))
    }
}

fn raw(text: String, column: &str) -> Result<Box<RawValue>, String> {
    RawValue::from_string(text).map_err(|_| format!("the cell of `{column}` is not JSON any more"))
}
