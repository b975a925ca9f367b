//! Nothing is claimed that is not known: what may have been applied is neither sent again nor called refused
//! without a person's word.

use crate::support::Bench;
use crate::support::scripted::Step::{Loses, Says};
use crate::support::scripted::{Scripted, Step};
use crate::support::server::{Answer, Got, Server};
use serde_json::Value;

const OK: Step = Says("200 OK", "", "{}");
const ONE: &str = "{\"id\":1}\n";

fn bench() -> Bench {
    Bench::with("x.ndjson", ONE)
}

fn send(server: &Scripted, more: &str) -> String {
    format!("send x.ndjson --to {}/rows --progress none --json {more}", server.url)
}

/// Many a form answers so after it was applied. No later run could ask, so that nothing is called pending.
#[test]
fn without_keys_a_redirect_that_may_follow_an_application_puts_rows_in_doubt_at_once() {
    for answer in ["302 Found", "303 See Other"] {
        let (bench, server) = (bench(), Scripted::start(&[Says(answer, "location: /done\r\n", ""), OK]));
        bench.run(&send(&server, "")).exits(1).books([1, 0, 0, 1, 0]);
        let status = bench.run("status").exits(0).stdout;
        assert!(status.contains("in doubt 1 row: the target answered 30"), "{status}");
        bench.run(&send(&server, "")).exits(5).books([1, 0, 0, 1, 0]);
        assert_eq!(server.got().len(), 1);
        bench.run(&send(&server, "--on-ambiguous resend")).exits(0).books([1, 1, 0, 0, 0]);
        assert_eq!(server.got().len(), 2);
    }
}

/// A wrong method or address is mended, and the rows go out: nobody doubts that nothing was done.
#[test]
fn without_keys_rows_stay_pending_behind_an_answer_that_did_nothing() {
    let elsewhere = ["301 Moved Permanently", "307 Temporary Redirect", "308 Permanent Redirect"];
    let refusals = ["405 Method Not Allowed", "409 Conflict", "415 Unsupported Media Type"];
    for answer in elsewhere.into_iter().chain(refusals) {
        let (bench, server) = (bench(), Scripted::start(&[Says(answer, "location: /x\r\n", ""), OK]));
        bench.run(&send(&server, "")).exits(1).books([1, 0, 0, 0, 1]);
        let status = bench.run("status").exits(0).stdout;
        assert!(status.contains("open     1 row not applied so far; the next run sends them"), "{status}");
        bench.run(&send(&server, "")).exits(0).books([1, 1, 0, 0, 0]);
        assert_eq!(server.got().len(), 2, "{answer}");
    }
}

/// Where the run dies before the answer, what the next one does with the rows is what `status` promises.
#[test]
fn status_promises_keys_only_to_a_target_that_has_them() {
    let keys = "--idempotency-header Idempotency-Key";
    let short = "--idempotency-header Idempotency-Key --key-ttl 5m";
    let cases = [
        (keys, "asks for them again under the same keys"),
        (
            short,
            "puts them in doubt: its keys are remembered for 5 min, and not sent in their last 5 min (--on",
        ),
        ("natural", "sends them again: writing a row twice is writing it once"),
        ("", "puts them in doubt: the target has no keys"),
        ("--on-ambiguous resend", "sends them again, and may double them"),
        ("--on-ambiguous stop", "stops at them: the target has no keys"),
    ];
    for (more, promise) in cases {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let bench = bench();
        let to = format!("http://{}/rows", silent.local_addr().unwrap());
        bench.write(
            "natural.toml",
            format!(
                "[profile]\nversion = 1\nname = \"n\"\n[request]\nurl = \"{to}\"\n[idempotency]\nscope = \"natural\"\n\
                 [[response]]\nwhen = {{ status = [200] }}\nthen = \"ok\"\n"
            ),
        );
        let (to, more) = if more == "natural" { ("./natural.toml".to_owned(), "") } else { (to, more) };
        let mut run = bench.start(&format!("send x.ndjson --to {to} --progress none {more}"));
        let (mut request, mut byte) = (silent.accept().unwrap().0, [0]);
        std::io::Read::read_exact(&mut request, &mut byte).unwrap();
        run.kill().unwrap();
        run.wait().unwrap();
        let status = bench.run("status").exits(0).stdout;
        assert!(status.contains(&format!("sent or about to be; the next run {promise}")), "{more}: {status}");
    }
}

