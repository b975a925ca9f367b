//! A profile that can read no answer of its target ends the run after the first requests: else the whole file would be in
//! doubt.

use crate::support::Bench;
use crate::support::server::{Answer, Got, Server};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const KEYS: &str = "[idempotency]\nscope = \"batch\"\nsend = { header = \"Idempotency-Key\" }\n";

fn profile(bench: &Bench, keys: &str, from: &str, word: &str) {
    bench.write(
        "p.toml",
        format!(
            "[profile]\nversion = 1\nname = \"t\"\n[params.base]\nrequired = true\n[request]\n\
             url = \"${{param.base}}/rows\"\n{keys}[[response]]\nwhen = {{ status = [200] }}\nthen = \"results\"\n\
             results = \"items\"\n[results.items]\nfrom = \"{from}\"\n\
             match = {{ by = \"id\", row = \"/id\", at = \"/id\" }}\ndefault = \"in_doubt\"\n\
             [[results.items.rule]]\nwhen = {{ json = {{ \"/status\" = \"{word}\" }} }}\nthen = \"ok\"\n\
             [[results.items.rule]]\nwhen = {{ json = {{ \"/status\" = \"error\" }} }}\nthen = \"reject\"\n"
        ),
    );
}

fn ids(got: &Got) -> Vec<u64> {
    let rows: Value = serde_json::from_str(&got.body).unwrap();
    rows.as_array().unwrap().iter().map(|row| row["id"].as_u64().unwrap()).collect()
}

fn takes(got: &Got) -> Answer {
    let items: Vec<Value> = ids(got).iter().map(|id| json!({"id": id, "status": "created"})).collect();
    Answer::json(200, &json!({"from": "a\u{9b}31mb", "items": items}))
}

fn bench() -> Bench {
    let rows: String = (1..=400).map(|id| format!("{{\"id\":{id}}}\n")).collect();
    Bench::with("x.ndjson", rows)
}

fn send(server: &Server, more: &str) -> String {
    format!("send x.ndjson --to ./p.toml --url {} --batch-rows 10 --progress none {more}", server.url())
}

/// How often each row reached the target, where a key counts once.
fn applied(server: &Server, by_key: bool) -> BTreeMap<u64, usize> {
    let mut seen = std::collections::HashSet::new();
    let mut applied = BTreeMap::new();
    for got in server.requests() {
        let key = got.header("idempotency-key").unwrap_or_default().to_owned();
        if !by_key || seen.insert(key) {
            for id in ids(&got) {
                *applied.entry(id).or_default() += 1;
            }
        }
    }
    applied
}

#[test]
fn a_profile_whose_path_finds_nothing_ends_the_run_after_a_few_requests_with_the_rest_pending() {
    for (keys, jobs, from, word) in [
        ("", "", "/results", "created"),
        ("", "-j 1", "/results", "created"),
        (KEYS, "", "/results", "created"),
        (KEYS, "", "/items", "ok"),
        ("", "-j 1", "/items", "ok"),
    ] {
        let (bench, server) = (bench(), Server::saying(|got, _| Some(takes(got))));
        profile(&bench, keys, from, word);
        let said = bench.run(&send(&server, &format!("{jobs} --json"))).exits(1);
        let summary = said.summary();
        assert_eq!(summary["stopped_by"], "profile");
        let doubt = summary["rows"]["in_doubt"].as_u64().unwrap();
        let pending = summary["rows"]["pending"].as_u64().unwrap();
        assert!((50..=150).contains(&doubt) && (jobs.is_empty() || doubt == 50), "{said:?}");
        assert_eq!(pending, summary["rows"]["read"].as_u64().unwrap() - doubt);
        let reason = if from == "/items" {
            "no rule of the profile reads the entry {\"id\":"
        } else {
            "the answer (200) does not fit: there is nothing at /results in {\"from\":\"a\\u{9b}31mb\",\"items\":[{\"id\":"
        };
        let words = "error: the profile can read none of the target's answers, the last one: ";
        assert!(said.stderr.contains(&format!("{words}{reason}")), "{said:?}");
        assert!(!said.stderr.contains('\u{9b}'));
        let hint = "(bulkhaul targets check ./p.toml says how it reads answers); then the same command goes on with the rows \
                    that are pending\n";
        assert!(said.stderr.contains(hint), "{said:?}");
        profile(&bench, keys, "/items", "created");
        bench.run(&send(&server, "--json")).exits(5).books([400, 400 - doubt, 0, doubt, 0]);
        if keys.is_empty() {
            assert!(applied(&server, false).values().all(|times| *times == 1));
        } else {
            bench.run(&send(&server, "--json --on-ambiguous resend")).exits(0).books([400, 400, 0, 0, 0]);
            assert!(applied(&server, true).values().all(|times| *times == 1));
        }
        bench.run("audit x.ndjson.bulkhaul x.ndjson").exits(0);
    }
}

#[test]
fn a_target_some_of_whose_answers_can_be_read_is_sent_all_rows() {
    // One in four, and of others one row in twelve is refused.
    for every in [4, 12] {
        let server = Server::saying(move |got, before| {
            let (id, is_refused) = (ids(got)[0], every == 12);
            let is_readable = before.len() % every == every - 1 || is_refused && before.len() % 4 == 3;
            if !is_readable {
                return Some(Answer::json(200, &json!({"oops": id})));
            }
            let status = if is_refused { "error" } else { "created" };
            let items: Vec<Value> = ids(got).iter().map(|id| json!({"id": id, "status": status})).collect();
            Some(Answer::json(200, &json!({"items": items})))
        });
        let bench = bench();
        profile(&bench, "", "/items", "created");
        let said = bench.run(&send(&server, "-j 1 --json")).exits(5).summary();
        assert_eq!(
            (&said["rows"]["pending"], &said["rows"]["in_doubt"]),
            (&json!(0), &json!(300)),
            "{said:#}"
        );
    }
}
