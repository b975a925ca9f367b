//! The event store: one stream, one check, all or none.

use serde_json::{Value, json};

use super::{Caller, Reply};

fn body(events: &Value, previous_length: Option<u32>) -> String {
    let mut metadata = json!({"actor":{"type":"system","id":"550e8400-e29b-41d4-a716-446655440001"}});
    if let Some(length) = previous_length {
        metadata["previous_length"] = length.into();
    }
    json!({"events":events,"metadata":metadata}).to_string()
}

fn created() -> Value {
    json!([{"type":"was_created","data":{"name":"Alice"}},{"type":"was_renamed"}])
}

fn length(caller: &Caller, stream: &str) -> Value {
    let reply = caller.get(&format!("{stream}/length"));
    assert_eq!(reply.status, 200);
    reply.json()
}

#[test]
fn events_are_appended_to_their_stream_and_its_length_is_told() {
    let caller = Caller::plain();
    assert_eq!(length(&caller, "/user/1"), json!({"ok":true,"length":0}));
    let reply = caller.post("/user/1", &body(&created(), Some(0)));
    let answer = reply.json();
    assert_eq!((reply.status, &answer["ok"], &answer["count"]), (200, &json!(true), &json!(2)));
    assert_eq!(answer["stream_ids"].as_array().unwrap().len(), 2);
    assert!(answer.get("implied_count").is_none());
    assert_eq!(length(&caller, "/user/1"), json!({"ok":true,"length":2}));
    assert_eq!(length(&caller, "/user/2"), json!({"ok":true,"length":0}));
    let lines = caller.lines();
    assert!(lines[1].contains(r#""stream":"user/1","index":1,"ours":true,"event":{"type":"was_renamed"}"#));
}

#[test]
fn a_length_that_is_not_the_one_expected_is_409_and_nothing_is_written() {
    let caller = Caller::plain();
    caller.post("/user/1", &body(&created(), None));
    let reply = caller.post("/user/1", &body(&created(), Some(0)));
    assert_eq!((reply.status, &reply.json()["ok"]), (409, &json!(false)));
    assert_eq!(length(&caller, "/user/1")["length"], 2);
    assert_eq!(caller.post("/user/1", &body(&created(), Some(2))).status, 200);
}

#[test]
fn an_invalid_event_is_named_from_zero_and_none_is_written() {
    let caller = Caller::plain();
    let refused = |events: Value, index: usize, path: &str| {
        let reply = caller.post("/user/1", &body(&events, None));
        let answer = reply.json();
        assert_eq!((reply.status, &answer["ok"]), (400, &json!(false)));
        assert_eq!((&answer["event_index"], &answer["path"]), (&json!(index), &json!(path)), "{events}");
    };
    let good = json!({"type":"x","data":{"email":"a@b"}});
    refused(json!([good, {"type":"x","data":{"email":"alice"}}]), 1, "data.email");
    refused(json!([{"data":{}}, good]), 0, "type");
    refused(json!([good, good, {"type":""}]), 2, "type");
    refused(json!([{"type":"x","data":3}]), 0, "data");
    assert_eq!(length(&caller, "/user/1")["length"], 0);
}

#[test]
fn a_request_that_is_wrong_as_a_whole_names_no_event() {
    let caller = Caller::plain();
    let error = |body: &str| {
        let reply = caller.post("/user/1", body);
        assert_eq!((reply.status, reply.json().get("event_index")), (400, None));
        reply.json()["error"].as_str().unwrap().to_owned()
    };
    assert_eq!(error(r#"{"metadata":{}}"#), "Missing 'events' array in request body");
    assert_eq!(error(r#"{"events":[]}"#), "Events array cannot be empty");
    assert!(error(r#"{"events":[{"type":"x"}],"metadata":{}}"#).contains("metadata.actor"));
    error("[]");
}

#[test]
fn the_same_key_and_body_is_answered_again_even_where_the_stream_has_grown() {
    let caller = Caller::plain();
    let first = caller.post_keyed("/user/1", "k", &body(&created(), Some(0)));
    let second = caller.post_keyed("/user/1", "k", &body(&created(), Some(0)));
    assert_eq!(second, Reply { replayed: true, ..first });
    assert_eq!(caller.post_keyed("/user/1", "k", &body(&created(), Some(2))).status, 422);
    assert_eq!(length(&caller, "/user/1")["length"], 2);
    // A conflict settles its key, too.
    let conflict = caller.post_keyed("/user/1", "k2", &body(&created(), Some(0)));
    assert_eq!((conflict.status, conflict.replayed), (409, false));
    assert!(caller.post_keyed("/user/1", "k2", &body(&created(), Some(0))).replayed);
    let other_header = caller.request("POST", "/user/1").header("Idempotency-Key", "k3");
    assert_eq!(caller.ask(other_header.body(body(&created(), None))).status, 200);
    assert_eq!(caller.truth()["keys"], 2);
}

#[test]
fn a_name_in_a_path_is_what_its_escapes_say() {
    let caller = Caller::plain();
    caller.post("/user/a%20%C3%A9", &body(&created(), None));
    assert!(caller.lines()[0].contains(r#""stream":"user/a é""#));
    assert_eq!(length(&caller, "/user/%61%20%c3%a9")["length"], 2);
}

#[test]
fn a_rival_comes_first_and_is_never_counted_as_ours() {
    let caller = Caller::with_faults("rival=100%");
    assert_eq!(caller.post("/user/1", &body(&created(), Some(0))).status, 409);
    assert_eq!(caller.post("/user/1", &body(&created(), Some(2))).status, 200);
    let truth = caller.truth();
    assert_eq!(truth["rows"], json!({"applied":2,"distinct":2,"doubled":0,"under_several_keys":0}));
    assert_eq!(truth["streams"], json!({"count":1,"events":4,"rivals":2}));
    let lines = caller.lines();
    assert!(lines[0].contains(r#""index":0,"ours":false"#) && lines[2].contains(r#""index":2,"ours":true"#));
}
