//! From fields to JSON: names, types, `null`. A field either fits its column or makes the row a bad one; nothing is
//! guessed, rounded or mended.

use super::csv::CsvFramer;
use super::field::{Field, Quoting};
use super::json::{is_clean, write_escaped, write_requoted, write_string, write_value};
use super::misfit;
use super::{ColumnType, Layout, SourceError};
use crate::model::BadRow;
use std::ops::Range;

/// The columns of one input.
#[derive(Debug)]
pub(super) struct Columns {
    list: Vec<Column>,
    /// Bytes of all keys, quotes and commas.
    key_bytes: usize,
    null: Option<Vec<u8>>,
    /// All are strings, and nothing is `null`.
    plain: bool,
    /// The names come from a header (else from `--columns`).
    header: bool,
}

#[derive(Debug)]
struct Column {
    name: String,
    kind: ColumnType,
    /// `{"name":` or `,"name":`; where all columns are strings, `{"name":"` or `","name":"`.
    key: Vec<u8>,
    /// The same, with room to be copied in steps.
    padded: Vec<u8>,
}

impl Columns {
    /// `header`: the names that the input gives itself.
    pub(super) fn new(
        input: &str,
        header: Option<Vec<String>>,
        layout: &Layout,
    ) -> Result<Self, SourceError> {
        let from_header = header.is_some();
        let names = match (header, &layout.columns) {
            (Some(header), None) => header,
            (Some(header), Some(listed)) if header.len() != listed.len() => {
                let (header, listed) = (header.len(), listed.len());
                return Err(SourceError::ColumnCount { input: input.to_owned(), header, listed });
            }
            (_, Some(listed)) => listed.clone(),
            (None, None) => return Err(SourceError::Nameless { input: input.to_owned() }),
        };
        let mut seen = std::collections::HashMap::new();
        for (index, name) in names.iter().enumerate() {
            if let Some(first) = seen.insert(name, index) {
                return Err(SourceError::RepeatedColumn {
                    input: input.to_owned(),
                    column: name.clone(),
                    first: first + 1,
                    second: index + 1,
                    listed: layout.columns.is_some(),
                });
            }
        }
        Ok(Self::build(names, from_header, layout))
    }

    fn build(names: Vec<String>, header: bool, layout: &Layout) -> Self {
        let kind_of = |name: &str| {
            layout.types.iter().rev().find(|(of, _)| of == name).map_or(ColumnType::String, |(_, kind)| *kind)
        };
        let plain = layout.null.is_none() && names.iter().all(|name| kind_of(name) == ColumnType::String);
        let list: Vec<Column> = names
            .into_iter()
            .enumerate()
            .map(|(index, name)| {
                let mut key = vec![if index == 0 { b'{' } else { b',' }];
                write_string(name.as_bytes(), &mut key);
                if plain {
                    // Strings follow strings: what ends the one before goes with the name.
                    key.splice(0..0, (index > 0).then_some(b'"'));
                    key.extend_from_slice(b":\"");
                } else {
                    key.push(b':');
                }
                let mut padded = key.clone();
                padded.resize(key.len().next_multiple_of(STEP), 0);
                Column { kind: kind_of(&name), name, key, padded }
            })
            .collect();
        let key_bytes = list.iter().map(|column| column.key.len() + 2).sum::<usize>() + 2;
        let null = layout.null.clone().map(String::into_bytes);
        Self { list, key_bytes, null, plain, header }
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.list.iter().map(|column| column.name.clone()).collect()
    }

    pub(super) fn is_one(&self) -> bool {
        self.list.len() == 1
    }

    /// Every column that was given a type is there.
    pub(super) fn check_types(&self, input: &str, layout: &Layout) -> Result<(), SourceError> {
        for (wanted, _) in &layout.types {
            if !self.list.iter().any(|column| column.name == *wanted) {
                return Err(SourceError::UnknownColumn {
                    input: input.to_owned(),
                    column: wanted.clone(),
                    known: self.list.iter().map(|column| column.name.clone()).collect(),
                });
            }
        }
        Ok(())
    }

    /// The record is not UTF-8.
    pub(super) fn no_text(record: &[u8]) -> BadRow {
        bad(
            "invalid_utf8",
            "the record is not valid UTF-8; if it is from Windows, iconv -f CP1252 -t UTF-8 converts it"
                .into(),
            None,
            record,
        )
    }

