//! `bulkhaul replay`: dead letters sent again, each once, from whatever a person made of them.

mod doubt;
mod earlier;
mod edited;
mod files;
mod keys;
mod piped;
mod states;
mod whose;

use crate::support::{Applied, Bench};
use serde_json::Value;
use std::collections::BTreeSet;

const REPLAY: &str = "--to sandbox --progress none --json";

/// Rows name their keys themselves.
const NATURAL: &str = "[profile]\nversion = 1\nname = \"t\"\nextends = \"single\"\n[idempotency]\n\
                       key = { template = \"order-${row:/id}\", format = \"raw\", max = 64 }\n";

/// An import of this CSV with a column of numbers; the practice server takes no amount below zero.
fn refused(csv: &str) -> Bench {
    let bench = Bench::with("x.csv", csv);
    bench.run("send x.csv --to sandbox --type amount=number --progress none").exits(3);
    bench
}

/// Rows r1 to rN, each `one_in`th of them bad.
fn with_bad(rows: u64, one_in: u64) -> String {
    let mut text = "id,city,amount\n".to_owned();
    for row in 1..=rows {
        let sign = if row % one_in == 0 { "-" } else { "" };
        text.push_str(&format!("r{row},\"Zürich, \"\"{row}\"\"\",{sign}{row}.50\n"));
    }
    text
}

/// What one line of `jq` does to the letters: the amounts made positive.
fn mended(letters: &str) -> String {
    let mend = |line: &str| {
        let mut letter: Value = serde_json::from_str(line).unwrap();
        let amount = letter["row"]["amount"].to_string();
        letter["row"]["amount"] = serde_json::from_str(amount.trim_start_matches('-')).unwrap();
        format!("{letter}\n")
    };
    letters.lines().map(mend).collect()
}

/// The practice server holds these rows, each once.
#[track_caller]
fn holds_once(bench: &Bench, ids: impl Iterator<Item = String>) {
    let rows = bench.sandbox_rows("x.csv");
    let of =
        |row: &Applied| serde_json::from_str::<Value>(&row.row).unwrap()["id"].as_str().unwrap().to_owned();
    assert!(rows.iter().all(|row| row.times == 1), "{rows:?}");
    let found: BTreeSet<String> = rows.iter().map(of).collect();
    assert_eq!(found.len(), rows.len());
    assert_eq!(found, ids.collect());
}

