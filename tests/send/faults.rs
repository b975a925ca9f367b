//! The promise over the real binary: whatever breaks, and however often it is killed, each valid row is applied
//! once, each refused row is a dead letter once, and the books balance.

use crate::support::{Bench, said};
use std::collections::{HashMap, HashSet};
use std::time::Duration;

const FAULTS: &str = "throttle=3%,error=3%,drop-before=3%,drop-after=3%,truncate=3%,garbage=3%,reject=2%";

#[test]
fn killed_ten_times_under_faults_each_row_is_applied_once() {
    let rows = 6000_i64;
    let bench = Bench::new();
    let mut csv = "id,city,amount\n".to_owned();
    for row in 0..rows {
        // Every fifth row is the same as another but for its number; a hundredth is not valid.
        let amount = if row % 100 == 7 { -1 } else { row / 5 };
        csv.push_str(&format!("{row},Zürich,{amount}.25\n"));
    }
    bench.write("x.csv", csv);
    let mut random = fastrand::Rng::with_seed(11);
    let mut kills = 0;
    let mut run = 0;
    let last = loop {
        run += 1;
        let send = format!(
            "send x.csv --to sandbox --faults {FAULTS} --seed {run} --progress none --json --batch-rows 20 --rate 100/s"
        );
        if kills == 10 {
            break bench.run(&send);
        }
        let mut child = bench.start(&send);
        std::thread::sleep(Duration::from_millis(random.u64(20..260)));
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            kills += 1;
        }
        let ended = said(child.wait_with_output().unwrap());
        if ended.exit == 3 {
            break ended;
        }
        assert!(ended.exit == -1, "{ended:?}");
    };
    let summary = last.exits(3).summary();
    let books = &summary["rows"];
    let (delivered, rejected) = (books["delivered"].as_u64().unwrap(), books["rejected"].as_u64().unwrap());
    assert_eq!(books["read"], rows);
    assert_eq!(delivered + rejected, rows as u64);

    let id_of = |text: &str| -> u64 {
        let row: HashMap<String, String> = serde_json::from_str(text).unwrap();
        row["id"].parse().unwrap()
    };
    let applied = bench.sandbox_rows("x.csv");
    assert!(applied.iter().all(|row| row.times == 1), "a row was applied twice");
    let applied: HashSet<u64> = applied.iter().map(|row| id_of(&row.row)).collect();
    assert_eq!(applied.len() as u64, delivered);
    let letters = bench.dead_letters("x.csv");
    let dead: HashSet<u64> = letters.iter().map(|letter| id_of(&letter["row"].to_string())).collect();
    assert_eq!(dead.len(), letters.len(), "a row is in the dead letters twice");
    assert_eq!(dead.len() as u64, rejected);
    assert!(applied.is_disjoint(&dead));
    assert_eq!(kills, 10, "the import was over before it was killed ten times");
}

#[test]
fn the_real_faults_were_met() {
    let bench = Bench::with("x.csv", crate::support::csv(2000));
    let send =
        format!("send x.csv --to sandbox --faults {FAULTS} --seed 5 --progress none --json --batch-rows 10");
    let summary = bench.run(&send).exits(3).summary();
    let of = |name: &str| summary["requests"][name].as_u64().unwrap();
    assert!(of("retried") > 10 && of("throttled") > 0 && of("replayed") > 0, "{summary}");
    assert!(bench.sandbox_rows("x.csv").iter().all(|row| row.times == 1));
}
