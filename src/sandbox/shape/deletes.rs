//! What was created by `single` and is deleted by its address.
//!
//! It must never refuse what is not there: it is deleted.

use serde_json::json;

use crate::sandbox::answer::Answer;
use crate::sandbox::books::{Books, Entry};
use crate::sandbox::call::Call;
use crate::sandbox::rules::{self, Rules};

/// `DELETE /single/.../{id}`; in the truth it is a row that says so.
pub(super) fn delete(books: &mut Books<'_>, call: &Call, rules: &Rules) -> rusqlite::Result<Answer> {
    let id = call.path.rsplit('/').next().unwrap_or_default();
    let row = json!({ "deleted": id }).to_string();
    if let Some(refusal) = rules.refusal_of(&row) {
        books.refuse(1);
        return Ok(Answer::verdict(422, json!({ "code": "kept", "message": refusal }).to_string()));
    }
    let identity = Some(rules::identity_of(&call.path, &row));
    books.apply([Entry { identity, place: None, row: &row }])?;
    Ok(Answer::verdict(200, row))
}
