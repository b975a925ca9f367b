//! What profiles may say beyond what the built-ins say, over the real binary.

use crate::support::server::{Answer, Got, Server};
use crate::support::{Bench, Said, said};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

const HEAD: &str = "[profile]\nversion = 1\nname = \"t\"\n[params.base]\nrequired = true\n";
const OK: &str = "[[response]]\nwhen = { status = [200] }\nthen = \"ok\"\n";

fn bench(rows: &[Value], profile: &str) -> Bench {
    let lines: Vec<String> = rows.iter().map(Value::to_string).collect();
    let bench = Bench::with("x.ndjson", lines.join("\n"));
    bench.write("t.toml", format!("{HEAD}{profile}"));
    bench
}

fn send(bench: &Bench, url: &str, more: &str) -> Said {
    let send = format!("send x.ndjson --to ./t.toml --url {url} --progress none --json {more}");
    said(bench.command(&send).output().unwrap())
}

fn ok() -> Answer {
    Answer::json(200, &json!({}))
}

fn ids(got: &[Got]) -> Vec<String> {
    got.iter().map(|got| got.body.clone()).collect()
}

#[test]
fn a_refused_row_holds_back_its_group_and_no_other() {
    let rows: Vec<Value> = (0..8).map(|n| json!({"g": n % 2, "n": n})).collect();
    let bench = bench(
        &rows,
        &format!(
            "[limits]\nrows = 1\n[group]\nby = [\"/g\"]\nper_request = \"one\"\norder = \"strict\"\nafter_reject = \"block\"\n\
             [request]\nurl = \"${{param.base}}/x\"\nbody = '''\"${{row:/n}}\"'''\n{OK}\
             [[response]]\nwhen = {{ status = [422] }}\nthen = \"reject\"\n"
        ),
    );
    let server =
        Server::saying(|got, _| Some(if got.body == "3" { Answer::json(422, &json!({})) } else { ok() }));
    send(&bench, server.url(), "").exits(3).books([8, 5, 3, 0, 0]);
    let mut sent = ids(&server.requests());
    sent.sort();
    assert_eq!(sent, ["0", "1", "2", "3", "4", "6"]);
    let letters = bench.dead_letters("x.ndjson");
    let of = |code: &str| {
        let mut rows: Vec<u64> = letters
            .iter()
            .filter(|letter| letter["error"]["code"] == code)
            .map(|letter| letter["row"]["n"].as_u64().unwrap())
            .collect();
        rows.sort_unstable();
        rows
    };
    assert_eq!((of("rejected"), of("blocked")), (vec![3], vec![5, 7]));
}

#[test]
fn a_row_whose_time_is_over_is_expired_and_never_sent_also_after_a_wait() {
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_millis(700);
    let rows = [
        json!({"n": 1, "until": "2020-01-01T00:00:00Z"}),
        json!({"n": 2, "until": "2999-01-01T00:00:00Z"}),
        json!({"n": 3, "until": soon.to_string()}),
        json!({"n": 4}),
    ];
    let bench = bench(
        &rows,
        &format!(
            "[limits]\nrows = 4\n[row]\nexpires = \"/until\"\n[request]\nurl = \"${{param.base}}/x\"\nitem = '''\"${{row:/n}}\"'''\n{OK}"
        ),
    );
    let server = Server::saying(|_, before| {
        let mut busy = Answer::json(429, &json!({}));
        busy.headers.push(("retry-after".to_owned(), "1.2".to_owned()));
        Some(if before.is_empty() { busy } else { ok() })
    });
    let said = send(&bench, server.url(), "");
    said.exits(3).books([4, 2, 2, 0, 0]);
    assert_eq!(ids(&server.requests()), ["[2,3,4]", "[2,4]"]);
    for letter in bench.dead_letters("x.ndjson") {
        let error = &letter["error"];
        assert_eq!((&error["code"], &error["status"]), (&json!("expired"), &Value::Null), "{letter}");
    }
}

