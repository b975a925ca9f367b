//! In which state's books letters belong.

use super::REPLAY;
use super::piped::piped;
use crate::support::Bench;
use serde_json::json;

/// Two imports that share one dead-letter file, the first letter of which is `b`'s.
fn two() -> Bench {
    let bench = Bench::with("a.csv", "id,amount\na1,1\na2,-2\n");
    bench.write("b.csv", "id,amount\nb1,-1\nb2,-2\n");
    let send = "--to sandbox --type amount=number --progress none";
    for name in ["b", "a"] {
        bench.run(&format!("send {name}.csv {send} --state {name} --dead-letter all.ndjson")).exits(3);
    }
    bench
}

#[test]
fn letters_of_another_state_in_a_shared_file_are_left_out_and_counted() {
    let bench = two();
    for (state, taken, others) in [("a", 1, 2), ("b", 2, 1)] {
        for named in [state.to_owned(), format!("all.ndjson --state {state}")] {
            let said = bench
                .run(&format!("replay {named} {REPLAY} --again"))
                .exits(3)
                .books([taken, 0, taken, 0, 0]);
            assert_eq!(said.summary()["replay"]["of"], state);
            assert_eq!(said.summary()["replay"]["left_out"]["other_states"], others);
        }
    }
}

#[test]
fn exported_letters_find_their_state_whatever_its_folder_is_called() {
    let bench = two();
    bench.write("mended.csv", bench.run("rejects a --export csv").exits(0).stdout.replace("-2", "2"));
    bench.run(&format!("replay mended.csv {REPLAY}")).exits(0).books([1, 1, 0, 0, 0]);
    assert_eq!(bench.run("rejects a --json").exits(0).summary()["open"], 0);
    assert!(!bench.path("mended.csv.bulkhaul").exists());
}

#[test]
fn where_several_states_know_the_import_one_has_to_be_named() {
    let bench = Bench::with("x.csv", "id,amount\nr1,1\nr2,-2\n");
    for place in ["staging", "production"] {
        let send = "send x.csv --to sandbox --type amount=number --progress none --import-id m7";
        bench.run(&format!("{send} --state {place}")).exits(3);
    }
    bench
        .write("mended.csv", bench.run("rejects production --export csv").exits(0).stdout.replace("-2", "2"));
    let said = bench.run(&format!("replay mended.csv {REPLAY}")).exits(1);
    let words = "several states know the import whose dead letters `mended.csv` holds:\n  production\n  staging\nhint: say which of them refused these: --state DIR\n";
    assert!(said.stderr.ends_with(words), "{said:?}");
    bench.run(&format!("replay mended.csv {REPLAY} --state production")).exits(0);
}

#[test]
fn letters_whose_state_is_not_near_are_replayed_in_one_that_is_named() {
    let letter =
        json!({"row": {"id": "a"}, "source": {"input": "y.csv", "row": 1}, "import_id": "0".repeat(64)});
    let bench = Bench::with("l.ndjson", format!("{letter}\n"));
    let said = bench.run(&format!("replay l.ndjson {REPLAY}")).exits(1);
    assert!(
        said.stderr.contains("no state near here knows the import whose dead letters `l.ndjson` holds"),
        "{said:?}"
    );
    assert!(said.stderr.contains("if it is gone, make an empty folder, and name that"), "{said:?}");
    assert!(!bench.path("l.ndjson.bulkhaul").exists());
    // A slip of the hand is no new state: nobody would know there what was sent before.
    for more in ["", " -n"] {
        let said = bench.run(&format!("replay l.ndjson {REPLAY} --state new{more}")).exits(1);
        assert!(
            said.stderr.starts_with("error: there is no state folder `new`\nhint: --state names"),
            "{said:?}"
        );
        assert!(said.stderr.contains("if it is gone, `mkdir new` makes an empty one"), "{said:?}");
        let said =
            piped(&bench, &format!("replay - {REPLAY} --state new{more}"), &bench.read("l.ndjson")).exits(1);
        assert!(said.stderr.starts_with("error: there is no state folder `new`\n"), "{said:?}");
        assert!(!bench.path("new").exists());
    }
    std::fs::create_dir(bench.path("new")).unwrap();
    let said = bench.run(&format!("replay l.ndjson {REPLAY} --state new --limit 1")).exits(0);
    let note =
        "replaying 1 row\nnote: there is no ledger of an import in `new`: what was sent of these rows since";
    assert!(said.stderr.starts_with(note), "{said:?}");
    for rows in [1, 1] {
        let said = bench.run(&format!("replay l.ndjson {REPLAY} --state new")).exits(0);
        said.books([rows, rows, 0, 0, 0]);
    }
    assert!(!bench.path("new/replays/2").exists());
}

#[test]
fn a_state_stands_for_the_dead_letters_that_its_last_run_wrote_wherever_it_put_them() {
    let bench = Bench::with("x.csv", "id,amount\nr1,-1\nr2,-2\nr3,3\nr4,-4\n");
    let send = "send x.csv --to sandbox --type amount=number --batch-rows 1 --progress none";
    bench.run(&format!("{send} --limit 1")).exits(0);
    bench.run(&format!("{send} --dead-letter all.ndjson")).exits(3);
    assert_eq!(bench.read("x.csv.bulkhaul/dead-letters.ndjson").lines().count(), 1);
    bench.run("audit x.csv.bulkhaul x.csv").exits(0);
    bench.run(&format!("replay x.csv.bulkhaul {REPLAY}")).exits(3).books([3, 0, 3, 0, 0]);
}

#[test]
fn dead_letters_whose_file_is_gone_are_not_nothing_to_replay() {
    let bench = Bench::with("x.csv", "id,amount\nr1,-1\nr2,-2\nr3,3\n");
    let send = "send x.csv --to sandbox --type amount=number --progress none";
    bench.run(send).exits(3);
    let file = "x.csv.bulkhaul/dead-letters.ndjson";
    let lost: [(&str, &dyn Fn()); 2] = [
        ("empty", &|| bench.write(file, "")),
        ("not there", &|| std::fs::remove_file(bench.path(file)).unwrap()),
    ];
    for (how, lose) in lost {
        lose();
        for n in ["", " -n"] {
            let said = bench.run(&format!("replay x.csv.bulkhaul --to sandbox --progress none{n}")).exits(1);
            let words = format!("error: the dead-letter file `{file}` is {how}, and 2 rows are still open\n");
            assert!(said.stderr.starts_with(&words), "{said:?}");
        }
    }
    bench.run(send).exits(3);
    bench.run(&format!("replay x.csv.bulkhaul {REPLAY}")).exits(3).books([2, 0, 2, 0, 0]);
}