#[test]
fn a_poll_that_is_refused_for_being_too_fast_closes_the_gate_for_the_whole_target() {
    let job = Says("202 Accepted", "", "{\"job_id\":\"1\",\"status_url\":\"/jobs/1\"}");
    let busy = Says("429 Too Many Requests", "retry-after: 7200\r\n", "");
    let (bench, server) = (bench(), Scripted::start(&[job, busy]));
    let send = format!("send x.ndjson --to imports-async --url {} --progress none --json", server.url);
    for _ in 0..2 {
        let said = bench.run(&format!("{send} --max-wait 2s")).exits(4).books([1, 0, 0, 0, 1]);
        let summary = said.summary();
        assert_eq!(
            (&summary["stopped_by"], &summary["requests"]["throttled"]),
            (&"max-wait".into(), &1.into())
        );
    }
    assert_eq!(server.got().len(), 3, "one request, and one poll in each run");
}

#[test]
fn only_the_targets_own_word_is_longer_than_the_longest_wait() {
    let busy = Says("429 Too Many Requests", "", "");
    let steps = [busy.clone(), busy.clone(), busy.clone(), busy.clone(), busy.clone(), busy, OK];
    let (bench, server) = (bench(), Scripted::start(&steps));
    bench.run(&send(&server, "--max-wait 100ms")).exits(0).books([1, 1, 0, 0, 0]);
    assert_eq!(server.got().len(), 7);
}

#[test]
fn without_keys_a_refusal_that_nobody_can_read_is_asked_for_once_in_a_run() {
    for on_ambiguous in ["hold", "stop"] {
        let (bench, server) = (bench(), Scripted::start(&[Says("409 Conflict", "", "")]));
        let more = format!("--on-ambiguous {on_ambiguous}");
        for runs in 1..3 {
            bench.run(&send(&server, &more)).exits(1).books([1, 0, 0, 0, 1]);
            assert_eq!(server.got().len(), runs, "{on_ambiguous}");
        }
    }
}

#[test]
fn rows_that_a_person_sends_again_are_never_called_refused_for_it() {
    let duplicate = Says("422 Unprocessable", "", "{\"error\":\"duplicate\"}");
    let (bench, server) = (bench(), Scripted::start(&[Loses, duplicate]));
    bench.run(&send(&server, "")).exits(5).books([1, 0, 0, 1, 0]);
    for _ in 0..2 {
        bench.run(&send(&server, "--on-ambiguous resend")).exits(5).books([1, 0, 0, 1, 0]);
    }
    assert!(bench.dead_letters("x.ndjson").is_empty());
}

#[test]
fn a_refusal_under_the_key_of_a_lost_answer_counts_once_a_person_sends_it_again() {
    let refused = Says("422 Unprocessable", "", "{\"error\":\"bad\"}");
    let (bench, server) = (bench(), Scripted::start(&[Loses, refused]));
    let keys = "--idempotency-header Idempotency-Key";
    for _ in 0..2 {
        bench.run(&send(&server, keys)).exits(5).books([1, 0, 0, 1, 0]);
    }
    // A bare URL has no profile that could say more of its keys.
    let listed = bench.run("rejects").exits(0).stdout;
    assert!(
        listed.contains("refused after an attempt whose outcome is unknown\n")
            && !listed.contains("key_first")
    );
    let said = bench.run(&format!("replay x.ndjson.bulkhaul --to {} --in-doubt", server.url)).exits(0);
    assert!(
        said.stderr.contains(
            "1 row in doubt is no dead letter; what ends the doubt: bulkhaul rejects x.ndjson.bulkhaul\n"
        ),
        "{said:?}"
    );
    for _ in 0..2 {
        bench.run(&send(&server, &format!("{keys} --on-ambiguous resend"))).exits(3).books([1, 0, 1, 0, 0]);
    }
    let letter = &bench.dead_letters("x.ndjson")[0];
    let message = letter["error"]["message"].as_str().unwrap();
    assert!(
        message.ends_with("; an attempt before, whose answer was lost, may have applied it"),
        "{message}"
    );
    let keys: Vec<String> = server.got().into_iter().map(|got| got.key).collect();
    assert!(keys.len() == 3 && keys.iter().all(|key| *key == keys[0]), "{keys:?}");
}

