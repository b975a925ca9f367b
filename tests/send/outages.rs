//! A target that cannot be asked twice, and does not answer well: its rows are not all put in doubt because of that.

use crate::support::server::{Answer, Server};
use crate::support::{Bench, csv};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// No keys, and little patience.
const QUICK: &str = "[profile]\nversion = 1\nname = \"quick\"\n[params.base]\nrequired = true\n[request]\n\
                     url = \"${param.base}/rows\"\n[[response]]\nwhen = { status = [200] }\nthen = \"ok\"\n\
                     [retry]\nbase = \"1ms\"\nmax = \"2ms\"\n";

/// Answers so many requests well, then with this status and these headers.
fn failing(
    after: u64,
    status: u16,
    headers: &'static [(&'static str, &'static str)],
) -> (Server, Arc<AtomicU64>) {
    let left = Arc::new(AtomicU64::new(after));
    let good = Arc::clone(&left);
    let server = Server::saying(move |_, _| {
        if good.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
            return Some(Answer::json(200, &json!({})));
        }
        let mut answer = Answer::json(status, &json!({}));
        answer.headers.extend(headers.iter().map(|(name, value)| ((*name).into(), (*value).into())));
        Some(answer)
    });
    (server, left)
}

#[test]
fn a_target_without_keys_that_is_down_stops_the_run_and_what_was_not_sent_is_pending() {
    for after in [0, 100] {
        let (server, left) = failing(after, 502, &[]);
        let bench = Bench::with("x.csv", csv(3000));
        bench.write("quick.toml", QUICK);
        let url = server.url();
        let send = format!("send x.csv --to ./quick.toml --url {url} --batch-rows 10 --progress none --json");
        let said = bench.run(&send).exits(4);
        assert_eq!(said.summary()["stopped_by"], "target");
        let rows = said.summary()["rows"].clone();
        let in_doubt = rows["in_doubt"].as_u64().unwrap();
        assert!(rows["delivered"] == after * 10 && (10..=400).contains(&in_doubt), "{said:?}");
        left.store(10_000, Ordering::SeqCst);
        bench.run(&send).exits(5).books([3000, 3000 - in_doubt, 0, in_doubt, 0]);
        let known: u64 = server.requests().iter().map(|got| got.body.matches("\"id\"").count() as u64).sum();
        assert_eq!(known, 3000, "no row was sent twice");
    }
}

#[test]
fn a_wait_that_an_unknown_outcome_names_holds_all_requests_back_at_a_target_without_keys() {
    for (status, way) in [(503, "hold"), (408, "hold"), (503, "stop")] {
        let (server, _) = failing(3, status, &[("retry-after", "7200")]);
        let bench = Bench::with("x.csv", csv(200));
        let send = format!("send x.csv --to {} --batch-rows 1 -j 1 --on-ambiguous {way}", server.url());
        let said = bench.run(&format!("{send} --max-wait 1h --progress none --json")).exits(4);
        assert_eq!(server.requests().len(), 4, "{status} {way}: {said:?}");
        assert!(said.stderr.contains("2 h"), "{said:?}");
        // It outlives the run: the next one waits, as long as it may.
        let said = bench.run(&format!("{send} --max-elapsed 300ms --progress none --json")).exits(4);
        assert_eq!(server.requests().len(), 4, "{status} {way}: {said:?}");
    }
}

#[test]
fn rows_in_doubt_that_go_again_on_a_persons_word_may_meet_a_limit() {
    let server = Server::saying(|got, before| {
        if before.is_empty() {
            return None;
        }
        let rows = got.body.matches("\"id\"").count();
        Some(Answer::json(if rows > 4 { 413 } else { 200 }, &json!({})))
    });
    let bench = Bench::with("x.csv", csv(10));
    let send = format!("send x.csv --to {} --idempotency-header Key --progress none --json", server.url());
    // Whether the first one was applied when the limit was another one, nobody knows.
    bench.run(&send).exits(5).books([10, 0, 0, 10, 0]);
    let said = bench.run(&format!("{send} --on-ambiguous resend")).exits(0).books([10, 10, 0, 0, 0]);
    assert!(said.stderr.contains("10 rows may be applied twice"), "{said:?}");
    bench.run("audit x.csv.bulkhaul x.csv").exits(0);
}

#[test]
fn a_share_of_refusals_is_of_all_rows_once_they_are_read() {
    let server = Server::start(&Answer::json(422, &json!({})), None);
    for (rows, max, exit) in [(10, "10%", 4), (99, "99%", 4), (10, "100%", 3), (1, "50%", 4)] {
        let bench = Bench::with("x.csv", csv(rows));
        let send = format!("send x.csv --to {} --batch-rows 1 --max-rejects {max}", server.url());
        let said = bench.run(&format!("{send} --progress none --json")).exits(exit);
        assert_eq!(said.summary()["stopped_by"], if exit == 4 { json!("max-rejects") } else { json!(null) });
    }
}
