//! Each fault: what is told, and whether the rows were applied.

use std::time::{Duration, Instant};

use bulkhaul::sandbox::Faults;
use serde_json::Value;

use super::{Caller, Reply, send};

const BODY: &str = r#"[{"id":1}]"#;

fn keyed(caller: &Caller, key: &str) -> reqwest::Result<Reply> {
    caller.run(send(caller.request("POST", "/rows").header("Idempotency-Key", key).body(BODY)))
}

fn noted(caller: &Caller, fault: &str) -> i64 {
    caller.truth()["faults"][fault].as_i64().unwrap_or(0)
}

#[test]
fn a_specification_reads_back_as_itself() {
    let spec = "throttle=2%,error=1%,drop-before=1%,drop-after=1%,truncate=0.5%,garbage=1%,reject=2%,\
        rival=1%,slow=50ms";
    let faults: Faults = spec.parse().unwrap();
    assert_eq!(faults.to_string(), spec);
    assert_eq!((faults.throttle, faults.truncate, faults.slow), (2.0, 0.5, Duration::from_millis(50)));
    assert_eq!(" slow = 1s , reject=100% ,".parse::<Faults>().unwrap().slow, Duration::from_secs(1));
    assert_eq!("".parse::<Faults>().unwrap(), Faults::default());
}

#[test]
fn a_specification_that_is_wrong_is_told_what_would_be_right() {
    let told = |spec: &str| spec.parse::<Faults>().unwrap_err().to_string();
    assert_eq!(
        told("drop=1%"),
        "there is no fault `drop`; the faults are throttle, error, drop-before, drop-after, truncate, \
         garbage, slow, reject, rival; `--faults help` says what each is"
    );
    for spec in ["error=2", "error=101%", "error=-1%", "error=NaN%", "error=x%"] {
        assert!(told(spec).contains("from 0% to 100%"), "{spec}");
    }
    assert_eq!(told("reject"), "the fault `reject` needs a value, such as `reject=2%`");
    assert_eq!(told("slow="), "the fault `slow` needs a value, such as `slow=50ms`");
    assert!(told("slow=5%").contains("slow=50ms"));
    assert_eq!(told("error=1%,error=2%"), "the fault `error` is given twice");
}

#[test]
fn throttled_requests_are_not_handled_and_told_to_wait_in_every_notation() {
    let caller = Caller::with_faults("throttle=100%");
    let waits: Vec<String> = (0..16)
        .map(|_| {
            let answer =
                caller.run(async { caller.request("POST", "/rows").body(BODY).send().await }).unwrap();
            assert_eq!(answer.status(), 429);
            answer.headers()["Retry-After"].to_str().unwrap().to_owned()
        })
        .collect();
    assert!(waits.iter().any(|wait| wait == "0") && waits.iter().any(|wait| wait == "0.2"));
    let soon = std::time::SystemTime::now() + Duration::from_secs(2);
    let dates: Vec<_> = waits.iter().filter_map(|wait| httpdate::parse_http_date(wait).ok()).collect();
    assert!(!dates.is_empty() && dates.into_iter().all(|date| date <= soon));
    assert_eq!((caller.applied(), noted(&caller, "throttle")), (0, 16));
    assert_eq!(caller.truth()["requests"], 16);
}

#[test]
fn an_error_is_handled_half_of_the_time_and_the_answer_was_a_500_or_503_not_kept() {
    let caller = Caller::with_faults("error=100%");
    let mut seen = std::collections::BTreeSet::new();
    for number in 0..60 {
        let before = caller.applied();
        let (after_before, reply) =
            (noted(&caller, "error-after"), keyed(&caller, &number.to_string()).unwrap());
        seen.insert(reply.status);
        let handled = noted(&caller, "error-after") - after_before;
        assert_eq!(caller.applied() - before, handled, "a 503 is never handled, a 500 may be");
        assert!(reply.status == 500 || handled == 0);
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [500, 503]);
    assert!((15..45).contains(&noted(&caller, "error-after")));
    assert_eq!(caller.truth()["keys"], caller.applied());
}

#[test]
fn dropped_before_means_not_applied() {
    let caller = Caller::with_faults("drop-before=100%");
    for number in 0..10 {
        assert!(keyed(&caller, &number.to_string()).is_err());
    }
    assert_eq!(caller.applied(), 0);
    assert!(noted(&caller, "drop-before") >= 10);
}

#[test]
fn dropped_after_means_applied_once_and_the_answer_is_kept() {
    let caller = Caller::with_faults("drop-after=100%");
    for _ in 0..3 {
        assert!(keyed(&caller, "k").is_err());
    }
    assert_eq!(caller.applied(), 1);
    assert!(caller.truth()["targets"]["rows"]["replays"].as_i64().unwrap() >= 2);
}

