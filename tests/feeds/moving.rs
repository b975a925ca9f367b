//! Feeds that are written to, replaced or interrupted at the wrong moment.

use super::{SYNC, feed, rows};
use crate::support::server::{Answer, Server};
use crate::support::{Bench, Said, said};
use std::io::Write;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

fn terminate(child: Child) -> Said {
    let kill = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    said(child.wait_with_output().unwrap())
}

fn wait_until(is: impl Fn() -> bool) {
    while !is() {
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_signal_while_the_feed_is_read_through_ends_the_run_with_the_command_that_goes_on() {
    let bench = Bench::with("x.csv", feed(400_000, |_| Some("a".into())));
    let child = bench.start(&format!("send x.csv {SYNC}"));
    wait_until(|| bench.path("s/ledger.lock").exists());
    let said = terminate(child).exits(4);
    assert!(
        said.stderr.starts_with(
            "stopped: interrupted while the feed was read through; nothing was sent\nto go on:\nbulkhaul send x.csv "
        ),
        "{said:?}"
    );
    assert_eq!(said.summary()["stopped_by"], "signal");
}

#[test]
fn a_signal_while_a_plain_import_becomes_known_ends_the_run_with_the_command_that_goes_on() {
    let ok = Server::start(&Answer::json(200, &serde_json::json!({})), None);
    let bench = Bench::with("x.csv", feed(200_000, |_| Some("a".into())));
    let send = format!("send x.csv --to {}/ --state s --progress none --json", ok.url());
    bench.run(&format!("{send} --batch-rows 50000 --batch-bytes 50MB")).exits(0);
    let requests = ok.requests().len();
    std::fs::remove_file(bench.path("s/ledger.lock")).unwrap();
    let child = bench.start(&format!("{send} --sync id"));
    wait_until(|| bench.path("s/ledger.lock").exists());
    let said = terminate(child).exits(4);
    assert!(said.stderr.contains("nothing was sent\nto go on:\nbulkhaul send x.csv "), "{said:?}");
    assert_eq!(rows(&bench.run(&format!("{send} --sync id")).exits(0)), [200_000, 0, 0, 200_000, 0]);
    assert_eq!(ok.requests().len(), requests);
}

#[test]
fn a_feed_that_is_written_to_while_it_is_sent_is_not_mixed_and_one_that_is_replaced_is_sent_whole() {
    for written in [true, false] {
        let ok = Server::start(&Answer::json(200, &serde_json::json!({})), None);
        let bench = Bench::with("x.csv", feed(4000, |_| Some("a".into())));
        let send = format!("send x.csv --to {}/ --sync id --state s --progress none --json", ok.url());
        let slow = format!("{send} --batch-rows 10 -j 1 --rate {}/s", if written { 20 } else { 400 });
        let child = bench.start(&slow);
        wait_until(|| ok.requests().len() > 3);
        let next = feed(4000, |_| Some("b".into()));
        if written {
            let mut file = std::fs::OpenOptions::new().write(true).open(bench.path("x.csv")).unwrap();
            file.write_all(next.as_bytes()).unwrap();
        } else {
            bench.write("new", &next);
            std::fs::rename(bench.path("new"), bench.path("x.csv")).unwrap();
        }
        let first = said(child.wait_with_output().unwrap()).exits(if written { 4 } else { 0 });
        if written {
            let words = "stopped: `x.csv` is written to while it is sent\n\
                         hint: let its producer write another file, and rename it when it is whole\nto go on:\n";
            assert!(first.stderr.contains(words), "{first:?}");
            assert_eq!(first.summary()["stopped_by"], "input");
            assert!(rows(&first)[1] < 4000);
        }
        assert!(ok.requests().iter().all(|got| !got.body.contains(":\"b\"")));
        assert_eq!(rows(&bench.run(&send).exits(0)), [4000, 4000, 0, 0, 0]);
        assert_eq!(rows(&bench.run(&send).exits(0)), [4000, 0, 0, 4000, 0]);
    }
}

#[test]
fn a_feed_that_comes_again_after_another_one_had_closed_it_is_sent_whole() {
    let is_down = Arc::new(AtomicBool::new(true));
    let now = Arc::clone(&is_down);
    let server = Server::saying(move |_, _| {
        let status = if now.load(Ordering::SeqCst) { 503 } else { 200 };
        Some(Answer::json(status, &serde_json::json!({})))
    });
    let bench = Bench::with("x.csv", feed(60, |_| Some("a".into())));
    bench.write("y.csv", feed(60, |_| Some("b".into())));
    bench.write(
        "t.toml",
        "[profile]\nversion = 1\nname = \"t\"\nextends = \"orders-batch\"\n[retry]\nbase = \"1ms\"\nattempts = 2\n\
         [[response]]\nwhen = { status = [200] }\nthen = \"ok\"\n",
    );
    let send = |input: &str| {
        let url = server.url();
        format!(
            "send {input} --to ./t.toml --url {url} --sync id --state s --progress none --json --batch-rows 1 -j 1"
        )
    };
    bench.run(&send("x.csv")).exits(4);
    let read = bench.run("status s --json").exits(0).summary()["rows"]["read"].as_u64().unwrap();
    assert!(read < 60, "{read}");
    // It is to end with the rows that it has, and even those the target does not take.
    bench.run(&send("y.csv")).exits(4);
    bench.run("audit s x.csv").exits(0);
    is_down.store(false, Ordering::SeqCst);
    let said = bench.run(&send("x.csv")).exits(0);
    assert_eq!(rows(&said), [60, 60 - read, 0, read, 0], "{said:?}");
    bench.run("audit s x.csv").exits(0);
}
