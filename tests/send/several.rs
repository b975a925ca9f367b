//! Several inputs as one import: which ones, in which order, and what becomes of a list that grows.

use crate::support::{Bench, csv};

const SEND: &str = "--to sandbox --progress none --json --state s";

#[test]
fn one_file_named_twice_is_refused_under_whatever_names() {
    let bench = Bench::with("a.csv", csv(2));
    std::os::unix::fs::symlink("a.csv", bench.path("link.csv")).unwrap();
    std::fs::hard_link(bench.path("a.csv"), bench.path("hard.csv")).unwrap();
    bench.write("b.csv", csv(2));
    for (inputs, words) in [
        ("a.csv b.csv a.csv", "`a.csv` is named twice"),
        ("a.csv ./a.csv", "`a.csv` and `./a.csv` are the same file"),
        ("link.csv a.csv", "`link.csv` and `a.csv` are the same file"),
        ("a.csv hard.csv", "`a.csv` and `hard.csv` are the same file"),
        ("none.csv none.csv", "`none.csv` is named twice"),
    ] {
        for command in ["send", "plan"] {
            let state = if command == "send" { "--state s" } else { "" };
            let said = bench.run(&format!("{command} {inputs} --to sandbox {state}")).exits(2);
            let whole = format!("error: {words}\nhint: name it once; each of its rows would be sent twice\n");
            assert_eq!(said.stderr, whole);
        }
    }
    assert!(!bench.path("s").exists());
}

#[test]
fn a_pattern_that_no_shell_has_filled_in_names_its_files_in_their_order() {
    let bench = Bench::with("part-2.csv", "id\nr3\n");
    let said = bench.run(&format!("send parts-*.csv {SEND}")).exits(1);
    let words = "error: cannot read `parts-*.csv`: no such file\nhint: no file has such a name\n";
    assert!(said.stderr.starts_with(words), "{said:?}");
    bench.write("part-1.csv", "id\nr1\nr2\n");
    bench.write("part-[1].csv", "id\nr0\n");
    std::fs::create_dir(bench.path("part-1.csv.bulkhaul")).unwrap();
    let plan = bench.run("plan part-?.csv* --to sandbox --json").exits(0).summary();
    assert_eq!(plan["rows"]["read"], 3, "{plan}");
    let said = bench.run(&format!("send part-?.csv* part-[1].csv {SEND}")).exits(0);
    assert_eq!(said.summary()["inputs"], serde_json::json!(["part-1.csv", "part-2.csv", "part-[1].csv"]));
    let rows = crate::support::applied(&bench.path("s/sandbox.db"));
    let mut rows: Vec<_> = rows.into_iter().map(|row| row.row).collect();
    rows.sort();
    let expected = ["r0", "r1", "r2", "r3"].map(|id| format!(r#"{{"id":"{id}"}}"#));
    assert_eq!(rows, expected, "a file of that very name is meant");
    bench.run("audit s part-?.csv part-[1].csv").exits(0);
    bench.write("part-3.csv", "id\nr4\n");
    let said = bench.run("send part-?.csv --to sandbox --state t --progress none --json").exits(0);
    assert_eq!(said.summary()["inputs"].as_array().unwrap().len(), 3);
    assert!(said.summary()["command"].as_str().unwrap().contains("'part-?.csv'"), "{said:?}");
}

#[test]
fn a_list_of_inputs_that_grew_before_the_end_is_a_grown_tail() {
    // Read in the middle of the last, or to the end of it.
    for limit in [3, 5] {
        let bench = Bench::with("a.csv", csv(3));
        bench.write("b.csv", csv(2));
        bench.write("c.csv", csv(4));
        bench.run(&format!("send a.csv b.csv {SEND} --batch-rows 2 --limit {}", limit - 1)).exits(0);
        let grown = format!("send a.csv b.csv c.csv {SEND} --batch-rows 2");
        let refused = bench.run(&grown).exits(6);
        assert!(refused.stderr.contains("--accept-new-tail"), "{}", refused.stderr);
        bench.run(&format!("{grown} --accept-new-tail")).exits(0).books([9, 9, 0, 0, 0]);
        bench.run("audit s a.csv b.csv c.csv").exits(0);
        let rows = crate::support::applied(&bench.path("s/sandbox.db"));
        assert_eq!(rows.len(), 9);
        // Finished: more is another import, and says so.
        bench.write("d.csv", csv(1));
        let refused = bench.run(&format!("send a.csv b.csv c.csv d.csv {SEND}")).exits(6);
        assert!(refused.stderr.contains("the input has changed since"), "{}", refused.stderr);
    }
}

#[test]
fn another_order_of_what_was_read_is_another_input() {
    let bench = Bench::with("a.csv", csv(3));
    bench.write("b.csv", csv(4));
    bench.run(&format!("send a.csv b.csv {SEND} --batch-rows 2 --limit 4")).exits(0);
    bench.run(&format!("send b.csv a.csv {SEND} --batch-rows 2 --accept-new-tail")).exits(6);
    bench.run(&format!("send a.csv b.csv {SEND}")).exits(0).books([7, 7, 0, 0, 0]);
}

#[test]
fn a_record_that_was_refused_behind_a_new_tail_is_read_again_by_a_replay() {
    let bench = Bench::with("a.csv", "id,amount\nr1,5\nr2,5\n");
    bench.run(&format!("send a.csv {SEND} --batch-rows 1 --limit 1")).exits(0);
    bench.write("a.csv", "id,amount\nr1,5\nr2,5\nr3\n");
    bench.run(&format!("send a.csv {SEND} --accept-new-tail")).exits(3);
    let letters = bench.read("s/dead-letters.ndjson").replace("\"raw\":\"r3\"", "\"raw\":\"r3,5\"");
    bench.write("mended.ndjson", letters);
    bench
        .run("replay mended.ndjson --to sandbox --state s --progress none --json")
        .exits(0)
        .books([1, 1, 0, 0, 0]);
}
