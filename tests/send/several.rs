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
fn a_pattern_that_the_shell_passed_on_is_told() {
    let bench = Bench::new();
    let said = bench.run(&format!("send parts-*.csv {SEND}")).exits(1);
    assert!(
        said.stderr.ends_with(
            "hint: nothing has such a name, or quotes kept the shell from looking: name files, or an unquoted pattern\n"
        ),
        "{}",
        said.stderr
    );
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
