//! `bulkhaul audit`: books that balance, and every way in which they do not.

use super::plan::snapshot;
use crate::support::scripted::{Scripted, Step};
use crate::support::{Bench, Said, csv};
use rusqlite::Connection;

const SEND: &str = "send x.csv --to sandbox --batch-rows 5 --progress none";

/// Forty rows, of which two are refused by the target and one is no row.
fn bench() -> Bench {
    let text = csv(40).replace("r7,\"Zürich, \"\"7\"\"\",7.50", "r7,x,-1").replace("r9,", "r9,,,,");
    let bench = Bench::with("x.csv", text.replace("r31,\"Zürich, \"\"31\"\"\",31.50", "r31,x,-1"));
    bench.run(SEND).exits(3);
    bench
}

/// The ledger, changed by hand; the lists of rows are put together from (first, number) pairs.
fn tamper(bench: &Bench, sql: &str) {
    let db = Connection::open(bench.path("x.csv.bulkhaul/ledger.db")).unwrap();
    db.execute_batch(sql).unwrap();
    db.pragma_update(None, "journal_mode", "DELETE").unwrap();
    db.pragma_update(None, "journal_mode", "WAL").unwrap();
}

fn runs(runs: &[(u64, u64)]) -> String {
    let bytes = runs.iter().flat_map(|(first, rows)| [first.to_le_bytes(), rows.to_le_bytes()]).flatten();
    format!("x'{}'", bytes.map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat())
}

fn audit(bench: &Bench) -> Said {
    bench.run("audit x.csv.bulkhaul x.csv")
}

#[test]
fn the_books_of_a_whole_import_balance_in_rows_and_in_bytes_and_nothing_is_touched() {
    let bench = bench();
    let before = snapshot(&bench.path("."));
    let said = audit(&bench).exits(0);
    assert_eq!(said.stderr, "");
    let input = bench.read("x.csv").len() as u64 - "id,city,amount\n".len() as u64;
    let json = bench.run("audit x.csv.bulkhaul x.csv --json").exits(0).books([40, 37, 3, 0, 0]).summary();
    assert_eq!((&json["balances"], &json["problem_count"]), (&true.into(), &0.into()));
    assert_eq!(json["bytes"]["read"], input);
    assert_eq!(
        json["bytes"]["delivered"].as_u64().unwrap() + json["bytes"]["rejected"].as_u64().unwrap(),
        input
    );
    assert_eq!(json["keys"]["rebuilt"], json["batches"]["planned"]);
    assert!(said.stdout.starts_with("x.csv, import 1: the books balance\n"), "{said:?}");
    assert!(said.stdout.contains("\n  delivered              37 "), "{said:?}");
    assert!(
        said.stdout.ends_with("\n  input      read to its end; its hash is the one in the ledger\n"),
        "{said:?}"
    );
    assert_eq!(snapshot(&bench.path(".")), before);
    // The state may be named by its input, as elsewhere.
    bench.run("audit x.csv x.csv").exits(0);
}