#[test]
fn rows_in_doubt_go_again_under_their_own_key_while_the_target_remembers_it() {
    let foreign = Says("200 OK", "", "{\"results\":[{\"id\":\"else\",\"status\":\"ok\"}]}");
    let good = Says("200 OK", "", "{\"results\":[{\"id\":1,\"status\":\"ok\"}]}");
    let (bench, server) = (bench(), Scripted::start(&[foreign.clone(), foreign, good]));
    let send = format!("send x.ndjson --to orders-batch --url {} --progress none --json", server.url);
    bench.run(&send).exits(5).books([1, 0, 0, 1, 0]);
    bench.run(&format!("{send} --on-ambiguous resend")).exits(0).books([1, 1, 0, 0, 0]);
    let keys: Vec<String> = server.got().into_iter().map(|got| got.key).collect();
    assert_eq!(keys.len(), 3);
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
}

/// A profile with a wrong word for success reads no entry of any answer. Once it is mended, the target is asked for what
/// it said: rows under new keys would be there twice.
#[test]
fn rows_in_doubt_behind_a_profile_that_could_not_read_their_entries_are_not_doubled_once_it_can() {
    let said = Says(
        "200 OK",
        "",
        "{\"results\":[{\"id\":1,\"status\":\"created\"},{\"id\":2,\"status\":\"created\"}]}",
    );
    let bench = Bench::with("x.ndjson", "{\"id\":1}\n{\"id\":2}\n");
    let server = Scripted::start(&[said.clone(), said.clone(), said]);
    let profile = |word: &str| {
        bench.write(
            "p.toml",
            format!(
                "[profile]\nversion = 1\nname = \"t\"\n[params.base]\nrequired = true\n[request]\n\
                 url = \"${{param.base}}/rows\"\n[idempotency]\nscope = \"batch\"\n\
                 send = {{ header = \"Idempotency-Key\" }}\n[[response]]\nwhen = {{ status = [200] }}\n\
                 then = \"results\"\nresults = \"items\"\n[results.items]\nfrom = \"/results\"\n\
                 match = {{ by = \"id\", row = \"/id\", at = \"/id\" }}\ndefault = \"in_doubt\"\n\
                 [[results.items.rule]]\nwhen = {{ json = {{ \"/status\" = \"{word}\" }} }}\nthen = \"ok\"\n\
                 [[results.items.rule]]\nwhen = {{ json = {{ \"/status\" = \"error\" }} }}\nthen = \"reject\"\n"
            ),
        );
    };
    let send = format!("send x.ndjson --to ./p.toml --url {} --progress none --json", server.url);
    profile("ok");
    bench.run(&send).exits(5).books([2, 0, 0, 2, 0]);
    let why = bench.run("rejects x.ndjson.bulkhaul").stdout;
    assert!(
        why.contains("no rule of the profile reads the entry {\"id\":2,\"status\":\"created\"}"),
        "{why}"
    );
    // As long as nobody has mended it, it says the same.
    bench.run(&format!("{send} --on-ambiguous resend")).exits(5).books([2, 0, 0, 2, 0]);
    profile("created");
    bench.run(&format!("{send} --on-ambiguous resend")).exits(0).books([2, 2, 0, 0, 0]);
    bench.run("audit x.ndjson.bulkhaul x.ndjson").exits(0);
    let keys: Vec<String> = server.got().into_iter().map(|got| got.key).collect();
    assert!(keys.len() == 3 && keys.iter().all(|key| *key == keys[0]), "{keys:?}");
}

#[test]
fn a_key_that_the_target_forgot_is_never_sent_again() {
    let (bench, server) = (bench(), Scripted::start(&[Loses, OK]));
    let keys = "--idempotency-header Idempotency-Key --key-ttl 1s --on-ambiguous resend";
    bench.run(&send(&server, keys)).exits(0).books([1, 1, 0, 0, 0]);
    let got = server.got();
    assert_eq!(got.len(), 2);
    assert_ne!(got[0].key, got[1].key);
}

#[test]
fn any_2xx_of_a_bare_url_delivers_also_a_page() {
    let page = Says("200 OK", "content-type: text/html\r\n", "<p>OK</p>");
    let (bench, server) = (bench(), Scripted::start(&[page]));
    bench.run(&send(&server, "")).exits(0).books([1, 1, 0, 0, 0]);
}

/// A target without keys that can be asked about each request, by the number of the row in it.
const ASKED: &str = "[profile]\nversion = 1\nname = \"t\"\n[params.base]\nrequired = true\n[limits]\nrows = 1\n\
                     [request]\nurl = \"${param.base}/rows\"\n[flow]\nconcurrency = 1\n[[response]]\nwhen = { status = [200] }\n\
                     then = \"ok\"\n[verify]\nurl = \"${param.base}/rows/${row:/id}\"\napplied = { status = [200] }\n\
                     not_applied = { status = [404] }\n";

