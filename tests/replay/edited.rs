//! A letter about a whole request that a person has edited: each of its rows is booked as what it is.

use super::doubt::{COUNTS_ONE, Doubt, GOOD};
use serde_json::Value;

const OWN: &str = "x.ndjson.bulkhaul/dead-letters.ndjson";

impl Doubt {
    /// A copy of these letters, with other `rows` in it.
    fn write_edited(&self, letters: &str, rows: &str) {
        let text = self.bench.read(letters);
        let (begin, rest) = text.split_once("\"rows\":[").unwrap();
        let (_, end) = rest.split_once("],\"invalid\"").unwrap();
        self.bench.write("edited.ndjson", format!("{begin}\"rows\":[{rows}],\"invalid\"{end}"));
    }

    /// The rows that the letter of the import has, each in a line of its own.
    fn in_lines(&self, change: impl Fn(usize, &mut serde_json::Map<String, Value>)) -> String {
        let letter: Value = serde_json::from_str(&self.bench.read(OWN)).unwrap();
        let line = |(index, row): (usize, &Value)| {
            let mut line = letter.as_object().unwrap().clone();
            line.retain(|name, _| name != "rows" && name != "invalid");
            line.insert("row".into(), row.clone());
            change(index, &mut line);
            format!("{}\n", Value::Object(line))
        };
        letter["rows"].as_array().unwrap().iter().enumerate().map(line).collect()
    }

    /// The body of the last request.
    fn sent_last(&self) -> String {
        self.server.got().pop().unwrap().body
    }
}

#[test]
fn rows_that_a_person_took_out_are_still_in_doubt_and_the_others_are_sent_once() {
    let doubt = Doubt::with(&[COUNTS_ONE, GOOD]);
    doubt.write_edited(OWN, "{\"id\":2},{\"id\":3}");
    doubt.replay_of("edited.ndjson", "--state x.ndjson.bulkhaul").exits(0).books([2, 2, 0, 0, 0]);
    assert_eq!(doubt.sent_last(), "[{\"id\":2},{\"id\":3}]");
    assert_eq!(doubt.open(), 1);
    let said = doubt.replay_of("x.ndjson.bulkhaul", "").exits(0).books([1, 1, 0, 0, 0]);
    assert_eq!(said.summary()["replay"]["left_out"]["delivered"], 2);
    assert_eq!((doubt.sent_last(), doubt.open()), ("[{\"id\":1}]".to_owned(), 0));
}

#[test]
fn rows_that_a_person_or_a_tool_moved_and_wrote_anew_are_the_same_rows() {
    let doubt = Doubt::with(&[COUNTS_ONE, GOOD]);
    doubt.write_edited(OWN, "{ \"id\": 3 }, { \"id\": 1 }");
    doubt.replay_of("edited.ndjson", "").exits(0).books([2, 2, 0, 0, 0]);
    doubt.replay_of("x.ndjson.bulkhaul", "").exits(0).books([1, 1, 0, 0, 0]);
    assert_eq!(doubt.sent_last(), "[{\"id\":2}]");
}

#[test]
fn rows_that_were_edited_where_they_stand_are_not_sent_a_second_time_as_they_were() {
    let doubt = Doubt::with(&[COUNTS_ONE, GOOD]);
    doubt.write_edited(OWN, "{\"id\":1},{\"id\":2,\"mended\":true},{\"id\":3,\"mended\":true}");
    doubt.replay_of("edited.ndjson", "").exits(0).books([3, 3, 0, 0, 0]);
    let said = doubt.replay_of("x.ndjson.bulkhaul", "").exits(0);
    assert_eq!(said.stderr, "nothing to replay: 3 delivered by earlier replays\n");
    assert_eq!((doubt.requests(), doubt.open()), (2, 0));
}

