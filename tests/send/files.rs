//! No file that was there before is lost: not an input, not another import's dead letters, not a stranger's notes.

use crate::support::{Bench, csv};

const BAD: &str = "id,amount\n1,5\n2,-5\n";

#[test]
fn an_input_is_never_written_over_by_whatever_name_it_goes() {
    for option in ["--dead-letter", "--results"] {
        let bench = Bench::with("x.csv", BAD);
        std::fs::hard_link(bench.path("x.csv"), bench.path("hard.csv")).unwrap();
        std::os::unix::fs::symlink("x.csv", bench.path("soft.csv")).unwrap();
        for name in ["x.csv", "./x.csv", "hard.csv", "soft.csv"] {
            let send = format!("send x.csv --to sandbox --progress none {option} {name}");
            let words = format!("error: `{option} {name}` is an input\nhint: name a file of its own");
            let said = bench.run(&send).exits(1);
            assert!(said.stderr.starts_with(&words), "{said:?}");
            assert_eq!(bench.read("x.csv"), BAD);
        }
    }
}

#[test]
fn no_file_of_the_state_is_written_over_and_no_two_options_write_one_file() {
    let bench = Bench::with("x.csv", BAD);
    let send = "send x.csv --to sandbox --progress none";
    bench.run(send).exits(3);
    let text = |name: &str| std::fs::read(bench.path("x.csv.bulkhaul").join(name)).unwrap();
    for name in ["ledger.db", "ledger.lock", "status.json", "sandbox.db"] {
        let before = text(name);
        for option in ["--dead-letter", "--results"] {
            let said = bench.run(&format!("{send} {option} x.csv.bulkhaul/{name}")).exits(1);
            let words =
                format!("error: `{option} x.csv.bulkhaul/{name}` is a file of the import's state\nhint: ");
            assert!(said.stderr.starts_with(&words), "{said:?}");
        }
        assert!(text(name) == before, "{name}");
    }
    let said = bench.run(&format!("{send} --results x.csv.bulkhaul/dead-letters.ndjson")).exits(1);
    assert!(said.stderr.contains("is the import's dead-letter file\n"), "{said:?}");
    let said = bench.run(&format!("{send} --results one --dead-letter one")).exits(1);
    assert!(said.stderr.contains("`--results one` is the file of another option\n"), "{said:?}");
    let said = bench.run(&format!("{send} --dead-letter /dev/null")).exits(1);
    assert!(said.stderr.contains("`--dead-letter /dev/null` is not a plain file\n"), "{said:?}");
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
fn corrections_made_in_the_dead_letter_file_itself_are_put_aside_with_the_command_that_replays_them() {
    for more in ["", "--limit 1"] {
        let bench = Bench::with("x.csv", "id,amount\nr1,-1\nr2,2\n");
        let send = "send x.csv --to sandbox --type amount=number --progress none";
        bench.run(&format!("{send} {more}"));
        let file = "x.csv.bulkhaul/dead-letters.ndjson";
        bench.write(file, bench.read(file).replace("-1", "1"));
        let said = bench.run(send).exits(3);
        let words = "note: the dead-letter file had been changed, and is `x.csv.bulkhaul/dead-letters.ndjson.1` now; to send \
                     what was corrected in it: bulkhaul replay x.csv.bulkhaul/dead-letters.ndjson.1 --to …\n";
        assert!(said.stderr.starts_with(words), "{said:?}");
        assert_eq!(bench.run(send).exits(3).stderr.matches("note:").count(), 0);
        let replay = "replay x.csv.bulkhaul/dead-letters.ndjson.1 --to sandbox --progress none";
        bench.run(replay).exits(0);
        assert_eq!(bench.sandbox_rows("x.csv").len(), 2);
    }
}

#[test]
fn a_link_under_the_dead_letters_name_is_not_followed() {
    let bench = Bench::with("x.csv", BAD);
    bench.write("victim", "precious");
    std::fs::create_dir(bench.path("x.csv.bulkhaul")).unwrap();
    std::os::unix::fs::symlink(bench.path("victim"), bench.path("x.csv.bulkhaul/dead-letters.ndjson"))
        .unwrap();
    bench.run("send x.csv --to sandbox --progress none").exits(1);
    assert_eq!(bench.read("victim"), "precious");
}

#[test]
fn a_folder_under_the_dead_letters_name_is_no_fault_of_the_ledger() {
    let bench = Bench::with("x.csv", BAD);
    std::fs::create_dir_all(bench.path("x.csv.bulkhaul/dead-letters.ndjson")).unwrap();
    let said = bench.run("send x.csv --to sandbox --progress none").exits(1);
    let words = "error: the dead-letter file `x.csv.bulkhaul/dead-letters.ndjson` cannot be written: ";
    assert!(said.stderr.starts_with(words), "{said:?}");
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

const LETTERS: &str = "x.csv.bulkhaul/dead-letters.ndjson";

/// Three rows that are refused, between three that are not.
fn with_dead_letters(options: &str) -> (Bench, String) {
    let bench = Bench::with("x.csv", "id,amount\n1,-5\n2,5\n3,-5\n4,5\n5,-5\n6,5\n");
    let send = format!("send x.csv --to sandbox --progress none {options}");
    bench.run(&send).exits(3);
    (bench, send)
}

#[test]
fn the_dead_letters_of_a_finished_import_are_brought_back_whole() {
    let (bench, send) = with_dead_letters("");
    let whole = bench.read(LETTERS);
    let aside = bench.path(&format!("{LETTERS}.1"));
    let done = "nothing to do: this import is complete (3 of 6 rows delivered, 3 refused)\n";
    for cut in [0, 1, whole.len() / 2, whole.len() - 1] {
        bench.write(LETTERS, &whole[..cut]);
        assert_eq!(bench.run(&send).exits(3).stderr, done);
        assert_eq!(bench.read(LETTERS), whole);
        assert!(!aside.exists());
    }
    std::fs::rename(bench.path(LETTERS), bench.path("kept.ndjson")).unwrap();
    bench.run(&send).exits(3);
    assert_eq!((bench.read(LETTERS), bench.read("kept.ndjson")), (whole.clone(), whole.clone()));
    let edited = whole.replace("-5", "5");
    bench.write(LETTERS, &edited);
    bench.run(&send).exits(3);
    assert_eq!((bench.read(LETTERS), std::fs::read_to_string(aside).unwrap()), (whole, edited));
    bench.run("audit x.csv.bulkhaul x.csv").exits(0);
}

#[test]
fn a_file_that_others_write_is_never_renamed_nor_cut_and_holds_each_letter_once() {
    let (bench, send) = with_dead_letters("--dead-letter all.ndjson");
    let ours = bench.read("all.ndjson");
    let lines: Vec<&str> = ours.lines().collect();
    let theirs = r#"{"row":{"id":"theirs"}}"#;
    let cases = [
        // Appended to, with a line end and without one.
        (format!("{ours}{theirs}\n"), format!("{ours}{theirs}\n")),
        (format!("{ours}{theirs}"), format!("{ours}{theirs}")),
        // Cut off, or one of our lines taken out.
        (String::new(), ours.clone()),
        (theirs.to_owned(), format!("{theirs}\n{ours}")),
        (
            format!("{theirs}\n{}\n{theirs}\n{}\n", lines[0], lines[2]),
            format!("{theirs}\n{}\n{theirs}\n{}\n{}\n", lines[0], lines[2], lines[1]),
        ),
        // A whole line of ours that has lost its end.
        (ours.trim_end().to_owned(), ours.trim_end().to_owned()),
    ];
    for (found, left) in cases {
        bench.write("all.ndjson", &found);
        for _ in 0..2 {
            bench.run(&send).exits(3);
            assert_eq!(bench.read("all.ndjson"), left, "found as {found}");
        }
        bench.run("audit x.csv.bulkhaul x.csv --dead-letter all.ndjson").exits(0);
    }
    assert!(!bench.path("all.ndjson.1").exists());
    let file = std::fs::read_dir(bench.path("")).unwrap().count();
    assert_eq!(file, 3, "the input, the state and the dead letters");
}

#[test]
fn what_a_shared_file_has_lost_or_holds_twice_is_told_by_the_audit() {
    let (bench, _) = with_dead_letters("--dead-letter all.ndjson");
    let ours = bench.read("all.ndjson");
    let audit = "audit x.csv.bulkhaul x.csv --dead-letter all.ndjson";
    bench.write("all.ndjson", format!("{{}}\n{}", ours.split_inclusive('\n').skip(1).collect::<String>()));
    let said = bench.run(audit).exits(1);
    assert!(said.stdout.contains("lacks 1 of the ledger's dead letters"), "{said:?}");
    bench.write("all.ndjson", format!("{ours}{ours}"));
    let said = bench.run(audit).exits(1);
    assert!(said.stdout.contains("has 3 of the ledger's dead letters more than once"), "{said:?}");
}

#[test]
fn another_dead_letter_file_gets_all_letters_of_the_import() {
    let bench = Bench::with("x.csv", "id,amount\n1,-5\n2,5\n3,-5\n4,5\n5,-5\n6,5\n");
    let send = "send x.csv --to sandbox --progress none";
    bench.run(&format!("{send} --dead-letter one.ndjson --limit 2")).exits(0);
    bench.run(&format!("{send} --dead-letter two.ndjson --limit 4")).exits(0);
    assert_eq!(bench.read("one.ndjson").lines().count(), 1);
    assert_eq!(bench.read("two.ndjson").lines().count(), 2);
    bench.run(&format!("{send} --dead-letter one.ndjson")).exits(3);
    bench.run(send).exits(3);
    let all = bench.read("one.ndjson");
    assert_eq!(all.lines().count(), 3);
    assert_eq!(bench.read(LETTERS), all);
    bench.run(&format!("{send} --dead-letter two.ndjson")).exits(3);
    bench.run(send).exits(3);
    assert_eq!((bench.read("two.ndjson"), bench.read(LETTERS)), (all.clone(), all));
    assert!(!bench.path(&format!("{LETTERS}.1")).exists());
}

#[test]
fn a_dead_letter_file_that_cannot_be_written_is_told_before_anything_is_sent() {
    let bench = Bench::with("x.csv", BAD);
    bench.write("y.csv", csv(40));
    std::fs::create_dir(bench.path("folder")).unwrap();
    let mut other = bench.start(
        "send y.csv --to sandbox --progress none --dead-letter held.ndjson --rate 1/s --batch-rows 10",
    );
    while !bench.path("y.csv.bulkhaul/status.json").exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let cases = [
        (
            "no/such.ndjson",
            "`--dead-letter no/such.ndjson`: there is no folder `no`\nhint: make the folder first",
        ),
        ("folder", "`--dead-letter folder` is not a plain file\nhint: name a file"),
        (
            "held.ndjson",
            "the dead-letter file `held.ndjson` cannot be written: another process writes it\nhint: nothing more was sent",
        ),
        (
            "x.csv/refused.ndjson",
            "`--dead-letter x.csv/refused.ndjson`: there is no folder `x.csv`\nhint: make the folder first",
        ),
    ];
    for (name, words) in cases {
        let send = format!("send x.csv --to sandbox --progress none --dead-letter {name}");
        let said = bench.run(&send).exits(1);
        assert!(said.stderr.starts_with(&format!("error: {words}")), "{said:?}");
        let is_begun = bench.path("x.csv.bulkhaul").exists();
        assert!(!is_begun || bench.sandbox_rows("x.csv").is_empty(), "{name}");
    }
    other.kill().unwrap();
    other.wait().unwrap();
}

/// Larger than what is hashed whole when an import begins.
#[test]
fn a_byte_that_changed_anywhere_in_a_large_input_is_seen() {
    use crate::support::server::{Answer, Server};
    use std::io::{Seek, SeekFrom, Write};
    let server = Server::start(&Answer::json(200, &serde_json::json!({})), None);
    let row = format!("{{\"text\":\"{}\"}}\n", "x".repeat(7 << 20));
    let bench = Bench::with("x.ndjson", row.repeat(10));
    let send =
        format!("send x.ndjson --to {}/ --batch-rows 1 --batch-bytes 16MiB --progress none", server.url());
    let put = |text: &[u8]| {
        let mut file = std::fs::OpenOptions::new().write(true).open(bench.path("x.ndjson")).unwrap();
        file.seek(SeekFrom::Start(50_000_001)).unwrap();
        file.write_all(text).unwrap();
    };
    // Behind what was read, where no sample was taken.
    bench.run(&format!("{send} --limit 2")).exits(0);
    put(b"y");
    bench.run(&send).exits(6);
    bench.run(&format!("{send} --accept-new-tail")).exits(0);
    // Finished: all of it was read.
    put(b"x");
    bench.run(&send).exits(6);
    put(b"y");
    bench.run(&send).exits(0);
    assert_eq!(server.requests().len(), 10);
}
