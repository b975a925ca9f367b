//! What a status means where the profile is silent, and what is never the profile's to say.

use super::*;
use crate::model::{Fault, Limit, RowVerdict, StopKind, Verdicts};
use std::time::Duration;

const OK: &str = "[[response]]\nwhen = { status = [\"2xx\"] }\nthen = \"ok\"\n";

fn silent() -> Target {
    plain(OK)
}

#[expect(clippy::unnecessary_wraps, reason = "as waits come")]
fn secs(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}

#[test]
fn a_server_error_a_408_and_a_cut_answer_are_unknown_and_the_wait_they_name_is_obeyed() {
    for status in [408, 500, 502, 503, 504, 520, 599] {
        let Outcome::Unknown { wait, .. } = read(&silent(), &with(reply(status, ""), "retry-after", "7"))
        else {
            panic!("{status}")
        };
        assert_eq!(wait, secs(7), "{status}");
    }
    let mut cut = reply(200, r#"{"a"#);
    cut.body_state = BodyState::Cut;
    assert!(matches!(read(&silent(), &cut), Outcome::Unknown { .. }));
    let page = with(reply(200, " <html>"), "content-type", "text/html; charset=utf-8");
    assert!(matches!(read(&silent(), &page), Outcome::Unknown { .. }));
}

#[test]
fn a_rule_that_names_a_5xx_wins_and_one_that_does_not_never_reads_it() {
    let named =
        plain("[[response]]\nwhen = { status = [500], text = \"Cannot parse\" }\nthen = \"bisect\"\n");
    assert!(matches!(read(&named, &reply(500, "Cannot parse x")), Outcome::Bisect { .. }));
    assert!(matches!(read(&named, &reply(500, "oops")), Outcome::Unknown { .. }));
    let unnamed = plain("[[response]]\nwhen = { text = \"x\" }\nthen = \"reject\"\n");
    assert!(matches!(read(&unnamed, &reply(500, "x")), Outcome::Unknown { .. }));
    assert!(matches!(read(&unnamed, &reply(400, "x")), Outcome::Settled(_)));
}

#[test]
fn each_status_has_its_default() {
    let target = silent();
    let of = |status| read(&target, &reply(status, ""));
    assert!(matches!(of(200), Outcome::Settled(Verdicts { others: RowVerdict::Delivered, .. })));
    for status in [301, 302, 303, 307, 308, 401, 403, 404, 410] {
        assert!(matches!(of(status), Outcome::Stop { kind: StopKind::Refused, .. }), "{status}");
    }
    for status in [400, 402, 405, 409, 415, 418, 422, 431] {
        assert!(matches!(of(status), Outcome::Puzzling { .. }), "{status}");
    }
    assert!(matches!(of(413), Outcome::Split { learned: None, .. }));
    assert!(matches!(of(425), Outcome::NotApplied { .. }));
    assert!(matches!(of(429), Outcome::Throttled { wait: None, .. }));
    let busy = read(&target, &with(reply(429, ""), "retry-after", "1.5"));
    assert!(matches!(busy, Outcome::Throttled { wait, .. } if wait == Some(Duration::from_millis(1500))));
}

#[test]
fn faults_differ_by_whether_a_byte_left() {
    let target = silent();
    assert!(matches!(target.read_fault(&Fault::NotSent("x".into())), Outcome::NotApplied { .. }));
    assert!(matches!(target.read_fault(&Fault::TimedOut("x".into())), Outcome::Unknown { .. }));
    assert!(matches!(target.read_fault(&Fault::Broken("x".into())), Outcome::Unknown { .. }));
}

#[test]
fn a_profile_without_rules_takes_a_2xx_and_is_puzzled_by_a_400() {
    let target = plain("");
    assert!(matches!(read(&target, &reply(201, "")), Outcome::Settled(_)));
    assert!(matches!(read(&target, &reply(202, "")), Outcome::Misfit { .. }));
    assert!(matches!(read(&target, &reply(400, "")), Outcome::Puzzling { .. }));
    assert!(matches!(read(&target, &reply(422, "")), Outcome::Puzzling { .. }));
}

#[test]
fn a_404_is_about_the_rows_only_if_the_address_names_them() {
    let text = format!("{HEAD}[request]\nurl = \"https://a.test/${{row:/id}}\"\n[limits]\nrows = 1\n{OK}");
    let target = target(&text, &[]);
    let load = load(&target, &[r#"{"id":1}"#]);
    let Outcome::Settled(verdicts) = target.read(&load, &reply(404, "gone"), NOW) else { panic!() };
    assert!(matches!(verdicts.others, RowVerdict::Rejected(ref refusal) if refusal.code == "not_found"));
}

#[test]
fn in_progress_waits_and_a_mismatch_and_a_recorded_failure_are_doubtful() {
    let target = plain(
        "[idempotency]\nscope = \"batch\"\nsend = { header = \"K\" }\nin_progress = [409]\nmismatch = [422]\n\
         expired = [412]\nreplay = { header = \"Replayed\" }\n",
    );
    assert!(
        matches!(read(&target, &with(reply(409, ""), "retry-after", "3")), Outcome::Unknown { wait, .. } if wait == secs(3))
    );
    assert!(matches!(read(&target, &reply(422, "")), Outcome::Doubtful { .. }));
    assert!(matches!(read(&target, &reply(412, "")), Outcome::Doubtful { .. }));
    assert!(matches!(read(&target, &with(reply(500, ""), "replayed", "true")), Outcome::Doubtful { .. }));
    assert!(matches!(read(&target, &with(reply(500, ""), "replayed", "false")), Outcome::Unknown { .. }));
    let Outcome::Settled(verdicts) = read(&target, &with(reply(200, ""), "replayed", "true")) else {
        panic!()
    };
    assert!(verdicts.replayed);
}

#[test]
fn a_bare_url_delivers_on_any_2xx_and_bisects_400_and_422() {
    let profile =
        Profile::for_url("https://a.test/x?y=1", Some("it\"ems"), Some("Idempotency-Key"), secs(60), "PUT")
            .unwrap();
    let target = compiled(&profile, &[]);
    assert_eq!(body(&target, &["{}"]), r#"{"it\"ems":[{}]}"#);
    assert_eq!(target.idempotency().ttl, secs(60));
    assert!(profile.params().is_empty());
    for status in [200, 201, 202, 204, 207] {
        assert!(matches!(read(&target, &reply(status, "")), Outcome::Settled(_)), "{status}");
    }
    for status in [400, 422] {
        assert!(matches!(read(&target, &reply(status, "")), Outcome::Bisect { .. }), "{status}");
    }
    let key = crate::model::BatchKey(crate::model::Digest([1; 32]));
    let request = target.request(Bytes::new(), &key, 1, NOW, Duration::from_secs(1)).unwrap();
    assert_eq!((request.url.as_str(), request.method.as_str()), ("https://a.test/x?y=1", "PUT"));
    for bad in ["a.test", "https://", "ftp://a", "https://u:p@a.test/"] {
        assert!(Profile::for_url(bad, None, None, None, "POST").is_err(), "{bad}");
    }
}

#[test]
fn the_limit_in_an_answer_is_learned_if_it_is_smaller_than_what_was_sent() {
    let target = builtin("orders-batch", &[("base", "http://a.test")]);
    let said = |most: &str| {
        read(
            &target,
            &reply(
                400,
                &format!(
                    r#"{{"error":"batch_too_large","message":"Maximum {most} items per batch; received 2"}}"#
                ),
            ),
        )
    };
    let Outcome::Split { learned, refusal } = said("1") else { panic!() };
    assert_eq!((learned, refusal.code.as_str()), (Some(Limit::Rows(1)), "batch_too_large"));
    assert!(matches!(said("100"), Outcome::Split { learned: None, .. }));
    assert!(matches!(said("99999999999999999999999"), Outcome::Split { learned: None, .. }));
    assert!(matches!(said("0"), Outcome::Split { learned: None, .. }));
}

#[test]
fn a_long_answer_is_cut_before_it_is_told() {
    let target = plain("[[response]]\nwhen = { status = [400] }\nthen = \"reject\"\n");
    let Outcome::Settled(verdicts) = read(&target, &reply(400, &"x".repeat(100_000))) else { panic!() };
    let RowVerdict::Rejected(refusal) = verdicts.others else { panic!() };
    assert_eq!(refusal.message.chars().count(), 500);
}
