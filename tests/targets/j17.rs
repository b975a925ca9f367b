//! j17: unsorted events, one aggregate for each request, each stream in the order of the input.

use super::{STORM, Yard, scale};
use crate::support::server::{Answer, Server};
use crate::support::{Said, peak, said};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const SEND: &str = "x.ndjson --to j17 --url BASE --set actor_id=importer";

/// Events of interleaved aggregates: `rows` of them, of which each `bad_each`th has no e-mail address to speak of.
struct Feed {
    rows: u64,
    streams: u64,
    bad_each: u64,
    padding: usize,
}

impl Feed {
    const fn new(rows: u64, streams: u64) -> Self {
        Self { rows, streams, bad_each: u64::MAX, padding: 0 }
    }

    fn rows(&self) -> u64 {
        self.rows * scale()
    }

    fn is_bad(&self, n: u64) -> bool {
        n % self.bad_each == self.bad_each - 1
    }

    fn stream(&self, n: u64) -> u64 {
        // Neighbours are strangers, and no stream comes round regularly.
        n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % (self.streams * scale())
    }

    fn write(&self, yard: &Yard) {
        let padding = "x".repeat(self.padding);
        let line = |n: u64| {
            let email = if self.is_bad(n) { "nobody".to_owned() } else { format!("{n}@example.com") };
            let data = json!({"n": n, "email": email, "bio": padding});
            let id = format!("u {}-ü:+", self.stream(n));
            json!({"aggregate_type": "user", "aggregate_id": id, "type": "was_seen", "data": data})
                .to_string()
        };
        let lines: Vec<String> = (0..self.rows()).map(line).collect();
        yard.bench.write("x.ndjson", lines.join("\n"));
    }

    #[track_caller]
    fn arrived(&self, yard: &Yard, said: Said) {
        let bad = (0..self.rows()).filter(|n| self.is_bad(*n)).count() as u64;
        let exit = if bad == 0 { 0 } else { 3 };
        said.exits(exit).books([self.rows(), self.rows() - bad, bad, 0, 0]);
        yard.holds_just(
            "/event/data/n",
            (0..self.rows()).filter(|n| !self.is_bad(*n)).map(|n| n.to_string()),
        );
        in_order(yard);
        let letters = yard.letters("x.ndjson", "/data/n");
        assert_eq!(letters.len() as u64, bad);
        for (n, error) in letters {
            assert!(self.is_bad(n.parse().unwrap()), "{n}: {error}");
            assert_eq!(error["message"], "Event data failed schema validation");
            assert_eq!((&error["field"], &error["status"]), (&json!("data.email"), &json!(400)));
        }
    }
}

/// Each stream has its events in the order of the input, at places without gaps, whoever else writes to it.
#[track_caller]
pub(super) fn in_order(yard: &Yard) {
    let mut streams: BTreeMap<String, (u64, i64)> = BTreeMap::new();
    for line in yard.rows() {
        let (next, last) = streams.entry(line["stream"].to_string()).or_insert((0, i64::MIN));
        assert_eq!(line["index"].as_u64(), Some(*next), "{line}");
        *next += 1;
        if line["ours"] == true {
            let n = line["event"]["data"]["n"].as_i64().unwrap();
            assert!(n > *last, "event {n} came after {last}: {line}");
            *last = n;
        }
    }
}

#[test]
fn unsorted_events_come_clean_in_their_order() {
    let yard = Yard::quiet();
    let feed = Feed::new(2000, 60);
    feed.write(&yard);
    let said = yard.import(SEND).run();
    let sent = said.summary()["requests"]["sent"].clone();
    feed.arrived(&yard, said);
    let truth = yard.truth();
    assert_eq!(
        truth["requests"],
        2 * truth["targets"]["j17"]["calls"].as_u64().unwrap(),
        "a length for each"
    );
    assert_eq!(sent, truth["requests"], "both are requests that were sent");
}

