//! Answers that tell of some rows, and say of others what the profile cannot read: once it can, they are read again, and
//! nothing is sent twice.

use crate::support::Bench;
use crate::support::server::{Answer, Server};
use serde_json::{Value, json};
use std::collections::HashSet;

const ROWS: &str = "{\"id\":1}\n{\"id\":2}\n{\"id\":3}\n{\"id\":4}\n";

fn ids(body: &str) -> Vec<u64> {
    let body: Value = serde_json::from_str(body).unwrap();
    let rows = body.get("items").unwrap_or(&body).as_array().unwrap();
    rows.iter().map(|row| row["id"].as_u64().unwrap()).collect()
}

/// Row 1 is refused, "ok" is said of row 2, and of the others a word that the profile has to know.
fn results(body: &str) -> Vec<Value> {
    let word = |id: u64| match id {
        1 => "error",
        2 => "ok",
        _ => "created",
    };
    ids(body).into_iter().map(|id| json!({"id": id, "status": word(id)})).collect()
}

fn server() -> Server {
    Server::saying(|got, _| Some(Answer::json(200, &json!({"results": results(&got.body)}))))
}

/// How often each row was applied: a key that it knows is answered, and no more.
fn applied(server: &Server) -> [usize; 4] {
    let mut known = HashSet::new();
    let mut times = [0; 4];
    for got in server.requests() {
        if known.insert(got.header("idempotency-key").map(str::to_owned)) {
            for id in ids(&got.body) {
                times[id as usize - 1] += 1;
            }
        }
    }
    times
}

/// The rows in doubt, as a person is shown them.
fn in_doubt(bench: &Bench) -> Vec<u64> {
    let shown = bench.run("rejects x.ndjson.bulkhaul --in-doubt --export ndjson").exits(0).stdout;
    let id = |line: &str| serde_json::from_str::<Value>(line).unwrap()["row"]["id"].as_u64().unwrap();
    shown.lines().map(id).collect()
}

fn profile(bench: &Bench, words: &str, idempotency: &str) {
    bench.write(
        "p.toml",
        format!(
            "[profile]\nversion = 1\nname = \"t\"\n[params.base]\nrequired = true\n[request]\n\
             url = \"${{param.base}}/rows\"\n[idempotency]\n{idempotency}\n[[response]]\nwhen = {{ status = [200] }}\n\
             then = \"results\"\nresults = \"items\"\n[results.items]\nfrom = \"/results\"\n\
             match = {{ by = \"id\", row = \"/id\", at = \"/id\" }}\ndefault = \"in_doubt\"\n\
             [[results.items.rule]]\nwhen = {{ json = {{ \"/status\" = [{words}] }} }}\nthen = \"ok\"\n\
             [[results.items.rule]]\nwhen = {{ json = {{ \"/status\" = \"error\" }} }}\nthen = \"reject\"\n"
        ),
    );
}

const KEYS: &str = "scope = \"batch\"\nsend = { header = \"Idempotency-Key\" }";

#[test]
fn rows_that_an_answer_said_something_unreadable_of_are_asked_about_once_it_can_be_read_and_not_sent_twice() {
    let (bench, server) = (Bench::with("x.ndjson", ROWS), server());
    let send = format!("send x.ndjson --to ./p.toml --url {} --progress none --json", server.url());
    profile(&bench, "\"ok\"", KEYS);
    bench.run(&send).exits(5).books([4, 1, 1, 2, 0]);
    // As long as nobody has mended the profile, the same is said and is not readable.
    bench.run(&format!("{send} --on-ambiguous resend")).exits(5).books([4, 1, 1, 2, 0]);
    bench.run("audit x.ndjson.bulkhaul x.ndjson").exits(0);
    assert_eq!(in_doubt(&bench), [3, 4]);
    profile(&bench, "\"ok\", \"created\"", KEYS);
    let said = bench.run(&format!("{send} --on-ambiguous resend")).exits(3).books([4, 3, 1, 0, 0]);
    assert!(said.summary()["rows"]["may_be_doubled"].is_null(), "{said:?}");
    bench.run("audit x.ndjson.bulkhaul x.ndjson").exits(0);
    let requests = server.requests();
    assert!(requests.iter().all(|got| got.body == requests[0].body), "the same key has the same bytes");
    assert_eq!((requests.len(), applied(&server)), (3, [1, 1, 1, 1]));
    assert_eq!(bench.dead_letters("x.ndjson").len(), 1);
}

