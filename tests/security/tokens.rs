//! Tokens that are missing, empty, broken, typed or overheard: each found before anything is sent, and never repeated.

use crate::support::server::{Answer, Server};
use crate::support::{Bench, Said, csv, said};
use serde_json::json;

const CANARY: &str = "canary-51d0";

fn server() -> Server {
    Server::start(&Answer::json(200, &json!({})), None)
}

/// What a target of the seeds needs beside its address, and the variable of its token.
const SEEDS: [(&str, &str, &str); 8] = [
    ("j17", "--set actor_id=a", "J17_API_KEY"),
    ("j17-new", "--set actor_id=a", "J17_API_KEY"),
    ("j17-migrate", "--set actor_id=a", "J17_API_KEY"),
    ("orders-batch", "", "ORDERS_TOKEN"),
    ("orders-atomic", "", "ORDERS_TOKEN"),
    ("imports-async", "", "ORDERS_TOKEN"),
    ("experiture-append", "--set object=o", "EXPERITURE_API_KEY"),
    ("experiture-upsert", "--set object=o", "EXPERITURE_API_KEY"),
];

#[track_caller]
fn refused(said: &Said, server: &Server, bench: &Bench) {
    assert!(server.requests().is_empty(), "{said:?}");
    assert!(!bench.path("x.csv.bulkhaul").exists(), "{said:?}");
    assert!(!format!("{said:?}").contains("canary"), "{said:?}");
}

#[test]
fn a_seed_target_without_its_token_is_refused_before_anything_is_sent() {
    let (bench, server) = (Bench::with("x.csv", csv(2)), server());
    for (name, more, variable) in SEEDS {
        let send = format!("send x.csv --to {name} --url {} {more} --progress none", server.url());
        let unset = said(bench.command(&send).env_remove(variable).output().unwrap()).exits(1);
        assert_eq!(
            unset.stderr,
            format!(
                "error: `{name}` needs a token, and ${variable} is not set\nhint: export {variable}=… first\n"
            )
        );
        let empty = said(bench.command(&send).env(variable, "").output().unwrap()).exits(1);
        assert_eq!(
            empty.stderr,
            format!(
                "error: the environment variable `{variable}` is empty\nhint: export {variable}=… first\n"
            )
        );
        for said in [unset, empty] {
            refused(&said, &server, &bench);
        }
    }
}

#[test]
fn the_practice_server_of_the_run_needs_no_token_and_a_plan_only_tells_of_it() {
    let bench = Bench::with("x.csv", csv(2));
    let run = |words: &str, token: Option<&str>| {
        let mut command = bench.command(words);
        match token {
            Some(token) => command.env("ORDERS_TOKEN", token),
            None => command.env_remove("ORDERS_TOKEN"),
        };
        said(command.output().unwrap()).exits(0)
    };
    run("send x.csv --to sandbox --progress none --state a", None);
    run("send x.csv --to sandbox --progress none --state b", Some(""));
    let plan = run("plan x.csv --to orders-batch --url http://127.0.0.1:9", None);
    assert!(plan.stdout.contains("note: $ORDERS_TOKEN is not set; `send` needs it\n"), "{plan:?}");
}

#[test]
fn a_secret_that_no_header_can_carry_is_found_at_the_start_and_its_variable_named() {
    let (bench, server) = (Bench::with("x.csv", csv(2)), server());
    let send = format!("send x.csv --to orders-batch --url {} --progress none", server.url());
    for (value, what) in
        [(format!("{CANARY}\n"), "a line end"), (format!("{CANARY}\u{1b}"), "a control character")]
    {
        let broken = said(bench.command(&send).env("ORDERS_TOKEN", value).output().unwrap()).exits(1);
        let told = format!("error: the environment variable `ORDERS_TOKEN` holds {what}\n");
        assert!(broken.stderr.starts_with(&told), "{broken:?}");
        refused(&broken, &server, &bench);
    }
    bench.write("empty", "\n");
    for more in [["--set", "token=${file:empty}"], ["-H", "X-Token: ${file:empty}"]] {
        let empty = said(bench.command(&send).args(more).output().unwrap()).exits(1);
        assert!(empty.stderr.contains("the file `empty` is empty"), "{empty:?}");
        refused(&empty, &server, &bench);
    }
}