/// Of the first requests, those of rows 2 and 3 get no answer; row 2 was applied.
fn asked() -> Server {
    Server::saying(|got, before| {
        let none = serde_json::json!({});
        let number: u32 = got.path.rsplit('/').next().unwrap().parse().unwrap_or(0);
        let first = !before.iter().any(|earlier| earlier.method == "POST" && earlier.body == got.body);
        match (got.method.as_str(), number) {
            ("GET", 2) => Some(Answer::json(200, &none)),
            ("GET", _) => Some(Answer::json(404, &none)),
            _ if first && (got.body.contains(":2") || got.body.contains(":3")) => None,
            _ => Some(Answer::json(200, &none)),
        }
    })
}

#[test]
fn a_target_that_can_be_asked_decides_what_is_in_doubt_in_the_same_run_or_a_later_one() {
    let rows = "{\"id\":1}\n{\"id\":2}\n{\"id\":3}\n{\"id\":4}\n";
    for later in [false, true] {
        let (bench, server) = (Bench::with("x.ndjson", rows), asked());
        bench.write("t.toml", ASKED);
        let send = format!("send x.ndjson --to ./t.toml --url {} --progress none --json", server.url());
        if later {
            bench.run(&send).exits(5).books([4, 2, 0, 2, 0]);
            assert!(server.requests().iter().all(|got| got.method == "POST"), "nobody asked to ask");
        }
        bench.run(&format!("{send} --on-ambiguous verify")).exits(0).books([4, 4, 0, 0, 0]);
        let got = server.requests();
        let sent = |id: u32| {
            got.iter().filter(|got| got.method == "POST" && got.body.contains(&format!(":{id}"))).count()
        };
        assert_eq!([1, 2, 3, 4].map(sent), [1, 1, 2, 1], "later: {later}");
        assert_eq!(got.iter().filter(|got| got.method == "GET").count(), 2);
    }
}

#[test]
fn a_request_that_came_through_says_not_which_of_its_rows_were_taken_where_answers_refuse_single_ones() {
    let profile = "[profile]\nversion = 1\nname = \"t\"\n[params.base]\nrequired = true\n[limits]\nrows = 2\n\
                   [request]\nurl = \"${param.base}/rows\"\nheaders = { Reference = \"${batch.key}\" }\n\
                   [flow]\nconcurrency = 1\n[[response]]\nwhen = { status = [200] }\nthen = \"results\"\nresults = \"r\"\n\
                   [results.r]\nfrom = \"\"\nmatch = { by = \"position\" }\n[[results.r.rule]]\n\
                   when = { json = { \"/ok\" = true } }\nthen = \"ok\"\n\
                   [verify]\nurl = \"${param.base}/rows/${batch.key}\"\napplied = { json = { \"/there\" = true } }\n\
                   not_applied = { json = { \"/there\" = false } }\n";
    let bench = Bench::with("x.ndjson", "{\"id\":1}\n{\"id\":2}\n{\"id\":3}\n{\"id\":4}\n");
    bench.write("t.toml", profile);
    // It takes odd rows; the first answers are lost, and the second request does not arrive.
    let server = Server::saying(|got, before| {
        let held = |earlier: &Got| earlier.body.contains(":1");
        if got.method == "GET" {
            let reference = got.path.rsplit('/').next();
            let there =
                before.iter().any(|earlier| held(earlier) && earlier.header("reference") == reference);
            return Some(Answer::json(200, &serde_json::json!({"there": there})));
        }
        let again = before.iter().any(|earlier| earlier.method == "POST" && earlier.body == got.body);
        again.then(|| Answer::json(200, &serde_json::json!([{"ok": true}, {"ok": false}])))
    });
    let send = format!("send x.ndjson --to ./t.toml --url {} --progress none --json", server.url());
    let said = bench.run(&format!("{send} --on-ambiguous verify")).exits(5).books([4, 1, 1, 2, 0]);
    let posts =
        server.requests().iter().filter(|got| got.method == "POST" && got.body.contains(":1")).count();
    assert_eq!(posts, 1, "what came through is not sent again: {said:?}");
    assert_eq!(bench.dead_letters("x.ndjson")[0]["row"]["id"], 4);
    let told = bench.run("rejects").exits(0).stdout;
    assert!(told.contains("came through, and not which of its rows it took"), "{told}");
    let checked = bench.run("targets check t.toml").exits(0).stdout;
    let asked = "outcome unknown: in doubt; with --on-ambiguous verify asked about with GET ${param.base}/rows/${batch.key}";
    assert!(checked.contains(asked) && checked.contains("not which of its rows were taken"), "{checked}");
}