#[test]
fn a_job_that_its_target_forgets_is_asked_about_once_more_and_its_rows_are_in_doubt() {
    let bench = bench(
        &[json!({"n": 1})],
        "[request]\nurl = \"${param.base}/x\"\n[[response]]\nwhen = { status = [202] }\nthen = \"job\"\n\
         [job]\nurl_from = { header = \"Location\" }\nstate = \"/s\"\nevery = \"20ms\"\nretention = \"300ms\"\n[job.end.done]\nthen = \"ok\"\n",
    );
    let mut accepted = Answer::json(202, &json!({}));
    accepted.headers.push(("location".to_owned(), "/jobs/1".to_owned()));
    let server = Server::start(&accepted, Some(Answer::json(200, &json!({"s": "running"}))));
    send(&bench, server.url(), "").exits(5).books([1, 0, 0, 1, 0]);
    assert!(server.requests().iter().skip(1).all(|got| got.is("GET", "/jobs/1")));
}

#[test]
fn the_profile_says_how_long_a_request_may_take_and_how_long_a_wait_is_obeyed() {
    let profile = format!(
        "[request]\nurl = \"${{param.base}}/x\"\ntimeout = \"200ms\"\n[flow]\nmax_wait = \"1s\"\n{OK}"
    );
    let slow = Server::saying(|_, _| {
        std::thread::sleep(Duration::from_millis(1500));
        Some(ok())
    });
    let bench_slow = bench(&[json!({"n": 1})], &profile);
    let started = Instant::now();
    send(&bench_slow, slow.url(), "").exits(5).books([1, 0, 0, 1, 0]);
    assert!(started.elapsed() < Duration::from_millis(1400), "{:?}", started.elapsed());

    let mut busy = Answer::json(429, &json!({}));
    busy.headers.push(("retry-after".to_owned(), "30".to_owned()));
    let server = Server::start(&busy, None);
    let bench = bench(&[json!({"n": 1})], &profile);
    let said = send(&bench, server.url(), "").exits(4);
    assert_eq!(said.summary()["stopped_by"], "max-wait");
}

#[test]
fn a_byte_rate_of_the_profile_is_kept() {
    let rows: Vec<Value> = (0..40).map(|n| json!({"n": n, "pad": "x".repeat(80)})).collect();
    let bench = bench(
        &rows,
        &format!(
            "[limits]\nrows = 4\nbytes = \"600\"\n[request]\nurl = \"${{param.base}}/x\"\n[flow]\nbytes = [\"4000/s\"]\n{OK}"
        ),
    );
    let server = Server::start(&ok(), None);
    let started = Instant::now();
    send(&bench, server.url(), "").exits(0).books([40, 40, 0, 0, 0]);
    let sent: usize = server.requests().iter().map(|got| got.body.len()).sum();
    let least = Duration::from_secs_f64((sent as f64 - 600.0) / 4000.0 * 0.95);
    assert!(started.elapsed() >= least, "{sent} bytes in {:?}", started.elapsed());
}

#[test]
fn an_unknown_outcome_is_looked_up_where_the_profile_says_how() {
    let bench = bench(
        &[json!({"n": 1}), json!({"n": 2}), json!({"n": 3})],
        &format!(
            "[limits]\nrows = 1\n[flow]\nconcurrency = 1\n[request]\nurl = \"${{param.base}}/orders\"\nbody = '''\"${{row}}\"'''\n\
             [idempotency]\non_ambiguous = \"verify\"\n[verify]\nurl = \"${{param.base}}/orders/${{row:/n}}\"\n\
             applied = {{ status = [200] }}\nnot_applied = {{ status = [404] }}\n[retry]\nbase = \"10ms\"\n{OK}"
        ),
    );
    // The first answers to rows 1 and 2 are lost; row 1 was applied, row 2 was not.
    let server = Server::saying(|got, before| {
        if got.method == "GET" {
            return Some(if got.path == "/orders/1" { ok() } else { Answer::json(404, &json!({})) });
        }
        let is_first = !before.iter().any(|earlier| earlier.body == got.body);
        (got.body == "{\"n\":3}" || !is_first).then(ok)
    });
    send(&bench, server.url(), "").exits(0).books([3, 3, 0, 0, 0]);
    let posts = ids(&server.requests().into_iter().filter(|got| got.method == "POST").collect::<Vec<_>>());
    let times = |body: &str| posts.iter().filter(|post| *post == body).count();
    assert_eq!([1, 2, 3].map(|n| times(&json!({"n": n}).to_string())), [1, 2, 1]);
}

