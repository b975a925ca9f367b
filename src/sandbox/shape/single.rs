//! A system without a batch API: the body is the row, and each call creates one thing.
//!
//! It must never answer a refusal with anything but a definite 4xx.

use serde_json::json;
use serde_json::value::RawValue;

use crate::sandbox::answer::Answer;
use crate::sandbox::books::{Books, Entry};
use crate::sandbox::call::Call;
use crate::sandbox::reading;
use crate::sandbox::rules::{self, Rules};

/// `POST /anything` and everything under `/single/`.
pub(super) fn create(books: &mut Books<'_>, call: &Call, rules: &Rules) -> rusqlite::Result<Answer> {
    let Ok(row) = serde_json::from_str::<&RawValue>(call.text()).map(RawValue::get) else {
        return Ok(refused(400, "malformed", "the body is not JSON"));
    };
    let Ok([id, amount]) = reading::members(row, ["id", "amount"]) else {
        books.refuse(1);
        return Ok(refused(422, "invalid", "the body must be an object"));
    };
    if let Some(refusal) = rules.refusal(row, amount) {
        books.refuse(1);
        return Ok(refused(422, "invalid", refusal));
    }
    let identity = Some(rules::identity(&call.path, id, row));
    let n = books.apply([Entry { identity, place: None, row }])?;
    let id = reading::present(id).map_or_else(|| format!(r#""r{n}""#), |id| id.get().to_owned());
    Ok(Answer::verdict(201, format!(r#"{{"id":{id}}}"#)))
}

fn refused(status: u16, code: &str, message: &str) -> Answer {
    Answer::verdict(status, json!({ "code": code, "message": message }).to_string())
}