#[test]
fn whatever_in_the_ledger_does_not_fit_is_named_with_its_place() {
    let cases: Vec<(String, &str)> = vec![
        (
            "UPDATE import SET delivered = 36, in_doubt = 1".into(),
            "the ledger counts 36 rows delivered, and there are 37",
        ),
        ("UPDATE import SET planned = 9".into(), "the ledger counts 9 batches planned, and there are 8"),
        (
            "UPDATE import SET cur_ordinal = 39".into(),
            "batch 8 has row 40 of the import, and only 39 were read",
        ),
        (
            "DELETE FROM batch WHERE seq = 3".into(),
            "row 12 of x.csv (line 13) stands nowhere: no batch has it, and it is no dead letter",
        ),
        (
            format!("UPDATE batch SET row_set = {} WHERE seq = 3", runs(&[(10, 5)])),
            "batch 3 has row 11 of the import, which has its place already",
        ),
        (
            format!("UPDATE batch SET row_set = {}, rows = 4 WHERE seq = 3", runs(&[(11, 4)])),
            "row 16 of x.csv (line 17) stands nowhere",
        ),
        (
            "UPDATE batch SET source_bytes = source_bytes + 1 WHERE seq = 4".into(),
            "batch 4: its rows have 140 bytes in the input, and 141 by the ledger",
        ),
        ("UPDATE batch SET byte = byte + 1 WHERE seq = 4".into(), "batch 4 begins at line"),
        (
            "UPDATE batch SET key = randomblob(32) WHERE seq = 5".into(),
            "batch 5: its key does not follow from its rows and its body",
        ),
        (
            "UPDATE batch SET body_hash = randomblob(32) WHERE seq = 5".into(),
            "batch 5: its key does not follow",
        ),
        (
            "UPDATE batch SET state = 'prepared' WHERE seq = 5".into(),
            "the ledger counts 0 rows pending, and there are 5",
        ),
        (
            "UPDATE batch SET state = 'split' WHERE seq = 5".into(),
            "none of the parts that it was halved into has it",
        ),
        (
            "UPDATE batch SET rejected = rejected - 1, delivered = delivered + 1 WHERE seq = 2".into(),
            "batch 2 has 4 rows delivered and 1 refused, and 5 and 0 by the ledger",
        ),
        (
            "UPDATE batch SET parent = 99 WHERE seq = 2".into(),
            "batch 2: the batch that it came from is not there",
        ),
        ("DELETE FROM letter WHERE ordinal = 8".into(), "row 9 of x.csv (line 10) stands nowhere"),
        (
            "UPDATE letter SET batch = 1 WHERE ordinal = 6".into(),
            "it is a dead letter, which this batch knows nothing of",
        ),
        (
            "UPDATE letter SET ordinal = 7 WHERE ordinal = 6".into(),
            "row 8 of x.csv (line 9): the dead letter has another place",
        ),
        (
            "UPDATE letter SET line = replace(line, '\"r7\"', '\"r8\"')".into(),
            "row 7 of x.csv (line 8): the dead letter has another row",
        ),
        (
            "UPDATE letter SET line = replace(line, '\"batch\":\"', '\"batch\":\"0')".into(),
            "the dead letter has another batch's key",
        ),
    ];
    let bench = bench();
    let ledger = bench.path("x.csv.bulkhaul/ledger.db");
    let good = std::fs::read(&ledger).unwrap();
    for (sql, expected) in cases {
        tamper(&bench, &sql);
        let said = audit(&bench).exits(1);
        assert!(said.stdout.contains(expected), "{sql}: {said:#?}");
        assert!(
            said.stderr.starts_with("error: the books of x.csv.bulkhaul do not balance: "),
            "{sql}: {said:?}"
        );
        std::fs::write(&ledger, &good).unwrap();
        audit(&bench).exits(0);
    }
    tamper(&bench, "UPDATE import SET chain = randomblob(32)");
    let said = audit(&bench).exits(1);
    assert!(said.stdout.contains("the input is not the one that was read: its first 40 rows"), "{said:#?}");
}

#[test]
fn a_dead_letter_file_that_is_not_the_ledgers_is_told_with_the_line() {
    let bench = bench();
    let file = bench.path("x.csv.bulkhaul/dead-letters.ndjson");
    let good = bench.read("x.csv.bulkhaul/dead-letters.ndjson");
    let lines: Vec<&str> = good.lines().collect();
    let cases = [
        (good.replace("r31", "r99"), "is not the dead letter that the ledger holds there"),
        (
            format!("{}\n{}\n", lines[0], lines[2]),
            "line 2 of `x.csv.bulkhaul/dead-letters.ndjson` is not the dead letter",
        ),
        (format!("{good}{{}}\n"), "has something behind line 3, the last dead letter of the ledger"),
        (format!("{}\n", lines[0]), "ends before line 2, which had been written"),
    ];
    for (text, expected) in cases {
        std::fs::write(&file, text).unwrap();
        let said = audit(&bench).exits(1);
        assert!(said.stdout.contains(expected), "{said:#?}");
    }
    std::fs::remove_file(&file).unwrap();
    let said = audit(&bench).exits(1);
    assert!(said.stdout.contains("is not there, and the ledger holds 3 dead letters"), "{said:#?}");
    std::fs::write(&file, good).unwrap();
    audit(&bench).exits(0);
}

