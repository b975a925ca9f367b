//! Idempotency keys: what is remembered, for how long, and for whom.

use std::time::Duration;

use bulkhaul::sandbox::Options;
use serde_json::json;

use super::{Caller, Reply, send};

#[test]
fn every_verdict_settles_its_key_and_is_told_again() {
    let caller = Caller::to(Options { max_items: 1, max_bytes: 60, ..Options::default() });
    let long = format!(r#"{{"operations":["{}"]}}"#, "x".repeat(60));
    let cases = [
        ("/api/orders/batch", r#"{"operations":[{"id":1}]}"#, 200),
        ("/api/orders/batch", r#"{"operations":[1,2]}"#, 400),
        ("/api/orders/batch", "no json", 400),
        ("/api/orders/batch", long.as_str(), 413),
        ("/rows", r#"[{"amount":0}]"#, 422),
        ("/rows", r#"[{"id":1}]"#, 200),
        ("/topups", r#"{"amount":0}"#, 422),
        ("/topups", r#"{"id":1}"#, 201),
        ("/user/1", "{}", 400),
        ("/public/v1/records/a/append-batch", r#"{"records":[]}"#, 400),
    ];
    for (number, (path, body, status)) in cases.into_iter().enumerate() {
        let key = format!("key-{number}");
        let first = caller.post_keyed(path, &key, body);
        assert_eq!((first.status, first.replayed), (status, false), "{path} {body}");
        assert_eq!(caller.post_keyed(path, &key, body), Reply { replayed: true, ..first }, "{path} {body}");
        let other = caller.post_keyed(path, &key, &format!("{body} "));
        assert_eq!((other.status, other.replayed), (422, false), "{path} {body}");
        let error = &other.json()["error"];
        let error = if path.contains("/records/") { &error["message"] } else { error };
        assert_eq!(error, "idempotency key reused with another body");
        assert!(
            caller.post_keyed(path, &key, body).replayed,
            "the mismatch must not have replaced the answer"
        );
    }
    assert_eq!(caller.applied(), 3);
    assert_eq!(caller.truth()["keys"], 10);
}

#[test]
fn a_key_belongs_to_its_path_and_requests_without_one_are_always_new() {
    let caller = Caller::plain();
    for path in ["/rows/a", "/rows/b"] {
        assert!(!caller.post_keyed(path, "k", "[{}]").replayed);
    }
    for _ in 0..2 {
        assert!(!caller.post("/rows/a", "[{}]").replayed);
    }
    assert_eq!(caller.applied(), 4);
}

#[test]
fn a_key_is_forgotten_after_its_time() {
    let caller = Caller::to(Options { key_ttl: Some(Duration::from_millis(40)), ..Options::default() });
    caller.post_keyed("/rows", "k", "[{}]");
    std::thread::sleep(Duration::from_millis(80));
    assert!(!caller.post_keyed("/rows", "k", "[{}]").replayed);
    let truth = caller.truth();
    assert_eq!(truth["rows"], json!({"applied":2,"distinct":1,"doubled":1,"under_several_keys":0}));
}

#[test]
fn a_key_in_progress_is_409_and_settles_nothing() {
    let caller = Caller::with_faults("slow=2s");
    let request = || caller.request("POST", "/rows").header("Idempotency-Key", "k").body("[{}]");
    let (one, two) = caller.run(async { tokio::join!(send(request()), send(request())) });
    let (one, two) = (one.unwrap(), two.unwrap());
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    assert!(caller.ask(request()).replayed);
    assert_eq!(caller.applied(), 1);
}

#[test]
fn an_event_stream_waits_for_the_key_since_its_409_says_that_nothing_was_written() {
    let caller = Caller::with_faults("slow=300ms");
    let body = r#"{"events":[{"type":"x"}],"metadata":{"actor":{"type":"a","id":"b"},"previous_length":0}}"#;
    let request = || caller.request("POST", "/user/1").header("X-Idempotency-Key", "k").body(body);
    let (one, two) = caller.run(async { tokio::join!(send(request()), send(request())) });
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!((one.status, two.status), (200, 200));
    assert!(one.replayed != two.replayed && one.text == two.text);
}

#[test]
fn a_request_is_finished_though_its_client_went_away() {
    let caller = Caller::with_faults("slow=3s");
    let request = caller.request("POST", "/rows").body("[{}]").timeout(Duration::from_millis(300));
    assert!(caller.run(send(request)).is_err());
    assert_eq!(caller.applied(), 0);
    let applied = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        caller.applied() == 1
    });
    assert!(applied);
}

#[test]
fn a_key_that_no_server_would_take_is_400() {
    let caller = Caller::plain();
    assert_eq!(caller.post_keyed("/rows", &"k".repeat(256), "[{}]").status, 400);
    assert_eq!(caller.post_keyed("/rows", &"k".repeat(255), "[{}]").status, 200);
}
