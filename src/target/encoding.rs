//! Rows as something other than JSON: CSV, forms and plain text; and as members of an object.
//!
//! A value that would end a line, a field or a name is quoted, encoded or refused; it never becomes another one.

use super::document::Value;
use super::filter::encode;
use super::params::Params;
use super::placeholder::Seat;
use super::pointer::Pointer;
use super::raw;
use super::section::Section;
use super::slot::{Facts, FieldSet, RowNaming};
use super::text::{Frame, TextTemplate};
use crate::model::Rejection;
use std::borrow::Cow;

/// How deep a form's names may nest.
const DEEPEST: usize = 16;

/// `csv = { … }`.
#[derive(Clone, Debug)]
pub(super) struct CsvShape {
    /// None: what the request's first row has, in its order; then all its rows have the same.
    columns: Option<Vec<(String, Pointer)>>,
    delimiter: char,
    header: bool,
    /// What stands for null, and for a column that a row does not have.
    null: String,
}

impl CsvShape {
    pub(super) fn read(request: &Section<'_>, params: &Params<'_>) -> Self {
        let Some(section) = request.section("csv") else {
            return Self { columns: None, delimiter: ',', header: true, null: String::new() };
        };
        let mut names: Vec<String> = Vec::new();
        match section.node("columns").map(|node| &node.value) {
            // Names in one text, as a parameter gives them: `id,name`.
            Some(Value::Text(text)) => {
                let text = params.fixed(text, &section.spot_of("columns")).unwrap_or_default();
                names.extend(text.split(',').map(str::trim).filter(|n| !n.is_empty()).map(str::to_owned));
            }
            _ => {
                let texts = section.texts("columns").into_iter();
                names.extend(texts.filter_map(|(text, spot)| params.fixed(text, spot)));
            }
        }
        let header = section.flag("header").unwrap_or(true);
        if names.is_empty() && !header {
            let remedy =
                "as in columns = [\"id\", \"name\"]: without their names the order of fields has to be said";
            section.wrong("columns", "CSV without a header needs `columns`", remedy);
        }
        let delimiter = section.text("delimiter").unwrap_or(",");
        let mut letters = delimiter.chars();
        let delimiter = match (letters.next(), letters.next()) {
            (Some(letter), None) if !matches!(letter, '"' | '\n' | '\r') => letter,
            _ => {
                section.wrong("delimiter", format!("`{delimiter}` is no delimiter"), "write one character");
                ','
            }
        };
        let columns: Vec<(String, Pointer)> = names.into_iter().filter_map(column).collect();
        let shape = Self {
            columns: Some(columns).filter(|columns| !columns.is_empty()),
            delimiter,
            header,
            null: section.text("null").unwrap_or_default().to_owned(),
        };
        section.done();
        shape
    }

    /// The columns are those that rows have.
    pub(super) const fn follows_rows(&self) -> bool {
        self.columns.is_none()
    }

    /// The line of names, if there is one and it is known.
    pub(super) fn open(&self, out: &mut Vec<u8>) {
        if let Some(columns) = &self.columns {
            self.names(columns, out);
        }
    }

    fn names(&self, columns: &[(String, Pointer)], out: &mut Vec<u8>) {
        if self.header {
            let names: Vec<Option<Cow<'_, str>>> =
                columns.iter().map(|(name, _)| Some(name.as_str().into())).collect();
            self.line(&names, out);
            out.push(b'\n');
        }
    }

    /// A row's line, without its end; before the first one the names, where the rows have them. Objects and lists are
    /// written as JSON.
    pub(super) fn row(&self, row: &str, is_first: bool, out: &mut Vec<u8>) {
        let own;
        let columns = match &self.columns {
            Some(columns) => columns,
            None => {
                own = member_names(row).into_iter().filter_map(column).collect::<Vec<_>>();
                if is_first {
                    self.names(&own, out);
                }
                &own
            }
        };
        let value = |(_, pointer): &(String, Pointer)| {
            let value = pointer.find(row).filter(|value| *value != "null")?;
            Some(raw::scalar(value).unwrap_or(value.into()))
        };
        self.line(&columns.iter().map(value).collect::<Vec<_>>(), out);
    }

