//! Targets: the generic ones against the sandbox's plain endpoint, URLs, and what is said when one refuses us.

use crate::support::{Bench, applied, csv};
use bulkhaul::sandbox::{Options, Sandbox};

fn sandbox(bench: &Bench) -> Sandbox {
    let options = Options { store: Some(bench.path("server.db")), ..Options::default() };
    Sandbox::start(options).unwrap()
}

#[track_caller]
fn arrives(arguments: &str) {
    let bench = Bench::with("x.csv", csv(25));
    let server = sandbox(&bench);
    let arguments = arguments.replace("BASE", &server.url());
    bench
        .run(&format!("send x.csv --progress none --json --batch-rows 10 {arguments}"))
        .exits(0)
        .books([25, 25, 0, 0, 0]);
    server.stop();
    let rows = applied(&bench.path("server.db"));
    assert_eq!(rows.len(), 25);
    assert!(rows.iter().all(|row| row.times == 1));
}

#[test]
fn a_bare_url_takes_an_array() {
    arrives("--to BASE/rows");
    arrives("--to BASE/rows --idempotency-header Idempotency-Key");
    arrives("--to BASE/rows --method PUT");
}

#[test]
fn a_bare_url_takes_an_envelope() {
    arrives("--to BASE/rows --envelope items");
}

#[test]
fn the_generic_targets_take_their_shapes() {
    arrives("--to json-array --url BASE/rows");
    arrives("--to json-envelope --url BASE/rows --set envelope=records");
    arrives("--to ndjson --url BASE/rows");
}

#[test]
fn orders_batch_of_ones_own_sandbox_works_by_its_address() {
    arrives("--to orders-batch --url BASE/");
}

#[test]
fn an_atomic_refusal_is_halved_to_the_row_at_fault() {
    let bench = Bench::with("x.csv", csv(40).replace("r17,\"Zürich, \"\"17\"\"\",17.50", "r17,x,-1"));
    let server = sandbox(&bench);
    let url = server.url();
    bench
        .run(&format!(
            "send x.csv --to {url}/rows --idempotency-header Idempotency-Key --progress none --json"
        ))
        .exits(3)
        .books([40, 39, 1, 0, 0]);
    server.stop();
    assert_eq!(applied(&bench.path("server.db")).len(), 39);
    let letters = bench.dead_letters("x.csv");
    assert_eq!(letters[0]["row"]["id"], "r17");
    assert_eq!(letters[0]["error"]["status"], 422);
}

#[test]
fn a_target_that_is_not_there_stops_the_run_with_the_rows_pending() {
    let bench = Bench::with("x.csv", csv(3));
    let said = bench.run("send x.csv --to http://127.0.0.1:9/ --progress none --json").exits(4);
    let summary = said.summary();
    assert_eq!(summary["rows"]["pending"], 3);
    assert_eq!(summary["stopped_by"], "target");
    assert!(said.stderr.contains("cannot connect"), "{said:?}");
    assert!(said.stderr.ends_with("\nbulkhaul send x.csv --to http://127.0.0.1:9/ --progress none --json\n"));
}

#[test]
fn a_token_that_is_refused_stops_the_run_with_a_hint_and_is_in_no_file() {
    let bench = Bench::with("x.csv", csv(3));
    let options = Options { token: Some("right".into()), ..Options::default() };
    let server = Sandbox::start(options).unwrap();
    let mut command = bench
        .command(&format!("send x.csv --to orders-batch --url {} --progress none --json -v", server.url()));
    command.env("ORDERS_TOKEN", "canary-4f1d-token");
    let said = crate::support::said(command.output().unwrap()).exits(1);
    assert!(said.stderr.contains("401") && said.stderr.contains("hint: "), "{said:?}");
    assert!(!said.stderr.contains("canary") && !said.stdout.contains("canary"));
    for entry in std::fs::read_dir(bench.path("x.csv.bulkhaul")).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("canary-4f1d"), "{} holds the token", path.display());
    }
    assert_eq!(said.summary()["rows"]["pending"], 3);
}

#[test]
fn a_typed_secret_is_refused_with_the_remedy() {
    let bench = Bench::with("x.csv", csv(3));
    let mut command = bench.command("send x.csv --to http://127.0.0.1:9/ -H");
    command.arg("Authorization: Bearer abc");
    let said = crate::support::said(command.output().unwrap()).exits(2);
    assert_eq!(
        said.stderr,
        "error: the header `authorization` is a secret, and was typed\nhint: name it instead: -H 'authorization: ${env:VAR}' or ${file:PATH}\n"
    );
    let said = bench.run("send x.csv --to orders-batch --url http://127.0.0.1:9 --set token=abc").exits(2);
    assert!(said.stderr.starts_with("error: the parameter `token` is a secret, and was typed\n"), "{said:?}");
}

#[test]
fn without_keys_a_lost_answer_puts_rows_in_doubt_and_resend_takes_them_up() {
    let bench = Bench::with("x.csv", csv(10));
    let faults = "drop-after=100%".parse().unwrap();
    let lossy = Options { store: Some(bench.path("server.db")), faults, ..Options::default() };
    let server = Sandbox::start(lossy).unwrap();
    let port = server.addr().port();
    let send = format!("send x.csv --to http://127.0.0.1:{port}/rows --progress none --json");
    bench.run(&send).exits(5).books([10, 0, 0, 10, 0]);
    server.stop();
    let options = Options { port, store: Some(bench.path("server.db")), ..Options::default() };
    let server = Sandbox::start(options).unwrap();
    bench.run(&send).exits(5).books([10, 0, 0, 10, 0]);
    bench.run(&format!("{send} --on-ambiguous resend")).exits(0).books([10, 10, 0, 0, 0]);
    server.stop();
}

#[test]
fn without_keys_what_never_left_is_in_no_doubt() {
    for signal in ["-TERM", "-KILL"] {
        let bench = Bench::with("x.csv", csv(60));
        let server = sandbox(&bench);
        let send = format!("send x.csv --to {}/rows --progress none --json --batch-rows 10", server.url());
        let child = bench.start(&format!("{send} --rate 2/s"));
        while !crate::support::get(&format!("{}/_sandbox/truth", server.url())).contains("\"applied\":20") {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        // The answer is on its way or here; the rest waits for the rate.
        std::thread::sleep(std::time::Duration::from_millis(150));
        std::process::Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        child.wait_with_output().unwrap();
        bench.run(&send).exits(0).books([60, 60, 0, 0, 0]);
        server.stop();
        assert!(applied(&bench.path("server.db")).iter().all(|row| row.times == 1), "{signal}");
    }
}
