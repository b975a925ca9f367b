//! Standard input: rows are sent as they come, and a run may end at any moment; fed again, each row is applied once.

use crate::support::scripted::Scripted;
use crate::support::scripted::Step::Says;
use crate::support::{Applied, Bench, Said, applied, said};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write;
use std::process::{Child, ChildStdin, Stdio};
use std::time::{Duration, Instant};

pub(super) const SEND: &str = "send - --format ndjson --to sandbox --state s --progress none";

/// NDJSON rows with these numbers.
pub(super) fn rows(from: u64, to: u64) -> String {
    let mut text = String::new();
    for row in from..=to {
        writeln!(text, "{{\"id\":\"r{row}\",\"n\":{row}}}").unwrap();
    }
    text
}

/// A run, and the end of its pipe.
pub(super) struct Fed {
    pub(super) child: Child,
    pub(super) stdin: Option<ChildStdin>,
}

impl Fed {
    pub(super) fn start(bench: &Bench, arguments: &str) -> Self {
        let mut command = bench.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdin = child.stdin.take();
        Self { child, stdin }
    }

    /// Whatever it takes of this; it may have gone.
    pub(super) fn write(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let stdin = self.stdin.as_mut().unwrap();
        let _ = stdin.write_all(bytes.as_ref()).and_then(|()| stdin.flush());
        self
    }

    pub(super) fn signal(&mut self, name: &str) -> &mut Self {
        std::process::Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        self
    }

    /// What it said, with its pipe still open.
    pub(super) fn ends(&mut self) -> Said {
        let until = Instant::now() + Duration::from_secs(20);
        while self.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < until, "it does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
        let mut output =
            std::process::Output { status: self.child.wait().unwrap(), stdout: vec![], stderr: vec![] };
        std::io::copy(self.child.stdout.as_mut().unwrap(), &mut output.stdout).unwrap();
        std::io::copy(self.child.stderr.as_mut().unwrap(), &mut output.stderr).unwrap();
        said(output)
    }

    fn finish(mut self) -> Said {
        self.stdin = None;
        self.ends()
    }
}

pub(super) fn fed(bench: &Bench, arguments: &str, bytes: impl AsRef<[u8]>) -> Said {
    let mut run = Fed::start(bench, arguments);
    run.write(bytes);
    run.finish()
}

pub(super) fn sandbox(bench: &Bench) -> Vec<Applied> {
    applied(&bench.path("s/sandbox.db"))
}

pub(super) fn ledger(bench: &Bench, sql: &str) -> Vec<String> {
    let db = rusqlite::Connection::open(bench.path("s/ledger.db")).unwrap();
    let mut select = db.prepare(sql).unwrap();
    let rows = select.query_map([], |row| row.get::<_, rusqlite::types::Value>(0)).unwrap();
    rows.map(|value| match value.unwrap() {
        rusqlite::types::Value::Text(text) => text,
        other => format!("{other:?}"),
    })
    .collect()
}

