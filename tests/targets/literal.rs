//! Servers that are the seeds to the letter, and nothing more; and answers that would go on for ever.

use crate::support::server::{Answer, Got, Server};
use crate::support::{Bench, Said, said};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const ROWS: &str = "{\"id\":\"a\"}\n{\"id\":\"b\",\"amount\":-1}\n{\"id\":\"c\"}\n";

fn send(bench: &Bench, server: &Server, to: &str) -> Said {
    let mut command = bench.command(&format!("send {to} --url {} --progress none --json", server.url()));
    said(command.env("ORDERS_TOKEN", "t").env("J17_API_KEY", "t").output().unwrap())
}

fn ids(got: &Got, list: &str) -> Vec<String> {
    let body: Value = serde_json::from_str(&got.body).unwrap();
    body[list].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

/// The guide has one path for orders, and says of a success nothing.
#[test]
fn orders_atomic_goes_to_the_path_of_the_guide_and_asks_for_all_or_none() {
    for (refused, taken) in
        [(400, json!({"status": "ok"})), (200, json!({})), (409, json!({"success": true}))]
    {
        let bench = Bench::with("x.ndjson", ROWS);
        let server = Server::saying(move |got, _| {
            if !got.is("POST", "/api/orders/batch") || got.header("prefer") != Some("handling=strict") {
                return Some(Answer::json(404, &json!({"error": "no such path"})));
            }
            let bad = ids(got, "operations").iter().position(|id| id == "b");
            let error =
                |at: usize| json!({"status": "failed", "error": format!("Item {} invalid: no", at + 1)});
            Some(bad.map_or(Answer::json(200, &taken), |at| Answer::json(refused, &error(at))))
        });
        send(&bench, &server, "x.ndjson --to orders-atomic").exits(3).books([3, 2, 1, 0, 0]);
        assert_eq!(bench.dead_letters("x.ndjson")[0]["row"]["id"], "b", "{refused}");
        assert_eq!(server.requests().len(), 2);
    }
}

const EVENT: &str = "{\"aggregate_type\":\"user\",\"aggregate_id\":\"1\",\"type\":\"t\",\"data\":{}}\n";
/// As the built-in, in less time.
const HASTY: &str = "[retry]\nbase = \"1ms\"\nmax = \"1ms\"\nrow_attempts = 4\n";

/// Keys are looked up first, so that what was said of one is said again.
#[test]
fn a_conflict_that_nothing_can_be_read_again_for_goes_on_under_another_key_and_not_for_ever() {
    for (keys_refused, exit, books) in [(2, 0, [1, 1, 0, 0, 0]), (100, 4, [1, 0, 0, 0, 1])] {
        let bench = Bench::with("x.ndjson", EVENT);
        bench.write("t.toml", format!("[profile]\nversion = 1\nname = \"t\"\nextends = \"j17\"\n{HASTY}"));
        let server = Server::saying(move |got, before| {
            let keys: BTreeSet<_> =
                before.iter().chain([got]).map(|got| got.header("x-idempotency-key")).collect();
            let refused = keys.len() <= keys_refused;
            let written = json!({"ok": true, "stream_ids": ["1"], "count": 1});
            let conflict = json!({"ok": false, "error": "conflict"});
            Some(if refused { Answer::json(409, &conflict) } else { Answer::json(200, &written) })
        });
        let said = send(&bench, &server, "x.ndjson --to ./t.toml --set actor_id=a --set occ=off");
        said.exits(exit).books(books);
        let got = server.requests();
        let keys: BTreeSet<_> = got.iter().map(|got| got.header("x-idempotency-key")).collect();
        assert_eq!(keys.len(), got.len(), "no key is sent again once it was decided");
        assert_eq!(got.len(), if exit == 0 { 3 } else { 4 });
    }
}

#[test]
fn an_answer_that_settles_no_row_is_not_asked_for_again_at_once_and_for_ever() {
    let bench = Bench::with("x.ndjson", "{\"id\":\"a\"}\n{\"id\":\"c\"}\n");
    bench.write(
        "t.toml",
        format!(
            "[profile]\nversion = 1\nname = \"t\"\n[params.base]\nrequired = true\n[request]\nurl = \"${{param.base}}/x\"\n{HASTY}\
             [[response]]\nwhen = {{ status = [200] }}\nthen = \"results\"\nresults = \"r\"\n[results.r]\nfrom = \"\"\n\
             match = {{ by = \"position\" }}\ndefault = \"collateral\"\n[[results.r.rule]]\nwhen = {{ json = {{ \"/s\" = 400 }} }}\nthen = \"reject\"\n"
        ),
    );
    let server = Server::start(&Answer::json(200, &json!([{"s": 424}, {"s": 424}])), None);
    let said = send(&bench, &server, "x.ndjson --to ./t.toml");
    assert!(said.stderr.contains("it gives rows back again and again"), "{said:?}");
    said.exits(4).books([2, 0, 0, 0, 2]);
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn a_key_that_is_being_carried_out_is_never_exchanged_for_another() {
    let bench = Bench::with("x.ndjson", "{\"id\":\"a\"}\n");
    let short =
        "[profile]\nversion = 1\nname = \"t\"\nextends = \"orders-batch\"\n[idempotency]\nttl = \"301s\"\n";
    bench.write("t.toml", short);
    let mut busy = Answer::json(409, &json!({"error": "a request with this key is in progress"}));
    busy.headers.push(("retry-after".to_owned(), "1.2".to_owned()));
    let server = Server::start(&busy, None);
    send(&bench, &server, "x.ndjson --to ./t.toml").exits(5).books([1, 0, 0, 1, 0]);
    assert_eq!(server.requests().len(), 1);
}
