//! `plan --sync`: what would be sent of a feed, without a trace.

use super::{SYNC, feed, rows};
use crate::commands::plan::snapshot;
use crate::support::Bench;
use crate::support::server::{Answer, Server};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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
        let news = json!({"new": 2, "changed": 5, "unchanged": 42, "again": 0, "in_doubt": 0, "superseded": 1, "gone": 3, "read": 0});
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

#[test]
fn a_plan_of_a_feed_that_goes_on_counts_the_rows_that_it_has_not_read() {
    let bench = Bench::with("x.csv", feed(12, |_| Some("a".into())));
    let send = format!("send x.csv {SYNC} --limit 5");
    for (more, counts) in
        [("", "7 new, 0 changed, 0 unchanged"), (" --again", "0 new, 0 changed, 0 unchanged")]
    {
        bench.run(&format!("{send}{more}")).exits(0);
        let said = bench.run(PLAN).exits(0);
        let again = if more.is_empty() { "" } else { ", 7 sent once more as they are" };
        let line = format!("\n  {counts}, 5 read by the run that goes on{again}\n");
        assert!(said.stdout.contains(&line), "{said:?}");
        assert!(said.stdout.contains(r#"[{"id":"r6""#), "{said:?}");
        assert_eq!(bench.run(&format!("{PLAN} --json")).exits(0).summary()["rows"]["sendable"], 7);
        assert_eq!(rows(&bench.run(&format!("send x.csv {SYNC}")).exits(0)), [12, 12, 0, 0, 0]);
    }
}

/// A target that deletes, and in whose hands a run is killed: of the third row it never says a word.
fn killed(keys: &str) -> (Bench, Server) {
    let (is_there, was_killed): (Arc<AtomicBool>, Arc<AtomicBool>) = Default::default();
    let (there, killed) = (Arc::clone(&is_there), Arc::clone(&was_killed));
    let server = Server::saying(move |got, _| {
        if got.method == "POST" && got.body.contains("r3") && !killed.load(Ordering::SeqCst) {
            there.store(true, Ordering::SeqCst);
            while !killed.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(2));
            }
            return None;
        }
        Some(Answer::json(200, &json!({})))
    });
    let profile = "[profile]\nversion = 1\nname = \"t\"\n[params.base]\nrequired = true\n[limits]\nrows = 1\n\
        [request]\nurl = \"${param.base}/rows\"\n[flow]\nconcurrency = 1\n[[response]]\nwhen = { status = [200] }\n\
        then = \"ok\"\n[delete]\nmethod = \"DELETE\"\nurl = \"${param.base}/rows/${row:/id}\"\nformat = \"empty\"\n\
        rows = 1\n";
    let bench = Bench::with("t.toml", format!("{profile}{keys}"));
    bench.write("x.csv", "id,value\nr1,a\nr2,a\nr3,a\nr4,a\nr5,a\nr6,a\n");
    let send = format!("send x.csv --to ./t.toml --url {} {TO}", server.url());
    let mut run = bench.start(&send);
    while !is_there.load(Ordering::SeqCst) {
        std::thread::sleep(Duration::from_millis(2));
    }
    run.kill().unwrap();
    run.wait().unwrap();
    was_killed.store(true, Ordering::SeqCst);
    (bench, server)
}

const TO: &str = "--state s --sync id --progress none --json --deletes --max-deletes 9";
const KEYS: &str =
    "[idempotency]\nscope = \"batch\"\nsend = { header = \"Idempotency-Key\" }\nkey_first = true\n";

