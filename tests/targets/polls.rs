//! How often a job is asked about, and for how long, over the real binary.

use crate::support::server::{Answer, Got, Server};
use crate::support::{Bench, Said, said};
use serde_json::json;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A bench with three rows, and a target whose jobs are asked about every 100 ms and less and less often.
fn bench(job: &str) -> Bench {
    let bench = Bench::with("x.ndjson", "{\"id\":\"a\"}\n{\"id\":\"b\"}\n{\"id\":\"c\"}\n");
    bench.write(
        "jobs.toml",
        format!(
            "[profile]\nversion = 1\nname = \"jobs\"\nextends = \"imports-async\"\n\
             [job]\nevery = \"100ms\"\nbackoff = 2.0\nevery_max = \"400ms\"\ngrace = \"1s\"\n{job}\n"
        ),
    );
    bench
}

fn send(bench: &Bench, server: &Server, options: &str) -> Said {
    let send = format!("send x.ndjson --to ./jobs.toml --url {} --json {options}", server.url());
    said(bench.command(&send).env("ORDERS_TOKEN", "t0ken").output().unwrap())
}

/// Takes each job on, and answers the poll that comes behind so many as this says.
fn server(poll: impl Fn(usize) -> Answer + Send + Sync + 'static) -> Server {
    Server::saying(move |got: &Got, before: &[Got]| {
        let polls = before.iter().filter(|got| got.method == "GET").count();
        let accepted = || Answer::json(202, &json!({"status_url": "/jobs/1"}));
        Some(if got.method == "GET" { poll(polls) } else { accepted() })
    })
}

fn running(wait: &str) -> Answer {
    let mut answer = Answer::json(200, &json!({"status": "running"}));
    answer.headers.push(("retry-after".to_owned(), wait.to_owned()));
    answer
}

fn ended() -> Answer {
    let results = ["a", "b", "c"].map(|id| json!({"id": id, "status": "ok"}));
    Answer::json(200, &json!({"status": "completed", "results": results}))
}

fn polls(server: &Server) -> usize {
    server.requests().iter().filter(|got| got.method == "GET").count()
}

#[test]
fn a_poll_is_repeated_no_sooner_than_the_back_off_whatever_wait_its_answer_names() {
    for (status, wait) in [(200, "0"), (200, "0.001"), (200, "Thu, 01 Jan 1970 00:00:00 GMT"), (500, "0")] {
        let server = server(move |_| Answer { status: format!("{status} Said"), ..running(wait) });
        send(&bench(""), &server, "--max-elapsed 2s").exits(4).books([3, 0, 0, 0, 3]);
        // At once, then behind 0.2 s and 0.4 s for ever.
        assert!((3..=8).contains(&polls(&server)), "{status}, {wait}: {} polls", polls(&server));
    }
}

#[test]
fn a_wait_that_a_poll_names_is_obeyed() {
    let server = server(|before| if before == 0 { running("1.5") } else { ended() });
    let started = Instant::now();
    send(&bench(""), &server, "").exits(0).books([3, 3, 0, 0, 0]);
    assert!(started.elapsed() >= Duration::from_millis(1500), "{:?}", started.elapsed());
}

#[test]
fn a_poll_that_names_a_longer_wait_than_is_obeyed_stops_the_run_which_goes_on_later() {
    let bench = bench("");
    let server = server(|before| if before == 0 { running("99999") } else { ended() });
    let said = send(&bench, &server, "--max-wait 1s");
    assert_eq!(said.summary()["stopped_by"], "max-wait", "{said:#?}");
    said.exits(4).books([3, 0, 0, 0, 3]);
    assert_eq!(polls(&server), 1);
    send(&bench, &server, "--max-wait 1s").exits(0).books([3, 3, 0, 0, 0]);
}

#[test]
fn the_deadline_of_a_job_does_not_begin_anew_with_each_run() {
    let bench = bench("deadline = \"1500ms\"");
    let server = server(|_| running("0"));
    send(&bench, &server, "--max-elapsed 1s").exits(4).books([3, 0, 0, 0, 3]);
    send(&bench, &server, "--max-elapsed 1200ms").exits(5).books([3, 0, 0, 3, 0]);
    let said = said(bench.command("rejects x.ndjson.bulkhaul").output().unwrap());
    assert!(said.stdout.contains("has not ended in 1 s"), "{said:#?}");
}

#[test]
fn a_job_is_asked_about_three_times_after_a_time_in_which_nobody_asked_before_it_is_given_up() {
    for (then, code, books) in [(ended(), 0, [3, 3, 0, 0, 0]), (running("0"), 5, [3, 0, 0, 3, 0])] {
        let bench = bench("deadline = \"700ms\"");
        let server = server(move |before| match before {
            0 => running("99999"),
            1 | 2 => running("0"),
            _ => then.clone(),
        });
        send(&bench, &server, "--max-wait 1s").exits(4).books([3, 0, 0, 0, 3]);
        std::thread::sleep(Duration::from_millis(800));
        send(&bench, &server, "--max-wait 1s").exits(code).books(books);
        assert_eq!(polls(&server), 4);
    }
}

#[test]
fn a_job_is_not_given_up_by_a_later_run_for_answers_that_say_nothing_of_it() {
    let bench = bench("deadline = \"1500ms\"");
    let server = server(move |before| match before {
        0 => running("99999"),
        1..4 => Answer::json(500, &json!({})),
        _ => ended(),
    });
    send(&bench, &server, "--max-wait 1s").exits(4).books([3, 0, 0, 0, 3]);
    std::thread::sleep(Duration::from_millis(1600));
    send(&bench, &server, "--max-wait 1s").exits(0).books([3, 3, 0, 0, 0]);
}

#[test]
fn a_job_is_not_given_up_at_the_first_question_after_the_machine_slept() {
    let bench = bench("deadline = \"1500ms\"");
    let server = server(|before| if before < 4 { running("0") } else { ended() });
    let send = format!("send x.ndjson --to ./jobs.toml --url {} --json", server.url());
    let mut command = bench.command(&send);
    let child = command.env("ORDERS_TOKEN", "t0ken").stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = child.spawn().unwrap();
    let signal = |name: &str| Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    while polls(&server) < 3 {
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(100));
    signal("-STOP");
    std::thread::sleep(Duration::from_millis(1500));
    signal("-CONT");
    said(child.wait_with_output().unwrap()).exits(0).books([3, 3, 0, 0, 0]);
}
