//! The orders API of the batch guide: a result for each operation, or all or none.
//!
//! Results come in another order than the operations, since nothing promises that they do not. Where an
//! operation has no id its place is all it can be known by, and then the order is kept. It must never refuse
//! a request as a whole because of one operation (that is what `atomic` is for).

use serde_json::json;
use serde_json::value::RawValue;

use crate::sandbox::answer::Answer;
use crate::sandbox::books::{Books, Entry};
use crate::sandbox::call::Call;
use crate::sandbox::reading;
use crate::sandbox::rules::{self, Rules};

const NO_OBJECT: &str = "an operation must be an object";

struct Operation<'a> {
    row: &'a str,
    id: Option<&'a RawValue>,
    refusal: Option<&'static str>,
}

/// `POST /api/orders/batch`.
pub(super) fn batch(books: &mut Books<'_>, call: &Call, rules: &Rules) -> rusqlite::Result<Answer> {
    let operations = match operations(call, rules) {
        Ok(operations) => operations,
        Err(refused) => return Ok(refused),
    };
    let mut n = books.apply(valid(&operations, call))?;
    let mut results = Vec::with_capacity(operations.len());
    for operation in &operations {
        let id = operation.id.map_or("null", RawValue::get);
        results.push(if let Some(refusal) = operation.refusal {
            books.refuse(1);
            format!(r#"{{"id":{id},"status":"error","error":{}}}"#, json!(refusal))
        } else {
            n += 1;
            format!(r#"{{"id":{id},"status":"ok","data":{{"number":{}}}}}"#, n - 1)
        });
    }
    if operations.iter().all(|operation| reading::present(operation.id).is_some()) {
        rules.chance(books.call).shuffle(&mut results);
    }
    Ok(Answer::verdict(200, format!(r#"{{"results":[{}]}}"#, results.join(","))))
}

/// `POST /api/orders/batch`, with `Prefer: handling=strict`.
pub(super) fn atomic(books: &mut Books<'_>, call: &Call, rules: &Rules) -> rusqlite::Result<Answer> {
    let operations = match operations(call, rules) {
        Ok(operations) => operations,
        Err(refused) => return Ok(refused),
    };
    let culprit = operations.iter().zip(1..).find_map(|(operation, item)| Some((item, operation.refusal?)));
    if let Some((item, refusal)) = culprit {
        books.refuse(1);
        let error = if rules.atomic_names_item {
            format!("Item {item} invalid: {refusal}")
        } else {
            "One item is invalid".to_owned()
        };
        return Ok(Answer::verdict(422, json!({ "status": "failed", "error": error }).to_string()));
    }
    books.apply(valid(&operations, call))?;
    Ok(Answer::verdict(200, json!({ "status": "ok", "count": operations.len() }).to_string()))
}

fn valid<'a>(operations: &'a [Operation<'a>], call: &'a Call) -> impl Iterator<Item = Entry<'a>> {
    operations.iter().filter(|operation| operation.refusal.is_none()).map(|operation| Entry {
        identity: Some(rules::identity(&call.path, operation.id, operation.row)),
        place: None,
        row: operation.row,
    })
}

fn operations<'a>(call: &'a Call, rules: &Rules) -> Result<Vec<Operation<'a>>, Answer> {
    if call.body.len() > rules.max_bytes {
        let message = format!("Maximum {} bytes per request; received {}", rules.max_bytes, call.body.len());
        return Err(Answer::refusal(413, "payload_too_large", &message));
    }
    let [operations] = reading::members(call.text(), ["operations"])
        .map_err(|error| Answer::refusal(400, "invalid_request", &format!("not a JSON object: {error}")))?;
    let operations = reading::list(operations)
        .ok_or_else(|| Answer::refusal(400, "invalid_request", "Missing 'operations' array"))?;
    if operations.len() > rules.max_items {
        let message = format!("Maximum {} items per batch; received {}", rules.max_items, operations.len());
        return Err(Answer::refusal(400, "batch_too_large", &message));
    }
    Ok(operations
        .into_iter()
        .map(RawValue::get)
        .map(|row| match reading::members(row, ["id", "amount"]) {
            Ok([id, amount]) => Operation { row, id, refusal: rules.refusal(row, amount) },
            Err(_) => Operation { row, id: None, refusal: Some(NO_OBJECT) },
        })
        .collect())
}
