//! What is sent to each server, and what must have become of it.

use super::{Machine, lossy};
use crate::support::{Bench, Said, said};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// A table `people` of a running server: `id` (its key), `name` (not null), `email`, `age` (a small number).
pub(super) struct Table {
    pub(super) machine: Machine,
    /// `--to` and its parameters.
    pub(super) to: String,
    pub(super) token: String,
    /// What makes a row that is written twice one row; empty where nothing does.
    pub(super) key: &'static str,
    /// All rows that are stored.
    pub(super) stored: fn(&Machine) -> Vec<Value>,
}

/// Rows of a clean input.
const ROWS: u64 = 600;

fn name(id: u64) -> String {
    format!("Zoë \"{id}\", 雪\u{1F600}")
}

fn person(id: u64, age: u64) -> Value {
    json!({"id": id, "name": name(id), "email": format!("{id}@example.com"), "age": age})
}

fn lines(rows: impl Iterator<Item = Value>) -> String {
    rows.map(|row| row.to_string() + "\n").collect()
}

/// A token that is set and empty is refused: without one the variable is not there.
fn with_token(command: &mut std::process::Command, token: &str) {
    if !token.is_empty() {
        command.env("BULKHAUL_TOKEN", token);
    }
}

impl Table {
    fn command(&self, bench: &Bench, url: &str, input: &str, more: &str) -> std::process::Command {
        let send = format!("send {input} {} --url {url} --progress none --json {more}", self.to);
        let mut command = bench.command(&send);
        with_token(&mut command, &self.token);
        command
    }

    fn send(&self, bench: &Bench, input: &str, more: &str) -> Said {
        said(self.command(bench, &self.machine.url, input, more).output().unwrap())
    }

    /// Ids from `from` on that are stored, and how often.
    fn ids(&self, from: u64) -> BTreeMap<u64, u64> {
        let mut ids = BTreeMap::new();
        for row in (self.stored)(&self.machine) {
            let id = row["id"].as_u64().unwrap();
            if id >= from {
                *ids.entry(id).or_default() += 1;
            }
        }
        ids
    }

    fn row(&self, id: u64) -> Value {
        let found = (self.stored)(&self.machine).into_iter().find(|row| row["id"] == id);
        found.unwrap_or_else(|| panic!("row {id} is not stored"))
    }

    #[track_caller]
    fn holds_once(&self, from: u64, ids: impl Iterator<Item = u64>) {
        let wanted: BTreeMap<u64, u64> = ids.map(|id| (id, 1)).collect();
        let held = self.ids(from);
        let wrong: Vec<_> = held.iter().filter(|(id, times)| wanted.get(*id) != Some(times)).collect();
        assert!(wrong.is_empty(), "stored, but not once or not at all to be: {wrong:?}");
        let missing: Vec<_> = wanted.keys().filter(|id| !held.contains_key(*id)).collect();
        assert!(missing.is_empty(), "not stored: {missing:?}");
    }

    pub(super) fn takes_a_clean_table(&self) {
        let mut csv = "id,name,email,age\n".to_owned();
        for id in 1..=ROWS {
            csv.push_str(&format!(
                "{id},\"{}\",{id}@example.com,{}\n",
                name(id).replace('"', "\"\""),
                id % 90
            ));
        }
        let bench = Bench::with("x.csv", csv);
        let said = self.send(&bench, "x.csv", "--type id=integer --type age=integer");
        said.exits(0).books([ROWS, ROWS, 0, 0, 0]);
        self.holds_once(1, 1..=ROWS);
        let mut row = self.row(123);
        row.as_object_mut().unwrap().retain(|name, _| person(1, 1).get(name).is_some());
        assert_eq!(row, person(123, 33));
    }

    /// Rows that the server refuses: each with its code, its field if the server told it, and words of its message.
    pub(super) fn refuses_bad_rows(&self, key: &str, bad: &[(Value, &str, Option<&str>, &str)]) {
        let from = 10_000;
        let rows = (from..from + 300).map(|id| {
            // One bad row each 40, the first in the first place.
            let at = (id - from) as usize;
            let mut row = person(id, 7);
            if at.is_multiple_of(40)
                && let Some((change, ..)) = bad.get(at / 40)
            {
                row.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            }
            row
        });
        let bench = Bench::with("x.ndjson", lines(rows));
        let count = bad.len() as u64;
        self.send(&bench, "x.ndjson", key).exits(3).books([300, 300 - count, count, 0, 0]);
        let is_good = |id: &u64| !(id - from).is_multiple_of(40) || (id - from) / 40 >= count;
        self.holds_once(from, (from..from + 300).filter(is_good));
        let letters = bench.dead_letters("x.ndjson");
        let found: BTreeMap<u64, &Value> = letters
            .iter()
            .map(|letter| (letter["source"]["row"].as_u64().unwrap(), &letter["error"]))
            .collect();
        for (at, (row, code, field, words)) in bad.iter().enumerate() {
            let error = found[&(at as u64 * 40 + 1)];
            assert_eq!(error["code"], *code, "{row}: {error}");
            assert_eq!(error["field"].as_str(), *field, "{row}: {error}");
            assert!(error["message"].as_str().unwrap().contains(words), "{row}: {error}");
        }
    }