#[test]
fn rows_of_which_nobody_can_tell_which_they_are_refuse_the_replay_before_anything_is_sent() {
    let doubt = Doubt::with(&[COUNTS_ONE, GOOD]);
    doubt.write_edited(OWN, "{\"id\":2,\"mended\":true},{\"id\":3}");
    for plan in ["", "-n"] {
        let said = doubt.replay_of("edited.ndjson", plan).exits(1);
        assert!(
            said.stderr.starts_with(
                "error: `edited.ndjson` line 1: which of the request's rows it has cannot be told any more; nothing \
                 was sent\nhint: take whole rows out of `rows` and leave the others as they were, or edit rows where"
            ),
            "{said:?}"
        );
    }
    assert_eq!((doubt.requests(), doubt.open()), (1, 3));
    doubt.replay_of("x.ndjson.bulkhaul", "--type nothing=number").exits(1);
    doubt.replay_of("x.ndjson.bulkhaul", "--dead-letter nowhere/letters").exits(1);
    assert!(!doubt.bench.path("x.ndjson.bulkhaul/replays/1").exists(), "nothing has begun");
    doubt.replay_of("x.ndjson.bulkhaul", "").exits(0).books([3, 3, 0, 0, 0]);
}

#[test]
fn rows_taken_out_of_a_letter_that_a_replay_wrote_are_still_in_doubt() {
    let doubt = Doubt::with(&[COUNTS_ONE, COUNTS_ONE, GOOD]);
    doubt.replay_of("x.ndjson.bulkhaul", "").exits(5).books([3, 0, 0, 3, 0]);
    doubt.write_edited("x.ndjson.bulkhaul/replays/1/dead-letters.ndjson", "{\"id\":3}");
    doubt.replay_of("edited.ndjson", "").exits(0).books([1, 1, 0, 0, 0]);
    assert_eq!(doubt.open(), 2);
    doubt.replay_of("x.ndjson.bulkhaul", "").exits(0).books([2, 2, 0, 0, 0]);
    assert_eq!(doubt.sent_last(), "[{\"id\":1},{\"id\":2}]");
}

#[test]
fn a_letter_that_is_too_long_to_be_read_is_left_out_with_a_way_for_its_rows_and_the_others_go() {
    let doubt = Doubt::with(&[COUNTS_ONE, GOOD]);
    let letter = doubt.bench.read(OWN);
    let (begin, rest) = letter.split_once("\"rows\":[").unwrap();
    let blanks = " ".repeat(128 << 20);
    doubt.bench.write("long.ndjson", format!("{begin}\"rows\":[{blanks}{rest}{letter}"));
    let long = "left out: 1 letter about a whole request, longer than 128 MiB";
    let said = doubt.bench.run("rejects long.ndjson").exits(0);
    assert!(
        said.stderr.contains("1 letter about a whole request, longer than 128 MiB, left out"),
        "{said:?}"
    );
    let said = doubt.replay_of("long.ndjson", "").exits(0).books([3, 3, 0, 0, 0]);
    assert!(said.stderr.contains(&format!("replaying 3 rows; {long} (the command that sent")), "{said:?}");
    assert_eq!(said.summary()["replay"]["left_out"]["too_long"], 1);
    assert_eq!(doubt.requests(), 2);
}

#[test]
fn rows_that_a_person_gave_lines_of_their_own_are_still_those_in_doubt() {
    let doubt = Doubt::with(&[COUNTS_ONE, GOOD]);
    let lines = doubt.in_lines(|_, _| {});
    doubt.bench.write("apart.ndjson", lines.split_inclusive('\n').skip(1).collect::<String>());
    let without = "replay apart.ndjson --to ./counted.toml --progress none --json";
    assert_eq!(doubt.bench.run(without).exits(0).summary()["replay"]["left_out"]["in_doubt"], 2);
    doubt.replay_of("apart.ndjson", "").exits(0).books([2, 2, 0, 0, 0]);
    assert_eq!(doubt.open(), 1);
    doubt.replay_of("x.ndjson.bulkhaul", "").exits(0).books([1, 1, 0, 0, 0]);
    assert_eq!(doubt.sent_last(), "[{\"id\":1}]");
    doubt.bench.write("apart.ndjson", doubt.in_lines(|index, line| line["row"]["id"] = (index + 4).into()));
    let said = doubt.replay_of("apart.ndjson", "").exits(1);
    assert!(said.stderr.contains("which of the request's rows it has cannot be told"), "{said:?}");
    assert_eq!(doubt.requests(), 3);
}