    /// Appends the record, which is UTF-8, as a JSON object; else says why it is no row, and appends nothing. The record
    /// is the beginning of `window`.
    pub(super) fn write(
        &self,
        (window, length): (&[u8], usize),
        framer: &CsvFramer,
        scratch: &mut Vec<u8>,
        into: &mut Vec<u8>,
    ) -> Result<Range<usize>, BadRow> {
        let (record, fields) = (&window[..length], framer.fields());
        if framer.quotes()
            && let Some(index) = fields.iter().position(|field| field.quoting == Quoting::Stray)
        {
            return Err(self.stray(index, record));
        }
        if fields.len() != self.list.len() {
            return Err(bad("field_count", self.count_message(fields.len()), None, record));
        }
        if record.is_empty() && self.null.as_deref() != Some(b"") {
            let message =
                "a blank line, which may be an empty value or no row at all; `\"\"` is an empty value";
            return Err(bad("blank_line", message.into(), None, record));
        }
        let start = into.len();
        let look = || if framer.quotes() { is_clean_in_quotes(record, fields) } else { is_clean(record) };
        let clean = framer.clean().unwrap_or_else(look);
        if self.plain && clean {
            self.copy_strings(window, length, fields, into);
            return Ok(start..into.len());
        }
        into.reserve(record.len() + self.key_bytes);
        if self.plain {
            self.write_strings(record, fields, scratch, into);
        } else {
            for (column, field) in self.list.iter().zip(fields) {
                into.extend_from_slice(&column.key);
                let text = field.text(record, scratch);
                if field.quoting == Quoting::None && self.null.as_deref() == Some(text) {
                    into.extend_from_slice(b"null");
                } else if clean && column.kind == ColumnType::String {
                    into.push(b'"');
                    into.extend_from_slice(text);
                    into.push(b'"');
                } else if !write_value(column.kind, text, into) {
                    into.truncate(start);
                    return Err(self.misfit(record, fields, scratch));
                }
            }
        }
        into.push(b'}');
        Ok(start..into.len())
    }

    /// All fields are strings that stand in JSON as they are.
    fn copy_strings(&self, window: &[u8], length: usize, fields: &[Field], into: &mut Vec<u8>) {
        let start = into.len();
        into.resize(start + length + self.key_bytes + STEP, 0);
        let row = &mut into[start..];
        let mut at = 0;
        for (column, field) in self.list.iter().zip(fields) {
            at = copy(row, at, &column.padded, column.key.len());
            at = copy(row, at, &window[field.start..], field.end - field.start);
        }
        row[at..at + 2].copy_from_slice(b"\"}");
        into.truncate(start + at + 2);
    }

    fn write_strings(&self, record: &[u8], fields: &[Field], scratch: &mut Vec<u8>, into: &mut Vec<u8>) {
        let is_other = |byte: &u8| *byte < 0x20 || *byte == b'\\';
        let only_quotes = !record.iter().fold(false, |found, byte| found | is_other(byte));
        for (column, field) in self.list.iter().zip(fields) {
            into.extend_from_slice(&column.key);
            let bytes = &record[field.start..field.end];
            match field.quoting {
                Quoting::Simple if only_quotes => into.extend_from_slice(bytes),
                Quoting::Messy if only_quotes => write_requoted(&bytes[1..], into),
                _ => write_escaped(field.text(record, scratch), into),
            }
        }
        into.push(b'"');
    }

    /// Some field does not fit its type: the row has it as its text, and one such field is named.
    fn misfit(&self, record: &[u8], fields: &[Field], scratch: &mut Vec<u8>) -> BadRow {
        let (mut row, mut named, mut of_json) = (Vec::new(), None, 0);
        for (column, field) in self.list.iter().zip(fields) {
            row.extend_from_slice(&column.key);
            let text = field.text(record, scratch);
            if field.quoting == Quoting::None && self.null.as_deref() == Some(text) {
                row.extend_from_slice(b"null");
            } else if !write_value(column.kind, text, &mut row) {
                write_string(text, &mut row);
                let is_json = column.kind == ColumnType::Json;
                of_json += u32::from(is_json);
                // A string may be a value of such a column, too: a replay knows by the name that it is none.
                if named.is_none() || is_json {
                    let message = misfit::words(column.kind, text, self.null.is_none());
                    named = Some((message, column.pointer()));
                }
            }
        }
        row.push(b'}');
        let (message, field) = named.unwrap_or_default();
        let row = String::from_utf8(row).ok().filter(|_| of_json < 2);
        BadRow { row, ..bad("type_mismatch", message, Some(field), record) }
    }

