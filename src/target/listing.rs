//! Bodies that are many values: lines of JSON and tables, read as one list.
//!
//! It never knows what an entry means.

use super::raw;

/// A table as a list of objects; none if it is none.
pub(super) fn csv_rows(body: &[u8]) -> Option<String> {
    let mut table = csv::Reader::from_reader(body);
    let names = table.headers().ok()?.clone();
    let mut rows = Vec::new();
    for record in table.records() {
        let record = record.ok()?;
        let cells = names.iter().zip(&record);
        let row: serde_json::Map<String, serde_json::Value> =
            cells.map(|(name, cell)| (name.to_owned(), cell.into())).collect();
        rows.push(serde_json::Value::Object(row));
    }
    Some(serde_json::Value::Array(rows).to_string())
}

/// A body of JSON lines as one list; none if a line is no JSON.
pub(super) fn lines(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let mut list = String::with_capacity(text.len() + 2);
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        list.push(if list.is_empty() { '[' } else { ',' });
        list.push_str(raw::checked(line.as_bytes())?);
    }
    if list.is_empty() {
        list.push('[');
    }
    list.push(']');
    Some(list)
}