#[test]
fn a_bad_event_is_refused_with_its_field_and_the_rest_of_its_request_goes_on() {
    let yard = Yard::quiet();
    let feed = Feed { bad_each: 37, ..Feed::new(1500, 40) };
    feed.write(&yard);
    feed.arrived(&yard, yard.import(SEND).run());
}

#[test]
fn more_events_than_are_held_at_once_keep_their_order() {
    // More than 8,192 rows, so that every aggregate goes on in a second stretch.
    let yard = Yard::quiet();
    let feed = Feed { bad_each: 701, ..Feed::new(9500, 250) };
    feed.write(&yard);
    feed.arrived(&yard, yard.import(SEND).run());
}

#[test]
fn more_bytes_than_are_held_at_once_keep_their_order() {
    // More than 4 MiB.
    let yard = Yard::quiet();
    let feed = Feed { padding: 9000, bad_each: 401, ..Feed::new(1000, 50) };
    feed.write(&yard);
    feed.arrived(&yard, yard.import(SEND).run());
}

#[test]
fn memory_is_bounded_however_many_aggregates_there_are() {
    for streams in [1000, 1 << 40] {
        let yard = Yard::quiet();
        let feed = Feed { padding: 350, ..Feed::new(18_000, streams) };
        feed.write(&yard);
        let mut child = yard.bench.start(&yard.import(SEND).send);
        let peak = peak(&mut child);
        assert!(peak < 64 * 1024, "{peak} KiB for {streams} aggregates");
        feed.arrived(&yard, said(child.wait_with_output().unwrap()));
    }
}

#[test]
fn a_second_writer_only_means_another_look_at_the_length() {
    let yard = Yard::with("rival=30%");
    let feed = Feed::new(1000, 30);
    feed.write(&yard);
    feed.arrived(&yard, yard.import(SEND).run());
    let truth = yard.truth();
    assert!(truth["streams"]["rivals"].as_u64().unwrap() > 5, "{truth}");
}

#[test]
fn faults_two_kills_and_a_second_writer_leave_each_event_once_and_in_order() {
    let yard = Yard::with(&format!("{STORM},rival=10%"));
    let feed = Feed { bad_each: 97, ..Feed::new(1500, 50) };
    feed.write(&yard);
    let import = yard.import(&format!("{SEND} --batch-rows 10 -j 8"));
    let a_third = feed.rows() / 10 * 2 / 4;
    import.killed_after(a_third);
    import.killed_after(a_third);
    let said = import.run();
    assert_eq!(said.summary()["resumed"], true);
    feed.arrived(&yard, said);
}

#[test]
fn without_occ_no_length_is_asked_for_and_rivals_do_not_matter() {
    let yard = Yard::with("rival=50%");
    let feed = Feed { bad_each: 101, ..Feed::new(800, 20) };
    feed.write(&yard);
    feed.arrived(&yard, yard.import(&format!("{SEND} --set occ=off")).run());
    let truth = yard.truth();
    assert_eq!(truth["requests"], truth["targets"]["j17"]["calls"], "{truth}");
    assert!(truth["streams"]["rivals"].as_u64().unwrap() > 5);
}

#[test]
fn without_occ_faults_and_kills_leave_each_event_once_and_in_order() {
    let yard = Yard::with(STORM);
    let feed = Feed { bad_each: 97, ..Feed::new(1000, 40) };
    feed.write(&yard);
    let import = yard.import(&format!("{SEND} --set occ=off --batch-rows 10 -j 8"));
    import.killed_after(feed.rows() / 40);
    import.killed_after(feed.rows() / 40);
    feed.arrived(&yard, import.run());
}

