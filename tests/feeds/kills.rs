//! Several feeds through kills at any moment and through lost answers, each taken up wherever the last one was left: at
//! the end the target has the newest text of each key, nothing twice, and a further run sends nothing.

use super::rows;
use crate::support::Bench;
use crate::support::server::{Answer, Server};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const ROWS: u64 = 120;
const FEEDS: u64 = 7;

/// Bodies that were applied, by their keys where there are any.
type Applied = Arc<Mutex<Vec<(Option<String>, String)>>>;

/// A target that now and then loses a request, or its answer. One that knows keys applies none twice.
fn forgetful(seed: u64) -> (Server, Applied) {
    let applied: Applied = Arc::default();
    let (chance, list) = (Mutex::new(fastrand::Rng::with_seed(seed)), Arc::clone(&applied));
    let server = Server::saying(move |got, _| {
        let fate = chance.lock().unwrap().u32(0..100);
        if fate < 6 {
            return None;
        }
        let key = got.header("idempotency-key").map(str::to_owned);
        let mut list = list.lock().unwrap();
        if key.is_none() || !list.iter().any(|(known, _)| *known == key) {
            list.push((key, got.body.clone()));
        }
        (fate >= 14).then(|| Answer::json(200, &json!({})))
    });
    (server, applied)
}

/// A feed after another: values are never used twice, so that each is applied at most once.
#[derive(Default)]
struct Feed {
    values: BTreeMap<u64, String>,
}

impl Feed {
    /// Some rows change, some come; what is gone for one feed is back in the next.
    fn next(&mut self, number: u64, chance: &mut fastrand::Rng) -> (String, BTreeMap<String, String>) {
        for row in 0..ROWS {
            if chance.u32(0..100) < if number == 0 { 80 } else { 15 } {
                self.values.insert(row, format!("v{number}"));
            }
        }
        let (mut text, mut newest) = ("id,value\n".to_owned(), BTreeMap::new());
        for (row, value) in &self.values {
            if number + 1 < FEEDS && chance.u32(0..100) < 5 {
                continue;
            }
            if chance.u32(0..100) < 5 {
                text.push_str(&format!("r{row},older{number}\n"));
            }
            text.push_str(&format!("r{row},{value}\n"));
            newest.insert(format!("r{row}"), value.clone());
        }
        (text, newest)
    }
}

/// Each value of each key that was applied; one that was applied twice breaks the promise.
fn values(applied: &Applied, seed: u64) -> BTreeMap<String, BTreeSet<String>> {
    let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (_, body) in &*applied.lock().unwrap() {
        let list: Vec<Value> = serde_json::from_str(body).unwrap();
        for row in list {
            let [id, value] = ["id", "value"].map(|name| row[name].as_str().unwrap().to_owned());
            assert!(values.entry(id).or_default().insert(value), "seed {seed}: {row} twice");
        }
    }
    values
}

fn play(seed: u64, keys: &str) {
    let mut chance = fastrand::Rng::with_seed(seed);
    let (server, applied) = forgetful(seed);
    let bench = Bench::new();
    let sync = format!(
        "send x.csv --to {}/ {keys} --sync id --state s --progress none --json --batch-rows 4 -j 3",
        server.url()
    );
    let mut feed = Feed::default();
    let mut newest = BTreeMap::new();
    for number in 0..FEEDS {
        let (text, of_feed) = feed.next(number, &mut chance);
        bench.write("x.csv", text);
        newest = of_feed;
        for _ in 0..chance.u32(0..4) {
            let mut child = bench.start(&sync);
            std::thread::sleep(Duration::from_millis(chance.u64(0..250)));
            child.kill().unwrap();
            child.wait().unwrap();
        }
        if chance.bool() {
            bench.run(&sync);
        }
    }
    let last = (0..10).map(|_| bench.run(&sync)).find(|said| said.exit == 0 || said.exit == 5);
    let last = last.unwrap_or_else(|| panic!("seed {seed}: it never ends"));
    rows(&last);
    let in_doubt = last.summary()["rows"]["in_doubt"].as_u64().unwrap();
    let further = bench.run(&sync).exits(last.exit);
    assert_eq!(further.summary()["requests"]["sent"], 0, "seed {seed}: {further:?}");
    bench.run("audit s x.csv").exits(0);
    let values = values(&applied, seed);
    let lost = newest.iter().filter(|(id, value)| !values.get(*id).is_some_and(|all| all.contains(*value)));
    let lost: Vec<_> = lost.collect();
    assert!(lost.len() as u64 <= in_doubt, "seed {seed}: {in_doubt} in doubt, and lost are {lost:?}");
    assert!(keys.is_empty() || last.exit == 0, "seed {seed}: {last:?}");
}

fn seed() -> u64 {
    std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| fastrand::u64(..))
}

#[test]
fn a_target_with_keys_has_the_newest_of_each_row_once_through_kills_and_lost_answers() {
    play(seed(), "--idempotency-header Idempotency-Key");
}

#[test]
fn a_target_without_keys_has_nothing_twice_and_what_may_be_lost_is_told_through_kills_and_lost_answers() {
    play(seed(), "");
}
