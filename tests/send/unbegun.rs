//! A run that cannot begin says the gravest of its reasons (74, 7, 6, 1), and what is known of the import.

use crate::support::scripted::Step::Says;
use crate::support::scripted::{Scripted, Step};
use crate::support::{Bench, Said, csv, said};

const OK: Step = Says("200 OK", "", "{\"results\":[{\"id\":\"r1\",\"status\":\"ok\"}]}");

/// A state whose import is finished, and the command that made it.
fn finished() -> (Bench, String) {
    let (bench, server) = (Bench::with("x.csv", csv(1)), Scripted::start(&[OK]));
    let send = format!("send x.csv --to orders-batch --url {} --progress none --json", server.url);
    bench.run(&send).exits(0).books([1, 1, 0, 0, 0]);
    (bench, send)
}

/// Without the token that the target wants.
fn without_token(bench: &Bench, arguments: &str) -> Said {
    said(bench.command(arguments).env_remove("ORDERS_TOKEN").output().unwrap())
}

fn damage(bench: &Bench, ledger: &str) {
    let mut bytes = std::fs::read(bench.path(ledger)).unwrap();
    bytes[..64].fill(b'x');
    bench.write(ledger, bytes);
}

#[test]
fn a_ledger_that_cannot_be_read_goes_before_whatever_else_is_missing() {
    let (bench, send) = finished();
    let id = bench.run(&send).summary()["import_id"].clone();
    damage(&bench, "x.csv.bulkhaul/ledger.db");
    let no_profile = send.replace("orders-batch", "./none.toml");
    for said in [without_token(&bench, &send), bench.run(&no_profile)] {
        let said = said.exits(74);
        assert!(said.stderr.starts_with("error: the ledger could not be read"), "{said:?}");
        let summary = said.summary();
        assert_eq!((&summary["import_id"], &summary["target"]), (&id, &"orders-batch".into()));
        assert_eq!(summary["dead_letters"], "x.csv.bulkhaul/dead-letters.ndjson");
    }
    std::fs::remove_file(bench.path("x.csv")).unwrap();
    bench.run(&send).exits(74);
    bench.run(&send.replace("x.csv", "y.csv")).exits(1);
}

#[test]
fn a_state_that_another_run_holds_goes_before_whatever_else_is_missing() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let bench = Bench::with("x.csv", csv(3));
    let url = format!("http://{}", silent.local_addr().unwrap());
    let send = format!("send x.csv --to orders-batch --url {url} --progress none --json");
    let mut run = bench.start(&send);
    let _request = silent.accept().unwrap();
    let told = || bench.run("status --json").summary();
    while told()["rows"]["read"] != 3 {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let no_profile = send.replace("orders-batch", "./none.toml");
    for said in [without_token(&bench, &send), bench.run(&no_profile), bench.run(&send)] {
        let said = said.exits(7).books([3, 0, 0, 0, 3]);
        assert!(said.stderr.contains("another process runs the import in `x.csv.bulkhaul`"), "{said:?}");
        let summary = said.summary();
        assert_eq!((&summary["import_id"], &summary["import"]), (&told()["import_id"], &1.into()));
    }
    std::fs::remove_file(bench.path("x.csv")).unwrap();
    bench.run(&send).exits(7);
    run.kill().unwrap();
    run.wait().unwrap();
}

#[test]
fn another_target_or_input_goes_before_a_token_or_an_input_that_is_missing() {
    let (bench, send) = finished();
    let before = bench.run(&send).exits(0).summary();
    let elsewhere = format!("{} --url http://127.0.0.1:9 --json", send.split(" --url ").next().unwrap());
    for said in [without_token(&bench, &elsewhere), bench.run(&elsewhere)] {
        let said = said.exits(6).books([1, 1, 0, 0, 0]);
        assert!(said.stderr.contains("the import here goes to another target"), "{said:?}");
        let summary = said.summary();
        for key in ["import_id", "import", "target", "dead_letters", "batches"] {
            assert_eq!(summary[key], before[key], "{key}");
        }
        assert_eq!(summary["error"]["message"], said.stderr.lines().next().unwrap()["error: ".len()..]);
    }
    bench.write("x.csv", csv(2));
    let said = without_token(&bench, &send).exits(6);
    assert!(said.stderr.contains("the input has changed since"), "{said:?}");
    assert_eq!(without_token(&bench, &format!("{send} --again")).exits(1).summary()["rows"]["read"], 1);
    without_token(&bench, &format!("{send} --sync id --state x.csv.bulkhaul")).exits(1);
    std::fs::remove_file(bench.path("x.csv")).unwrap();
    bench.run(&elsewhere).exits(6);
    bench.run(&send).exits(1);
}

#[test]
fn of_an_unfinished_import_a_changed_input_goes_before_a_missing_token() {
    let (bench, server) = (Bench::with("x.csv", csv(3)), Scripted::start(&[Says("403 No", "", "")]));
    let send = format!("send x.csv --to orders-batch --url {} --progress none --json", server.url);
    bench.run(&send).exits(1).books([3, 0, 0, 0, 3]);
    without_token(&bench, &send).exits(1).books([3, 0, 0, 0, 3]);
    bench.write("x.csv", csv(4));
    let said = without_token(&bench, &send).exits(6);
    assert!(said.stderr.contains("the input has changed after row 3"), "{said:?}");
    without_token(&bench, &format!("{send} --accept-new-tail")).exits(1);
    bench.write("x.csv", csv(3).replace("r2", "r9"));
    let said = without_token(&bench, &format!("{send} --accept-new-tail")).exits(6);
    assert!(said.stderr.contains("the rows that were read before are not the same"), "{said:?}");
    assert_eq!(server.got().len(), 1);
}

#[test]
fn a_replay_says_the_gravest_of_its_reasons_too() {
    let refusal = Says("200 OK", "", "{\"results\":[{\"id\":\"r1\",\"status\":\"error\",\"error\":\"no\"}]}");
    let (bench, server) = (Bench::with("x.csv", csv(1)), Scripted::start(&[refusal, Says("403 No", "", "")]));
    let to = |url: &str| format!("--to orders-batch --url {url} --progress none --json");
    bench.run(&format!("send x.csv {}", to(&server.url))).exits(3);
    let replay = format!("replay x.csv.bulkhaul {}", to(&server.url));
    without_token(&bench, &replay).exits(1);
    assert!(!bench.path("x.csv.bulkhaul/replays").exists(), "nothing is made for a run that cannot begin");
    bench.run(&replay).exits(1).books([1, 0, 0, 0, 1]);
    let other = format!("replay x.csv.bulkhaul {}", to("http://127.0.0.1:9"));
    let said = without_token(&bench, &other).exits(6).books([1, 0, 0, 0, 1]);
    assert!(said.stderr.contains("replay 1 goes to another target"), "{said:?}");
    assert!(said.summary()["import_id"].is_string());
    without_token(&bench, &replay).exits(1);
    damage(&bench, "x.csv.bulkhaul/replays/1/ledger.db");
    without_token(&bench, &replay).exits(74);
}
