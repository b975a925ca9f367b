//! A broken row is a dead letter with its line; a broken file is an error that says where and what to do.

use crate::support::Bench;

#[track_caller]
fn refused(bench: &Bench, input: &str, stderr: &str) {
    let said = bench.run(&format!("send {input} --to sandbox --progress none")).exits(1);
    assert_eq!(said.stderr, stderr);
    assert_eq!(said.stdout, "");
}

#[test]
fn a_missing_file_is_named() {
    refused(&Bench::new(), "no.csv", "error: cannot read `no.csv`: no such file\n");
}

#[test]
fn a_folder_is_no_file() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("d.csv")).unwrap();
    refused(
        &bench,
        "d.csv",
        "error: `d.csv` is a directory, not a file\nhint: name the files in it; several files are one import\n",
    );
}

#[test]
fn unreadable_gzip_is_an_error() {
    let bench = Bench::with("x.csv.gz", "this is no gzip");
    refused(
        &bench,
        "x.csv.gz",
        "error: `x.csv.gz` is not gzip: it looks like plain text\nhint: give it a name without .gz or .zst\n",
    );
}

#[test]
fn a_header_with_two_equal_names_is_an_error() {
    let bench = Bench::with("x.csv", "id,name,id\n1,a,2\n");
    refused(
        &bench,
        "x.csv",
        "error: input `x.csv`: column `id` appears twice in the header (fields 1 and 3)\nhint: rename one, or name all of them with --columns a,b,c instead of the header\n",
    );
}

#[test]
fn an_unclosed_quote_names_its_line_and_nothing_behind_it_is_sent() {
    let bench = Bench::with("x.csv", "id,name\n1,a\n2,\"open\n3,c\n4,d\n");
    let said = bench.run("send x.csv --to sandbox --progress none --json").exits(1).books([1, 1, 0, 0, 0]);
    assert!(
        said.stderr.contains("error: input `x.csv`: the quote opened on line 3 is never closed\n"),
        "{said:?}"
    );
    let rows = bench.sandbox_rows("x.csv");
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].row, r#"{"id":"1","name":"a"}"#);
}

#[test]
fn an_empty_file_is_a_warning() {
    for (name, content) in [("x.csv", ""), ("y.csv", "id,name\n"), ("z.ndjson", "\n\n")] {
        let bench = Bench::with(name, content);
        let said = bench.run(&format!("send {name} --to sandbox --progress none")).exits(0);
        assert_eq!(said.stderr, "warning: the input has no rows; nothing was sent\n");
    }
}

#[test]
fn a_file_that_had_no_rows_keeps_nobody_from_importing_those_that_it_has_the_next_day() {
    for empty in ["", "id,name\n"] {
        let bench = Bench::with("x.csv", empty);
        let send = "send x.csv --to sandbox --progress none --json";
        bench.run(send).exits(0).books([0, 0, 0, 0, 0]);
        assert_eq!(bench.run(send).exits(0).summary()["import"], 1);
        bench.write("x.csv", "id,name\n1,a\n2,b\n");
        let said = bench.run(send).exits(0).books([2, 2, 0, 0, 0]);
        assert_eq!(said.summary()["import"], 2);
        assert_eq!(bench.sandbox_rows("x.csv").len(), 2);
        // Now there is something that another file would double; nor does an empty one, imported again, hide it.
        bench.write("x.csv", empty);
        bench.run(send).exits(6);
        bench.run(&format!("{send} --again")).exits(0).books([0, 0, 0, 0, 0]);
        bench.write("x.csv", "id,name\n1,a\n2,b\n");
        bench.run(send).exits(6);
        assert_eq!(bench.sandbox_rows("x.csv").len(), 2);
    }
}

#[test]
fn a_record_with_too_few_or_too_many_fields_is_a_dead_letter_with_its_line() {
    let bench = Bench::with("x.csv", "id,name\n1,a\n2\n3,c,d\n4,e\n");
    let said = bench.run("send x.csv --to sandbox --progress none --json").exits(3).books([4, 2, 2, 0, 0]);
    assert!(said.stderr.contains("refused rows are in x.csv.bulkhaul/dead-letters.ndjson"), "{said:?}");
    let letters = bench.dead_letters("x.csv");
    assert_eq!(letters.len(), 2);
    assert_eq!(letters[0]["raw"], "2");
    assert_eq!(letters[0]["error"]["code"], "field_count");
    assert_eq!(letters[0]["error"]["message"], "1 field, the header has 2");
    assert_eq!(letters[0]["error"]["status"], serde_json::Value::Null);
    assert_eq!(letters[0]["source"]["line"], 3);
    assert_eq!(letters[0]["source"]["row"], 2);
    assert_eq!(letters[0]["attempt"], 0);
    assert_eq!(letters[1]["raw"], "3,c,d");
    assert_eq!(letters[1]["source"]["line"], 4);
}