#[test]
fn a_group_state_that_answers_carry_on_is_read_once_and_again_after_a_conflict() {
    let rows: Vec<Value> = (0..6).map(|n| json!({"g": "a", "n": n})).collect();
    let bench = bench(
        &rows,
        "[limits]\nrows = 1\n[group]\nby = [\"/g\"]\nper_request = \"one\"\norder = \"strict\"\n[group.state]\nrefresh = \"first\"\n\
         [group.state.fetch]\nurl = \"${param.base}/v/${group:/g}\"\ncapture = { version = \"/version\" }\n\
         [group.state.carry]\nversion = \"/version\"\n\
         [request]\nurl = \"${param.base}/x/${group:/g}\"\nbody = '''{\"version\":\"${state.version}\",\"rows\":\"${rows}\"}'''\nitem = '''\"${row:/n}\"'''\n\
         [idempotency]\nscope = \"batch\"\nsend = { header = \"Idempotency-Key\" }\nkey_first = true\n\
         [[response]]\nwhen = { status = [200] }\nthen = \"ok\"\n[[response]]\nwhen = { status = [409] }\nthen = \"refetch\"\n",
    );
    // The version counts all writes; somebody else writes once, after the third of ours.
    let (version, taken) = (AtomicU64::new(10), AtomicU64::new(0));
    let server = Server::saying(move |got, _| {
        let now = version.load(Relaxed);
        if got.method == "GET" {
            return Some(Answer::json(200, &json!({"version": now})));
        }
        let body: Value = serde_json::from_str(&got.body).unwrap();
        if body["version"] != now {
            return Some(Answer::json(409, &json!({})));
        }
        let rivals = u64::from(taken.fetch_add(1, Relaxed) == 2);
        version.store(now + 1 + rivals, Relaxed);
        Some(Answer::json(200, &json!({"version": now + 1})))
    });
    send(&bench, server.url(), "").exits(0).books([6, 6, 0, 0, 0]);
    let got = server.requests();
    let reads = got.iter().filter(|got| got.method == "GET").count();
    assert_eq!((reads, got.len()), (2, 9), "{got:?}");
}

#[test]
fn a_row_above_the_target_s_size_is_refused_here_and_its_neighbours_go() {
    let rows = [json!({"n": 1}), json!({"n": 2, "pad": "x".repeat(40)}), json!({"n": 3})];
    let bench =
        bench(&rows, &format!("[limits]\nrow_bytes = \"40\"\n[request]\nurl = \"${{param.base}}/x\"\n{OK}"));
    let server = Server::start(&ok(), None);
    send(&bench, server.url(), "").exits(3).books([3, 2, 1, 0, 0]);
    assert_eq!(ids(&server.requests()), ["[{\"n\":1},{\"n\":3}]"]);
    let letter = &bench.dead_letters("x.ndjson")[0];
    assert_eq!((&letter["row"]["n"], &letter["error"]["code"]), (&json!(2), &json!("row_too_large")));
}

#[test]
fn a_limit_that_an_answer_taught_is_remembered_by_later_runs() {
    let rows: Vec<Value> = (0..90).map(|n| json!({"n": n})).collect();
    let bench = bench(
        &rows,
        &format!(
            "[limits]\nrows = 30\n[request]\nurl = \"${{param.base}}/x\"\n[idempotency]\nscope = \"batch\"\n\
             send = {{ header = \"Idempotency-Key\" }}\nkey_first = true\n{OK}\
             [[response]]\nwhen = {{ json = {{ \"/error\" = \"too_many\" }} }}\nthen = \"split\"\nlearn = {{ rows = 'most (\\d+) rows' }}\n"
        ),
    );
    let server = Server::saying(|got, _| {
        let rows: Vec<Value> = serde_json::from_str(&got.body).unwrap();
        let many = json!({"error": "too_many", "message": "at most 10 rows"});
        Some(if rows.len() > 10 { Answer::json(400, &many) } else { ok() })
    });
    send(&bench, server.url(), "--limit 30").exits(0);
    let first = server.requests().len();
    send(&bench, server.url(), "").exits(0).books([90, 90, 0, 0, 0]);
    let later = server.requests().len() - first;
    assert_eq!((first, later), (4, 6), "one refusal in all");
}