/// A target without keys that keeps a reference of each row, and can be asked by it.
const REFERENCED: &str = "[profile]\nversion = 1\nname = \"t\"\n[params.base]\nrequired = true\n[limits]\nrows = 1\n\
                          [request]\nurl = \"${param.base}/rows\"\nbody = '{\"reference\":\"${batch.key}\"}'\n\
                          [flow]\nconcurrency = 1\n[[response]]\nwhen = { status = [200] }\nthen = \"ok\"\n\
                          [idempotency]\nscope = \"none\"\non_ambiguous = \"verify\"\n\
                          key = { template = \"top-${row:/id}\", format = \"raw\" }\n\
                          [verify]\nurl = \"${param.base}/rows/${batch.key}\"\napplied = { status = [200] }\n\
                          not_applied = { status = [404] }\n";

#[test]
fn a_target_is_asked_by_the_key_that_it_was_shown_in_every_import() {
    let rows = "{\"id\":1}\n{\"id\":2}\n{\"id\":3}\n";
    let bench = Bench::with("x.ndjson", rows);
    bench.write("t.toml", REFERENCED);
    // Of the first answers those about rows 2 and 3 are lost; row 3 did not arrive.
    let server = Server::saying(|got, before| {
        let posts = || before.iter().filter(|earlier| earlier.method == "POST");
        let first = !posts().any(|earlier| earlier.body == got.body);
        if got.method == "GET" {
            let name = got.path.rsplit('/').next().unwrap();
            let about: Vec<_> =
                posts().filter(|sent| sent.body == format!("{{\"reference\":\"{name}\"}}")).collect();
            let applied = about.len() > usize::from(name.starts_with("top-3"));
            return Some(Answer::json(if applied { 200 } else { 404 }, &serde_json::json!({})));
        }
        let lost = first && !got.body.contains("top-1");
        (!lost).then(|| Answer::json(200, &serde_json::json!({})))
    });
    let send = format!("send x.ndjson --to ./t.toml --url {} --progress none --json", server.url());
    for (more, suffix) in [("", ""), (" --again", "~i2")] {
        let before = server.requests().len();
        bench.run(&format!("{send}{more}")).exits(0).books([3, 3, 0, 0, 0]);
        let got = &server.requests()[before..];
        let said = |id: u32| format!("{{\"reference\":\"top-{id}{suffix}\"}}");
        let sent = [1, 2, 3].map(|id| got.iter().filter(|got| got.body == said(id)).count());
        assert_eq!(sent, [1, 1, 2], "{got:?}");
        assert_eq!(
            got.len(),
            6,
            "each that was lost was asked about once, and there is no other key: {got:?}"
        );
    }
}

#[test]
fn a_rows_own_key_goes_on_after_a_patience_longer_than_the_target_remembers_keys() {
    let bench = bench();
    let own = "rows = 1\n[idempotency]\nscope = \"row\"\nsend = { header = \"Idempotency-Key\" }\nttl = \"301s\"\n\
               key = { template = \"top-${row:/id}\", format = \"raw\" }\n";
    bench.write("t.toml", ASKED.split("[verify]").next().unwrap().replace("rows = 1\n", own));
    let busy = Says("429 Too Many Requests", "retry-after: 1.2\r\n", "");
    let server = Scripted::start(&[busy, OK]);
    let send = format!("send x.ndjson --to ./t.toml --url {} --progress none --json", server.url);
    bench.run(&send).exits(0).books([1, 1, 0, 0, 0]);
    let keys: Vec<String> = server.got().into_iter().map(|got| got.key).collect();
    assert_eq!(keys, ["top-1", "top-1"]);
    bench.run("audit x.ndjson.bulkhaul x.ndjson").exits(0);
}

#[test]
fn a_target_that_cannot_be_asked_is_not_asked_to_verify() {
    let (bench, server) = (bench(), Scripted::start(&[OK]));
    let said = bench.run(&send(&server, "--on-ambiguous verify")).exits(2);
    assert!(said.stderr.contains("is asked\nhint: a profile says it in [verify]"), "{said:?}");
    assert!(server.got().is_empty());
}

