//! Results that a job has beside its answer, ids in headers, entries by `JSONPath`, keys within bodies.

use super::*;
use crate::model::{BatchKey, Digest, Job, PollOutcome, RowVerdict, StopKind, Verdicts};
use crate::target::About;
use std::time::Duration;

const TEN: Duration = Duration::from_secs(10);

/// A job whose errors are paged, and whose unprocessed rows are a table.
const JOBS: &str = r#"[profile]
version = 1
name = "t"
[request]
url = "https://a.test/x"
[[response]]
when = { status = [202] }
then = "job"
[job]
id = "/id"
url = "https://a.test/jobs/${job.id}"
state = "/state"
[[job.fetch]]
name = "errors"
url = "https://a.test/jobs/${job.id}/errors"
next = "/links/next"
[[job.fetch]]
name = "left"
url = "https://a.test/jobs/${job.id}/left.csv"
format = "csv"
[job.end.done]
then = "results"
results = "errors"
fetch = "errors"
[job.end.failed]
then = "results"
results = "errors"
fetch = "errors, left"
[results.errors]
from = "/data"
match = { by = "pointer", at = "/source/pointer", prefix = "/data" }
covers = "failed"
unlisted = "ok"
also = ["left"]
code = "/code"
message = "/detail"
[results.left]
from = ""
as = "csv"
match = { by = "echo", fields = ["id"] }
covers = "unprocessed"
unlisted = "ok"
"#;

