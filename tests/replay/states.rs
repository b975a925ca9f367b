//! Which replay it is: a new one, the last one once more, or none.

use super::{NATURAL, REPLAY, holds_once, mended, refused, with_bad};
use crate::support::Bench;
use crate::support::scripted::Scripted;
use crate::support::scripted::Step::Says;

#[test]
fn the_same_again_does_nothing_and_again_tries_what_is_open() {
    let bench = refused("id,city,amount\nr1,x,1\nr2,y,-2\n");
    let replay = "replay x.csv.bulkhaul/dead-letters.ndjson --to sandbox --progress none";
    bench.run(replay).exits(3);
    let said = bench.run(replay).exits(3);
    assert_eq!(
        said.stderr,
        "nothing to do: this replay is complete (none of 1 row delivered, 1 refused)\n\
         hint: --again tries the rows once more that are still open\n"
    );
    assert!(!bench.path("x.csv.bulkhaul/replays/2").exists());
    bench.run(&format!("{replay} --again")).exits(3);
    assert!(bench.path("x.csv.bulkhaul/replays/2/ledger.db").exists());
}

#[test]
fn a_replay_that_again_began_goes_on_with_the_same_command() {
    let bench = refused(&with_bad(10, 2));
    let replay = format!("replay x.csv.bulkhaul {REPLAY} --batch-rows 1");
    let refusing = format!("{replay} --faults throttle=100% --max-elapsed 200ms");
    bench.run(&refusing).exits(4);
    // It is not the one that this word began.
    let said = bench.run(&format!("{replay} --again")).exits(6);
    assert!(said.stderr.contains("replay 1 is not finished"), "{said:?}");
    bench.run(&replay).exits(3);
    bench.run(&format!("{replay} --again --limit 2")).exits(0).books([2, 0, 2, 0, 0]);
    let said = bench.run(&format!("{replay} --again")).exits(3).books([5, 0, 5, 0, 0]).summary();
    assert_eq!((&said["import"], &said["resumed"]), (&2.into(), &true.into()));
    let said = bench.run(&format!("{replay} --again")).exits(3).summary();
    assert_eq!(said["import"], 3);
}

#[test]
fn an_unfinished_replay_goes_on_with_the_letters_it_began_with_or_is_given_up() {
    let bench = refused(&with_bad(20, 2));
    bench.write("fixed.ndjson", mended(&bench.read("x.csv.bulkhaul/dead-letters.ndjson")));
    let replay = format!("replay fixed.ndjson {REPLAY} --batch-rows 2");
    let said = bench.run(&format!("{replay} --limit 4")).exits(0).books([4, 4, 0, 0, 0]).summary();
    assert_eq!((&said["state"], &said["stopped_by"]), (&"stopped".into(), &"limit".into()));
    bench.run(&format!("{replay} --faults throttle=100% --max-elapsed 200ms")).exits(4);
    let before = bench.read("fixed.ndjson");
    bench.write("fixed.ndjson", before.replace("r12", "r12b"));
    let said = bench.run(&replay).exits(6);
    assert!(said.stderr.contains("replay 1 began with other dead letters than these"), "{said:?}");
    let said = bench.run(&format!("{replay} --reason rejected")).exits(6);
    assert!(said.stderr.contains("--abandon"), "{said:?}");
    bench.run(&format!("{replay} --abandon")).exits(0);
    let said = bench.run(&replay).exits(0).books([6, 6, 0, 0, 0]).summary();
    assert_eq!((&said["import"], &said["replay"]["left_out"]["delivered"]), (&2.into(), &4.into()));
    let ids = (1..=20).map(|row| if row == 12 { "r12b".to_owned() } else { format!("r{row}") });
    holds_once(&bench, ids);
    // As it was, it would have gone on.
    bench.write("fixed.ndjson", before);
    bench.run(&format!("{replay} --abandon")).exits(1);
}

#[test]
fn a_canary_of_a_replay_is_ended_first_when_its_import_has_left_more_dead_letters() {
    let bench = Bench::with("x.csv", with_bad(30, 3));
    let send = "send x.csv --to sandbox --type amount=number --progress none --batch-rows 3";
    bench.run(&format!("{send} --limit 12")).exits(0);
    let replay = format!("replay x.csv.bulkhaul {REPLAY}");
    bench.run(&format!("{replay} --limit 1")).exits(0).books([1, 0, 1, 0, 0]);
    bench.run(send).exits(3);
    let said = bench.run(&replay).exits(3).books([4, 0, 4, 0, 0]);
    assert!(
        said.stderr.starts_with("note: there are more dead letters than replay 1 began with; it goes on"),
        "{said:?}"
    );
    // What was refused again is open still, and goes with the rest.
    bench.run(&replay).exits(3).books([10, 0, 10, 0, 0]);
}

#[test]
fn a_canary_of_a_replay_is_closed_when_another_begins() {
    let bench = refused(&with_bad(20, 2));
    bench.run(&format!("replay x.csv.bulkhaul {REPLAY} --limit 5")).exits(0).books([5, 0, 5, 0, 0]);
    bench.write("fixed.ndjson", mended(&bench.read("x.csv.bulkhaul/dead-letters.ndjson")));
    let plan = bench.run(&format!("replay fixed.ndjson {REPLAY} -n")).exits(0).summary();
    assert_eq!(plan["rows"]["sendable"], 10);
    let said = bench.run(&format!("replay fixed.ndjson {REPLAY}")).exits(0).books([10, 10, 0, 0, 0]);
    let note =
        "note: replay 1 was stopped, with no row pending; it is closed, and what it has not sent is open\n";
    assert!(said.stderr.starts_with(note), "{said:?}");
    assert_eq!(said.summary()["import"], 2);
    holds_once(&bench, (1..=20).map(|row| format!("r{row}")));
}

