//! A run ends, whatever is wrong, says why, and leaves everything that was not settled for the next one.

use crate::support::scripted::Scripted;
use crate::support::scripted::Step::Says;
use crate::support::{Bench, Said, csv, said};
use std::process::Child;
use std::time::{Duration, Instant};

/// What it said, if it ends within 20 seconds.
fn ends(mut child: Child) -> Said {
    let until = Instant::now() + Duration::from_secs(20);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > until {
            child.kill().unwrap();
            panic!("it does not end");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    said(child.wait_with_output().unwrap())
}

#[test]
fn a_limit_one_short_of_the_end_is_reached_and_the_next_run_goes_on() {
    for _ in 0..5 {
        let bench = Bench::with("x.csv", csv(3));
        let send = "send x.csv --to sandbox --progress none --json";
        let limited = ends(bench.start(&format!("{send} --limit 2"))).exits(0).books([2, 2, 0, 0, 0]);
        assert_eq!(limited.summary()["stopped_by"], "limit");
        bench.run(send).exits(0).books([3, 3, 0, 0, 0]);
    }
}

#[test]
fn a_limit_exits_0_also_when_a_row_was_refused() {
    let bench = Bench::with("x.csv", "id,amount\n1,-5\n2,5\n3,5\n");
    let send = "send x.csv --to sandbox --progress none --json";
    bench.run(&format!("{send} --limit 2")).exits(0).books([2, 1, 1, 0, 0]);
    bench.run(send).exits(3).books([3, 2, 1, 0, 0]);
}

#[test]
fn a_broken_file_hides_no_other_reason_to_stop() {
    let cases = [
        ("401 Unauthorized", "", "", 1),
        ("302 Found", "location: /x\r\n", "", 1),
        ("429 Too Many Requests", "retry-after: 7200\r\n", "", 4),
    ];
    for (status, headers, more, code) in cases {
        let server = Scripted::start(&[Says(status, headers, "")]);
        let bench = Bench::with("x.csv", "id\n1\n2\n\"3\n");
        let send = format!(
            "send x.csv --to {}/rows --idempotency-header Idempotency-Key --progress none {more}",
            server.url
        );
        let stopped = ends(bench.start(&send));
        assert!(matches!(stopped.exit, 1 | 4), "{status}: {stopped:?}");
        assert!(stopped.exit == code || stopped.stderr.contains("quote"), "{status}: {stopped:?}");
        assert!(server.got().len() <= 3, "{status}: {}", server.got().len());
    }
}

#[test]
fn a_header_that_cannot_be_sent_refuses_no_row() {
    let bench = Bench::with("x.csv", csv(3));
    let server = Scripted::start(&[Says("200 OK", "", "{}")]);
    let send = format!("send x.csv --to orders-batch --url {} --progress none --json", server.url);
    let mut command = bench.command(&send);
    let stopped = said(command.env("ORDERS_TOKEN", "tok\n").output().unwrap()).exits(1);
    assert_eq!(stopped.summary()["rows"]["rejected"], 0);
    assert!(server.got().is_empty() && bench.dead_letters("x.csv").is_empty());
}

#[test]
fn headers_that_frame_the_body_or_carry_the_key_are_refused() {
    let bench = Bench::with("x.csv", csv(3));
    for header in ["Content-Length: 3", "Transfer-Encoding: chunked", "Host: a", "Bad Name: x"] {
        let mut command = bench.command("send x.csv --to http://127.0.0.1:9/ --progress none -H");
        let refused = said(command.arg(header).output().unwrap()).exits(2);
        assert!(refused.stderr.contains("header"), "{}", refused.stderr);
    }
    let mut command =
        bench.command("send x.csv --to http://127.0.0.1:9/ --idempotency-header Key --progress none -H");
    said(command.arg("Key: x").output().unwrap()).exits(2);
}

#[test]
fn an_address_that_is_none_is_wrong_usage() {
    let bench = Bench::with("x.csv", csv(1));
    for url in ["http://127.0.0.1:99999/", "http://[::1/", "https://:80/x"] {
        bench.run(&format!("send x.csv --to {url} --progress none")).exits(2);
    }
}

#[test]
fn an_import_whose_input_is_gone_can_be_abandoned() {
    let bench = Bench::with("x.csv", csv(3));
    let send = "send x.csv --to sandbox --progress none";
    bench.run(&format!("{send} --limit 1")).exits(0);
    std::fs::remove_file(bench.path("x.csv")).unwrap();
    let gone = bench.run(&format!("{send} --abandon")).exits(0);
    assert!(gone.stderr.starts_with("the import is abandoned"), "{}", gone.stderr);
}

#[test]
fn words_have_colours_where_they_are_wanted_and_nowhere_else() {
    let bench = Bench::with("x.csv", csv(1));
    let send = "send x.csv --to sandbox --progress none";
    let plain = bench.run(&format!("{send} --state a")).exits(0);
    assert!(plain.stderr.starts_with("done: "), "{}", plain.stderr);
    let coloured = bench.run(&format!("{send} --state b --color always")).exits(0);
    assert!(coloured.stderr.starts_with("\x1b[1;32mdone:\x1b[0m "), "{}", coloured.stderr);
    let refused = bench.run("send none.csv --to sandbox --color always").exits(1);
    assert!(refused.stderr.starts_with("\x1b[1;31merror:\x1b[0m "), "{}", refused.stderr);
}

#[test]
fn a_run_whose_time_is_over_waits_at_most_20_s_for_what_is_in_flight() {
    // It takes each connection, and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let bench = Bench::with("x.csv", csv(3));
    let to = format!("http://{}/", silent.local_addr().unwrap());
    let begun = Instant::now();
    let said =
        bench.run(&format!("send x.csv --to {to} --max-elapsed 500ms --timeout 120s --progress none --json"));
    let stopped = said.exits(4).books([3, 0, 0, 0, 3]).summary();
    assert_eq!(stopped["stopped_by"], "max-elapsed");
    assert!(
        (Duration::from_secs(20)..Duration::from_secs(60)).contains(&begun.elapsed()),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn a_resumed_import_tells_the_reasons_of_all_its_runs() {
    let rows = "{\"id\":1,\"amount\":-5}\nnot a row\n{\"id\":2,\"amount\":5}\n{\"id\":3,\"amount\":-5}\n";
    let bench = Bench::with("x.ndjson", rows);
    let send = "send x.ndjson --to sandbox --progress none";
    let said = bench.run(&format!("{send} --limit 2")).exits(0);
    let told =
        |reasons: &str| format!("refused rows are in x.ndjson.bulkhaul/dead-letters.ndjson ({reasons})\n");
    assert!(said.stderr.contains(&told("1 invalid_json, 1 rejected")), "{}", said.stderr);
    let said = bench.run(send).exits(3);
    assert!(said.stderr.contains(&told("2 rejected, 1 invalid_json")), "{}", said.stderr);
}