#[test]
fn a_413_that_comes_while_the_body_is_still_on_its_way_halves_the_batch() {
    let rows: Vec<Value> = (0..60).map(|n| json!({"n": n, "pad": "x".repeat(60_000)})).collect();
    let bench = bench(
        &rows,
        &format!(
            "[limits]\nrows = 60\nbytes = \"8MB\"\n[request]\nurl = \"${{param.base}}/x\"\n[idempotency]\nscope = \"batch\"\n\
             send = {{ header = \"Idempotency-Key\" }}\n{OK}"
        ),
    );
    let url = refusing_early(1_000_000);
    let said = send(&bench, &url, "-j 1");
    said.exits(0).books([60, 60, 0, 0, 0]);
}

/// A server that says 413 as soon as it has read how long a body is to be, and only then reads it.
fn refusing_early(most: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || {
                let mut stream = stream.unwrap();
                let (mut head, mut byte) = (Vec::new(), [0]);
                while !head.ends_with(b"\r\n\r\n") {
                    stream.read_exact(&mut byte).unwrap();
                    head.push(byte[0]);
                }
                let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
                let length: usize = length.parse().unwrap();
                let status = if length > most { "413 Payload Too Large" } else { "200 OK" };
                let answer =
                    format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}");
                if length > most {
                    stream.write_all(answer.as_bytes()).unwrap();
                    // It lingers for what is on the way.
                    let _ = std::io::copy(&mut stream.take(length as u64), &mut std::io::sink());
                } else {
                    let mut body = vec![0; length];
                    stream.read_exact(&mut body).unwrap();
                    stream.write_all(answer.as_bytes()).unwrap();
                }
            });
        }
    });
    url
}

#[test]
fn a_key_that_is_known_with_another_body_leaves_its_rows_in_doubt_and_the_import_goes_on() {
    let rows: Vec<Value> = (1..=3).map(|n| json!({"n": n})).collect();
    let bench = bench(
        &rows,
        &format!(
            "[limits]\nrows = 1\n[request]\nurl = \"${{param.base}}/x\"\n[idempotency]\nscope = \"batch\"\n\
             send = {{ header = \"Key\" }}\nmismatch = [422]\n[flow]\nconcurrency = 1\n{OK}"
        ),
    );
    let other = || Answer::json(422, &json!({"error": "another body"}));
    let server = Server::saying(move |got, _| Some(if got.body.contains(":2") { other() } else { ok() }));
    let said = send(&bench, server.url(), "").exits(5).books([3, 2, 0, 1, 0]);
    assert_eq!(server.requests().len(), 3);
    assert!(bench.dead_letters("x.ndjson").is_empty(), "{said:?}");
}

#[test]
fn a_row_whose_own_key_is_known_with_another_body_is_a_dead_letter_and_a_replay_takes_another_key() {
    let rows: Vec<Value> = (1..=3).map(|n| json!({"n": n})).collect();
    let bench = bench(
        &rows,
        &format!(
            "[limits]\nrows = 1\n[row]\nkey = \"/n\"\n[request]\nurl = \"${{param.base}}/x\"\n[idempotency]\nscope = \"row\"\n\
             send = {{ header = \"Key\" }}\nkey = {{ template = \"row-${{row.key}}\", format = \"raw\" }}\nmismatch = [422]\n{OK}"
        ),
    );
    let server = Server::saying(|got, _| {
        let known = got.header("key") == Some("row-2");
        Some(if known { Answer::json(422, &json!({"error": "another body"})) } else { ok() })
    });
    send(&bench, server.url(), "").exits(3).books([3, 2, 1, 0, 0]);
    let letters = bench.dead_letters("x.ndjson");
    assert_eq!((&letters[0]["error"]["code"], &letters[0]["row"]["n"]), (&json!("key_mismatch"), &json!(2)));
    let replay =
        format!("replay x.ndjson.bulkhaul/dead-letters.ndjson --to ./t.toml --url {} --json", server.url());
    bench.run(&replay).exits(0);
    assert_eq!(server.requests().last().unwrap().header("key"), Some("row-2~2"));
}
