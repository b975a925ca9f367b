//! What `status` says beside the rows: what the ledger knows of the import, line by line.

use super::phrases::may_be_doubled;
use super::speech::{count, grouped, span, tame};
use crate::edge::ledger::{Details, Found};
use crate::model::{ImportState, WallTime};
use serde_json::{Map, Value};
use std::time::Duration;

pub(super) fn facts(
    found: &Found,
    details: &Details,
    unanswered: &str,
    now: WallTime,
) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    if found.tally.may_be_doubled > 0 {
        facts.push(("doubled?", may_be_doubled(found.tally.may_be_doubled)));
    }
    if details.told_applied > 0 {
        let rows = count(details.told_applied, "row");
        let them = if details.told_applied == 1 { "it" } else { "them" };
        let words = format!("{rows} delivered because a person found {them} there (--verdict applied)");
        facts.push(("by word", words));
    }
    if details.planned > 0 {
        let mut words = format!("{} planned, {} settled", grouped(details.planned), grouped(details.settled));
        if details.split > 0 {
            words.push_str(&format!(", {} halved", grouped(details.split)));
        }
        facts.push(("batches", words));
    }
    if details.doubts_earlier > 0 {
        let rows = count(details.doubts_earlier, "row");
        facts.push(("earlier", format!("{rows} in doubt of earlier streams; `bulkhaul rejects` says which")));
    }
    if details.pending_earlier > 0 {
        let rows = count(details.pending_earlier, "row");
        let words = "the next run goes on with them first, and --abandon gives them up";
        facts.push((
            "earlier",
            format!("{rows} of an earlier stream were being taken up when a run ended; {words}"),
        ));
    }
    let is_given_up = found.import.state == ImportState::Abandoned;
    if details.unsent_rows > 0 {
        let then = if is_given_up { ", and given up" } else { " so far; the next run sends them" };
        facts.push(("open", format!("{} not applied{then}", count(details.unsent_rows, "row"))));
    }
    if details.prepared_rows > 0 {
        let rows = count(details.prepared_rows, "row");
        let words = if is_given_up {
            format!(
                "{rows} sent or about to be when it was given up, and perhaps applied: `bulkhaul rejects` says which"
            )
        } else {
            format!("{rows} sent or about to be; the next run {unanswered}")
        };
        facts.push(("open", words));
    }
    if details.jobs > 0 {
        let words =
            format!("{} with {}, not ended", count(details.jobs, "job"), count(details.job_rows, "row"));
        facts.push(("jobs", words));
    }
    for (why, rows) in &details.doubts {
        facts.push(("in doubt", format!("{}: {}", count(*rows, "row"), tame(why))));
    }
    if let Some(rows) = details.learned_rows {
        facts.push((
            "limit",
            format!("the target takes at most {} a request, it has told", count(rows, "row")),
        ));
    }
    if let Some(bytes) = details.learned_bytes {
        facts.push((
            "limit",
            format!("the target takes at most {} a request, it has told", count(bytes, "byte")),
        ));
    }
    let waits = details.pause_until.and_then(|until| until.age_of(now).map(|left| (until, left)));
    if let (Some((until, left)), ImportState::Open) = (waits, found.import.state) {
        let words =
            format!("the target asked not to be called before {} ({} left)", until.rfc3339(), span(left));
        facts.push(("pause", words));
    }
    facts
}

/// `2,400 rows a second for 12 s, 120 requests`.
pub(super) fn pace(told: &Map<String, Value>) -> String {
    let number = |key: &str| told.get(key).and_then(Value::as_f64).unwrap_or_default().max(0.0);
    let sent = told.get("requests").and_then(|of| of.get("sent")).and_then(Value::as_u64).unwrap_or_default();
    let elapsed = Duration::try_from_secs_f64(number("elapsed_s")).unwrap_or_default();
    format!(
        "{} rows a second for {}, {}",
        grouped(number("rows_per_s") as u64),
        span(elapsed),
        count(sent, "request")
    )
}