#[test]
fn text_after_a_closing_quote_is_a_dead_letter_and_never_altered() {
    let bench = Bench::with("x.csv", "id,name\n1,\"a\"b\n2,c\n");
    bench.run("send x.csv --to sandbox --progress none --json").exits(3).books([2, 1, 1, 0, 0]);
    let letters = bench.dead_letters("x.csv");
    assert_eq!(letters[0]["error"]["code"], "bad_quote");
    assert_eq!(letters[0]["error"]["field"], "/name");
    assert_eq!(letters[0]["raw"], "1,\"a\"b");
    assert_eq!(letters[0]["source"]["line"], 2);
}

#[test]
fn a_blank_line_is_a_dead_letter_where_it_may_be_a_row() {
    let bench = Bench::with("x.csv", "id\n1\n\n2\n");
    bench.run("send x.csv --to sandbox --progress none --json").exits(3).books([3, 2, 1, 0, 0]);
    let letters = bench.dead_letters("x.csv");
    assert_eq!(letters[0]["error"]["code"], "blank_line");
    assert_eq!(letters[0]["source"]["line"], 3);
    bench.run("audit x.csv.bulkhaul x.csv").exits(0);
    // Where it is null, it is a row; and with two columns it is none.
    bench
        .run("send x.csv --to sandbox --null= --state null --progress none --json")
        .exits(0)
        .books([3, 3, 0, 0, 0]);
    let bench = Bench::with("y.csv", "id,name\n1,a\n\n2,b\n");
    bench.run("send y.csv --to sandbox --progress none --json").exits(0).books([2, 2, 0, 0, 0]);
}

#[test]
fn a_line_that_is_no_object_is_a_dead_letter() {
    let bench = Bench::with("x.ndjson", "{\"id\":1}\n[1]\nnonsense\n{\"id\":2}\n");
    bench.run("send x.ndjson --to sandbox --progress none --json").exits(3).books([4, 2, 2, 0, 0]);
    let letters = bench.dead_letters("x.ndjson");
    assert_eq!(letters[0]["error"]["code"], "not_an_object");
    assert_eq!(letters[1]["error"]["code"], "invalid_json");
    assert_eq!(letters[1]["raw"], "nonsense");
}

#[test]
fn invalid_utf8_is_a_dead_letter_that_loses_no_byte() {
    let bench = Bench::with("x.csv", b"id,name\n1,a\n2,\xff\n".as_slice());
    bench.run("send x.csv --to sandbox --progress none --json").exits(3).books([2, 1, 1, 0, 0]);
    let letters = bench.dead_letters("x.csv");
    assert_eq!(letters[0]["error"]["code"], "invalid_utf8");
    assert_eq!(letters[0]["raw_hex"], "322cff");
}

#[test]
fn a_record_over_the_size_limit_is_a_dead_letter_and_the_next_row_goes_on() {
    for (size, left_out) in [(9 << 20, 1_048_580), (100 << 20, 96_468_996)] {
        let huge = "x".repeat(size);
        let json = (format!("{{\"a\":\"{huge}\"}}\n{{\"id\":2}}\n"), "x.ndjson", left_out);
        let csv = (format!("id,a\n1,{huge}\n2,b\n"), "x.csv", left_out - 6);
        for (text, name, left_out) in [json, csv] {
            let bench = Bench::with(name, text);
            let send =
                format!("send {name} --to http://{}/ --progress none --json", crate::support::sink::start());
            let mut child = bench.start(&send);
            let peak = crate::support::peak(&mut child);
            crate::support::said(child.wait_with_output().unwrap()).exits(3).books([2, 1, 1, 0, 0]);
            crate::support::figure(&format!(
                "{name} with a record of {} MiB: {} MiB at most",
                size >> 20,
                peak >> 10
            ));
            assert!(peak < 120 << 10, "{peak} KiB");
            let letter = &bench.dead_letters(name)[0];
            assert_eq!(letter["error"]["code"], "record_too_large");
            let message = letter["error"]["message"].as_str().unwrap();
            let told = format!("; its last {left_out} are left out here, and stand in the input only");
            assert!(message.ends_with(&told), "{message}");
            assert_eq!(letter["raw"].as_str().unwrap().len(), (8 << 20) + 4);
            bench.run(&format!("audit {name}.bulkhaul {name}")).exits(0);
            // What is left of it is no row.
            let to = send.split_once(" --to ").unwrap().1;
            let again = format!("replay {name}.bulkhaul --to {to}");
            bench.run(&again).exits(3).books([1, 0, 1, 0, 0]);
        }
    }
}

#[test]
fn what_is_no_url_is_no_target() {
    let bench = Bench::with("x.csv", "id\n1\n");
    let said = bench.run("send x.csv --to http://").exits(2);
    assert!(said.stderr.starts_with("error: "), "{said:?}");
    let said = bench.run("send x.csv --to sandbx").exits(2);
    assert!(said.stderr.starts_with("error: there is no target `sandbx`\n"), "{said:?}");
    assert!(!bench.path("x.csv.bulkhaul").exists(), "wrong usage leaves nothing behind");
}
