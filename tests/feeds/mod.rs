//! `--sync`: of each feed just the rows that are new or have changed, each once, whatever happens in between.

mod audits;
mod broken;
mod broken_off;
mod deletes;
mod deletions;
mod doubts;
mod kills;
mod large;
mod moving;
mod plans;
mod replays;
mod states;
mod walk;

use crate::support::{Applied, Bench, Said};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

const SYNC: &str = "--to sandbox --progress none --json --sync id --state s";

/// Rows r1 to rN with a value that `of` says, without those of which it says none.
fn feed(rows: u64, of: impl Fn(u64) -> Option<String>) -> String {
    let mut text = "id,city,value\n".to_owned();
    for row in 1..=rows {
        if let Some(value) = of(row) {
            text.push_str(&format!("r{row},\"Zürich, \"\"{}\"\"\",{value}\n", row % 7));
        }
    }
    text
}

/// What the practice server was sent, in its order: for each id the values.
fn sent(bench: &Bench) -> BTreeMap<String, Vec<String>> {
    let mut sent: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let rows: Vec<Applied> = crate::support::applied(&bench.path("s/sandbox.db"));
    for applied in rows {
        let row: Value = serde_json::from_str(&applied.row).unwrap();
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        sent.entry(text("id")).or_default().push(text("value"));
    }
    sent
}

fn rows(said: &Said) -> [u64; 5] {
    let rows = &said.summary()["rows"];
    let counts =
        ["read", "delivered", "rejected", "unchanged", "superseded"].map(|name| rows[name].as_u64().unwrap());
    assert_eq!(
        counts[0],
        counts[1]
            + counts[2]
            + counts[3]
            + rows["in_doubt"].as_u64().unwrap()
            + rows["pending"].as_u64().unwrap()
    );
    counts
}

