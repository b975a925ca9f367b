//! What replays have delivered of a feed's dead letters is delivered: it is not sent again, and deleted when it is gone.

use super::{SYNC, deletes, feed, rows, sent};
use crate::support::Bench;
use crate::support::scripted::{Scripted, Step};
use crate::support::server::{Answer, Server};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

const AMOUNTS: &str = "--type amount=number";

/// A feed with a row that the practice server does not take, and its dead letters with that row made good.
fn refused() -> Bench {
    let bench = Bench::with("x.csv", "id,amount\nr1,5\nr2,-1\n");
    assert_eq!(rows(&bench.run(&format!("send x.csv {SYNC} {AMOUNTS}")).exits(3)), [2, 1, 1, 0, 0]);
    bench.write("fixed.ndjson", bench.read("s/dead-letters.ndjson").replace("-1", "1"));
    bench
}

#[test]
fn a_row_that_a_replay_has_delivered_is_known_by_what_was_really_sent() {
    let bench = refused();
    bench.run("replay fixed.ndjson --state s --to sandbox --progress none").exits(0);
    let sync = format!("send x.csv {SYNC} {AMOUNTS}");
    let plan = "plan x.csv --to sandbox --sync id --state s --type amount=number --progress none --json";
    // As it was it is another row than the one that was sent.
    assert_eq!(rows(&bench.run(&sync).exits(3)), [2, 0, 1, 1, 0]);
    bench.write("x.csv", "id,amount\nr1,5\nr2,1\n");
    assert_eq!(bench.run(plan).exits(0).summary()["feed"]["unchanged"], 2);
    assert_eq!(rows(&bench.run(&sync).exits(0)), [2, 0, 0, 2, 0]);
    assert_eq!(sent(&bench)["r2"].len(), 1);
    bench.run("audit s x.csv").exits(0);
}

#[test]
fn a_row_that_a_replay_delivered_of_a_plain_import_is_known_to_its_first_sync() {
    let bench = Bench::with("x.csv", "id,amount\nr1,5\nr2,-1\n");
    bench.run(&format!("send x.csv --to sandbox {AMOUNTS} --state s --progress none")).exits(3);
    bench.write("fixed.ndjson", bench.read("s/dead-letters.ndjson").replace("-1", "1"));
    bench.run("replay fixed.ndjson --state s --to sandbox --progress none").exits(0);
    bench.write("y.csv", "id,amount\nr1,5\nr2,1\n");
    let sync = format!("send x.csv {SYNC} {AMOUNTS}");
    assert_eq!(rows(&bench.run(&sync).exits(3)), [2, 0, 1, 1, 0]);
    assert_eq!(rows(&bench.run(&sync.replace("x.csv", "y.csv")).exits(0)), [2, 0, 0, 2, 0]);
    assert_eq!(sent(&bench)["r2"].len(), 1);
}

#[test]
fn what_a_replay_left_in_doubt_is_held_and_what_it_sent_elsewhere_is_sent_here() {
    let other = Scripted::start(&[Step::Says("200 OK", "", "{}")]);
    let steps = [Step::Says("422 No", "", "{}"), Step::Loses, Step::Says("200 OK", "", "{}")];
    for is_here in [true, false] {
        let bench = Bench::with("x.csv", "id\nr1\n");
        let elsewhere = [steps[0].clone(), steps[2].clone()];
        let server = Scripted::start(if is_here { &steps } else { &elsewhere });
        let (to, code) = if is_here { (&server.url, 5) } else { (&other.url, 0) };
        let sync = format!("send x.csv --to {}/ --sync id --state s --progress none --json", server.url);
        bench.run(&sync).exits(3);
        bench.run(&format!("replay s/dead-letters.ndjson --to {to}/ --progress none")).exits(code);
        let said = bench.run(&sync).exits(code);
        let [read, delivered, ..] = rows(&said);
        assert_eq!((read, delivered, server.got().len()), (1, u64::from(!is_here), 2), "{said:?}");
    }
}

#[test]
fn what_a_replay_delivered_here_by_another_mapping_is_delivered() {
    let bench = Bench::with("x.csv", "id\nr1\n");
    let server = Scripted::start(&[Step::Says("422 No", "", "{}"), Step::Says("200 OK", "", "{}")]);
    let sync = format!("send x.csv --to {}/ --sync id --state s --progress none --json", server.url);
    bench.run(&sync).exits(3);
    let more = "--envelope rows -H X-Version:2";
    bench.run(&format!("replay s/dead-letters.ndjson --to {}/ {more} --progress none", server.url)).exits(0);
    assert_eq!(rows(&bench.run(&sync).exits(0)), [1, 0, 0, 1, 0]);
    assert_eq!(server.got().len(), 2);
}

