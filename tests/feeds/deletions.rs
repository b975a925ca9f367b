//! A deletion that has not come to its end: what is back in the feed is left alone, everybody who asks hears of it, and
//! there is a way out.

use super::deletes::{PROFILE, deleted, sums, sync, without};
use super::rows;
use crate::support::Bench;
use crate::support::server::{Answer, Server};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// After two deletions the server wants to be left in peace, until it is told to go on.
fn tired() -> (Bench, Server, Arc<AtomicBool>) {
    let rested = Arc::new(AtomicBool::new(false));
    let is_rested = Arc::clone(&rested);
    let server = Server::saying(move |got, before| {
        let deletes = before.iter().filter(|got| got.method == "DELETE").count();
        let is_tired = got.method == "DELETE" && deletes >= 2 && !is_rested.load(Ordering::Relaxed);
        let mut answer = Answer::json(if is_tired { 503 } else { 200 }, &json!({}));
        if is_tired {
            answer.headers.push(("retry-after".into(), "7200".into()));
        }
        Some(answer)
    });
    let bench = Bench::with("things.toml", PROFILE);
    bench.write("x.csv", without(&[], 30));
    bench.run(&sync(server.url(), "--deletes")).exits(0);
    bench.write("x.csv", without(&[3, 4, 5, 6, 7, 8, 9], 30));
    bench.run(&sync(server.url(), "--deletes --max-deletes 30 -j 1 --max-wait 1s")).exits(4);
    assert_eq!(deleted(&server).len(), 3);
    (bench, server, rested)
}

#[test]
fn what_is_back_in_the_feed_before_its_deletion_has_left_is_not_deleted() {
    let (bench, server, rested) = tired();
    // Two were deleted, and of the third nobody knows; one stays away.
    let mut expected = [deleted(&server), vec!["r9".to_owned()]].concat();
    rested.store(true, Ordering::Relaxed);
    bench.write("x.csv", without(&[9], 30));
    let said = bench.run(&sync(server.url(), "--deletes --max-wait 2h")).exits(0);
    let mut gone = deleted(&server);
    let third = &expected[2];
    assert_eq!(
        gone.iter().filter(|id| *id == third).count(),
        1,
        "it is back, and goes no second time: {gone:?}"
    );
    for ids in [&mut gone, &mut expected] {
        ids.sort();
        ids.dedup();
    }
    assert_eq!(gone, expected);
    let back = gone.iter().filter(|id| *id != "r9").count() as u64;
    assert_eq!(rows(&said), [29, back, 0, 29 - back, 0]);
    let requests = server.requests();
    for id in gone.iter().filter(|id| *id != "r9") {
        let last =
            requests.iter().rfind(|got| got.path.ends_with(id) || got.body.contains(&format!("\"{id}\"")));
        assert_eq!(last.unwrap().method, "POST", "{id}");
    }
    assert_eq!(rows(&bench.run(&sync(server.url(), "--deletes")).exits(0)), [29, 0, 0, 29, 0]);
    assert_eq!(bench.run("status s").exits(0).stdout.lines().next().unwrap(), "x.csv to things: complete");
}

#[test]
fn a_feed_that_is_not_taken_does_not_move_an_old_deletion_either() {
    let (bench, server, rested) = tired();
    rested.store(true, Ordering::Relaxed);
    let requests = server.requests().len();
    bench.write("x.csv", without(&[], 10));
    let said = bench.run(&sync(server.url(), "--deletes")).exits(4);
    assert!(said.stderr.contains("--max-deletes allows 10 % of them; nothing was sent"), "{said:?}");
    assert_eq!(server.requests().len(), requests);
}

#[test]
fn a_deletion_that_is_not_over_is_told_and_can_be_given_up() {
    let (bench, server, _) = tired();
    let said = bench.run("status s").exits(0);
    assert!(said.stdout.starts_with(
        "x.csv to things: complete, but a later run was broken off while it deleted what is no longer there\n"
    ));
    let go_on = sync(server.url(), "--deletes --max-deletes 30 -j 1 --max-wait 1s");
    assert!(said.stdout.ends_with(&format!("\nto go on:\nbulkhaul {go_on}\n")), "{said:?}");
    let words = "  deleted  2 of 7 rows that the feed no longer has, 5 pending; a run with --deletes goes on, one \
                 without, or --abandon, gives them up\n";
    assert!((said.stdout.clone() + "\n").contains(words), "{said:?}");
    assert_eq!(bench.run("status s --json").summary()["deletes"]["pending"], 5);
    assert!(bench.run("rejects s").exits(0).stdout.contains("\n\ndeleted: 2 of 7 rows that the feed"));
    let said = bench.run(&sync(server.url(), "--abandon")).exits(0);
    assert!(said.stderr.contains("the deletion is abandoned: deleted at the target: 2 of 2"), "{said:?}");
    assert_eq!(bench.run("status s").stdout.lines().next().unwrap(), "x.csv to things: complete");
    bench.run(&sync(server.url(), "--abandon")).exits(1);
    // Of the third nobody knows, and the others are there.
    bench.write("x.csv", without(&[], 30));
    assert_eq!(rows(&bench.run(&sync(server.url(), "")).exits(0)), [30, 3, 0, 27, 0]);
    assert_eq!(deleted(&server).len(), 3);
}

