//! Any rows in any envelope: an array, lines, or an object that holds one array. All or none.
//!
//! It must never apply a part of a request; its refusal names the first row that is wrong, counted from 1.

use serde_json::json;
use serde_json::value::RawValue;

use crate::sandbox::answer::Answer;
use crate::sandbox::books::{Books, Entry};
use crate::sandbox::call::Call;
use crate::sandbox::reading;
use crate::sandbox::rules::{self, Rules};

/// `POST /rows` and everything under it.
pub(super) fn receive(books: &mut Books<'_>, call: &Call, rules: &Rules) -> rusqlite::Result<Answer> {
    let rows = match unwrapped(call) {
        Ok(rows) => rows,
        Err(error) => return Ok(Answer::verdict(400, json!({ "error": error }).to_string())),
    };
    let refusal = |row: &&RawValue| rules.refusal_of(row.get());
    if let Some((number, reason)) = rows.iter().zip(1..).find_map(|(row, at)| Some((at, refusal(row)?))) {
        books.refuse(1);
        let error = format!("row {number}: {reason}");
        return Ok(Answer::verdict(422, json!({ "error": error }).to_string()));
    }
    books.apply(rows.iter().map(|row| Entry {
        identity: Some(rules::identity_of(&call.path, row.get())),
        place: None,
        row: row.get(),
    }))?;
    Ok(Answer::verdict(200, json!({ "received": rows.len() }).to_string()))
}

fn unwrapped(call: &Call) -> Result<Vec<&RawValue>, String> {
    let text = call.text().trim();
    if call.lines {
        return reading::lines(text);
    }
    if text.starts_with('[') {
        return reading::elements(text).map_err(|error| format!("not a JSON array: {error}"));
    }
    match reading::array_within(text) {
        Ok(Some(array)) => reading::elements(array.get()).map_err(|error| error.to_string()),
        Ok(None) => reading::lines(text),
        Err(envelope) => match reading::lines(text) {
            Ok(rows) if !rows.is_empty() => Ok(rows),
            _ => Err(format!("neither an array, nor lines, nor an envelope: {envelope}")),
        },
    }
}
