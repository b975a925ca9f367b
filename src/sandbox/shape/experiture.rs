//! Experiture's batch record writes: accepted with a job, whose end tells how many rows were invalid.
//!
//! Valid rows are committed even when others fail, and no answer says which failed. Upserted rows are merged
//! by their match key, last write wins. It must never name an invalid row.

use serde_json::json;
use serde_json::value::RawValue;

use crate::sandbox::answer::Answer;
use crate::sandbox::books::{Books, Entry};
use crate::sandbox::call::Call;
use crate::sandbox::jobs::{self, Job, Work};
use crate::sandbox::reading;
use crate::sandbox::rules::{self, Rules};

const MOST_RECORDS: usize = 10_000;
const MOST_BYTES: usize = 10_000_000;
pub(super) const INVALID: &str = "CDP_ETL.VALIDATION.REQUEST_INVALID";
const SCHEMA: &str = "CDP_ETL.VALIDATION.REQUEST_SCHEMA";

/// The body of a refusal.
pub(in crate::sandbox) fn error(code: &str, message: &str) -> String {
    json!({ "success": false, "error": { "code": code, "message": message } }).to_string()
}

/// `POST /public/v1/records/{object}/append-batch`.
pub(super) fn append(books: &mut Books<'_>, call: &Call, rules: &Rules) -> rusqlite::Result<Answer> {
    match records(call) {
        Ok((records, _)) => accept(books, call, rules, &records, None),
        Err(refused) => Ok(refused),
    }
}

/// `POST /public/v1/records/{object}/upsert-batch`.
pub(super) fn upsert(books: &mut Books<'_>, call: &Call, rules: &Rules) -> rusqlite::Result<Answer> {
    match records(call) {
        Ok((records, Some(match_key))) => accept(books, call, rules, &records, Some(&match_key)),
        Ok((_, None)) => Ok(refused(400, INVALID, "matchKey is required")),
        Err(refused) => Ok(refused),
    }
}

struct Records<'a> {
    array: &'a str,
    rows: Vec<&'a RawValue>,
}

fn records(call: &Call) -> Result<(Records<'_>, Option<String>), Answer> {
    if call.body.len() > MOST_BYTES {
        return Err(refused(413, INVALID, "payload too large: the body exceeds 10 MB"));
    }
    let [array, match_key] = reading::members(call.text(), ["records", "matchKey"])
        .map_err(|error| refused(400, INVALID, &format!("the body is not a JSON object: {error}")))?;
    let (array, rows) = array
        .and_then(|array| Some((array.get(), reading::list(Some(array))?)))
        .filter(|(_, rows)| !rows.is_empty())
        .ok_or_else(|| refused(400, INVALID, "records must be an array that is not empty"))?;
    if rows.len() > MOST_RECORDS {
        let message = format!("too many records: at most {MOST_RECORDS}, received {}", rows.len());
        return Err(refused(400, INVALID, &message));
    }
    let stranger = |row: &&RawValue| {
        reading::members(row.get(), ["__unknown_field"]).is_ok_and(|[unknown]| unknown.is_some())
    };
    if rows.iter().any(stranger) {
        return Err(refused(400, SCHEMA, "field __unknown_field does not exist on the object schema"));
    }
    Ok((Records { array, rows }, reading::word(match_key)))
}

fn accept(
    books: &mut Books<'_>,
    call: &Call,
    rules: &Rules,
    records: &Records<'_>,
    match_key: Option<&str>,
) -> rusqlite::Result<Answer> {
    let verdicts: Vec<_> = records.rows.iter().map(|row| refusal(row.get(), rules, match_key)).collect();
    let work = Work { rows: records.array, verdicts: &verdicts, match_key };
    let id = jobs::accept(books, rules, &work)?;
    let object = object(&call.path);
    let body = json!({ "success": true, "data": {
        "operation": if match_key.is_some() { "upsert-batch" } else { "append-batch" },
        "objectName": object,
        "jobId": id,
        "state": "queued",
        "acceptedRecords": records.rows.len(),
        "statusPath": format!("/records/{object}/jobs/{id}"),
    }});
    Ok(Answer::verdict(202, body.to_string()))
}

fn refusal(row: &str, rules: &Rules, match_key: Option<&str>) -> Option<&'static str> {
    let Ok([invalid, entity]) = reading::members(row, ["invalid", match_key.unwrap_or("invalid")]) else {
        return Some("a record must be an object");
    };
    if invalid.is_some_and(|invalid| invalid.get() == "true") {
        Some("the record is marked invalid")
    } else if match_key.is_some() && reading::present(entity).is_none() {
        Some("the record has no value for the match key")
    } else {
        rules.rejects(row).then_some(rules::REJECTED)
    }
}

/// Applies the valid records of a job that ends.
pub(in crate::sandbox) fn apply(books: &mut Books<'_>, job: &Job) -> rusqlite::Result<()> {
    let path = books.path;
    let judged = job.judged();
    let valid = judged.iter().filter(|(_, refusal)| refusal.is_none()).map(|(row, _)| row.get());
    let Some(match_key) = job.match_key.as_deref() else {
        books.apply(valid.map(|row| Entry {
            identity: Some(rules::identity_of(path, row)),
            place: None,
            row,
        }))?;
        return Ok(());
    };
    for row in valid {
        let Ok([Some(entity)]) = reading::members(row, [match_key]) else { continue };
        books.upsert(&reading::scalar(entity), rules::identity(path, Some(entity), row), row)?;
    }
    Ok(())
}

/// What a poll is told.
pub(in crate::sandbox) fn state(job: &Job, id: &str, ended: bool) -> String {
    let total = job.verdicts.len();
    let state = match (ended, job.polls) {
        (true, _) => "completed",
        (false, 1) => "queued",
        (false, _) => "running",
    };
    let (valid, invalid) = if ended { (total - job.refused(), job.refused()) } else { (0, 0) };
    json!({ "success": true, "data": {
        "jobId": id,
        "state": state,
        "metrics": { "totalRows": total, "validRows": valid, "invalidRows": invalid },
    }})
    .to_string()
}

fn object(path: &str) -> &str {
    path.split('/').nth(4).unwrap_or_default()
}

fn refused(status: u16, code: &str, message: &str) -> Answer {
    Answer::verdict(status, error(code, message))
}