/// Waits until the status says that so many rows have been delivered.
fn until_delivered(bench: &Bench, rows: u64) {
    let until = Instant::now() + Duration::from_secs(20);
    let status = bench.path("s/status.json");
    loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let told: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        if told["rows"]["delivered"] == rows {
            return;
        }
        assert!(Instant::now() < until, "{text}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn rows_go_in_batches_closed_by_rows_bytes_and_the_end() {
    let bench = Bench::new();
    let send = format!("{SEND} --json --batch-bytes 83");
    fed(&bench, &send, rows(1, 10)).exits(0).books([10, 10, 0, 0, 0]);
    assert_eq!(ledger(&bench, "SELECT close FROM batch ORDER BY seq"), ["bytes", "bytes", "bytes", "end"]);
    let bench = Bench::new();
    fed(&bench, &format!("{SEND} --batch-rows 4"), rows(1, 10)).exits(0);
    assert_eq!(ledger(&bench, "SELECT close FROM batch ORDER BY seq"), ["rows", "rows", "end"]);
    assert_eq!(ledger(&bench, "SELECT seq FROM kept"), [""; 0]);
}

#[test]
fn a_batch_is_closed_by_its_age_though_nothing_more_comes() {
    let bench = Bench::new();
    let mut run = Fed::start(&bench, &format!("{SEND} --json --batch-age 200ms"));
    run.write(rows(1, 3)).write("{\"id\":\"half");
    until_delivered(&bench, 3);
    run.write(" a row\",\"n\":4}\n");
    until_delivered(&bench, 4);
    run.finish().exits(0).books([4, 4, 0, 0, 0]);
    assert_eq!(ledger(&bench, "SELECT close FROM batch"), ["age", "age"]);
    assert_eq!(sandbox(&bench)[3].row, r#"{"id":"half a row","n":4}"#);
}

#[test]
fn a_producer_that_never_pauses_does_not_put_the_age_off() {
    let bench = Bench::new();
    let mut run = Fed::start(&bench, &format!("{SEND} --batch-rows 100000 --batch-age 100ms"));
    let begun = Instant::now();
    for row in 1..=100 {
        run.write(rows(row, row));
        std::thread::sleep(Duration::from_millis(5));
    }
    run.finish().exits(0);
    let ages = ledger(&bench, "SELECT seq FROM batch WHERE close = 'age'").len();
    let most = 1 + begun.elapsed().as_millis() / 100;
    assert!((2..=most).contains(&(ages as u128)), "{ages} batches, and at most {most} have come of age");
}

#[test]
fn a_termination_of_an_idle_pipe_writes_down_what_was_read_and_leaves_half_a_record() {
    let bench = Bench::new();
    let mut run = Fed::start(&bench, &format!("{SEND} --json"));
    run.write(rows(1, 3)).write("{\"id\":\"ha");
    while !bench.path("s/status.json").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(200));
    let begun = Instant::now();
    let stopped = run.signal("-TERM").ends().exits(4).books([3, 0, 0, 0, 3]);
    assert!(begun.elapsed() < Duration::from_secs(2), "its age of 5 s is not waited for");
    assert_eq!(stopped.summary()["stopped_by"], "signal");
    let end = "stopped: interrupted; what was in flight has been settled\n\
               to go on, feed the same stream again from its start (what was read of it is passed over) to:\n\
               bulkhaul send - --format ndjson --to sandbox --state s --progress none --json\n";
    assert!(stopped.stderr.ends_with(end), "{}", stopped.stderr);
    assert_eq!(ledger(&bench, "SELECT close FROM batch"), ["signal"]);
    let all = format!("{}{{\"id\":\"half\",\"n\":4}}\n", rows(1, 3));
    fed(&bench, &format!("{SEND} --json"), all).exits(0).books([4, 4, 0, 0, 0]);
    assert!(sandbox(&bench).iter().all(|row| row.times == 1));
}

#[test]
fn a_termination_before_anything_came_says_how_to_go_on() {
    let bench = Bench::new();
    let mut run = Fed::start(&bench, "send - --format csv --to sandbox --state s --progress none --json");
    while !bench.path("s/sandbox.db").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(100));
    let stopped = run.signal("-TERM").ends().exits(4);
    assert_eq!(stopped.summary()["stopped_by"], "signal");
    assert!(
        stopped.stderr.starts_with(
            "stopped: interrupted before standard input had come far enough; nothing was sent\n"
        ),
        "{}",
        stopped.stderr
    );
    assert!(stopped.stderr.ends_with("--progress none --json\n"), "{}", stopped.stderr);
}

#[test]
fn another_stream_than_the_one_before_exits_6_and_nothing_is_sent() {
    let bench = Bench::new();
    let said = fed(&bench, &format!("{SEND} --limit 2"), rows(1, 4)).exits(0).stderr;
    assert!(said.contains("to go on behind it, feed the same stream again from its start"), "{said}");
    for short in [rows(1, 1), String::new()] {
        let refused = fed(&bench, SEND, short).exits(6);
        let words =
            "error: standard input has ended before the end of the 2 rows that were read of it before\n";
        assert!(refused.stderr.starts_with(words), "{refused:?}");
    }
    for other in [rows(2, 5), rows(3, 6)] {
        let refused = fed(&bench, SEND, other).exits(6);
        assert_eq!(
            refused.stderr,
            "error: standard input does not begin with what was read of it before\n\
             hint: feed the same stream again from its start to go on; if it is a queue that goes on by itself, \
             --new-stream settles what was written down and begins with what comes now; --abandon gives the import up\n"
        );
    }
    assert_eq!(sandbox(&bench).len(), 2);
    fed(&bench, &format!("{SEND} --json"), rows(1, 4)).exits(0).books([4, 4, 0, 0, 0]);
}

