//! `bulkhaul rejects`: reasons, and exports that come back.

use super::plan::snapshot;
use crate::support::Bench;
use bulkhaul::edge::sheet::SheetReader;
use bulkhaul::model::Letter;
use serde_json::Value;

/// An import with rows that are refused: three for their amount, one for the number of its fields.
fn refused() -> Bench {
    let text = "id,city,amount\nr1,x,1\nr2,\"Zürich, \"\"2\"\"\",-3\nr3,=1+1,12 EUR\nr4\nr5,y,7,5\nr6,@z,x\nr7,z,2\n";
    let bench = Bench::with("x.csv", text);
    bench.run("send x.csv --to sandbox --type amount=number --progress none").exits(3);
    bench
}

#[test]
fn rows_are_grouped_by_reason_the_most_frequent_first() {
    let bench = refused();
    let before = snapshot(&bench.path("."));
    let said = bench.run("rejects").exits(0);
    assert_eq!(said.stderr, "");
    assert!(said.stdout.starts_with("x.csv.bulkhaul: "), "{said:?}");
    let json = bench.run("rejects x.csv --json").exits(0);
    let json = json.summary();
    let reasons = json["reasons"].as_array().unwrap();
    let counts: Vec<u64> = reasons.iter().map(|reason| reason["rows"].as_u64().unwrap()).collect();
    assert!(counts.is_sorted_by(|a, b| a >= b), "{counts:?}");
    assert_eq!(counts.iter().sum::<u64>(), json["rows"].as_u64().unwrap());
    assert_eq!(json["rows"].as_u64().unwrap(), bench.dead_letters("x.csv").len() as u64);
    let types = reasons.iter().find(|reason| reason["code"] == "type_mismatch").unwrap();
    assert_eq!(types["rows"], 2);
    assert_eq!(types["example"]["row"], 3);
    assert_eq!(types["example"]["line"], 4);
    assert_eq!(types["fields"], serde_json::json!({"/amount": 2}));
    assert!(said.stdout.contains("  type_mismatch\n     `…` is not a number\n     e.g. x.csv line 4, row 3, field /amount: `12 EUR` is not a number\n"));
    assert_eq!(snapshot(&bench.path(".")), before);
}

#[test]
fn a_reason_is_named_by_its_code_or_by_its_number() {
    let bench = refused();
    let by_code = bench.run("rejects --reason field_count --json").exits(0).summary();
    assert_eq!(by_code["reasons"].as_array().unwrap().len(), 2, "one field, and four: {by_code}");
    let number = by_code["reasons"][1]["reason"].as_u64().unwrap();
    let lines = bench.run(&format!("rejects --reason {number} --export ndjson")).exits(0).stdout;
    assert_eq!(lines.lines().count() as u64, by_code["reasons"][1]["rows"].as_u64().unwrap());
    let said = bench.run("rejects --reason field_cuont").exits(1);
    assert_eq!(
        said.stderr,
        "error: no row was refused for the reason `field_cuont`\nhint: did you mean `field_count`?\n"
    );
    let said = bench.run("rejects --reason 99").exits(1);
    assert!(said.stderr.contains("or a number from 1 to "), "{said:?}");
}

#[test]
fn what_is_exported_as_lines_is_the_file() {
    let bench = refused();
    let said = bench.run("rejects --export ndjson").exits(0);
    assert_eq!(said.stdout, bench.read("x.csv.bulkhaul/dead-letters.ndjson"));
    assert_eq!(said.stderr, "");
    std::fs::rename(bench.path("x.csv.bulkhaul/dead-letters.ndjson"), bench.path("letters.ndjson")).unwrap();
    // The ledger has them still, and the file can be named.
    assert_eq!(bench.run("rejects --export ndjson").exits(0).stdout, said.stdout);
    assert_eq!(bench.run("rejects letters.ndjson --export ndjson").exits(0).stdout, said.stdout);
}

