//! What a state knows of its feed, and what it is guarded against.

use super::{SYNC, feed, rows, sent};
use crate::support::Bench;
use crate::support::scripted::{Scripted, Step};
use std::time::Duration;

#[test]
fn a_run_that_was_killed_ends_without_its_feed_before_the_next_is_taken() {
    let bench = Bench::with("monday.csv", feed(400, |_| Some("a".into())));
    let slow =
        format!("send monday.csv {SYNC} --batch-rows 10 --rate 20/s -j 4 --faults drop-after=40% --seed 2");
    let mut child = bench.start(&slow);
    std::thread::sleep(Duration::from_millis(700));
    child.kill().unwrap();
    child.wait().unwrap();
    std::fs::remove_file(bench.path("monday.csv")).unwrap();
    bench.write("tuesday.csv", feed(400, |row| Some(if row <= 20 { "b".into() } else { "a".into() })));
    let said = bench.run(&format!("send tuesday.csv {SYNC}")).exits(0);
    let [read, delivered, _, unchanged, _] = rows(&said);
    assert_eq!((read, said.summary()["import"].as_u64().unwrap()), (400, 2));
    assert!(unchanged > 0 && delivered < 400, "what was delivered on Monday is known: {said:?}");
    assert!(said.stderr.starts_with("first what the last run wrote down: "), "{said:?}");
    assert!(
        said.stderr.contains("\ndone with monday.csv: ") && said.stderr.contains("\ndone with tuesday.csv: ")
    );
    assert_eq!(said.summary()["inputs"][0], "tuesday.csv");
    let sent = sent(&bench);
    assert_eq!(sent.len(), 400);
    for (id, values) in &sent {
        let row: u64 = id[1..].parse().unwrap();
        let (first, last) = if row <= 20 { ("a", "b") } else { ("a", "a") };
        assert_eq!(values.last().unwrap(), last, "{id}");
        assert!(values.len() == 1 || row <= 20 && values == &[first, last], "{id}: {values:?}");
    }
}

#[test]
fn a_feed_that_has_shrunk_too_much_is_not_sent() {
    let bench = Bench::with("x.csv", feed(100, |_| Some("a".into())));
    let sync = format!("send x.csv {SYNC} --max-shrink 20%");
    bench.run(&sync).exits(0);
    bench.write("x.csv", feed(79, |_| Some("b".into())));
    let said = bench.run(&sync).exits(4);
    assert_eq!(said.summary()["stopped_by"], "max-shrink");
    assert!(said.stderr.trim_end().lines().last().unwrap().starts_with("bulkhaul send x.csv"), "{said:?}");
    assert!(
        said.summary()["error"]["message"]
            .as_str()
            .unwrap()
            .starts_with("the feed had 100 rows last time and has 79 now"),
        "{said:?}"
    );
    assert_eq!(sent(&bench)["r1"], ["a"]);
    let status = bench.run("status s").exits(0).stdout;
    assert!(
        status.starts_with("x.csv to orders-batch: complete\n")
            && status.contains("\n  not sent x.csv, at 2")
    );
    assert!(status.contains(": the feed had 100 rows last time and has 79 now\n"), "{status}");
    let told = bench.run("status s --json").summary();
    assert_eq!((&told["not_sent"]["stopped_by"], &told["rows"]["read"]), (&"max-shrink".into(), &100.into()));
    // A feed that has begun already is held against the last one, too.
    bench.run(&format!("send x.csv {SYNC} --limit 3")).exits(0);
    assert!(!bench.run("status s").exits(0).stdout.contains("not sent"));
    let said = bench.run(&sync).exits(4);
    let resume = said.summary()["resume"].as_str().unwrap().to_owned();
    assert!(resume.ends_with(" --max-shrink 21") && said.stderr.ends_with(&format!("is whole:\n{resume}\n")));
    bench.run(&format!("send x.csv {SYNC} --abandon")).exits(0);
    bench.write("x.csv", feed(80, |_| Some("c".into())));
    assert_eq!(rows(&bench.run(&sync).exits(0)), [80, 80, 0, 0, 0]);
    bench.run(&format!("send x.csv {SYNC} --max-shrink 5")).exits(0);
    bench.run("send x.csv --to sandbox --max-shrink 5").exits(2);
}

