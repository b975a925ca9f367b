//! The log: each line with its request and key, and nothing in it that is nobody's business.

use crate::support::server::{Answer, Server};
use crate::support::{Bench, csv, said};
use serde_json::Value;
use std::collections::HashSet;

const SECRET: &str = "s3cr3t-of-the-house";

fn lines(stderr: &str) -> Vec<Value> {
    stderr.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
}

#[test]
fn as_json_every_word_on_stderr_is_a_line_of_it_and_every_batch_has_its_request_and_key() {
    let bench = Bench::with("x.csv", csv(40));
    let said = bench
        .run("send x.csv --to sandbox --batch-rows 5 --faults reject=10%,throttle=10%,drop-after=40% --seed 3 -v --log-format json");
    let lines = lines(&said.exits(3).stderr);
    let about: Vec<&Value> = lines.iter().filter(|line| line.get("batch").is_some()).collect();
    let mut keys = HashSet::new();
    for line in &about {
        assert_eq!(line["key"].as_str().map(str::len), Some(36), "{line}");
        assert!(line["message"] == "is planned" || line["request"].as_u64().is_some(), "{line}");
        keys.insert(line["key"].as_str().unwrap());
    }
    assert_eq!(keys.len(), 8);
    for word in ["leaves", "is answered", "has its end", "has an unknown outcome"] {
        assert!(lines.iter().any(|line| line["message"] == word), "{word}: {lines:#?}");
    }
    let unknown = about.iter().find(|line| line["message"] == "has an unknown outcome").unwrap();
    assert_eq!(unknown["level"], "WARN");
    // The same request of the same batch, once more under its key.
    let again = |line: &&&Value| line["message"] == "leaves" && line["key"] == unknown["key"];
    assert!(about.iter().filter(again).count() > 1);
    assert!(lines.iter().any(|line| line["message"].as_str().unwrap().starts_with("done: ")));
}

#[test]
fn without_v_only_what_matters_is_logged_and_the_last_line_has_the_command_that_goes_on() {
    let bench = Bench::with("x.csv", csv(40));
    let said = bench.run("send x.csv --to sandbox --batch-rows 5 --log-format json").exits(0);
    assert!(lines(&said.stderr).iter().all(|line| line["level"] != "DEBUG"), "{said:?}");
    let said = bench.run("send x.csv --to nowhere.toml --log-format json").exits(1);
    assert_eq!(lines(&said.stderr)[0]["level"], "ERROR");
    let said =
        bench.run("send x.csv --to sandbox --state y --batch-rows 1 --max-elapsed 1ms --log-format json");
    let lines = lines(&said.exits(4).stderr);
    assert!(lines.iter().any(|line| line["level"] == "WARN"), "{lines:?}");
    let last = lines.last().unwrap();
    assert_eq!(last["message"], "to go on:");
    assert!(last["command"].as_str().unwrap().starts_with("bulkhaul send x.csv "), "{last}");
}

#[test]
fn no_secret_no_row_and_no_control_character_is_in_it() {
    let answer = Answer {
        status: "418 Teapot".to_owned(),
        headers: Vec::new(),
        body: format!("{{\"error\":\"you said Bearer {SECRET} \\u001b[2J\"}}"),
    };
    let server = Server::start(&answer, None);
    let bench = Bench::with("x.csv", "id,name\n1,a-name-of-a-person\n");
    for format in ["text", "json"] {
        let url = server.url();
        let mut command = bench.command(&format!(
            "send x.csv --to {url}/rows?q={SECRET} -v --log-format {format} --state {format} --idempotency-header Idempotency-Key"
        ));
        command.args(["-H", "Authorization: Bearer ${env:TOKEN}"]).env("TOKEN", SECRET);
        let said = said(command.output().unwrap()).exits(1);
        let log: Vec<&str> =
            said.stderr.lines().filter(|line| line.contains("leaves") || line.contains("no rule")).collect();
        assert!(log.len() >= 2, "{said:?}");
        for line in log {
            assert!(!line.contains(SECRET) && !line.contains("a-name-of-a-person"), "{line}");
        }
        assert!(!said.stderr.contains('\u{1b}'), "{said:?}");
    }
}

#[test]
fn for_people_a_line_says_what_left_and_what_came_back_and_the_bar_makes_room() {
    let bench = Bench::with("x.csv", csv(20));
    let said = bench
        .run("send x.csv --to sandbox --batch-rows 5 --rate 8/s -v --progress bar --color never")
        .exits(0);
    let drawn = |line: &&str| line.contains("\u{1b}[2K");
    let log: Vec<&str> = said.stderr.lines().filter(|line| line.contains(" request=")).collect();
    assert!(log.len() >= 12, "{said:?}");
    assert!(said.stderr.lines().any(|line| drawn(&line)), "{said:?}");
    for line in log {
        let line = line.rsplit("\u{1b}[2K").next().unwrap();
        assert!(line.contains(" DEBUG ") && line.contains(" key="), "{line:?}");
        assert!(line.starts_with("20"), "nothing stands before it: {line:?}");
    }
}
