//! The parts of the comparison: who runs, over what, and which ratios are told.

use crate::contest::{self, Cost, best, bulkhaul, heading, last_core, line, on_core, run, run_short};
use crate::sink::{Count, Sink};
use crate::{Order, input, peers};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// The ledger's folder, empty.
fn fresh(folder: &Path) -> PathBuf {
    let state = folder.join("state");
    let _ = std::fs::remove_dir_all(&state);
    state
}

/// `send` as a person would type it, with the batches of the contract.
fn send(file: &Path, sink: &Sink, state: &Path) -> Command {
    let mut command = Command::new(bulkhaul());
    command.arg("send").arg(file).args(["--to", &sink.url(), "--idempotency-header", "Idempotency-Key"]);
    command.args(["--batch-rows", "1000", "-q", "--progress", "none", "--state"]).arg(state);
    command
}

/// Each row in a request of its own, under a key of its own.
fn send_single(file: &Path, sink: &Sink, state: &Path) -> Command {
    let mut command = Command::new(bulkhaul());
    let base = format!("http://127.0.0.1:{}", sink.port);
    command.arg("send").arg(file).args(["--to", "single", "--url", &base, "--set", "path=/rows"]);
    command.args(["-q", "--progress", "none", "--state"]).arg(state);
    command
}

fn check(sink: &Sink, requests: u64) -> Count {
    let count = sink.count();
    assert_eq!(count.requests, requests, "each batch arrives once");
    count
}

fn bulk(order: &Order, file: &Path) -> (Cost, Sink) {
    let sink = Sink::start();
    let cost = best(order.times, || {
        let state = fresh(&order.folder);
        let cost = run(&mut send(file, &sink, &state));
        check(&sink, order.rows.div_ceil(1000));
        cost
    });
    (cost, sink)
}

/// A tenth of the rows is enough for what takes a while.
fn python(order: &Order, sink: &Sink, file: &Path, rows: u64, size: u64) -> Option<Cost> {
    let script = ["-c", peers::PYTHON];
    peers::python(&order.folder)?;
    let cost = best(order.times.min(2), || {
        let mut command = peers::python(&order.folder).expect("it was there a moment ago");
        run(command.args(script).arg(file).arg(sink.url()).arg(size.to_string()))
    });
    check_lax(sink);
    line("python: csv or json, requests.Session", rows, cost, "");
    Some(cost)
}

/// Forgets what a peer sent.
fn check_lax(sink: &Sink) {
    sink.count();
}

fn per_row(cost: Cost, rows: u64) -> f64 {
    cost.took.as_secs_f64() / rows as f64
}

pub(crate) fn csv(order: &Order) {
    let file = input::csv(&order.folder, order.rows);
    let bytes = std::fs::metadata(&file).map_or(0, |facts| facts.len());
    heading(&format!("{} rows of CSV ({} MB) as JSON batches of 1,000", order.rows, bytes >> 20));
    let (ours, sink) = bulk(order, &file);
    let parse = best(order.times, || Cost { took: parse(&file), memory: 0 });
    let part = order.rows / 10;
    let theirs = python(order, &sink, &input::csv(&order.folder, part), part, 1000);
    line("csv::ByteRecord loop, nothing sent", order.rows, parse, "the limit of parsing");
    let times = ours.took.as_secs_f64() / parse.took.as_secs_f64();
    let against = theirs.map(|theirs| per_row(theirs, part) / per_row(ours, order.rows));
    let against = against.map_or(String::new(), |factor| format!(", {factor:.1} times as fast as python"));
    line("bulkhaul send", order.rows, ours, &format!("{times:.2} times the bare loop{against}"));
}

/// Reads every field boundary of the file, and does nothing with it.
fn parse(file: &Path) -> Duration {
    let started = Instant::now();
    let mut reader = csv::Reader::from_path(file).expect("the input is there");
    let (mut record, mut bytes) = (csv::ByteRecord::new(), 0);
    while reader.read_byte_record(&mut record).expect("it is good") {
        bytes += record.as_slice().len();
    }
    assert!(bytes > 0);
    started.elapsed()
}

pub(crate) fn ndjson(order: &Order) {
    let file = input::ndjson(&order.folder, order.rows);
    let bytes = std::fs::metadata(&file).map_or(0, |facts| facts.len());
    heading(&format!("{} rows of NDJSON ({} MB), passed through", order.rows, bytes >> 20));
    let (ours, sink) = bulk(order, &file);
    let part = order.rows / 10;
    let theirs = python(order, &sink, &input::ndjson(&order.folder, part), part, 1000);
    let against = theirs.map(|theirs| per_row(theirs, part) / per_row(ours, order.rows));
    let against = against.map_or(String::new(), |factor| format!("{factor:.1} times as fast as python"));
    line("bulkhaul send", order.rows, ours, &against);
}

pub(crate) fn single(order: &Order) {
    let rows = order.single;
    let file = input::csv(&order.folder, rows);
    heading(&format!("{rows} rows of CSV, one request each, keys on"));
    let sink = Sink::start();
    let mut count = Count::default();
    let ours = best(order.times, || {
        let state = fresh(&order.folder);
        let cost = run(&mut send_single(&file, &sink, &state));
        count = check(&sink, rows);
        cost
    });
    let limit = wrk(order, &sink, count.bytes / rows.max(1));
    let part = rows / 10;
    let small = input::csv(&order.folder, part);
    python(order, &sink, &small, part, 1);
    let qsv = qsv(order, &sink, &small, part);
    parallel(order, &sink, rows / 100);
    let rate = 1.0 / per_row(ours, rows);
    let limit = limit.map(|limit| format!("{:.2} times wrk", rate / limit));
    let qsv = qsv.map(|qsv| format!("{:.1} times qsv", rate * per_row(qsv, part)));
    let against: Vec<String> = [limit, qsv].into_iter().flatten().collect();
    line("bulkhaul send --to single", rows, ours, &against.join(", "));
}