#[test]
fn just_the_new_and_the_changed_rows_are_sent_once_through_faults_and_kills() {
    let many = 20_000;
    let bench = Bench::with("monday.csv", feed(many, |_| Some("a".into())));
    let first = bench.run(&format!("send monday.csv {SYNC}")).exits(0);
    assert_eq!(rows(&first), [many, many, 0, 0, 0]);
    // One in a hundred changed, one in two hundred gone, as many new.
    let text = feed(many + many / 200, |row| match row {
        row if row % 100 == 1 => Some("b".into()),
        row if row % 200 == 50 && row <= many => None,
        _ => Some("a".into()),
    });
    bench.write("tuesday.csv", &text);
    let changed = (many + many / 200).div_ceil(100);
    let new = (many + 1..=many + many / 200).filter(|row| row % 100 != 1).count() as u64;
    let faults = "--batch-rows 5 --rate 40/s --faults throttle=3%,error=3%,drop-before=5%,drop-after=5%,truncate=3% --seed 3";
    let tuesday = format!("send tuesday.csv {SYNC} {faults}");
    for _ in 0..2 {
        let mut child = bench.start(&tuesday);
        std::thread::sleep(Duration::from_millis(400));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let second = bench.run(&tuesday).exits(0);
    let read = text.lines().count() as u64 - 1;
    assert_eq!(rows(&second), [read, changed + new, 0, read - changed - new, 0]);
    let third = bench.run(&tuesday).exits(0);
    assert_eq!(rows(&third), [read, 0, 0, read, 0]);
    assert_eq!(third.summary()["requests"]["sent"], 0);
    let sent = sent(&bench);
    assert_eq!(sent.len() as u64, many + many / 200);
    for (id, values) in &sent {
        let row: u64 = id[1..].parse().unwrap();
        let expected: &[&str] = match row {
            row if row > many => {
                if row % 100 == 1 {
                    &["b"]
                } else {
                    &["a"]
                }
            }
            row if row % 100 == 1 => &["a", "b"],
            _ => &["a"],
        };
        assert_eq!(values, expected, "{id}");
    }
}

#[test]
fn a_feed_that_goes_there_and_back_reaches_its_first_state_again() {
    let bench = Bench::new();
    let mut keys = Vec::new();
    for value in ["a", "b", "a"] {
        bench.write("x.csv", feed(3, |row| Some(if row == 2 { value.into() } else { "-".into() })));
        let said = bench.run(&format!("send x.csv {SYNC}")).exits(0);
        keys.push(said.summary()["import_id"].as_str().unwrap().to_owned());
    }
    assert_eq!(sent(&bench)["r2"], ["a", "b", "a"]);
    assert_eq!(sent(&bench)["r1"], ["-"]);
    assert!(keys[0] != keys[2], "the third goes under new keys");
}

#[test]
fn of_rows_with_one_key_the_last_counts() {
    let bench = Bench::with("x.csv", "id,value\nr1,a\nr2,a\nr1,b\nr1,c\n");
    let said = bench.run(&format!("send x.csv {SYNC}")).exits(0);
    assert_eq!(rows(&said), [4, 2, 0, 2, 2]);
    assert_eq!(sent(&bench)["r1"], ["c"]);
    // Superseded, and the last as it was.
    bench.write("x.csv", "id,value\nr1,z\nr1,c\nr2,b\n");
    let said = bench.run(&format!("send x.csv {SYNC}")).exits(0);
    assert_eq!(rows(&said), [3, 1, 0, 2, 1]);
    assert_eq!(sent(&bench)["r1"], ["c"]);
}

#[test]
fn a_refused_row_is_sent_again_and_what_was_delivered_of_it_before_still_counts() {
    let sync = format!("send x.csv {SYNC} --type amount=number");
    let bench = Bench::with("x.csv", "id,amount\nr1,5\nr2,-1\n");
    assert_eq!(rows(&bench.run(&sync).exits(3)), [2, 1, 1, 0, 0]);
    assert_eq!(rows(&bench.run(&sync).exits(3)), [2, 0, 1, 1, 0]);
    bench.write("x.csv", "id,amount\nr1,-5\nr2,1\n");
    assert_eq!(rows(&bench.run(&sync).exits(3)), [2, 1, 1, 0, 0]);
    // Back to what was delivered last.
    bench.write("x.csv", "id,amount\nr1,5\nr2,1\n");
    assert_eq!(rows(&bench.run(&sync).exits(0)), [2, 0, 0, 2, 0]);
}

#[test]
fn a_key_may_have_several_fields_and_a_row_without_it_is_refused() {
    let sync = "send x.ndjson --to sandbox --progress none --json --sync shop,id --state s";
    let bench = Bench::with(
        "x.ndjson",
        "{\"shop\":1,\"id\":\"a\"}\n{\"shop\":2,\"id\":\"a\"}\n{\"shop\":2}\n{\"id\":null,\"shop\":1}\n{broken\n",
    );
    let said = bench.run(sync).exits(3);
    assert_eq!(rows(&said), [5, 2, 3, 0, 0]);
    let letters = bench.read("s/dead-letters.ndjson");
    assert_eq!(letters.matches("\"code\":\"missing_key\"").count(), 2, "{letters}");
    assert!(letters.contains("the row has no `id`, by which --sync knows it"), "{letters}");
    assert_eq!(rows(&bench.run(sync).exits(3)), [5, 0, 3, 2, 0]);
}

#[test]
fn several_files_are_one_feed_and_dated_names_find_their_past() {
    let bench = Bench::new();
    bench.write("a-1.csv", "id,value\nr1,a\nr2,a\n");
    bench.write("b-1.csv", "id,value\nr3,a\n");
    bench.run(&format!("send a-1.csv b-1.csv {SYNC}")).exits(0);
    bench.write("a-2.csv", "id,value\nr1,a\nr2,b\n");
    bench.write("b-2.csv", "id,value\nr3,a\nr4,a\n");
    let said = bench.run(&format!("send a-2.csv b-2.csv {SYNC}")).exits(0);
    assert_eq!(rows(&said), [4, 2, 0, 2, 0]);
    let said = bench.run(&format!("send b-2.csv {SYNC}")).exits(0);
    assert_eq!(rows(&said), [2, 0, 0, 2, 0]);
}