#[test]
fn a_truncated_answer_is_applied_shows_its_status_and_never_ends_well() {
    let caller = Caller::with_faults("truncate=100%");
    for number in 0..20 {
        let request =
            caller.request("POST", "/rows").header("Idempotency-Key", number.to_string()).body(BODY);
        let answer = caller.run(async { request.send().await }).unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.content_length(), Some(r#"{"received":1}"#.len() as u64));
        assert!(caller.run(answer.bytes()).is_err());
    }
    assert_eq!(caller.applied(), 20);
}

#[test]
fn garbage_is_a_page_of_html_for_a_request_that_was_applied() {
    let caller = Caller::with_faults("garbage=100%");
    let answer = caller.run(async { caller.request("POST", "/rows").body(BODY).send().await }).unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.headers()["Content-Type"].to_str().unwrap().starts_with("text/html"));
    assert!(caller.run(answer.text()).unwrap().starts_with("<!DOCTYPE html>"));
    assert_eq!(caller.applied(), 1);
}

#[test]
fn slow_delays_answers_but_never_the_truth() {
    let caller = Caller::with_faults("slow=200ms");
    let began = Instant::now();
    for _ in 0..5 {
        assert_eq!(caller.post("/rows", BODY).status, 200);
    }
    assert!(began.elapsed() > Duration::from_millis(100));
    assert_eq!(Caller::with_faults("slow=1h").get("/_sandbox/truth").status, 200);
}

#[test]
fn refused_rows_are_the_same_ones_whatever_the_seed_and_more_percent_refuse_more() {
    let rows: Vec<String> = (0..1000).map(|id| format!(r#"{{"id":{id}}}"#)).collect();
    let refused = |spec: &str, seed: u64| -> Vec<String> {
        let faults = spec.parse().unwrap();
        let options = bulkhaul::sandbox::Options { faults, seed, max_items: 1000, ..Default::default() };
        let reply = Caller::to(options)
            .post("/api/orders/batch", &format!(r#"{{"operations":[{}]}}"#, rows.join(",")))
            .json();
        let wrong = |result: &&Value| result["status"] == "error";
        let results = reply["results"].as_array().unwrap().iter().filter(wrong);
        let mut ids: Vec<String> = results
            .map(|result| {
                assert_eq!(result["error"], "rejected by the sandbox (reject fault)");
                result["id"].to_string()
            })
            .collect();
        ids.sort();
        ids
    };
    let few = refused("reject=2%", 1);
    assert!((5..40).contains(&few.len()), "{}", few.len());
    assert_eq!(few, refused("reject=2%", 99));
    let more = refused("reject=10%", 3);
    assert!(few.iter().all(|id| more.contains(id)) && more.len() > few.len());
    assert_eq!(refused("reject=100%", 1).len(), 1000);
    assert_eq!(refused("reject=0%", 1).len(), 0);
}

#[test]
fn polls_and_lengths_know_faults_and_the_truth_knows_none() {
    let caller = Caller::with_faults("drop-before=100%");
    for path in ["/api/imports/batch/x", "/user/1/length", "/public/v1/records/a/jobs/b"] {
        assert!(caller.run(send(caller.request("GET", path))).is_err(), "{path}");
    }
    assert_eq!(caller.get("/_sandbox/truth").status, 200);
}

#[test]
fn the_same_seed_gives_the_same_faults_and_another_seed_others() {
    let fates = |seed: u64| -> Vec<Option<u16>> {
        let faults = "throttle=20%,error=20%,drop-before=10%,garbage=10%".parse().unwrap();
        let caller = Caller::to(bulkhaul::sandbox::Options { faults, seed, ..Default::default() });
        let client = reqwest::Client::builder().retry(reqwest::retry::never()).no_proxy().build().unwrap();
        let url = format!("{}/rows", caller.sandbox.url());
        (0..60)
            .map(|_| {
                // A connection each, so that the client has no reason to try again by itself.
                let request = client.post(&url).header("Connection", "close").body(BODY);
                caller.run(send(request)).ok().map(|reply| reply.status)
            })
            .collect()
    };
    let first = fates(1);
    assert_eq!(first, fates(1));
    assert_ne!(first, fates(2));
    assert!(first.contains(&Some(429)) && first.contains(&Some(200)) && first.contains(&None));
}

#[test]
fn through_all_faults_a_client_that_keeps_its_keys_applies_each_row_once() {
    let spec = "throttle=10%,error=10%,drop-before=10%,drop-after=10%,truncate=10%,garbage=10%,slow=1ms";
    let caller = Caller::with_faults(spec);
    for row in 0..100 {
        let body = format!(r#"[{{"id":{row}}}]"#);
        let settled = (0..200).any(|_| {
            let request = caller.request("POST", "/rows").header("Idempotency-Key", format!("k{row}"));
            let reply = caller.run(send(request.body(body.clone())));
            reply.is_ok_and(|reply| reply.status == 200 && reply.text == r#"{"received":1}"#)
        });
        assert!(settled);
    }
    let truth = caller.truth();
    assert_eq!(
        truth["rows"],
        serde_json::json!({"applied":100,"distinct":100,"doubled":0,"under_several_keys":0})
    );
    assert_eq!(truth["keys"], 100);
    assert_eq!(caller.lines().len(), 100);
}
