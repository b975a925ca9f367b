//! What a person may have made of the file.

use super::{REPLAY, holds_once, refused, with_bad};
use crate::support::Bench;
use crate::support::server::{Answer, Server};
use serde_json::{Value, json};

const BROKEN: &str = "id,city,amount\nr1,x,1\nr2,y,12 EUR\nr3\nr4,\"a, b\",x\nr5,z,5\n";

fn letters(bench: &Bench) -> Vec<Value> {
    bench.dead_letters("x.csv")
}

fn write(bench: &Bench, name: &str, letters: &[Value]) {
    let lines: Vec<String> = letters.iter().map(Value::to_string).collect();
    bench.write(name, lines.join("\n") + "\n");
}

#[test]
fn records_that_could_not_be_parsed_are_repaired_in_place_or_written_as_rows() {
    let bench = refused(BROKEN);
    let mut mended = letters(&bench);
    assert_eq!(mended[0]["row"], json!({"id": "r2", "city": "y", "amount": "12 EUR"}));
    mended[0]["row"]["amount"] = "12".into();
    mended[1] = json!({"row": {"id": "r3", "amount": 3}, "source": mended[1]["source"]});
    write(&bench, "fixed.ndjson", &mended);
    let said = bench.run(&format!("replay fixed.ndjson {REPLAY}")).exits(3).books([3, 2, 1, 0, 0]);
    assert_eq!(said.summary()["import"], 1);
    let again = bench.read("x.csv.bulkhaul/replays/1/dead-letters.ndjson");
    let again: Value = serde_json::from_str(&again).unwrap();
    let as_it_was = json!({"id": "r4", "city": "a, b", "amount": "x"});
    assert_eq!((&again["row"], &again["error"]["code"]), (&as_it_was, &"type_mismatch".into()));
    let rows = bench.sandbox_rows("x.csv");
    assert!(rows.iter().any(|row| row.row == r#"{"id":"r2","city":"y","amount":12}"#), "{rows:?}");
    mended[2] = json!({"raw": r#"{"id":"r4","city":"a, b"}"#, "source": mended[2]["source"]});
    write(&bench, "fixed.ndjson", &mended);
    bench.run(&format!("replay fixed.ndjson {REPLAY}")).exits(0).books([1, 1, 0, 0, 0]);
    holds_once(&bench, (1..=5).map(|row| format!("r{row}")));
}

#[test]
fn a_field_that_did_not_fit_its_type_is_sent_as_what_it_is_once_it_fits_and_never_as_a_string() {
    let bench = refused("id,city,amount\nr1,x,1\nr2,y,x\nr3,\"z \"\"\",\n");
    let one = &letters(&bench)[0];
    assert_eq!(one["row"], json!({"id": "r2", "city": "y", "amount": "x"}));
    assert_eq!((&one["raw"], &one["error"]["field"]), (&Value::Null, &"/amount".into()));
    // As they are they are refused again before anything is sent, whichever form they come in.
    let table = bench.run("rejects x.csv --export csv").exits(0).stdout;
    bench.write("table.csv", &table);
    for form in ["x.csv.bulkhaul", "table.csv", "x.csv.bulkhaul/replays/1"] {
        let said = bench.run(&format!("replay {form} {REPLAY}")).exits(3).books([2, 0, 2, 0, 0]);
        assert_eq!(said.summary()["requests"]["sent"], 0);
        let own = said.summary()["dead_letters"].as_str().unwrap().to_owned();
        let own: Value = serde_json::from_str(bench.read(&own).lines().next().unwrap()).unwrap();
        assert_eq!((&own["row"], &own["error"]["message"]), (&one["row"], &"`x` is not a number".into()));
    }
    // A string that is a number by now, a number, and an empty field that is null if that is said.
    bench.write("fixed.csv", table.replacen("r2,y,x", "r2,y,5.10", 1));
    bench.run(&format!("replay fixed.csv {REPLAY} --null=")).exits(0).books([2, 2, 0, 0, 0]);
    let rows: Vec<String> = bench.sandbox_rows("x.csv").into_iter().map(|row| row.row).collect();
    let sent = |row: &str| assert!(rows.iter().any(|sent| sent == row), "{rows:?}");
    sent(r#"{"id":"r2","city":"y","amount":5.10}"#);
    sent(r#"{"id":"r3","city":"z \"","amount":null}"#);
    let bench = refused("id,city,amount\nr1,x,1\nr2,y,x\n");
    let mut mended = letters(&bench);
    mended[0]["row"]["amount"] = 5.into();
    write(&bench, "fixed.ndjson", &mended);
    bench.run(&format!("replay fixed.ndjson {REPLAY}")).exits(0).books([1, 1, 0, 0, 0]);
    holds_once(&bench, (1..=2).map(|row| format!("r{row}")));
}

#[test]
fn where_nobody_knows_the_type_that_a_field_did_not_fit_it_is_asked_for() {
    let bench = refused("id,city,amount\nr1,x,1\nr2,y,x\n");
    let elsewhere =
        Bench::with("l.ndjson", bench.read("x.csv.bulkhaul/dead-letters.ndjson").replace(":\"x\"", ":\"7\""));
    std::fs::create_dir(elsewhere.path("l.ndjson.bulkhaul")).unwrap();
    elsewhere
        .run(&format!("replay l.ndjson {REPLAY} --state l.ndjson.bulkhaul"))
        .exits(3)
        .books([1, 0, 1, 0, 0]);
    let own = elsewhere.read("l.ndjson.bulkhaul/replays/1/dead-letters.ndjson");
    assert!(own.contains("which nobody knows here: say --type amount=…"), "{own}");
    elsewhere.run(&format!("replay l.ndjson {REPLAY} --type amount=integer")).exits(0).books([1, 1, 0, 0, 0]);
    let rows = elsewhere.sandbox_rows("l.ndjson");
    assert_eq!(rows[0].row, r#"{"id":"r2","city":"y","amount":7}"#);
}

#[test]
fn strings_in_columns_of_json_stay_what_they_are_beside_a_field_that_did_not_fit() {
    let bench = Bench::with("x.csv", "id,a,b\n1,\"\"\"s\"\"\",{\n2,{,[\n");
    let types = "--type a=json --type b=json --type id=integer";
    bench.run(&format!("send x.csv --to sandbox {types} --progress none")).exits(3);
    let mut mended = letters(&bench);
    assert_eq!(mended[0]["row"], json!({"id": 1, "a": "s", "b": "{"}));
    assert_eq!(mended[0]["error"]["field"], "/b");
    // With two such fields nobody could tell which strings are none: the record itself is kept.
    assert_eq!(mended[1]["raw"], "2,{,[");
    mended[0]["row"]["b"] = "{\"c\":1}".into();
    mended[1]["raw"] = "2,{},[]".into();
    write(&bench, "fixed.ndjson", &mended);
    bench.run(&format!("replay fixed.ndjson {REPLAY}")).exits(0).books([2, 2, 0, 0, 0]);
    let rows: Vec<String> = bench.sandbox_rows("x.csv").into_iter().map(|row| row.row).collect();
    assert!(rows.contains(&r#"{"id":1,"a":"s","b":{"c":1}}"#.to_owned()), "{rows:?}");
    assert!(rows.contains(&r#"{"id":2,"a":{},"b":[]}"#.to_owned()), "{rows:?}");
}

#[test]
fn columns_are_said_where_no_state_knows_them() {
    let bench = refused(BROKEN);
    let mut mended = letters(&bench);
    mended = vec![mended.remove(1)];
    mended[0]["raw"] = "r3;y;12".into();
    write(&bench, "fixed.ndjson", &mended);
    let elsewhere = Bench::with("fixed.ndjson", bench.read("fixed.ndjson"));
    std::fs::create_dir(elsewhere.path("fixed.ndjson.bulkhaul")).unwrap();
    elsewhere
        .run(&format!("replay fixed.ndjson {REPLAY} --state fixed.ndjson.bulkhaul"))
        .exits(3)
        .books([1, 0, 1, 0, 0]);
    let own = elsewhere.read("fixed.ndjson.bulkhaul/replays/1/dead-letters.ndjson");
    assert!(own.contains("say --columns"), "{own}");
    let columns = "--columns id,city,amount --delimiter ; --type amount=number";
    elsewhere.run(&format!("replay fixed.ndjson {REPLAY} {columns}")).exits(0).books([1, 1, 0, 0, 0]);
    let said = elsewhere.run(&format!("replay fixed.ndjson {REPLAY} --delimiter ;")).exits(2);
    assert!(said.stderr.contains("--columns"), "{said:?}");
}

#[test]
fn the_exact_table_comes_back_whatever_it_was_saved_with_and_the_safe_one_is_refused() {
    let bench = refused(BROKEN);
    let table = bench.run("rejects x.csv --export csv").exits(0).stdout;
    let mut csv = csv::Reader::from_reader(table.as_bytes());
    let header = csv.headers().unwrap().clone();
    let mut saved = csv::WriterBuilder::new().delimiter(b';').from_writer(Vec::new());
    saved.write_record(&header).unwrap();
    let place = |name: &str| header.iter().position(|known| known == name).unwrap();
    for record in csv.records() {
        let record = record.unwrap();
        let mut cells: Vec<String> = record.iter().map(str::to_owned).collect();
        let (at, cell) = match &*cells[place("id")] {
            "r2" => ("amount", "2"),
            "r4" => ("amount", "4"),
            _ => ("bulkhaul:text", "r3,\"two\nlines\",3"),
        };
        cells[place(at)] = cell.to_owned();
        saved.write_record(&cells).unwrap();
    }
    bench.write("fixed.csv", saved.into_inner().unwrap());
    bench.run(&format!("replay fixed.csv {REPLAY}")).exits(0).books([3, 3, 0, 0, 0]);
    holds_once(&bench, (1..=5).map(|row| format!("r{row}")));
    let rows = bench.sandbox_rows("x.csv");
    assert!(rows.iter().any(|row| row.row.contains("two\\nlines")), "{rows:?}");

    bench.write("safe.csv", bench.run("rejects x.csv --export csv-safe").exits(0).stdout);
    let said = bench.run("replay safe.csv --to sandbox").exits(1);
    assert_eq!(
        said.stderr,
        "error: `safe.csv` cannot be replayed: it was exported for spreadsheets (csv-safe): its cells are changed\n\
         hint: `bulkhaul rejects --export csv` writes the table that can be\n"
    );
}

#[test]
fn a_table_that_is_no_export_and_an_export_that_is_sent_are_told_what_to_do() {
    let bench = refused(&with_bad(10, 5));
    bench.write("mine.csv", "id,city,amount\nr5,x,5\n");
    let said = bench.run("replay mine.csv --to sandbox").exits(1);
    assert!(said.stderr.contains("`mine.csv` line 1 is no dead letter"), "{said:?}");
    assert!(
        said.stderr.contains("rejects STATE --export csv` wrote, corrected with its `bulkhaul:` columns"),
        "{said:?}"
    );
    for format in ["csv", "csv-safe"] {
        bench.write("fixed.csv", bench.run(&format!("rejects x.csv --export {format}")).exits(0).stdout);
        for command in ["send fixed.csv --to sandbox", "plan fixed.csv --to sandbox"] {
            let said = bench.run(command).exits(1);
            assert!(said.stderr.starts_with("error: `fixed.csv` is a table of dead letters"), "{said:?}");
            assert!(said.stderr.contains("\nhint: `bulkhaul replay fixed.csv --to …` sends"), "{said:?}");
        }
    }
    assert!(!bench.path("fixed.csv.bulkhaul").exists());
}

#[test]
fn cells_of_the_exact_table_are_corrected_in_their_columns() {
    let bench = refused(&with_bad(40, 8));
    let table = bench.run("rejects x.csv --export csv").exits(0).stdout;
    bench.write("fixed.csv", table.replace(",-", ","));
    let said = bench.run(&format!("replay fixed.csv {REPLAY}")).exits(0).books([5, 5, 0, 0, 0]);
    assert_eq!(said.summary()["inputs"][0], "fixed.csv");
    let rows = bench.sandbox_rows("x.csv");
    let one = r#"{"id":"r8","city":"Zürich, \"8\"","amount":8.50}"#;
    assert!(rows.iter().any(|row| row.row == one), "numbers stay numbers, to their last digit: {rows:?}");
}

#[test]
fn rows_in_doubt_are_left_alone_until_a_person_says_so() {
    let text = json!({
        "rows": [{"id": "a"}, {"id": "b"}], "invalid": 1,
        "error": {"code": "x", "message": "1 of 2 invalid"},
        "source": {"input": "y.csv", "row": 1, "line": 2, "byte": 3}, "import_id": "0".repeat(64),
    });
    let single = json!({"row": {"id": "c"}, "error": {"code": "y", "message": "no"}});
    let bench = Bench::with("l.ndjson", format!("{text}\n{single}\n"));
    std::fs::create_dir(bench.path("x.csv.bulkhaul")).unwrap();
    let state = "--state x.csv.bulkhaul";
    let said = bench.run(&format!("replay l.ndjson {REPLAY} {state}")).exits(0).books([1, 1, 0, 0, 0]);
    assert_eq!(said.summary()["replay"]["left_out"]["in_doubt"], 2);
    assert!(said.stderr.contains("2 in doubt (--in-doubt takes them, too)"), "{said:?}");
    bench.run(&format!("replay l.ndjson {REPLAY} {state} --in-doubt")).exits(0).books([2, 2, 0, 0, 0]);
    bench.run(&format!("replay l.ndjson {REPLAY} {state} --in-doubt --again")).exits(0);
    holds_once(&bench, ["a", "b", "c"].into_iter().map(str::to_owned));
}

#[test]
fn letters_of_which_nothing_is_left_but_the_row_are_each_sent_once() {
    let bench =
        Bench::with("mine.ndjson", "{\"row\":{\"n\":1}}\n\n{\"row\":{\"n\":1}}\n{\"row\":{\"n\":2}}\n");
    let replay = format!("replay mine.ndjson {REPLAY}");
    bench.run(&replay).exits(0).books([3, 3, 0, 0, 0]);
    bench.run(&replay).exits(0).books([3, 3, 0, 0, 0]);
    bench.write(
        "mine.ndjson",
        "{\"row\":{\"n\":1}}\n{\"row\":{\"n\":2}}\n{\"row\":{\"n\":1}}\n{\"row\":{\"n\":3}}\n",
    );
    let said = bench.run(&replay).exits(0).books([1, 1, 0, 0, 0]);
    assert_eq!(said.summary()["replay"]["left_out"]["delivered"], 3);
    assert_eq!(bench.sandbox_rows("mine.ndjson").len(), 4);
}

#[test]
fn a_letter_that_stands_in_the_file_twice_is_sent_once() {
    let bench = refused("id,city,amount\nr1,x,1\nr2,y,-2\n");
    let one = bench.read("x.csv.bulkhaul/dead-letters.ndjson").replace("-2", "2");
    bench.write("twice.ndjson", format!("{one}{one}"));
    let said = bench.run(&format!("replay twice.ndjson {REPLAY}")).exits(0).books([1, 1, 0, 0, 0]);
    assert_eq!(said.summary()["replay"]["left_out"]["repeated"], 1);
}

#[test]
fn what_is_no_dead_letter_is_told_by_its_line_before_anything_is_made() {
    let cases = [
        ("{\"row\":{\"a\":1}}\n{\"row\":{\"a\":2}", "`l.ndjson` line 2 is no dead letter: "),
        ("id,city\n1,2\n", "`l.ndjson` line 1 is no dead letter: it is no JSON object"),
        ("{\"row\":{\"a\":1}}\n{\"id\":7}\n", "`l.ndjson` line 2 is no dead letter: it has neither"),
        (
            "bulkhaul:error.code,bulkhaul:source.row,a\nx,one,1\n",
            "`l.ndjson` line 2 cannot be replayed: `one`",
        ),
        ("bulkhaul:error.code,bulkhaul:source.row,a\nx,1\n", "`l.ndjson` line 2 cannot be read as CSV"),
    ];
    for (text, words) in cases {
        let bench = Bench::with("l.ndjson", text);
        let said = bench.run("replay l.ndjson --to sandbox").exits(1);
        assert!(said.stderr.contains(words), "{said:?}");
        assert!(!bench.path("l.ndjson.bulkhaul").exists());
    }
    let bench = Bench::with("l.ndjson", "{\"row\":7}\n");
    bench.run(&format!("replay l.ndjson {REPLAY}")).exits(3).books([1, 0, 1, 0, 0]);
    let own = bench.read("l.ndjson.bulkhaul/replays/1/dead-letters.ndjson");
    assert!(own.starts_with(r#"{"raw":"7","error":{"code":"not_an_object""#), "{own}");
}

/// A quote that nobody meant swallows two lines.
const SWALLOWED: &str = "id,city,amount\nr1,x,1\nr2,\"y,2\nr3,z,3\nr4,\"w\"v,4\nr5,a,5\n";

#[test]
fn all_rows_go_that_a_person_made_of_a_record_with_swallowed_lines() {
    let bench = refused(SWALLOWED);
    let letter = letters(&bench).remove(0);
    assert_eq!((letters(&bench).len(), &letter["error"]["code"]), (1, &"bad_quote".into()));
    let with = |raw: &str| {
        let mut one = letter.clone();
        one["raw"] = raw.into();
        one
    };
    let mut row = with("");
    row.as_object_mut().unwrap().remove("raw");
    row["row"] = json!({"id": "r3", "city": "z", "amount": -3});
    // Two as records, one as a row, and one of them twice.
    write(&bench, "fixed.ndjson", &[with("r2,y,2"), row.clone(), with("r4,wv,4"), with("r2,y,2")]);
    let said = bench.run(&format!("replay fixed.ndjson {REPLAY}")).exits(3).books([3, 2, 1, 0, 0]);
    assert_eq!(said.summary()["replay"]["left_out"]["repeated"], 1);
    // What is still open goes, mended once more, in whatever order; nothing else does.
    row["row"]["amount"] = 3.into();
    write(&bench, "fixed.ndjson", &[with("r4,wv,4"), row, with("r2,y,2")]);
    let said = bench.run(&format!("replay fixed.ndjson {REPLAY}")).exits(0).books([1, 1, 0, 0, 0]);
    assert_eq!(said.summary()["replay"]["left_out"]["delivered"], 2);
    bench.run(&format!("replay fixed.ndjson {REPLAY} --again")).exits(0);
    holds_once(&bench, (1..=5).map(|row| format!("r{row}")));
    assert_eq!(bench.run("rejects x.csv --json").exits(0).summary()["open"], 0);
}

#[test]
fn all_rows_go_that_were_divided_within_one_letter() {
    let bench = refused(SWALLOWED);
    let mut letter = letters(&bench).remove(0);
    // The first had been sent alone.
    letter["raw"] = "r2,y,2".into();
    write(&bench, "fixed.ndjson", &[letter.clone()]);
    bench.run(&format!("replay fixed.ndjson {REPLAY}")).exits(0).books([1, 1, 0, 0, 0]);
    letter["raw"] = "r3,z,3\nr2,y,2\nr4,\"w\nv\",4\n".into();
    write(&bench, "fixed.ndjson", &[letter]);
    let said = bench.run(&format!("replay fixed.ndjson {REPLAY}")).exits(0).books([2, 2, 0, 0, 0]);
    assert_eq!(said.summary()["replay"]["left_out"]["delivered"], 1);
    bench.run(&format!("replay fixed.ndjson {REPLAY} --again")).exits(0);
    holds_once(&bench, (1..=5).map(|row| format!("r{row}")));
}

#[test]
fn a_type_that_was_forgotten_is_given_to_the_rows_by_the_replay() {
    let server = Server::saying(|got, _| {
        let status = if got.body.contains(":\"") { 422 } else { 200 };
        Some(Answer::json(status, &json!({"error": "amount must be a number"})))
    });
    let bench = Bench::with("x.csv", "id,amount\n1,5.0\n2,x\n3,007\n4\n");
    let to = format!("--to {} --progress none --json", server.url());
    bench.run(&format!("send x.csv {to}")).exits(3).books([4, 0, 4, 0, 0]);
    let said = bench.run(&format!("replay x.csv {to} --type amuont=number")).exits(1);
    assert!(said.stderr.contains("`--type amuont=…`: no row has a field `amuont`"), "{said:?}");
    let replay = format!("replay x.csv {to} --type amount=number --type id=integer");
    bench.run(&replay).exits(3).books([4, 1, 3, 0, 0]);
    assert_eq!(server.requests().last().unwrap().body, r#"[{"id":1,"amount":5.0}]"#);
    let own = bench.read("x.csv.bulkhaul/replays/1/dead-letters.ndjson");
    let mut why: Vec<Value> = own
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["error"]["message"].clone())
        .collect();
    why.sort_by_key(ToString::to_string);
    let zeros = "`007` is not a number: it has leading zeros, which numbers in JSON have not; as a string it keeps them";
    assert_eq!(why, ["1 field, the header has 2", zeros, "`x` is not a number"]);
    // The same again is over; without the types it is another replay.
    bench.run(&replay).exits(3).books([4, 1, 3, 0, 0]);
    bench.run(&format!("replay x.csv {to}")).exits(3).books([3, 0, 3, 0, 0]);
}

#[test]
fn what_others_wrote_into_a_shared_file_is_passed_over() {
    let bench = Bench::with("x.csv", "id,amount\nr1,-1\nr2,2\nr3,-3\n");
    bench.write("all.ndjson", "{\"row\":{\"of\":\"somebod\n");
    bench
        .run("send x.csv --to sandbox --type amount=number --progress none --dead-letter all.ndjson")
        .exits(3);
    let text = bench.read("all.ndjson").replace("\"amount\":-", "\"amount\":") + "not ours\n{\"row\":{\"torn";
    bench.write("all.ndjson", &text);
    bench.run(&format!("replay all.ndjson {REPLAY}")).exits(0).books([2, 2, 0, 0, 0]);
    // Of a copy, which a person has made, every line counts.
    bench.write("mine.ndjson", &text);
    let said = bench.run(&format!("replay mine.ndjson {REPLAY}")).exits(1);
    assert!(said.stderr.contains("`mine.ndjson` line 1 is no dead letter"), "{said:?}");
}

#[test]
fn rejects_says_what_a_replay_left_that_was_given_up() {
    let bench = refused("id,city,amount\nr1,x,1\nr2,y,-2\n");
    let nobody = "replay x.csv.bulkhaul --to http://127.0.0.1:9/ --progress none --max-elapsed 50ms";
    bench.run(nobody).exits(4);
    let said = bench.run("rejects x.csv").exits(0).stdout;
    assert!(
        said.contains("; replay 1 was stopped: its own command goes on, and with --abandon gives it up\n"),
        "{said}"
    );
    let said = bench.run("replay x.csv.bulkhaul --to sandbox --progress none --abandon").exits(0);
    assert_eq!(said.stderr, "the replay is abandoned: 0 rows delivered, 1 pending\n");
    // It never left, so that nobody is in doubt about it.
    assert!(
        bench
            .run("rejects x.csv")
            .exits(0)
            .stdout
            .starts_with("x.csv.bulkhaul: 1 row was refused, for 1 reason\n")
    );
    // Here it may have.
    let lost = Server::saying(|_, _| None);
    let to = format!("--to {} --progress none --idempotency-header Idempotency-Key", lost.url());
    bench.run(&format!("replay x.csv.bulkhaul {to} --max-elapsed 1s")).exits(4);
    let said = bench.run(&format!("replay x.csv.bulkhaul {to} --abandon")).exits(0);
    assert!(said.stderr.contains(": 0 rows delivered, 1 pending, and may have been applied"), "{said:?}");
    assert!(
        said.stderr.ends_with("hint: which may have been: bulkhaul rejects x.csv.bulkhaul/replays/2\n"),
        "{said:?}"
    );
    let shown = bench.run("rejects x.csv.bulkhaul/replays/2 --in-doubt --export ndjson").exits(0).stdout;
    assert!(
        shown.lines().count() == 1 && shown.contains("it was under way when the import was given up"),
        "{shown}"
    );
    let said = bench.run("rejects x.csv.bulkhaul --in-doubt --export ndjson").exits(0).stderr;
    assert!(
        said.contains("1 row in doubt since replay 2: bulkhaul rejects x.csv.bulkhaul/replays/2 "),
        "{said}"
    );
    let said = bench.run("rejects x.csv").exits(0).stdout;
    assert!(said.contains("; 1 in doubt since a replay: look at the target first, for `replay --in-doubt` sends that again, and may double it\n"), "{said}");
    bench.run(&format!("replay x.csv.bulkhaul {REPLAY} --in-doubt")).exits(3).books([1, 0, 1, 0, 0]);
}
