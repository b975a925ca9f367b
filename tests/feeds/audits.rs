//! The books of a feed: a row that is nowhere has to be one that was delivered before, and what is kept is what was read.

use super::{SYNC, feed};
use crate::support::Bench;
use rusqlite::Connection;
use std::time::Duration;

fn tamper(bench: &Bench, sql: &str) {
    let db = Connection::open(bench.path("s/ledger.db")).unwrap();
    db.pragma_update(None, "foreign_keys", false).unwrap();
    db.execute_batch(sql).unwrap();
    db.pragma_update(None, "journal_mode", "DELETE").unwrap();
    db.pragma_update(None, "journal_mode", "WAL").unwrap();
}

/// A second feed of sixty rows, ten of them new and six changed, one of them twice.
fn bench() -> Bench {
    let bench = Bench::with("x.csv", feed(50, |_| Some("1".into())));
    let sync = format!("send x.csv {SYNC} --type value=number --batch-rows 4");
    bench.run(&sync).exits(0);
    let text = feed(60, |row| Some(if row % 8 == 0 && row <= 50 { "2".into() } else { "1".into() }));
    bench.write("x.csv", text + "r60,x,3\n");
    bench.run(&sync).exits(0);
    bench
}

#[test]
fn each_unchanged_row_is_met_with_what_was_delivered_of_its_key_before() {
    let bench = bench();
    let json = bench.run("audit s x.csv --json").exits(0).summary();
    assert_eq!(
        (&json["rows"]["unchanged"], &json["rows"]["superseded"], &json["rows"]["delivered"]),
        (&45.into(), &1.into(), &16.into())
    );
    // A batch is gone, and the ledger's numbers say that its rows were unchanged: before, the books would have balanced.
    tamper(
        &bench,
        "DELETE FROM batch WHERE seq = (SELECT max(seq) FROM batch);
         UPDATE import SET unchanged = rows_read - (SELECT sum(delivered) FROM batch WHERE import = 2),
           delivered = (SELECT sum(delivered) FROM batch WHERE import = 2), planned = planned - 1,
           settled = settled - 1 WHERE number = 2",
    );
    let said = bench.run("audit s x.csv").exits(1);
    let words = "(line 62) counts as unchanged, and is not what was delivered of its key before";
    assert!(said.stdout.contains(words), "{said:?}");
}

#[test]
fn what_the_blocks_do_not_know_is_told_row_by_row() {
    let bench = bench();
    tamper(&bench, "UPDATE feed SET entries = x''");
    let said = bench.run("audit s x.csv").exits(1);
    assert!(said.stdout.contains("row 1 of x.csv (line 2) counts as unchanged"), "{said:?}");
    assert!(said.stderr.contains("things do not fit"), "{said:?}");
}

#[test]
fn kept_rows_are_the_rows_of_the_input() {
    let bench = Bench::with("x.csv", feed(400, |_| Some("1".into())));
    let slow = format!("send x.csv {SYNC} --type value=number --batch-rows 10 --rate 10/s -j 4");
    let mut run = bench.start(&slow);
    while !bench.path("s/status.json").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(300));
    run.kill().unwrap();
    run.wait().unwrap();
    let said = bench.run("audit s x.csv").exits(0);
    assert!(!said.stdout.contains("\n  pending                 0 "), "some are kept: {said:?}");
    for (sql, words) in [
        (
            "UPDATE kept SET rows = CAST(replace(CAST(rows AS TEXT), 'Zürich', 'Zurich!') AS BLOB)",
            ": the ledger keeps another row",
        ),
        ("DELETE FROM kept", " has no end, and the ledger does not keep its rows"),
    ] {
        tamper(&bench, sql);
        let said = bench.run("audit s x.csv").exits(1);
        assert!(said.stdout.contains(words), "{said:?}");
    }
}

#[test]
fn the_books_of_a_pipe_are_made_again_from_what_was_fed_to_it() {
    let bench = Bench::with("x.csv", feed(30, |_| Some("1".into())));
    let stdin = std::fs::File::open(bench.path("x.csv")).unwrap();
    let mut send = bench.command("send - --format csv --to sandbox --state s --progress none --limit 25");
    crate::support::said(send.stdin(stdin).output().unwrap()).exits(0);
    bench.run("audit s x.csv").exits(0);
}
