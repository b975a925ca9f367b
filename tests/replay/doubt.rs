//! Rows in doubt have two ways out, the import's own and a replay's: whichever takes them, the other leaves them alone.

use crate::support::Bench;
use crate::support::scripted::Scripted;
use crate::support::scripted::Step::{self, Loses, Says};
use serde_json::{Value, json};

pub(super) const COUNTS_ONE: Step = Says("200 OK", "", "{\"n\":1}");
pub(super) const GOOD: Step = Says("200 OK", "", "{\"n\":0}");

/// An import of three rows into a target that counts what it refuses and names nothing: they are in doubt.
pub(super) struct Doubt {
    pub(super) bench: Bench,
    pub(super) server: Scripted,
}

impl Doubt {
    pub(super) fn with(steps: &[Step]) -> Self {
        Self::of("{\"id\":1}\n{\"id\":2}\n{\"id\":3}\n", steps)
    }

    /// Of these three rows.
    pub(super) fn of(rows: &str, steps: &[Step]) -> Self {
        let server = Scripted::start(steps);
        let bench = Bench::with("x.ndjson", rows);
        bench.write("counted.toml", counted(&server));
        let doubt = Self { bench, server };
        doubt.send("").exits(5).books([3, 0, 0, 3, 0]);
        doubt
    }

    fn send(&self, more: &str) -> crate::support::Said {
        self.bench.run(&format!("send x.ndjson --to ./counted.toml --progress none --json {more}"))
    }

    fn replay(&self, more: &str) -> crate::support::Said {
        self.replay_of("x.ndjson.bulkhaul", more)
    }

    pub(super) fn replay_of(&self, letters: &str, more: &str) -> crate::support::Said {
        self.bench
            .run(&format!("replay {letters} --to ./counted.toml --progress none --json --in-doubt {more}"))
    }

    pub(super) fn requests(&self) -> usize {
        self.server.got().len()
    }

    /// Rows that are open, by `rejects`.
    pub(super) fn open(&self) -> u64 {
        self.bench.run("rejects --json").exits(0).summary()["open"].as_u64().unwrap()
    }
}

/// A profile that counts what was refused and names nothing.
fn counted(server: &Scripted) -> String {
    format!(
        "[profile]\nversion = 1\nname = \"counted\"\n[request]\nurl = \"{}/rows\"\n\
             [[response]]\nwhen = {{ status = [200] }}\nthen = \"results\"\nresults = \"r\"\n\
             [results.r]\ncovers = \"failed\"\ncount_failed = \"/n\"\nunlisted = \"ok\"\n",
        server.url
    )
}

#[test]
fn what_the_import_sent_again_itself_is_not_replayed() {
    let doubt = Doubt::with(&[COUNTS_ONE, GOOD]);
    assert_eq!(doubt.open(), 3);
    doubt.send("--on-ambiguous resend").exits(0).books([3, 3, 0, 0, 0]);
    assert_eq!((doubt.open(), doubt.requests()), (0, 2));
    let said = doubt.replay("").exits(0);
    assert_eq!(said.summary()["replay"]["left_out"]["settled"], 3);
    assert_eq!(said.stderr, "nothing to replay: 3 no longer in doubt: the import has sent them again\n");
    assert_eq!(doubt.requests(), 2);
}

#[test]
fn what_a_replay_delivered_is_not_sent_again_by_the_import() {
    let doubt = Doubt::with(&[COUNTS_ONE, GOOD]);
    doubt.replay("").exits(0).books([3, 3, 0, 0, 0]);
    assert_eq!((doubt.open(), doubt.requests()), (0, 2));
    for _ in 0..2 {
        let said = doubt.send("--on-ambiguous resend").exits(5).books([3, 0, 0, 3, 0]);
        assert!(
            said.stderr.starts_with("note: 3 rows in doubt left alone: a replay has taken them over\n"),
            "{said:?}"
        );
    }
    assert_eq!(doubt.requests(), 2);
}

