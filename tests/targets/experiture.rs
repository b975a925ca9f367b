//! Experiture: jobs whose end counts invalid rows and names none.

use super::{STORM, Yard, scale};
use serde_json::json;
use std::collections::BTreeMap;

/// The built-ins, asked about more often than they ask for.
fn quick(yard: &Yard) {
    for kind in ["append", "upsert"] {
        yard.bench.write(
            &format!("{kind}.toml"),
            format!(
                "[profile]\nversion = 1\nname = \"{kind}\"\nextends = \"experiture-{kind}\"\n\
                 [job]\nevery = \"10ms\"\nevery_max = \"50ms\"\n"
            ),
        );
    }
}

const APPEND: &str = "x.ndjson --to ./append.toml --url BASE/public/v1 --set object=events";
const UPSERT: &str = "x.ndjson --to ./upsert.toml --url BASE/public/v1 --set object=profiles";

fn events(rows: u64, is_bad: impl Fn(u64) -> bool) -> String {
    let line = |n: u64| json!({"id": n, "event": "page_view", "invalid": is_bad(n)}).to_string();
    (0..rows).map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn appended_records_come_clean_at_their_own_pace() {
    let yard = Yard::quiet();
    yard.bench.write("x.ndjson", events(500, |_| false));
    let append = APPEND.replace("./append.toml", "experiture-append");
    yard.import(&format!("{append} --batch-rows 100")).run().exits(0).books([500, 500, 0, 0, 0]);
    yard.holds_just("/row/id", (0..500).map(|n| n.to_string()));
}

#[test]
fn a_count_of_invalid_records_is_one_line_with_the_batch_and_its_rows_are_in_doubt() {
    let yard = Yard::quiet();
    quick(&yard);
    // Batches 2 and 7 of 20 have 1 and 3 bad rows; batch 9 has nothing else.
    let bad = |n: u64| n == 23 || [70, 71, 79].contains(&n) || (90..100).contains(&n);
    yard.bench.write("x.ndjson", events(200, bad));
    let import = yard.import(&format!("{APPEND} --batch-rows 10"));
    let said = import.run().exits(5).books([200, 170, 10, 20, 0]);
    assert!(
        said.stderr.contains(
            "refused rows are in x.ndjson.bulkhaul/dead-letters.ndjson (10 invalid_rows)\n20 rows in doubt: the \
             target refused 4 of them and does not say which; they are in x.ndjson.bulkhaul/dead-letters.ndjson, and \
             `replay --in-doubt` sends all of them again\nto see why: bulkhaul rejects x.ndjson.bulkhaul\n"
        ),
        "{}",
        said.stderr
    );
    assert!(!said.stderr.contains("--on-ambiguous"), "{}", said.stderr);
    let told = yard.bench.run("rejects").exits(0).stdout;
    assert!(
        told.starts_with("x.ndjson.bulkhaul: 10 rows were refused and 20 rows are in doubt, for"),
        "{told}"
    );
    // Valid rows are committed even when others fail.
    yard.holds_just("/row/id", (0..200).filter(|n| !bad(*n)).map(|n| n.to_string()));
    let letters = yard.bench.dead_letters("x.ndjson");
    let (whole, single): (Vec<_>, Vec<_>) = letters.iter().partition(|letter| letter.get("rows").is_some());
    let mut found: Vec<_> = whole
        .iter()
        .map(|letter| {
            let ids: Vec<u64> =
                letter["rows"].as_array().unwrap().iter().map(|row| row["id"].as_u64().unwrap()).collect();
            assert_eq!(letter["error"]["code"], "invalid_rows");
            assert!(letter.get("row").is_none(), "{letter}");
            (letter["invalid"].as_u64().unwrap(), ids)
        })
        .collect();
    found.sort();
    assert_eq!(found, [(1, (20..30).collect()), (3, (70..80).collect())]);
    // All of a batch: then the count names them.
    let mut dead: Vec<u64> = single.iter().map(|letter| letter["row"]["id"].as_u64().unwrap()).collect();
    dead.sort_unstable();
    assert_eq!(dead, (90..100).collect::<Vec<_>>());
    // Run again, it stays as it ended, and nothing is sent.
    let requests = yard.requests();
    import.run().exits(5).books([200, 170, 10, 20, 0]);
    assert_eq!(yard.requests(), requests);
}

#[test]
fn appended_records_weather_faults_and_two_kills() {
    let yard = Yard::with(STORM);
    quick(&yard);
    let rows = 600 * scale();
    let bad = |n: u64| n % 200 == 55;
    yard.bench.write("x.ndjson", events(rows, bad));
    let import = yard.import(&format!("{APPEND} --batch-rows 20"));
    import.killed_after(rows / 20);
    import.killed_after(rows / 20);
    let batches = rows / 200;
    import.run().exits(5).books([rows, rows - batches * 20, 0, batches * 20, 0]);
    yard.holds_just("/row/id", (0..rows).filter(|n| !bad(*n)).map(|n| n.to_string()));
    let letters = yard.bench.dead_letters("x.ndjson");
    assert_eq!(letters.len() as u64, batches);
    assert!(
        letters.iter().all(|letter| letter["invalid"] == 1 && letter["rows"].as_array().unwrap().len() == 20)
    );
}

/// A feed of profiles: `rows` of them over `people`, so that most come several times.
fn profiles(rows: u64, people: u64, is_bad: impl Fn(u64) -> bool) -> String {
    let line = |n: u64| {
        let person = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % people;
        json!({"email": format!("{person}@example.com"), "n": n, "tier": "gold", "invalid": is_bad(n)})
            .to_string()
    };
    (0..rows).map(line).collect::<Vec<_>>().join("\n")
}

/// Of each person the last valid row is there.
#[track_caller]
fn the_last_wins(yard: &Yard, rows: u64, people: u64, is_bad: impl Fn(u64) -> bool) {
    let mut last = BTreeMap::new();
    for n in (0..rows).filter(|n| !is_bad(*n)) {
        last.insert(n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % people, n);
    }
    yard.holds_just("/row/n", last.into_values().map(|n| n.to_string()));
}

#[test]
fn upserted_records_come_clean_and_the_last_of_each_key_wins() {
    let yard = Yard::quiet();
    quick(&yard);
    let rows = 1000 * scale();
    yard.bench.write("x.ndjson", profiles(rows, rows / 5, |_| false));
    yard.import(&format!("{UPSERT} --batch-rows 100")).run().exits(0).books([rows, rows, 0, 0, 0]);
    the_last_wins(&yard, rows, rows / 5, |_| false);
}

#[test]
fn invalid_records_of_an_upsert_are_found_by_halves() {
    let yard = Yard::quiet();
    quick(&yard);
    let rows = 400;
    let bad = |n: u64| n % 50 == 17;
    yard.bench.write("x.ndjson", profiles(rows, 80, bad));
    yard.import(&format!("{UPSERT} --batch-rows 32")).run().exits(3).books([rows, rows - 8, 8, 0, 0]);
    the_last_wins(&yard, rows, 80, bad);
    let letters = yard.letters("x.ndjson", "/n");
    assert_eq!(letters.len(), 8);
    for (n, error) in letters {
        assert!(bad(n.parse().unwrap()));
        assert_eq!(error["code"], "invalid_rows", "{error}");
    }
}

#[test]
fn upserted_records_weather_faults_and_two_kills_and_keep_their_order() {
    let yard = Yard::with(STORM);
    quick(&yard);
    let rows = 500 * scale();
    let bad = |n: u64| n % 125 == 17;
    yard.bench.write("x.ndjson", profiles(rows, rows / 5, bad));
    let import = yard.import(&format!("{UPSERT} --batch-rows 25"));
    import.killed_after(rows / 20);
    import.killed_after(rows / 20);
    let dead = rows / 125;
    import.run().exits(3).books([rows, rows - dead, dead, 0, 0]);
    the_last_wins(&yard, rows, rows / 5, bad);
    assert_eq!(yard.letters("x.ndjson", "/n").len() as u64, dead);
}