#[test]
fn what_was_sent_again_without_keys_is_said_to_be_perhaps_there_twice() {
    let words = "1 row may be applied twice";
    for first in ["", "--on-ambiguous resend"] {
        let (bench, server) = (bench(), Scripted::start(&[Loses, OK]));
        let mut said = bench.run(&send(&server, first));
        if first.is_empty() {
            assert_eq!(said.exits(5).summary()["rows"]["may_be_doubled"], Value::Null);
            said = bench.run(&send(&server, "--on-ambiguous resend"));
        }
        let said = said.exits(0).books([1, 1, 0, 0, 0]);
        assert!(said.stderr.contains(words), "{said:?}");
        assert_eq!(said.summary()["rows"]["may_be_doubled"], 1);
        assert!(bench.run("status").stdout.contains(words));
        assert_eq!(bench.run(&send(&server, "")).summary()["rows"]["may_be_doubled"], 1);
        bench.run("audit x.ndjson.bulkhaul x.ndjson").exits(0);
    }
    // A key keeps what was sent again from being there twice.
    let (bench, server) = (bench(), Scripted::start(&[Loses, OK]));
    let said = bench.run(&send(&server, "--idempotency-header Key --on-ambiguous resend")).exits(0);
    assert!(!said.stderr.contains("twice") && said.summary()["rows"]["may_be_doubled"] == Value::Null);
}

#[test]
fn whoever_has_looked_ends_the_doubt_and_nothing_is_sent() {
    let refused = Says("422 Unprocessable", "", "{\"error\":\"duplicate\"}");
    let cases = [
        ("applied", "counts as delivered", 0, [3, 3, 0, 0, 0]),
        ("missing", "is a dead letter", 3, [3, 2, 1, 0, 0]),
    ];
    for (verdict, words, code, books) in cases {
        let bench = Bench::with("x.ndjson", "{\"id\":1}\n{\"id\":2}\n{\"id\":3}\n");
        let server = Scripted::start(&[OK, Loses, OK, refused.clone(), OK]);
        let send = send(&server, "--batch-rows 1 -j 1");
        let verdict = format!("{send} --verdict {verdict}");
        let said = bench.run(&verdict).exits(1);
        assert!(said.stderr.contains("and there is none here\nhint: finish the import first"), "{said:?}");
        bench.run(&send).exits(5).books([3, 2, 0, 1, 0]);
        // That it is refused now says nothing of the first sending.
        bench.run(&format!("{send} --on-ambiguous resend")).exits(5).books([3, 2, 0, 1, 0]);
        let listed = bench.run("rejects").exits(0).stdout;
        assert!(listed.contains("with --verdict missing makes a dead letter of it"), "{listed}");
        for times in 0..2 {
            let said = bench.run(&verdict).exits(code).books(books);
            let line = format!("of what was in doubt, 1 row {words}");
            assert_eq!(said.stderr.starts_with(&line), times == 0, "{said:?}");
            bench.run("audit x.ndjson.bulkhaul x.ndjson").exits(0);
        }
        assert_eq!(server.got().len(), 4);
        let told = u64::from(code == 0);
        assert_eq!(bench.run("status --json").exits(0).summary()["told_applied"], told);
        let line = "1 row delivered because a person found it there (--verdict applied)";
        assert_eq!(bench.run("status").exits(0).stdout.contains(line), told == 1);
        assert_eq!(bench.run("rejects --json").exits(0).summary()["in_doubt"], 0);
        let letters = bench.dead_letters("x.ndjson");
        if code == 3 {
            assert_eq!((letters[0]["row"].to_string(), letters.len()), ("{\"id\":2}".to_owned(), 1));
            assert_eq!(
                (&letters[0]["error"]["code"], &letters[0]["source"]["line"]),
                (&"not_applied".into(), &2.into())
            );
            let replay = format!("replay x.ndjson.bulkhaul --to {}/rows --progress none --json", server.url);
            bench.run(&replay).exits(0).books([1, 1, 0, 0, 0]);
            assert_eq!(server.got().last().unwrap().body, "[{\"id\":2}]");
        } else {
            assert!(letters.is_empty());
        }
    }
}

