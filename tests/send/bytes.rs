//! `bytes.read` is what the rows read stand in, unpacked and with their line ends, over all runs: whoever tells of an
//! import says the same.

use crate::support::scripted::Scripted;
use crate::support::scripted::Step::Says;
use crate::support::{Bench, Said, csv};
use std::io::Write;
use std::time::Duration;

const HEADER: usize = "id,city,amount\n".len();

/// Rows 1 to `rows` of [`csv`].
fn of(rows: u64) -> usize {
    csv(rows).len() - HEADER
}

#[track_caller]
fn read(said: &Said, bytes: usize) {
    assert_eq!(said.summary()["bytes"]["read"], bytes, "{said:?}");
}

fn gzipped(text: &str) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap()
}

#[test]
fn whoever_tells_of_an_import_counts_the_same_bytes_of_rows() {
    let bad = "r4,\"bro\"ken,1\n";
    let second = format!("\u{feff}{}\n{bad}\n", csv(3));
    for packed in [false, true] {
        let bench = Bench::new();
        let write = |name: &str, text: &str| {
            bench.write(name, if packed { gzipped(text) } else { text.as_bytes().to_vec() });
        };
        let inputs = if packed { "a.csv.gz b.csv.gz" } else { "a.csv b.csv" };
        let names: Vec<&str> = inputs.split(' ').collect();
        write(names[0], &csv(5));
        write(names[1], &second);
        let bytes = of(5) + of(3) + bad.len();
        let send = format!("send {inputs} --to sandbox --batch-rows 2 --progress none --json");
        read(&bench.run(&format!("{send} -n")).exits(3), bytes);
        read(&bench.run(&format!("{send} --limit 2")).exits(0).books([2, 2, 0, 0, 0]), of(2));
        read(&bench.run(&format!("{send} --limit 6")).exits(0).books([6, 6, 0, 0, 0]), of(5) + of(1));
        let state = format!("{}.bulkhaul", names[0]);
        read(&bench.run(&format!("status {state} --json")), of(5) + of(1));
        for _ in 0..2 {
            read(&bench.run(&send).exits(3).books([9, 8, 1, 0, 0]), bytes);
        }
        read(&bench.run(&format!("status {state} --json")), bytes);
        read(&bench.run(&format!("audit {state} {inputs} --json")).exits(0), bytes);
        // Refused again for the reason that it has, by a replay that is told twice.
        let replay = format!("replay {state} --to sandbox --progress none --json");
        let replayed = bench.run(&replay).exits(3).summary()["bytes"]["read"].clone();
        assert!(replayed.as_u64().unwrap() > 0);
        assert_eq!(bench.run(&replay).exits(3).summary()["bytes"]["read"], replayed);
    }
}

#[test]
fn a_run_that_was_refused_counts_the_bytes_of_the_rows_that_it_counts() {
    let (bench, server) = (Bench::with("x.csv", csv(5000)), Scripted::start(&[Says("403 No", "", "")]));
    let send = format!("send x.csv --to {}/rows --batch-rows 10 -j 1 --progress none --json", server.url);
    let summary = bench.run(&send).exits(1).summary();
    let bytes = of(summary["rows"]["read"].as_u64().unwrap());
    assert!(bytes > 0 && bytes < of(5000));
    assert_eq!(summary["bytes"]["read"], bytes);
    read(&bench.run("audit x.csv.bulkhaul x.csv --json").exits(0), bytes);
    read(&bench.run(&format!("{send} --abandon")).exits(0), bytes);
}

#[test]
fn what_a_killed_run_has_read_is_read_from_the_ledger() {
    let bench = Bench::with("x.csv", csv(200));
    let send = "send x.csv --to sandbox --batch-rows 2 --rate 20/s --progress none --json";
    let mut run = bench.start(send);
    std::thread::sleep(Duration::from_millis(1500));
    run.kill().unwrap();
    run.wait().unwrap();
    let status = bench.run("status --json").exits(0).summary();
    let rows = status["rows"]["read"].as_u64().unwrap();
    assert!((1..200).contains(&rows), "{rows}");
    assert_eq!(status["bytes"]["read"], of(rows));
    read(&bench.run("audit x.csv.bulkhaul x.csv --json").exits(0), of(rows));
    read(&bench.run(&send.replace(" --rate 20/s", "")).exits(0), of(200));
}

#[test]
fn rows_of_a_feed_that_are_not_sent_are_read_all_the_same() {
    let bench = Bench::with("x.csv", csv(5));
    let send = "send x.csv --to sandbox --sync id --state feed --progress none --json";
    read(&bench.run(send).exits(0), of(5));
    bench.write("x.csv", csv(7));
    let feed = bench.run(send).exits(0);
    assert_eq!(feed.summary()["rows"]["unchanged"], 5);
    read(&feed, of(7));
    read(&bench.run("audit feed x.csv --json").exits(0), of(7));
}