#[test]
fn a_secret_that_is_typed_into_an_address_or_a_header_is_refused_with_the_remedy() {
    let (bench, server) = (Bench::with("x.csv", csv(2)), server());
    let url = server.url();
    let typed = [
        vec!["--to".to_owned(), format!("{url}/rows?a=1&api_key={CANARY}")],
        vec!["--to".to_owned(), format!("{url}/rows?token={CANARY}#x")],
        vec![
            "--to".to_owned(),
            "orders-batch".to_owned(),
            "--url".to_owned(),
            format!("{url}?access_token={CANARY}"),
        ],
        vec![
            "--to".to_owned(),
            "single".to_owned(),
            "--url".to_owned(),
            url.to_owned(),
            "--set".to_owned(),
            format!("path=/x?key={CANARY}"),
        ],
        vec!["--to".to_owned(), format!("{url}/rows"), "-H".to_owned(), format!("X-Token: {CANARY}")],
        vec!["--to".to_owned(), format!("{url}/rows"), "-H".to_owned(), format!("X-Shop-Secret: {CANARY}")],
        vec![
            "--to".to_owned(),
            format!("{url}/rows"),
            "-H".to_owned(),
            format!("Subscription-Key: {CANARY}"),
        ],
    ];
    for words in typed {
        let mut command = bench.command("send x.csv --progress none --json");
        let said = said(command.args(&words).output().unwrap()).exits(2);
        assert!(said.stderr.contains("is a secret, and was typed\nhint: name it "), "{words:?}: {said:?}");
        refused(&said, &server, &bench);
    }
}

#[test]
fn a_secret_header_is_no_part_of_what_an_import_is() {
    let (bench, server) = (Bench::with("x.csv", csv(2)), server());
    let send = format!("send x.csv --to {}/rows --progress none --json -H", server.url());
    let run = |token: &str| {
        let mut command = bench.command(&send);
        said(command.arg("X-Token: ${env:MINE}").env("MINE", token).output().unwrap()).exits(0).summary()
    };
    assert_eq!(run("one")["import_id"], run("another")["import_id"]);
}

#[test]
fn a_token_over_plain_http_to_another_machine_is_warned_of() {
    let (bench, server) = (Bench::with("x.csv", csv(2)), server());
    // This machine, too, and not by its name.
    let url = server.url().replace("127.0.0.1", "0.0.0.0");
    let warning = "over plain http, and whoever is on the way can read it";
    let run = |words: &str, url: &str| {
        let mut command = bench.command(&format!("{words} --url {url}"));
        said(
            command.args(["--to", "single", "--set", "path=/x"]).env("BULKHAUL_TOKEN", "t").output().unwrap(),
        )
        .exits(0)
    };
    let sent = run("send x.csv --progress none --state a", &url);
    assert!(sent.stderr.starts_with("warning: the token goes to http://0.0.0.0"), "{sent:?}");
    assert!(run("plan x.csv", &url).stdout.contains(warning));
    assert!(!run("send x.csv --progress none --state b", server.url()).stderr.contains("warning"));
    let profile = "[profile]\nversion = 1\nname = \"t\"\n[params.token]\nenv = \"T\"\nsecret = true\n[auth]\nscheme = \"bearer\"\n\
                   token = \"${param.token}\"\n[request]\nurl = \"http://api.example.com/x\"\n";
    bench.write("t.toml", profile);
    assert!(bench.run("targets check t.toml").exits(0).stdout.contains("its token goes over plain http"));
}
