//! Experiture's batches: queued, polled, and counted.

use serde_json::{Value, json};

use super::{Caller, wrapped};

const BASE: &str = "/public/v1";
const APPEND: &str = "/public/v1/records/events/append-batch";
const UPSERT: &str = "/public/v1/records/profiles/upsert-batch";

fn finish(caller: &Caller, accepted: &Value) -> Value {
    let path = format!("{BASE}{}", accepted["data"]["statusPath"].as_str().unwrap());
    caller.poll(&path, "/data/state").pop().unwrap()
}

#[test]
fn an_append_is_queued_and_its_end_only_counts_the_invalid_rows() {
    let caller = Caller::plain();
    let rows = [r#"{"s":1}"#, r#"{"s":2,"invalid":true}"#, r#"{"s":1}"#, "3"];
    let reply = caller.post(APPEND, &wrapped("records", &rows));
    assert_eq!(reply.status, 202);
    let accepted = reply.json();
    let job = accepted["data"]["jobId"].as_str().unwrap();
    let data = json!({"operation":"append-batch","objectName":"events","jobId":job,"state":"queued",
        "acceptedRecords":4,"statusPath":format!("/records/events/jobs/{job}")});
    assert_eq!(accepted, json!({"success":true,"data":data}));
    let metrics = json!({"totalRows":4,"validRows":2,"invalidRows":2});
    let data = json!({"jobId":job,"state":"completed","metrics":metrics});
    assert_eq!(finish(&caller, &accepted), json!({"success":true,"data":data}));
    assert_eq!(caller.truth()["rows"]["applied"], 2);
    assert_eq!(caller.truth()["rows"]["doubled"], 1);
    assert_eq!(caller.get(&format!("{BASE}/records/others/jobs/{job}")).status, 404);
}

#[test]
fn the_last_upsert_of_an_entity_wins_and_its_writes_are_counted() {
    let caller = Caller::plain();
    for tier in ["gold", "silver"] {
        let rows = format!(r#"[{{"email":"a@x","tier":"{tier}"}},{{"email":"{tier}@x"}},{{"tier":1}}]"#);
        let accepted = caller.post(UPSERT, &format!(r#"{{"records":{rows},"matchKey":"email"}}"#)).json();
        assert_eq!(accepted["data"]["operation"], "upsert-batch");
        let ended = finish(&caller, &accepted);
        assert_eq!(ended["data"]["metrics"], json!({"totalRows":3,"validRows":2,"invalidRows":1}));
    }
    let lines = caller.lines();
    let said = |row: &str, writes: i64| {
        let rest = format!(r#""row":{row},"writes":{writes},"times":1"#);
        assert!(lines.iter().any(|line| line.contains(&rest)), "{rest} is not in {lines:#?}");
    };
    said(r#"{"email":"a@x","tier":"silver"}"#, 2);
    said(r#"{"email":"gold@x"}"#, 1);
    said(r#"{"email":"silver@x"}"#, 1);
    assert_eq!(lines.len(), 3);
    let rows = json!({"applied":4,"distinct":3,"doubled":0,"under_several_keys":0});
    assert_eq!(caller.truth()["rows"], rows);
}

#[test]
fn a_batch_that_is_wrong_as_a_whole_is_refused_with_its_code() {
    let caller = Caller::plain();
    let code = |path: &str, body: &str| {
        let reply = caller.post(path, body);
        (reply.status, reply.json()["error"]["code"].as_str().unwrap().to_owned(), reply.text)
    };
    let many = code(APPEND, &wrapped("records", &vec!["{}"; 10_001]));
    assert_eq!((many.0, many.1.as_str()), (400, "CDP_ETL.VALIDATION.REQUEST_INVALID"));
    assert!(many.2.contains("too many records"));
    let stranger = code(APPEND, &wrapped("records", &["{}", r#"{"__unknown_field":1}"#]));
    assert_eq!((stranger.0, stranger.1.as_str()), (400, "CDP_ETL.VALIDATION.REQUEST_SCHEMA"));
    assert_eq!(code(APPEND, &wrapped("records", &[&format!("\"{}\"", "x".repeat(10_000_000))])).0, 413);
    assert_eq!(code(APPEND, r#"{"records":[]}"#).0, 400);
    assert_eq!(code(UPSERT, r#"{"records":[{}]}"#).0, 400);
    assert_eq!(caller.truth()["jobs"], 0);
}

#[test]
fn a_replay_gives_the_same_job_and_another_body_422() {
    let caller = Caller::plain();
    let first = caller.post_keyed(APPEND, "k", r#"{"records":[{"s":1}]}"#);
    let second = caller.post_keyed(APPEND, "k", r#"{"records":[{"s":1}]}"#);
    assert_eq!((second.replayed, &second.text), (true, &first.text));
    assert_eq!(caller.post_keyed(APPEND, "k", r#"{"records":[{"s":2}]}"#).status, 422);
    finish(&caller, &first.json());
    finish(&caller, &second.json());
    assert_eq!(caller.applied(), 1);
}
