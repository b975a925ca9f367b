//! From fields to JSON: names, types, `null`. A field either fits its column or makes the row a bad one; nothing is
//! guessed, rounded or mended.

use super::csv::{CsvFramer, Field, Quoting};
use super::{ColumnType, Layout, SourceError};
use crate::model::BadRow;
use memchr::memchr;
use serde::de::IgnoredAny;
use std::ops::Range;

/// Letters of a field that a message quotes.
const QUOTED_LETTERS: usize = 60;

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
                    return Err(column.misfit(text, self.null.is_none(), record));
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
    fn misfit(&self, text: &[u8], no_null: bool, record: &[u8]) -> BadRow {
        let noun = self.kind.noun();
        let message = if text.is_empty() {
            let remedy = if no_null { "; --null '' makes it null" } else { "" };
            format!("an empty field is not {noun}{remedy}")
        } else {
            let text = String::from_utf8_lossy(text);
            let shown: String = text.chars().take(QUOTED_LETTERS).collect();
            let more = if shown.len() < text.len() { "…" } else { "" };
            let is_local = self.kind == ColumnType::Number && is_number(text.replace(',', ".").as_bytes());
            let why = if is_local { ": there is a comma in it" } else { "" };
            format!("`{shown}{more}` is not {noun}{why}")
        };
        bad("type_mismatch", message, Some(self.pointer()), record)
    }

    fn pointer(&self) -> String {
        format!("/{}", self.name.replace('~', "~0").replace('/', "~1"))
    }
}

fn bad(code: &'static str, message: String, field: Option<String>, record: &[u8]) -> BadRow {
    BadRow { code: code.into(), message, field, raw: record.to_vec() }
}

/// Appends the text as a value of this type; `false` if it is none.
fn write_value(kind: ColumnType, text: &[u8], into: &mut Vec<u8>) -> bool {
    match kind {
        ColumnType::String => write_string(text, into),
        ColumnType::Number if is_number(text) => into.extend_from_slice(text),
        ColumnType::Integer if is_number(text) && !text.iter().any(|b| matches!(b, b'.' | b'e' | b'E')) => {
            into.extend_from_slice(text);
        }
        ColumnType::Boolean if text.eq_ignore_ascii_case(b"true") || text.eq_ignore_ascii_case(b"t") => {
            into.extend_from_slice(b"true");
        }
        ColumnType::Boolean if text.eq_ignore_ascii_case(b"false") || text.eq_ignore_ascii_case(b"f") => {
            into.extend_from_slice(b"false");
        }
        ColumnType::Json if serde_json::from_slice::<IgnoredAny>(text).is_ok() => {
            // Outside of strings a line end is only space, and within them JSON allows none.
            let text = text.trim_ascii();
            into.extend(text.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }));
        }
        _ => return false,
    }
    true
}

/// The number grammar of JSON: `-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?`.
fn is_number(text: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let whole = digits(text);
    if whole == 0 || (whole > 1 && text[0] == b'0') {
        return false;
    }
    let mut rest = &text[whole..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        let length = digits(fraction);
        if length == 0 {
            return false;
        }
        rest = &fraction[length..];
    }
    if let [b'e' | b'E', power @ ..] = rest {
        let power = power.strip_prefix(b"+").or_else(|| power.strip_prefix(b"-")).unwrap_or(power);
        let length = digits(power);
        return length > 0 && length == power.len();
    }
    rest.is_empty()
}

fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// Whether a JSON string can hold these bytes as they are.
fn is_clean(text: &[u8]) -> bool {
    !text.iter().fold(false, |found, byte| found | needs_escape(*byte))
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

/// From between quotes of CSV to between those of JSON, where nothing else needs an escape.
fn write_requoted(mut bytes: &[u8], into: &mut Vec<u8>) {
    while let Some(quote) = memchr(b'"', bytes) {
        into.extend_from_slice(&bytes[..quote]);
        if bytes.get(quote + 1) != Some(&b'"') {
            return write_escaped(&bytes[quote + 1..], into);
        }
        into.extend_from_slice(b"\\\"");
        bytes = &bytes[quote + 2..];
    }
    into.extend_from_slice(bytes);
}

fn write_string(text: &[u8], into: &mut Vec<u8>) {
    into.push(b'"');
    write_escaped(text, into);
    into.push(b'"');
}

/// Appends the inside of a JSON string.
fn write_escaped(text: &[u8], into: &mut Vec<u8>) {
    if is_clean(text) {
        into.extend_from_slice(text);
        return;
    }
    let mut copied = 0;
    for (at, &byte) in text.iter().enumerate() {
        if !needs_escape(byte) {
            continue;
        }
        into.extend_from_slice(&text[copied..at]);
        copied = at + 1;
        let short = match byte {
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x08 => b'b',
            0x0c => b'f',
            b'"' | b'\\' => byte,
            _ => {
                let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble)];
                into.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
                continue;
            }
        };
        into.extend_from_slice(&[b'\\', short]);
    }
    into.extend_from_slice(&text[copied..]);
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_is_escaped_as_serde_json_does(text in any::<String>()) {
            let mut ours = Vec::new();
            write_string(text.as_bytes(), &mut ours);
            prop_assert_eq!(String::from_utf8(ours).unwrap(), serde_json::to_string(&text).unwrap());
        }

        #[test]
        fn a_number_is_what_json_calls_one(text in "[-+0-9.eE]{0,8}") {
            let json = serde_json::from_str::<IgnoredAny>(&text).is_ok();
            prop_assert_eq!(is_number(text.as_bytes()), json, "{}", text);
        }
    }

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

    #[test]
    fn values_pass_unchanged_or_not_at_all() {
        let value = |kind, text: &str| {
            let mut into = Vec::new();
            write_value(kind, text.as_bytes(), &mut into).then(|| String::from_utf8(into).unwrap())
        };
        for same in ["1.0", "9007199254740993", "-0", "1e400", "0.10"] {
            assert_eq!(value(ColumnType::Number, same).as_deref(), Some(same));
        }
        for not in ["", "01", "+1", "1.", ".5", "0x1", "NaN", " 1", "1 ", "1,5"] {
            assert_eq!(value(ColumnType::Number, not), None, "{not}");
        }
        assert_eq!(value(ColumnType::Integer, "-12").as_deref(), Some("-12"));
        assert_eq!(value(ColumnType::Integer, "1.0"), None);
        assert_eq!(value(ColumnType::Integer, "1e3"), None);
        assert_eq!(value(ColumnType::Boolean, "TRUE").as_deref(), Some("true"));
        assert_eq!(value(ColumnType::Boolean, "f").as_deref(), Some("false"));
        assert_eq!(value(ColumnType::Boolean, "1"), None);
        assert_eq!(value(ColumnType::Json, "{\"a\":\r\n[1.0]}").as_deref(), Some("{\"a\":  [1.0]}"));
        assert_eq!(value(ColumnType::Json, "{"), None);
    }
}
