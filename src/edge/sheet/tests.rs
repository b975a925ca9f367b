//! The exact table comes back as it was; the safe one does not come back, and starts nothing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use super::{Columns, SheetReader, SheetWriter};
use crate::model::Letter;
use proptest::prelude::*;
use serde_json::{Value, json};

fn table(lines: &[String], safe: bool) -> String {
    let letters: Vec<Letter> = lines.iter().map(|line| Letter::read(line).unwrap()).collect();
    let mut columns = Columns::default();
    for letter in &letters {
        columns.note(letter);
    }
    let mut out = Vec::new();
    let make = if safe { SheetWriter::safe } else { SheetWriter::exact };
    let mut writer = make(&mut out, columns).unwrap();
    for letter in &letters {
        writer.write(letter).unwrap();
    }
    writer.finish().unwrap();
    String::from_utf8(out).unwrap()
}

fn back(table: &str) -> Result<Vec<Letter>, String> {
    let mut csv = csv::Reader::from_reader(table.as_bytes());
    let reader = SheetReader::new(csv.headers().unwrap())?;
    csv.records().map(|record| reader.letter(&record.unwrap())).collect()
}

/// A letter's members as they are compared: the row with its order and its numbers as written.
fn facts(letter: &Letter) -> Value {
    let row = letter.row.as_ref().map(|row| match serde_json::from_str::<Value>(row.get()).unwrap() {
        Value::Object(members) => members.into_iter().map(|(name, value)| json!([name, value])).collect(),
        other => other,
    });
    let source = letter.source.as_ref().map(|s| json!([s.input, s.row, s.line, s.byte]));
    let error = &letter.error;
    json!([
        row,
        letter.raw,
        letter.raw_hex,
        letter.rows.as_ref().map(|rows| rows.get()),
        letter.invalid,
        [error.code, error.message],
        error.status,
        error.field,
        source,
        letter.import_id,
        letter.batch,
        letter.attempt,
        letter.at,
    ])
}

fn line(row: &str) -> String {
    format!(
        r#"{{"row":{row},"error":{{"code":"bad","message":"m, \"q\"\n2","status":422,"field":"/a"}},"source":{{"input":"x.csv","row":17,"line":19,"byte":2048}},"import_id":"i","batch":"b","attempt":1,"at":"2026-01-01T00:00:00Z"}}"#
    )
}

