//! `bulkhaul report`: one page that needs nothing else, of every state that an import can be in.

use super::status::{kill, slow_run};
use crate::support::server::{Answer, Server};
use crate::support::{Bench, csv};
use std::process::Command;

const SEND: &str = "send x.csv --to sandbox --batch-rows 5 --progress none";

/// The page on stdout; it holds together, and asks for nothing.
fn page(bench: &Bench, state: &str) -> String {
    let said = bench.run(&format!("report {state} -o -")).exits(0);
    assert_eq!(said.stderr, "");
    let page = said.stdout;
    assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"), "{page}");
    assert!(page.contains("content=\"default-src 'none'; style-src 'unsafe-inline'\""), "{page}");
    for word in ["<script", "<link", "<img", "<iframe", "@import", "url("] {
        assert!(!page.contains(word), "{word}: {page}");
    }
    let calls = regex::Regex::new(r"<[a-z][^>]*\s(src|href|on[a-z]+)=").unwrap();
    assert!(!calls.is_match(&page), "{:?}", calls.find(&page));
    for name in ["html", "head", "body", "table", "figure", "div", "svg", "tr", "td"] {
        let opened = page.matches(&format!("<{name}>")).count() + page.matches(&format!("<{name} ")).count();
        assert_eq!(opened, page.matches(&format!("</{name}>")).count(), "<{name}>");
    }
    assert!(!page.contains("NaN") && page.chars().all(|c| c == '\n' || !c.is_control()), "{page}");
    page
}

#[test]
fn it_tells_the_books_the_pace_the_refusals_and_the_settings() {
    let bench = Bench::with("x.csv", csv(200));
    bench.run(&format!("{SEND} --limit 100 --faults reject=10%,error=20%,throttle=5%")).exits(0);
    bench.run(&format!("{SEND} --faults reject=10% --rate 1000/s")).exits(3);
    let json = bench.run("status --json").exits(0).summary();
    let page = page(&bench, "");
    let rejected = json["rows"]["rejected"].as_u64().unwrap();
    assert!(page.contains("<h1>x.csv to orders-batch</h1>"), "{page}");
    assert!(page.contains(&format!("<td class=\"n\">{rejected}</td>")), "{page}");
    assert!(page.contains("read; they balance") && page.contains("complete, with dead letters"), "{page}");
    assert!(page.contains("in 2 runs") && page.contains("class=\"mark\""), "{page}");
    assert!(page.contains("Requests sent again") && page.matches("<svg").count() == 4, "{page}");
    assert!(page.contains("rejected by the sandbox") && page.contains("x.csv line "), "{page}");
    assert!(page.contains("--rate 1000/s") && page.contains("<th>rate</th><td>1000/s</td>"), "{page}");
    // No row is in it: it may be mailed.
    assert!(!page.contains("Zürich"), "{page}");
}

#[test]
fn what_replays_have_delivered_is_told_by_the_page_and_when_the_import_is_given_up() {
    let bench = Bench::with("x.csv", "id,amount\nr1,-1\nr2,-2\nr3,3\n");
    let send = "send x.csv --to sandbox --type amount=number --progress none";
    bench.run(&format!("{send} --batch-rows 1 --limit 2")).exits(0);
    bench.write("fixed.ndjson", bench.read("x.csv.bulkhaul/dead-letters.ndjson").replacen("-1", "1", 1));
    bench.run("replay fixed.ndjson --to sandbox --progress none").exits(3);
    let words = "1 row delivered since, 1 still open";
    let page = page(&bench, "");
    assert!(page.contains("<b>1</b><span>delivered since, by replays</span>"), "{page}");
    assert!(page.contains("The rows that are still open: <code>bulkhaul rejects x.csv.bulkhaul"), "{page}");
    assert!(page.contains(&format!("<h2>Refused rows, by reason</h2>\n<p>Replays: {words}</p>\n")), "{page}");
    let said = bench.run(&format!("{send} --abandon")).exits(0);
    assert!(said.stderr.ends_with(&format!("replays of its dead letters: {words}\n")), "{said:?}");
}

#[test]
fn an_import_whose_refused_rows_were_all_delivered_since_ends_well_on_its_page() {
    let bench = Bench::with("x.csv", "id,amount\nr1,-1\nr2,2\n");
    bench.run("send x.csv --to sandbox --type amount=number --progress none").exits(3);
    let bad = page(&bench, "");
    assert!(bad.contains("<span class=\"state bad\">complete, with dead letters</span>"), "{bad}");
    bench.write("fixed.ndjson", bench.read("x.csv.bulkhaul/dead-letters.ndjson").replacen("-1", "1", 1));
    bench.run("replay fixed.ndjson --to sandbox --progress none").exits(0);
    let good = page(&bench, "");
    assert!(good.contains("<span class=\"state good\">complete, and what was refused was"), "{good}");
    // A list of them would have no row.
    assert!(!good.contains("rows that are still open"), "{good}");
}

