//! What an earlier run found out holds for the next one: refusals, sizes, and where the state lies.

use crate::support::scripted::Scripted;
use crate::support::scripted::Step::{Loses, Says};
use crate::support::server::{Answer, Server};
use crate::support::{Bench, csv, said};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Refuses rows whose `n` is below this, one by one.
fn picky(below: u64) -> Server {
    Server::saying(move |got, _| {
        let body: Value = serde_json::from_str(&got.body).unwrap();
        let results = body["operations"].as_array().unwrap().iter().map(|row| {
            let n: u64 = row["n"].as_str().unwrap().parse().unwrap();
            let status = if n < below { "error" } else { "ok" };
            json!({"id": row["id"], "status": status, "error": "no"})
        });
        Some(Answer::json(200, &json!({"results": results.collect::<Vec<_>>()})))
    })
}

fn numbered(rows: usize) -> String {
    (0..rows).fold("id,n\n".to_owned(), |mut text, n| {
        let _ = writeln!(text, "r{n},{n}");
        text
    })
}

#[test]
fn more_refusals_than_max_rejects_stop_each_run_and_the_command_it_prints_goes_on() {
    let server = picky(5);
    let bench = Bench::with("x.csv", numbered(400));
    let send = format!("send x.csv --to orders-batch --url {} --batch-rows 10 -j 1 --json", server.url());
    let guarded = format!("{send} --max-rejects 3 --progress none");
    let first = bench.run(&guarded).exits(4);
    let sent = server.requests().len();
    assert_eq!(first.summary()["stopped_by"], "max-rejects");
    for _ in 0..3 {
        let again = bench.run(&guarded).exits(4);
        assert_eq!(again.summary()["rows"]["rejected"], 5, "{again:?}");
    }
    assert_eq!(server.requests().len(), sent, "a run whose limit was passed before it began sent more");
    let last = first.stderr.lines().last().unwrap();
    assert!(last.starts_with("bulkhaul send x.csv ") && !last.contains("--max-rejects"), "{last}");
    assert_eq!(first.summary()["resume"], last);
    bench.run(last.strip_prefix("bulkhaul ").unwrap()).exits(3).books([400, 395, 5, 0, 0]);
}

#[test]
fn rows_refused_here_count_for_max_rejects_before_anything_is_sent() {
    let server = picky(0);
    let bench = Bench::with("x.csv", format!("id,n\nbroken\nbroken\n{}", &numbered(50)[5..]));
    let send = format!("send x.csv --to orders-batch --url {} --max-rejects 1 --progress none", server.url());
    for _ in 0..2 {
        bench.run(&send).exits(4);
    }
    assert!(server.requests().is_empty(), "{:?}", server.requests());
}

#[test]
fn the_command_behind_a_doubt_that_stopped_goes_on() {
    let server = Scripted::start(&[Loses, Says("200 OK", "", "{}")]);
    let bench = Bench::with("x.csv", csv(4));
    let send = format!("send x.csv --to {}/rows -j 1 --progress none", server.url);
    let stopped = bench.run(&format!("{send} --batch-rows 2 --on-ambiguous stop")).exits(4);
    let last = stopped.stderr.lines().last().unwrap();
    bench.run(&format!("{} --json", last.strip_prefix("bulkhaul ").unwrap())).exits(5).books([4, 2, 0, 2, 0]);
}

#[test]
fn a_state_behind_links_is_a_state() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("real")).unwrap();
    std::os::unix::fs::symlink("real", bench.path("link")).unwrap();
    bench.write("real/x.csv", csv(3));
    let server = Scripted::start(&[Says("200 OK", "", "{}")]);
    let send = format!("send link/x.csv --to {}/rows --progress none --json", server.url);
    bench.run(&send).exits(0).books([3, 3, 0, 0, 0]);
    bench.run(&send).exits(0);
    assert_eq!(server.got().len(), 1);
    bench.run("status link/x.csv.bulkhaul").exits(0);
    bench.run("audit link/x.csv.bulkhaul link/x.csv").exits(0);
    // The ledger itself may still be no link.
    std::fs::rename(bench.path("real/x.csv.bulkhaul/ledger.db"), bench.path("elsewhere.db")).unwrap();
    std::os::unix::fs::symlink(bench.path("elsewhere.db"), bench.path("real/x.csv.bulkhaul/ledger.db"))
        .unwrap();
    bench.run(&send).exits(1);
}

#[test]
fn a_ledger_that_lost_what_it_knew_is_no_new_one() {
    let bench = Bench::with("x.csv", csv(3));
    let server = Scripted::start(&[Says("200 OK", "", "{}")]);
    let send = format!("send x.csv --to {}/rows --progress none", server.url);
    bench.run(&send).exits(0);
    bench.write("x.csv.bulkhaul/ledger.db", "");
    let refused = bench.run(&send).exits(74);
    assert!(refused.stderr.contains("`status.json` beside it tells of an import"), "{refused:?}");
    assert_eq!(server.got().len(), 1, "all rows went again");
    // Who takes it away wants to begin anew.
    std::fs::remove_file(bench.path("x.csv.bulkhaul/ledger.db")).unwrap();
    bench.run(&send).exits(0);
}

#[test]
fn the_order_in_which_headers_were_typed_is_no_other_target() {
    let bench = Bench::with("x.csv", csv(3));
    let server = Scripted::start(&[Says("200 OK", "", "{}")]);
    let run = |headers: [&str; 2]| {
        let mut command = bench.command(&format!("send x.csv --to {}/rows --progress none", server.url));
        said(command.args(["-H", headers[0], "-H", headers[1]]).output().unwrap())
    };
    run(["A: 1", "B: 2"]).exits(0);
    run(["B: 2", "a: 1"]).exits(0);
    run(["A: 2", "B: 1"]).exits(6);
}

/// Takes so many rows in one request, and no more.
fn narrow(most: usize) -> Server {
    Server::saying(move |got, _| {
        let rows = serde_json::from_str::<Vec<Value>>(&got.body).unwrap().len();
        Some(Answer::json(if rows > most { 413 } else { 200 }, &json!({})))
    })
}

#[test]
fn a_limit_of_rows_that_nobody_names_does_not_make_requests_smaller_for_good() {
    let server = narrow(100);
    let row = |n: usize, fill: usize| format!("{{\"n\":{n},\"fill\":\"{}\"}}\n", "x".repeat(fill));
    let of = |fill: usize| (0..1000).map(|n| row(n, fill)).collect::<String>();
    let bench = Bench::with("x.ndjson", of(1000) + &of(1) + &of(1000));
    let send = format!("send x.ndjson --to {}/rows -j 1 --progress none", server.url());
    bench.run(&send).exits(0);
    let got = server.requests();
    let last: Vec<usize> = got[got.len() - 8..]
        .iter()
        .map(|got| serde_json::from_str::<Vec<Value>>(&got.body).unwrap().len())
        .collect();
    assert!(last[..7].iter().all(|rows| *rows >= 50), "{last:?} of {}", got.len());
    assert!(got.len() < 100, "{}", got.len());
}
