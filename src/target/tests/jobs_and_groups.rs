//! Jobs are asked about at the target's own origin; groups know their state before they are sent.

use super::*;
use crate::model::{BatchKey, Digest, Job, PollOutcome, RowVerdict, Verdicts};
use crate::target::{About, Attempt, GroupState, Refresh};
use std::time::Duration;

const TEN: Duration = Duration::from_secs(10);

fn imports() -> Target {
    builtin("imports-async", &[("base", "https://a.test:8443/v"), ("token", "t")])
}

fn accepted(link: &str) -> Outcome {
    read(&imports(), &reply(202, &format!(r#"{{"job_id":"j","status_url":"{link}"}}"#)))
}

#[test]
fn a_status_url_is_followed_at_the_own_origin_and_nowhere_else() {
    for (link, path) in [
        ("/api/imports/batch/abc", "/api/imports/batch/abc"),
        ("https://a.test:8443/x?y=1#z", "/x?y=1"),
        ("abc", "/v/api/imports/abc"),
        ("?id=1", "/v/api/imports/batch?id=1"),
    ] {
        let Outcome::Accepted(job) = accepted(link) else { panic!("{link}") };
        assert_eq!(job.path, path);
        let request = imports().poll(&job, TEN).unwrap();
        assert_eq!((request.url, request.method.as_str()), (format!("https://a.test:8443{path}"), "GET"));
        assert_eq!(request.headers, [("authorization".to_owned(), "Bearer t".to_owned())]);
    }
    for link in [
        "//evil.test/x",
        "https://evil.test/x",
        "https://a.test/x",
        "http://a.test:8443/x",
        "javascript:x",
        "https://a.test:8443@evil.test/",
    ] {
        assert!(matches!(accepted(link), Outcome::Stop { .. }), "{link}");
    }
    assert!(matches!(accepted(""), Outcome::Misfit { .. }));
    let forged = Job::new("x".into(), "//evil.test/".into());
    assert!(imports().poll(&forged, TEN).is_err());
}

#[test]
fn an_end_of_a_job_may_go_by_several_words() {
    let target = imports();
    let load = load(&target, &[r#"{"id":1}"#]);
    let job = Job::new("j".into(), "/j".into());
    let poll = |body: &str| target.read_poll(&load, &job, &reply(200, body), NOW);
    for word in
        ["completed", "complete", "done", "finished", "success", "succeeded", "failed", "error", "errored"]
    {
        for (before, after) in [("", ""), (r#"{"data":"#, "}")] {
            let body =
                format!(r#"{before}{{"status":"{word}","results":[{{"id":1,"status":"ok"}}]}}{after}"#);
            let PollOutcome::Ended(outcome) = poll(&body) else { panic!("{body}") };
            assert!(matches!(*outcome, Outcome::Settled(v) if *v.of(0) == RowVerdict::Delivered), "{body}");
        }
    }
    assert!(matches!(poll(r#"{"status":"Done"}"#), PollOutcome::Again { .. }));
    let twice = "[[response]]\nwhen = { status = [202] }\nthen = \"job\"\n[job]\nurl_from = \"/u\"\nstate = \"/s\"\n\
                 [job.end.done]\nthen = \"ok\"\n[job.end.failed]\nalso = [\"done\"]\nthen = \"in_doubt\"\n";
    assert_eq!(
        errors(&format!("{HEAD}{REQUEST}{twice}")),
        "t.toml:15: two ends of the job are called `done`; take it out of one of them"
    );
}

#[test]
fn a_poll_that_cannot_be_read_is_asked_again_and_an_end_decides() {
    let target = imports();
    let load = load(&target, &[r#"{"id":1}"#, r#"{"id":2}"#]);
    let job = Job::new("j".into(), "/j".into());
    let poll = |reply: &Reply| target.read_poll(&load, &job, reply, NOW);
    for status in [408, 429, 500, 503, 400] {
        assert!(matches!(poll(&reply(status, "")), PollOutcome::Again { .. }), "{status}");
    }
    assert!(matches!(poll(&reply(404, "")), PollOutcome::Gone { .. }));
    assert!(matches!(poll(&reply(200, "<html>")), PollOutcome::Again { .. }));
    assert!(matches!(poll(&reply(200, r#"{"status":"pending"}"#)), PollOutcome::Again { why: None, .. }));
    for status in [301, 401, 403] {
        assert!(
            matches!(poll(&reply(status, "")), PollOutcome::Ended(end) if matches!(*end, Outcome::Stop { .. }))
        );
    }
    let done =
        r#"{"status":"completed","results":[{"id":2,"status":"error","error":"no"},{"id":1,"status":"ok"}]}"#;
    let PollOutcome::Ended(end) = poll(&reply(200, done)) else { panic!() };
    let Outcome::Settled(verdicts) = *end else { panic!() };
    assert!(*verdicts.of(0) == RowVerdict::Delivered && matches!(verdicts.of(1), RowVerdict::Rejected(_)));
    let failed = r#"{"status":"failed","results":[{"id":2,"status":"error","error":"no"}]}"#;
    let PollOutcome::Ended(end) = poll(&reply(200, failed)) else { panic!() };
    let Outcome::Settled(verdicts) = *end else { panic!() };
    assert!(
        matches!(verdicts.of(0), RowVerdict::InDoubt(_)) && matches!(verdicts.of(1), RowVerdict::Rejected(_))
    );
}

#[test]
fn an_experiture_job_is_found_by_its_id_and_counts_what_it_refused() {
    let target = builtin("experiture-append", &[("object", "profiles"), ("base", "http://a.test/public/v1")]);
    let body = r#"{"success":true,"data":{"jobId":"rjob_1","statusPath":"/records/profiles/jobs/rjob_1"}}"#;
    let Outcome::Accepted(job) = read(&target, &reply(202, body)) else { panic!() };
    assert_eq!(target.poll(&job, TEN).unwrap().url, "http://a.test/public/v1/records/profiles/jobs/rjob_1");
    assert!(matches!(read(&target, &reply(202, r#"{"data":{"jobId":"../x"}}"#)), Outcome::Misfit { .. }));
    let load = load(&target, &["{}", "{}", "{}"]);
    let end = |invalid: u64| {
        let body = format!(r#"{{"data":{{"state":"completed","metrics":{{"invalidRows":{invalid}}}}}}}"#);
        match target.read_poll(&load, &job, &reply(200, &body), NOW) {
            PollOutcome::Ended(end) => *end,
            _ => panic!(),
        }
    };
    assert_eq!(end(0), Outcome::Settled(Verdicts::delivered()));
    let Outcome::Settled(verdicts) = end(2) else { panic!() };
    let (count, refusal) = verdicts.unnamed_refusals.unwrap();
    assert_eq!((count, refusal.code.as_str()), (2, "invalid_rows"));
    let Outcome::Settled(verdicts) = end(3) else { panic!() };
    assert!(matches!(verdicts.others, RowVerdict::Rejected(_)));
}

const EVENT: &str = r#"{"aggregate_type":"user","aggregate_id":"u 1","type":"was_created","data":{"n":1.0}}"#;

fn j17(name: &str, occ: &str) -> Target {
    builtin(name, &[("base", "http://a.test"), ("actor_id", "me"), ("token", "t0ken"), ("occ", occ)])
}

fn event_body(target: &Target, state: &GroupState) -> String {
    let mut body = Vec::new();
    target.open_body_with(state, &mut body);
    target.item(&row(EVENT, 0), &mut body).unwrap();
    target.close_body_with(state, &mut body);
    String::from_utf8(body).unwrap()
}

#[test]
fn j17_reads_the_length_puts_it_into_the_body_and_reads_it_again_on_a_conflict() {
    let target = j17("j17", "on");
    let way = target.group().unwrap().state.as_ref().unwrap();
    assert_eq!(way.refresh, Refresh::Every);
    let context = row(EVENT, 0);
    assert_eq!(target.group_key(&context).unwrap().unwrap(), ["user", "u 1"]);
    let request = target.state_request(&context, &GroupState::new(), TEN).unwrap().unwrap();
    assert_eq!((request.method.as_str(), request.url.as_str()), ("GET", "http://a.test/user/u%201/length"));
    let load = load(&target, &[EVENT]);
    let state =
        target.read_state(&load, &GroupState::new(), &reply(200, r#"{"ok":true,"length":5}"#), NOW).unwrap();
    assert_eq!(
        event_body(&target, &state),
        r#"{"events":[{"type":"was_created","data":{"n":1.0}}],"metadata":{"actor":{"type":"system","id":"me"},"previous_length":5}}"#
    );
    assert_eq!(
        target.read_state(&load, &GroupState::new(), &reply(404, ""), NOW).unwrap()["previous_length"],
        "0"
    );
    assert!(
        matches!(target.read_state(&load, &GroupState::new(), &reply(500, ""), NOW), Err(why) if matches!(*why, Outcome::NotApplied { .. }))
    );
    assert!(
        matches!(target.read_state(&load, &GroupState::new(), &reply(401, ""), NOW), Err(why) if matches!(*why, Outcome::Stop { .. }))
    );
    assert!(matches!(target.read(&load, &reply(409, r#"{"ok":false}"#), NOW), Outcome::Refetch { .. }));
    let Outcome::Settled(verdicts) =
        target.read(&load, &reply(200, r#"{"ok":true,"stream_ids":["1-0"],"count":1}"#), NOW)
    else {
        panic!()
    };
    assert_eq!((verdicts.of(0), &verdicts.ids), (&RowVerdict::Delivered, &vec![(0, "1-0".to_owned())]));
    let short = target.read(&load, &reply(200, r#"{"ok":true,"stream_ids":[],"count":1}"#), NOW);
    assert!(matches!(short, Outcome::Misfit { .. }));
}

#[test]
fn j17_names_one_culprit_and_the_others_go_again() {
    let target = j17("j17", "on");
    let load = load(&target, &[EVENT, EVENT]);
    let body = r#"{"ok":false,"error":"bad","event_index":1,"path":"data.email"}"#;
    let Outcome::Settled(verdicts) = target.read(&load, &reply(400, body), NOW) else { panic!() };
    assert_eq!(verdicts.others, RowVerdict::Resend);
    let RowVerdict::Rejected(refusal) = verdicts.of(1) else { panic!() };
    assert_eq!((refusal.message.as_str(), refusal.field.as_deref()), ("bad", Some("data.email")));
    assert!(matches!(target.read(&load, &reply(400, r#"{"ok":false}"#), NOW), Outcome::Stop { .. }));
}

#[test]
fn without_occ_no_length_is_read() {
    let off = j17("j17", "off");
    assert!(off.group().unwrap().state.is_none());
    assert!(off.state_request(&row(EVENT, 0), &GroupState::new(), TEN).unwrap().is_none());
    assert!(!event_body(&off, &GroupState::new()).contains("previous_length"));
}

#[test]
fn a_new_stream_is_said_to_be_empty_and_one_that_we_began_is_as_with_j17() {
    for (occ, refresh) in [("on", Refresh::Every), ("off", Refresh::Never)] {
        let new = j17("j17-new", occ);
        let way = new.group().unwrap().state.as_ref().unwrap();
        assert_eq!(way.refresh, refresh);
        assert!(event_body(&new, way.begin().unwrap()).ends_with(r#""previous_length":0}}"#));
        let load = load(&new, &[EVENT]);
        let conflict = |begins| {
            let attempt = Attempt { begins, ..Attempt::default() };
            new.read_attempt(&load, &reply(409, r#"{"error":"x"}"#), NOW, attempt)
        };
        let Outcome::Settled(verdicts) = conflict(true) else { panic!() };
        let RowVerdict::Exists(refusal) = verdicts.others else { panic!() };
        assert_eq!((refusal.code.as_str(), refusal.message.as_str()), ("aggregate_exists", "x"));
        assert!(matches!(conflict(false), Outcome::Refetch { .. }));
    }
}

const NEW: &str = "by = [\"/g\"]\nper_request = \"one\"\norder = \"strict\"\n[group.state]\nrefresh = \"never\"\n\
                   begin = { version = 0 }\n[request]\nurl = \"https://a.test/x\"\n";

#[test]
fn a_group_that_has_to_be_new_and_is_not_is_there_already_whatever_the_profile_says_of_conflicts() {
    let head = "[profile]\nversion = 1\nname = \"t\"\n[group]\n";
    let body = "body = '''{\"rows\":\"${rows}\",\"about\":{\"version\":\"${state.version?}\"}}'''\n";
    let rules = ["", "[[response]]\nwhen = { status = [409] }\nthen = \"refetch\"\n"];
    for rule in rules {
        let target = target(&format!("{head}{NEW}{body}{rule}"), &[]);
        let load = load(&target, &[r#"{"g":1}"#]);
        let attempt = Attempt { begins: true, ..Attempt::default() };
        let Outcome::Settled(verdicts) = target.read_attempt(&load, &reply(409, "no"), NOW, attempt) else {
            panic!()
        };
        assert!(matches!(verdicts.others, RowVerdict::Exists(ref refusal) if refusal.code == "exists"));
    }
}

#[test]
fn what_is_wrong_with_a_beginning_is_told() {
    let head = "[profile]\nversion = 1\nname = \"t\"\n[group]\n";
    let body = "body = '''{\"rows\":\"${rows}\",\"about\":{\"version\":\"${state.version}\"}}'''\n";
    assert_eq!(
        errors(&format!("{head}{NEW}{body}")),
        "t.toml:13: `${state.version}` is known of a group's first request alone; write `${state.version?}`, or say in \
         [group.state.fetch] how it is read"
    );
    let loose = NEW.replace("order = \"strict\"\n", "");
    assert_eq!(
        errors(&format!("{head}{loose}{}", body.replace("version}", "version?}"))),
        "t.toml:7: `begin` in [group.state] where several requests may be a group's first; write per_request = \"one\" \
         and order = \"strict\": what begins a group goes alone, and first"
    );
    let plain = "[profile]\nversion = 1\nname = \"t\"\n[request]\nurl = \"https://a.test/x\"\n";
    assert_eq!(
        errors(&format!(
            "{plain}[[response]]\nwhen = {{ status = [409], group = \"new\" }}\nthen = \"exists\"\n"
        )),
        "t.toml:6: `group` in `when` without `begin`; say in [group.state] what a group's first request says: \
         begin = { length = 0 }"
    );
}

#[test]
fn the_migration_makes_two_events_of_a_row_under_a_key_of_its_own() {
    let target = j17("j17-migrate", "on");
    let user = r#"{"uuid":"u1","name":"N","email":"e@x","bio":null}"#;
    let context = row(user, 0);
    assert_eq!(target.items_per_row(), 2);
    assert_eq!(
        body(&target, &[user]),
        r#"{"events":[{"type":"was_created","data":{"name":"N","email":"e@x"}},{"type":"had_profile_updated","data":{"bio":null}}],"metadata":{"actor":{"type":"system","id":"me"}}}"#
    );
    let key = BatchKey(Digest([1; 32]));
    let about = About {
        key: &key,
        rows: 1,
        first_sent: NOW,
        timeout: TEN,
        row: Some(&context),
        state: None,
        refusals: 0,
        import: 1,
    };
    let request = target.request_about(Bytes::new(), &about).unwrap();
    assert_eq!(request.url, "http://a.test/user/u1");
    assert!(request.headers.contains(&("x-idempotency-key".to_owned(), "migration-user-u1".to_owned())));
    let load = load(&target, &[user]);
    let answer = reply(200, r#"{"ok":true,"stream_ids":["1","2"],"count":2}"#);
    assert!(
        matches!(target.read(&load, &answer, NOW), Outcome::Settled(v) if *v.of(0) == RowVerdict::Delivered)
    );
    let culprit = reply(400, r#"{"ok":false,"error":"bad","event_index":1,"path":"data"}"#);
    let Outcome::Settled(verdicts) = target.read(&load, &culprit, NOW) else { panic!() };
    assert!(matches!(verdicts.of(0), RowVerdict::Rejected(_)));
}

#[test]
fn verification_asks_by_key_and_believes_only_what_the_profile_names() {
    let target = plain(
        "[verify]\nurl = \"https://a.test/by/${batch.key}\"\napplied = { status = [200] }\nnot_applied = { status = [404] }\n",
    );
    let key = BatchKey(Digest([0xab; 32]));
    let first = row("{}", 0);
    let about = About {
        key: &key,
        rows: 1,
        first_sent: NOW,
        timeout: TEN,
        row: Some(&first),
        state: None,
        refusals: 0,
        import: 1,
    };
    let request = target.verify_request(&about).unwrap().unwrap();
    assert_eq!(request.url, format!("https://a.test/by/{}", target.key_text(&key)));
    let load = load(&target, &["{}"]);
    let told = |status| target.read_verify(&load, &reply(status, ""), NOW).unwrap();
    assert_eq!((told(200), told(404), told(500)), (Some(true), Some(false), None));
    let refused = target.read_verify(&load, &reply(401, ""), NOW).unwrap_err();
    assert!(matches!(*refused, Outcome::Stop { .. }), "no token of ours could be renewed: {refused:?}");
}
