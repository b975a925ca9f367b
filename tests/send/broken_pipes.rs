//! Pipes that break at any moment, by a kill or a signal, and are fed again from their start: each row once.

use super::pipes::{Fed, SEND, fed, ledger, rows, sandbox};
use crate::support::{Bench, figure};
use std::time::{Duration, Instant};

const ROWS: u64 = 3000;
const FAULTS: &str = "--faults drop-before=2%,drop-after=3%,error=3%,throttle=3%,truncate=1% --seed 5";

/// How runs end before their time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Break {
    Kill,
    Term,
    /// Now this, now that.
    Either,
}

/// Ten runs that are broken at random moments and one that is not, with these options; `-j` is `auto`.
fn broken(options: &str, by: Break) -> Bench {
    let bench = Bench::new();
    let all = rows(1, ROWS);
    let send = format!("{SEND} --json --batch-rows 20 --batch-age 10ms {FAULTS} {options}");
    let mut random = fastrand::Rng::with_seed(by as u64 + options.len() as u64);
    let (mut kills, mut terms, mut over) = (0, 0, 0);
    for turn in 0..10 {
        let mut run = Fed::start(&bench, &send);
        let is_copied = options.contains("--spool");
        let mut until = Instant::now() + Duration::from_millis(random.u64(20..220));
        for piece in all.as_bytes().chunks(700) {
            run.write(piece);
            if !is_copied {
                std::thread::sleep(Duration::from_millis(3));
            }
            // What is cut off in silence would be the whole stream.
            if Instant::now() > until && !(is_copied && turn > 1) {
                break;
            }
        }
        if is_copied && turn > 1 {
            // The copy is whole, and what is of interest comes behind it.
            run.stdin = None;
            until += Duration::from_millis(100);
        }
        std::thread::sleep(until.saturating_duration_since(Instant::now()));
        if run.child.try_wait().unwrap().is_some() {
            over += 1;
        } else if by == Break::Kill || by == Break::Either && turn % 2 == 0 {
            kills += 1;
            run.child.kill().unwrap();
            run.child.wait().unwrap();
        } else {
            terms += 1;
            let said = run.signal("-TERM").ends();
            // A signal that comes before anything listens ends it as it would any program.
            assert!([4, -1].contains(&said.exit), "{said:?}");
        }
    }
    let before = sandbox(&bench).len();
    let last = fed(&bench, &send, &all).exits(0).books([ROWS, ROWS, 0, 0, 0]).summary();
    let applied = sandbox(&bench);
    let twice = applied.iter().filter(|row| row.times != 1).count();
    figure(&format!(
        "pipe {options}: {kills} kills, {terms} signals, {over} over before; {before} rows applied until then; \
         {} of {ROWS} applied, {twice} not once; the last run sent {} requests",
        applied.len(),
        last["requests"]["sent"]
    ));
    assert_eq!((applied.len() as u64, twice), (ROWS, 0));
    assert_eq!(ledger(&bench, "SELECT seq FROM kept"), [""; 0]);
    assert!(kills + terms >= 8, "it was hardly broken");
    bench
}

#[test]
fn killed_at_ten_random_moments_and_fed_again_each_row_is_applied_once() {
    broken("", Break::Kill);
}

#[test]
fn ended_by_a_signal_at_ten_random_moments_each_row_is_applied_once() {
    broken("", Break::Term);
}

#[test]
fn a_copied_pipe_that_is_broken_ten_times_has_each_row_applied_once() {
    broken("--spool", Break::Either);
}

/// A producer that dies with the run leaves a stream that is too short, which is no end.
#[test]
fn a_pipe_whose_rows_are_counted_is_not_complete_before_they_have_come() {
    let bench = broken(&format!("--expect-rows {ROWS}"), Break::Either);
    assert_eq!(ledger(&bench, "SELECT number FROM import").len(), 1);
    let bench = Bench::new();
    let send = format!("{SEND} --json --batch-rows 20 {FAULTS} --expect-rows {ROWS}");
    for come in [1, 150, 2999] {
        let said = fed(&bench, &send, rows(1, come)).exits(4).books([come, come, 0, 0, 0]);
        assert_eq!(said.summary()["stopped_by"], "expect-rows");
    }
    fed(&bench, &send, rows(1, ROWS)).exits(0).books([ROWS, ROWS, 0, 0, 0]);
    assert!(sandbox(&bench).iter().all(|row| row.times == 1));
}

/// Nobody can tell the end of a pipe from the death of what fills it; the whole stream, fed later, must not go twice.
#[test]
fn a_pipe_that_ended_early_goes_on_behind_what_was_read_of_it() {
    let bench = Bench::new();
    fed(&bench, SEND, rows(1, 4)).exits(0);
    let said = fed(&bench, SEND, rows(1, 9)).exits(6);
    assert_eq!(
        said.stderr,
        "error: the import here is finished, and standard input has more now behind the 4 rows that it read\n\
         hint: --accept-new-tail sends only what came behind them; --new-stream takes all of it for new rows, and \
         sends the 4 rows once more\n"
    );
    fed(&bench, &format!("{SEND} --json --accept-new-tail"), rows(1, 9)).exits(0).books([9, 9, 0, 0, 0]);
    fed(&bench, &format!("{SEND} --json --accept-new-tail"), rows(1, 9)).exits(0).books([9, 9, 0, 0, 0]);
    fed(&bench, SEND, rows(2, 9)).exits(6);
    let applied = sandbox(&bench);
    assert!(applied.len() == 9 && applied.iter().all(|row| row.times == 1), "{applied:?}");
    // A file that has grown, likewise.
    bench.write("x.ndjson", rows(1, 3));
    let send = "send x.ndjson --to sandbox --progress none --json";
    bench.run(send).exits(0);
    bench.write("x.ndjson", rows(1, 5));
    bench.run(&format!("{send} --accept-new-tail")).exits(0).books([5, 5, 0, 0, 0]);
    bench.run(send).exits(0);
    let applied = bench.sandbox_rows("x.ndjson");
    assert!(applied.len() == 5 && applied.iter().all(|row| row.times == 1), "{applied:?}");
    bench.run("audit x.ndjson.bulkhaul x.ndjson").exits(0);
}

#[test]
fn a_stream_is_called_by_its_name_in_a_status_that_says_how_it_goes_on() {
    let bench = Bench::new();
    let mut run =
        Fed::start(&bench, "send - --format ndjson --to sandbox --state s --progress none --batch-age 20ms");
    run.write("{\"id\":1}\n");
    std::thread::sleep(std::time::Duration::from_millis(700));
    run.signal("-TERM").ends().exits(4);
    let said = bench.run("status s").exits(0).stdout;
    assert!(said.starts_with("standard input to orders-batch: stopped by Ctrl-C or a signal\n"), "{said}");
    let words = "\nto go on, feed the same stream again from its start to:\nbulkhaul send - ";
    assert!(said.contains(words), "{said}");
    let json = bench.run("status s --json").exits(0).summary();
    assert_eq!((&json["stopped_by"], &json["inputs"][0]), (&"signal".into(), &"-".into()));
}
