//! OAuth 2 client credentials: a token is asked for first, renewed once where the target no longer takes it, and never
//! written down.

use crate::support::server::{Answer, Got, Server};
use crate::support::{Bench, Said, said};
use serde_json::json;

const PROFILE: &str = r#"[profile]
version = 1
name = "oauth"
[params.base]
required = true
[params.secret]
env = "CLIENT_SECRET"
secret = true
[auth]
scheme = "oauth2_client_credentials"
token_url = "${param.base}/token"
client_id = "me"
client_secret = "${param.secret}"
[limits]
rows = 2
[request]
url = "${param.base}/rows"
[idempotency]
scope = "batch"
send = { header = "Idempotency-Key" }
[flow]
concurrency = 1
[[response]]
when = { status = [200] }
then = "ok"
[[response]]
when = { status = [202] }
then = "job"
[job]
id = "/id"
url = "${param.base}/jobs/${job.id}"
state = "/state"
every = "10ms"
every_max = "10ms"
[job.end.done]
then = "ok"
"#;

/// Tokens are `canary-N`, each good as long as no later one was given; `says` is asked once the token is taken.
fn server(says: impl Fn(&Got, &[Got]) -> Answer + Send + Sync + 'static) -> Server {
    Server::saying(move |got, before| {
        let given = before.iter().filter(|got| got.path == "/token").count();
        if got.path == "/token" {
            assert_eq!(got.header("authorization"), Some("Basic bWU6c2VjcmV0LWNhbmFyeQ=="));
            assert_eq!(got.body, "grant_type=client_credentials");
            return Some(Answer::json(200, &json!({"access_token": format!("canary-{}", given + 1)})));
        }
        if got.header("authorization") != Some(&format!("Bearer canary-{given}")) {
            return Some(Answer::json(401, &json!({"error": "unknown token"})));
        }
        Some(says(got, before))
    })
}

fn send(server: &Server) -> (Bench, Said) {
    send_by(PROFILE, server)
}

fn send_by(profile: &str, server: &Server) -> (Bench, Said) {
    let bench =
        Bench::with("x.ndjson", "{\"id\":1}\n{\"id\":2}\n{\"id\":3}\n{\"id\":4}\n{\"id\":5}\n{\"id\":6}\n");
    bench.write("oauth.toml", profile);
    let mut command = bench.command(&format!(
        "send x.ndjson --to ./oauth.toml --url {} --progress none --json -v",
        server.url()
    ));
    let said = said(command.env("CLIENT_SECRET", "secret-canary").output().unwrap());
    assert!(!said.stderr.contains("canary") && !said.stdout.contains("canary"), "{said:#?}");
    for entry in std::fs::read_dir(bench.path("x.ndjson.bulkhaul")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read(&path).unwrap();
        assert!(!String::from_utf8_lossy(&text).contains("canary"), "{} holds a secret", path.display());
    }
    (bench, said)
}

fn ok() -> Answer {
    Answer::json(200, &json!({}))
}

fn expired() -> Answer {
    Answer::json(401, &json!({"error": "expired: canary-1"}))
}

fn paths(server: &Server) -> Vec<String> {
    server.requests().into_iter().map(|got| got.path).collect()
}

#[test]
fn a_token_is_asked_for_first_and_goes_into_every_request() {
    let server = server(|_, _| ok());
    send(&server).1.exits(0).books([6, 6, 0, 0, 0]);
    assert_eq!(paths(&server), ["/token", "/rows", "/rows", "/rows"]);
}

#[test]
fn a_token_that_expired_is_renewed_once_and_the_request_goes_again_as_it_was() {
    let server = server(|got, before| {
        let old = got.header("authorization") == Some("Bearer canary-1");
        let taken = before.iter().filter(|got| got.path == "/rows").count();
        if old && taken >= 1 { expired() } else { ok() }
    });
    send(&server).1.exits(0).books([6, 6, 0, 0, 0]);
    assert_eq!(paths(&server), ["/token", "/rows", "/rows", "/token", "/rows", "/rows"]);
    let got = server.requests();
    let key = |at: usize| (got[at].header("idempotency-key").unwrap().to_owned(), got[at].body.clone());
    assert_eq!(key(2), key(4));
}

#[test]
fn a_fresh_token_that_is_not_taken_stops_the_run_with_its_rows_pending() {
    let server = server(|_, _| expired());
    let (_, said) = send(&server);
    assert!(said.stderr.contains("401") && said.stderr.contains("hint: "), "{said:#?}");
    let rows = said.exits(1).summary()["rows"].clone();
    assert_eq!((&rows["delivered"], &rows["rejected"], &rows["in_doubt"]), (&json!(0), &json!(0), &json!(0)));
    assert_eq!(paths(&server), ["/token", "/rows"]);
}

#[test]
fn a_token_that_expires_while_jobs_are_polled_is_renewed_each_time() {
    // A token lives for five requests; each job takes four polls.
    let server = server(|got, before| {
        let last = before.iter().rposition(|got| got.path == "/token").unwrap();
        if before.len() - last > 5 {
            return expired();
        }
        if got.method == "POST" {
            return Answer::json(202, &json!({"id": before.len()}));
        }
        let polls = before.iter().filter(|earlier| earlier.path == got.path).count();
        Answer::json(200, &json!({"state": if polls < 4 { "running" } else { "done" }}))
    });
    send(&server).1.exits(0).books([6, 6, 0, 0, 0]);
    let posts = server.requests().iter().filter(|got| got.path == "/rows").count();
    let tokens = server.requests().iter().filter(|got| got.path == "/token").count();
    assert!((3..=4).contains(&posts) && tokens >= 3, "{:?}", paths(&server));
}

#[test]
fn a_token_that_expires_before_a_question_is_renewed_and_the_question_is_asked_again() {
    let keys = "scope = \"batch\"\nsend = { header = \"Idempotency-Key\" }\n";
    assert!(PROFILE.contains(keys));
    let verifies = "scope = \"none\"\non_ambiguous = \"verify\"\n[verify]\nurl = \"${param.base}/applied/${batch.key}\"\n\
                    applied = { status = [200] }\nnot_applied = { status = [404] }\n";
    let server = Server::saying(|got, before| {
        let asked = |path: &str| before.iter().filter(|got| got.path.starts_with(path)).count();
        match (got.path.as_str(), asked("/applied")) {
            ("/token", _) => {
                let token = format!("canary-{}", asked("/token") + 1);
                Some(Answer::json(200, &json!({"access_token": token})))
            }
            // The answer to the second rows is lost.
            ("/rows", _) if asked("/rows") == 1 => None,
            ("/rows", _) => Some(ok()),
            (_, 0) => Some(expired()),
            _ => Some(ok()),
        }
    });
    send_by(&PROFILE.replace(keys, verifies), &server).1.exits(0).books([6, 6, 0, 0, 0]);
    let got = server.requests();
    let asked: Vec<_> = got.iter().filter(|got| got.path.starts_with("/applied")).collect();
    let tokens: Vec<_> = asked.iter().map(|got| got.header("authorization").unwrap()).collect();
    assert_eq!(tokens, ["Bearer canary-1", "Bearer canary-2"]);
    assert_eq!(asked[0].path, asked[1].path);
    assert_eq!(got.iter().filter(|got| got.path == "/rows").count(), 3, "nothing is sent twice");
}
