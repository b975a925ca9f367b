//! Runs that were broken off between two feeds: while an earlier one was asked about, or by a guard. What is known of the
//! rows afterwards is what became of them, whatever a person says next.

use super::rows;
use crate::support::Bench;
use crate::support::server::{Answer, Server};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const PROFILE: &str = "[profile]\nversion = 1\nname = \"t\"\n[params.base]\nrequired = true\n[limits]\nrows = 1\n\
    [request]\nurl = \"${param.base}/rows\"\n[flow]\nconcurrency = 1\n[[response]]\nwhen = { status = [200] }\n\
    then = \"ok\"\n[[response]]\nwhen = { status = [422] }\nthen = \"reject\"\n[verify]\n\
    url = \"${param.base}/rows/${row:/id}\"\napplied = { status = [200] }\nnot_applied = { status = [404] }\n\
    [delete]\nmethod = \"DELETE\"\nurl = \"${param.base}/rows/${row:/id}\"\nformat = \"empty\"\nrows = 1\n";

type Store = Arc<Mutex<BTreeMap<String, String>>>;

/// A target that keeps one value for each row, and does as the phase says.
struct Yard {
    bench: Bench,
    server: Server,
    store: Store,
    phase: Arc<AtomicU8>,
}

/// Rows are applied, and the answer is lost.
const LOSES: u8 = 1;
/// It takes rows, and says of `r2` neither that it has it nor that it has not.
const SILENT: u8 = 2;
/// It refuses `r2`.
const REFUSES: u8 = 3;
/// It takes rows, and no credentials for deletions.
const LOCKED: u8 = 4;

fn yard() -> Yard {
    let (store, phase): (Store, Arc<AtomicU8>) = Default::default();
    let (kept, now) = (Arc::clone(&store), Arc::clone(&phase));
    let server = Server::saying(move |got, _| {
        let phase = now.load(Ordering::SeqCst);
        let mut kept = kept.lock().unwrap();
        let id = got.path.rsplit('/').next().unwrap().to_owned();
        let status = match got.method.as_str() {
            "GET" if phase == SILENT && id == "r2" => 503,
            "GET" => {
                if kept.contains_key(&id) {
                    200
                } else {
                    404
                }
            }
            "DELETE" if phase == LOCKED => 401,
            "DELETE" => {
                if kept.remove(&id).is_some() {
                    200
                } else {
                    404
                }
            }
            _ if phase == REFUSES && got.body.contains("r2") => 422,
            _ => {
                for row in serde_json::from_str::<Vec<BTreeMap<String, String>>>(&got.body).unwrap() {
                    kept.insert(row["id"].clone(), row["value"].clone());
                }
                if phase == LOSES {
                    return None;
                }
                200
            }
        };
        Some(Answer::json(status, &json!({})))
    });
    let bench = Bench::with("t.toml", PROFILE);
    Yard { bench, server, store, phase }
}

impl Yard {
    fn command(&self, what: &str, more: &str) -> String {
        let url = self.server.url();
        format!("{what} --to ./t.toml --url {url} --state s --progress none --json {more}")
    }

    fn sync(&self, more: &str) -> String {
        self.command("send x.csv --sync id", more)
    }

    fn turn(&self, phase: u8) {
        self.phase.store(phase, Ordering::SeqCst);
    }

    fn feed(&self, rows: &[(&str, &str)]) {
        let lines: String = rows.iter().map(|(id, value)| format!("{id},{value}\n")).collect();
        self.bench.write("x.csv", format!("id,value\n{lines}"));
    }

    fn has(&self, expected: &[(&str, &str)]) {
        let expected = expected.iter().map(|(id, value)| ((*id).to_owned(), (*value).to_owned())).collect();
        assert_eq!(*self.store.lock().unwrap(), expected);
    }

    /// How often rows were sent.
    fn sent(&self) -> usize {
        self.server.requests().iter().filter(|got| got.method == "POST").count()
    }

    fn audit(&self) {
        self.bench.run("audit s x.csv").exits(0);
    }
}

/// Two rows in doubt, a newer feed that holds them, and a question about them that was broken off after the first.
fn asked() -> Yard {
    let yard = yard();
    yard.turn(LOSES);
    yard.feed(&[("r1", "a"), ("r2", "a")]);
    yard.bench.run(&yard.sync("")).exits(5);
    yard.turn(SILENT);
    yard.feed(&[("r1", "a"), ("r2", "a"), ("r3", "a")]);
    yard.bench.run(&yard.sync("")).exits(5);
    let mut child = yard.bench.start(&yard.sync("--on-ambiguous verify -j 1"));
    while !yard.server.requests().iter().any(|got| got.is("GET", "/rows/r2")) {
        std::thread::sleep(Duration::from_millis(5));
    }
    // What it was told of the first row is written down.
    std::thread::sleep(Duration::from_millis(200));
    child.kill().unwrap();
    child.wait().unwrap();
    yard.turn(0);
    yard
}

