//! Verdicts on rows: nothing is guessed, whatever the answer looks like.

use super::*;
use crate::model::{RowVerdict, Verdicts};

fn orders() -> Target {
    builtin("orders-batch", &[("base", "http://a.test")])
}

fn settled(outcome: Outcome) -> Verdicts {
    match outcome {
        Outcome::Settled(verdicts) => verdicts,
        other => panic!("{other:?}"),
    }
}

fn misfit(target: &Target, body: &str) -> String {
    match read(target, &reply(200, body)) {
        Outcome::Misfit { why, .. } => why,
        other => panic!("{body}: {other:?}"),
    }
}

#[test]
fn results_find_their_rows_by_id_in_any_order_and_numbers_are_texts() {
    let body = r#"{"results":[{"id":"b","status":"error","error":"no"},{"id":"1","status":"ok"}]}"#;
    let verdicts = settled(read(&orders(), &reply(200, body)));
    assert_eq!(*verdicts.of(0), RowVerdict::Delivered);
    let RowVerdict::Rejected(refusal) = verdicts.of(1) else { panic!() };
    assert_eq!((refusal.message.as_str(), refusal.status), ("no", Some(200)));
    assert_eq!(apart(&orders(), &[r#"{"id":1}"#, r#"{"id":"1"}"#, r#"{"id":"b"}"#]), [true, false, true]);
}

#[test]
fn wrong_counts_foreign_repeated_and_missing_ids_do_not_fit() {
    let target = orders();
    let one = r#"{"id":1,"status":"ok"}"#;
    let told = |results: &str| misfit(&target, &format!(r#"{{"results":[{results}]}}"#));
    assert_eq!(told(one), "the answer (200) does not fit: it says nothing of 1 of 2 rows");
    assert!(told(&format!("{one},{one}")).ends_with("it names row 1 twice"));
    assert!(
        told(&format!(r#"{one},{{"id":"z","status":"ok"}}"#))
            .ends_with("it speaks of id `z`, which was not sent")
    );
    assert!(
        told(&format!(r#"{one},{{"status":"ok"}}"#)).ends_with("an entry does not say which row it is about")
    );
    assert!(told("").ends_with("it says nothing of 2 of 2 rows"));
    assert!(misfit(&target, r#"{"results":7}"#).ends_with("what stands at /results is no list"));
    assert!(misfit(&target, "{}").ends_with("there is nothing at /results"));
}

#[test]
fn rows_without_ids_are_matched_by_position_if_every_row_has_its_result() {
    let target = orders();
    let rows = [r#"{"a":1}"#, r#"{"a":2}"#];
    let of = |rows: &[&str], body: &str| target.read(&load(&target, rows), &reply(200, body), NOW);
    let body = r#"{"results":[{"id":null,"status":"ok"},{"id":null,"status":"error","error":"x"}]}"#;
    let verdicts = settled(of(&rows, body));
    assert_eq!(*verdicts.of(0), RowVerdict::Delivered);
    assert!(matches!(verdicts.of(1), RowVerdict::Rejected(_)));
    assert!(matches!(of(&rows, r#"{"results":[{"status":"ok"}]}"#), Outcome::Misfit { .. }));
    let mixed = [r#"{"id":5}"#, r#"{"a":2}"#];
    let fits = r#"{"results":[{"id":"5","status":"ok"},{"id":null,"status":"ok"}]}"#;
    assert_eq!(settled(of(&mixed, fits)), Verdicts::delivered());
    let shuffled = r#"{"results":[{"id":null,"status":"ok"},{"id":"5","status":"ok"}]}"#;
    assert!(matches!(of(&mixed, shuffled), Outcome::Misfit { .. }));
    let nameless = r#"{"results":[{"id":null,"status":"ok"},{"id":null,"status":"ok"}]}"#;
    assert!(matches!(of(&mixed, nameless), Outcome::Misfit { .. }));
}

#[test]
fn garbage_is_unknown_depth_and_size_are_no_danger() {
    let target = orders();
    assert!(matches!(read(&target, &reply(200, "not json")), Outcome::Unknown { .. }));
    assert!(matches!(read(&target, &reply(200, "")), Outcome::Unknown { .. }));
    let deep = format!(r#"{{"results":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    misfit(&target, &deep);
    let cut = format!(r#"{{"results":{}"#, "[".repeat(10_000));
    assert!(matches!(read(&target, &reply(200, &cut)), Outcome::Unknown { .. }));
    let big = format!(
        r#"{{"pad":"{}","results":[{{"id":1,"status":"ok"}},{{"id":"b","status":"ok"}}]}}"#,
        "x".repeat(10_000_000)
    );
    assert_eq!(settled(read(&target, &reply(200, &big))), Verdicts::delivered());
    let mut large = reply(200, "{");
    large.body_state = BodyState::TooLarge;
    assert!(matches!(read(&target, &large), Outcome::Misfit { .. }));
}

fn reader(rest: &str) -> Target {
    plain(&format!(
        "[[response]]\nwhen = {{ status = [200, 400] }}\nthen = \"results\"\nresults = \"r\"\n[results.r]\n{rest}"
    ))
}

#[test]
fn unlisted_rows_mean_what_the_reader_says_before_and_after_the_first_listed() {
    let listed = "from = \"\"\nmatch = { by = \"index\", at = \"/i\" }\ncovers = \"failed\"\n";
    let body = r#"{"i":1}"#;
    let two = |unlisted: &str| {
        settled(read(&reader(&format!("{listed}{unlisted}")), &reply(400, body))).of(0).clone()
    };
    assert_eq!(two("unlisted = \"ok\"\n"), RowVerdict::Delivered);
    assert_eq!(two("unlisted = \"resend\"\n"), RowVerdict::Resend);
    assert!(matches!(two(""), RowVerdict::InDoubt(_)));
    assert_eq!(two("unlisted = \"resend\"\nunlisted_before = \"ok\"\n"), RowVerdict::Delivered);
}

#[test]
fn an_index_that_was_not_sent_never_falls_on_another_row() {
    let target = reader(
        "from = \"\"\nmatch = { by = \"index\", at = \"/i\", base = 1 }\ncovers = \"failed\"\nunlisted = \"ok\"\n",
    );
    for index in ["0", "3", "-1", "1.5", "99999999999999999999", "\"x\"", "null"] {
        let body = format!(r#"{{"i":{index}}}"#);
        assert!(matches!(read(&target, &reply(400, &body)), Outcome::Puzzling { .. }), "{index}");
        assert!(matches!(read(&target, &reply(200, &body)), Outcome::Misfit { .. }), "{index}");
    }
    assert!(matches!(settled(read(&target, &reply(400, r#"{"i":2}"#))).of(1), RowVerdict::Rejected(_)));
}

#[test]
fn positions_need_one_entry_for_each_row_and_rules_give_the_words() {
    let target = reader(
        "from = \"/r\"\nmatch = { by = \"position\" }\ncode = \"/e/type\"\nid = \"/n\"\n\
         [[results.r.rule]]\nwhen = { json = { \"/s\" = [\"2xx\"] } }\nthen = \"ok\"\n\
         [[results.r.rule]]\nwhen = { json = { \"/s\" = 429 } }\nthen = \"retry\"\nwait = \"3s\"\n\
         [[results.r.rule]]\nwhen = { json = { \"/s\" = 409 } }\nthen = \"exists\"\n",
    );
    let verdicts =
        settled(read(&target, &reply(200, r#"{"r":[{"s":201,"n":"x1"},{"s":429,"e":{"type":"busy"}}]}"#)));
    assert_eq!(verdicts.ids, [(0, "x1".to_owned())]);
    let RowVerdict::Retry { wait, refusal } = verdicts.of(1) else { panic!() };
    assert_eq!((wait.unwrap().as_secs(), refusal.code.as_str()), (3, "busy"));
    let verdicts = settled(read(&target, &reply(200, r#"{"r":[{"s":409},{"s":400}]}"#)));
    assert!(
        matches!(verdicts.of(0), RowVerdict::Exists(_)) && matches!(verdicts.of(1), RowVerdict::Rejected(_))
    );
    assert!(misfit(&target, r#"{"r":[{"s":200}]}"#).ends_with("it has 1 results for 2 rows"));
    assert!(misfit(&target, r#"{"r":[1,2,3]}"#).ends_with("it has 3 results for 2 rows"));
}

#[test]
fn prose_keys_and_pointers_name_rows() {
    let prose = reader(
        "from = \"\"\nmatch = { by = \"regex\", at = \"/e\", pattern = '(?<index>\\d+)', base = 1 }\ncovers = \"failed\"\nunlisted = \"resend\"\n",
    );
    let verdicts = settled(read(&prose, &reply(400, r#"{"e":"items 2, 1 invalid"}"#)));
    assert_eq!(verdicts.listed.len(), 2);
    assert!(matches!(read(&prose, &reply(400, r#"{"e":"none"}"#)), Outcome::Puzzling { .. }));
    let keys = reader(
        "from = \"/errors\"\nas = \"object\"\nmatch = { by = \"key\", prefix = \"requests.\" }\ncovers = \"failed\"\nunlisted = \"ok\"\n",
    );
    let verdicts = settled(read(&keys, &reply(400, r#"{"errors":{"requests.1.method":["bad"]}}"#)));
    assert!(matches!(verdicts.of(1), RowVerdict::Rejected(_)) && *verdicts.of(0) == RowVerdict::Delivered);
    let pointers = reader(
        "from = \"/errors\"\nmatch = { by = \"pointer\", at = \"/p\", prefix = \"/data\" }\ncovers = \"failed\"\nunlisted = \"ok\"\n",
    );
    let verdicts = settled(read(&pointers, &reply(400, r#"{"errors":[{"p":"/data/1/name"}]}"#)));
    assert!(matches!(verdicts.of(1), RowVerdict::Rejected(_)));
}

#[test]
fn lines_scalars_counts_and_caps_are_read() {
    let lines = reader(
        "from = \"\"\nas = \"ndjson\"\nmatch = { by = \"position\" }\nunlisted = \"resend\"\n[[results.r.rule]]\nwhen = { json = { \"/ok\" = true } }\nthen = \"ok\"\n",
    );
    let verdicts = settled(read(&lines, &reply(200, "{\"ok\":true}\n{\"ok\":false}\n")));
    assert!(*verdicts.of(0) == RowVerdict::Delivered && matches!(verdicts.of(1), RowVerdict::Rejected(_)));
    assert_eq!(*settled(read(&lines, &reply(200, "{\"ok\":true}\n"))).of(1), RowVerdict::Resend);
    assert!(matches!(read(&lines, &reply(200, "{\"ok\":tr")), Outcome::Unknown { .. }));
    let scalars = reader(
        "from = \"/bad\"\nas = \"scalars\"\nmatch = { by = \"id\", row = \"/id\" }\ncovers = \"failed\"\nunlisted = \"ok\"\n",
    );
    assert!(matches!(
        settled(read(&scalars, &reply(200, r#"{"bad":["1"]}"#))).of(0),
        RowVerdict::Rejected(_)
    ));
    let capped = reader(
        "from = \"/bad\"\nas = \"scalars\"\nmatch = { by = \"index\" }\ncovers = \"failed\"\nunlisted = \"ok\"\ncap = 1\n",
    );
    assert!(matches!(settled(read(&capped, &reply(200, r#"{"bad":[0]}"#))).of(1), RowVerdict::InDoubt(_)));
    let counts = reader("covers = \"failed\"\ncount_failed = \"/n\"\nunlisted = \"ok\"\n");
    assert_eq!(settled(read(&counts, &reply(200, r#"{"n":0}"#))), Verdicts::delivered());
    assert_eq!(settled(read(&counts, &reply(200, r#"{"n":1}"#))).unnamed_refusals.unwrap().0, 1);
    assert!(matches!(settled(read(&counts, &reply(200, r#"{"n":2}"#))).others, RowVerdict::Rejected(_)));
    assert!(matches!(read(&counts, &reply(200, r#"{"n":3}"#)), Outcome::Misfit { .. }));
    assert!(matches!(read(&counts, &reply(200, r#"{"n":-1}"#)), Outcome::Misfit { .. }));
}

#[test]
fn two_readers_of_one_body_speak_of_different_rows() {
    let target = reader(
        "from = \"/ok\"\nmatch = { by = \"id\", at = \"/t\", row = \"${row.n|str}\" }\ncovers = \"ok\"\nalso = [\"bad\"]\n\
         [results.bad]\nfrom = \"/bad\"\nmatch = { by = \"id\", at = \"/t\", row = \"${row.n|str}\" }\ncovers = \"failed\"\n",
    );
    let verdicts = settled(read(&target, &reply(200, r#"{"ok":[{"t":"0"}],"bad":[{"t":"1"}]}"#)));
    assert!(*verdicts.of(0) == RowVerdict::Delivered && matches!(verdicts.of(1), RowVerdict::Rejected(_)));
    let verdicts = settled(read(&target, &reply(200, r#"{"ok":[],"bad":[]}"#)));
    assert!(matches!(verdicts.others, RowVerdict::InDoubt(_)));
}

#[test]
fn rows_that_any_reader_calls_alike_are_told_apart() {
    let by = |row: &str| format!("from = \"/x\"\nmatch = {{ by = \"id\", at = \"/t\", row = \"{row}\" }}\n");
    let rows = [r#"{"id":1,"k":"a"}"#, r#"{"id":2,"k":"b"}"#, r#"{"id":"1","k":"c"}"#, r#"{"id":4,"k":"b"}"#];
    let all = |text: &str| apart(&reader(text), &rows);
    assert_eq!(all(&by("order-${row:/id}")), [true, true, false, true], "a text made of fields");
    assert_eq!(all(&by("${row.n}/${row:/id}")), [true; 4]);
    let also = format!("{}also = [\"s\"]\n[results.s]\n{}", by("/id"), by("/k"));
    assert_eq!(all(&also), [true, true, false, false], "a reader beside another");
    let later = "[[response]]\nwhen = { status = [207] }\nthen = \"results\"\nresults = \"s\"\n[results.s]\n";
    assert_eq!(
        all(&format!("{}{later}{}", by("/id"), by("/k"))),
        [true, true, false, false],
        "another answer's"
    );
    let job = "[[response]]\nwhen = { status = [202] }\nthen = \"job\"\n[job]\nurl_from = \"/u\"\nstate = \"/s\"\n\
               [job.end.done]\nthen = \"results\"\nresults = \"s\"\n[results.s]\n";
    assert_eq!(all(&format!("{}{job}{}", by("/id"), by("/k"))), [true, true, false, false], "a job's end");
    // What one reader calls them is not what another does.
    let swapped = [r#"{"id":1,"k":2}"#, r#"{"id":2,"k":1}"#];
    assert_eq!(apart(&reader(&also), &swapped), [true, true]);
    let deletes = "[delete]\nurl = \"https://a.test/d\"\n[[delete.response]]\nwhen = { status = [200] }\n\
                   then = \"results\"\nresults = \"s\"\n[results.s]\n";
    let target = reader(&format!("{}{deletes}{}", by("/id"), by("/k")));
    assert_eq!(apart(&target, &rows), [true, true, false, true]);
    assert_eq!(apart(target.deletion().unwrap(), &rows), [true, true, true, false]);
}

#[test]
fn a_name_that_two_rows_of_a_request_have_is_never_taken_for_one_of_them() {
    // As an older version formed it, or a text that is not the same in every request.
    let rows = [r#"{"id":1}"#, r#"{"id":"1"}"#, r#"{"id":2}"#];
    let list = "from = \"\"\ncovers = \"failed\"\nunlisted = \"ok\"\n";
    for way in ["at = \"/t\", by = \"id\", row = \"/id\"", "at = \"/t\", by = \"id\", row = \"${row:/id}\""] {
        let target = reader(&format!("{list}match = {{ {way} }}\n"));
        let of = |body: &str| target.read(&load(&target, &rows), &reply(200, body), NOW);
        let Outcome::Misfit { why, .. } = of(r#"[{"t":1}]"#) else { panic!("{way}") };
        assert!(why.ends_with("it speaks of id `1`, which several rows have"), "{why}");
        assert!(matches!(settled(of(r#"[{"t":2}]"#)).of(2), RowVerdict::Rejected(_)));
    }
    let target = reader(&format!("{list}match = {{ by = \"echo\", fields = [\"id\"] }}\n"));
    let outcome = target.read(&load(&target, &rows), &reply(200, r#"[{"id":1}]"#), NOW);
    assert!(matches!(outcome, Outcome::Misfit { .. }), "{outcome:?}");
    // Where places stand in for ids that are missing, they must agree with those that are there.
    let rows = [r#"{"id":1}"#, r#"{"id":1}"#, "{}"];
    let entries = r#"{"results":[{"id":1,"status":"ok"},{"id":1,"status":"error"},{"status":"ok"}]}"#;
    let outcome = orders().read(&load(&orders(), &rows), &reply(200, entries), NOW);
    assert!(matches!(outcome, Outcome::Misfit { .. }), "{outcome:?}");
}

#[test]
fn the_key_of_a_row_is_the_same_in_a_match_as_in_its_item() {
    let target = plain(
        "item = '''{\"t\":\"${row.key}\"}'''\n[row]\nkey = \"/k\"\n[[response]]\nwhen = { status = [200] }\n\
         then = \"results\"\nresults = \"r\"\n[results.r]\nfrom = \"\"\n\
         match = { by = \"id\", at = \"/t\", row = \"${row.key}\" }\ncovers = \"failed\"\nunlisted = \"ok\"\n",
    );
    let load = load(&target, &[r#"{"k":"a"}"#, r#"{"k":"b"}"#]);
    assert_eq!(&load.body()[..], br#"[{"t":"a"},{"t":"b"}]"#);
    let verdicts = settled(target.read(&load, &reply(200, r#"[{"t":"b"}]"#), NOW));
    assert!(matches!(verdicts.of(1), RowVerdict::Rejected(_)) && *verdicts.of(0) == RowVerdict::Delivered);
}

#[test]
fn what_stands_before_an_id_or_an_index_in_an_entry_is_left_out() {
    let list = "from = \"/bad\"\nas = \"scalars\"\ncovers = \"failed\"\nunlisted = \"ok\"\n";
    for way in
        ["by = \"id\", row = \"/id\", prefix = \"order-\"", "by = \"index\", base = 1, prefix = \"order-\""]
    {
        let target = reader(&format!("{list}match = {{ {way} }}\n"));
        let verdicts = settled(read(&target, &reply(200, r#"{"bad":["order-1"]}"#)));
        assert!(
            matches!(verdicts.of(0), RowVerdict::Rejected(_)) && *verdicts.of(1) == RowVerdict::Delivered
        );
    }
    // Also where rows may have none.
    let target = reader(
        "from = \"\"\nmatch = { by = \"id\", at = \"/t\", row = \"/id\", prefix = \"x-\", missing = \"position\" }\ndefault = \"ok\"\n",
    );
    let of = |body: &str| target.read(&load(&target, &[r#"{"id":5}"#, "{}"]), &reply(200, body), NOW);
    assert_eq!(settled(of(r#"[{"t":"x-5"},{}]"#)), Verdicts::delivered());
    assert!(matches!(of(r#"[{},{"t":"x-5"}]"#), Outcome::Misfit { .. }));
}

/// What a 200 and a 400 of this body mean, where the reader says this.
fn both(target: &Target, body: &str) -> (Outcome, Outcome) {
    (read(target, &reply(200, body)), read(target, &reply(400, body)))
}

#[test]
fn a_refusal_whose_list_names_nobody_delivers_nobody() {
    let listed = "from = \"/bad\"\nas = \"scalars\"\nmatch = { by = \"index\" }\ncovers = \"failed\"\n";
    for unlisted in ["unlisted = \"ok\"\n", "unlisted = \"resend\"\nunlisted_before = \"ok\"\n"] {
        let target = reader(&format!("{listed}{unlisted}"));
        let Outcome::Puzzling { why } = both(&target, r#"{"bad":[]}"#).1 else { panic!("{unlisted}") };
        assert_eq!(why, "the answer (400) does not fit: it is a refusal, and names no row");
    }
    let before = reader(&format!("{listed}unlisted = \"resend\"\nunlisted_before = \"ok\"\n"));
    assert_eq!(*settled(both(&before, r#"{"bad":[]}"#).0).of(0), RowVerdict::Resend, "before what?");
    let skipped =
        reader(&format!("{listed}unlisted = \"ok\"\nskip_if = {{ json = {{ \"/ok\" = true }} }}\n"));
    let (taken, refused) = both(&skipped, r#"{"ok":true,"bad":[]}"#);
    assert_eq!(settled(taken), Verdicts::delivered());
    assert!(matches!(refused, Outcome::Puzzling { .. }));
}

#[test]
fn a_row_that_is_named_as_taken_and_as_refused_does_not_fit() {
    let list = |name: &str| {
        format!(
            "from = \"/{name}\"\nmatch = {{ by = \"id\", at = \"/t\", row = \"${{row.n|str}}\" }}\ncovers = \"{name}\"\n"
        )
    };
    let body = r#"{"ok":[{"t":"0"},{"t":"1"}],"failed":[{"t":"1"}]}"#;
    for (first, second) in [("ok", "failed"), ("failed", "ok")] {
        let target = reader(&format!("{}also = [\"s\"]\n[results.s]\n{}", list(first), list(second)));
        let why = misfit(&target, body);
        assert!(why.contains("it names row 2"), "{first}: {why}");
    }
    // The same row twice among the refused is two reasons for one refusal.
    let target = reader(&format!("{}unlisted = \"ok\"\n", list("failed")));
    let verdicts = settled(read(&target, &reply(200, r#"{"failed":[{"t":"1"},{"t":"1"}]}"#)));
    assert!(matches!(verdicts.of(1), RowVerdict::Rejected(_)) && *verdicts.of(0) == RowVerdict::Delivered);
}

#[test]
fn ids_that_are_names_of_members_may_hold_dots() {
    let target = reader(
        "from = \"/r\"\nas = \"object\"\nmatch = { by = \"key\", row = \"/id\" }\n\
         [[results.r.rule]]\nwhen = { json = { \"/s\" = 1 } }\nthen = \"ok\"\n",
    );
    let rows = [r#"{"id":"jo.an@a.test"}"#, r#"{"id":"jo.x@a.test"}"#];
    let body = r#"{"r":{"jo.x@a.test":{"s":1},"jo.an@a.test":{"s":0}}}"#;
    let verdicts = settled(target.read(&load(&target, &rows), &reply(200, body), NOW));
    assert!(matches!(verdicts.of(0), RowVerdict::Rejected(_)) && *verdicts.of(1) == RowVerdict::Delivered);
}

#[test]
fn one_word_for_all_rows_counts_only_beside_as_many_results() {
    let target = reader(
        "from = \"/r\"\nmatch = { by = \"position\" }\nskip_if = { json = { \"/errors\" = false } }\n\
         [[results.r.rule]]\nwhen = { json = { \"/s\" = 1 } }\nthen = \"ok\"\n",
    );
    assert_eq!(settled(read(&target, &reply(200, r#"{"errors":false,"r":[{},{}]}"#))), Verdicts::delivered());
    assert_eq!(settled(read(&target, &reply(200, r#"{"errors":false}"#))), Verdicts::delivered());
    assert!(misfit(&target, r#"{"errors":false,"r":[{"s":1}]}"#).ends_with("it has 1 results for 2 rows"));
    let (index, key) = ("customers", "id");
    let target = builtin("elasticsearch", &[("index", index), ("key", key)]);
    let short = r#"{"errors":false,"items":[{"index":{"_id":"1","status":200}}]}"#;
    assert!(misfit(&target, short).ends_with("it has 1 results for 2 rows"));
}

#[test]
fn a_rule_that_knows_an_answer_goes_before_what_its_status_alone_would_mean() {
    let keyed = "[idempotency]\nscope = \"batch\"\nsend = { header = \"K\" }\nin_progress = [409]\n";
    let rule =
        "[[response]]\nwhen = { status = [409], json = { \"/status\" = \"failed\" } }\nthen = \"bisect\"\n";
    let target = plain(&format!("{keyed}{rule}"));
    assert!(matches!(read(&target, &reply(409, r#"{"status":"failed"}"#)), Outcome::Bisect { .. }));
    // The first request may come to its end yet.
    assert!(matches!(read(&target, &reply(409, "")), Outcome::Unknown { .. }));
    assert!(matches!(read(&target, &reply(409, r#"{"status":"busy"}"#)), Outcome::Unknown { .. }));
}
