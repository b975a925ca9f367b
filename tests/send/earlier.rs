//! What earlier imports of a state have left, when another input follows: rows in doubt of a stream that cannot come again,
//! and dead letters of rows that the next input does not have.

use crate::support::server::{Answer, Server};
use crate::support::{Bench, Said, said};
use serde_json::json;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// A target without keys that loses answers (1), refuses rows with odd numbers (2), or takes everything, as the phase says.
fn target() -> (Server, Arc<AtomicU8>) {
    let phase: Arc<AtomicU8> = Arc::default();
    let now = Arc::clone(&phase);
    let server = Server::saying(move |got, _| {
        let is_odd = ["1", "3"].iter().any(|odd| got.body.contains(&format!("{odd}}}")));
        match now.load(Ordering::SeqCst) {
            1 => None,
            2 if is_odd => Some(Answer::json(422, &json!({}))),
            _ => Some(Answer::json(200, &json!({}))),
        }
    });
    (server, phase)
}

fn lines(rows: std::ops::Range<u32>) -> String {
    rows.fold(String::new(), |mut text, row| {
        let _ = writeln!(text, "{{\"id\":{row}}}");
        text
    })
}

fn fed(bench: &Bench, arguments: &str, rows: &str) -> Said {
    let mut command = bench.command(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(rows.as_bytes()).unwrap();
    said(child.wait_with_output().unwrap())
}

fn times(server: &Server, id: u32) -> usize {
    server.requests().iter().filter(|got| got.body.contains(&format!("\"id\":{id}}}"))).count()
}

#[test]
fn rows_in_doubt_of_a_stream_are_told_and_taken_up_though_another_stream_has_followed() {
    for (way, sent) in [("--on-ambiguous resend", 2), ("--verdict missing", 1), ("--verdict applied", 1)] {
        let (server, phase) = target();
        let bench = Bench::new();
        let to = format!("--to {} --state s --batch-rows 1 --progress none --json", server.url());
        let send = format!("send - --format ndjson {to}");
        phase.store(1, Ordering::SeqCst);
        fed(&bench, &send, &lines(10..13)).exits(5).books([3, 0, 0, 3, 0]);
        phase.store(0, Ordering::SeqCst);
        fed(&bench, &format!("{send} --new-stream"), &lines(20..23)).exits(0).books([3, 3, 0, 0, 0]);
        let rejects = bench.run("rejects s").exits(0);
        assert!(rejects.stdout.contains("3 rows in doubt"), "{rejects:?}");
        let status = bench.run("status s").exits(0);
        assert!(status.stdout.contains("3 rows in doubt"), "{status:?}");
        let exit = if way.ends_with("missing") { 3 } else { 0 };
        fed(&bench, &format!("{send} {way}"), &lines(20..23)).exits(exit).books([3, 3, 0, 0, 0]);
        assert_eq!(times(&server, 11), sent, "{way}");
        let replayed = bench.run(&format!("replay s {to}")).exits(0);
        assert_eq!(times(&server, 11), if way == "--verdict applied" { 1 } else { 2 }, "{way}: {replayed:?}");
        assert!(!bench.run("rejects s").exits(0).stdout.contains("in doubt"), "{way}");
        fed(&bench, &format!("{send} {way}"), &lines(20..23)).exits(0);
        assert_eq!(
            (times(&server, 11), times(&server, 21)),
            (if way.ends_with("applied") { 1 } else { 2 }, 1)
        );
    }
}

/// Of a stream that another one has followed three rows are in doubt, and were being sent again when the run was killed.
fn killed(bench: &Bench, server: &Server, phase: &AtomicU8) -> String {
    let to = format!("--to {} --state s --batch-rows 1 -j 1 --progress none --json", server.url());
    let send = format!("send - --format ndjson {to}");
    phase.store(1, Ordering::SeqCst);
    fed(bench, &send, &lines(10..13)).exits(5);
    phase.store(0, Ordering::SeqCst);
    fed(bench, &format!("{send} --new-stream"), &lines(20..23)).exits(0);
    phase.store(1, Ordering::SeqCst);
    let before = server.requests().len();
    let rows = std::fs::File::open({
        bench.write("rows", lines(20..23));
        bench.path("rows")
    });
    let mut child =
        bench.command(&format!("{send} --on-ambiguous resend -q")).stdin(rows.unwrap()).spawn().unwrap();
    while server.requests().len() == before {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    phase.store(0, Ordering::SeqCst);
    send
}

#[test]
fn a_stream_whose_doubts_were_being_taken_up_when_the_run_was_killed_comes_to_its_end() {
    let (server, phase) = target();
    let bench = Bench::new();
    let send = killed(&bench, &server, &phase);
    // Of rows that are under way nobody can say what became of them.
    let before = server.requests().len();
    let said = fed(&bench, &format!("{send} --verdict applied"), &lines(20..23)).exits(1);
    assert!(said.stderr.contains("was being taken up when a run ended"), "{said:?}");
    assert_eq!(server.requests().len(), before);
    // Those whose answer was lost once more are in doubt, and the others are sent.
    let said = fed(&bench, &send, &lines(20..23));
    assert!([0, 5].contains(&said.exit), "{said:?}");
    fed(&bench, &format!("{send} --on-ambiguous resend"), &lines(20..23)).exits(0);
    for id in 10..13 {
        assert!(times(&server, id) >= 2, "{id}");
    }
    assert!(!bench.run("rejects s").exits(0).stdout.contains("in doubt"));
}

#[test]
fn status_tells_apart_what_was_being_taken_up_of_an_earlier_stream_and_abandon_gives_it_up() {
    let (server, phase) = target();
    let bench = Bench::new();
    let send = killed(&bench, &server, &phase);
    let status = bench.run("status s").exits(0).stdout;
    assert!(
        !status.contains("in doubt") && status.contains("3 rows of an earlier stream were being"),
        "{status}"
    );
    let earlier = |bench: &Bench| bench.run("status s --json").exits(0).summary()["earlier_streams"].clone();
    assert_eq!(earlier(&bench), json!({"in_doubt": 0, "pending": 3}));
    let said = fed(&bench, &format!("{send} --abandon"), "").exits(0).books([3, 0, 0, 0, 3]);
    assert!(
        said.stderr.contains("the earlier stream (import 1) is abandoned: 0 rows delivered, 3 pending, and may have been applied\n"),
        "{said:?}"
    );
    assert_eq!(earlier(&bench), json!({"in_doubt": 0, "pending": 0}));
    let before = server.requests().len();
    fed(&bench, &send, &lines(20..23)).exits(0).books([3, 3, 0, 0, 0]);
    assert_eq!(server.requests().len(), before);
    let said = fed(&bench, &format!("{send} --abandon"), "").exits(1);
    assert!(said.stderr.contains("there is nothing to abandon"), "{said:?}");
}

#[test]
fn again_with_another_copied_stream_leaves_what_was_refused_of_the_one_before_open() {
    let (server, phase) = target();
    let bench = Bench::new();
    let to = format!("--to {} --state s --progress none", server.url());
    let send = format!("send - --format ndjson --spool --batch-rows 1 --json {to}");
    let feed = |more: &str, rows: &str| fed(&bench, &format!("{send} {more}"), rows);
    phase.store(2, Ordering::SeqCst);
    feed("", &lines(0..4)).exits(3).books([4, 2, 2, 0, 0]);
    phase.store(0, Ordering::SeqCst);
    let said = feed("--again", &lines(10..14)).exits(0).books([4, 4, 0, 0, 0]);
    assert!(said.stderr.contains("what was refused of the input before is still open"), "{said:?}");
    bench.run(&format!("replay s {to}")).exits(0);
    assert_eq!([1, 3].map(|id| times(&server, id)), [2, 2]);
    // The same once more, and more behind it: all of it goes again.
    phase.store(2, Ordering::SeqCst);
    feed("--again", &lines(10..14)).exits(3);
    phase.store(0, Ordering::SeqCst);
    feed("--again", &lines(10..15)).exits(0);
    let said = bench.run(&format!("replay s {to}")).exits(0);
    assert!(said.stderr.contains("nothing to replay"), "{said:?}");
}

#[test]
fn again_takes_over_what_was_refused_of_a_file_however_it_is_spelled() {
    for other in ["./a.ndjson", "a.ndjson b.ndjson", "?.ndjson"] {
        let (server, phase) = target();
        let bench = Bench::with("a.ndjson", lines(0..4));
        bench.write("b.ndjson", lines(20..21));
        let to = format!("--to {} --state s --batch-rows 1 --progress none", server.url());
        phase.store(2, Ordering::SeqCst);
        bench.run(&format!("send a.ndjson {to}")).exits(3);
        phase.store(0, Ordering::SeqCst);
        bench.run(&format!("send {other} {to} --again")).exits(0);
        bench.run(&format!("replay s --to {} --progress none", server.url())).exits(0);
        assert_eq!([0, 1, 2, 3].map(|id| times(&server, id)), [2, 2, 2, 2], "{other}");
    }
}

#[test]
fn the_stream_just_before_a_new_one_is_taken_up_in_the_same_run() {
    let (server, phase) = target();
    let bench = Bench::new();
    let send =
        format!("send - --format ndjson --to {} --state s --batch-rows 1 --progress none", server.url());
    phase.store(1, Ordering::SeqCst);
    fed(&bench, &send, &lines(10..11)).exits(5);
    phase.store(0, Ordering::SeqCst);
    fed(&bench, &format!("{send} --new-stream --on-ambiguous resend"), &lines(20..21)).exits(0);
    assert_eq!((times(&server, 10), times(&server, 20)), (2, 1));
    assert!(!bench.run("rejects s").exits(0).stdout.contains("in doubt"));
}