#[test]
fn the_doubt_about_a_stream_is_ended_from_what_the_ledger_keeps() {
    let (bench, server) = (Bench::new(), Scripted::start(&[Loses]));
    let send = format!("send - --format ndjson --state s --to {}/rows --progress none --json", server.url);
    let mut child = bench.command(&send).stdin(std::process::Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"{\"id\":1}\n{\"id\":2}\n").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(5));
    bench.run(&format!("{send} --verdict missing")).exits(3).books([2, 0, 2, 0, 0]);
    let letters = bench.read("s/dead-letters.ndjson");
    assert!(letters.lines().count() == 2 && letters.starts_with("{\"row\":{\"id\":1},"), "{letters}");
}

#[test]
fn a_verdict_is_about_a_finished_input_that_is_still_the_same() {
    let (bench, server) = (bench(), Scripted::start(&[Loses]));
    bench.run(&send(&server, "")).exits(5);
    bench.write("x.ndjson", "{\"id\":9}\n");
    bench.run(&send(&server, "--verdict missing")).exits(6);
    for wrong in ["--again", "--on-ambiguous resend", "--sync id --state s", "-n"] {
        bench.run(&send(&server, &format!("--verdict applied {wrong}"))).exits(2);
    }
    let said = bench.run(&send(&server, "--verdict applied --sync id --state s"));
    for words in [
        "`--verdict` is about a plain import",
        "--in-doubt --export ndjson` shows the rows; --on-ambiguous resend",
    ] {
        assert!(said.stderr.contains(words), "{said:?}");
    }
    bench.run("plan x.ndjson --to sandbox --verdict applied").exits(2);
    let said = bench.run("replay x.ndjson --to sandbox --verdict applied").exits(2);
    assert!(
        said.stderr.contains("what a replay left in doubt goes again by `replay … --in-doubt`"),
        "{said:?}"
    );
}

/// Rows merged by a key, a request of them all or nothing, and no error that names a row.
const MERGED: &str = "[profile]\nversion = 1\nname = \"m\"\n[params.base]\nrequired = true\n[limits]\nrows = 8\n[group]\n\
                      by = [\"/id\"]\nper_request = \"unique\"\norder = \"strict\"\n[request]\nurl = \"${param.base}/rows\"\n\
                      [idempotency]\nscope = \"natural\"\n[[response]]\nwhen = { status = [200] }\nthen = \"ok\"\n[[response]]\n\
                      when = { status = [413] }\nthen = \"split\"\n[[response]]\nwhen = { status = [400] }\nthen = \"bisect\"\n";

/// The earlier attempt may have applied the row at fault, if it was another one then; of all others there is no doubt that
/// it is harmless to write them once more.
#[test]
fn where_a_row_written_twice_is_written_once_a_refusal_behind_a_lost_answer_costs_only_the_row_at_fault() {
    let rows: String = (1..=8).map(|id| format!("{{\"id\":{id},\"bad\":{}}}\n", id == 5)).collect();
    for limit in [8, 3] {
        let (bench, server) = (
            Bench::with("x.ndjson", &rows),
            Server::saying(move |got, before| {
                let none = serde_json::json!({});
                let status = match got.body.matches("\"id\"").count() {
                    _ if before.is_empty() => return None,
                    rows if rows > limit => 413,
                    _ if got.body.contains("true") => 400,
                    _ => 200,
                };
                Some(Answer::json(status, &none))
            }),
        );
        bench.write("m.toml", MERGED);
        let send = format!("send x.ndjson --to ./m.toml --url {} --progress none", server.url());
        let said = bench.run(&send).exits(5).stderr;
        assert!(
            said.contains(
                "resend sends it again: that writes the same once more, also over a later row of its key\n"
            ),
            "{said}"
        );
        bench.run(&format!("{send} --json")).exits(5).books([8, 7, 0, 1, 0]);
        let listed = bench.run("rejects").exits(0).stdout;
        let why = "row 5: refused, and perhaps applied before by an attempt whose answer was lost: ";
        assert!(
            listed.contains(why) && listed.contains("sends it again: that writes the same once more"),
            "{listed}"
        );
        assert!(!listed.contains("double") && !listed.contains("key_first"), "{listed}");
        bench.run(&format!("{send} --json --on-ambiguous resend")).exits(3).books([8, 7, 1, 0, 0]);
        assert_eq!(bench.dead_letters("x.ndjson").len(), 1);
        bench.run("audit x.ndjson.bulkhaul x.ndjson").exits(0);
    }
}

