//! A job whose errors are a resource of their own, in pages: over the real binary, with kills in between.

use crate::support::server::{Answer, Got, Server};
use crate::support::{Bench, said};
use serde_json::{Value, json};

const PROFILE: &str = r#"[profile]
version = 1
name = "bulk"
[params.base]
required = true
[limits]
rows = 50
[request]
url = "${param.base}/jobs"
headers = { revision = "2026-07-15" }
body = '''{"data":{"attributes":{"profiles":{"data":"${rows}"}}}}'''
item = '''{"type":"profile","attributes":"${row}"}'''
[idempotency]
scope = "natural"
[[response]]
when = { status = [202] }
then = "job"
[job]
id = "/data/id"
url = "${param.base}/jobs/${job.id}"
state = "/data/status"
every = "10ms"
every_max = "20ms"
[[job.fetch]]
name = "errors"
url = "${param.base}/jobs/${job.id}/errors"
next = "/links/next"
[job.end.complete]
then = "results"
results = "errors"
fetch = "errors"
[results.errors]
from = "/data"
match = { by = "pointer", at = "/source/pointer", prefix = "/data/attributes/profiles/data" }
covers = "failed"
unlisted = "ok"
code = "/code"
message = "/detail"
field = "/field"
"#;

/// Every seventh row of a job is bad; its errors come two a page. The first poll finds nothing yet.
fn says(got: &Got, before: &[Got]) -> Answer {
    let bad: Vec<usize> = (0..50).filter(|row| row % 7 == 6).collect();
    if got.method == "POST" {
        return Answer::json(202, &json!({"data": {"id": before.len(), "status": "queued"}}));
    }
    let polls = before.iter().filter(|earlier| earlier.path == got.path).count();
    let Some((job, page)) = got.path.split_once("/errors") else {
        return match polls {
            0 => Answer::json(404, &json!({})),
            1 => Answer::json(200, &json!({"data": {"status": "processing"}})),
            _ => Answer::json(200, &json!({"data": {"status": "complete"}})),
        };
    };
    let page: usize = page.strip_prefix("?page=").map_or(0, |page| page.parse().unwrap());
    // Each page is cut short the first time.
    if polls == 0 {
        return Answer { body: "{\"data\":[".to_owned(), ..Answer::json(200, &json!({})) };
    }
    let errors: Vec<Value> = bad
        .chunks(2)
        .nth(page)
        .unwrap()
        .iter()
        .map(|row| {
            let pointer = format!("/data/attributes/profiles/data/{row}/attributes/email");
            json!({"code": "invalid", "detail": "no address", "field": "/email", "source": {"pointer": pointer}})
        })
        .collect();
    let last = page + 1 == bad.len().div_ceil(2);
    let next = if last { Value::Null } else { json!(format!("{job}/errors?page={}", page + 1)) };
    Answer::json(200, &json!({"data": errors, "links": {"next": next}}))
}

#[test]
fn paged_errors_become_dead_letters_through_two_kills() {
    let rows: Vec<String> = (0..150).map(|n| json!({"n": n, "email": "x"}).to_string()).collect();
    let bench = Bench::with("x.ndjson", rows.join("\n"));
    bench.write("bulk.toml", PROFILE);
    let server = Server::saying(|got, before| Some(says(got, before)));
    let send = format!("send x.ndjson --to ./bulk.toml --url {} --progress none --json", server.url());
    let pages = || server.requests().iter().filter(|got| got.path.contains("/errors")).count();
    for wanted in [1, 4] {
        let mut child = bench.start(&send);
        while pages() < wanted {
            std::thread::sleep(std::time::Duration::from_millis(1));
            assert!(child.try_wait().unwrap().is_none(), "it was over before it could be killed");
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let done = said(bench.command(&send).output().unwrap()).exits(3);
    done.books([150, 129, 21, 0, 0]);
    // Jobs are durable: they were asked about again, and not made again.
    let got = server.requests();
    assert_eq!(got.iter().filter(|got| got.method == "POST").count(), 3);
    assert!(got.iter().all(|got| got.header("revision") == Some("2026-07-15")), "{got:?}");
    let letters = bench.dead_letters("x.ndjson");
    let mut dead: Vec<u64> = letters.iter().map(|letter| letter["row"]["n"].as_u64().unwrap()).collect();
    dead.sort_unstable();
    assert_eq!(dead, (0..150).filter(|n| n % 50 % 7 == 6).collect::<Vec<_>>());
    assert_eq!(
        (&letters[0]["error"]["code"], &letters[0]["error"]["field"]),
        (&json!("invalid"), &json!("/email"))
    );
}
