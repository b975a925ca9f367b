//! Answers from a broken or hostile target, over the real binary: nothing is lost, guessed or sent elsewhere.

use crate::support::server::{Answer, Got, Server};
use crate::support::{Bench, Said, said};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const ROWS: &str = "{\"id\":\"a\"}\n{\"id\":\"b\"}\n{\"id\":\"c\"}\n";

fn send(bench: &Bench, server: &Server, to: &str) -> Said {
    let send = format!("send x.ndjson --to {to} --url {} --progress none --json", server.url());
    let mut command = bench.command(&send);
    said(command.env("ORDERS_TOKEN", "t0ken-canary").output().unwrap())
}

fn bench() -> Bench {
    Bench::with("x.ndjson", ROWS)
}

#[test]
fn a_job_at_another_origin_is_not_asked_about_and_the_token_does_not_go_there() {
    let elsewhere = Server::start(&Answer::json(200, &json!({"status": "completed", "results": []})), None);
    let host = elsewhere.url().strip_prefix("http://").unwrap().to_owned();
    for link in
        [elsewhere.url().to_owned() + "/x", format!("//{host}/x"), format!("http://127.0.0.1@{host}/x")]
    {
        let bench = bench();
        let server = Server::start(&Answer::json(202, &json!({"job_id": "1", "status_url": link})), None);
        let said = send(&bench, &server, "imports-async");
        assert!(said.stderr.contains("that is another origin; the token does not go there"), "{said:#?}");
        assert!(!said.stderr.contains("canary"), "{said:#?}");
        said.exits(1).books([3, 0, 0, 0, 3]);
    }
    assert!(elsewhere.requests().is_empty());
}

#[test]
fn a_redirection_is_not_followed_and_no_row_is_called_refused() {
    let elsewhere = Server::start(&Answer::json(200, &json!({})), None);
    for status in [301, 302, 307, 308] {
        let bench = bench();
        let mut answer = Answer::json(status, &json!({}));
        answer.headers.push(("location".to_owned(), elsewhere.url().to_owned() + "/"));
        let server = Server::start(&answer, None);
        send(&bench, &server, "orders-batch").exits(1).books([3, 0, 0, 0, 3]);
    }
    assert!(elsewhere.requests().is_empty());
}

fn results(list: &[(&str, &str)]) -> Value {
    let entries = list.iter().map(|(id, status)| json!({"id": id, "status": status, "error": "no"}));
    json!({"results": entries.collect::<Vec<_>>()})
}

/// Asked for once more, the same request under the same key, and then nobody knows.
#[track_caller]
fn is_in_doubt(body: String) {
    let bench = bench();
    let answer = Answer { body, ..Answer::json(200, &json!({})) };
    let server = Server::start(&answer, None);
    send(&bench, &server, "orders-batch").exits(5).books([3, 0, 0, 3, 0]);
    assert!(bench.dead_letters("x.ndjson").is_empty());
    let got = server.requests();
    let sent: Vec<_> = got.iter().map(|got| (got.header("idempotency-key"), &got.body)).collect();
    assert_eq!((sent.len(), sent[0]), (2, sent[1]));
}

#[test]
fn answers_that_do_not_fit_are_asked_for_once_more_and_then_the_rows_are_in_doubt() {
    let one = ("a", "ok");
    for list in [
        vec![],
        vec![one, ("b", "ok")],
        vec![one, ("b", "ok"), ("c", "error"), ("d", "error")],
        vec![one, ("b", "ok"), ("x", "error")],
        vec![one, one, ("b", "error")],
        vec![one, ("b", "ok"), ("c", "ok"), ("c", "error")],
    ] {
        is_in_doubt(results(&list).to_string());
    }
    is_in_doubt(json!({"results": "none"}).to_string());
    is_in_doubt(json!({"results": {"a": "ok"}}).to_string());
    is_in_doubt("[]".to_owned());
}

#[test]
fn ten_thousand_nested_arrays_and_ten_megabytes_of_json_are_answers_that_do_not_fit() {
    let (open, close) = ("[".repeat(10_000), "]".repeat(10_000));
    is_in_doubt(format!("{{\"results\":{open}{close}}}"));
    is_in_doubt(format!("{{\"results\":[],\"pad\":\"{}\"}}", "x".repeat(10_000_000)));
    let many: Vec<Value> = (0..200_000).map(|n| json!({"id": n, "status": "error", "error": "no"})).collect();
    is_in_doubt(json!({"results": many}).to_string());
}

#[test]
fn a_job_that_never_ends_is_asked_about_until_its_deadline_and_no_longer() {
    let bench = bench();
    bench.write(
        "short.toml",
        "[profile]\nversion = 1\nname = \"short\"\nextends = \"imports-async\"\n\
         [job]\nevery = \"20ms\"\nevery_max = \"40ms\"\ndeadline = \"400ms\"\n",
    );
    let (accepted, poll) = (json!({"status_url": "/jobs/1"}), json!({"status": "for ever"}));
    let server = Server::start(&Answer::json(202, &accepted), Some(Answer::json(200, &poll)));
    let said = send(&bench, &server, "./short.toml").exits(5).books([3, 0, 0, 3, 0]);
    let resend = "with --on-ambiguous resend asks once more how the job ended, and sends them again only";
    assert!(said.stderr.contains(resend), "{said:#?}");
    let polls = server.requests().iter().filter(|got| got.method == "GET").count();
    assert!((3..=21).contains(&polls), "{polls} polls");
}

/// The first answer is a 429 that asks for this wait; then all is well. How long that took.
fn waited(value: &'static str) -> (Said, Duration, usize) {
    let bench = bench();
    let server = Server::saying(move |_: &Got, before: &[Got]| {
        let mut busy = Answer::json(429, &json!({}));
        busy.headers.push(("retry-after".to_owned(), value.to_owned()));
        let good = results(&[("a", "ok"), ("b", "ok"), ("c", "ok")]);
        Some(if before.is_empty() { busy } else { Answer::json(200, &good) })
    });
    let started = Instant::now();
    let said = send(&bench, &server, "orders-batch");
    (said, started.elapsed(), server.requests().len())
}

#[test]
fn a_wait_is_obeyed_in_every_form_and_one_that_is_none_is_our_own() {
    let (said, took, requests) = waited("1.5");
    said.exits(0).books([3, 3, 0, 0, 0]);
    assert!(took >= Duration::from_millis(1500) && requests == 2, "{took:?}");
    for value in ["-1", "soon", "Thu, 01 Jan 1970 00:00:00 GMT", "0", "1e3"] {
        let (said, _, requests) = waited(value);
        said.exits(0).books([3, 3, 0, 0, 0]);
        assert_eq!(requests, 2, "{value}");
    }
}

#[test]
fn a_wait_of_ages_stops_the_run_with_its_rows_pending() {
    for value in ["100000000000000000000", "Fri, 31 Dec 9999 23:59:59 GMT"] {
        let (said, took, requests) = waited(value);
        assert_eq!((said.summary()["stopped_by"].as_str(), requests), (Some("max-wait"), 1));
        assert!(took < Duration::from_secs(20), "{took:?}");
        said.exits(4).books([3, 0, 0, 0, 3]);
    }
}