#[test]
fn a_plan_behind_a_killed_run_counts_as_the_next_send_does() {
    let feeds = ["r1,a\nr3,a\nr4,b\nr7,a\n", "r1,a\nr2,a\nr3,a\nr4,a\nr5,a\nr6,a\n"];
    for (keys, more) in [(KEYS, ""), ("", ""), ("", " --on-ambiguous resend")] {
        for feed in feeds {
            let (bench, server) = killed(keys);
            bench.write("x.csv", format!("id,value\n{feed}"));
            let to = format!("x.csv --to ./t.toml --url {} {TO}{more}", server.url());
            let plan = bench.run(&format!("plan {to}")).exits(0).summary();
            let dry = bench.run(&format!("send {to} -n")).exits(0).summary();
            assert_eq!((&dry["feed"], &dry["deletes"]), (&plan["feed"], &plan["deletes"]));
            let before = server.requests().len();
            let said = bench.run(&format!("send {to}"));
            let (real, feed) = (said.summary(), &plan["feed"]);
            let of = |name: &str| feed[name].as_u64().unwrap();
            let rows =
                ["delivered", "unchanged", "in_doubt"].map(|name| real["rows"][name].as_u64().unwrap());
            let planned = [of("new") + of("changed") + of("again"), of("unchanged"), of("in_doubt")];
            let goes_on = real["import"] == 1;
            if goes_on {
                // Its own rows may be in doubt by now.
                let all = planned.iter().sum::<u64>() + of("read");
                assert_eq!(rows.iter().sum::<u64>(), all, "{plan:#}\n{said:?}");
            } else {
                assert_eq!(rows, planned, "{plan:#}\n{said:?}");
                let sent = server.requests()[before..].iter().filter(|got| got.method == "POST").count();
                let first = plan["pending"].as_u64().unwrap();
                assert_eq!(first + planned[0], sent as u64, "{plan:#}\n{said:?}");
            }
            let deleted = server.requests()[before..].iter().filter(|got| got.method == "DELETE").count();
            assert_eq!(plan["deletes"]["rows"], deleted, "{plan:#}\n{said:?}");
        }
    }
}

#[test]
fn a_plan_behind_a_killed_run_measures_its_guards_as_the_next_send_does() {
    let (bench, server) = killed(KEYS);
    bench.write("x.csv", "id,value\nr1,a\n");
    let to = format!("x.csv --to ./t.toml --url {} {}", server.url(), TO.replace("--json ", ""));
    let to = to.replace("--max-deletes 9", "--max-deletes 10% --max-shrink 10%");
    let plan = bench.run(&format!("plan {to}")).exits(4).stdout;
    let said = bench.run(&format!("send {to}")).exits(4).stderr;
    let lacks = |text: &str| {
        let (_, words) = text.split_once("the feed lacks ").unwrap();
        words.split_once(" that were delivered").unwrap().0.to_owned()
    };
    assert_eq!(lacks(&plan), lacks(&said));
    let shrunk = "the feed had 6 rows last time and has 1 now";
    assert!(plan.contains(shrunk) && said.contains(shrunk), "{plan}\n{said}");
}

#[test]
fn an_empty_file_is_no_feed_that_a_person_is_bidden_to_send_all_the_same() {
    let bench = Bench::with("x.csv", feed(50, |_| Some("a".into())));
    bench.run(&format!("send x.csv {SYNC}")).exits(0);
    bench.write("x.csv", "");
    let said = bench.run(&format!("{PLAN} --max-shrink 20%")).exits(4).stdout;
    assert!(!said.contains("to send it"), "{said}");
    let send = format!("send x.csv {SYNC} --max-shrink 20%").replace(" --json", "");
    let said = bench.run(&send).exits(4).stderr;
    let words = "stopped: the feed is an empty file, without as much as a header; the feed had 50 rows last time and has 0 now; \
                 nothing was sent\nhint: its producer has probably failed: get it again\nto go on:\nbulkhaul send ";
    assert!(said.starts_with(words), "{said}");
    assert!(said.ends_with(" --max-shrink 20%\n"), "{said}");
}

#[test]
fn a_feed_whose_file_is_not_there_is_told_by_status_until_the_next_is_sent() {
    let bench = Bench::with("x.csv", feed(5, |_| Some("a".into())));
    let send = format!("send x.csv {SYNC}");
    bench.run(&send).exits(0);
    std::fs::rename(bench.path("x.csv"), bench.path("y.csv")).unwrap();
    bench.run(&send).exits(1);
    let said = bench.run("status s").exits(0).stdout;
    assert!(
        said.contains("  not sent x.csv, at ") && said.contains(": cannot read `x.csv`: no such file\n"),
        "{said}"
    );
    // Of another state's feed nothing is told here.
    bench.run(&send.replace("--sync id", "--sync value")).exits(6);
    std::fs::rename(bench.path("y.csv"), bench.path("x.csv")).unwrap();
    bench.run(&send).exits(0);
    assert!(!bench.run("status s").exits(0).stdout.contains("not sent"));
}