#[test]
fn a_finished_pipe_fed_again_sends_nothing_and_another_one_exits_6() {
    let bench = Bench::new();
    let bad = format!("{}{{\"id\":\"b\",\"amount\":\"-5\"}}\n", rows(1, 3));
    fed(&bench, SEND, &bad).exits(3);
    let again = fed(&bench, SEND, &bad).exits(3);
    assert_eq!(again.stderr, "nothing to do: this import is complete (3 of 4 rows delivered, 1 refused)\n");
    let other = fed(&bench, SEND, rows(1, 5)).exits(6);
    assert!(
        other.stderr.starts_with("error: the import here is finished, and standard input is not the stream"),
        "{other:?}"
    );
    let again = fed(&bench, &format!("{SEND} --again --json"), &bad).exits(3).summary();
    assert_eq!((&again["import"], &again["rows"]["delivered"]), (&2.into(), &3.into()));
    let times: HashMap<u64, usize> = sandbox(&bench).iter().fold(HashMap::new(), |mut times, row| {
        *times.entry(row.times).or_default() += 1;
        times
    });
    assert_eq!(times, HashMap::from([(2, 6)]), "three rows, each twice");
}

#[test]
fn a_new_stream_settles_what_was_written_down_and_begins_with_what_comes() {
    let bench = Bench::new();
    let send = format!("{SEND} --json --new-stream");
    let mut run = Fed::start(&bench, &send);
    run.write(rows(1, 3)).write("{\"id\":\"b\",\"amount\":\"-5\"}\n");
    while !bench.path("s/status.json").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(200));
    run.signal("-TERM").ends().exits(4).books([4, 0, 0, 0, 4]);
    let next = fed(&bench, &send, rows(4, 6)).exits(3).books([3, 3, 0, 0, 0]);
    assert_eq!((&next.summary()["import"], &next.summary()["exit"]), (&2.into(), &3.into()));
    assert!(
        next.stderr.starts_with("first what the last run wrote down: 0 rows delivered, 4 pending\n"),
        "{next:?}"
    );
    assert_eq!(sandbox(&bench).len(), 6);
    let last = fed(&bench, &send, "").exits(0).summary();
    assert_eq!(last["import"], 3);
}

#[test]
fn a_stream_and_a_file_are_not_the_same_input() {
    let bench = Bench::with("x.ndjson", rows(1, 3));
    fed(&bench, &format!("{SEND} --limit 2"), rows(1, 3)).exits(0);
    let refused = bench.run("send x.ndjson --to sandbox --state s --progress none").exits(6);
    assert!(
        refused.stderr.starts_with("error: the import here reads standard input as it comes"),
        "{refused:?}"
    );
}

#[test]
fn a_pipe_that_ends_before_its_rows_have_come_is_not_complete() {
    for spool in ["", " --spool"] {
        let bench = Bench::new();
        let send = format!("{SEND} --json --expect-rows 10{spool}");
        let short = fed(&bench, &send, rows(1, 9)).exits(4).books([9, 9, 0, 0, 0]);
        assert_eq!(short.summary()["stopped_by"], "expect-rows");
        assert!(
            short.stderr.contains("stopped: the input ended after 9 rows, and 10 were expected\n"),
            "{}",
            short.stderr
        );
        let again = if spool.is_empty() { send } else { format!("{send} --accept-new-tail") };
        fed(&bench, &again, rows(1, 10)).exits(0).books([10, 10, 0, 0, 0]);
        assert!(sandbox(&bench).iter().all(|row| row.times == 1));
    }
}