/// Requests a second of one fixed body of this size: what the sink and the kernel take.
fn wrk(order: &Order, sink: &Sink, size: u64) -> Option<f64> {
    if !peers::has("wrk", "apt-get install wrk") {
        return None;
    }
    let script = order.folder.join("wrk.lua");
    let body = "x".repeat(size as usize);
    let text = format!(
        "wrk.method = \"POST\"\nwrk.body = \"{body}\"\nwrk.headers[\"Content-Type\"] = \"application/json\"\n\
         wrk.headers[\"Idempotency-Key\"] = \"{}\"\n",
        "k".repeat(36)
    );
    std::fs::write(&script, text).expect("the folder can be written");
    let rate = (0..order.times)
        .filter_map(|_| {
            let script = script.display().to_string();
            let said = peers::output("wrk", &["-t1", "-c64", "-d3s", "-s", &script, &sink.url()])?;
            said.lines().find_map(|line| line.strip_prefix("Requests/sec:"))?.trim().parse().ok()
        })
        .fold(0.0, f64::max);
    check_lax(sink);
    println!(
        "{:<44} {rate:>11.0} /s {:>24}  the limit of kernel and sink",
        "wrk, 64 connections, one body", ""
    );
    Some(rate)
}

fn qsv(order: &Order, sink: &Sink, file: &Path, rows: u64) -> Option<Cost> {
    if !peers::has("qsv", "a release with fetchpost") {
        return None;
    }
    let cost = best(order.times.min(2), || {
        let mut command = Command::new("qsv");
        command.args(["fetchpost", &sink.url(), "id,name,email,city,note,amount,since", "--no-cache"]);
        command.args(["--rate-limit", "0"]).arg(file);
        run(&mut command)
    });
    check_lax(sink);
    line("qsv fetchpost (no keys, no ledger)", rows, cost, "");
    Some(cost)
}

fn parallel(order: &Order, sink: &Sink, rows: u64) {
    if rows == 0
        || !peers::has("parallel", "apt-get install parallel")
        || !peers::has("curl", "apt-get install curl")
    {
        return;
    }
    let file = input::ndjson(&order.folder, rows);
    let post = format!("curl -sf -o /dev/null -H 'Content-Type: application/json' -d {{}} {}", sink.url());
    let cost = run(Command::new("parallel").args(["-j", "8", "-a"]).arg(&file).arg(&post));
    check_lax(sink);
    line("parallel -j 8 curl (no keys, no ledger)", rows, cost, "");
}

pub(crate) fn start(order: &Order) {
    heading("start-up");
    let times = order.times.max(10);
    let help = best(times, || Cost { took: run_short(Command::new(bulkhaul()).arg("--help")), memory: 0 });
    line("bulkhaul --help", 1, help, "");
    let sink = Sink::start();
    let file = input::csv(&order.folder, 10);
    let small = best(times, || {
        let state = fresh(&order.folder);
        Cost { took: run_short(&mut send(&file, &sink, &state)), memory: 0 }
    });
    line("bulkhaul send, 10 rows", 10, small, "");
}

pub(crate) fn memory(order: &Order) {
    heading("memory at the defaults: the same for a tenth of the rows");
    for rows in [order.rows / 10, order.rows, order.large] {
        let file = input::csv(&order.folder, rows);
        let sink = Sink::start();
        let state = fresh(&order.folder);
        let mut command = Command::new(bulkhaul());
        command.arg("send").arg(&file).args(["--to", &sink.url(), "--idempotency-header", "Idempotency-Key"]);
        let cost = run(command.args(["-q", "--progress", "none", "--state"]).arg(&state));
        let ledger = std::fs::metadata(state.join("ledger.db")).map_or(0, |facts| facts.len());
        line(&format!("bulkhaul send, {rows} rows"), rows, cost, &format!("ledger {} kB", ledger >> 10));
    }
}

pub(crate) fn resume(order: &Order) {
    heading("resume from nine tenths: to the end of one more request");
    let file = input::csv(&order.folder, order.large);
    let bytes = std::fs::metadata(&file).map_or(0, |facts| facts.len()) / 10 * 9;
    let state = fresh(&order.folder);
    let sink = Sink::start();
    let limited = |rows: u64| {
        let mut command = send(&file, &sink, &state);
        command.args(["--limit", &rows.to_string()]);
        command
    };
    run_short(&mut limited(order.large / 10 * 9));
    let mut rows = order.large / 10 * 9;
    let again = best(order.times, || {
        rows += 1000;
        Cost { took: run_short(&mut limited(rows)), memory: 0 }
    });
    let rate = bytes as f64 / again.took.as_secs_f64() / 1e9;
    line(
        "bulkhaul send, again",
        1000,
        again,
        &format!("{} MB verified, {rate:.2} GB/s all told", bytes >> 20),
    );
    let started = Instant::now();
    run(on_core(last_core(), Path::new("cat")).arg(&file).stdout(std::process::Stdio::null()));
    let read = started.elapsed();
    contest::line("cat of the file", 1, Cost { took: read, memory: 0 }, "the limit of reading");
}