/// A target that refuses one row, then is down, then takes everything, as the phase says; a feed whose replay was killed
/// while it was down, and the words of both.
fn killed(phase: &Arc<AtomicU8>) -> (Bench, Server, [String; 2]) {
    let (bench, now) = (Bench::with("x.csv", "id\nr1\nr2\n"), Arc::clone(phase));
    let server = Server::saying(move |got, _| {
        let status = match now.load(Ordering::SeqCst) {
            0 if got.body.contains("r2") => 422,
            1 => 503,
            _ => 200,
        };
        Some(Answer::json(status, &serde_json::json!({})))
    });
    let to = format!("--to {}/ --idempotency-header Key --state s --progress none --json", server.url());
    let (sync, replay) = (format!("send x.csv --sync id {to}"), format!("replay s/dead-letters.ndjson {to}"));
    bench.run(&sync).exits(3);
    let before = server.requests().len();
    phase.store(1, Ordering::SeqCst);
    let mut child = bench.start(&replay);
    while server.requests().len() == before {
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    phase.store(2, Ordering::SeqCst);
    (bench, server, [sync, replay])
}

#[test]
fn a_replay_that_was_killed_ends_under_its_own_key_before_the_next_feed() {
    let phase = Arc::default();
    let (bench, server, [sync, replay]) = killed(&phase);
    let requests = server.requests().len();
    for n in ["", " -n"] {
        let said = bench.run(&format!("{sync}{n}")).exits(6);
        assert!(said.stderr.contains("replay 1 of this state is not finished"), "{said:?}");
        assert!(
            said.stderr.contains("its own command, `bulkhaul replay s/dead-letters.ndjson --to …`"),
            "{said:?}"
        );
    }
    assert_eq!(server.requests().len(), requests);
    bench.run(&replay).exits(0);
    assert_eq!(rows(&bench.run(&sync).exits(0)), [2, 0, 0, 2, 0]);
    let got = server.requests();
    let keys: Vec<_> = got[got.len() - 2..].iter().map(|got| got.header("key")).collect();
    assert!(got.len() > requests && keys[0].is_some() && keys[0] == keys[1], "{keys:?}");
}

#[test]
fn what_a_killed_replay_may_have_sent_is_held_once_it_is_given_up() {
    let phase = Arc::default();
    let (bench, server, [sync, replay]) = killed(&phase);
    let requests = server.requests().len();
    bench.run(&format!("{replay} --abandon")).exits(0);
    let said = bench.run(&sync).exits(5);
    assert_eq!((rows(&said), server.requests().len()), ([2, 0, 0, 1, 0], requests));
}

#[test]
fn a_replay_that_the_next_feed_has_overtaken_is_not_gone_on_with() {
    let bench = Bench::with("x.csv", "id,amount\nr1,-5\nr2,-1\n");
    let sync = format!("send x.csv {SYNC} {AMOUNTS}");
    bench.run(&sync).exits(3);
    bench.write("fixed.ndjson", bench.read("s/dead-letters.ndjson").replace(":-", ":"));
    let replay = "replay fixed.ndjson --state s --to sandbox --progress none";
    bench.run(&format!("{replay} --limit 1")).exits(0);
    bench.write("x.csv", "id,amount\nr1,5\nr2,1\n");
    assert_eq!(rows(&bench.run(&sync).exits(0)), [2, 1, 0, 1, 0]);
    for n in ["", " -n"] {
        let said = bench.run(&format!("{replay}{n}")).exits(6);
        assert!(
            said.stderr.contains("a later import has taken over what was open of it\nhint: --abandon"),
            "{said:?}"
        );
    }
    bench.run(&format!("{replay} --abandon")).exits(0);
    assert!(sent(&bench).values().all(|values| values.len() == 1));
}

#[test]
fn a_row_that_a_replay_delivered_is_deleted_when_the_feed_no_longer_has_it() {
    let server = Server::saying(|got, before| {
        let is_first = !before.iter().any(|earlier| earlier.body == got.body);
        let is_refused = got.method == "POST" && got.body.contains("\"r7\"") && is_first;
        Some(Answer::json(if is_refused { 422 } else { 200 }, &serde_json::json!({"code": "no"})))
    });
    let bench = Bench::with("things.toml", deletes::PROFILE);
    let sync = deletes::sync(server.url(), "--deletes");
    bench.write("x.csv", feed(20, |_| Some("a".into())));
    bench.run(&sync).exits(3);
    let to = format!("--to ./things.toml --url {} --set path=/single/things", server.url());
    bench.run(&format!("replay s/dead-letters.ndjson {to} --progress none")).exits(0);
    bench.write("x.csv", feed(20, |row| (row != 7).then(|| "a".into())));
    assert_eq!(rows(&bench.run(&sync).exits(0)), [19, 0, 0, 19, 0]);
    assert_eq!(deletes::deleted(&server), ["r7"]);
}

#[test]
fn a_feed_that_goes_on_knows_what_a_replay_has_sent_since_it_began() {
    let sync = format!("send x.csv {SYNC} {AMOUNTS}");
    let bench = Bench::with("x.csv", "id,amount\nr1,1\nr2,1\n");
    bench.run(&sync).exits(0);
    bench.write("x.csv", "id,amount\nr1,1\nr2,-5\nr3,-6\n");
    bench.run(&sync).exits(3);
    bench.write("fixed.ndjson", bench.read("s/dead-letters.ndjson").replace(":-", ":"));
    // The one is back to what was delivered first, the other as it is mended.
    bench.write("x.csv", "id,amount\nr1,1\nr2,1\nr3,6\n");
    bench.run(&format!("{sync} --limit 1")).exits(0);
    bench.run("replay fixed.ndjson --state s --to sandbox --progress none").exits(0);
    let said = bench.run(&sync).exits(0);
    assert_eq!(rows(&said), [3, 1, 0, 2, 0], "{said:?}");
    let sent = sent(&bench);
    assert_eq!((sent["r2"].len(), sent["r3"].len()), (3, 1), "{sent:?}");
    assert_eq!(rows(&bench.run(&sync).exits(0)), [3, 0, 0, 3, 0]);
    bench.run("audit s x.csv").exits(0);
}

#[test]
fn a_replay_that_stopped_with_no_row_pending_keeps_none_out_once_the_next_feed_was_sent() {
    let bench = Bench::with("x.csv", "id,amount\nr1,-1\nr2,-2\nr3,3\n");
    let sync = format!("send x.csv {SYNC} {AMOUNTS}");
    let replay = "--state s --to sandbox --progress none --json";
    bench.run(&sync).exits(3);
    let mend = |name: &str| bench.write(name, bench.read("s/dead-letters.ndjson").replace(":-", ":"));
    mend("fixed.ndjson");
    bench.run(&format!("replay fixed.ndjson {replay} --limit 1")).exits(0);
    bench.write("x.csv", "id,amount\nr1,-1\nr2,-2\nr3,-3\n");
    bench.run(&sync).exits(3);
    mend("again.ndjson");
    let planned = bench.run(&format!("replay again.ndjson {replay} -n")).exits(0).summary();
    assert_eq!(planned["rows"]["sendable"], 3, "{planned}");
    bench.run(&format!("replay again.ndjson {replay}")).exits(0).books([3, 3, 0, 0, 0]);
    bench.write("x.csv", "id,amount\nr1,1\nr2,2\nr3,3\n");
    assert_eq!(rows(&bench.run(&sync).exits(0)), [3, 0, 0, 3, 0]);
}

#[test]
fn a_row_that_a_tool_wrote_anew_and_a_replay_delivered_is_known_as_the_row_that_the_feed_has() {
    let no = Step::Says("422 No", "", "{}");
    let feeds = [("x.ndjson", "{\"id\": 1.50, \"v\": [1, 2]}\n"), ("x.csv", "id,v\n1.50,2\n")];
    for (name, feed) in feeds {
        let bench = Bench::with(name, feed);
        let server = Scripted::start(&[no.clone(), Step::Says("200 OK", "", "{}")]);
        let to = format!("--to {}/ --state s --progress none", server.url);
        let sync = format!("send {name} --sync id --json {to}");
        bench.run(&sync).exits(3);
        // As jq writes it, or Python.
        let mut letter: serde_json::Value =
            serde_json::from_str(&bench.read("s/dead-letters.ndjson")).unwrap();
        letter["row"].as_object_mut().unwrap().sort_keys();
        let text = letter.to_string().replace("1.50", "1.5").replace("\":", "\" : ");
        let text = if name == "x.csv" { text.replace("\"1.5\"", "\"1.50\"") } else { text };
        bench.write("l.ndjson", text + "\n");
        bench.run(&format!("replay l.ndjson {to}")).exits(0);
        assert_eq!((rows(&bench.run(&sync).exits(0)), server.got().len()), ([1, 0, 0, 1, 0], 2), "{name}");
        bench.run(&format!("audit s {name}")).exits(0);
    }
}
