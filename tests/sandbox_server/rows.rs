//! Rows in any envelope, single rows, and the truth about both.

use bulkhaul::sandbox::Options;
use serde_json::json;

use super::Caller;

#[test]
fn rows_are_taken_from_an_array_from_lines_and_from_any_envelope() {
    let caller = Caller::plain();
    let lines = "{\"id\":4}\n{\"id\":5}\n\n{\"id\":6,\"tags\":[1]}\n";
    assert_eq!(caller.post("/rows", r#"[{"id":1},{"id":2}]"#).json(), json!({"received":2}));
    assert_eq!(caller.post("/rows/deep/down", r#"{"docs":[{"id":3}],"x":1}"#).json(), json!({"received":1}));
    assert_eq!(caller.post("/rows", lines).json(), json!({"received":3}));
    let one = caller.request("PUT", "/rows").header("Content-Type", "application/x-ndjson");
    assert_eq!(caller.ask(one.body(r#"{"id":7,"tags":[1,2]}"#)).json(), json!({"received":1}));
    assert_eq!(caller.applied(), 7);
    for body in ["", "nonsense", "[1", "{\"id\":1}\n{\"id\":"] {
        assert_eq!(caller.post("/rows", body).status, 400, "{body}");
    }
    assert_eq!(caller.applied(), 7);
}

#[test]
fn one_wrong_row_refuses_all_and_is_named() {
    let caller = Caller::plain();
    let reply = caller.post("/rows", r#"[{"id":1},{"id":2},{"id":3,"amount":"-2"}]"#);
    assert_eq!((reply.status, reply.json()), (422, json!({"error":"row 3: amount must be positive"})));
    assert_eq!(caller.applied(), 0);
}

#[test]
fn the_truth_tells_rows_byte_for_byte_in_order() {
    let caller = Caller::plain();
    let rows = [
        r#"{"id":9007199254740993,"v":1.0}"#,
        r#"{ "b" : 1e3,  "a":"\u00e9" }"#,
        r#"{"id":"x","id":"y"}"#,
        r#"[1,"two"]"#,
    ];
    caller.post_keyed("/rows", "k1", &format!("[ {} ]", rows.join(" , ")));
    caller.post("/rows", &format!("[{}]", rows[1]));
    let lines = caller.lines();
    for (n, row) in rows.iter().enumerate() {
        let times = if n == 1 { 2 } else { 1 };
        let expected = format!(
            r#"{{"n":{},"path":"/rows","key":"k1","row":{row},"times":{times},"keys":{times}}}"#,
            n + 1
        );
        assert_eq!(lines[n], expected);
    }
    assert!(lines[4].contains(r#""key":null"#));
    assert_eq!(caller.truth()["rows"]["under_several_keys"], 1);
}

#[test]
fn the_truth_tells_more_rows_than_fit_a_page() {
    let caller = Caller::plain();
    let rows: Vec<String> = (0..1777).map(|id| format!(r#"{{"id":{id}}}"#)).collect();
    caller.post("/rows", &format!("[{}]", rows.join(",")));
    let lines = caller.lines();
    assert_eq!(lines.len(), 1777);
    assert!(lines[1776].contains(r#""row":{"id":1776}"#));
}

#[test]
fn a_single_row_is_created_with_its_id_or_a_new_one() {
    let caller = Caller::plain();
    let reply = caller.post("/topups", r#"{"id":12345678901234567890,"phone":"1"}"#);
    assert_eq!((reply.status, reply.text.as_str()), (201, r#"{"id":12345678901234567890}"#));
    assert!(caller.post("/single/a/b/c", r#"{"phone":"1"}"#).json()["id"].is_string());
    let reply = caller.post("/topups", r#"{"amount":0}"#);
    assert_eq!(reply.status, 422);
    assert_eq!(reply.json(), json!({"code":"invalid","message":"amount must be positive"}));
    assert_eq!(caller.post("/topups", "[1]").status, 422);
    assert_eq!(caller.post("/topups", "{").status, 400);
    assert_eq!(caller.truth()["targets"]["single"]["rows"], 2);
}

#[test]
fn a_token_is_asked_for_only_where_one_is_set_and_its_lack_settles_nothing() {
    let caller = Caller::to(Options { token: Some("s3cret".to_owned()), ..Options::default() });
    let request = || caller.request("POST", "/rows").header("Idempotency-Key", "k").body("[{}]");
    assert_eq!(caller.ask(request()).status, 401);
    assert_eq!(caller.ask(request().header("Authorization", "Bearer wrong")).status, 401);
    assert_eq!(caller.ask(request().header("Authorization", "Bearer s3cret")).status, 200);
    assert_eq!(caller.applied(), 1);
    let open = Caller::plain();
    assert_eq!(open.ask(open.request("POST", "/rows").header("Authorization", "Any").body("[]")).status, 200);
}

#[test]
fn a_body_beyond_everything_is_413_before_it_is_sent() {
    use std::io::{Read, Write};
    let caller = Caller::plain();
    let mut wire = std::net::TcpStream::connect(caller.sandbox.addr()).unwrap();
    wire.write_all(b"POST /rows HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n[").unwrap();
    let mut answer = String::new();
    wire.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[test]
fn what_is_not_there_is_404_and_what_takes_another_method_405() {
    let caller = Caller::plain();
    assert_eq!(caller.post("/a/b/c/d", "{}").status, 404);
    assert_eq!(caller.get("/api/orders/batch").status, 405);
    assert_eq!(caller.get("/_sandbox/nothing").status, 404);
    assert!(caller.get("/").text.contains("/_sandbox/truth"));
}