#[test]
fn a_row_that_was_half_written_when_fewer_came_than_are_expected_is_sent_whole_or_not_at_all() {
    let csv = "id,name\nr1,first\nr2,second\n\nr3,third\nr4,\"the fourth\"\nr5,last\n";
    let json = rows(1, 5);
    for (format, whole, broken) in [
        ("ndjson", json.as_str(), r#""n":3"#),
        ("ndjson", &json, "\n{\"id\":\"r4"),
        ("csv", csv, "ird\nr4"),
        ("csv", csv, "3,third"),
        ("csv", csv, "\nr4,\"the"),
        ("csv", csv, " fourth"),
    ] {
        let come = &whole[..whole.find(broken).unwrap()];
        for (more, goes_on) in [("", ""), (" --spool", " --accept-new-tail")] {
            let bench = Bench::new();
            let to = "--to sandbox --state s --progress none --json";
            let send = format!("send - --format {format} --expect-rows 5{more} {to}");
            let short = fed(&bench, &send, come).exits(4).summary();
            let (read, rejected) = (short["rows"]["read"].as_u64().unwrap(), &short["rows"]["rejected"]);
            assert!((2..=3).contains(&read) && *rejected == 0, "{broken}: {short}");
            let resume = short["resume"].as_str().unwrap().strip_prefix("bulkhaul ").unwrap();
            assert_eq!(resume, send.clone() + goes_on);
            fed(&bench, resume, whole).exits(0).books([5, 5, 0, 0, 0]);
            let got = sandbox(&bench);
            assert!(got.len() == 5 && got.iter().all(|row| row.times == 1), "{broken}: {got:?}");
            assert!(format == "ndjson" || got[2].row.contains("\"third\""), "{got:?}");
        }
    }
    // Of as many as are expected the last needs no line end, nor where nobody has counted.
    for counted in ["--expect-rows 5", ""] {
        let send = format!("{SEND} --json {counted}");
        fed(&Bench::new(), &send, json.trim_end()).exits(0).books([5, 5, 0, 0, 0]);
    }
}

#[test]
fn a_file_that_lacks_the_end_of_its_last_row_goes_on_once_it_is_whole() {
    let bench = Bench::with("x.ndjson", &rows(1, 4)[..50]);
    let send = "send x.ndjson --to sandbox --progress none --expect-rows 4";
    let short = bench.run(send).exits(4);
    assert!(short.stderr.ends_with(&format!("{send} --accept-new-tail\n")), "{short:?}");
    bench.write("x.ndjson", rows(1, 4));
    bench.run(&format!("{send} --accept-new-tail --json")).exits(0).books([4, 4, 0, 0, 0]);
    bench.run("audit x.ndjson.bulkhaul x.ndjson").exits(0);
}

#[test]
fn packed_streams_are_told_by_their_first_bytes() {
    use flate2::write::GzEncoder;
    let mut packed = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(rows(1, 300).as_bytes()).unwrap();
    let gzip = packed.finish().unwrap();
    let zstd = zstd::encode_all(rows(1, 300).as_bytes(), 1).unwrap();
    for packed in [gzip, zstd] {
        for spool in ["", " --spool"] {
            let bench = Bench::new();
            let send = format!("{SEND} --json --batch-age 20ms{spool}");
            let mut run = Fed::start(&bench, &send);
            let half = packed.len() / 2;
            run.write(&packed[..3]);
            std::thread::sleep(Duration::from_millis(30));
            run.write(&packed[3..half]);
            std::thread::sleep(Duration::from_millis(60));
            run.write(&packed[half..]);
            run.finish().exits(0).books([300, 300, 0, 0, 0]);
            let cut = Bench::new();
            let torn = fed(&cut, &send, &packed[..half]).exits(1);
            assert!(torn.stderr.contains("`-`: the ") || torn.stderr.contains("stdin"), "{}", torn.stderr);
            assert!(torn.stderr.contains("data ends too early"), "{}", torn.stderr);
        }
    }
}

#[test]
fn an_open_quote_at_the_end_is_an_error_and_what_was_before_it_is_sent() {
    let bench = Bench::new();
    let send = "send - --format csv --to sandbox --state s --progress none --json";
    let broken = fed(&bench, send, "id,name\n1,a\n2,\"open\n3,c\n").exits(1).books([1, 1, 0, 0, 0]);
    assert!(
        broken.stderr.ends_with(
            "error: input `-`: the quote opened on line 3 is never closed\n\
             hint: close the quote at byte 14, or double it if it is part of the text\n"
        ),
        "{}",
        broken.stderr
    );
    fed(&bench, send, "id,name\n1,a\n2,\"open\"\n3,c\n").exits(0).books([3, 3, 0, 0, 0]);
}

#[test]
fn half_a_line_and_broken_utf8_are_dead_letters() {
    let bench = Bench::new();
    let text = b"{\"id\":1}\n{\"id\":\"\xff\"}\n{\"id\":2,\"na";
    fed(&bench, &format!("{SEND} --json"), text).exits(3).books([3, 1, 2, 0, 0]);
    let letters: Vec<serde_json::Value> =
        bench.read("s/dead-letters.ndjson").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |letter: &serde_json::Value| {
        (letter["error"]["code"].clone(), letter["source"]["input"].clone(), letter["source"]["row"].clone())
    };
    assert_eq!(of(&letters[0]), ("invalid_utf8".into(), "-".into(), 2.into()));
    assert_eq!(of(&letters[1]), ("invalid_json".into(), "-".into(), 3.into()));
    assert_eq!(letters[1]["raw"], "{\"id\":2,\"na");
}

#[test]
fn what_does_not_go_with_standard_input_is_wrong_usage() {
    let bench = Bench::with("x.ndjson", rows(1, 1));
    let cases = [
        (
            "send - --format ndjson --to sandbox",
            "error: standard input has no name to keep the import's state beside\n\
             hint: say where it is kept: --state DIR, the same one each time\n",
        ),
        (
            "send - --to sandbox --state s",
            "error: the format of `-` cannot be told from its name\nhint: say --format csv, tsv or ndjson\n",
        ),
        (
            "send - x.ndjson --to sandbox --state s --format ndjson",
            "error: `-` goes with no other input\n\
             hint: let one program put them together: cat a.csv b.csv | bulkhaul send - …\n",
        ),
        ("send x.ndjson --to sandbox --spool", "error: `--spool` is for standard input, the input `-`\n"),
        (
            "send x.ndjson --to sandbox --new-stream",
            "error: `--new-stream` is for standard input, the input `-`\n",
        ),
    ];
    for (arguments, words) in cases {
        assert_eq!(fed(&bench, arguments, rows(1, 1)).exits(2).stderr, words);
    }
    assert!(!bench.path("s").exists());
}

#[test]
fn rows_in_doubt_of_a_pipe_are_taken_up_without_it() {
    use crate::support::scripted::{Scripted, Step};
    let ok = Step::Says("200 OK", "content-type: application/json\r\n", "{}");
    let server = Scripted::start(&[Step::Loses, ok]);
    let bench = Bench::new();
    let send = format!("send - --format ndjson --to {}/rows --state s --progress none --json", server.url);
    fed(&bench, &send, rows(1, 3)).exits(5).books([3, 0, 0, 3, 0]);
    fed(&bench, &format!("{send} --on-ambiguous resend"), "").exits(0).books([3, 3, 0, 0, 0]);
    assert_eq!(server.got()[0].body, server.got()[1].body);
}

#[test]
fn a_stream_that_a_stopped_run_saw_end_may_have_more_when_it_is_fed_again() {
    let bench = Bench::new();
    let refused = Says("401 Unauthorized", "", "");
    let server = Scripted::start(&[refused.clone(), refused, Says("200 OK", "", "{}")]);
    let send = format!(
        "send - --format ndjson --idempotency-header Key --state s --progress none --json --to {}/rows",
        server.url
    );
    // The producer has died, and the end of its stream is in the ledger.
    for _ in 0..2 {
        fed(&bench, &send, rows(1, 3)).exits(1).books([3, 0, 0, 0, 3]);
    }
    assert_eq!(ledger(&bench, "SELECT drained FROM import"), ["Integer(1)"]);
    fed(&bench, &send, rows(1, 40)).exits(0).books([40, 40, 0, 0, 0]);
    fed(&bench, &send, rows(1, 40)).exits(0).books([40, 40, 0, 0, 0]);
    assert_eq!(server.got().len(), 4);
}

#[test]
fn a_stream_that_ends_before_what_was_read_of_it_is_told_as_such() {
    let bench = Bench::with("x", "");
    let send = "send - --format ndjson --state s --to sandbox --progress none";
    let fed = |text: &str| {
        bench.write("x", text);
        let mut command = bench.command(send);
        command.stdin(std::fs::File::open(bench.path("x")).unwrap());
        crate::support::said(command.output().unwrap())
    };
    fed("{\"a\":1}\n{\"a\":2}\n").exits(0);
    let said = fed("{\"a\":1}\n").exits(6);
    let words = "error: standard input has ended before the end of the 2 rows that were read of it before\nhint: nothing was sent; ";
    assert!(said.stderr.starts_with(words), "{said:?}");
    // Of another one it is not said.
    let said = fed("{\"a\":3}\n{\"a\":4}\n").exits(6);
    assert!(said.stderr.contains("standard input is not the stream that it read"), "{said:?}");
}
