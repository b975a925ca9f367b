//! Feeds that are broken: cut off, empty, or with rows that cannot be read.

use super::{SYNC, rows, sent};
use crate::support::Bench;

#[test]
fn a_key_whose_last_row_cannot_be_read_is_left_alone() {
    let types = "--type amount=number";
    let sync = format!("send x.csv {SYNC} {types}");
    let bench = Bench::with("x.csv", "id,amount,note\nr1,1,x\nr2,1,x\n");
    bench.run(&sync).exits(0);
    for broken in ["r1,many,x", "r1,3", "r1,3,x,y", "r1,\"4,5\",\"x\""] {
        bench.write("x.csv", format!("id,amount,note\nr1,2,x\n{broken}\nr2,1,x\n"));
        let said = bench.run(&sync).exits(3);
        assert_eq!(rows(&said), [3, 0, 1, 2, 1], "{broken}");
        bench.run("audit s x.csv").exits(0);
    }
    assert_eq!(sent(&bench)["r1"].len(), 1);
    // An older row that is broken stands in nobody's way.
    bench.write("x.csv", "id,amount,note\nr1,many,x\nr1,2,x\nr2,1,x\n");
    assert_eq!(rows(&bench.run(&sync).exits(3)), [3, 1, 1, 1, 0]);
}

#[test]
fn a_key_whose_last_line_of_json_cannot_be_read_is_left_alone() {
    let bench = Bench::with("x.ndjson", "{\"id\":\"r1\",\"value\":\"1\"}\n");
    let sync = format!("send x.ndjson {SYNC}");
    bench.run(&sync).exits(0);
    bench.write("x.ndjson", "{\"id\":\"r1\",\"value\":\"2\"}\n{\"id\":\"r1\",\"value\":3\"}\n");
    assert_eq!(rows(&bench.run(&sync).exits(3)), [2, 0, 1, 1, 1]);
    assert_eq!(sent(&bench)["r1"], ["1"]);
}

#[test]
fn a_feed_that_ends_within_a_record_is_refused_before_anything_is_sent() {
    for (name, text, line) in [
        ("x.csv", "id,value\nr1,b\nr2,c\nr3", 4),
        ("x.ndjson", "{\"id\":\"r1\"}\n{\"id\":\"r2\",\"val", 2),
        ("x.ndjson", "{\"id\":\"r1\"}\n{\"id\":\"r2\",\"value\":\"Z\u{fc}", 2),
    ] {
        let bench = Bench::with(name, text);
        let said = bench.run(&format!("send {name} {SYNC}")).exits(1);
        let error = &said.summary()["error"];
        assert_eq!(
            error["message"],
            format!("`{name}` ends within a record, on line {line}; nothing was sent")
        );
        assert_eq!(error["hint"], "it was probably copied or written only in part; get it again");
        assert!(sent(&bench).is_empty());
        // With a line end it is whole, and the row a bad one.
        bench.write(name, format!("{text}\n"));
        let said = bench.run(&format!("send {name} {SYNC}")).exits(3);
        assert_eq!(rows(&said)[2], 1, "{said:?}");
    }
    // Many a producer writes no last line end.
    let bench = Bench::with("x.csv", "id,value\nr1,b\nr2,c");
    bench.run(&format!("send x.csv {SYNC}")).exits(0);
}

#[test]
fn a_feed_that_is_empty_has_shrunk() {
    for (text, first) in [("", "--sync id"), ("id,value\n", "--sync id"), ("id,value\n", ""), ("", "")] {
        let bench = Bench::with("x.csv", "id,value\nr1,a\nr2,b\n");
        bench.run(&format!("send x.csv --to sandbox {first} --state x.csv.bulkhaul -q")).exits(0);
        bench.write("y.csv", text);
        let said = bench
            .run("send y.csv --to sandbox --sync id --state x.csv.bulkhaul -q --max-shrink 20% --progress none")
            .exits(4);
        let words = "the feed had 2 rows last time and has 0 now; nothing was sent\n";
        assert!(said.stderr.starts_with("stopped: ") && said.stderr.contains(words), "{said:?}");
    }
}