#[test]
fn a_crashed_feed_that_ends_before_one_that_has_shrunk_is_what_the_summary_tells() {
    let bench = Bench::with("monday.csv", feed(200, |_| Some("a".into())));
    let mut child = bench.start(&format!("send monday.csv {SYNC} --batch-rows 10 --rate 10/s -j 1"));
    while !bench.path("s/status.json").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(300));
    child.kill().unwrap();
    child.wait().unwrap();
    bench.write("tuesday.csv", feed(100, |_| Some("a".into())));
    let said = bench.run(&format!("send tuesday.csv {SYNC} --max-shrink 20%")).exits(4);
    let told = said.summary();
    assert_eq!((&told["stopped_by"], &told["inputs"][0]), (&"max-shrink".into(), &"monday.csv".into()));
    assert!(
        rows(&said)[1] > 0 && told["import"] == 1 && told["requests"]["sent"].as_u64() > Some(0),
        "{said:?}"
    );
    assert!(said.stderr.contains("has 100 now; nothing of this feed was sent\n"), "{said:?}");
    assert!(bench.run("status s").exits(0).stdout.contains("\n  not sent tuesday.csv, at 2"));
}

#[test]
fn a_feed_that_is_cut_off_is_refused_before_anything_is_sent() {
    let bench = Bench::with("x.csv", "id,value\nr1,a\n");
    bench.run(&format!("send x.csv {SYNC}")).exits(0);
    bench.write("x.csv", "id,value\nr1,b\nr2,\"never closed\nr3,c\n");
    let said = bench.run(&format!("send x.csv {SYNC}")).exits(1);
    assert!(said.summary()["error"]["message"].as_str().unwrap().contains("quote"), "{said:?}");
    assert_eq!(sent(&bench)["r1"], ["a"]);
    assert_eq!(sent(&bench).len(), 1);
}

