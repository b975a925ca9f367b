//! Profiles to copy, over the real binary and HTTP: `fixtures/examples/FOLDER/profile.toml`.

use crate::products::page;
use crate::support::server::Server;
use crate::support::{Bench, said};
use serde_json::json;
use std::path::Path;

#[test]
fn a_bank_s_bulk_is_sent_polled_and_read_by_a_profile_from_its_documentation() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/examples/mambu");
    let read = |name: &str| page(&folder.join(format!("{name}.http")));
    let (accepted, busy, partial) = (read("answer-accepted"), read("poll-busy"), read("poll-partial"));
    let key = "k3y-canary";
    // The first answer is lost; the repeat must be the same request.
    let (answers, polls) = (accepted.answer(), [busy.answer(), partial.answer()]);
    let server = Server::saying(move |got, before| {
        assert_eq!(got.header("apikey"), Some(key));
        assert_eq!(got.header("accept"), Some("application/vnd.mambu.v2+json"));
        let polled = before.iter().filter(|got| got.method == "GET").count();
        match got.method.as_str() {
            "POST" => (!before.is_empty()).then(|| answers.clone()),
            _ => Some(polls[polled.min(1)].clone()),
        }
    });
    let bench = Bench::with("x.ndjson", std::fs::read(folder.join("rows.ndjson")).unwrap());
    bench.write(
        "quick.toml",
        "[profile]\nversion = 1\nname = \"quick\"\nextends = \"mambu.toml\"\n[job]\nevery = \"10ms\"\n",
    );
    bench.write("mambu.toml", std::fs::read(folder.join("profile.toml")).unwrap());
    bench.run("targets check mambu.toml").exits(0);
    let send = format!(
        "send x.ndjson --to ./quick.toml --url {}/api --progress none --json --results done.ndjson",
        server.url()
    );
    let done = said(bench.command(&send).env("MAMBU_APIKEY", key).output().unwrap()).exits(3);
    done.books([3, 2, 1, 0, 0]);
    let got = server.requests();
    let sent = |at: usize| (got[at].header("idempotency-key").unwrap(), &got[at].body);
    assert!(got[0].is("POST", "/api/deposits/deposit-transactions:bulk") && sent(0) == sent(1), "{got:?}");
    assert_eq!(*sent(0).1, read("request").body);
    assert!(got[2].is("GET", "/api/bulks/8a818e8f7b1c"), "{got:?}");
    let letters = bench.dead_letters("x.ndjson");
    let error = &letters[0]["error"];
    assert_eq!((&letters[0]["row"]["externalId"], &error["field"]), (&json!("d-2"), &json!("accountId")));
    assert_eq!((&error["code"], &error["message"]), (&json!("100"), &json!("INVALID_DEPOSIT_ACCOUNT_ID")));
    assert!(bench.read("done.ndjson").contains("\"id\":\"8a81802\""));
}