#[test]
fn the_exact_table_comes_back_with_every_row_and_where_it_stood() {
    let bench = refused();
    let text = bench.run("rejects --export csv").exits(0).stdout;
    let mut csv = csv::Reader::from_reader(text.as_bytes());
    let header = csv.headers().unwrap().clone();
    assert_eq!(header.iter().take(3).collect::<Vec<_>>(), ["id", "city", "amount"]);
    let reader = SheetReader::new(&header).unwrap();
    let back: Vec<Letter> = csv.records().map(|record| reader.letter(&record.unwrap()).unwrap()).collect();
    let lines = bench.run("rejects --export ndjson").exits(0).stdout;
    assert_eq!(back.len(), lines.lines().count());
    for (letter, line) in back.iter().zip(lines.lines()) {
        let original = Letter::read(line).unwrap();
        let row = |letter: &Letter| letter.row.as_ref().map(|row| row.get().to_owned());
        assert_eq!(row(letter), row(&original));
        assert_eq!(letter.raw, original.raw);
        let place =
            |letter: &Letter| letter.source.as_ref().map(|s| (s.input.clone(), s.row, s.line, s.byte));
        assert_eq!(place(letter), place(&original));
        assert_eq!(letter.error.code, original.error.code);
        assert_eq!(letter.import_id, original.import_id);
    }
}

#[test]
fn the_table_for_spreadsheets_starts_no_formula_and_says_what_it_is() {
    let bench = refused();
    let text = bench.run("rejects --export csv-safe").exits(0).stdout;
    let mut csv = csv::Reader::from_reader(text.as_bytes());
    assert_eq!(&csv.headers().unwrap()[0], "bulkhaul:csv-safe");
    assert!(SheetReader::new(csv.headers().unwrap()).is_err());
    for record in csv.records() {
        for cell in &record.unwrap() {
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell}");
        }
    }
    assert!(text.contains("'-3") || text.contains("r2"), "{text}");
}

#[test]
fn only_the_newest_import_counts_and_a_clean_one_has_nothing() {
    let bench = refused();
    bench.write("x.csv", "id,city,amount\nr1,x,1\nr2,y,12 EUR\n");
    bench.run("send x.csv --to sandbox --type amount=number --progress none --again").exits(3);
    assert_eq!(bench.run("rejects --json").exits(0).summary()["rows"], 1);
    let clean = Bench::with("x.csv", "id,city,amount\nr1,x,1\n");
    clean.run("send x.csv --to sandbox --type amount=number --progress none").exits(0);
    assert_eq!(clean.run("rejects").exits(0).stdout, "x.csv.bulkhaul: no row was refused\n");
    assert_eq!(clean.run("rejects --export ndjson").exits(0).stdout, "");
}

#[test]
fn a_file_that_is_edited_or_no_dead_letters_at_all_is_told_by_its_line() {
    let bench = Bench::with(
        "mine.ndjson",
        "{\"row\":{\"a\":1},\"error\":{\"code\":\"x\",\"message\":\"\\u001b[31mred 1\"}}\n\n{\"row\":{\"a\":2}}\n\
         {\"rows\":[{\"a\":3},{\"a\":4}],\"invalid\":1,\"error\":{\"code\":\"x\",\"message\":\"1 of 2 invalid\"}}\n",
    );
    let said = bench.run("rejects mine.ndjson").exits(0);
    assert!(
        said.stdout.starts_with("mine.ndjson: 2 rows were refused and 2 rows are in doubt, for 3 reasons\n"),
        "{said:?}"
    );
    assert!(said.stdout.contains("(in doubt: 1 of them refused, nobody knows which)"), "{said:?}");
    assert!(!said.stdout.contains('\u{1b}'), "{said:?}");
    bench.write("x.csv", "id\n1\n");
    let said = bench.run("rejects x.csv").exits(1);
    assert!(
        said.stderr.starts_with("error: `x.csv` line 1 is no dead letter: it is no JSON object\nhint: "),
        "{said:?}"
    );
    let said = bench.run("rejects nowhere.ndjson").exits(1);
    assert!(said.stderr.starts_with("error: there is no import in `nowhere.ndjson`\n"), "{said:?}");
    bench.run("rejects mine.ndjson --export csv --json").exits(2);
}

