//! `plan --sync`: what would be sent of a feed, without a trace.

use super::{SYNC, feed, rows};
use crate::commands::plan::snapshot;
use crate::support::Bench;
use serde_json::json;
use std::time::Duration;

const PLAN: &str = "plan x.csv --to sandbox --sync id --state s";

#[test]
fn a_planned_feed_says_what_is_new_and_changed_and_leaves_no_trace() {
    let bench = Bench::with("x.csv", feed(50, |_| Some("a".into())));
    let said = bench.run(PLAN).exits(0);
    assert!(said.stdout.contains("\n  50 new, 0 changed, 0 unchanged\n"), "{said:?}");
    assert!(!bench.path("s").exists());
    bench.run(&format!("send x.csv {SYNC}")).exits(0);
    // Two new, five changed, three gone, one superseded.
    let text = feed(52, |row| match row {
        1..=5 => Some("b".into()),
        10..=12 => None,
        _ => Some("a".into()),
    });
    bench.write("x.csv", text.replacen('\n', "\nr52,x,older\n", 1));
    let before = snapshot(&bench.path("."));
    let said = bench.run(PLAN).exits(0);
    assert!(said.stdout.starts_with("x.csv to orders-batch: 50 rows\n"), "{said:?}");
    let line = "\n  2 new, 5 changed, 42 unchanged, 1 superseded by a later one, 3 no longer there\n";
    assert!(said.stdout.contains(line), "{said:?}");
    assert!(said.stdout.contains("\n  1 request of at most"), "{said:?}");
    assert!(
        said.stdout.contains("to send it:\n  bulkhaul send x.csv --to sandbox --sync id --state s\n"),
        "{said:?}"
    );
    for plan in [format!("{PLAN} --json"), format!("send x.csv {SYNC} -n")] {
        let plan = bench.run(&plan).exits(0).summary();
        let news =
            json!({"new": 2, "changed": 5, "unchanged": 42, "in_doubt": 0, "superseded": 1, "gone": 3});
        assert_eq!((&plan["feed"], &plan["rows"]["sendable"]), (&news, &json!(7)));
    }
    assert_eq!(snapshot(&bench.path(".")), before);
    assert_eq!(rows(&bench.run(&format!("send x.csv {SYNC}")).exits(0))[1], 7);
    let said = bench.run(PLAN).exits(0);
    assert!(said.stdout.contains("\n  nothing would be sent\n"), "{said:?}");
}

#[test]
fn a_plan_says_of_a_feed_what_send_would_refuse() {
    let bench = Bench::with("x.csv", feed(50, |_| Some("a".into())));
    bench.run(&format!("send x.csv {SYNC}")).exits(0);
    bench.run("plan x.csv --to sandbox --sync value --state s").exits(6);
    bench.run("plan x.csv --to sandbox --sync id --state s --type value=json").exits(6);
    bench.write("x.csv", feed(10, |_| Some("a".into())));
    let said = bench.run(&format!("{PLAN} --max-shrink 20%")).exits(4);
    let words = "  --max-shrink would stop it: the feed had 50 rows last time and has 10 now\n";
    assert!(said.stdout.contains(words), "{said:?}");
    let end = "to send it all the same, once you have seen that it is whole:\n  \
               bulkhaul send x.csv --to sandbox --sync id --state s --max-shrink 40\n";
    assert!(said.stdout.ends_with(end), "{said:?}");
    let said = bench.run(&format!("{PLAN} --max-shrink 90%")).exits(0);
    assert!(said.stdout.contains("  --max-shrink lets it pass: the feed had 50 rows"), "{said:?}");
    bench.write("x.csv", "id,city,value\n");
    let said = bench.run(&format!("{PLAN} --max-shrink 90%")).exits(4);
    assert!(
        said.stdout.contains("nothing would be sent\n  0 new, 0 changed, 0 unchanged, 50 no longer there\n")
    );
    let said = bench.run("plan x.csv --to sandbox --state s").exits(2);
    assert!(said.stderr.starts_with("error: `--state` is for `send`"), "{said:?}");
    bench.run("plan x.csv --to sandbox --sync id").exits(2);
}

#[test]
fn rows_of_a_feed_that_was_broken_off_are_planned_first_and_a_run_is_left_alone() {
    let bench = Bench::with("x.csv", feed(400, |_| Some("a".into())));
    let mut run = bench.start(&format!("send x.csv {SYNC} --batch-rows 10 --rate 10/s"));
    while !bench.path("s/status.json").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(300));
    bench.run(PLAN).exits(7);
    run.kill().unwrap();
    run.wait().unwrap();
    let said = bench.run(PLAN).exits(0);
    assert!(said.stdout.contains("  an earlier run was broken off: "), "{said:?}");
}