#[test]
fn an_answer_to_a_deletion_that_nobody_can_read_says_the_way_out() {
    let server = Server::saying(|got, _| {
        Some(Answer::json(if got.method == "DELETE" { 418 } else { 200 }, &json!({})))
    });
    let bench = Bench::with("things.toml", PROFILE);
    bench.write("x.csv", without(&[], 30));
    bench.run(&sync(server.url(), "--deletes")).exits(0);
    bench.write("x.csv", without(&[7], 30));
    for _ in 0..2 {
        let said = bench.run(&sync(server.url(), "--deletes")).exits(1);
        assert!(said.stderr.contains("a [[delete.response]] in a profile says what it means\n"), "{said:?}");
        assert!(
            said.stderr.ends_with(
                "hint: without --deletes the feed is sent, and what is left of the deletion given up\n"
            ),
            "{said:?}"
        );
    }
    assert_eq!(rows(&bench.run(&sync(server.url(), "")).exits(0)), [29, 0, 0, 29, 0]);
    bench.write("x.csv", without(&[7, 8], 30));
    bench.run(&sync(server.url(), "--deletes")).exits(1);
    bench.run(&sync(server.url(), "--abandon")).exits(0);
    bench.write("things.toml", PROFILE.replace("404, 410", "404, 410, 418"));
    assert_eq!(sums(&bench.run(&sync(server.url(), "--deletes")).exits(0)), [2, 2, 0, 0]);
}

#[test]
fn a_refused_deletion_is_told_until_its_row_is_back_or_gone() {
    let server = Server::saying(|got, _| {
        let status = if got.method == "DELETE" { 422 } else { 200 };
        Some(Answer::json(status, &json!({"code": "kept"})))
    });
    let bench = Bench::with("things.toml", PROFILE);
    bench.write("x.csv", without(&[], 30));
    let sync = sync(server.url(), "--deletes");
    bench.run(&sync).exits(0);
    bench.write("x.csv", without(&[7], 30));
    bench.run(&sync).exits(3);
    let said = bench.run("status s").exits(0);
    assert!(said.stdout.starts_with("x.csv to things: complete, but deletions were refused\n"), "{said:?}");
    let words = "0 of 1 row that the feed no longer has, 1 refused; bulkhaul rejects s/deletes/1 says why they were refused\n";
    assert!((said.stdout + "\n").contains(words));
    assert!((bench.run("rejects s").exits(0).stdout + "\n").contains(words));
    for from in ["s/deletes/1", "s/deletes/1/dead-letters.ndjson"] {
        let said = bench.run(&format!("rejects {from}")).exits(0).stdout;
        assert!(
            said.contains("kept") && !said.contains("to send them again"),
            "no replay takes them: {said}"
        );
    }
    bench.write("x.csv", without(&[], 30));
    assert_eq!(rows(&bench.run(&sync).exits(0)), [30, 0, 0, 30, 0]);
    assert_eq!(bench.run("status s").stdout.lines().next().unwrap(), "x.csv to things: complete");
}

#[test]
fn a_feed_that_goes_on_still_says_that_its_deletions_were_refused() {
    let rested = Arc::new(AtomicBool::new(false));
    let is_rested = Arc::clone(&rested);
    let server = Server::saying(move |got, _| {
        let is_down = got.body.contains("\"b\"") && !is_rested.load(Ordering::Relaxed);
        let status = if got.method == "DELETE" { 422 } else { 200 };
        Some(Answer::json(if is_down { 503 } else { status }, &json!({"code": "kept"})))
    });
    let bench = Bench::with("things.toml", PROFILE);
    let sync = sync(server.url(), "--deletes");
    bench.write("x.csv", without(&[], 30));
    bench.run(&sync).exits(0);
    bench.write("x.csv", without(&[7], 30).replace(",a\nr30", ",b\nr30"));
    let before = server.requests().len();
    let mut child = bench.start(&sync);
    while server.requests().len() < before + 2 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    rested.store(true, Ordering::Relaxed);
    let said = bench.run(&sync).exits(3);
    assert_eq!((rows(&said), sums(&said)), ([29, 1, 0, 28, 0], [1, 0, 1, 0]));
}