#[test]
fn memory_does_not_grow_with_the_letters() {
    let bench = Bench::new();
    let mut text = String::new();
    for row in 0..200_000 {
        let line = serde_json::json!({
            "row": {"id": row, "note": "x".repeat(200)},
            "error": {"code": format!("c{}", row % 7), "message": format!("row {row} is bad")},
        });
        text.push_str(&line.to_string());
        text.push('\n');
    }
    bench.write("big.ndjson", &text);
    let peak = |arguments: &str| {
        let mut child = bench.command(arguments);
        child.stdout(std::process::Stdio::null());
        let child = child.spawn().unwrap();
        watch(child)
    };
    for arguments in ["rejects big.ndjson", "rejects big.ndjson --export csv"] {
        let kib = peak(arguments);
        assert!(kib < 48 * 1024, "`{arguments}` took {kib} KiB for {} bytes", text.len());
    }
    let json: Value = bench.run("rejects big.ndjson --json").exits(0).summary();
    assert_eq!(json["reasons"].as_array().unwrap().len(), 7);
}

/// The most memory that a process was seen to hold, in KiB.
fn watch(mut child: std::process::Child) -> u64 {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with("VmHWM:"));
        let seen = line.and_then(|line| line.split_whitespace().nth(1)).and_then(|kib| kib.parse().ok());
        peak = peak.max(seen.unwrap_or(0));
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            assert!(peak > 0, "it was over before it was looked at");
            return peak;
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

/// To look comes first, and what may double rows comes last and says so.
const WAYS_OUT: &str = "look at the target first; then the import's command with --verdict applied counts them as delivered, \
                        with --verdict missing makes dead letters of them; with --on-ambiguous resend sends them again, and \
                        may double them\n";

#[test]
fn refused_rows_are_told_with_the_command_that_sends_them_again() {
    let bench = Bench::with("x.csv", "id\n1\n2\n");
    bench
        .run("send x.csv --to sandbox --faults reject=100% --progress none --dead-letter bad.ndjson")
        .exits(3);
    let command = |more: &str| {
        let said = bench.run(&format!("rejects {more}")).exits(0).stdout;
        said.lines().last().unwrap().strip_prefix("to send them again:       ").unwrap().to_owned()
    };
    assert_eq!(command(""), "bulkhaul replay bad.ndjson --to sandbox");
    // A file does not say what made it.
    assert_eq!(command("bad.ndjson"), "bulkhaul replay bad.ndjson --to …");
    bench.run("replay bad.ndjson --to sandbox").exits(0);
    assert!(!bench.run("rejects").exits(0).stdout.contains("to send them again"));
}

/// It can be pasted: what says where rows go and what they become was said once.
#[test]
fn the_command_that_sends_refused_rows_again_goes_where_their_import_went() {
    use crate::support::scripted::{Scripted, Step};
    let server = Scripted::start(&[Step::Says("422 No", "", "{}"), Step::Says("200 OK", "", "{}")]);
    let bench = Bench::with("x.csv", "id\n1\n");
    let aim = format!("--to json-array --url {} -H 'X-Of: a b' --type id=number", server.url);
    let send = format!("bulkhaul send x.csv --rate 50/s {aim} --progress none --limit=9 -j 1");
    let words = shlex::split(&send).unwrap();
    let mut sent = bench.command("");
    crate::support::said(sent.args(&words[1..]).output().unwrap()).exits(3);
    let said = bench.run("rejects").exits(0).stdout;
    let command = said.lines().last().unwrap().strip_prefix("to send them again:       ").unwrap();
    assert_eq!(command, format!("bulkhaul replay x.csv.bulkhaul/dead-letters.ndjson {aim}"));
    let mut replay = bench.command("");
    crate::support::said(replay.args(&shlex::split(command).unwrap()[1..]).output().unwrap()).exits(0);
    assert_eq!(server.got().last().unwrap().body, "[{\"id\":1}]");
}