#[test]
fn what_is_in_doubt_anew_is_told_once_and_replayed_once() {
    let doubt = Doubt::with(&[COUNTS_ONE, COUNTS_ONE, GOOD]);
    doubt.send("--on-ambiguous resend").exits(5).books([3, 0, 0, 3, 0]);
    assert_eq!(doubt.bench.dead_letters("x.ndjson").len(), 2, "one for each answer");
    assert_eq!(doubt.open(), 3);
    doubt.replay("").exits(0).books([3, 3, 0, 0, 0]);
    assert_eq!((doubt.open(), doubt.requests()), (0, 3));
    doubt.send("--on-ambiguous resend").exits(5);
    assert_eq!(doubt.requests(), 3);
    // The first letter's rows were sent again by the import, and no replay delivered them.
    let status = doubt.bench.run("status --json").exits(0).summary();
    assert_eq!(status["replayed"], serde_json::json!({"delivered": 3, "open": 0, "running": false}));
    let said = doubt.bench.run("rejects --export ndjson").exits(0);
    let words = "note: left out: 3 rows delivered since\nnote: left out: 3 rows that are no longer open\n";
    assert_eq!((said.stdout.as_str(), said.stderr.as_str()), ("", words));
}

#[test]
fn rows_that_a_broken_run_has_taken_up_are_not_replayed() {
    let doubt = Doubt::with(&[COUNTS_ONE, Says("403 Forbidden", "", ""), GOOD]);
    doubt.send("--on-ambiguous resend").exits(1).books([3, 0, 0, 0, 3]);
    let said = doubt.replay("").exits(0);
    assert_eq!(said.summary()["replay"]["left_out"]["pending"], 3);
    assert_eq!((doubt.open(), doubt.requests()), (3, 2));
    doubt.send("").exits(0).books([3, 3, 0, 0, 0]);
    assert_eq!((doubt.open(), doubt.requests()), (0, 3));
}

#[test]
fn a_replay_that_broke_off_keeps_its_rows_until_it_is_given_up() {
    let doubt = Doubt::with(&[COUNTS_ONE, Says("403 Forbidden", "", ""), GOOD]);
    doubt.replay("").exits(1).books([3, 0, 0, 0, 3]);
    doubt.send("--on-ambiguous resend").exits(5);
    assert_eq!(doubt.requests(), 2);
    doubt.replay("").exits(0).books([3, 3, 0, 0, 0]);
    assert_eq!(doubt.requests(), 3);
}

#[test]
fn the_import_and_a_replay_never_run_for_the_same_rows_at_one_time() {
    let doubt = Doubt::with(&[COUNTS_ONE, Loses]);
    let replays = doubt.bench.path("x.ndjson.bulkhaul/replays");
    std::fs::create_dir(&replays).unwrap();
    let lock = std::fs::File::create(replays.join("ledger.lock")).unwrap();
    lock.lock().unwrap();
    let said = doubt.send("--on-ambiguous resend").exits(7);
    assert!(
        said.stderr
            .starts_with("error: a replay of this import runs, and may send the same rows\nhint: wait"),
        "{said:?}"
    );
    drop(lock);
    let lock = std::fs::File::open(doubt.bench.path("x.ndjson.bulkhaul/ledger.lock")).unwrap();
    lock.lock().unwrap();
    let said = doubt.replay("").exits(7);
    assert!(said.stderr.starts_with("error: an import runs in `x.ndjson.bulkhaul`"), "{said:?}");
    assert_eq!(doubt.requests(), 1);
}

#[test]
fn a_replay_of_rows_in_doubt_that_stands_still_sends_none_of_them_after_its_import_was_done_once_more() {
    let doubt = Doubt::with(&[COUNTS_ONE, GOOD]);
    doubt.replay("--batch-rows 1 --limit 2").exits(0).books([2, 2, 0, 0, 0]);
    doubt.send("--again").exits(0).books([3, 3, 0, 0, 0]);
    assert_eq!(doubt.requests(), 4);
    let said = doubt.replay("--batch-rows 1").exits(6);
    assert!(said.stderr.contains("a later import has taken over what was open of it"), "{said:?}");
    assert_eq!(doubt.requests(), 4);
}

/// The last line of `rejects`.
fn command_of(doubt: &Doubt, of: &str) -> String {
    let said = doubt.bench.run(&format!("rejects {of}")).exits(0).stdout;
    said.lines().last().unwrap().trim_start_matches("to send them again:").trim_start().to_owned()
}