/// Found by the power cuts of `tests/durability` (seed 7500497296760353634): a sector of a write that was never synced
/// is full of zeros, and the audit took that for an edited file.
#[test]
fn what_a_power_cut_tore_before_it_was_recorded_is_written_anew_and_no_fault_of_the_books() {
    let bench = Bench::with("x.csv", csv(20).replace("r1,", "r1,,,").replace("r4,", "r4,,,"));
    bench.run(&format!("{SEND} --limit 10")).exits(0);
    let letters = "x.csv.bulkhaul/dead-letters.ndjson";
    let whole = bench.read(letters);
    assert_eq!(whole.lines().count(), 2);
    let first = whole.lines().next().unwrap().len() + 1;
    let hash = blake3::hash(&whole.as_bytes()[..first]).to_hex();
    tamper(&bench, &format!("UPDATE projection SET letters = 1, len = {first}, hash = x'{hash}'"));
    let torn: String = whole.char_indices().map(|(at, c)| if at > first + 9 { '\0' } else { c }).collect();
    bench.write(letters, torn);
    audit(&bench).exits(0);
    bench.run(SEND).exits(3);
    assert_eq!(bench.read(letters), whole);
    audit(&bench).exits(0);
}

#[test]
fn another_input_does_not_balance_and_a_list_of_inputs_is_taken_whole() {
    let bench = bench();
    let another = "the input is not the one that was read: its first 40 rows have another hash";
    let cases = [
        (csv(40), another),
        (csv(39), "the input ends after row 39 of the import, and 40 rows had been read"),
        (csv(41), another),
    ];
    for (text, why) in cases {
        bench.write("y.csv", text);
        let said = bench.run("audit x.csv.bulkhaul y.csv").exits(1);
        assert_eq!(said.stdout, format!("y.csv, import 1: {why}\n"));
        assert_eq!(
            said.stderr,
            "error: `y.csv` is not what import 1 of `x.csv.bulkhaul` read; nothing else was compared\n\
             hint: name what the import read, in this order: x.csv\n"
        );
        let json = bench.run("audit x.csv.bulkhaul y.csv --json").exits(1).summary();
        assert_eq!((&json["problems"][0], &json["problem_count"]), (&why.into(), &1.into()));
    }
    let said = bench.run("audit x.csv.bulkhaul x.csv x.csv").exits(1);
    assert_eq!(
        said.stderr,
        "error: the import has other inputs: x.csv\nhint: name them all, in this order\n"
    );
    bench.write("a.csv", csv(7));
    bench.write("b.csv", format!("\u{feff}{}\n\n", csv(8)));
    bench.run("send a.csv b.csv --to sandbox --batch-rows 4 --progress none").exits(0);
    bench.run("audit a.csv.bulkhaul a.csv b.csv --json").exits(0).books([15, 15, 0, 0, 0]);
    bench.run("audit a.csv.bulkhaul b.csv a.csv").exits(1);
}

#[test]
fn a_stopped_import_balances_at_every_row_and_so_does_the_next_one_of_the_same_state() {
    let bench = Bench::with("x.csv", csv(23));
    for rows in [1, 4, 9, 22] {
        bench.run(&format!("{SEND} --limit {rows}")).exits(0);
        let said = bench.run("audit x.csv.bulkhaul x.csv --json").exits(0).books([rows, rows, 0, 0, 0]);
        assert_eq!(said.summary()["input"]["drained"], false);
    }
    bench.run(SEND).exits(0);
    audit(&bench).exits(0);
    bench.run(&format!("{SEND} --again")).exits(0);
    let json = bench.run("audit x.csv.bulkhaul x.csv --json").exits(0).books([23, 23, 0, 0, 0]).summary();
    assert_eq!(json["import"], 2);
}