#[test]
fn cells_are_text_or_json_and_columns_stand_in_the_order_in_which_they_were_seen() {
    let lines = [line(r#"{"id":"r1","n":12.50,"tags":["a"],"x":null}"#), line(r#"{"id":"=1+1","late":""}"#)];
    assert_eq!(
        table(&lines, false),
        "\
id,n,tags,x,late,bulkhaul:json,bulkhaul:absent,bulkhaul:error.code,bulkhaul:error.message,bulkhaul:error.status,\
bulkhaul:error.field,bulkhaul:source.input,bulkhaul:source.row,bulkhaul:source.line,bulkhaul:source.byte,\
bulkhaul:import_id,bulkhaul:batch,bulkhaul:attempt,bulkhaul:at
r1,12.50,\"[\"\"a\"\"]\",null,,\"[\"\"n\"\",\"\"tags\"\",\"\"x\"\"]\",\"[\"\"late\"\"]\",bad,\"m, \"\"q\"\"\n2\",422,\
/a,x.csv,17,19,2048,i,b,1,2026-01-01T00:00:00Z
=1+1,,,,,,\"[\"\"n\"\",\"\"tags\"\",\"\"x\"\"]\",bad,\"m, \"\"q\"\"\n2\",422,/a,x.csv,17,19,2048,i,b,1,\
2026-01-01T00:00:00Z
"
    );
}

#[test]
fn every_kind_of_letter_comes_back() {
    let lines = [
        line(r#"{"bulkhaul:json":"mine","a":1}"#),
        line(r#"{"a":9007199254740993.10,"bulkhaul:json":""}"#),
        line(r#"{"a":1,"a":2}"#),
        line("{\"\u{feff}b\":1}"),
        line("{}"),
        r#"{"raw":"","error":{"code":"field_count","message":"1 field, the header has 3"}}"#.to_owned(),
        r#"{"raw":"a�","raw_hex":"61ff","error":{"code":"invalid_utf8","message":"m"}}"#.to_owned(),
        r#"{"rows":[{"a":1},{"a":2}],"invalid":1,"error":{"code":"x","message":"1 of 2 invalid"}}"#
            .to_owned(),
    ];
    let letters = back(&table(&lines, false)).unwrap();
    assert_eq!(letters.len(), lines.len());
    for (line, found) in lines.iter().zip(&letters) {
        assert_eq!(facts(found), facts(&Letter::read(line).unwrap()));
    }
    assert_eq!(letters[1].row.as_ref().unwrap().get(), r#"{"a":9007199254740993.10,"bulkhaul:json":""}"#);
    assert_eq!(letters[2].row.as_ref().unwrap().get(), r#"{"a":1,"a":2}"#);
}

#[test]
fn a_first_column_with_a_byte_order_mark_is_not_the_files() {
    let text = table(&[line("{\"\u{feff}\":null}")], false);
    assert_eq!(back(&text).unwrap()[0].row.as_ref().unwrap().get(), "{\"\u{feff}\":null}");
    assert_eq!(back(&format!("\u{feff}{text}")).unwrap().len(), 1);
}

#[test]
fn what_a_person_has_edited_is_taken_and_what_no_longer_fits_is_told() {
    let text = table(&[line(r#"{"id":"r1","n":12}"#), line(r#"{"id":"r2"}"#)], false);
    let edited = text.replacen("r1,12,", "r9,-3.5,", 1).replacen("\nr2,,,", "\nr2,late,,", 1);
    let letters = back(&edited).unwrap();
    assert_eq!(letters[0].row.as_ref().unwrap().get(), r#"{"id":"r9","n":-3.5}"#);
    assert_eq!(letters[1].row.as_ref().unwrap().get(), r#"{"id":"r2","n":"late"}"#);
    let broken = text.replacen("r1,12,", "r1,12 EUR,", 1);
    assert_eq!(back(&broken).unwrap_err(), "the cell of `n` is not JSON any more");
    assert_eq!(
        back("id,n\n1,2\n").unwrap_err(),
        "it has no column `bulkhaul:error.code`, so it is no export of `rejects`"
    );
}

#[test]
fn a_table_for_spreadsheets_starts_no_formula_and_is_not_read_back() {
    let rows = ["=1", "+1", "-1", "@x", "\\tx", "\\rx", "plain", "a=1"];
    let lines: Vec<String> =
        rows.iter().map(|text| line(&format!("{{\"=h\":\"{text}\",\"n\":-5}}"))).collect();
    let text = table(&lines, true);
    let mut csv = csv::Reader::from_reader(text.as_bytes());
    assert_eq!(&csv.headers().unwrap()[0], "bulkhaul:csv-safe");
    assert_eq!(&csv.headers().unwrap()[1], "'=h");
    let records: Vec<csv::StringRecord> = csv.records().map(Result::unwrap).collect();
    let cells: Vec<&str> = records.iter().map(|record| &record[1]).collect();
    assert_eq!(cells, ["'=1", "'+1", "'-1", "'@x", "'\tx", "'\rx", "plain", "a=1"]);
    assert!(records.iter().all(|record| &record[2] == "'-5"));
    assert_eq!(
        back(&text).unwrap_err(),
        "it was exported for spreadsheets (csv-safe): its cells are changed"
    );
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has no such number", |n| n.is_finite()).prop_map(|n| json!(n)),
        ".*".prop_map(Value::from),
        "[=+\\-@\"\\[{0-9,\r\n \t']{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| prop::collection::vec(inner, 0..3).prop_map(Value::from))
}

/// Rows as text; names may come twice.
fn row() -> impl Strategy<Value = String> {
    let name = prop_oneof!["[a-d]", "bulkhaul:[a-z]{0,4}", Just("bulkhaul:json".to_owned()), ".{0,3}"];
    prop::collection::vec((name, value()), 0..5).prop_map(|members| {
        let members: Vec<String> =
            members.iter().map(|(name, value)| format!("{}:{value}", Value::from(name.as_str()))).collect();
        format!("{{{}}}", members.join(","))
    })
}

proptest! {
    #[test]
    fn any_rows_come_back_exactly(rows in prop::collection::vec(row(), 1..8)) {
        let lines: Vec<String> = rows.iter().map(|row| line(row)).collect();
        let letters = back(&table(&lines, false)).unwrap();
        prop_assert_eq!(letters.len(), lines.len());
        for (line, found) in lines.iter().zip(&letters) {
            prop_assert_eq!(facts(found), facts(&Letter::read(line).unwrap()));
        }
    }
}
