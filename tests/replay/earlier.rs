//! Rows that an earlier import of the state left refused: they are open until somebody has delivered them, or a later
//! import has taken them over.

use super::REPLAY;
use super::doubt::{COUNTS_ONE, GOOD};
use super::piped::piped;
use crate::support::Bench;
use crate::support::scripted::Scripted;
use crate::support::scripted::Step::Says;
use serde_json::Value;

/// Rows that `rejects` and `status` call open, of earlier imports and of all.
#[track_caller]
fn open(bench: &Bench, state: &str, expected: [u64; 2]) {
    let rejects = bench.run(&format!("rejects {state} --json")).exits(0).summary();
    let status = bench.run(&format!("status {state} --json")).exits(0).summary();
    let of = |value: &Value| value.as_u64().unwrap();
    assert_eq!([of(&rejects["earlier"]), of(&rejects["open"])], expected, "{rejects}");
    assert_eq!(of(&status["open_earlier"]), expected[0], "{status}");
    let exported = bench.run(&format!("rejects {state} --export ndjson")).exits(0).stdout;
    assert_eq!(exported.lines().count() as u64, expected[1]);
}

#[test]
fn what_was_refused_of_an_earlier_stream_is_open_until_a_replay_delivers_it() {
    let bench = Bench::new();
    let stream =
        "send - --format csv --type amount=number --to sandbox --state s --progress none --new-stream";
    piped(&bench, stream, "id,amount\nr1,1\nr2,-2\n").exits(3);
    piped(&bench, stream, "id,amount\nr3,3\nr4,x\n").exits(3);
    piped(&bench, stream, "id,amount\nr5,5\n").exits(0);
    open(&bench, "s", [2, 2]);
    let said = bench.run("rejects s").exits(0).stdout;
    assert!(
        said.starts_with("s: 2 rows were refused, for 2 reasons; in earlier imports, and still open\n"),
        "{said}"
    );
    let said = bench.run("status s").exits(0).stdout;
    let words = "  earlier  2 rows were refused in earlier imports and are still open: bulkhaul rejects s lists them, too\n";
    assert!((said.clone() + "\n").contains(words.trim_end()), "{said}");
    let letters = bench.read("s/dead-letters.ndjson").replace("-2", "2").replace("\"x\"", "\"4\"");
    bench.write("fixed.ndjson", letters);
    bench.run(&format!("replay fixed.ndjson --state s {REPLAY}")).exits(0).books([2, 2, 0, 0, 0]);
    let rows: Vec<String> =
        crate::support::applied(&bench.path("s/sandbox.db")).into_iter().map(|row| row.row).collect();
    assert!(rows.len() == 5 && rows.contains(&r#"{"id":"r4","amount":4}"#.to_owned()), "{rows:?}");
    open(&bench, "s", [0, 0]);
    let said = bench.run("replay s --to sandbox --progress none").exits(0);
    assert_eq!(said.stderr, "nothing to replay: 2 delivered by earlier replays\n");
}

#[test]
fn an_import_once_more_takes_over_what_was_refused_before() {
    let bench = super::refused("id,city,amount\nr1,x,-1\nr2,y,-2\n");
    bench.write("x.csv", "id,city,amount\nr1,x,-1\nr2,y,2\n");
    bench.run("send x.csv --to sandbox --type amount=number --progress none --again").exits(3);
    open(&bench, "x.csv", [0, 1]);
    // The file has the letters of both.
    let file = bench.run("rejects x.csv.bulkhaul/dead-letters.ndjson --json").exits(0).summary();
    assert_eq!((&file["rows"], &file["open"]), (&1.into(), &1.into()));
    let said = bench.run(&format!("replay x.csv.bulkhaul {REPLAY}")).exits(3).books([1, 0, 1, 0, 0]);
    assert_eq!(said.summary()["replay"]["left_out"]["earlier_imports"], 2);
}

#[test]
fn a_row_of_an_earlier_feed_is_open_unless_a_later_one_has_sent_its_key() {
    let bench = Bench::with("a.csv", "id,amount\nr1,-1\nr2,-2\nr3,3\nr4\n");
    let sync = |file: &str| {
        format!("send {file} --sync id --type amount=number --to sandbox --state s --progress none")
    };
    bench.run(&sync("a.csv")).exits(3);
    open(&bench, "s", [0, 3]);
    // The first is mended, the second gone, of the last nobody knows the key.
    bench.write("b.csv", "id,amount\nr1,1\nr3,3\nr4,4\n");
    bench.run(&sync("b.csv")).exits(0);
    open(&bench, "s", [1, 1]);
    bench.write("c.csv", "id,amount\nr1,1\nr3,3\nr4,4\nr5,-5\n");
    for _ in 0..2 {
        bench.run(&sync("c.csv")).exits(3);
        open(&bench, "s", [1, 2]);
    }
    bench.write("fixed.ndjson", bench.read("s/dead-letters.ndjson").replace("-2", "2"));
    let said = bench.run(&format!("replay fixed.ndjson --state s {REPLAY}")).exits(3).books([2, 1, 1, 0, 0]);
    assert_eq!(said.summary()["replay"]["left_out"]["earlier_imports"], 3);
    open(&bench, "s", [0, 1]);
    // What the replay has delivered is known to the next feed.
    bench.write("d.csv", "id,amount\nr1,1\nr2,2\nr3,3\nr4,4\nr5,5\n");
    bench.run(&sync("d.csv")).exits(0);
    open(&bench, "s", [0, 0]);
    let rows = crate::support::applied(&bench.path("s/sandbox.db"));
    assert!(rows.len() == 5 && rows.iter().all(|row| row.times == 1), "{rows:?}");
}

#[test]
fn an_import_once_more_waits_for_a_replay_in_flight_and_one_that_stands_still_sends_nothing_after_it() {
    use crate::support::scripted::{Scripted, Step::Loses, Step::Says};
    let bench = Bench::with("x.ndjson", "{\"id\":1}\n{\"id\":2}\n");
    let (ok, no) = (Says("200 OK", "", "{}"), Says("422 Unprocessable", "", "{\"error\":\"no\"}"));
    let server = Scripted::start(&[no.clone(), no.clone(), ok.clone()]);
    let to = format!("--to single --url {} --set path=/one --progress none -j 1", server.url);
    bench.run(&format!("send x.ndjson {to}")).exits(3);
    bench.run(&format!("replay x.ndjson.bulkhaul {to} --limit 1")).exits(0);
    bench.run(&format!("send x.ndjson {to} --again")).exits(0);
    assert_eq!(server.got().len(), 5);
    for more in ["", "-n"] {
        let said = bench.run(&format!("replay x.ndjson.bulkhaul {to} {more}")).exits(6);
        let words = "replay 1 is not finished, and a later import has taken over what was open of it\nhint: --abandon";
        assert!(said.stderr.contains(words), "{said:?}");
    }
    bench.run(&format!("replay x.ndjson.bulkhaul {to} --abandon")).exits(0);
    let said = bench.run(&format!("replay x.ndjson.bulkhaul {to}")).exits(0);
    assert!(said.stderr.starts_with("nothing to replay: "), "{said:?}");
    assert_eq!(server.got().len(), 5);

    // One that may still come to another end has to be ended first.
    let bench = Bench::with("x.ndjson", "{\"id\":1}\n");
    let server = Scripted::start(&[no.clone(), Loses]);
    let to = format!("--to single --url {} --set path=/one --progress none", server.url);
    bench.run(&format!("send x.ndjson {to}")).exits(3);
    bench.run(&format!("replay x.ndjson.bulkhaul {to} --max-elapsed 1s")).exits(4);
    let said = bench.run(&format!("send x.ndjson {to} --again")).exits(6);
    assert!(said.stderr.contains("replay 1 of this state is not finished"), "{said:?}");
    let lock = std::fs::File::open(bench.path("x.ndjson.bulkhaul/replays/1/ledger.lock")).unwrap();
    lock.lock().unwrap();
    let said = bench.run(&format!("send x.ndjson {to} --again")).exits(7);
    assert!(said.stderr.contains("a replay of this import runs"), "{said:?}");

    // What it left in doubt is the import's.
    let bench = Bench::with("x.ndjson", "{\"id\":1}\n");
    let server = Scripted::start(&[no, Loses, ok]);
    let to = format!("--to {}/rows --progress none", server.url);
    bench.run(&format!("send x.ndjson {to}")).exits(3);
    bench.run(&format!("replay x.ndjson.bulkhaul {to}")).exits(5);
    bench.run(&format!("send x.ndjson {to} --again")).exits(0);
    let said = bench.run(&format!("replay x.ndjson.bulkhaul {to} --on-ambiguous resend")).exits(6);
    assert!(said.stderr.contains("what replay 1 left in doubt is the import's"), "{said:?}");
    assert_eq!(server.got().len(), 3);
}

#[test]
fn a_row_that_a_later_feed_has_sent_anew_is_not_sent_as_it_was_by_a_letter_of_a_replay() {
    for (newer, older) in [(1, 2), (2, 1)] {
        let server = Scripted::start(&[Says("422 Unprocessable", "", "no"), COUNTS_ONE, GOOD]);
        let bench = Bench::with("x.ndjson", "{\"id\":1,\"v\":0}\n{\"id\":2,\"v\":0}\n");
        let profile = format!(
            "[profile]\nversion = 1\nname = \"counted\"\n[request]\nurl = \"{}/rows\"\n\
             [[response]]\nwhen = {{ status = [422] }}\nthen = \"reject\"\n\
             [[response]]\nwhen = {{ status = [200] }}\nthen = \"results\"\nresults = \"r\"\n\
             [results.r]\ncovers = \"failed\"\ncount_failed = \"/n\"\nunlisted = \"ok\"\n",
            server.url
        );
        bench.write("counted.toml", profile);
        let sync = "send x.ndjson --sync id --to ./counted.toml --state s --progress none";
        bench.run(sync).exits(3);
        bench.run("replay s --to ./counted.toml --progress none").exits(5);
        bench.write("x.ndjson", format!("{{\"id\":{newer},\"v\":1}}\n"));
        bench.run(sync).exits(0);
        assert_eq!(bench.run("rejects s/replays/1 --json").exits(0).summary()["open"], 1);
        let letters = "s/replays/1/dead-letters.ndjson";
        let replay = format!("replay {letters} --to ./counted.toml --progress none --json --in-doubt");
        let said = bench.run(&replay).exits(0).books([1, 1, 0, 0, 0]);
        assert_eq!(said.summary()["replay"]["left_out"]["earlier_imports"], 1);
        assert_eq!(server.got().pop().unwrap().body, format!("[{{\"id\":{older},\"v\":0}}]"));
        assert_eq!(bench.run(&format!("rejects {letters} --json")).exits(0).summary()["open"], 0);
    }
}