#[test]
fn where_no_request_was_sent_there_are_no_empty_pictures() {
    let bench = Bench::with("x.csv", "id,amount\n");
    bench.run("send x.csv --to sandbox --progress none").exits(0);
    let empty = page(&bench, "");
    assert!(empty.contains("No request was sent.") && !empty.contains("<svg"), "{empty}");
}

#[test]
fn of_whatever_state_something_true_is_told() {
    let bench = Bench::with("x.csv", csv(60));
    let child = slow_run(&bench);
    let running = page(&bench, "");
    assert!(running.contains(">running</span>") && running.contains("<h2>The books</h2>"), "{running}");
    kill(child, "-KILL");
    let killed = page(&bench, "");
    assert!(killed.contains("the last run was killed"), "{killed}");
    // A copy without what is advice only, and of an older time that kept no figures.
    bench.run(&format!("{SEND} --limit 40")).exits(0);
    let copy = bench.path("copy");
    std::fs::create_dir(&copy).unwrap();
    std::fs::copy(bench.path("x.csv.bulkhaul/ledger.db"), copy.join("ledger.db")).unwrap();
    let copied = page(&bench, "copy");
    assert!(
        copied.contains("Rows a second") && copied.contains("Not known: status.json is not there."),
        "{copied}"
    );
    let conn = rusqlite::Connection::open(copy.join("ledger.db")).unwrap();
    conn.execute_batch("DROP TABLE history; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    drop(conn);
    assert!(page(&bench, "copy").contains("no run has kept its figures here"));
    bench.run(&format!("{SEND} --state copy")).exits(0);
    std::fs::create_dir(bench.path("empty.bulkhaul")).unwrap();
    bench.write("empty.bulkhaul/ledger.db", "");
    page(&bench, "empty.bulkhaul");
    bench.run("report nowhere").exits(1);
}

#[test]
fn nothing_that_a_target_or_a_file_says_is_markup() {
    let said = "<script>alert(1)</script><img src=x onerror=\"alert(2)\">'\u{202e}\u{1b}[2J</style></svg>";
    let server = Server::start(&Answer::json(422, &serde_json::json!({ "error": said, "code": said })), None);
    let name = "a<script>b'\"&.csv";
    let bench = Bench::with(name, csv(3));
    let mut command = bench.command("send --state x.bulkhaul --idempotency-header Idempotency-Key -H");
    command.arg("X-Note: <b>&\"").args(["--to", &format!("{}/rows", server.url()), name]);
    assert_eq!(command.output().unwrap().status.code(), Some(3));
    let page = page(&bench, "x.bulkhaul");
    assert!(
        page.contains("&lt;script&gt;") && page.contains("a&lt;script&gt;b&#39;&quot;&amp;.csv"),
        "{page}"
    );
    assert!(!page.contains("<b>&"), "{page}");
}

#[test]
fn an_older_page_is_replaced_and_nothing_else_is() {
    let bench = Bench::with("x.csv", csv(5));
    bench.run(SEND).exits(0);
    let said = bench.run("report").exits(0);
    assert_eq!(said.stderr, "wrote report.html; open it in a browser\n");
    let first = bench.read("report.html");
    bench.run("report x.csv -o report.html").exits(0);
    assert_eq!(bench.read("report.html").len(), first.len());
    let said = bench.run("report -o x.csv").exits(1);
    assert!(said.stderr.starts_with("error: `x.csv` is there and is no report of bulkhaul"), "{said:?}");
    assert_eq!(bench.read("x.csv"), csv(5));
    let said = bench.run("report -o no/such/folder.html").exits(1);
    assert!(said.stderr.contains("`no/such/folder.html`: No such file or directory\n"), "{said:?}");
}

#[test]
fn history_stays_small_and_costs_no_commit() {
    let bench = Bench::with("x.csv", csv(5));
    bench.run(SEND).exits(0);
    let ledger = bench.path("x.csv.bulkhaul/ledger.db");
    let count = || {
        let conn = rusqlite::Connection::open(&ledger).unwrap();
        conn.query_row("SELECT count(*) FROM history", [], |row| row.get::<_, i64>(0)).unwrap()
    };
    assert_eq!(count(), 1);
    let conn = rusqlite::Connection::open(&ledger).unwrap();
    conn.execute_batch(
        "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 9000)
         INSERT INTO history (import, run, figures) SELECT 1, 1, '{}' FROM n",
    )
    .unwrap();
    drop(conn);
    bench.run(&format!("{SEND} --again")).exits(0);
    assert_eq!(count(), 5001);
    // The folder holds what it always held.
    let list = Command::new("ls").arg(bench.path("x.csv.bulkhaul")).output().unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    assert_eq!(
        list.split_whitespace().collect::<Vec<_>>(),
        ["ledger.db", "ledger.lock", "sandbox.db", "status.json"]
    );
}
