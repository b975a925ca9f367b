//! A token that can be told from everything else, and every place where it must not stand.

use super::QUICK;
use crate::support::server::{Answer, Server};
use crate::support::{Bench, csv, said};
use std::path::Path;

const TOKEN: &str = "canary-7c3e9a-token";

fn holds(path: &Path, what: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holds(&path, what));
        } else if std::fs::read(&path).unwrap().windows(what.len()).any(|window| window == what.as_bytes()) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn a_token_that_the_server_says_again_and_again_is_in_no_file_and_in_no_word() {
    // It repeats what it was told in every kind of answer: refusals, errors, results, a rate limit, a job.
    let server = Server::saying(|got, before| {
        let told = got.header("authorization").unwrap_or_default();
        let results = serde_json::json!({"results": [
            {"id": "r1", "status": "error", "error": format!("not with {told}")},
            {"id": "r2", "status": "ok"}, {"id": "r3", "status": "ok"},
        ]});
        let error = serde_json::json!({"error": told, "message": format!("you said {told}")});
        Some(match before.len() {
            0 => Answer::json(500, &error),
            1 => Answer::json(429, &error),
            2 => Answer::json(418, &error),
            3 => Answer {
                status: told.to_owned(),
                headers: vec![("x-told".into(), told.into())],
                body: told.into(),
            },
            4 => Answer::json(200, &results),
            _ => Answer::json(401, &error),
        })
    });
    let bench = Bench::with("x.csv", csv(6));
    bench.write("quick.toml", QUICK);
    for more in ["-v", "-v --log-format json", "--json"] {
        let mut command = bench.command(&format!(
            "send x.csv --to ./quick.toml --url {} --batch-rows 3 -j 1 --progress plain {more}",
            server.url()
        ));
        let said = said(command.env("ORDERS_TOKEN", TOKEN).output().unwrap());
        let words = format!("{}{}", said.stdout, said.stderr);
        assert!(!words.contains("canary") && !words.contains("7c3e9a"), "{words}");
    }
    for words in
        ["status", "status --json", "rejects", "rejects --json", "rejects --export csv", "audit x.csv x.csv"]
    {
        let said = bench.run(words);
        assert!(!format!("{said:?}").contains("canary"), "{words}: {said:?}");
    }
    assert!(
        server
            .requests()
            .iter()
            .any(|got| got.header("authorization").is_some_and(|told| told.contains(TOKEN)))
    );
    assert_eq!(bench.dead_letters("x.csv").len(), 1, "the row was refused, with the words of the server");
    assert_eq!(holds(&bench.path("."), "7c3e9a"), Vec::<String>::new());
}

#[test]
fn a_token_that_is_a_part_of_a_header_is_masked_where_the_server_says_it_alone() {
    let headers = [
        "Authorization: Bearer ${env:TOK}",
        "Authorization: Bearer ${file:tok}",
        "Authorization: ${env:WHOLE}",
        "X-Thing: a-${env:TOK}-b",
    ];
    for (header, status) in headers.iter().flat_map(|header| [422, 401, 418, 302].map(|code| (header, code)))
    {
        let server = Server::saying(move |_, _| {
            let error = serde_json::json!({"error": format!("invalid token: {TOKEN}")});
            let mut answer = Answer::json(status, &error);
            answer.headers.push(("location".into(), format!("/login?token={TOKEN}")));
            Some(answer)
        });
        let bench = Bench::with("x.csv", csv(2));
        let tokens = tempfile::tempdir().unwrap();
        std::fs::write(tokens.path().join("tok"), format!("{TOKEN}\n")).unwrap();
        let send = format!("send x.csv --to {} --idempotency-header Key --progress plain -v", server.url());
        let header = header.replace("tok}", &format!("{}}}", tokens.path().join("tok").display()));
        let mut command = bench.command(&format!("{send} --json"));
        let whole = format!("Bearer {TOKEN}");
        let said =
            said(command.args(["-H", &header]).env("TOK", TOKEN).env("WHOLE", whole).output().unwrap());
        assert_ne!(said.exit, 0);
        let looked = [bench.run("status --json"), bench.run("rejects"), said];
        assert!(!format!("{looked:?}").contains(TOKEN), "{header} {status}: {looked:?}");
        assert_eq!(holds(&bench.path("."), TOKEN), Vec::<String>::new(), "{header} {status}");
    }
}

#[test]
fn the_ledger_holds_no_address() {
    let server = Server::start(&Answer::json(200, &serde_json::json!({})), None);
    let bench = Bench::with("x.csv", csv(3));
    let url = format!("{}/rows?k=seldom-seen", server.url());
    bench.run(&format!("send x.csv --to {url} --progress none")).exits(0);
    let port = server.url().rsplit(':').next().unwrap().to_owned();
    for what in ["seldom-seen", "127.0.0.1", &format!(":{port}")] {
        let found = holds(&bench.path("x.csv.bulkhaul"), what);
        assert!(!found.iter().any(|path| path.contains("ledger")), "{what}: {found:?}");
    }
}
