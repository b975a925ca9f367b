//! No file that was there before is lost: not an input, not another import's dead letters, not a stranger's notes.

use crate::support::{Bench, csv};

const BAD: &str = "id,amount\n1,5\n2,-5\n";

#[test]
fn an_input_is_never_written_over() {
    for option in ["--dead-letter", "--results"] {
        let bench = Bench::with("x.csv", BAD);
        let refused = bench.run(&format!("send x.csv --to sandbox --progress none {option} x.csv")).exits(1);
        assert!(refused.stderr.contains("is an input"), "{}", refused.stderr);
        assert_eq!(bench.read("x.csv"), BAD);
    }
}

#[test]
fn a_file_that_is_named_for_dead_letters_is_appended_to() {
    let bench = Bench::with("x.csv", BAD);
    bench.write("notes.txt", "mine\n");
    let send = "send x.csv --to sandbox --progress none --dead-letter notes.txt";
    bench.run(send).exits(3);
    bench.run(send).exits(3);
    let text = bench.read("notes.txt");
    assert!(text.starts_with("mine\n{\"row\""), "{text}");
    assert_eq!(text.lines().count(), 2);
}

#[test]
fn two_imports_that_name_one_file_keep_each_others_dead_letters() {
    let bench = Bench::with("x.csv", BAD);
    bench.write("y.csv", BAD);
    bench.run("send x.csv --to sandbox --progress none --dead-letter all.ndjson").exits(3);
    bench.run("send y.csv --to sandbox --progress none --dead-letter all.ndjson").exits(3);
    assert_eq!(bench.read("all.ndjson").lines().count(), 2);
}

#[test]
fn dead_letters_of_a_lost_ledger_are_set_aside() {
    let bench = Bench::with("x.csv", BAD);
    bench.run("send x.csv --to sandbox --progress none").exits(3);
    let old = bench.read("x.csv.bulkhaul/dead-letters.ndjson");
    std::fs::remove_file(bench.path("x.csv.bulkhaul/ledger.db")).unwrap();
    bench.run("send x.csv --to sandbox --progress none").exits(3);
    assert_eq!(bench.read("x.csv.bulkhaul/dead-letters.ndjson.1"), old);
    assert_eq!(bench.dead_letters("x.csv").len(), 1);
}

#[test]
fn a_link_under_the_dead_letters_name_is_not_followed() {
    let bench = Bench::with("x.csv", BAD);
    bench.write("victim", "precious");
    std::fs::create_dir(bench.path("x.csv.bulkhaul")).unwrap();
    std::os::unix::fs::symlink(bench.path("victim"), bench.path("x.csv.bulkhaul/dead-letters.ndjson"))
        .unwrap();
    bench.run("send x.csv --to sandbox --progress none").exits(74);
    assert_eq!(bench.read("victim"), "precious");
}

#[test]
fn a_results_file_that_takes_nothing_leaves_the_import_open() {
    let bench = Bench::with("x.csv", csv(3));
    let full = "send x.csv --to sandbox --progress none --json --results /dev/full";
    let stopped = bench.run(full).exits(1).summary();
    assert_eq!((&stopped["state"], &stopped["stopped_by"]), (&"stopped".into(), &"results".into()));
}

#[test]
fn a_tail_that_changed_within_its_size_is_seen() {
    let bench = Bench::with("x.csv", csv(2000));
    let send = "send x.csv --to sandbox --progress none";
    bench.run(&format!("{send} --limit 100")).exits(0);
    bench.write("x.csv", csv(2000).replace("r1999,", "q1999,"));
    bench.run(send).exits(6);
    bench.run(&format!("{send} --accept-new-tail")).exits(0);
}