#[test]
fn what_newer_feeds_have_sent_stays_known_though_a_question_about_an_older_one_was_broken_off() {
    let yard = asked();
    yard.feed(&[("r1", "b"), ("r2", "a"), ("r3", "a")]);
    let said = yard.bench.run(&yard.sync("")).exits(5);
    assert_eq!((rows(&said), &said.summary()["rows"]["in_doubt"]), ([3, 1, 0, 1, 0], &Value::from(1)));
    yard.audit();
    let sent = yard.sent();
    let said = yard.bench.run(&yard.sync("--on-ambiguous verify")).exits(0);
    assert_eq!((rows(&said), yard.sent()), ([3, 0, 0, 3, 0], sent), "{said:?}");
    yard.feed(&[("r1", "a"), ("r2", "a"), ("r3", "a")]);
    for expected in [[3, 1, 0, 2, 0], [3, 0, 0, 3, 0]] {
        let said = yard.bench.run(&yard.sync("--on-ambiguous verify")).exits(0);
        assert_eq!(rows(&said), expected);
        yard.has(&[("r1", "a"), ("r2", "a"), ("r3", "a")]);
        yard.audit();
    }
}

#[test]
fn nobody_asks_any_more_about_a_row_that_was_sent_after_a_question_about_it_was_broken_off() {
    let yard = asked();
    yard.feed(&[("r1", "a"), ("r2", "b"), ("r3", "a")]);
    assert_eq!(rows(&yard.bench.run(&yard.sync("")).exits(0)), [3, 1, 0, 2, 0]);
    let requests = yard.server.requests().len();
    let said = yard.bench.run(&yard.sync("--on-ambiguous verify")).exits(0);
    assert_eq!((rows(&said), yard.server.requests().len()), ([3, 0, 0, 3, 0], requests), "{said:?}");
    yard.has(&[("r1", "a"), ("r2", "b"), ("r3", "a")]);
}

/// Of the first feed one row is in doubt or refused, and the second was stopped because it had shrunk.
fn shrunk(phase: u8) -> Yard {
    let yard = yard();
    yard.feed(&[("r1", "a"), ("r3", "a"), ("r4", "a")]);
    yard.bench.run(&yard.sync("")).exits(0);
    yard.turn(phase);
    yard.feed(&[("r1", "a"), ("r2", "a"), ("r3", "a"), ("r4", "a")]);
    yard.bench.run(&yard.sync("")).exits(if phase == REFUSES { 3 } else { 5 });
    yard.turn(0);
    yard.feed(&[("r2", "a")]);
    yard.bench.run(&yard.sync("--max-shrink 10%")).exits(4);
    yard.feed(&[("r1", "a"), ("r2", "a"), ("r3", "a"), ("r4", "a")]);
    yard
}

#[test]
fn a_row_in_doubt_comes_to_one_end_behind_a_feed_that_was_stopped_by_a_guard() {
    for (way, more) in [("resend", 1), ("verify", 0)] {
        let yard = shrunk(LOSES);
        let sent = yard.sent();
        let said = yard.bench.run(&yard.sync(&format!("--on-ambiguous {way}"))).exits(0);
        assert_eq!((rows(&said), yard.sent()), ([4, 0, 0, 4, 0], sent + more), "{way}: {said:?}");
        for way in ["hold", "verify", "resend"] {
            let said = yard.bench.run(&yard.sync(&format!("--on-ambiguous {way}"))).exits(0);
            assert_eq!((rows(&said), yard.sent()), ([4, 0, 0, 4, 0], sent + more), "{way}: {said:?}");
            yard.audit();
        }
    }
}

#[test]
fn a_row_that_was_not_applied_and_is_then_refused_behind_a_guard_is_no_longer_in_doubt() {
    let yard = shrunk(LOSES);
    yard.store.lock().unwrap().remove("r2");
    yard.turn(REFUSES);
    let said = yard.bench.run(&yard.sync("--on-ambiguous verify")).exits(3);
    assert_eq!(said.summary()["rows"]["in_doubt"], 0, "{said:?}");
    yard.turn(0);
    assert_eq!(rows(&yard.bench.run(&yard.sync("")).exits(0)), [4, 1, 0, 3, 0]);
    yard.has(&[("r1", "a"), ("r2", "a"), ("r3", "a"), ("r4", "a")]);
    yard.audit();
}