    fn line(&self, fields: &[Option<Cow<'_, str>>], out: &mut Vec<u8>) {
        for (at, field) in fields.iter().enumerate() {
            if at > 0 {
                let mut bytes = [0; 4];
                out.extend_from_slice(self.delimiter.encode_utf8(&mut bytes).as_bytes());
            }
            match field {
                None => out.extend_from_slice(self.null.as_bytes()),
                Some(text) if self.is_plain(text) => out.extend_from_slice(text.as_bytes()),
                Some(text) => {
                    out.push(b'"');
                    out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
                    out.push(b'"');
                }
            }
        }
    }

    /// Whether a text means itself without quotes; one that looks like null does not.
    fn is_plain(&self, text: &str) -> bool {
        text != self.null
            && !text.starts_with(' ')
            && !text.ends_with(' ')
            && !text.contains([self.delimiter, '"', '\n', '\r'])
    }

    pub(super) fn shape(&self) -> String {
        format!("csv {:?} {} {} {}", self.columns, self.delimiter, self.header, self.null)
    }
}

fn column(name: String) -> Option<(String, Pointer)> {
    let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
    Some((name, Pointer::parse(&pointer).ok()?))
}

/// What a row's members are called, in their order, each once.
pub(super) fn member_names(row: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (name, _) in raw::members(row).into_iter().flatten() {
        let name = unescaped(name);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// `format = "text"`: a line for each row.
pub(super) fn text_item(
    section: &Section<'_>,
    params: &Params<'_>,
    naming: &RowNaming,
    fields: &mut FieldSet,
) -> Option<TextTemplate> {
    let Some(text) = section.text("item") else {
        section.wrong("item", "text needs `item`", "as in item = \"${row:/name} ${row:/value}\"");
        return None;
    };
    let pieces = params.demand(text, Seat::Item { keyed: false }, &section.spot_of("item"));
    Some(TextTemplate::of(pieces, naming.key.as_ref(), fields))
}

/// Appends a row's line; on `Err` what was appended is the caller's to take back.
pub(super) fn fill_line(
    template: &TextTemplate,
    facts: &Facts<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Rejection> {
    let mut line = String::new();
    template.fill(facts, Frame::Plain, &mut line)?;
    if line.contains(['\n', '\r']) {
        return Err(Rejection::local("bad_value", "a value holds a line end, and the row is one line"));
    }
    out.extend_from_slice(line.as_bytes());
    Ok(())
}

/// Turns the JSON object at the end of a body into a form: `name=value`, `outer[inner]=value`, `list[0]=value`.
pub(super) fn to_form(body: &mut Vec<u8>, start: usize) -> Result<(), Rejection> {
    let json = String::from_utf8_lossy(&body[start..]).into_owned();
    let mut pairs = Vec::new();
    let members = raw::members(&json)
        .ok_or_else(|| Rejection::local("bad_value", "the body is no object, and a form has names"))?;
    for (name, value) in members {
        form_value(&encode(&unescaped(name)), value, DEEPEST, &mut pairs)?;
    }
    body.truncate(start);
    body.extend_from_slice(pairs.join("&").as_bytes());
    Ok(())
}

fn unescaped(name: &str) -> String {
    raw::string(&format!("\"{name}\"")).unwrap_or(name.into()).into_owned()
}

/// A null is left out, as forms have none.
fn form_value(name: &str, value: &str, depth: usize, pairs: &mut Vec<String>) -> Result<(), Rejection> {
    if value == "null" {
        return Ok(());
    }
    if let Some(text) = raw::scalar(value) {
        pairs.push(format!("{name}={}", encode(&text)));
        return Ok(());
    }
    if depth == 0 {
        return Err(Rejection::local("bad_value", "the row is nested too deep for a form"));
    }
    for (inner, value) in raw::members(value).into_iter().flatten() {
        form_value(&format!("{name}[{}]", encode(&unescaped(inner))), value, depth - 1, pairs)?;
    }
    for (at, value) in raw::elements(value).into_iter().flatten().enumerate() {
        form_value(&format!("{name}[{at}]"), value, depth - 1, pairs)?;
    }
    Ok(())
}