#[test]
fn dead_letters_mended_by_one_line_are_all_delivered_once_through_faults_and_kills() {
    let bench = refused(&with_bad(2000, 20));
    let letters = bench.read("x.csv.bulkhaul/dead-letters.ndjson");
    assert_eq!(letters.lines().count(), 100);
    bench.write("fixed.ndjson", mended(&letters));
    let replay = format!(
        "replay fixed.ndjson {REPLAY} --batch-rows 4 --rate 40/s \
         --faults throttle=3%,error=3%,drop-before=5%,drop-after=5%,truncate=3% --seed 5"
    );
    for _ in 0..2 {
        let mut child = bench.start(&replay);
        while !bench.path("x.csv.bulkhaul/replays/1/status.json").exists() {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        std::thread::sleep(std::time::Duration::from_millis(300));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let said = bench.run(&replay).exits(0).books([100, 100, 0, 0, 0]).summary();
    assert_eq!(said["resumed"], true);
    assert_eq!(said["replay"]["of"], "x.csv.bulkhaul");
    assert_eq!(said["inputs"], serde_json::json!(["fixed.ndjson"]));
    holds_once(&bench, (1..=2000).map(|row| format!("r{row}")));
    // The books of the import are what they were.
    let send = "send x.csv --to sandbox --type amount=number --progress none --json";
    bench.run(send).exits(3).books([2000, 1900, 100, 0, 0]);
    let rejects = bench.run("rejects x.csv --json").exits(0).summary();
    assert_eq!((&rejects["rows"], &rejects["open"]), (&100.into(), &0.into()));
    // Nothing is left to send, whatever is asked for.
    for again in ["replay fixed.ndjson", "replay x.csv.bulkhaul", "replay fixed.ndjson --again"] {
        bench.run(&format!("{again} {REPLAY}")).exits(0);
    }
    holds_once(&bench, (1..=2000).map(|row| format!("r{row}")));
}

#[test]
fn what_is_refused_again_has_dead_letters_of_its_own_and_stays_open() {
    let bench = refused(&with_bad(10, 2));
    let first = bench.run(&format!("replay x.csv.bulkhaul/dead-letters.ndjson {REPLAY}")).exits(3);
    let first = first.books([5, 0, 5, 0, 0]).summary();
    assert_eq!(first["dead_letters"], "x.csv.bulkhaul/replays/1/dead-letters.ndjson");
    let own = bench.read("x.csv.bulkhaul/replays/1/dead-letters.ndjson");
    assert_eq!(own.lines().count(), 5);
    let letter: Value = serde_json::from_str(own.lines().nth(1).unwrap()).unwrap();
    assert_eq!(letter["source"]["input"], "x.csv.bulkhaul/dead-letters.ndjson");
    assert_eq!((&letter["source"]["line"], &letter["row"]["id"]), (&2.into(), &"r4".into()));
    assert_eq!(letter["import_id"], first["import_id"]);
    // Two of the replay's own letters are mended and sent; they are the import's letters all the same.
    let two: String = own.split_inclusive('\n').take(2).collect();
    bench.write("two.ndjson", mended(&two));
    bench.run(&format!("replay two.ndjson {REPLAY}")).exits(0).books([2, 2, 0, 0, 0]);
    assert!(bench.path("x.csv.bulkhaul/replays/2/ledger.db").exists());
    let open = |state: &str| bench.run(&format!("rejects {state} --json")).exits(0).summary()["open"].clone();
    assert_eq!(open("x.csv"), 3);
    assert_eq!(open("x.csv.bulkhaul/replays/1"), 3);
    // The whole file again, mended: only what is still open goes.
    bench.write("all.ndjson", mended(&bench.read("x.csv.bulkhaul/dead-letters.ndjson")));
    let said = bench.run(&format!("replay all.ndjson {REPLAY}")).exits(0).books([3, 3, 0, 0, 0]);
    assert_eq!(said.summary()["replay"]["left_out"]["delivered"], 2);
    assert_eq!(open("x.csv"), 0);
    holds_once(&bench, (1..=10).map(|row| format!("r{row}")));
}

#[test]
fn rejects_tells_open_from_replayed_and_exports_what_is_open() {
    let bench = refused(&with_bad(10, 2));
    let letters = bench.read("x.csv.bulkhaul/dead-letters.ndjson");
    let one: String = letters.split_inclusive('\n').take(1).collect();
    bench.write("one.ndjson", mended(&one));
    bench.run(&format!("replay one.ndjson {REPLAY}")).exits(0);
    let said = bench.run("rejects x.csv").exits(0);
    assert!(
        said.stdout.starts_with("x.csv.bulkhaul: 5 rows were refused, for 1 reason; 1 delivered since, 4 still open\n  1  5 rows  rejected [200] (4 still open)\n"),
        "{said:?}"
    );
    let said = bench.run("rejects x.csv --export ndjson").exits(0);
    let rest: String = letters.split_inclusive('\n').skip(1).collect();
    assert_eq!(said.stdout, rest);
    assert_eq!(said.stderr, "note: left out: 1 row delivered since\n");
    let said = bench.run("rejects x.csv --export csv").exits(0);
    assert_eq!(said.stdout.lines().count(), 5);
    assert_eq!(said.stderr, "note: left out: 1 row delivered since\n");
    bench.write("all.ndjson", mended(&letters));
    bench.run(&format!("replay all.ndjson {REPLAY}")).exits(0);
    let said = bench.run("rejects x.csv").exits(0).stdout;
    assert!(said.contains("; all of them delivered since\n") && !said.contains("--export"), "{said}");
    // The file alone knows its state, too.
    let json = bench.run("rejects x.csv.bulkhaul/dead-letters.ndjson --json").exits(0).summary();
    assert_eq!((&json["rows"], &json["open"]), (&5.into(), &0.into()));
}

#[test]
fn a_reason_picks_its_rows_by_code_or_by_its_number_in_the_list() {
    let bench = refused("id,city,amount\nr1,x,-1\nr2,y,-2\nr3,z\nr4,a,4\n");
    let said = bench.run(&format!("replay x.csv.bulkhaul --reason field_count {REPLAY}")).exits(3);
    let said = said.books([1, 0, 1, 0, 0]).summary();
    assert_eq!(said["replay"]["left_out"]["other_reasons"], 2);
    bench.run(&format!("replay x.csv.bulkhaul --reason 1 {REPLAY}")).exits(3).books([2, 0, 2, 0, 0]);
    let said = bench.run("replay x.csv.bulkhaul --reason nothing --to sandbox").exits(1);
    assert!(said.stderr.contains("no row was refused for the reason `nothing`"), "{said:?}");
    assert!(
        !bench.path("x.csv.bulkhaul/replays/3/rows.ndjson").exists()
            || !bench.path("x.csv.bulkhaul/replays/4").exists()
    );
}