#[test]
fn what_a_replay_delivers_behind_a_feed_that_was_stopped_by_a_guard_is_not_sent_again() {
    let yard = shrunk(REFUSES);
    yard.bench.run(&yard.command("replay s/dead-letters.ndjson", "")).exits(0);
    let sent = yard.sent();
    let said = yard.bench.run(&yard.sync("")).exits(0);
    assert_eq!((rows(&said), yard.sent()), ([4, 0, 0, 4, 0], sent), "{said:?}");
    yard.audit();
}

#[test]
fn nothing_is_replayed_that_the_next_feed_is_about_to_send_because_it_has_begun_to_delete() {
    let yard = yard();
    yard.feed(&[("r1", "a"), ("r3", "a")]);
    yard.bench.run(&yard.sync("--deletes")).exits(0);
    yard.turn(REFUSES);
    yard.feed(&[("r1", "a"), ("r2", "a"), ("r3", "a")]);
    yard.bench.run(&yard.sync("--deletes")).exits(3);
    yard.turn(LOCKED);
    yard.feed(&[("r1", "a"), ("r2", "a")]);
    let deletes = yard.sync("--deletes --max-deletes 1");
    yard.bench.run(&deletes).exits(1);
    let (sent, replay) = (yard.sent(), yard.command("replay s/dead-letters.ndjson", ""));
    for n in ["", " -n"] {
        let said =
            yard.bench.run(&format!("{replay}{n}").replace(if n.is_empty() { "?" } else { "--json" }, ""));
        assert!(said.exits(6).stderr.contains("has begun to delete rows"), "{n}");
        assert!(!yard.bench.path("s/replays/1").exists(), "nothing has begun");
    }
    yard.turn(0);
    assert_eq!(rows(&yard.bench.run(&deletes).exits(0)), [2, 1, 0, 1, 0]);
    assert_eq!(yard.sent(), sent + 1);
    yard.has(&[("r1", "a"), ("r2", "a")]);
    yard.audit();
}

#[test]
fn the_books_of_a_feed_balance_though_its_doubts_came_to_an_end_before_a_guard_stopped_the_next_one() {
    let yard = yard();
    yard.turn(LOSES);
    yard.feed(&[("r1", "a"), ("r2", "a")]);
    yard.bench.run(&yard.sync("")).exits(5);
    yard.turn(0);
    let newest = [("r1", "a"), ("r2", "a"), ("r3", "a")];
    yard.feed(&newest);
    yard.bench.run(&yard.sync("")).exits(5);
    // Of the one that is held nothing was applied, and now it is refused.
    yard.store.lock().unwrap().remove("r2");
    yard.turn(REFUSES);
    yard.feed(&[("r1", "a")]);
    yard.bench.run(&yard.sync("--on-ambiguous verify --max-shrink 10%")).exits(4);
    yard.feed(&newest);
    yard.audit();
}

#[test]
fn the_books_of_a_feed_balance_though_a_replay_has_sent_another_row_before_a_guard_stopped_the_next_one() {
    let yard = yard();
    for (phase, value, exit) in [(0, "a", 0), (REFUSES, "b", 3), (0, "a", 0)] {
        yard.turn(phase);
        yard.feed(&[("r1", "a"), ("r2", value)]);
        yard.bench.run(&yard.sync("")).exits(exit);
    }
    yard.bench.run(&yard.command("replay s/dead-letters.ndjson", "")).exits(0);
    yard.has(&[("r1", "a"), ("r2", "b")]);
    yard.feed(&[("r1", "a")]);
    yard.bench.run(&yard.sync("--max-shrink 10%")).exits(4);
    yard.feed(&[("r1", "a"), ("r2", "a")]);
    yard.audit();
    assert_eq!(rows(&yard.bench.run(&yard.sync("")).exits(0)), [2, 1, 0, 1, 0]);
    yard.has(&[("r1", "a"), ("r2", "a")]);
}

#[test]
fn what_was_deleted_does_not_come_back_with_the_doubts_of_the_feed_before() {
    for way in ["resend", "verify"] {
        let yard = yard();
        yard.turn(LOSES);
        yard.feed(&[("r1", "a"), ("r2", "a"), ("r3", "a"), ("r4", "a")]);
        yard.bench.run(&yard.sync("--deletes")).exits(5);
        yard.turn(0);
        yard.feed(&[("r1", "a"), ("r5", "a")]);
        // Some are deleted, and then the run is killed before the feed's own import begins.
        let mut child = yard.bench.start(&yard.sync("--deletes --max-deletes 9 -j 1 --rate 5/s"));
        while !yard.server.requests().iter().any(|got| got.method == "DELETE") {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(100));
        child.kill().unwrap();
        child.wait().unwrap();
        let last = yard.sync(&format!("--deletes --max-deletes 9 --on-ambiguous {way}"));
        let said = yard.bench.run(&last);
        assert!([0, 5].contains(&said.exit), "{way}: {said:?}");
        yard.bench.run(&last).exits(0);
        yard.has(&[("r1", "a"), ("r5", "a")]);
        yard.audit();
    }
}