#[test]
fn what_a_feed_could_not_read_is_asked_about_before_the_next_one() {
    let (bench, server) = (Bench::with("x.ndjson", ROWS), server());
    let send = format!(
        "send x.ndjson --to ./p.toml --url {} --progress none --json --sync id --state x.ndjson.bulkhaul",
        server.url()
    );
    profile(&bench, "\"ok\"", KEYS);
    bench.run(&send).exits(5).books([4, 1, 1, 2, 0]);
    bench.run("audit x.ndjson.bulkhaul x.ndjson").exits(0);
    assert_eq!(in_doubt(&bench), [3, 4]);
    profile(&bench, "\"ok\", \"created\"", KEYS);
    // What was refused is tried again by the feed itself.
    let said = bench.run(&format!("{send} --on-ambiguous resend")).exits(3).books([4, 0, 1, 0, 0]);
    assert_eq!(said.summary()["rows"]["unchanged"], 3, "{said:?}");
    bench.run("audit x.ndjson.bulkhaul x.ndjson").exits(0);
    assert_eq!(applied(&server)[1..], [1, 1, 1]);
}

/// One job for each key; its results as those of a request.
fn jobs() -> Server {
    Server::saying(|got, before| {
        if got.method == "POST" {
            let job = got.header("idempotency-key").unwrap();
            return Some(Answer::json(202, &json!({"job_id": job, "status_url": format!("/jobs/{job}")})));
        }
        let job = got.path.rsplit('/').next();
        let request = before.iter().find(|sent| sent.header("idempotency-key") == job);
        Some(Answer::json(200, &json!({"status": "completed", "results": results(&request.unwrap().body)})))
    })
}

#[test]
fn what_a_job_said_unreadably_is_asked_about_once_it_can_be_read_and_no_row_goes_into_a_second_job() {
    for rows in [ROWS, "{\"id\":3}\n{\"id\":4}\n"] {
        let (bench, server) = (Bench::with("x.ndjson", rows), jobs());
        let profile = |words: &str| {
            bench.write(
                "p.toml",
                format!(
                    "[profile]\nversion = 1\nname = \"t\"\nextends = \"imports-async\"\n[job]\nevery = \"20ms\"\n\
                     [[results.items.rule]]\nwhen = {{ json = {{ \"/status\" = [{words}] }} }}\nthen = \"ok\"\n\
                     [[results.items.rule]]\nwhen = {{ json = {{ \"/status\" = \"error\" }} }}\nthen = \"reject\"\n"
                ),
            );
        };
        let send = format!("send x.ndjson --to ./p.toml --url {} --progress none --json", server.url());
        let all = rows.lines().count() as u64;
        profile("\"ok\"");
        bench.run(&send).exits(5).books([all, (all - 2) / 2, (all - 2) / 2, 2, 0]);
        profile("\"ok\", \"created\"");
        let exit = if all > 2 { 3 } else { 0 };
        let said = bench.run(&format!("{send} --on-ambiguous resend")).exits(exit);
        said.books([all, all / 2 + 1, (all - 2) / 2, 0, 0]);
        bench.run("audit x.ndjson.bulkhaul x.ndjson").exits(0);
        let keys: HashSet<String> = server
            .requests()
            .iter()
            .filter(|got| got.method == "POST")
            .map(|got| got.header("idempotency-key").unwrap().to_owned())
            .collect();
        assert_eq!(keys.len(), 1, "{keys:?}");
    }
}