#[test]
fn what_was_deleted_is_told_by_everybody_until_the_next_feed_and_its_requests_count() {
    let server = Server::saying(|_, _| Some(Answer::json(200, &json!({}))));
    let bench = Bench::with("things.toml", PROFILE);
    let sync = sync(server.url(), "--deletes");
    bench.write("x.csv", without(&[], 30));
    bench.run(&sync).exits(0);
    bench.write("x.csv", without(&[7, 8], 30));
    let said = bench.run(&sync).exits(0);
    assert_eq!((sums(&said), &said.summary()["requests"]["sent"]), ([2, 2, 0, 0], &json!(2)));
    let said = bench.run("status s").exits(0);
    let words = "x.csv to things: complete\n  rows     nothing new in 28 rows\n  deleted  2 of 2 rows that the feed no longer has\n";
    assert_eq!(said.stdout, words);
    let told = bench.run("status s --json").summary();
    let deletes = json!({"missing": 2, "deleted": 2, "rejected": 0, "in_doubt": 0, "pending": 0,
        "dead_letters": "s/deletes/1/dead-letters.ndjson", "state_dir": "s/deletes/1"});
    assert_eq!((&told["deletes"], &told["requests"]["sent"]), (&deletes, &json!(2)));
    let audit = bench.run("audit s x.csv").exits(0);
    assert!(audit.stdout.contains("\n  deleted    2 of 2 rows that the feed no longer has"), "{audit:?}");
    assert_eq!(bench.run("audit s x.csv --json").summary()["deletes"]["deleted"], 2);
    bench.run("report s -o r.html").exits(0);
    assert!(
        bench
            .read("r.html")
            .contains("<p>Deleted at the target: 2 of 2 rows that the feed no longer has</p>")
    );
    assert!(!bench.run("rejects s").exits(0).stdout.contains("deleted"));
    bench.run(&sync).exits(0);
    assert!(!bench.run("status s").exits(0).stdout.contains("deleted"));
}

#[test]
fn what_is_missing_is_deleted_when_a_canary_is_gone_on_with() {
    let server = Server::saying(|_, _| Some(Answer::json(200, &json!({}))));
    let bench = Bench::with("things.toml", PROFILE);
    bench.write("x.csv", without(&[], 30));
    bench.run(&sync(server.url(), "")).exits(0);
    bench.write("x.csv", without(&[7, 8], 30));
    bench.run(&sync(server.url(), "--limit 5")).exits(0);
    assert!(deleted(&server).is_empty());
    let said = bench.run(&sync(server.url(), "--deletes --max-deletes 1")).exits(4);
    assert!(said.stderr.contains("--max-deletes allows 1 row; nothing was sent"), "{said:?}");
    let said = bench.run(&sync(server.url(), "--deletes")).exits(0);
    assert_eq!((rows(&said), sums(&said)), ([28, 0, 0, 28, 0], [2, 2, 0, 0]));
    assert_eq!(said.summary()["import"], 2);
    assert_eq!(deleted(&server), ["r7", "r8"]);
    bench.run("audit s x.csv").exits(0);
}

#[test]
fn what_a_target_will_not_delete_holds_no_feed_up_though_no_rule_says_what_that_means() {
    let server = Server::saying(|got, _| {
        let is_kept = got.method == "DELETE" && got.path.ends_with("/r7");
        Some(Answer::json(if is_kept { 409 } else { 200 }, &json!({"error": "r7 has orders"})))
    });
    let bench = Bench::with("things.toml", PROFILE);
    let sync = sync(server.url(), "--deletes");
    bench.write("x.csv", without(&[], 30));
    bench.run(&sync).exits(0);
    bench.write("x.csv", without(&[7, 8], 31));
    let said = bench.run(&sync).exits(3);
    assert_eq!((rows(&said), sums(&said)), ([29, 1, 0, 28, 0], [2, 1, 1, 0]));
    assert!(bench.run("rejects s/deletes/1").exits(0).stdout.contains("r7 has orders"));
    assert_eq!(sums(&bench.run(&sync).exits(3)), [1, 0, 1, 0]);
}

#[test]
fn a_plan_behind_a_deletion_that_was_broken_off_counts_as_the_next_send_does() {
    let feeds: [&'static [u64]; 4] = [&[], &[9], &[3, 4, 5], &[3, 4, 5, 6, 7, 8, 9]];
    for (gone, more) in feeds.iter().flat_map(|gone| [(gone, "--deletes --max-deletes 30"), (gone, "")]) {
        let (bench, server, rested) = tired();
        rested.store(true, Ordering::Relaxed);
        bench.write("x.csv", without(gone, 30));
        let send = sync(server.url(), &format!("{more} --max-wait 2h"));
        let plan = bench.run(&format!("{send} -n")).exits(0).summary();
        let before = server.requests().len();
        let said = bench.run(&send).exits(0);
        let of = |name: &str| plan["feed"][name].as_u64().unwrap();
        let [read, delivered, _, unchanged, _] = rows(&said);
        assert_eq!(
            [of("new") + of("changed") + of("again"), of("unchanged")],
            [delivered, unchanged],
            "{plan:#}\n{said:?}"
        );
        assert_eq!(plan["rows"]["sendable"], delivered);
        assert_eq!(read, 30 - gone.len() as u64);
        let requests = &server.requests()[before..];
        let deletes = requests.iter().filter(|got| got.method == "DELETE").count();
        let planned = &plan["deletes"];
        let planned = (planned["rows"].as_u64().unwrap_or(0), planned["requests"].as_u64().unwrap_or(0));
        assert_eq!(planned, (deletes as u64, deletes as u64), "{gone:?} {more}: {plan:#}\n{said:?}");
    }
}