#[test]
fn what_is_left_of_a_feed_is_not_measured_against_the_few_rows_that_were_read_of_it() {
    let yard = yard();
    yard.turn(REFUSES);
    yard.feed(&[("r1", "a"), ("r2", "a"), ("r3", "a"), ("r4", "a")]);
    yard.bench.run(&yard.sync("--max-rejects 0")).exits(4);
    yard.turn(0);
    yard.feed(&[("r1", "b"), ("r2", "b"), ("r3", "b"), ("r4", "b")]);
    yard.bench.run(&yard.sync("--max-rejects 20%")).exits(3);
    yard.has(&[("r1", "b"), ("r2", "b"), ("r3", "b"), ("r4", "b")]);
    yard.audit();
}

const SIX: [(&str, &str); 6] = [("r1", "a"), ("r2", "a"), ("r3", "a"), ("r4", "a"), ("r5", "a"), ("r6", "a")];

/// A target that has lost what it was sent, and of an `--again` the first four rows.
fn half_sent_again(phase: u8) -> Yard {
    let yard = yard();
    yard.feed(&SIX);
    yard.bench.run(&yard.sync("")).exits(0);
    yard.store.lock().unwrap().clear();
    yard.turn(phase);
    yard.bench.run(&yard.sync("--again --limit 4")).exits(0);
    yard.turn(0);
    yard
}

/// What the plan says, and then the run.
fn planned_and_sent(yard: &Yard, code: i32) -> (Value, [u64; 5]) {
    let planned = yard.bench.run(&yard.sync("-n")).exits(0).summary()["rows"]["sendable"].clone();
    (planned, rows(&yard.bench.run(&yard.sync("")).exits(code)))
}

#[test]
fn the_rest_of_a_feed_that_again_began_is_sent_behind_a_replay_of_what_was_refused_of_it() {
    let yard = half_sent_again(REFUSES);
    yard.bench.run(&yard.command("replay s/dead-letters.ndjson", "")).exits(0);
    let sent = yard.sent();
    assert_eq!(planned_and_sent(&yard, 3), (2.into(), [6, 2, 0, 4, 0]));
    yard.has(&SIX);
    assert_eq!(yard.sent(), sent + 2);
    yard.audit();
    assert_eq!(planned_and_sent(&yard, 0), (0.into(), [6, 0, 0, 6, 0]));
}

#[test]
fn the_rest_of_a_feed_that_again_began_is_sent_with_the_feed_that_comes_in_its_place() {
    let yard = half_sent_again(0);
    let next = [&SIX[..], &[("r7", "a")]].concat();
    yard.feed(&next);
    yard.bench.run(&yard.sync("--limit 1")).exits(0);
    // Nor is it forgotten when that one has another in its place.
    yard.feed(&[&next[..], &[("r8", "a")]].concat());
    assert_eq!(planned_and_sent(&yard, 0), (4.into(), [8, 4, 0, 4, 0]));
    yard.has(&[&next[..], &[("r8", "a")]].concat());
    yard.audit();
}

#[test]
fn once_a_feed_that_again_began_is_given_up_its_rest_counts_as_before() {
    let yard = half_sent_again(0);
    yard.bench.run(&yard.sync("--abandon")).exits(0);
    assert_eq!(planned_and_sent(&yard, 0), (0.into(), [6, 0, 0, 6, 0]));
}

#[test]
fn again_stands_in_the_command_that_goes_on_until_what_it_is_said_of_has_begun() {
    let yard = yard();
    yard.feed(&SIX);
    yard.bench.run(&yard.sync("")).exits(0);
    yard.feed(&SIX[1..]);
    yard.turn(LOCKED);
    let more = "--deletes --max-deletes 50%";
    let said = yard.bench.run(&yard.sync(&format!("{more} --again"))).exits(1).summary();
    assert!(said["resume"].as_str().unwrap().ends_with(" --again"), "{said}");
    yard.turn(0);
    assert_eq!(rows(&yard.bench.run(&yard.sync(&format!("{more} --again"))).exits(0)), [5, 5, 0, 0, 0]);
}
