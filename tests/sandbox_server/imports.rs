//! Imports that are accepted first and done later.

use serde_json::json;

use super::{Caller, wrapped};

const PATH: &str = "/api/imports/batch";

#[test]
fn a_job_tells_results_as_they_are_known_and_applies_rows_at_its_end() {
    let caller = Caller::plain();
    let rows: Vec<String> = (1..=12).map(|id| format!(r#"{{"id":{id},"amount":{}}}"#, id - 3)).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let reply = caller.post(PATH, &wrapped("items", &rows));
    assert_eq!(reply.status, 202);
    let accepted = reply.json();
    let job = accepted["job_id"].as_str().unwrap();
    assert_eq!(accepted["status_url"], format!("{PATH}/{job}"));
    assert_eq!(caller.applied(), 0);

    let polls = caller.poll(accepted["status_url"].as_str().unwrap(), "/status");
    assert!((2..=4).contains(&polls.len()), "{polls:?}");
    let known: Vec<usize> = polls.iter().map(|poll| poll["results"].as_array().unwrap().len()).collect();
    assert!(known.is_sorted() && known[0] < 12);
    let last = polls.last().unwrap();
    assert_eq!((&last["status"], known.last()), (&json!("completed"), Some(&12)));
    assert_eq!(last["results"][0], json!({"id":1,"status":"error","error":"amount must be positive"}));
    assert_eq!(last["results"][3], json!({"id":4,"status":"ok","data":{}}));
    assert_eq!(caller.applied(), 9);

    assert_eq!(caller.get(&format!("{PATH}/{job}")).json(), *last);
    assert_eq!(caller.applied(), 9);
    let truth = caller.truth();
    assert_eq!((&truth["jobs"], &truth["jobs_pending"]), (&json!(1), &json!(0)));
}

#[test]
fn jobs_take_different_numbers_of_polls() {
    let caller = Caller::plain();
    let counts: std::collections::BTreeSet<usize> = (0..20)
        .map(|id| {
            let accepted = caller.post(PATH, &format!(r#"{{"items":[{{"id":{id}}}]}}"#)).json();
            caller.poll(accepted["status_url"].as_str().unwrap(), "/status").len()
        })
        .collect();
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), [2, 3, 4]);
}

#[test]
fn a_job_fails_only_if_no_item_was_valid() {
    let caller = Caller::plain();
    let accepted = caller.post(PATH, r#"{"items":[{"id":1,"amount":0},"none"]}"#).json();
    let polls = caller.poll(accepted["status_url"].as_str().unwrap(), "/status");
    assert_eq!(polls.last().unwrap()["status"], "failed");
    assert_eq!(polls.last().unwrap()["results"].as_array().unwrap().len(), 2);
    assert_eq!(caller.applied(), 0);
}

#[test]
fn a_replay_gives_the_same_job_and_an_unknown_job_is_404() {
    let caller = Caller::plain();
    let first = caller.post_keyed(PATH, "k", r#"{"items":[{"id":1}]}"#);
    let second = caller.post_keyed(PATH, "k", r#"{"items":[{"id":1}]}"#);
    assert_eq!((first.status, &first.text), (second.status, &second.text));
    assert!(second.replayed && !first.replayed);
    assert_eq!(caller.post_keyed(PATH, "k", r#"{"items":[{"id":2}]}"#).status, 422);
    caller.poll(first.json()["status_url"].as_str().unwrap(), "/status");
    assert!(caller.lines()[0].contains(r#""key":"k","row":{"id":1}"#));
    assert_eq!(caller.truth()["jobs"], 1);
    assert_eq!(caller.get("/api/imports/batch/nojob").status, 404);
    assert_eq!(caller.post(PATH, r#"{"rows":[]}"#).status, 400);
}
