//! The orders API: a result for each operation, or all or none.

use std::collections::BTreeMap;

use bulkhaul::sandbox::Options;
use serde_json::{Value, json};

use super::{Caller, Reply, wrapped};

const BATCH: &str = "/api/orders/batch";

/// All or none.
fn strictly(caller: &Caller, body: &str) -> Reply {
    caller.ask(caller.request("POST", BATCH).header("Prefer", "handling=strict").body(body.to_owned()))
}

fn by_id(reply: &Value) -> BTreeMap<String, Value> {
    let results = reply["results"].as_array().unwrap();
    results.iter().map(|result| (result["id"].to_string(), result.clone())).collect()
}

#[test]
fn every_operation_gets_its_own_result_and_a_refused_one_is_not_applied() {
    let caller = Caller::plain();
    let rows = [r#"{"id":"1","amount":100.00}"#, r#"{"id":"2","amount":-1}"#, r#"{"id":"3","amount":"0.0"}"#];
    let reply = caller.post(BATCH, &wrapped("operations", &rows));
    assert_eq!(reply.status, 200);
    let results = by_id(&reply.json());
    assert_eq!(results["\"1\""]["status"], "ok");
    assert!(results["\"1\""]["data"].is_object());
    assert_eq!(results["\"2\""], json!({"id": "2", "status": "error", "error": "amount must be positive"}));
    assert_eq!(results["\"3\""]["status"], "error");
    assert_eq!(
        caller.truth()["targets"]["orders-batch"],
        json!({"calls":1,"rows":1,"refused":2,"replays":0})
    );
}

#[test]
fn results_come_in_another_order_unless_an_id_is_missing() {
    let caller = Caller::plain();
    let rows: Vec<String> = (0..50).map(|id| format!(r#"{{"id":{id}}}"#)).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let ids = |reply: Value| -> Vec<i64> {
        reply["results"].as_array().unwrap().iter().filter_map(|result| result["id"].as_i64()).collect()
    };
    let shuffled = ids(caller.post(BATCH, &wrapped("operations", &rows)).json());
    let sorted: Vec<i64> = (0..50).collect();
    assert_ne!(shuffled, sorted);
    let mut again = shuffled.clone();
    again.sort_unstable();
    assert_eq!(again, sorted);

    let with_gap = [rows.as_slice(), &[r#"{"name":"no id"}"#]].concat();
    let reply = caller.post(BATCH, &wrapped("operations", &with_gap)).json();
    assert_eq!(ids(reply.clone()), sorted);
    assert_eq!(reply["results"][50]["id"], Value::Null);
}

#[test]
fn one_id_twice_in_a_request_is_applied_and_listed_twice() {
    let caller = Caller::plain();
    let reply = caller.post(BATCH, r#"{"operations":[{"id":1,"v":1},{"id":"1","v":2}]}"#).json();
    assert_eq!(reply["results"].as_array().unwrap().len(), 2);
    let rows = &caller.truth()["rows"];
    assert_eq!(*rows, json!({"applied":2,"distinct":1,"doubled":1,"under_several_keys":0}).to_owned());
}

#[test]
fn too_many_items_and_too_many_bytes_apply_nothing_and_say_the_limit() {
    let caller = Caller::to(Options { max_items: 3, max_bytes: 200, ..Options::default() });
    let many = wrapped("operations", &["{}"; 4]);
    let reply = caller.post(BATCH, &many);
    assert_eq!(reply.status, 400);
    let expected = json!({"error":"batch_too_large","message":"Maximum 3 items per batch; received 4"});
    assert_eq!(reply.json(), expected);
    assert_eq!(strictly(&caller, &many).json(), expected);
    let long = format!(r#"{{"operations":[{{"id":"{}"}}]}}"#, "x".repeat(200));
    assert_eq!(caller.post(BATCH, &long).status, 413);
    assert_eq!(caller.applied(), 0);
}

#[test]
fn the_limits_are_a_hundred_items_and_a_mebibyte_unless_said_otherwise() {
    let caller = Caller::plain();
    assert_eq!(caller.post(BATCH, &wrapped("operations", &["{}"; 100])).status, 200);
    let reply = caller.post(BATCH, &wrapped("operations", &["{}"; 250])).json();
    assert_eq!(reply["message"], "Maximum 100 items per batch; received 250");
    let long = format!(r#"{{"operations":[{{"id":"{}"}}]}}"#, "x".repeat(1 << 20));
    assert_eq!(caller.post(BATCH, &long).status, 413);
}

#[test]
fn a_body_that_is_no_batch_is_400() {
    let caller = Caller::plain();
    for body in ["", "[]", "{}", r#"{"operations":{}}"#, r#"{"operations":[1,]}"#, "{\"operations\":[]} x"] {
        assert_eq!(caller.post(BATCH, body).status, 400, "{body}");
    }
    let binary = caller.request("POST", BATCH).body(vec![0xff, 0xfe]);
    assert_eq!(caller.ask(binary).status, 400);
    assert_eq!(caller.post(BATCH, r#"{"operations":[]}"#).json(), json!({"results":[]}));
}

#[test]
fn atomic_orders_are_all_applied_or_none_and_the_culprit_is_counted_from_one() {
    let caller = Caller::plain();
    let reply = strictly(&caller, r#"{"operations":[{"id":7},{"id":8,"amount":-5}]}"#);
    assert_eq!(reply.status, 422);
    assert_eq!(reply.json(), json!({"status":"failed","error":"Item 2 invalid: amount must be positive"}));
    assert_eq!(caller.applied(), 0);
    let reply = strictly(&caller, r#"{"operations":[{"id":7},{"id":8,"amount":5}]}"#);
    assert_eq!((reply.status, reply.json()), (200, json!({"status":"ok","count":2})));
    assert_eq!(caller.applied(), 2);
}

#[test]
fn an_atomic_refusal_can_keep_the_culprit_to_itself() {
    let caller = Caller::to(Options { atomic_names_item: false, ..Options::default() });
    let reply = strictly(&caller, r#"{"operations":[{"amount":0}]}"#);
    assert_eq!(reply.json(), json!({"status":"failed","error":"One item is invalid"}));
}

#[test]
fn a_preference_for_all_or_none_is_read_among_others_and_its_verdict_settles_the_key() {
    let caller = Caller::plain();
    let ask = |prefer: &str, key: &str| {
        let request = caller.request("POST", BATCH).header("Prefer", prefer).header("Idempotency-Key", key);
        caller.ask(request.body(r#"{"operations":[{"id":1,"amount":0}]}"#))
    };
    for (prefer, status) in [
        ("handling=strict", 422),
        ("respond-async, Handling=\"strict\"; x=1", 422),
        ("handling=lenient", 200),
        ("strict", 200),
    ] {
        let first = ask(prefer, prefer);
        assert_eq!((first.status, first.replayed), (status, false), "{prefer}");
        assert_eq!(ask(prefer, prefer), Reply { replayed: true, ..first }, "{prefer}");
    }
}
