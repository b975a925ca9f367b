//! `--deletes`: what a feed no longer has is deleted at the target, once, and never by a mistake of the feed.

use super::{feed, rows};
use crate::support::server::{Answer, Server};
use crate::support::{Bench, Said};
use serde_json::{Value, json};
use std::time::Duration;

pub(super) const PROFILE: &str = "[profile]\nversion = 1\nname = \"things\"\nextends = \"single\"\n\
    [delete]\nmethod = \"DELETE\"\nurl = \"${param.base}${param.path}/${row:/id}\"\nformat = \"empty\"\nrows = 1\n\
    [[delete.response]]\nwhen = { status = [\"2xx\"] }\nthen = \"ok\"\n\
    [[delete.response]]\nwhen = { status = [404, 410] }\nthen = \"ok\"\n\
    [[delete.response]]\nwhen = { status = [422] }\nthen = \"reject\"\ncode = \"/code\"\n";

/// A server that keeps count, and says no to what a test names.
fn yard(refused: &'static [&'static str]) -> (Bench, Server) {
    let server = Server::saying(move |got, _| {
        let is_refused = got.method == "DELETE" && refused.iter().any(|id| got.path.ends_with(id));
        Some(if is_refused {
            Answer::json(422, &json!({"code": "kept"}))
        } else {
            Answer::json(200, &json!({}))
        })
    });
    let bench = Bench::with("things.toml", PROFILE);
    (bench, server)
}

pub(super) fn sync(url: &str, more: &str) -> String {
    format!(
        "send x.csv --to ./things.toml --url {url} --set path=/single/things --sync id --state s --progress none --json {more}"
    )
}

