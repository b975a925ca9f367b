//! The nine targets of the seeds over the real binary, against a sandbox that is a process of its own and outlives
//! every kill: a clean run, one with bad rows, one under faults and kills, each held against the sandbox's truth.
//!
//! `BULKHAUL_SCALE=100` makes the inputs a hundred times as long, for figures.

mod credentials;
mod examples;
mod experiture;
mod hostile;
mod j17;
mod j17_new;
mod language;
mod literal;
mod matching;
mod pages;
mod polls;
mod rows;
mod steps;
mod validating;

use crate::support::{Bench, Said, get, said};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// 15 % in all, and answers that take a moment, so that a kill finds requests in flight.
const STORM: &str =
    "throttle=2.5%,error=2.5%,drop-before=2.5%,drop-after=2.5%,truncate=2.5%,garbage=2.5%,slow=8ms";

/// What the inputs are multiplied with.
fn scale() -> u64 {
    std::env::var("BULKHAUL_SCALE").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// A sandbox process, and a folder to send from.
struct Yard {
    bench: Bench,
    sandbox: Child,
    url: String,
}

impl Yard {
    fn quiet() -> Self {
        Self::with("")
    }

    fn with(faults: &str) -> Self {
        let bench = Bench::new();
        let mut command = bench.command("sandbox --seed 7");
        if !faults.is_empty() {
            command.args(["--faults", faults]);
        }
        let mut sandbox = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(sandbox.stdout.take().unwrap()).read_line(&mut url).unwrap();
        Self { bench, sandbox, url: url.trim().to_owned() }
    }

    /// The sums of the truth.
    fn truth(&self) -> Value {
        serde_json::from_str(&get(&format!("{}/_sandbox/truth", self.url))).unwrap()
    }

    /// Every row of the truth, in the order in which they were applied.
    fn rows(&self) -> Vec<Value> {
        let text = get(&format!("{}/_sandbox/truth?rows=1", self.url));
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn requests(&self) -> u64 {
        self.truth()["requests"].as_u64().unwrap()
    }

    /// How often each row was applied, by its value at this place. Rivals' rows are nobody's.
    fn applied(&self, at: &str) -> BTreeMap<String, u64> {
        let mut found = BTreeMap::new();
        for line in self.rows().iter().filter(|line| line["ours"] != false) {
            let value = line.pointer(at).unwrap_or_else(|| panic!("nothing at {at}: {line}"));
            *found.entry(text_of(value)).or_default() += 1;
        }
        found
    }

    /// Just these rows were applied, each once.
    #[track_caller]
    fn holds_just(&self, at: &str, expected: impl IntoIterator<Item = String>) {
        let applied = self.applied(at);
        let expected: BTreeMap<String, u64> = expected.into_iter().map(|row| (row, 1)).collect();
        let wrong: Vec<_> = applied.iter().filter(|(row, times)| expected.get(*row) != Some(times)).collect();
        assert!(wrong.is_empty(), "applied, but not once or not at all to be: {wrong:?}");
        let missing: Vec<_> = expected.keys().filter(|row| !applied.contains_key(*row)).collect();
        assert!(missing.is_empty(), "never applied: {missing:?}");
    }

    fn import(&self, arguments: &str) -> Import<'_> {
        let send = format!("send {} --progress none --json", arguments.replace("BASE", &self.url));
        Import { yard: self, send }
    }

    /// The dead letters' errors, by the row's value at this place; each row is there once.
    #[track_caller]
    fn letters(&self, input: &str, at: &str) -> BTreeMap<String, Value> {
        let mut found = BTreeMap::new();
        for letter in self.bench.dead_letters(input) {
            let row = text_of(letter["row"].pointer(at).unwrap_or_else(|| panic!("no {at}: {letter}")));
            assert!(
                found.insert(row, letter["error"].clone()).is_none(),
                "twice in the dead letters: {letter}"
            );
        }
        found
    }
}

impl Drop for Yard {
    fn drop(&mut self) {
        let _ = self.sandbox.kill();
        let _ = self.sandbox.wait();
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// One import: the command that begins it and goes on with it.
struct Import<'a> {
    yard: &'a Yard,
    send: String,
}

impl Import<'_> {
    fn run(&self) -> Said {
        let started = Instant::now();
        let said = self.yard.bench.run(&self.send);
        if scale() > 1 {
            let requests = self.yard.truth();
            let words: Vec<&str> = self.send.split_whitespace().collect();
            let target = words.iter().position(|word| *word == "--to").map_or("", |at| words[at + 1]);
            let (last, took) = (said.stderr.lines().next().unwrap_or_default(), started.elapsed());
            let _ =
                std::fs::OpenOptions::new().create(true).append(true).open("figures.txt").map(|mut file| {
                    use std::io::Write;
                    writeln!(file, "{target}: exit {}, {took:.1?}: {last}\n    {requests}", said.exit)
                });
        }
        said
    }

    /// Runs until the sandbox has seen so many more requests, and is killed with SIGKILL.
    #[track_caller]
    fn killed_after(&self, requests: u64) {
        let until = self.yard.requests() + requests;
        self.killed_when(|yard| yard.requests() >= until);
    }

    #[track_caller]
    fn killed_when(&self, now: impl Fn(&Yard) -> bool) {
        let mut child = self.yard.bench.start(&self.send);
        while !now(self.yard) {
            std::thread::sleep(Duration::from_millis(2));
            assert!(child.try_wait().unwrap().is_none(), "it was over before it could be killed");
        }
        child.kill().unwrap();
        let ended = said(child.wait_with_output().unwrap());
        assert_eq!(ended.exit, -1, "it was over before it was killed: {ended:#?}");
    }
}