#[test]
fn rows_in_doubt_are_listed_with_their_place_and_why() {
    use crate::support::scripted::{Scripted, Step};
    let server = Scripted::start(&[Step::Says("200 OK", "", ""), Step::Loses, Step::Says("200 OK", "", "")]);
    let bench = Bench::with("a.csv", "id\na1\na2\na3\n");
    bench.write("b.csv", "id\n\"b\n1\"\nb2\nb3\nb4\n");
    let send = format!("send a.csv b.csv --to {} --batch-rows 2 -j 1 --progress none", server.url);
    let said = bench.run(&send).exits(5);
    let words = "2 rows in doubt: nobody can know whether they were applied; which: bulkhaul rejects a.csv.bulkhaul\n\
                 the reason: connection closed before message completed\nhint: ";
    assert!(said.stderr.ends_with(&format!("{words}{WAYS_OUT}")), "{said:?}");
    let said = bench.run("rejects").exits(0).stdout;
    assert!(
        said.starts_with(
            "a.csv.bulkhaul: no row was refused, but rows are in doubt\n\n2 rows in doubt, as nobody can know"
        ),
        "{said}"
    );
    assert!(said.contains("     a.csv from line 4 on, row 3 and more, 2 in all: "), "{said}");
    assert!(said.contains(WAYS_OUT), "{said}");
    let ways = format!(
        "to see these rows:        bulkhaul rejects a.csv.bulkhaul --in-doubt --export ndjson\n\
         if they are there:        bulkhaul {send} --verdict applied\n\
         if they are not:          bulkhaul {send} --verdict missing\n\
         to send them all again:   bulkhaul {send} --on-ambiguous resend\n"
    );
    assert!(said.ends_with(&ways), "{said}");
    let again = bench.run(&send).exits(5).stderr;
    assert!(again.ends_with("\nhint: what ends the doubt: bulkhaul rejects a.csv.bulkhaul\n"), "{again}");
    let json = bench.run("rejects --json").exits(0).summary();
    let doubt = &json["doubts"][0];
    assert_eq!((&json["in_doubt"], &json["rows"]), (&2.into(), &0.into()));
    assert_eq!((&doubt["input"], &doubt["row"], &doubt["line"]), (&"a.csv".into(), &3.into(), &4.into()));
    assert_eq!((&doubt["last_row"], &doubt["rows"]), (&Value::Null, &2.into()));
    let status = bench.run("status").exits(0).stdout;
    assert!(
        status.contains("bulkhaul rejects a.csv.bulkhaul says what is known of the rows in doubt"),
        "{status}"
    );
    bench.run(&format!("{send} --on-ambiguous resend")).exits(0);
    assert_eq!(bench.run("rejects").exits(0).stdout, "a.csv.bulkhaul: no row was refused\n");
}

#[test]
fn the_command_that_sends_refused_rows_again_does_so_after_a_replay_that_was_refused() {
    let bench = Bench::with("x.csv", "id\n1\n2\n");
    let to = "--to sandbox --faults reject=100% --progress none";
    bench.run(&format!("send x.csv {to}")).exits(3);
    bench.run(&format!("replay x.csv.bulkhaul {to}")).exits(3);
    for (state, letters) in [
        ("x.csv.bulkhaul", "x.csv.bulkhaul/dead-letters.ndjson"),
        ("x.csv.bulkhaul/replays/1", "x.csv.bulkhaul/replays/1/dead-letters.ndjson"),
    ] {
        let said = bench.run(&format!("rejects {state}")).exits(0).stdout;
        assert!(said.ends_with(&format!("bulkhaul replay {letters} --to sandbox --again\n")), "{said}");
    }
    let said =
        bench.run("replay x.csv.bulkhaul/dead-letters.ndjson --to sandbox --progress none --again").exits(0);
    assert!(said.stderr.starts_with("replaying 2 rows\n"), "{said:?}");
}

#[test]
fn a_field_that_no_row_has_is_named_once_with_the_column_that_was_meant() {
    let bench = Bench::with("x.csv", "id,Speed IAS in knots\n1,90\n2,95\n");
    bench.write(
        "p.toml",
        "[profile]\nversion = 1\nname = \"p\"\n[params.base]\nrequired = true\n[request]\n\
         url = \"${param.base}/x\"\nitem = '''{\"v\": \"${row:/Speed IAS in knotts}\"}'''\n\
         [idempotency]\nscope = \"none\"\n[[response]]\nwhen = { status = [200] }\nthen = \"ok\"\n",
    );
    let plan = || bench.run("plan x.csv --to p.toml --url http://127.0.0.1:9").exits(3).stdout;
    let said = plan();
    let words = "  1  2 rows  missing_field\n     e.g. x.csv line 2, row 1: field /Speed IAS in knotts is missing; did \
                 you mean `Speed IAS in knots`?\n";
    assert!(said.contains(words), "{said}");
    // What is like nothing is told as it is.
    bench.write("x.csv", "id\n1\n");
    let said = plan();
    assert!(said.contains("row 1: field /Speed IAS in knotts is missing\n"), "{said}");
}