const ROWS: [&str; 4] = [r#"{"id":"a"}"#, r#"{"id":"b"}"#, r#"{"id":"c"}"#, r#"{"id":"d"}"#];

/// The job after an answer, if it goes on.
#[track_caller]
fn more(target: &Target, job: &Job, body: &str) -> Job {
    let load = load(target, &ROWS);
    match target.read_poll(&load, job, &reply(200, body), NOW) {
        PollOutcome::More(job) => *job,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn ended(target: &Target, job: &Job, body: &str) -> Verdicts {
    let load = load(target, &ROWS);
    match target.read_poll(&load, job, &reply(200, body), NOW) {
        PollOutcome::Ended(outcome) => match *outcome {
            Outcome::Settled(verdicts) => verdicts,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

fn error(row: usize) -> String {
    format!(r#"{{"code":"bad","detail":"row {row}","source":{{"pointer":"/data/{row}/attributes/email"}}}}"#)
}

fn asked(target: &Target, job: &Job) -> String {
    let request = target.poll(job, TEN).unwrap();
    format!("{} {}", request.method, request.url)
}

fn start() -> (Target, Job) {
    let target = target(JOBS, &[]);
    let Outcome::Accepted(job) = read(&target, &reply(202, r#"{"id":7}"#)) else { panic!() };
    (target, job)
}

#[test]
fn results_are_fetched_page_by_page_and_then_read_together() {
    let (target, job) = start();
    assert_eq!(asked(&target, &job), "GET https://a.test/jobs/7");
    let job = more(&target, &job, r#"{"state":"done"}"#);
    assert_eq!(asked(&target, &job), "GET https://a.test/jobs/7/errors");
    let page =
        format!(r#"{{"data":[{}],"links":{{"next":"https://a.test/jobs/7/errors?page=2"}}}}"#, error(2));
    let job = more(&target, &job, &page);
    assert_eq!(asked(&target, &job), "GET https://a.test/jobs/7/errors?page=2");
    let verdicts = ended(&target, &job, &format!(r#"{{"data":[{}],"links":{{"next":null}}}}"#, error(0)));
    let words: Vec<String> = (0..4)
        .map(|row| match verdicts.of(row) {
            RowVerdict::Rejected(said) => said.message.clone(),
            RowVerdict::Delivered => "ok".to_owned(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(words, ["row 0", "ok", "row 2", "ok"]);
}

#[test]
fn a_table_names_its_rows_by_what_they_hold_and_an_end_fetches_what_it_says() {
    let (target, job) = start();
    let job = more(&target, &job, r#"{"state":"failed"}"#);
    let job = more(&target, &job, r#"{"data":[]}"#);
    assert_eq!(asked(&target, &job), "GET https://a.test/jobs/7/left.csv");
    let verdicts = ended(&target, &job, "id,why\nd,\"late, \"\"very\"\"\"\nb,late\n");
    let resent: Vec<u32> = (0..4).filter(|row| *verdicts.of(*row) == RowVerdict::Resend).collect();
    assert_eq!(resent, [1, 3]);
}

#[test]
fn a_page_that_cannot_be_read_is_asked_for_again_and_one_elsewhere_is_not() {
    let (target, job) = start();
    let load = load(&target, &ROWS);
    let job = more(&target, &job, r#"{"state":"done"}"#);
    for (status, body) in [(200, "<html>"), (200, ""), (200, "{"), (500, "{}"), (429, "")] {
        let outcome = target.read_poll(&load, &job, &reply(status, body), NOW);
        assert!(matches!(outcome, PollOutcome::Again { .. }), "{status} {body}");
    }
    for link in ["https://evil.test/x", "//evil.test/x", "http://a.test/x"] {
        let body = format!(r#"{{"data":[],"links":{{"next":"{link}"}}}}"#);
        let PollOutcome::Ended(outcome) = target.read_poll(&load, &job, &reply(200, &body), NOW) else {
            panic!("{link}")
        };
        assert!(matches!(*outcome, Outcome::Stop { kind: StopKind::Refused, .. }), "{link}");
    }
    // What names a row that was not sent does not fit.
    let body = format!(r#"{{"data":[{}]}}"#, error(9));
    let PollOutcome::Ended(outcome) = target.read_poll(&load, &job, &reply(200, &body), NOW) else {
        panic!()
    };
    assert!(matches!(*outcome, Outcome::Misfit { .. }));
}

#[test]
fn pages_that_go_on_for_ever_end_the_reading() {
    let (target, job) = start();
    let load = load(&target, &ROWS);
    let mut job = more(&target, &job, r#"{"state":"done"}"#);
    let page = r#"{"data":[],"links":{"next":"/jobs/7/errors?again"}}"#;
    for _ in 0..20_000 {
        match target.read_poll(&load, &job, &reply(200, page), NOW) {
            PollOutcome::More(next) => job = *next,
            PollOutcome::Ended(outcome) => {
                assert!(matches!(*outcome, Outcome::Misfit { .. }));
                return;
            }
            other => panic!("{other:?}"),
        }
    }
    panic!("it never ends");
}

#[test]
fn what_is_fetched_is_declared_and_what_is_declared_is_fetched() {
    let told = errors(&JOBS.replace("fetch = \"errors\"\n", "fetch = \"erors\"\n"));
    assert_eq!(told, "t.toml:21: there is nothing to fetch called `erors`; did you mean `errors`?");
    let told = errors(&JOBS.replace("fetch = \"errors, left\"", "fetch = \"errors\""));
    assert_eq!(
        told,
        "t.toml:17: no end of the job fetches `left`; write fetch = \"left\" in a [job.end.…], or take it out"
    );
    let told = errors(&JOBS.replace(
        "then = \"results\"\nresults = \"errors\"\nfetch = \"errors\"\n",
        "then = \"ok\"\nfetch = \"errors\"\n",
    ));
    assert!(told.contains("`fetch` goes with then = \"results\""), "{told}");
    let told = errors(&JOBS.replace("format = \"csv\"", "format = \"csv\"\nnext = \"/n\""));
    assert!(told.contains("`next` points into JSON"), "{told}");
    let told = errors(&JOBS.replace("name = \"left\"\n", ""));
    assert!(told.contains("[[job.fetch]] needs `name`"), "{told}");
}

#[test]
fn a_job_may_be_named_by_a_header() {
    let job = |id: &str| {
        format!(
            "{HEAD}[request]\nurl = \"https://a.test/x\"\n[[response]]\nwhen = {{ status = [202] }}\nthen = \"job\"\n\
             [job]\n{id}\nstate = \"/s\"\n[job.end.done]\nthen = \"ok\"\n"
        )
    };
    let by_id = "id = { header = \"Location\", regex = '([^/]+)$' }\nurl = \"https://a.test/jobs/${job.id}\"";
    for (text, location, url) in [
        (job(by_id), "abc-1", "https://a.test/jobs/abc-1"),
        (job(by_id), "https://a.test/jobs/abc-1", "https://a.test/jobs/abc-1"),
        (job("url_from = { header = \"Location\" }"), "/jobs/9?x=1", "https://a.test/jobs/9?x=1"),
    ] {
        let target = target(&text, &[]);
        let Outcome::Accepted(job) = read(&target, &with(reply(202, ""), "location", location)) else {
            panic!()
        };
        assert_eq!(target.poll(&job, TEN).unwrap().url, url);
        assert!(matches!(read(&target, &reply(202, "")), Outcome::Misfit { .. }));
    }
    let elsewhere = target(&job("url_from = { header = \"Location\" }"), &[]);
    let outcome = read(&elsewhere, &with(reply(202, ""), "location", "https://evil.test/x"));
    assert!(matches!(outcome, Outcome::Stop { .. }));
    assert!(errors(&job("url_from = { header = \"\" }")).contains("`url_from` names no header"));
    let told = errors(&job("url_from = { header = \"Location\", regex = 'x' }"));
    assert!(told.contains("`url_from` captures nothing"), "{told}");
}

#[test]
fn a_json_path_selects_entries_wherever_they_stand() {
    let reader = |from: &str, more: &str| {
        format!(
            "[[response]]\nwhen = {{ status = [200] }}\nthen = \"results\"\nresults = \"r\"\n[results.r]\nfrom = \"{from}\"\n\
             covers = \"failed\"\nunlisted = \"ok\"\nmessage = \"/why\"\n{more}\n"
        )
    };
    let by_index = "match = { by = \"index\", at = \"/row\" }";
    let target = plain(&reader("$.groups[*].errors[*]", by_index));
    let body =
        r#"{"groups":[{"errors":[{"row":3,"why":"x"}]},{"errors":[]},{"errors":[{"row":1,"why":"y"}]}]}"#;
    let load = load(&target, &ROWS);
    let Outcome::Settled(verdicts) = target.read(&load, &reply(200, body), NOW) else { panic!() };
    let bad: Vec<u32> = verdicts.listed.iter().map(|(row, _)| *row).collect();
    assert_eq!(bad, [1, 3]);
    let named = "as = \"object\"\nmatch = { by = \"key\" }";
    let target = plain(&reader("$.parts[*].errors.*", named));
    let body = r#"{"parts":[{"errors":{"2":{"why":"x"}}},{"errors":{"0":{"why":"y"}}}]}"#;
    let Outcome::Settled(verdicts) = target.read(&load, &reply(200, body), NOW) else { panic!() };
    let bad: Vec<u32> = verdicts.listed.iter().map(|(row, _)| *row).collect();
    assert_eq!(bad, [0, 2]);
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    assert!(matches!(target.read(&load, &reply(200, &deep), NOW), Outcome::Misfit { .. }));
    let told = errors(&format!("{HEAD}{REQUEST}{}", reader("$.a[", by_index)));
    assert!(told.starts_with("t.toml:11: `$.a[` is no JSONPath: "), "{told}");
    let told = errors(&format!("{HEAD}{REQUEST}{}", reader("", "match = { by = \"index\", at = \"$.a\" }")));
    assert!(told.contains("which may only stand in `from`"), "{told}");
}

#[test]
fn a_body_may_repeat_its_key_for_reference() {
    let text = format!(
        "{HEAD}[limits]\nrows = 1\n[row]\nkey = \"/id\"\n[request]\nurl = \"https://a.test/x\"\n\
         body = '''{{\"id\":\"${{row:/id}}\",\"reference\":\"${{batch.key}}\"}}'''\n\
         [idempotency]\nscope = \"batch\"\nsend = {{ header = \"Idempotency-Key\" }}\nkey = {{ template = \"order-${{row.key}}\" }}\n"
    );
    let target = target(&text, &[]);
    let load = load(&target, &[r#"{"id":"7"}"#]);
    let row = row(r#"{"id":"7"}"#, 0);
    for (refusals, key) in [(0, "order-7"), (2, "order-7~3")] {
        let about = About {
            key: &BatchKey(Digest([1; 32])),
            rows: 1,
            first_sent: NOW,
            timeout: TEN,
            row: Some(&row),
            state: None,
            refusals,
            import: 1,
        };
        let request = target.request_about(load.body().clone(), &about).unwrap();
        assert_eq!(request.body, format!(r#"{{"id":"7","reference":"{key}"}}"#));
        assert!(request.headers.contains(&("idempotency-key".to_owned(), key.to_owned())));
    }
    let many = format!(
        "{HEAD}[request]\nurl = \"https://a.test/x\"\nbody = '''{{\"run\":\"${{batch.key}}\",\"rows\":\"${{rows}}\"}}'''\n\
         [idempotency]\nscope = \"batch\"\nsend = {{ header = \"k\" }}\n"
    );
    let target = super::target(&many, &[]);
    let load = super::load(&target, &ROWS);
    let key = BatchKey(Digest([1; 32]));
    let request = target.request(load.body().clone(), &key, 4, NOW, TEN).unwrap();
    let sent: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(sent["run"], target.key_text(&key));
    assert_eq!(sent["rows"].as_array().unwrap().len(), 4);
}
