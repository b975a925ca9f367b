//! What a hostile or broken target, or a row from nowhere, can never bring about.

use super::*;
use crate::model::{Job, PollOutcome, RowVerdict, StopKind};
use crate::target::About;
use proptest::prelude::*;
use std::time::Duration;

const TEN: Duration = Duration::from_secs(10);

fn job() -> Job {
    Job::new("abc".into(), "/api/imports/batch/abc".into())
}

fn imports() -> Target {
    builtin("imports-async", &[("base", "https://a.test")])
}

#[test]
fn no_wait_that_is_named_is_longer_than_can_be_held_or_less_than_nothing() {
    let target = plain("[[response]]\nwhen = { status = [200] }\nthen = \"ok\"\n");
    let hundred_years = Some(Duration::from_secs(100 * 365 * 24 * 3600));
    for (value, wanted) in [
        ("100000000000000000000", hundred_years),
        ("-1", None),
        ("1.5", Some(Duration::from_millis(1500))),
        ("Thu, 01 Jan 1970 00:00:01 GMT", Some(Duration::ZERO)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", hundred_years),
        ("1e9", None),
        ("", None),
        ("soon", None),
    ] {
        let busy = with(reply(429, ""), "retry-after", value);
        let Outcome::Throttled { wait, .. } = read(&target, &busy) else { panic!("{value}") };
        assert_eq!(wait, wanted, "{value}");
        let down = with(reply(503, ""), "retry-after", value);
        let Outcome::Unknown { wait, .. } = read(&target, &down) else { panic!("{value}") };
        assert_eq!(wait, wanted, "{value}");
    }
}

#[test]
fn a_job_that_never_ends_is_asked_about_until_its_deadline() {
    let target = imports();
    let load = load(&target, &["{}"]);
    for state in ["queued", "processing", "paused", "Completed", "completed ", "0", "true"] {
        let body = format!(r#"{{"status":"{state}"}}"#);
        let outcome = target.read_poll(&load, &job(), &reply(200, &body), NOW);
        assert!(matches!(outcome, PollOutcome::Again { .. }), "{state}");
    }
    let polling = target.polling().unwrap();
    assert_eq!(polling.deadline, Some(Duration::from_secs(3600)));
    assert!(polling.every <= polling.every_max && polling.backoff >= 1.0);
}

#[test]
fn an_answer_to_a_poll_that_cannot_be_read_is_never_a_verdict() {
    let target = imports();
    let load = load(&target, &[r#"{"id":1}"#]);
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let big = format!(r#"{{"pad":"{}"}}"#, "x".repeat(10_000_000));
    for body in ["", "null", "[]", "<html>", "{", r#"{"status":null}"#, r#"{"status":{}}"#, &deep, &big] {
        let outcome = target.read_poll(&load, &job(), &reply(200, body), NOW);
        assert!(matches!(outcome, PollOutcome::Again { .. }), "{}", &body[..body.len().min(40)]);
    }
    for status in [408, 409, 429, 500, 503] {
        let outcome = target.read_poll(&load, &job(), &reply(status, ""), NOW);
        assert!(matches!(outcome, PollOutcome::Again { .. }), "{status}");
    }
    let ended = format!(r#"{{"status":"completed","results":{deep}}}"#);
    let PollOutcome::Ended(outcome) = target.read_poll(&load, &job(), &reply(200, &ended), NOW) else {
        panic!()
    };
    assert!(matches!(*outcome, Outcome::Misfit { .. }));
}

#[test]
fn a_job_at_another_origin_is_refused_and_no_token_goes_there() {
    let target = builtin("imports-async", &[("base", "https://a.test"), ("token", "s3cret")]);
    for url in [
        "https://evil.test/x",
        "http://a.test/x",
        "//evil.test/x",
        "https://a.test@evil.test/x",
        "https://a.test.evil.test/x",
        "https://a.test:8443/x",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "/x\\\\evil",
    ] {
        let body = format!(r#"{{"status_url":"{url}"}}"#);
        let outcome = read(&target, &reply(202, &body));
        assert!(matches!(outcome, Outcome::Stop { kind: StopKind::Refused, .. }), "{url}: {outcome:?}");
    }
    for (url, path) in [("/x?y=1", "/x?y=1"), ("https://A.test:443/x", "/x"), ("abc", "/api/imports/abc")] {
        let outcome = read(&target, &reply(202, &format!(r#"{{"status_url":"{url}"}}"#)));
        let Outcome::Accepted(job) = outcome else { panic!("{url}: {outcome:?}") };
        assert_eq!(job.path, path);
        let request = target.poll(&job, TEN).unwrap();
        assert!(request.url.starts_with("https://a.test/"), "{}", request.url);
    }
    // What comes from a ledger is looked at again.
    for path in ["//evil.test/x", "https://evil.test/x", "", "x"] {
        assert!(target.poll(&Job::new("1".into(), path.into()), TEN).is_err(), "{path}");
    }
}

#[test]
fn a_jobs_id_never_leaves_its_segment() {
    let target = builtin("experiture-append", &[("object", "profiles")]);
    for id in ["../../x", "a/b", "a?b", "a#b", "%2e%2e", "..", "a\\\\b", "a\\nb"] {
        let outcome = read(&target, &reply(202, &format!(r#"{{"data":{{"jobId":"{id}"}}}}"#)));
        assert!(matches!(outcome, Outcome::Misfit { .. }), "{id}: {outcome:?}");
    }
}

fn by_row() -> Target {
    let text = format!(
        "{HEAD}[request]\nurl = \"https://a.test/x/${{row:/id}}/y\"\nquery = {{ q = \"${{row:/q?}}\" }}\n\
         headers = {{ X-Name = \"${{row:/h?}}\" }}\n[limits]\nrows = 1\n"
    );
    target(&text, &[])
}

#[test]
fn a_row_that_would_change_the_address_or_a_header_is_refused_here() {
    let target = by_row();
    for bad in ["a/b", "..", ".", "%2F", "a\\b", "a?b", "a#b", "\n", "\0", "\u{7f}", "\u{85}", ""] {
        let text = serde_json::json!({ "id": bad }).to_string();
        let refusal = target.item(&row(&text, 0), &mut Vec::new()).unwrap_err();
        assert_eq!(
            (refusal.code.as_str(), refusal.field.as_deref()),
            ("bad_path_value", Some("/id")),
            "{bad:?}"
        );
    }
    for bad in ["a\r\nX-Evil: 1", "\0", "\u{7f}"] {
        let text = serde_json::json!({ "id": 1, "h": bad }).to_string();
        let refusal = target.item(&row(&text, 0), &mut Vec::new()).unwrap_err();
        assert_eq!(refusal.code, "bad_header_value", "{bad:?}");
    }
}

proptest! {
    #[test]
    fn no_row_can_name_another_place(id in ".{0,30}", query in ".{0,20}") {
        let target = by_row();
        let text = serde_json::json!({ "id": id, "q": query }).to_string();
        let context = row(&text, 0);
        if target.item(&context, &mut Vec::new()).is_ok() {
            let key = crate::model::BatchKey(crate::model::Digest([1; 32]));
            let about = About {
                key: &key, rows: 1, first_sent: NOW, timeout: TEN, row: Some(&context), state: None, refusals: 0, import: 1,
            };
            let url = target.request_about(Bytes::new(), &about).unwrap().url;
            let rest = url.strip_prefix("https://a.test/x/").unwrap();
            let (segment, rest) = rest.split_once('/').unwrap();
            prop_assert!(!segment.is_empty() && segment != "." && segment != "..");
            prop_assert!(rest.starts_with("y?q=") && !rest.contains('#') && rest.matches(['/', '?', '&']).count() == 1);
        }
    }

    #[test]
    fn no_answer_makes_a_dead_letter_of_a_row_that_it_does_not_name(body in "\\PC{0,200}", status in 200_u16..600) {
        for name in ["orders-batch", "elasticsearch", "couchdb", "salesforce-collections", "typesense"] {
            let values = [("base", "https://a.test"), ("index", "i"), ("database", "d"), ("object", "o"),
                ("collection", "c"), ("token", "t0ken")];
            let profile = Profile::builtin(name).unwrap();
            let known: Vec<(&str, &str)> = values.into_iter()
                .filter(|(name, _)| profile.params().iter().any(|spec| spec.name == *name)).collect();
            let target = compiled(&profile, &known);
            let outcome = read(&target, &reply(status, &body));
            let is_named = matches!(&outcome, Outcome::Settled(verdicts)
                if matches!(verdicts.others, RowVerdict::Rejected(_)) || !verdicts.listed.is_empty());
            prop_assert!(!is_named, "{name} {status} {body}: {outcome:?}");
        }
    }
}