#[test]
fn rows_in_lines_of_their_own_are_those_in_doubt_whatever_became_of_their_source() {
    let without: fn(usize, &mut serde_json::Map<String, Value>) = |_, line| drop(line.remove("source"));
    let without_import: fn(usize, &mut serde_json::Map<String, Value>) =
        |_, line| line.retain(|name, _| name == "row" || name == "batch");
    for change in [without, without_import, |index, line| line["source"]["row"] = (index + 1).into()] {
        let doubt = Doubt::with(&[COUNTS_ONE, GOOD]);
        let lines = doubt.in_lines(change);
        doubt.bench.write("apart.ndjson", lines.split_inclusive('\n').skip(1).collect::<String>());
        let state = "--state x.ndjson.bulkhaul";
        let command = format!("replay apart.ndjson --to ./counted.toml --progress none --json {state}");
        assert_eq!(doubt.bench.run(&command).exits(0).summary()["replay"]["left_out"]["in_doubt"], 2);
        doubt.replay_of("apart.ndjson", state).exits(0).books([2, 2, 0, 0, 0]);
        doubt.replay_of("x.ndjson.bulkhaul", "").exits(0).books([1, 1, 0, 0, 0]);
        assert_eq!(doubt.sent_last(), "[{\"id\":1}]");
    }
}

#[test]
fn of_a_letter_that_no_longer_says_which_request_it_is_about_nothing_is_guessed() {
    let doubt = Doubt::with(&[COUNTS_ONE, GOOD]);
    let mut letter: Value = serde_json::from_str(&doubt.bench.read(OWN)).unwrap();
    letter["rows"].as_array_mut().unwrap().remove(0);
    for name in ["batch", "source", "import_id"] {
        letter.as_object_mut().unwrap().remove(name);
        doubt.bench.write("edited.ndjson", format!("{letter}\n"));
        let said = doubt.replay_of("edited.ndjson", "--state x.ndjson.bulkhaul").exits(1);
        assert!(said.stderr.contains("which of the request's rows it has cannot be told"), "{said:?}");
    }
    assert_eq!((doubt.requests(), doubt.open()), (1, 3));
    doubt.replay_of("x.ndjson.bulkhaul", "").exits(0).books([3, 3, 0, 0, 0]);
}

#[test]
fn rows_that_say_the_same_are_as_many_as_the_lines_that_have_them() {
    let doubt = Doubt::of("{\"id\":1}\n{\"id\":1}\n{\"id\":2}\n", &[COUNTS_ONE, GOOD]);
    let lines = doubt.in_lines(|_, _| {});
    doubt.bench.write("apart.ndjson", lines.clone() + &lines);
    let said = doubt.replay_of("apart.ndjson", "").exits(0).books([3, 3, 0, 0, 0]);
    assert_eq!(said.summary()["replay"]["left_out"]["repeated"], 3, "no more than there were");
    assert_eq!((doubt.sent_last(), doubt.open()), ("[{\"id\":1},{\"id\":1},{\"id\":2}]".to_owned(), 0));
}

