//! The asynchronous imports of the batch guide: accepted with a job, and polled until it ends.
//!
//! Polls before the end tell the results that are known by then. A job fails if none of its items was valid.
//! It must never apply an item before the job ends.

use serde_json::json;
use serde_json::value::RawValue;

use crate::sandbox::answer::Answer;
use crate::sandbox::books::{Books, Entry};
use crate::sandbox::call::Call;
use crate::sandbox::jobs::{self, Job, Work};
use crate::sandbox::reading;
use crate::sandbox::rules::{self, Rules};

const MOST_BYTES: usize = 10_000_000;

/// `POST /api/imports/batch`.
pub(super) fn accept(books: &mut Books<'_>, call: &Call, rules: &Rules) -> rusqlite::Result<Answer> {
    if call.body.len() > MOST_BYTES {
        let message = format!("Maximum {MOST_BYTES} bytes per request; received {}", call.body.len());
        return Ok(Answer::refusal(413, "payload_too_large", &message));
    }
    let Ok([member]) = reading::members(call.text(), ["items"]) else {
        return Ok(Answer::refusal(400, "invalid_request", "not a JSON object"));
    };
    let (Some(member), Some(items)) = (member, reading::list(member)) else {
        return Ok(Answer::refusal(400, "invalid_request", "Missing 'items' array"));
    };
    let verdicts: Vec<_> = items
        .into_iter()
        .map(|item| match reading::members(item.get(), ["amount"]) {
            Ok([amount]) => rules.refusal(item.get(), amount),
            Err(_) => Some("an item must be an object"),
        })
        .collect();
    let work = Work { rows: member.get(), verdicts: &verdicts, match_key: None };
    let id = jobs::accept(books, rules, &work)?;
    let body = json!({ "job_id": id, "status_url": format!("{}/{id}", call.path) });
    Ok(Answer::verdict(202, body.to_string()))
}

/// Applies the valid items of a job that ends.
pub(in crate::sandbox) fn apply(books: &mut Books<'_>, job: &Job) -> rusqlite::Result<()> {
    let path = books.path;
    let judged = job.judged();
    let valid = judged.iter().filter(|(_, refusal)| refusal.is_none()).map(|(row, _)| row.get());
    books.apply(valid.map(|row| Entry {
        identity: Some(rules::identity_of(path, row)),
        place: None,
        row,
    }))?;
    Ok(())
}

/// What a poll is told.
pub(in crate::sandbox) fn state(job: &Job, ended: bool) -> String {
    let judged = job.judged();
    let known = if ended { judged.len() } else { judged.len() * job.polls / job.polls_needed };
    let results: Vec<String> =
        judged.iter().take(known).map(|(row, refusal)| result(row, *refusal)).collect();
    let status = match ended {
        true if !judged.is_empty() && job.refused() == judged.len() => "failed",
        true => "completed",
        false => "pending",
    };
    format!(r#"{{"status":"{status}","results":[{}]}}"#, results.join(","))
}

fn result(row: &RawValue, refusal: Option<&str>) -> String {
    let id = reading::members(row.get(), ["id"]).ok().and_then(|[id]| id).map_or("null", RawValue::get);
    match refusal {
        Some(refusal) => format!(r#"{{"id":{id},"status":"error","error":{}}}"#, json!(refusal)),
        None => format!(r#"{{"id":{id},"status":"ok","data":{{}}}}"#),
    }
}