#[test]
fn a_packed_feed_that_is_cut_off_is_refused_before_anything_is_sent() {
    use std::io::Write;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(feed(3000, |row| Some(format!("{}", row * 7919 % 1009))).as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let bench = Bench::with("x.csv.gz", &packed[..packed.len() / 2]);
    let said = bench.run(&format!("send x.csv.gz {SYNC}")).exits(1);
    let error = &said.summary()["error"];
    assert!(error["message"].as_str().unwrap().contains("data ends too early"), "{error}");
    assert_eq!(error["hint"], "the file was probably copied or written only in part; get it again");
    assert!(sent(&bench).is_empty());
    bench.write("x.csv.gz", packed);
    bench.run(&format!("send x.csv.gz {SYNC}")).exits(0);
}

/// Longer, or written over within its size: its time tells.
#[test]
fn a_feed_that_is_still_being_written_is_refused_before_anything_is_sent() {
    let bench = Bench::with("x.csv", feed(400_000, |_| Some("a".into())));
    for grows in [true, false] {
        let child = bench.start(&format!("send x.csv {SYNC}"));
        let path = bench.path("x.csv");
        let end = std::sync::atomic::AtomicBool::new(false);
        let output = std::thread::scope(|scope| {
            scope.spawn(|| {
                use std::os::unix::fs::FileExt;
                while !end.load(std::sync::atomic::Ordering::Relaxed) {
                    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
                    let at = file.metadata().unwrap().len() - if grows { 0 } else { 2 };
                    file.write_all_at(if grows { b"z,z,z\n" } else { b"b\n" }, at).unwrap();
                    std::thread::sleep(Duration::from_millis(1));
                }
            });
            let output = child.wait_with_output().unwrap();
            end.store(true, std::sync::atomic::Ordering::Relaxed);
            output
        });
        let said = crate::support::said(output).exits(1);
        let error = &said.summary()["error"];
        assert_eq!(error["message"], "`x.csv` is still being written; nothing was sent");
        assert_eq!(error["hint"], "let its producer write another file, and rename it when it is whole");
        assert!(sent(&bench).is_empty());
    }
}

#[test]
fn a_state_keeps_to_its_key_and_to_being_a_feed() {
    let bench = Bench::with("x.csv", "id,value\nr1,a\n");
    bench.run(&format!("send x.csv {SYNC}")).exits(0);
    let said = bench.run("send x.csv --to sandbox --sync value --state s").exits(6);
    assert_eq!(
        said.stderr,
        "error: the state here knows its rows by `id`, not by `value`\nhint: say --sync id, or begin another state: --state DIR\n"
    );
    let said = bench.run("send x.csv --to sandbox --state s").exits(6);
    assert!(said.stderr.contains("say --sync id (with --again: everything)"), "{said:?}");
    let said = bench.run(&format!("send x.csv {SYNC} --again")).exits(0);
    assert_eq!(rows(&said), [1, 1, 0, 0, 0]);
    assert_eq!(rows(&bench.run(&format!("send x.csv {SYNC}")).exits(0)), [1, 0, 0, 1, 0]);
    let said = bench.run(&format!("send x.csv {SYNC} --type value=json")).exits(6);
    assert!(said.summary()["error"]["message"].as_str().unwrap().contains("another target"), "{said:?}");

    // An import of all rows is no feed, until it is made one; its rows are known if its input is there as it was.
    bench.run("send x.csv --to sandbox --state t").exits(0);
    bench.write("x.csv", "id,value\nr1,b\n");
    let said = bench.run("send x.csv --to sandbox --sync id --state t").exits(6);
    assert!(said.stderr.contains("--sync id --again sends all rows once more"), "{said:?}");
    bench.run("send x.csv --to sandbox --sync id --state t --again").exits(0);
    let said = bench.run("send x.csv --to sandbox --sync id --state t --json").exits(0);
    assert_eq!(rows(&said), [1, 0, 0, 1, 0]);
}

#[test]
fn other_settings_hear_of_what_earlier_feeds_have_delivered() {
    let bench = Bench::with("x.csv", feed(30, |_| Some("a".into())));
    let send = format!("send x.csv {SYNC}");
    bench.run(&send).exits(0);
    let said = bench.run(&send).exits(0);
    assert_eq!(rows(&said), [30, 0, 0, 30, 0]);
    let said = bench.run(&format!("{send} --type v=json")).exits(6);
    let hint = "hint: use the settings it began with, or begin another import beside it, which sends all rows, also what earlier \
                imports here have sent: bulkhaul send";
    assert!(said.stderr.contains(hint), "{said:?}");
}

#[test]
fn a_feed_that_again_began_sends_the_rest_of_all_its_rows_once_more_with_the_word_or_without() {
    for more in ["", " --again"] {
        let bench = Bench::with("x.csv", feed(30, |_| Some("a".into())));
        let send = format!("send x.csv {SYNC} --batch-rows 5");
        bench.run(&send).exits(0);
        bench.run(&format!("{send} --again --limit 10")).exits(0);
        let plan = "plan x.csv --to sandbox --sync id --state s --json";
        assert_eq!(bench.run(plan).exits(0).summary()["rows"]["sendable"], 20);
        let said = bench.run(&format!("{send}{more}")).exits(0);
        assert_eq!((rows(&said), &said.summary()["import"]), ([30, 30, 0, 0, 0], &2.into()));
        assert!(sent(&bench).values().all(|values| values.len() == 2));
    }
    // Another feed is not what it began.
    let bench = Bench::with("x.csv", feed(30, |_| Some("a".into())));
    let send = format!("send x.csv {SYNC} --batch-rows 5");
    bench.run(&format!("{send} --again --limit 10")).exits(0);
    bench.write("x.csv", feed(30, |_| Some("b".into())));
    bench.run(&format!("{send} --again")).exits(6);
}

#[test]
fn the_time_of_a_run_is_also_that_of_reading_its_feed_through() {
    let bench = Bench::with("x.csv", feed(40_000, |_| Some("a".into())));
    let send = format!("send x.csv {SYNC}");
    bench.run(&send).exits(0);
    let begun = std::time::Instant::now();
    let said = bench.run(&send).exits(0).summary();
    let took = begun.elapsed().as_secs_f64();
    let told = said["elapsed_s"].as_f64().unwrap();
    assert!(told > took * 0.6 && told <= took, "{told} of {took} s");
    let rate = said["rows_per_s"].as_f64().unwrap();
    assert!((rate * told / 40_000.0 - 1.0).abs() < 0.1, "{rate} rows/s, {told} s");
}

#[test]
fn a_timer_hears_nothing_unless_a_person_is_needed() {
    let bench = Bench::with("x.csv", "id,amount\nr1,5\n");
    let sync = "send x.csv --to sandbox --sync id --state s --type amount=number -q";
    let said = bench.run(sync).exits(0);
    assert_eq!((said.stdout.as_str(), said.stderr.as_str()), ("", ""));
    let said = bench.run(sync).exits(0);
    assert_eq!((said.stdout.as_str(), said.stderr.as_str()), ("", ""));
    bench.write("x.csv", "id,amount\nr1,-5\n");
    assert!(bench.run(sync).exits(3).stderr.contains("s/dead-letters.ndjson"));
    // A producer that fails often leaves an empty file: that is told once, and not each time.
    bench.write("x.csv", "id,amount\n");
    let words = "warning: the feed has no rows, and had 1 last time; nothing was sent (--max-shrink 50% stops such a run)\n";
    assert_eq!(bench.run(sync).exits(0).stderr, words);
    assert_eq!(bench.run(sync).exits(0).stderr, "");
}

#[test]
fn the_words_of_sync_are_checked_before_a_file_is_opened() {
    let bench = Bench::with("x.csv", "id\n1\n");
    for wrong in ["x.csv --sync id", "- --format csv --sync id --state s", "x.csv --sync , --state s"] {
        bench.run(&format!("send {wrong} --to sandbox")).exits(2);
    }
    let said = bench.run("send x.csv --to sandbox --sync id").exits(2);
    assert!(said.stderr.starts_with("error: --sync needs a --state: "), "{said:?}");
    assert!(said.stderr.ends_with(": bulkhaul send x.csv --to sandbox --sync id --state feed.bulkhaul\n"));
    assert!(!bench.path("s").exists());
}

#[test]
fn the_books_of_a_feed_are_made_again_with_its_unchanged_rows() {
    let bench = Bench::with("x.csv", feed(50, |_| Some("a".into())));
    bench.run(&format!("send x.csv {SYNC}")).exits(0);
    bench.write("x.csv", feed(60, |row| Some(if row % 9 == 0 { "b".into() } else { "a".into() })));
    bench.run(&format!("send x.csv {SYNC}")).exits(0);
    bench.run("audit s x.csv").exits(0);
}

#[test]
fn the_first_sync_after_a_plain_import_sends_only_what_is_new_or_changed() {
    let plain = "id,amount\nr1,1\nr2,2\nr2,3\nr3,-3\nr4,4\n";
    let sync = "--to sandbox --type amount=number --sync id --state x.csv.bulkhaul --progress none --json";
    let begun = |bench: &Bench| {
        bench.run("send x.csv --to sandbox --type amount=number --progress none").exits(3);
    };
    // Another file, and the old one is where the state says by its name; the last row of a key counts.
    let bench = Bench::with("x.csv", plain);
    begun(&bench);
    bench.write("y.csv", "id,amount\nr1,1\nr2,2\nr3,3\nr4,4\nr5,5\n");
    let said = bench.run(&format!("send y.csv {sync}")).exits(0);
    assert_eq!(rows(&said), [5, 3, 0, 2, 0]);
    assert!(said.stderr.contains("4 rows delivered without --sync: known from now on"), "{said:?}");
    assert_eq!(rows(&bench.run(&format!("send y.csv {sync}")).exits(0)), [5, 0, 0, 5, 0]);
    // The same file: nothing but the refused row goes.
    let bench = Bench::with("x.csv", plain);
    begun(&bench);
    assert_eq!(rows(&bench.run(&format!("send x.csv {sync}")).exits(3)), [5, 0, 1, 4, 1]);
    // It has grown.
    let bench = Bench::with("x.csv", plain);
    begun(&bench);
    bench.write("x.csv", format!("{plain}r5,5\nr1,9\n"));
    assert_eq!(rows(&bench.run(&format!("send x.csv {sync}")).exits(3)), [7, 2, 1, 4, 2]);
    // It has changed where it was read: brought back for one run, it is known.
    let bench = Bench::with("x.csv", plain);
    begun(&bench);
    bench.write("x.csv", plain.replace("r1,1", "r1,7"));
    let said = bench.run(&format!("send x.csv {sync}")).exits(6);
    assert!(said.stderr.contains("its input is not there as it was"), "{said:?}");
    bench.write("old.csv", plain);
    bench.run(&format!("send old.csv {sync}")).exits(3);
    assert_eq!(rows(&bench.run(&format!("send x.csv {sync}")).exits(3)), [5, 1, 1, 3, 1]);
}

/// The target may have the other value: only sending it again reaches the first.
#[test]
fn a_row_that_goes_back_to_what_it_was_before_a_doubt_is_sent() {
    let ok = || Step::Says("200 OK", "", "{}");
    let server = Scripted::start(&[ok(), Step::Loses, ok()]);
    let bench = Bench::with("x.csv", "id,value\nr1,a\nr2,a\n");
    let sync = format!("send x.csv --to {}/ --sync id --state s --progress none --json", server.url);
    bench.run(&sync).exits(0);
    bench.write("x.csv", "id,value\nr1,b\nr2,a\n");
    assert_eq!(rows(&bench.run(&sync).exits(5)), [2, 0, 0, 1, 0]);
    bench.write("x.csv", "id,value\nr1,a\nr2,a\n");
    assert_eq!(rows(&bench.run(&sync).exits(0)), [2, 1, 0, 1, 0]);
    assert!(server.got()[2].body.contains("\"value\":\"a\""), "{:?}", server.got()[2].body);
}