#[test]
fn halves_children_jobs_doubt_and_groups_balance() {
    let bench = Bench::with("x.csv", csv(60));
    // Halved four times over, with rows given back and rows refused.
    bench.run("send x.csv --to sandbox --batch-bytes 100KB --batch-rows 60 --faults reject=10%,error=20%,drop-after=20%,truncate=10% --seed 3 --progress none").exits(3);
    audit(&bench).exits(0);
    bench.write(
        "quick.toml",
        "[profile]\nversion = 1\nname = \"quick\"\nextends = \"imports-async\"\n[job]\nevery = \"5ms\"\ngrace = \"1s\"\n",
    );
    for target in ["orders-atomic", "quick.toml"] {
        let sandbox = bulkhaul::sandbox::Sandbox::start(bulkhaul::sandbox::Options {
            faults: "reject=10%,error=10%,drop-after=10%".parse().unwrap(),
            ..Default::default()
        })
        .unwrap();
        let state = format!("--state {target}.bulkhaul --progress none");
        bench
            .run(&format!("send x.csv --to {target} --url {} --batch-rows 20 {state}", sandbox.url()))
            .exits(3);
        let json = bench.run(&format!("audit {target}.bulkhaul x.csv --json")).exits(0).summary();
        assert!(json["rows"]["rejected"].as_u64().unwrap() > 0, "{json}");
    }
    // Too large, then half of it lost: one half is in doubt.
    let said = Step::Says("413 Too Large", "", "{}");
    let server = Scripted::start(&[said, Step::Loses, Step::Says("200 OK", "", "{}")]);
    bench
        .run(&format!(
            "send x.csv --to {}/ --batch-rows 60 -j 1 --state d.bulkhaul --progress none",
            server.url
        ))
        .exits(5);
    let json = bench.run("audit d.bulkhaul x.csv --json").exits(0).summary();
    assert_eq!((&json["rows"]["in_doubt"], &json["rows"]["delivered"]), (&30.into(), &30.into()));
    // Taken out of doubt: the batch has its end a second time.
    bench.run(&format!("send x.csv --to {}/ --batch-rows 60 -j 1 --state d.bulkhaul --progress none --on-ambiguous resend", server.url)).exits(0);
    bench.run("audit d.bulkhaul x.csv --json").exits(0).books([60, 60, 0, 0, 0]);
    // Rows arranged by their groups.
    let mut rows = String::new();
    for n in 0..60 {
        let id = n % 7;
        rows.push_str(&format!(
            "{{\"aggregate_type\":\"t\",\"aggregate_id\":\"a{id}\",\"type\":\"k\",\"data\":{{\"n\":{n}}}}}\n"
        ));
    }
    bench.write("e.ndjson", rows);
    let sandbox = bulkhaul::sandbox::Sandbox::start(bulkhaul::sandbox::Options {
        faults: "reject=10%,error=10%,rival=10%".parse().unwrap(),
        ..Default::default()
    })
    .unwrap();
    let mut command = bench.command(&format!(
        "send e.ndjson --to j17 --url {} --set actor_id=me --batch-rows 3 --progress none",
        sandbox.url()
    ));
    let sent = crate::support::said(command.env("J17_API_KEY", "k").output().unwrap());
    assert!([0, 3].contains(&sent.exit), "{sent:?}");
    let json = bench.run("audit e.ndjson.bulkhaul e.ndjson --json").exits(0).summary();
    assert_eq!(json["rows"]["pending"], 0);
}

#[test]
fn rows_that_expired_or_were_held_back_before_they_were_sent_balance() {
    let bench = Bench::with(
        "x.ndjson",
        "{\"g\":1,\"n\":1}\n{\"g\":1,\"n\":2}\n{\"g\":2,\"n\":3,\"until\":\"2020-01-01T00:00:00Z\"}\n{\"g\":3,\"n\":4}\n",
    );
    bench.write(
        "t.toml",
        "[profile]\nversion = 1\nname = \"t\"\n[params.base]\nrequired = true\n[limits]\nrows = 1\n[row]\nexpires = \"/until\"\n\
         [request]\nurl = \"${param.base}/x\"\n[flow]\nconcurrency = 1\n\
         [group]\nby = [\"/g\"]\nper_request = \"one\"\norder = \"strict\"\nafter_reject = \"block\"\n\
         [[response]]\nwhen = { status = [422] }\nthen = \"reject\"\n",
    );
    let server = Scripted::start(&[Step::Says("422 No", "", "{}"), Step::Says("200 OK", "", "{}")]);
    bench.run(&format!("send x.ndjson --to ./t.toml --url {} --progress none", server.url)).exits(3);
    let letters = bench.dead_letters("x.ndjson");
    let mut said: Vec<_> = letters
        .iter()
        .map(|letter| (letter["error"]["code"].as_str().unwrap(), &letter["attempt"]))
        .collect();
    said.sort_by_key(|(code, _)| *code);
    assert_eq!(said, [("blocked", &0.into()), ("expired", &0.into()), ("rejected", &1.into())]);
    bench.run("audit x.ndjson.bulkhaul x.ndjson --json").exits(0).books([4, 1, 3, 0, 0]);
    // A line that lost its key is another matter.
    let line = |from: &str, to: &str| {
        let ledger = Connection::open(bench.path("x.ndjson.bulkhaul/ledger.db")).unwrap();
        ledger.execute("UPDATE letter SET line = replace(line, ?1, ?2)", [from, to]).unwrap();
    };
    line("\"attempt\":0", "\"attempt\":1");
    let said = bench.run("audit x.ndjson.bulkhaul x.ndjson").exits(1);
    assert!(said.stdout.contains("no batch's key, though it was sent"), "{said:?}");
}