#[test]
fn rejects_ends_with_the_command_that_takes_rows_in_doubt() {
    let doubt = Doubt::with(&[COUNTS_ONE, COUNTS_ONE, GOOD]);
    let letters = "x.ndjson.bulkhaul/dead-letters.ndjson";
    let to = "--to ./counted.toml";
    assert_eq!(command_of(&doubt, ""), format!("bulkhaul replay {letters} {to} --in-doubt"));
    let lines = doubt.bench.read(letters).replace("\"rows\":[{\"id\":1},{\"id\":2},", "\"row\":");
    doubt.bench.write("apart.ndjson", lines.replace("{\"id\":3}]", "{\"id\":3}"));
    assert_eq!(command_of(&doubt, "apart.ndjson"), "bulkhaul replay apart.ndjson --to … --in-doubt");
    doubt.replay_of(letters, "").exits(5);
    // Behind another replay none asks under the old keys any more: its own command comes first.
    let said = doubt.bench.run("rejects").exits(0).stdout;
    assert!(said.contains("; 3 in doubt since replay 1\n"), "{said}");
    assert!(
        said.contains("\n3 rows in doubt since replay 1: look at the target first; then the replay's"),
        "{said}"
    );
    let command = command_of(&doubt, "");
    let command = command.trim_start_matches("to send them all again:").trim_start();
    assert!(command.starts_with(&format!("bulkhaul replay {letters} --to ./counted.toml")), "{command}");
    assert!(command.ends_with(" --in-doubt --on-ambiguous resend"), "{command}");
    doubt.replay_of(letters, "--on-ambiguous resend").exits(0).books([3, 3, 0, 0, 0]);
}

#[test]
fn rows_that_were_not_applied_by_a_persons_word_are_not_called_delivered() {
    let doubt = Doubt::with(&[COUNTS_ONE, GOOD]);
    doubt.send("--verdict missing").exits(3).books([3, 0, 3, 0, 0]);
    let said = doubt.bench.run("rejects").exits(0).stdout;
    assert!(said.starts_with("x.ndjson.bulkhaul: 3 rows were refused and 3 rows are in doubt, for 2 reasons; 3 of them still open\n"), "{said}");
    assert!(said.contains("nobody knows which) (none still open)\n"), "{said}");
    let letter = doubt.bench.read("x.ndjson.bulkhaul/dead-letters.ndjson").lines().next().unwrap().to_owned();
    let (begin, end) =
        (letter.split_once("\"rows\":[").unwrap().0, letter.split_once("],\"invalid\"").unwrap().1);
    doubt.bench.write("empty.ndjson", format!("{begin}\"rows\":[],\"invalid\"{end}\n"));
    assert_eq!(doubt.bench.run("rejects empty.ndjson").exits(0).stdout, "empty.ndjson: no row was refused\n");
}

/// An import whose rows are refused, and a replay of them that gets no answer that fits.
fn lost_in_a_replay(idempotency: &str, steps: &[Step]) -> (Bench, Scripted) {
    let server = Scripted::start(&[&[REFUSED], steps].concat());
    let bench = Bench::with("x.ndjson", "{\"id\":1}\n{\"id\":2}\n");
    let profile = format!(
        "[profile]\nversion = 1\nname = \"listed\"\n[request]\nurl = \"{}/rows\"\n{idempotency}\
         [[response]]\nwhen = {{ status = [200] }}\nthen = \"results\"\nresults = \"r\"\n\
         [results.r]\nfrom = \"/r\"\nmatch = {{ by = \"position\" }}\n\
         [[results.r.rule]]\nwhen = {{ json = {{ \"/ok\" = true }} }}\nthen = \"ok\"\n\
         [[results.r.rule]]\nthen = \"reject\"\n",
        server.url
    );
    bench.write("listed.toml", profile);
    bench.run("send x.ndjson --to ./listed.toml --progress none").exits(3);
    bench.run(&format!("{REPLAY} --progress none")).exits(5);
    (bench, server)
}

const REPLAY: &str = "replay x.ndjson.bulkhaul/dead-letters.ndjson --to ./listed.toml --json";
const REFUSED: Step = Says("200 OK", "", "{\"r\":[{\"ok\":false},{\"ok\":false}]}");
const TAKEN: Step = Says("200 OK", "", "{\"r\":[{\"ok\":true},{\"ok\":true}]}");
const ODD: Step = Says("200 OK", "", "{\"r\":[]}");
const KEYS: &str =
    "[idempotency]\nscope = \"batch\"\nsend = { header = \"Idempotency-Key\" }\nkey_first = true\n";

