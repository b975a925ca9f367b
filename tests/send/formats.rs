//! Values pass through unchanged, whatever they stood in.

use crate::support::Bench;
use std::io::Write;

fn rows(bench: &Bench, input: &str) -> Vec<String> {
    bench.sandbox_rows(input).into_iter().map(|row| row.row).collect()
}

#[test]
fn csv_fields_arrive_as_they_stood() {
    let text = "\u{feff}id,n,note\r\n1,9007199254740993,\"a \"\"b\"\"\r\nc\"\r\n2,1.0,ü";
    let bench = Bench::with("x.csv", text);
    bench.run("send x.csv --to sandbox --progress none --json").exits(0).books([2, 2, 0, 0, 0]);
    assert_eq!(
        rows(&bench, "x.csv"),
        [r#"{"id":"1","n":"9007199254740993","note":"a \"b\"\r\nc"}"#, r#"{"id":"2","n":"1.0","note":"ü"}"#]
    );
}

#[test]
fn ndjson_rows_arrive_byte_for_byte() {
    let lines = [
        r#"{"b":9007199254740993,"a":1.0,"b":1e3}"#,
        r#"{ "spaced" : [ 1 , 2 ] }"#,
        r#"{"u":"\u00e9\n","e":"é"}"#,
    ];
    let bench = Bench::with("x.ndjson", format!("\u{feff}{}\r\n\n{}\n{}", lines[0], lines[1], lines[2]));
    bench.run("send x.ndjson --to sandbox --progress none --json").exits(0).books([3, 3, 0, 0, 0]);
    assert_eq!(rows(&bench, "x.ndjson"), lines);
}

#[test]
fn types_and_null_are_said_and_never_guessed() {
    let bench =
        Bench::with("x.csv", "id,n,b,j,s\n1,1.0,TRUE,\"{\"\"a\"\":[1]}\",NA\n2,x,f,1,\"NA\"\n3,NA,t,2,\n");
    bench
        .run("send x.csv --to sandbox --progress none --json --type n=number --type b=boolean --type j=json --null NA")
        .exits(3)
        .books([3, 2, 1, 0, 0]);
    assert_eq!(
        rows(&bench, "x.csv"),
        [
            r#"{"id":"1","n":1.0,"b":true,"j":{"a":[1]},"s":null}"#,
            r#"{"id":"3","n":null,"b":true,"j":2,"s":""}"#
        ]
    );
    let letter = &bench.dead_letters("x.csv")[0];
    assert_eq!(letter["error"]["code"], "type_mismatch");
    assert_eq!(letter["error"]["field"], "/n");
    assert_eq!(letter["row"].to_string(), r#"{"id":"2","n":"x","b":false,"j":1,"s":"NA"}"#);
}

#[test]
fn several_files_plain_and_compressed_are_one_import_in_order() {
    let bench = Bench::with("a.csv", "id\n1\n");
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gz.write_all(b"id\n2\n3\n").unwrap();
    bench.write("b.csv.gz", gz.finish().unwrap());
    let skipped = b"\x50\x2a\x4d\x18\x03\0\0\0abc".to_vec();
    bench.write("c.csv.zst", [skipped, zstd::encode_all(&b"id\n4"[..], 3).unwrap()].concat());
    bench
        .run("send a.csv b.csv.gz c.csv.zst --to sandbox --progress none --json")
        .exits(0)
        .books([4, 4, 0, 0, 0]);
    let ids = ["1", "2", "3", "4"].map(|id| format!("{{\"id\":\"{id}\"}}"));
    assert_eq!(rows(&bench, "a.csv"), ids);
}

#[test]
fn a_file_without_header_takes_its_names_from_the_command() {
    let bench = Bench::with("x.tsv", "1\ta\n2\tb\n");
    bench.run("send x.tsv --to sandbox --progress none --no-header --columns id,name").exits(0);
    assert_eq!(rows(&bench, "x.tsv"), [r#"{"id":"1","name":"a"}"#, r#"{"id":"2","name":"b"}"#]);
}

#[test]
fn another_delimiter_is_taken() {
    let bench = Bench::with("x.csv", "id;name\n1;a,b\n");
    bench.run("send x.csv --to sandbox --progress none --delimiter ;").exits(0);
    assert_eq!(rows(&bench, "x.csv"), [r#"{"id":"1","name":"a,b"}"#]);
}

#[test]
fn a_carriage_return_alone_makes_no_row_unless_the_file_ends_its_records_so() {
    let bench = Bench::with("x.csv", "id,note\n1,a\rb\n2,\"c\rd\"\n");
    bench.run("send x.csv --to sandbox --progress none --json").exits(0).books([2, 2, 0, 0, 0]);
    assert_eq!(rows(&bench, "x.csv"), [r#"{"id":"1","note":"a\rb"}"#, r#"{"id":"2","note":"c\rd"}"#]);
    bench.write("mac.csv", "id,note\r1,\"a\nb\"\r2,c\r");
    bench.run("send mac.csv --to sandbox --progress none --json").exits(0).books([2, 2, 0, 0, 0]);
    assert_eq!(rows(&bench, "mac.csv"), [r#"{"id":"1","note":"a\nb"}"#, r#"{"id":"2","note":"c"}"#]);
}

#[test]
fn a_file_that_is_no_table_of_lines_says_what_makes_one_of_it() {
    let bench = Bench::with("arr.json", "[{\"id\":1}]");
    bench.write("x.xlsx", "PK");
    let said = |input: &str| bench.run(&format!("send {input} --to sandbox")).exits(2).stderr;
    assert_eq!(
        said("arr.json"),
        "error: the format of `arr.json` cannot be told from its name\n\
         hint: an array is made into lines by jq -c '.[]' arr.json > rows.ndjson; if each line is an object: --format ndjson\n"
    );
    assert!(said("x.xlsx").starts_with("error: `x.xlsx` is a workbook\nhint: save the sheet as CSV (UTF-8)"));
    let plan = bench.run("plan arr.json --format ndjson --to sandbox").exits(3).stdout;
    assert!(
        plan.contains("an array, not an object; jq -c '.[]' makes a line of each of its members"),
        "{plan}"
    );
}
