//! `--spool`: standard input is copied first, and loses nothing by what happens meanwhile.

use super::pipes::{Fed, SEND, fed, rows, sandbox};
use crate::support::Bench;
use std::time::Duration;

#[test]
fn a_copied_pipe_goes_on_without_its_producer_under_the_keys_of_the_file() {
    let bench = Bench::with("x.ndjson", rows(1, 10));
    let send = format!("{SEND} --json --spool --batch-rows 3");
    let first = fed(&bench, &format!("{send} --limit 3"), rows(1, 10)).exits(0);
    assert!(first.stderr.starts_with("standard input is copied: 182 bytes in s/stdin\n"), "{}", first.stderr);
    let second = fed(&bench, &send, "").exits(0).books([10, 10, 0, 0, 0]).summary();
    let file = bench.run("send x.ndjson --to sandbox --progress none --json").exits(0).summary();
    assert_eq!(second["import_id"], file["import_id"]);
    assert_eq!(sandbox(&bench).len(), 10);
    let same = fed(&bench, &send, rows(1, 10)).exits(0);
    assert!(same.stderr.contains("nothing to do"), "{}", same.stderr);
    let refused = fed(&bench, &send, rows(1, 11)).exits(6);
    assert!(
        refused.stderr.starts_with("error: standard input is not what was copied from it before\n"),
        "{}",
        refused.stderr
    );
}

#[test]
fn a_pipe_that_is_killed_while_it_is_copied_has_sent_nothing_and_is_copied_anew() {
    let bench = Bench::new();
    let send = format!("{SEND} --json --spool");
    let mut run = Fed::start(&bench, &send);
    run.write(rows(1, 5));
    while !bench.path("s/stdin.part").metadata().is_ok_and(|part| part.len() > 0) {
        std::thread::sleep(Duration::from_millis(5));
    }
    let stopped = run.signal("-TERM").ends().exits(4);
    assert!(stopped.stderr.contains("nothing was sent"), "{}", stopped.stderr);
    fed(&bench, &send, rows(1, 7)).exits(0).books([7, 7, 0, 0, 0]);
}

/// A producer that dies with the run, or is forgotten, is no end.
#[test]
fn a_copy_that_was_broken_off_is_not_complete_with_less_than_had_come() {
    let bench = Bench::new();
    let send = format!("{SEND} --json --spool");
    let mut run = Fed::start(&bench, &send);
    run.write(rows(1, 5));
    while !bench.path("s/stdin.part").metadata().is_ok_and(|part| part.len() == 90) {
        std::thread::sleep(Duration::from_millis(5));
    }
    let stopped = run.signal("-TERM").ends().exits(4);
    let feed_again = format!("to go on, feed the same stream again from its start to:\nbulkhaul {send}\n");
    assert!(stopped.stderr.ends_with(&feed_again), "{}", stopped.stderr);
    for (come, bytes) in [(String::new(), "0 bytes"), (rows(1, 4), "72 bytes")] {
        let short = fed(&bench, &send, come).exits(4);
        assert_eq!(
            short.stderr,
            format!(
                "stopped: standard input has ended after {bytes}, and a run before had read 90 of it; nothing was \
                 sent\nhint: what has come is kept; if that is really all of it now, rm s/stdin.part first\n{feed_again}"
            )
        );
        assert_eq!(short.summary()["stopped_by"], "input");
    }
    fed(&bench, &send, rows(1, 6)).exits(0).books([6, 6, 0, 0, 0]);
    assert!(!bench.path("s/stdin.part").exists());
    // Other rows are another stream: nothing of the first was sent.
    let bench = Bench::new();
    std::fs::create_dir(bench.path("s")).unwrap();
    bench.write("s/stdin.part", rows(1, 5));
    fed(&bench, &send, rows(2, 4)).exits(0).books([3, 3, 0, 0, 0]);
    assert_eq!(bench.read("s/stdin"), rows(2, 4));
}

#[test]
fn the_copy_of_a_pipe_is_replaced_only_by_one_with_which_its_import_goes_on() {
    let bench = Bench::new();
    let send = "send - --format csv --to sandbox --state s --progress none --json --spool";
    fed(&bench, send, "id,n\n1,a\n2,b").exits(0).books([2, 2, 0, 0, 0]);
    // Another last row; another mapping; an import once more, of what is no CSV.
    let refusals = [
        (send.to_owned() + " --accept-new-tail", "id,n\n1,a\n2,bc\n3,d\n", 6),
        (send.to_owned() + " --accept-new-tail --type id=integer", "id,n\n1,a\n2,b\n3,d\n", 6),
        (send.to_owned() + " --again", "id,id\n1,a\n", 1),
    ];
    for (command, stream, code) in refusals {
        fed(&bench, &command, stream).exits(code);
        assert_eq!(bench.read("s/stdin"), "id,n\n1,a\n2,b", "{command}");
        fed(&bench, send, "id,n\n1,a\n2,b").exits(0).books([2, 2, 0, 0, 0]);
        bench.run("audit s s/stdin --format csv").exits(0);
    }
    let grown = format!("{send} --accept-new-tail");
    fed(&bench, &grown, "id,n\n1,a\n2,b\n3,d\n").exits(0).books([3, 3, 0, 0, 0]);
    fed(&bench, &format!("{send} --again"), "id,n\n7,x\n").exits(0).books([1, 1, 0, 0, 0]);
    assert!(std::fs::read_dir(bench.path("s")).unwrap().all(|file| {
        let name = file.unwrap().file_name().into_string().unwrap();
        !name.starts_with("stdin") || name == "stdin"
    }));
}

/// Once more means once more, also where Ctrl-C came first.
#[test]
fn an_import_once_more_that_was_broken_off_while_it_was_copied_is_what_goes_on() {
    let bench = Bench::new();
    let send = format!("{SEND} --json --spool");
    fed(&bench, &send, rows(1, 3)).exits(0);
    let mut run = Fed::start(&bench, &format!("{send} --again"));
    run.write(rows(4, 5));
    while !bench.path("s/stdin.part").metadata().is_ok_and(|part| part.len() > 0) {
        std::thread::sleep(Duration::from_millis(5));
    }
    let stopped = run.signal("-TERM").ends().exits(4);
    assert!(stopped.stderr.ends_with("--spool --again\n"), "{}", stopped.stderr);
    fed(&bench, &format!("{send} --again"), "").exits(4);
    fed(&bench, &send, rows(1, 3)).exits(0).books([3, 3, 0, 0, 0]);
    fed(&bench, &format!("{send} --again"), rows(4, 6)).exits(0).books([3, 3, 0, 0, 0]);
}