#[test]
fn rejects_names_the_command_that_asks_under_the_keys_of_the_replay_which_left_the_doubt() {
    let (bench, server) = lost_in_a_replay(KEYS, &[ODD, ODD, TAKEN]);
    let said = bench.run("rejects").exits(0).stdout;
    assert!(said.contains("2 rows were refused, for 1 reason; 2 in doubt since replay 1\n"), "{said}");
    assert!(
        said.contains("bulkhaul rejects x.ndjson.bulkhaul/replays/1 --in-doubt --export ndjson\n"),
        "{said}"
    );
    let command = said.lines().last().unwrap().strip_prefix("to send them all again:   bulkhaul ").unwrap();
    bench.run(command).exits(0).books([2, 2, 0, 0, 0]);
    let keys: Vec<String> = server.got().iter().map(|got| got.key.clone()).collect();
    assert!(
        keys.len() == 4 && !keys[1].is_empty() && keys[1..].iter().all(|key| *key == keys[1]),
        "{keys:?}"
    );
}

#[test]
fn a_replay_of_rows_in_doubt_says_what_may_be_doubled() {
    let natural = "[idempotency]\nscope = \"natural\"\n";
    for (idempotency, steps, doubled) in [
        ("", &[Loses, TAKEN][..], json!(2)),
        (KEYS, &[ODD, ODD, TAKEN], json!(2)),
        (natural, &[ODD, ODD, TAKEN], Value::Null),
    ] {
        let (bench, _server) = lost_in_a_replay(idempotency, steps);
        let said = bench.run(&format!("{REPLAY} --in-doubt")).exits(0).books([2, 2, 0, 0, 0]);
        assert_eq!(said.summary()["rows"]["may_be_doubled"], doubled, "{idempotency}: {said:?}");
        assert_eq!(said.stderr.contains("2 rows may be applied twice"), doubled != Value::Null, "{said:?}");
    }
}

#[test]
fn a_replay_whose_rows_are_in_doubt_once_more_says_that_they_may_be_doubled() {
    let doubt = Doubt::with(&[COUNTS_ONE, COUNTS_ONE]);
    let said = doubt.replay("").exits(5).books([3, 0, 0, 3, 0]);
    assert_eq!(said.summary()["rows"]["may_be_doubled"], 3);
}

#[test]
fn rows_in_doubt_of_a_request_that_the_next_feed_holds_can_be_seen_and_replayed_and_the_feed_hears_of_it() {
    for (second, taken) in [("{\"id\":2}", 3), ("{\"id\":2,\"new\":true}", 2)] {
        let server = Scripted::start(&[COUNTS_ONE, GOOD]);
        let bench = Bench::with("x.ndjson", "{\"id\":1}\n{\"id\":2}\n{\"id\":3}\n");
        bench.write("counted.toml", counted(&server));
        let send =
            "send x.ndjson --sync id --state x.ndjson.bulkhaul --to ./counted.toml --progress none --json";
        bench.run(send).exits(5);
        bench.write("x.ndjson", format!("{{\"id\":1}}\n{second}\n{{\"id\":3}}\n{{\"id\":4}}\n"));
        let held = bench.run(send).exits(5).summary()["rows"]["in_doubt"].as_u64().unwrap();
        assert_eq!(held, taken);
        let said = bench.run("rejects").exits(0).stdout;
        assert!(said.contains(&format!("{taken} rows in doubt since an earlier feed")), "{said}");
        assert_eq!(bench.run("rejects --json").exits(0).summary()["open"], taken);
        let said = bench.run("rejects --in-doubt --export ndjson").exits(0);
        assert!(said.stderr.contains("--export ndjson") && !said.stderr.contains("/replays/"), "{said:?}");
        assert_eq!(bench.run("rejects --export ndjson").exits(0).stdout.lines().count(), 1);
        let replay = "replay x.ndjson.bulkhaul --to ./counted.toml --progress none --json --in-doubt";
        let summary = bench.run(replay).exits(0).books([taken, taken, 0, 0, 0]).summary();
        assert_eq!(summary["replay"]["left_out"]["earlier_imports"], 3 - taken);
        let requests = server.got().len();
        bench.run(&format!("{send} --on-ambiguous resend")).exits(0);
        assert_eq!(server.got().len(), requests);
        let said = bench.run(&format!("{replay} --again")).exits(0);
        assert!(said.stderr.starts_with("nothing to replay"), "{said:?}");
    }
}