#[test]
fn what_the_mended_profile_still_cannot_read_stays_in_doubt_and_is_asked_about_the_same_way() {
    let (bench, server) = (
        Bench::with("x.ndjson", ROWS),
        Server::saying(|got, _| {
            let entry = |id: &u64| json!({"id": id, "status": format!("word {id}")});
            Some(Answer::json(200, &json!({"results": ids(&got.body).iter().map(entry).collect::<Vec<_>>()})))
        }),
    );
    let send = format!("send x.ndjson --to ./p.toml --url {} --progress none --json", server.url());
    profile(&bench, "\"word 1\"", KEYS);
    bench.run(&send).exits(5).books([4, 1, 0, 3, 0]);
    for (words, delivered) in [("\"word 3\"", 2), ("\"word 2\"", 3)] {
        profile(&bench, words, KEYS);
        let said = bench.run(&format!("{send} --on-ambiguous resend")).exits(5);
        said.books([4, delivered, 0, 4 - delivered, 0]);
        bench.run("audit x.ndjson.bulkhaul x.ndjson").exits(0);
    }
    bench.run(&format!("{send} --verdict missing")).exits(3).books([4, 3, 1, 0, 0]);
    assert_eq!(bench.dead_letters("x.ndjson")[0]["row"]["id"], 4);
    bench.run("audit x.ndjson.bulkhaul x.ndjson").exits(0);
    assert_eq!(applied(&server), [1, 1, 1, 1]);
}

#[test]
fn a_refusal_of_the_whole_request_says_nothing_of_rows_whose_answer_was_there_already() {
    for status in [413, 422] {
        let server = Server::saying(move |got, before| {
            let is_again = before.iter().any(|sent| sent.method == "POST");
            let all = Answer::json(200, &json!({"results": results(&got.body)}));
            Some(if is_again { Answer::json(status, &json!({"error": "too many rows"})) } else { all })
        });
        let bench = Bench::with("x.ndjson", "{\"id\":1}\n{\"id\":2}\n{\"id\":3}\n");
        let send = format!("send x.ndjson --to ./p.toml --url {} --progress none --json", server.url());
        let rules = format!("{KEYS}\n[[response]]\nwhen = {{ status = [422] }}\nthen = \"bisect\"");
        profile(&bench, "\"ok\"", &rules);
        bench.run(&send).exits(5).books([3, 1, 1, 1, 0]);
        profile(&bench, "\"ok\", \"created\"", &rules);
        bench.run(&format!("{send} --on-ambiguous resend")).exits(5).books([3, 1, 1, 1, 0]);
        assert_eq!(bench.dead_letters("x.ndjson").len(), 1, "{status}");
        bench.run("audit x.ndjson.bulkhaul x.ndjson").exits(0);
    }
}

/// Nothing remembers the request as a whole: asked for so, it would be there twice, or what was refused would be taken.
#[test]
fn without_memory_for_whole_requests_only_the_rows_in_doubt_are_sent_again() {
    for idempotency in ["scope = \"none\"", "scope = \"natural\"", &format!("{KEYS}\nttl = \"1s\"")] {
        let (bench, server) = (Bench::with("x.ndjson", ROWS), server());
        let send = format!("send x.ndjson --to ./p.toml --url {} --progress none --json", server.url());
        profile(&bench, "\"ok\"", idempotency);
        bench.run(&send).exits(5).books([4, 1, 1, 2, 0]);
        profile(&bench, "\"ok\", \"created\"", idempotency);
        let said = bench.run(&format!("{send} --on-ambiguous resend")).exits(3).books([4, 3, 1, 0, 0]);
        let bodies: Vec<String> = server.requests().into_iter().map(|got| got.body).collect();
        assert_eq!(bodies[1..], ["[{\"id\":3},{\"id\":4}]"], "{idempotency}");
        if !idempotency.contains("natural") {
            assert_eq!(said.summary()["rows"]["may_be_doubled"], 2, "{idempotency}: {said:?}");
        }
        bench.run("audit x.ndjson.bulkhaul x.ndjson").exits(0);
    }
}