#[test]
fn a_profile_may_name_the_target_of_the_events() {
    let yard = Yard::quiet();
    yard.bench
        .write("x.ndjson", r#"{"aggregate_type":"user","aggregate_id":"u1","type":"t","data":{"n":1}}"#);
    yard.bench.write(
        "aimed.toml",
        r#"[profile]
version = 1
name = "aimed"
extends = "j17"
[params.target_id]
required = true
[request]
body = '''{"events":"${rows}","metadata":{"actor":{"type":"${param.actor_type}","id":"${param.actor_id}"},"target":{"type":"order","id":"${param.target_id}"},"previous_length":"${state.previous_length?}"}}'''
"#,
    );
    let server = Server::saying(|got, _| {
        Some(match got.method.as_str() {
            "GET" => Answer::json(200, &json!({"ok": true, "length": 4})),
            _ => Answer::json(200, &json!({"ok": true, "stream_ids": ["1-0"], "count": 1})),
        })
    });
    yard.bench
        .run(&format!(
            "send x.ndjson --to ./aimed.toml --url {} --set actor_id=me --set target_id=o-7 --progress none --json",
            server.url()
        ))
        .exits(0)
        .books([1, 1, 0, 0, 0]);
    let got = server.requests();
    assert!(got[0].is("GET", "/user/u1/length") && got[1].is("POST", "/user/u1"), "{got:?}");
    let body: Value = serde_json::from_str(&got[1].body).unwrap();
    assert_eq!(
        body["metadata"],
        json!({"actor": {"type": "system", "id": "me"}, "target": {"type": "order", "id": "o-7"},
               "previous_length": 4})
    );
}

#[test]
fn after_a_conflict_the_key_is_new_and_after_a_lost_answer_it_is_not() {
    let yard = Yard::quiet();
    yard.bench
        .write("x.ndjson", r#"{"aggregate_type":"user","aggregate_id":"u1","type":"t","data":{"n":1}}"#);
    // The first attempt is lost, its repeat meets a conflict, and the third is taken.
    let server = Server::saying(|got, before| {
        let posts = before.iter().filter(|got| got.method == "POST").count();
        match (got.method.as_str(), posts) {
            ("GET", posts) => Some(Answer::json(200, &json!({"ok": true, "length": 10 + posts}))),
            (_, 0) => None,
            (_, 1) => Some(Answer::json(409, &json!({"ok": false, "error": "Stream has length 12"}))),
            _ => Some(Answer::json(200, &json!({"ok": true, "stream_ids": ["1-0"], "count": 1}))),
        }
    });
    let send = format!("send {SEND} --progress none --json").replace("BASE", server.url());
    yard.bench.run(&send).exits(0).books([1, 1, 0, 0, 0]);
    let got = server.requests();
    let methods: Vec<&str> = got.iter().map(|got| got.method.as_str()).collect();
    assert_eq!(methods, ["GET", "POST", "POST", "GET", "POST"]);
    let key = |at: usize| got[at].header("x-idempotency-key").unwrap();
    assert_eq!((key(1), &got[1].body), (key(2), &got[2].body));
    assert_ne!(key(2), key(4));
    assert!(got[4].body.contains(r#""previous_length":12"#), "{}", got[4].body);
}

#[test]
fn an_aggregate_that_is_no_path_segment_is_refused_and_no_other_address_is_asked() {
    let yard = Yard::quiet();
    let bad = ["a/b", "..", ".", "", "%2e%2e", "a%2Fb", "a\\b", "a\tb", "a?b", "a#b"];
    let line = |id: &str| {
        json!({"aggregate_type": "user", "aggregate_id": id, "type": "t", "data": {"n": id}}).to_string()
    };
    let lines: Vec<String> = bad.into_iter().chain(["good"]).map(line).collect();
    yard.bench.write("x.ndjson", lines.join("\n"));
    yard.import(SEND).run().exits(3).books([11, 1, 10, 0, 0]);
    yard.holds_just("/event/data/n", ["good".to_owned()]);
    assert_eq!(yard.requests(), 2);
    for (id, error) in yard.letters("x.ndjson", "/aggregate_id") {
        assert_eq!(
            (&error["code"], &error["field"]),
            (&json!("bad_path_value"), &json!("/aggregate_id")),
            "{id}"
        );
    }
}