    /// Two kills, and answers that are lost: where a row that is written twice is one row, nothing is lost or doubled.
    pub(super) fn loses_nothing_by_kills(&self) {
        let from = 20_000;
        let bench = Bench::with("x.ndjson", lines((from..from + ROWS).map(|id| person(id, 8))));
        let way = lossy(&self.machine.url, 5);
        let more = format!("{} --batch-rows 15", self.key);
        for part in 1..=2 {
            let mut command = self.command(&bench, way.url(), "x.ndjson", &more);
            let mut child = command.spawn().unwrap();
            while way.requests().len() < part * 12 {
                std::thread::sleep(Duration::from_millis(1));
                assert!(child.try_wait().unwrap().is_none(), "it was over before it could be killed");
            }
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let done = said(self.command(&bench, way.url(), "x.ndjson", &more).output().unwrap()).exits(0);
        assert_eq!(done.summary()["resumed"], true);
        done.books([ROWS, ROWS, 0, 0, 0]);
        self.holds_once(from, from..from + ROWS);
        assert_eq!(self.row(from + 77)["age"], 8);
    }

    /// Without anything that makes two writes one, a lost answer is a doubt, and no row is written twice.
    pub(super) fn holds_what_nobody_can_know(&self) {
        let from = 30_000;
        let bench = Bench::with("x.ndjson", lines((from..from + 100).map(|id| person(id, 9))));
        let way = lossy(&self.machine.url, 4);
        let send =
            || said(self.command(&bench, way.url(), "x.ndjson", "--batch-rows 10 -j 1").output().unwrap());
        // Of ten requests the answers to the fourth and the eighth are lost.
        send().exits(5).books([100, 80, 0, 20, 0]);
        send().exits(5).books([100, 80, 0, 20, 0]);
        assert_eq!(way.requests().len(), 10);
        self.holds_once(from, from..from + 100);
    }

    /// Two kills, and answers that are lost, where nothing makes two writes one: what may be stored is in doubt and not
    /// written again, what is called delivered is stored, and no row is there twice. A person's word then sends the rest.
    pub(super) fn doubts_what_kills_leave(&self) {
        let from = 60_000;
        let bench = Bench::with("x.ndjson", lines((from..from + ROWS).map(|id| person(id, 9))));
        let way = lossy(&self.machine.url, 9);
        for part in 1..=2 {
            let mut child = self.command(&bench, way.url(), "x.ndjson", "--batch-rows 15").spawn().unwrap();
            while way.requests().len() < part * 12 {
                std::thread::sleep(Duration::from_millis(1));
                assert!(child.try_wait().unwrap().is_none(), "it was over before it could be killed");
            }
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let send = |more: &str| {
            said(
                self.command(&bench, way.url(), "x.ndjson", &format!("--batch-rows 15 {more}"))
                    .output()
                    .unwrap(),
            )
        };
        let rows = send("").exits(5).summary()["rows"].clone();
        let of = |name: &str| rows[name].as_u64().unwrap();
        assert_eq!((of("delivered") + of("in_doubt"), of("rejected")), (ROWS, 0), "{rows}");
        let held = self.ids(from);
        assert!(held.values().all(|times| *times == 1), "stored twice: {held:?}");
        assert!(held.len() as u64 >= of("delivered"), "{rows}, and {} are stored", held.len());
        send("--on-ambiguous resend").exits(0).books([ROWS, ROWS, 0, 0, 0]);
        assert_eq!(self.ids(from).len() as u64, ROWS, "each is stored now, some perhaps twice");
    }

    /// The same keys once more: merged, not doubled.
    pub(super) fn merges_what_comes_again(&self) {
        let from = 40_000;
        let bench = Bench::with("x.ndjson", lines((from..from + 50).map(|id| person(id, 10))));
        self.send(&bench, "x.ndjson", self.key).exits(0);
        let twice = (from..from + 50).chain(from + 20..from + 30);
        bench.write("x.ndjson", lines(twice.enumerate().map(|(at, id)| person(id, 11 + at as u64 / 50))));
        self.send(&bench, "x.ndjson", &format!("{} --again", self.key)).exits(0).books([60, 60, 0, 0, 0]);
        self.holds_once(from, from..from + 50);
        assert_eq!((&self.row(from + 5)["age"], &self.row(from + 25)["age"]), (&json!(11), &json!(12)));
    }

    /// A wrong credential, or a table that is not there: nothing is called refused, and a person can mend it.
    pub(super) fn stops_where_it_is_not_let_in(&self, token: &str, to: &str, words: &str) {
        let bench = Bench::with("x.ndjson", lines((1..=3).map(|id| person(50_000 + id, 1))));
        let send = format!("send x.ndjson {to} --url {} --progress none --json", self.machine.url);
        let mut command = bench.command(&send);
        with_token(&mut command, token);
        let told = said(command.output().unwrap()).exits(1);
        assert!(told.stderr.contains(words), "{told:#?}");
        told.books([3, 0, 0, 0, 3]);
    }
}
