//! Dead letters from standard input, and replays that are only planned.

use super::{REPLAY, holds_once, mended, refused, with_bad};
use crate::commands::plan::snapshot;
use crate::support::{Bench, Said, said};
use std::process::Stdio;

pub(super) fn piped(bench: &Bench, arguments: &str, text: &str) -> Said {
    use std::io::Write;
    let mut command = bench.command(arguments);
    let mut run =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let _ = run.stdin.take().unwrap().write_all(text.as_bytes());
    said(run.wait_with_output().unwrap())
}

fn letters(bench: &Bench) -> String {
    bench.read("x.csv.bulkhaul/dead-letters.ndjson")
}

#[test]
fn letters_on_standard_input_are_sent_once_and_the_same_again_sends_nothing() {
    let bench = refused(&with_bad(100, 10));
    let replay = format!("replay - {REPLAY} --state x.csv.bulkhaul");
    let fixed = mended(&letters(&bench));
    let stopped = piped(&bench, &format!("{replay} --limit 4 --batch-rows 2"), &fixed).exits(0);
    assert_eq!(stopped.summary()["inputs"], serde_json::json!(["-"]));
    // Something else before it is finished, while rows of it are pending.
    piped(&bench, &format!("{replay} --faults throttle=100% --max-elapsed 200ms"), &fixed).exits(4);
    piped(&bench, &replay, &letters(&bench)).exits(6);
    piped(&bench, &replay, &fixed).exits(0).books([10, 10, 0, 0, 0]);
    let again = piped(&bench, &replay, &fixed).exits(0);
    assert!(again.stderr.contains("nothing to do: this replay is complete"), "{again:?}");
    holds_once(&bench, (1..=100).map(|row| format!("r{row}")));
    bench.run("audit x.csv.bulkhaul/replays/1").exits(0);
    let none = piped(&bench, &replay, "").exits(0);
    assert!(none.stderr.contains("nothing to replay: there are no dead letters"), "{none:?}");
}

#[test]
fn what_standard_input_cannot_be_is_told_before_anything_is_made() {
    let bench = refused(&with_bad(10, 10));
    let said = piped(&bench, &format!("replay - {REPLAY}"), &letters(&bench)).exits(2);
    assert_eq!(
        said.stderr,
        "error: standard input does not say in which state the import of its dead letters is\n\
         hint: name it: --state DIR\n"
    );
    let said = piped(&bench, &format!("replay - {REPLAY} --state x.csv.bulkhaul"), "{\"id\":1}\n").exits(1);
    assert!(said.stderr.contains("line 1 is no dead letter"), "{said:?}");
    let said = piped(&bench, &format!("replay - {REPLAY} --state x.csv.bulkhaul --spool"), "").exits(2);
    assert!(said.stderr.contains("`--spool` is for `send`"), "{said:?}");
}

#[test]
fn a_planned_replay_says_what_it_would_send_and_leaves_no_trace() {
    let bench = refused(&with_bad(100, 10));
    bench.write("fixed.ndjson", mended(&letters(&bench)));
    let before = snapshot(&bench.path("."));
    let plan = "replay fixed.ndjson --to sandbox --batch-rows 4 -n";
    let said = bench.run(plan).exits(0);
    assert!(
        said.stdout.starts_with("fixed.ndjson to orders-batch: 10 rows\n  3 requests of at most 4 rows"),
        "{said:?}"
    );
    assert!(
        said.stdout.contains("to send it:\n  bulkhaul replay fixed.ndjson --to sandbox --batch-rows 4\n"),
        "{said:?}"
    );
    let json = bench.run(&format!("{plan} --json")).exits(0).summary();
    assert_eq!((&json["rows"]["sendable"], &json["pending"]), (&10.into(), &0.into()));
    let fixed = bench.read("fixed.ndjson");
    let json =
        piped(&bench, "replay - --to sandbox --state x.csv.bulkhaul -n --json", &fixed).exits(0).summary();
    assert_eq!(json["rows"]["sendable"], 10);
    assert_eq!(snapshot(&bench.path(".")), before);

    // The first request is the one that is sent.
    let sent =
        bench.run(&format!("replay fixed.ndjson {REPLAY} --batch-rows 4 --limit 4")).exits(0).summary();
    let goes_on = bench.run(&format!("{plan} --json")).exits(0).summary();
    assert_eq!(goes_on["rows"]["sendable"], 6);
    let other = "replay x.csv.bulkhaul --to sandbox -n --json";
    assert_eq!(bench.run(other).exits(0).summary()["rows"]["sendable"], 6, "a canary is closed then");
    bench.run(&format!("replay fixed.ndjson {REPLAY} --faults throttle=100% --max-elapsed 200ms")).exits(4);
    bench.run(other).exits(6);
    bench.run(&format!("replay fixed.ndjson {REPLAY} --batch-rows 4")).exits(0);
    assert!(json["first_request"]["headers"][0].is_string() && sent["import_id"].is_string());
    let done = bench.run(plan).exits(0);
    assert!(done.stderr.contains("nothing to do: this replay is complete"), "{done:?}");
    // All that is asked for once more was delivered.
    let open = bench.run("replay x.csv.bulkhaul --to sandbox -n").exits(0);
    assert!(open.stderr.contains("nothing to replay: 10 delivered by earlier replays"), "{open:?}");
}

#[test]
fn the_books_of_a_replay_balance_and_what_was_changed_in_them_is_told() {
    let bench = refused(&with_bad(60, 10));
    let text = mended(&letters(&bench)).replacen("\"amount\":10.50", "\"amount\":-10.50", 1);
    bench.write("fixed.ndjson", text);
    bench.run(&format!("replay fixed.ndjson {REPLAY} --batch-rows 2")).exits(3).books([6, 5, 1, 0, 0]);
    let replay = "x.csv.bulkhaul/replays/1";
    let said = bench.run(&format!("audit {replay}")).exits(0);
    assert!(said.stdout.starts_with("fixed.ndjson, import 1: the books balance\n"), "{said:?}");
    let said = bench.run(&format!("audit {replay} fixed.ndjson")).exits(2);
    assert!(said.stderr.starts_with("error: a replay keeps its input itself\n"), "{said:?}");
    for words in ["audit x.csv.bulkhaul", "audit"] {
        let said = bench.run(words).exits(2);
        let hint = "in the same order: bulkhaul audit x.csv.bulkhaul x.csv\n";
        assert!(
            said.stderr.starts_with("error: the input is missing\n") && said.stderr.ends_with(hint),
            "{said:?}"
        );
    }
    let rows = bench.read(&format!("{replay}/rows.ndjson")).replacen("r20", "r21", 1);
    bench.write(&format!("{replay}/rows.ndjson"), rows);
    let said = bench.run(&format!("audit {replay}")).exits(1);
    assert!(said.stdout.contains("the input is not the one that was read"), "{said:?}");
}
