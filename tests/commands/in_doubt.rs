//! `rejects --in-doubt`: whoever looks for the rows in doubt at the target is shown them, and they are no dead letters.

use crate::support::scripted::Step::{Loses, Says};
use crate::support::scripted::{Scripted, Step};
use crate::support::{Bench, Said};
use serde_json::{Value, json};

const OK: Step = Says("200 OK", "", "{}");
const SHOW: &str = "rejects x.csv --in-doubt --export";

/// Of four rows the second and the third are in doubt.
fn doubtful() -> (Bench, Scripted, String) {
    let bench = Bench::with("x.csv", "id,name\n1,one\n2,\"=two, \"\"2\"\"\"\n3,three\n4,four\n");
    let server = Scripted::start(&[OK, Loses, Loses, OK]);
    let send = format!("send x.csv --to {}/rows --batch-rows 1 -j 1 --progress none --json", server.url);
    bench.run(&send).exits(5).books([4, 2, 0, 2, 0]);
    (bench, server, send)
}

fn lines(said: &Said) -> Vec<Value> {
    said.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn shown(said: &Said) -> Vec<Value> {
    lines(said).iter().map(|line| line["row"].clone()).collect()
}

#[test]
fn the_rows_in_doubt_are_shown_from_the_input_and_are_no_dead_letters() {
    let (bench, server, send) = doubtful();
    let said = bench.run("rejects x.csv").exits(0);
    let how = "bulkhaul rejects x.csv.bulkhaul --in-doubt --export ndjson\n";
    assert!(said.stdout.contains(how), "{said:?}");
    let said = bench.run(&format!("{SHOW} ndjson")).exits(0);
    let rows = lines(&said);
    assert_eq!(rows[0]["row"], json!({"id": "2", "name": "=two, \"2\""}));
    assert_eq!(rows[1]["source"], json!({"input": "x.csv", "row": 3, "line": 4, "byte": 30}));
    assert!(
        rows[1]["error"]["message"].as_str().unwrap().contains("no answer") || rows.len() == 2,
        "{said:?}"
    );
    bench.write("doubts.ndjson", &said.stdout);
    for format in ["csv", "csv-safe"] {
        let said = bench.run(&format!("{SHOW} {format}")).exits(0);
        assert!(said.stdout.contains("three") && said.stdout.contains("\"\"2\"\""), "{said:?}");
        assert!(!said.stdout.contains("four"), "{said:?}");
        bench.write(&format!("{format}.csv"), &said.stdout);
    }
    bench.run("rejects doubts.ndjson").exits(1);
    let listed = bench.run("rejects x.csv --in-doubt").exits(0).stdout;
    assert!(
        listed.starts_with("x.csv.bulkhaul: rows are in doubt\n\n2 rows in doubt, as nobody"),
        "{listed}"
    );
    let before = server.got().len();
    for file in ["doubts.ndjson", "csv.csv", "csv-safe.csv"] {
        for more in ["", " --in-doubt"] {
            let to = format!("--to {}/rows --state x.csv.bulkhaul", server.url);
            bench.run(&format!("replay {file} {to}{more}")).exits(1);
        }
    }
    assert_eq!(server.got().len(), before);
    let said = bench.run(&format!("replay doubts.ndjson --to {}/rows --state x.csv.bulkhaul", server.url));
    assert!(said.stderr.contains("line 1 is a row in doubt, and no dead letter"), "{said:?}");
    bench.run(&format!("{send} --verdict applied")).exits(0);
    assert_eq!(bench.run(&format!("{SHOW} ndjson")).exits(0).stdout, "");
    let said = bench.run("rejects x.csv --in-doubt").exits(0).stdout;
    assert_eq!(said, "x.csv.bulkhaul: no row is in doubt\n");
    for wrong in [" --export ndjson --reason 1", " --json"] {
        bench.run(&format!("rejects x.csv --in-doubt{wrong}")).exits(2);
    }
}

#[test]
fn rows_in_doubt_of_an_input_that_is_gone_are_not_guessed() {
    let (bench, _server, _) = doubtful();
    let text = bench.read("x.csv");
    for changed in [None, Some(text.replace("three", "theer"))] {
        match changed {
            Some(text) => bench.write("x.csv", text),
            None => std::fs::remove_file(bench.path("x.csv")).unwrap(),
        }
        let said = bench.run("rejects x.csv.bulkhaul --in-doubt --export ndjson").exits(1);
        assert!(
            said.stdout.is_empty() && said.stderr.contains("x.csv is not there as it was read"),
            "{said:?}"
        );
    }
}

#[test]
fn rows_in_doubt_of_streams_and_feeds_are_shown_from_what_the_ledger_keeps() {
    let feed = |rows: &str| format!("id,v\n{rows}");
    let bench = Bench::with("x.csv", feed("1,a\n2,a\n3,a\n"));
    let server = Scripted::start(&[Loses, Loses, OK]);
    let send = format!(
        "send x.csv --sync id --state s --to {}/rows --batch-rows 1 -j 1 --progress none --json",
        server.url
    );
    bench.run(&send).exits(5).books([3, 1, 0, 2, 0]);
    std::fs::remove_file(bench.path("x.csv")).unwrap();
    let show = "rejects s --in-doubt --export ndjson";
    let row = |id: &str| json!({"id": id, "v": "a"});
    assert_eq!(shown(&bench.run(show).exits(0)), [row("1"), row("2")]);
    // The next feed has one of them as it was, and another of the other.
    bench.write("x.csv", feed("1,a\n2,b\n3,a\n"));
    bench.run(&send).exits(5).books([3, 1, 0, 1, 0]);
    assert_eq!(shown(&bench.run(show).exits(0)), [row("1")]);
    let said = bench.run("rejects s").exits(0);
    assert!(said.stdout.contains("bulkhaul rejects s --in-doubt --export ndjson\n"), "{said:?}");
    bench.run(&format!("{send} --on-ambiguous resend")).exits(0);
    assert_eq!(bench.run(show).exits(0).stdout, "");
}