pub(super) fn deleted(server: &Server) -> Vec<String> {
    let deletes = server.requests().into_iter().filter(|got| got.method == "DELETE");
    let mut ids: Vec<String> = deletes.map(|got| got.path.rsplit('/').next().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

pub(super) fn without(gone: &'static [u64], rows: u64) -> String {
    feed(rows, move |row| (!gone.contains(&row)).then(|| "a".to_owned()))
}

pub(super) fn sums(said: &Said) -> [u64; 4] {
    let deletes = &said.summary()["deletes"];
    ["missing", "deleted", "rejected", "in_doubt"].map(|name| deletes[name].as_u64().unwrap())
}

#[test]
fn what_a_feed_no_longer_has_is_deleted_once_and_sent_when_it_comes_again() {
    let (bench, server) = yard(&[]);
    let sync = sync(server.url(), "--deletes");
    bench.write("x.csv", without(&[], 30));
    let first = bench.run(&sync).exits(0);
    assert_eq!((rows(&first), &first.summary()["deletes"]), ([30, 30, 0, 0, 0], &Value::Null));
    bench.write("x.csv", without(&[7, 19], 30));
    let second = bench.run(&sync).exits(0);
    assert_eq!((rows(&second), sums(&second)), ([28, 0, 0, 28, 0], [2, 2, 0, 0]));
    assert!(
        second.stderr.contains("deleted at the target: 2 of 2 that the feed no longer has\n"),
        "{second:?}"
    );
    assert_eq!(deleted(&server), ["r19", "r7"]);
    for (given, code) in [("audit s/deletes/1", 2), ("audit s/deletes/1 s/deletes/1/rows.ndjson", 1)] {
        let said = bench.run(given).exits(code);
        let words = "error: `s/deletes/1` holds the deletions of a feed, which read no input\nhint: the feed's books tell of \
                     them: bulkhaul audit s x.csv\n";
        assert_eq!(said.stderr, words);
    }
    for (folder, named) in [("s/deletes", "1"), ("s/deletes/1", ".")] {
        let audit =
            bench.command(&format!("audit {named}")).current_dir(bench.path(folder)).output().unwrap();
        let said = crate::support::said(audit).exits(2);
        assert!(said.stderr.contains("holds the deletions of a feed, which read no input"), "{said:?}");
    }
    let third = bench.run(&sync).exits(0);
    assert_eq!((rows(&third), &third.summary()["deletes"]), ([28, 0, 0, 28, 0], &Value::Null));
    bench.write("x.csv", without(&[19], 30));
    assert_eq!(rows(&bench.run(&sync).exits(0)), [29, 1, 0, 28, 0]);
    assert_eq!(deleted(&server), ["r19", "r7"]);
    bench.run("audit s x.csv").exits(0);
}

#[test]
fn without_deletes_nothing_is_deleted_and_what_was_missing_is_still_known() {
    let (bench, server) = yard(&[]);
    bench.write("x.csv", without(&[], 30));
    bench.run(&sync(server.url(), "")).exits(0);
    bench.write("x.csv", without(&[7], 30));
    bench.run(&sync(server.url(), "")).exits(0);
    assert!(deleted(&server).is_empty());
    assert_eq!(sums(&bench.run(&sync(server.url(), "--deletes")).exits(0)), [1, 1, 0, 0]);
    assert_eq!(deleted(&server), ["r7"]);
}

#[test]
fn a_feed_that_lacks_too_much_deletes_nothing_and_sends_nothing() {
    let (bench, server) = yard(&[]);
    bench.write("x.csv", without(&[], 20));
    bench.run(&sync(server.url(), "--deletes")).exits(0);
    let requests = server.requests().len();
    bench.write("x.csv", without(&[3, 4, 5], 20).replace("r9,", "new,"));
    let said = bench.run(&sync(server.url(), "--deletes")).exits(4);
    assert!(
        said.stderr.contains(
            "stopped: the feed lacks 4 of 20 rows that were delivered, and --max-deletes allows 10 % of them; nothing was sent\n\
             hint: is it whole? if it is: --max-deletes 4\n\
             to go on, once you have seen that it is whole:\n"
        ),
        "{said:?}"
    );
    let said = bench.run(&sync(server.url(), "--deletes --max-deletes 3 --max-shrink 5%")).exits(4);
    assert!(said.stderr.contains("allows 3 rows; the feed had 20 rows last time and has 17 now; nothing"));
    assert_eq!(server.requests().len(), requests);
    // The command that is printed is one that goes on.
    let resume = said.summary()["resume"].as_str().unwrap().to_owned();
    assert!(said.stderr.ends_with(&format!("whole:\n{resume}\n")), "{said:?}");
    assert!(resume.ends_with(" --deletes --max-deletes 4 --max-shrink 3"), "{resume}");
    assert_eq!(sums(&bench.run(resume.strip_prefix("bulkhaul ").unwrap()).exits(0)), [4, 4, 0, 0]);
}

#[test]
fn of_a_feed_of_which_fewer_rows_came_than_are_expected_nothing_is_deleted() {
    let (bench, server) = yard(&[]);
    let sync = sync(server.url(), "--deletes --expect-rows 30");
    bench.write("x.csv", without(&[], 30));
    bench.run(&sync).exits(0);
    bench.write("x.csv", without(&[29, 30], 30));
    let said = bench.run(&sync).exits(4).stderr;
    let words = "note: 30 rows are expected and 28 have come, so nothing is deleted at the target\n";
    assert!(said.contains(words) && deleted(&server).is_empty(), "{said}");
    bench.write("x.csv", without(&[], 30));
    bench.run(&sync).exits(0);
    assert!(deleted(&server).is_empty());
}

#[test]
fn a_row_that_cannot_be_read_may_be_any_row_and_nothing_is_deleted() {
    let (bench, server) = yard(&[]);
    bench.write("x.csv", without(&[], 20));
    bench.run(&sync(server.url(), "--deletes")).exits(0);
    bench.write("x.csv", without(&[], 20).replace("r9,", ","));
    let said = bench.run(&sync(server.url(), "--deletes")).exits(3);
    assert!(
        said.stderr.contains(
            "note: nothing is deleted: 1 row of the feed cannot be read, and may be what it seems to lack"
        ),
        "{said:?}"
    );
    assert!(deleted(&server).is_empty());
}

#[test]
fn a_refused_deletion_is_a_dead_letter_and_is_tried_again_next_time() {
    let (bench, server) = yard(&["/r7"]);
    let sync = sync(server.url(), "--deletes");
    bench.write("x.csv", without(&[], 30));
    bench.run(&sync).exits(0);
    bench.write("x.csv", without(&[7, 8], 30));
    let said = bench.run(&sync).exits(3);
    assert_eq!(sums(&said), [2, 1, 1, 0]);
    let letter: Value = serde_json::from_str(&bench.read("s/deletes/1/dead-letters.ndjson")).unwrap();
    assert_eq!((&letter["row"], &letter["error"]["code"]), (&json!({"id": "r7"}), &"kept".into()));
    // As a row it would put back, with nothing but its key, what had to go.
    let replay = format!(
        "replay s/deletes/1/dead-letters.ndjson --to ./things.toml --url {} --set path=/single/things",
        server.url()
    );
    let said = bench.run(&replay).exits(1);
    assert!(
        said.stderr.contains("are deletions that were refused, and no rows\nhint: mend the cause; the next"),
        "{said:?}"
    );
    assert_eq!(sums(&bench.run(&sync).exits(3)), [1, 0, 1, 0]);
    assert_eq!(deleted(&server), ["r7", "r7", "r8"]);
    bench.write("x.csv", without(&[8], 30));
    assert_eq!(rows(&bench.run(&sync).exits(0)), [29, 0, 0, 29, 0]);
}

#[test]
fn a_run_that_is_killed_while_it_deletes_is_brought_to_its_end_first() {
    let server = bulkhaul::sandbox::Sandbox::start(bulkhaul::sandbox::Options {
        faults: "drop-after=10%,error=10%".parse().unwrap(),
        ..Default::default()
    })
    .unwrap();
    let bench = Bench::with("things.toml", PROFILE);
    bench.write("x.csv", without(&[], 100));
    bench.run(&sync(&server.url(), "--deletes")).exits(0);
    let gone = |row: u64| row.is_multiple_of(3);
    bench.write("x.csv", feed(100, |row| (!gone(row)).then(|| "b".to_owned())));
    let slow = sync(&server.url(), "--deletes --max-deletes 40 -j 1 --rate 20/s");
    for _ in 0..2 {
        let mut child = bench.start(&slow);
        std::thread::sleep(Duration::from_millis(600));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let said = bench.run("status s").exits(0).stdout;
    assert!(
        said.contains("complete, but a later run was broken off while it deleted what is no longer there\n")
    );
    assert!(said.ends_with(&format!("\nto go on:\nbulkhaul {slow}\n")), "{said}");
    let said = bench.run(&sync(&server.url(), "--deletes --max-deletes 40")).exits(0);
    let [missing, dead, refused, in_doubt] = sums(&said);
    assert_eq!((rows(&said), refused, in_doubt), ([67, 67, 0, 0, 0], 0, 0));
    assert!(missing == dead && (1..=33).contains(&dead), "the rest of it: {said:?}");
    let truth = crate::support::get(&format!("{}/_sandbox/truth?rows=1", server.url()));
    let of = |line: &str| serde_json::from_str::<Value>(line).unwrap();
    let rows: Vec<Value> = truth.lines().map(of).collect();
    let mut dead: Vec<String> =
        rows.iter().filter_map(|line| line["row"]["deleted"].as_str().map(str::to_owned)).collect();
    dead.sort();
    dead.dedup();
    let mut expected: Vec<String> = (1..=100).filter(|row| gone(*row)).map(|row| format!("r{row}")).collect();
    expected.sort();
    assert_eq!(dead, expected);
    assert!(bench.run("status s").exits(0).stdout.contains(" to things: complete\n"));
}

#[test]
fn without_a_way_to_delete_it_is_said_before_anything_is_sent() {
    let bench = Bench::with("x.csv", without(&[], 3));
    let said = bench.run("send x.csv --to sandbox --sync id --state s --deletes --progress none").exits(1);
    assert_eq!(
        said.stderr,
        "error: nobody knows how rows are deleted at `orders-batch`: its profile has no [delete]\n\
         hint: leave --deletes out, or write into a profile of your own how it is done, with the fields of your key:\n  \
         [profile]\n  version = 1\n  name = \"orders-batch-of-mine\"\n  extends = \"orders-batch\"\n  [delete]\n  \
         method = \"DELETE\"\n  url = \"${param.base}/items/${row:/id}\"\n  format = \"empty\"\n  rows = 1\n"
    );
    assert!(!bench.path("s").exists());
    bench.run("send x.csv --to sandbox --state s --on-ambiguous verify").exits(2);
    assert!(!bench.path("s").exists());
    // The lines are a profile.
    let (_, lines) = said.stderr.split_once("your key:\n").unwrap();
    bench.write("mine.toml", lines);
    let said = bench.run("targets check mine.toml").exits(0);
    let words = "  deletes  DELETE ${param.base}/items/${row:/id}, 1 a request: with --deletes, what a feed no longer has\n";
    assert!(said.stdout.contains(words), "{said:?}");
    let json = bench.run("targets check mine.toml --json").exits(0).summary();
    assert_eq!(json["delete"]["method"], "DELETE");
    for wrong in
        ["--deletes", "--sync id --state s --max-deletes 3", "--sync id --state s --deletes --limit 3"]
    {
        bench.run(&format!("send x.csv --to sandbox {wrong}")).exits(2);
    }
}

#[test]
fn a_plan_says_what_would_be_deleted_how_and_whether_it_may() {
    let (bench, server) = yard(&[]);
    let tokens = "--set path=/single/things -H x-key:${env:ORDERS_TOKEN}";
    let words = |verb: &str, more: &str| {
        format!("{verb} x.csv --to ./things.toml --url {} {tokens} --sync id --state s {more}", server.url())
    };
    bench.write("x.csv", without(&[], 30));
    bench.run(&words("send", "--deletes --progress none")).exits(0);
    bench.write("x.csv", without(&[7, 19], 30).replace("r9,", "new,"));
    let requests = server.requests().len();
    let before = crate::commands::plan::snapshot(&bench.path("."));
    let said = bench.run(&words("plan", "--deletes")).exits(0);
    let lines = "  1 new, 0 changed, 27 unchanged, 3 no longer there\n  --max-deletes lets it pass: the feed lacks 3 of 30 \
                 rows that were delivered, and --max-deletes allows 10 % of them\n  3 would be deleted at the target \
                 before that, by 3 requests\n";
    assert!(said.stdout.contains(lines), "{said:?}");
    let (_, curl) = said.stdout.split_once("\nthe first request that deletes:\n  curl -X DELETE ").unwrap();
    assert!(curl.starts_with(&format!("{}/single/things/r", server.url())), "{curl}");
    assert!(curl.contains("-H \"x-key: $ORDERS_TOKEN\"") && !said.stdout.contains("a-token-of-the-tests"));
    let json = bench.run(&words("send", "--deletes -n --json")).exits(0).summary();
    assert_eq!((&json["deletes"]["rows"], &json["deletes"]["requests"]), (&json!(3), &json!(3)));
    assert_eq!(json["deletes"]["first_request"]["method"], "DELETE");
    assert_eq!(json["guards"][0]["stops"], false);
    let said = bench.run(&words("plan", "--deletes --max-deletes 2")).exits(4);
    assert!(said.stdout.contains("  --max-deletes would stop it: the feed lacks 3 of 30 rows"), "{said:?}");
    let (_, send) = said.stdout.trim_end().rsplit_once("\n  bulkhaul ").unwrap();
    assert_eq!(crate::commands::plan::snapshot(&bench.path(".")), before);
    assert_eq!(server.requests().len(), requests);
    // What it says would be sent is what is sent.
    assert!(send.ends_with("--deletes --max-deletes 3"), "{send}");
    bench.run(&words("send", "--deletes --max-deletes 3 --progress none")).exits(0);
    assert_eq!(deleted(&server).len(), 3);
    bench.write("x.csv", without(&[7, 9, 19, 20], 30).replace("r8,", ","));
    let said = bench.run(&words("plan", "--deletes")).exits(3);
    assert!(
        said.stdout.contains("  nothing would be deleted\n  note: nothing is deleted: 1 row of the feed")
    );
    // Deletions alone are something, too.
    bench.write("x.csv", without(&[7, 8, 19], 30).replace("r9,", "new,"));
    let said = bench.run(&words("plan", "--deletes")).exits(0);
    assert!(
        said.stdout.contains("  1 would be deleted at the target before that, by 1 request\n"),
        "{said:?}"
    );
}

#[test]
fn a_feed_without_rows_does_not_say_that_nothing_was_sent_where_it_deleted_what_was_there() {
    let (bench, server) = yard(&[]);
    bench.write("x.csv", without(&[], 3));
    bench.run(&sync(server.url(), "--deletes")).exits(0);
    bench.write("x.csv", without(&[1, 2, 3], 3));
    let said = bench.run(&sync(server.url(), "--deletes --max-deletes 100%")).exits(0);
    assert_eq!(sums(&said), [3, 3, 0, 0]);
    assert!(
        said.stderr.contains("warning: the feed has no rows, and had 3 last time; nothing else was sent ("),
        "{said:?}"
    );
}