/// Its job is in the ledger: once the profile can read what that came to, it is asked again, and only a job that is gone is
/// replaced by a new one.
#[test]
fn rows_in_doubt_behind_a_job_that_no_rule_could_read_are_asked_about_again_before_they_are_sent_again() {
    for gone in [false, true] {
        let bench = Bench::with("x.ndjson", "{\"id\":1}\n{\"id\":2}\n");
        let server = Server::saying(move |got, before| {
            let polls = before.iter().filter(|earlier| earlier.method == "GET").count();
            if got.method == "POST" {
                let jobs = before.iter().filter(|earlier| earlier.method == "POST").count();
                return Some(Answer::json(202, &serde_json::json!({ "id": jobs.to_string() })));
            }
            if gone && polls > 0 && got.path == "/jobs/0" {
                return Some(Answer::json(404, &serde_json::json!({})));
            }
            let results = [1, 2].map(|id| serde_json::json!({ "id": id, "status": "created" }));
            Some(Answer::json(200, &serde_json::json!({ "state": "done", "results": results })))
        });
        let profile = |word: &str| {
            bench.write(
                "p.toml",
                format!(
                    "[profile]\nversion = 1\nname = \"t\"\n[params.base]\nrequired = true\n[request]\n\
                     url = \"${{param.base}}/rows\"\n[idempotency]\nscope = \"batch\"\n\
                     send = {{ header = \"Idempotency-Key\" }}\n[[response]]\nwhen = {{ status = [202] }}\nthen = \"job\"\n\
                     [job]\nid = \"/id\"\nurl = \"${{param.base}}/jobs/${{job.id}}\"\nstate = \"/state\"\nevery = \"10ms\"\n\
                     grace = \"0s\"\n[job.end.done]\nthen = \"results\"\nresults = \"items\"\n[results.items]\n\
                     from = \"/results\"\nmatch = {{ by = \"id\", row = \"/id\", at = \"/id\" }}\ndefault = \"in_doubt\"\n\
                     [[results.items.rule]]\nwhen = {{ json = {{ \"/status\" = \"{word}\" }} }}\nthen = \"ok\"\n"
                ),
            );
        };
        let send = format!("send x.ndjson --to ./p.toml --url {} --progress none --json", server.url());
        profile("ok");
        bench.run(&send).exits(5).books([2, 0, 0, 2, 0]);
        profile("created");
        bench.run(&format!("{send} --on-ambiguous resend")).exits(0).books([2, 2, 0, 0, 0]);
        bench.run("audit x.ndjson.bulkhaul x.ndjson").exits(0);
        let sent = server.requests().into_iter().filter(|got| got.method == "POST").count();
        assert_eq!(sent, if gone { 2 } else { 1 }, "gone: {gone}");
    }
}

/// The order of a key's rows is promised by the profile, and rows that are sent again break it: whoever asks for that hears
/// of it before it is done.
#[test]
fn sending_rows_in_doubt_behind_later_ones_is_told_first_where_their_order_matters() {
    let rows = "{\"id\":1,\"n\":1}\n{\"id\":2,\"n\":1}\n{\"id\":1,\"n\":2}\n{\"id\":2,\"n\":2}\n";
    for (order, last) in [("strict", false), ("strict", true), ("free", false)] {
        let bench = Bench::with("x.ndjson", rows);
        // Of the first request, or the last, nobody hears.
        let server = Server::saying(move |got, before| {
            let lost = got.body.contains(if last { "\"n\":2" } else { "\"n\":1" });
            let first = !before.iter().any(|earlier| earlier.body == got.body);
            (!(lost && first)).then(|| Answer::json(200, &serde_json::json!({})))
        });
        let profile = MERGED.replace("rows = 8", "rows = 2").replace("strict", order);
        let alone = "[flow]\nconcurrency = 1\n[[response]]";
        bench.write("m.toml", profile.replace("natural", "none").replacen("[[response]]", alone, 1));
        let send = format!("send x.ndjson --to ./m.toml --url {} --progress none --json", server.url());
        let said = bench.run(&send).exits(5).books([4, 2, 0, 2, 0]);
        assert!(!said.stderr.contains("warning"), "{said:?}");
        let said = bench.run(&format!("{send} --on-ambiguous resend")).exits(0).books([4, 4, 0, 0, 0]);
        let warns = said.stderr.contains("warning: rows in doubt are sent again behind later ones");
        assert_eq!(warns, order == "strict" && !last, "{order} {last}: {said:?}");
    }
}