#[test]
fn one_replay_at_a_time_and_none_beside_its_import() {
    let bench = refused(&with_bad(20, 2));
    bench.write("fixed.ndjson", mended(&bench.read("x.csv.bulkhaul/dead-letters.ndjson")));
    let replay = format!("replay fixed.ndjson {REPLAY} --batch-rows 1 --rate 1/s");
    let mut running = bench.start(&replay);
    let begun = bench.path("x.csv.bulkhaul/replays/1/status.json");
    while !begun.exists() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    bench.run(&replay).exits(7);
    let json = bench.run("rejects x.csv --json").exits(0).summary();
    assert_eq!((&json["replaying"], &json["open"]), (&true.into(), &10.into()));
    running.kill().unwrap();
    running.wait().unwrap();

    let bench = refused(&with_bad(2, 2));
    bench.write("x.csv", with_bad(50, 2));
    let send = "send x.csv --to sandbox --type amount=number --again --batch-rows 1 --rate 1/s";
    let mut running = bench.start(send);
    while bench.run("status x.csv --json").exits(0).summary()["state"] != "running" {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let said = bench.run("replay x.csv.bulkhaul --to sandbox").exits(7);
    assert!(said.stderr.contains("an import runs in `x.csv.bulkhaul`"), "{said:?}");
    running.kill().unwrap();
    running.wait().unwrap();
}

#[test]
fn letters_of_an_import_that_was_done_once_more_are_left_out() {
    let bench = refused("id,city,amount\nr1,x,1\nr2,y,-2\n");
    bench.write("x.csv", "id,city,amount\nr1,x,1\nr2,y,2\nr3,z,-3\n");
    bench.run("send x.csv --to sandbox --type amount=number --progress none --again").exits(3);
    let said = bench.run(&format!("replay x.csv.bulkhaul {REPLAY}")).exits(3).books([1, 0, 1, 0, 0]);
    assert_eq!(said.summary()["replay"]["left_out"]["earlier_imports"], 1);
}

#[test]
fn another_target_than_the_one_that_refused_is_allowed_and_said() {
    let bench = refused("id,city,amount\nr1,x,1\nr2,y,-2\n");
    let server = Scripted::start(&[Says("200 OK", "", "{}")]);
    let replay = format!("replay x.csv.bulkhaul --to {}/rows --progress none", server.url);
    let said = bench.run(&replay).exits(0);
    assert!(
        said.stderr.starts_with("replaying 1 row\nnote: this is not the target that refused them"),
        "{said:?}"
    );
    assert_eq!(server.got()[0].body, r#"[{"id":"r2","city":"y","amount":-2}]"#);
    let same = refused("id,city,amount\nr1,x,1\nr2,y,-2\n");
    let said = same.run("replay x.csv.bulkhaul --to sandbox --progress none").exits(3);
    assert!(!said.stderr.contains("note:"), "{said:?}");
}

#[test]
fn a_natural_key_that_was_refused_is_not_used_again() {
    let bench = Bench::with("x.ndjson", "{\"id\":1}\n{\"id\":2}\n");
    let no = Says("422 Unprocessable", "", "{\"error\":\"no\"}");
    let server = Scripted::start(&[no.clone(), no.clone(), no, Says("200 OK", "", "{}")]);
    bench.write("t.toml", NATURAL);
    let to = format!("--to ./t.toml --url {} --set path=/one --progress none -j 1", server.url);
    bench.run(&format!("send x.ndjson {to}")).exits(3);
    bench.run(&format!("replay x.ndjson.bulkhaul {to}")).exits(3);
    bench.run(&format!("replay x.ndjson.bulkhaul {to} --again")).exits(0);
    let keys: Vec<String> = server.got().into_iter().map(|got| got.key).collect();
    assert_eq!(keys, ["order-1", "order-2", "order-1~2", "order-2~2", "order-1~3"]);
}

#[test]
fn an_import_without_dead_letters_has_nothing_to_replay() {
    let bench = Bench::with("x.csv", "id\n1\n");
    bench.run("send x.csv --to sandbox --progress none").exits(0);
    let said = bench.run("replay x.csv.bulkhaul --to sandbox").exits(0);
    assert_eq!(said.stderr, "nothing to replay: there are no dead letters\n");
    assert!(!bench.path("x.csv.bulkhaul/replays").exists());
}

#[test]
fn what_a_replay_has_no_use_for_is_refused() {
    let bench = Bench::with("l.ndjson", "{\"row\":{\"a\":1}}\n");
    for wrong in ["l.ndjson l.ndjson", "-", "l.ndjson --import-id x", "l.ndjson --no-header --columns a"] {
        bench.run(&format!("replay {wrong} --to sandbox")).exits(2);
    }
    bench.run("replay nowhere.ndjson --to sandbox").exits(1);
    bench.run("replay . --to sandbox").exits(1);
    assert!(!bench.path("l.ndjson.bulkhaul").exists());
}

#[test]
fn what_has_nothing_to_do_leaves_no_folder() {
    let bench = Bench::with("fix.csv", "");
    bench.write("none.ndjson", "\n");
    for file in ["fix.csv", "none.ndjson"] {
        for more in ["", "--json", "-n"] {
            let said = bench.run(&format!("replay {file} --to sandbox {more}")).exits(0);
            assert_eq!(said.stderr, "nothing to replay: there are no dead letters\n");
        }
        assert!(!bench.path(&format!("{file}.bulkhaul")).exists(), "{file}");
    }
    bench.write("fix.csv", "id\n1\n");
    bench.run("replay fix.csv --to sandbox").exits(1);
    assert!(!bench.path("fix.csv.bulkhaul").exists());
}