    /// Taking the quotes away, as many readers do, would alter the value.
    fn stray(&self, index: usize, record: &[u8]) -> BadRow {
        let message = format!("field {} has text after its closing quote", index + 1);
        bad("bad_quote", message, self.list.get(index).map(Column::pointer), record)
    }

    fn count_message(&self, found: usize) -> String {
        let plural = if found == 1 { "" } else { "s" };
        let names = if self.header { "the header has" } else { "--columns names" };
        format!("{found} field{plural}, {names} {}", self.list.len())
    }
}

impl Column {
    fn pointer(&self) -> String {
        misfit::pointer(&self.name)
    }
}

fn bad(code: &'static str, message: String, field: Option<String>, record: &[u8]) -> BadRow {
    BadRow { field, ..BadRow::new(code, message, record) }
}

/// As [`is_clean`], for a record some of whose fields are in quotes with nothing to undo between them: all quotes are
/// around fields.
fn is_clean_in_quotes(record: &[u8], fields: &[Field]) -> bool {
    let mut around = 0;
    for field in fields {
        match field.quoting {
            Quoting::None => {}
            Quoting::Simple => around += 2,
            Quoting::Messy | Quoting::Stray => return false,
        }
    }
    let (mut quotes, mut dirty) = (0, false);
    for part in record.chunks(128) {
        let mut found = 0_u8;
        for byte in part {
            found += u8::from(*byte == b'"');
            dirty |= *byte < 0x20 || *byte == b'\\';
        }
        quotes += usize::from(found);
    }
    !dirty && quotes == around
}

/// Bytes that are copied at once.
const STEP: usize = 32;

/// Copies the first `length` bytes to `at`, and tells where they end. In steps, which cost less than to call for a copy
/// of so few bytes: what is written behind the end is written over by what comes next.
#[inline]
fn copy(into: &mut [u8], at: usize, from: &[u8], length: usize) -> usize {
    let (end, mut done) = (at + length, 0);
    while let (Some(into), Some(from)) =
        (into[at + done..].first_chunk_mut::<STEP>(), from[done..].first_chunk::<STEP>())
    {
        *into = *from;
        done += STEP;
        if done >= length {
            return end;
        }
    }
    into[at + done..end].copy_from_slice(&from[done..length]);
    end
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn fields_become_strings_however_they_are_quoted(
            fields in prop::collection::vec(prop_oneof!["x\"y?", "[a-z\u{e9}]{0,12}", "[\"\\\\\n\t,x]{0,6}"], 1..5),
            quoted in any::<u8>(),
            delimiter in prop_oneof![Just(','), Just('\t')],
            ended in any::<bool>(),
        ) {
            let names: Vec<String> = (0..fields.len()).map(|at| format!("c{at}")).collect();
            let between = delimiter.to_string();
            let mut text = names.join(&between) + "\n";
            for (at, field) in fields.iter().enumerate() {
                text.push_str(if at > 0 { &between } else { "" });
                if quoted >> at & 1 == 1 || fields.len() == 1 || field.starts_with('"') || field.contains(['\n', delimiter]) {
                    text.push_str(&format!("\"{}\"", field.replace('"', "\"\"")));
                } else {
                    text.push_str(field);
                }
            }
            text.push_str(if ended { "\n" } else { "" });
            let reader: Box<dyn std::io::Read + Send> = Box::new(std::io::Cursor::new(text.into_bytes()));
            let layout = Layout::new(super::super::Format::Csv { delimiter: delimiter as u8 });
            let mut row = Vec::new();
            super::super::Source::over(vec![("x".into(), reader)], &layout).unwrap().next(&mut row).unwrap();
            let row: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&row).unwrap();
            for (name, field) in names.iter().zip(&fields) {
                prop_assert_eq!(row[name].as_str(), Some(field.as_str()));
            }
        }
    }
}