#[test]
fn an_import_that_runs_is_left_alone() {
    let bench = Bench::with("x.csv", csv(50));
    let mut first = bench.start("send x.csv --to sandbox --progress none --rate 1/s --batch-rows 10");
    let status = bench.path("x.csv.bulkhaul/status.json");
    let read = || {
        serde_json::from_slice::<serde_json::Value>(&std::fs::read(&status).ok()?).ok()?["rows"]["read"]
            .as_u64()
    };
    while read().unwrap_or_default() == 0 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let said = audit(&bench).exits(7);
    assert_eq!(
        said.stderr,
        "error: another process runs the import in `x.csv.bulkhaul`\nhint: wait for it to end; how it stands: bulkhaul status x.csv.bulkhaul\n"
    );
    first.kill().unwrap();
    first.wait().unwrap();
    // Killed in the middle: what is pending is in the books.
    let json = bench.run("audit x.csv.bulkhaul x.csv --json").exits(0).summary();
    assert!(
        json["rows"]["pending"].as_u64().unwrap() + json["rows"]["delivered"].as_u64().unwrap() > 0,
        "{json}"
    );
    bench.run(SEND).exits(0);
    audit(&bench).exits(0);
}

#[test]
fn what_cannot_be_audited_says_so() {
    let bench = Bench::with("x.csv", csv(3));
    assert!(bench.run("audit").exits(2).stderr.contains("there is no *.bulkhaul folder here"));
    let said = bench.run("audit x.csv.bulkhaul x.csv").exits(1);
    assert!(said.stderr.starts_with("error: there is no import in `x.csv.bulkhaul`\n"), "{said:?}");
    std::fs::create_dir(bench.path("x.csv.bulkhaul")).unwrap();
    bench.write("x.csv.bulkhaul/ledger.db", "my thesis, chapter one, and a great deal more of it");
    bench.run("audit x.csv.bulkhaul x.csv").exits(74);
    // Torn by a power cut while it was being made (`tests/durability`, seed 7884678053786907461): no ledger yet.
    bench.write("x.csv.bulkhaul/ledger.db-journal", "what was there before");
    let said = bench.run("audit x.csv.bulkhaul x.csv").exits(1);
    assert!(said.stderr.starts_with("error: no import has begun in `x.csv.bulkhaul`\n"), "{said:?}");
    std::fs::remove_file(bench.path("x.csv.bulkhaul/ledger.db-journal")).unwrap();
    std::fs::remove_file(bench.path("x.csv.bulkhaul/ledger.db")).unwrap();
    bench.run(SEND).exits(0);
    let said = bench.run("audit x.csv.bulkhaul missing.csv").exits(1);
    assert_eq!(said.stderr, "error: cannot read `missing.csv`: no such file\n");
    std::fs::copy(bench.path("x.csv"), bench.path("x.dat")).unwrap();
    bench.run("audit x.csv.bulkhaul x.dat").exits(2);
    bench.run("audit x.csv.bulkhaul x.dat --format csv").exits(0);
}

#[test]
fn the_books_balance_behind_tails_though_the_rows_before_them_had_no_line_end() {
    let bench = Bench::with("x.csv", "id,city,amount\r\nr1,a,1.50\r\nr2,b,2.50");
    bench.run(SEND).exits(0);
    audit(&bench).exits(0);
    // The second one's last row is none, and a dead letter.
    let tails = [("\r\nr3,c,3.50", 0), ("\r\nr4", 3), ("\r\nr5,e,5.50", 3), ("\r\n", 3)];
    for (tail, exit) in tails {
        bench.write("x.csv", bench.read("x.csv") + tail);
        bench.run(&format!("{SEND} --accept-new-tail")).exits(exit);
        audit(&bench).exits(0);
    }
    // As many bytes as the ledger lacks are no line end.
    tamper(&bench, "UPDATE batch SET source_bytes = source_bytes - 3 WHERE seq = 1");
    assert!(audit(&bench).exits(1).stdout.contains("batch 1: its rows have"));
}