#[test]
fn a_row_beside_one_that_says_the_same_is_edited_where_it_stands() {
    let doubt = Doubt::of("{\"id\":1}\n{\"id\":1}\n{\"id\":2}\n", &[COUNTS_ONE, GOOD]);
    doubt.write_edited(OWN, "{\"id\":1,\"mended\":true},{\"id\":1},{\"id\":2,\"mended\":true}");
    doubt.replay_of("edited.ndjson", "").exits(0).books([3, 3, 0, 0, 0]);
    doubt.replay_of("x.ndjson.bulkhaul", "").exits(0);
    assert_eq!((doubt.requests(), doubt.open()), (2, 0));
}

#[test]
fn rows_that_differ_in_the_last_digit_of_a_number_are_not_taken_for_each_other() {
    for [one, other, third] in [
        ["18446744073709551617", "18446744073709551618", "3"],
        ["1234567890123.4567891", "1234567890123.4567892", "3"],
    ] {
        let rows = [one, other, third].map(|number| format!("{{\"n\":{number}}}\n")).concat();
        let doubt = Doubt::of(&rows, &[COUNTS_ONE, GOOD]);
        doubt.write_edited(OWN, &format!("{{ \"n\": {other} }}"));
        doubt.replay_of("edited.ndjson", "").exits(0).books([1, 1, 0, 0, 0]);
        doubt.replay_of("x.ndjson.bulkhaul", "").exits(0).books([2, 2, 0, 0, 0]);
        assert_eq!(doubt.sent_last(), format!("[{{\"n\":{one}}},{{\"n\":{third}}}]"));
    }
}

#[test]
fn where_no_ledger_knows_a_letter_its_rows_are_not_taken_for_others_that_stood_there_before() {
    let doubt = Doubt::with(&[COUNTS_ONE, GOOD]);
    doubt.bench.write("whole.ndjson", doubt.bench.read(OWN));
    doubt.write_edited(OWN, "{\"id\":2},{\"id\":3}");
    std::fs::remove_dir_all(doubt.bench.path("x.ndjson.bulkhaul")).unwrap();
    std::fs::create_dir(doubt.bench.path("books")).unwrap();
    doubt.replay_of("edited.ndjson", "--state books").exits(0).books([2, 2, 0, 0, 0]);
    for plan in ["", " -n"] {
        let said = doubt.replay_of("whole.ndjson", &format!("--state books{plan}")).exits(1);
        assert!(
            said.stderr.contains("`whole.ndjson` line 1: which of the request's rows it has cannot be told"),
            "{said:?}"
        );
    }
    assert_eq!(doubt.requests(), 2);
    doubt.replay_of("edited.ndjson", "--state books").exits(0);
    // What has the rows that were sent, in their places, and more behind them says which are left.
    std::fs::create_dir(doubt.bench.path("others")).unwrap();
    doubt.bench.write("begin.ndjson", doubt.bench.read("whole.ndjson").replace(",{\"id\":3}]", "]"));
    doubt.replay_of("begin.ndjson", "--state others").exits(0).books([2, 2, 0, 0, 0]);
    doubt.replay_of("whole.ndjson", "--state others").exits(0).books([1, 1, 0, 0, 0]);
    assert_eq!(doubt.sent_last(), "[{\"id\":3}]");
}

#[test]
fn a_look_at_letters_says_what_a_replay_of_them_will_refuse() {
    let doubt = Doubt::with(&[COUNTS_ONE, GOOD]);
    doubt.write_edited(OWN, "{\"id\":2},{\"id\":3}");
    let said = doubt.bench.run("rejects edited.ndjson").exits(0);
    assert_eq!(said.stderr, "");
    doubt.write_edited(OWN, "{\"id\":2,\"mended\":true},{\"id\":3}");
    let refused = doubt.replay_of("edited.ndjson", "").exits(1).stderr;
    let said = doubt.bench.run("rejects edited.ndjson").exits(0);
    let words =
        refused.replace("error: ", "note: ").replace("; nothing was sent", ", and `replay` refuses it");
    assert_eq!(said.stderr, words);
    assert!(words.starts_with("note: `edited.ndjson` line 1: which of the request's rows"), "{words}");
}
