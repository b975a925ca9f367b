//! Requests of several steps: each step's result is durable before the next, what was never committed is made anew, and
//! what was committed unheard is not made twice. With the examples of Salesforce's Bulk API and of signed requests.

use crate::support::server::{Answer, Got, Server};
use crate::support::{Bench, said};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Debug, Default)]
struct Job {
    data: Option<String>,
    closed: bool,
    polls: u32,
}

/// An org as it is documented: nothing is processed before a job is closed, a job takes one upload, and is closed once.
#[derive(Debug, Default)]
struct Org(BTreeMap<String, Job>);

const JOBS: &str = "/services/data/v60.0/jobs/ingest";

impl Org {
    fn says(&mut self, got: &Got) -> Answer {
        let error = |status, code: &str| Answer::json(status, &json!([{"errorCode": code, "message": code}]));
        let rest = got.path.strip_prefix(JOBS).unwrap_or_else(|| panic!("{got:?}"));
        if got.method == "POST" {
            assert!(rest.is_empty() && got.body.contains(r#""object":"Account""#), "{got:?}");
            let id = format!("750{:06}", self.0.len());
            self.0.insert(id.clone(), Job::default());
            return Answer::json(200, &json!({"id": id, "state": "Open"}));
        }
        let (id, what) = rest[1..].split_once('/').unwrap_or((&rest[1..], ""));
        let Some(job) = self.0.get_mut(id) else { return error(404, "NOT_FOUND") };
        match (got.method.as_str(), what) {
            ("PUT", "batches") if job.closed || job.data.is_some() => error(400, "INVALIDJOBSTATE"),
            ("PUT", "batches") => {
                assert_eq!(got.header("content-type"), Some("text/csv"));
                job.data = Some(got.body.clone());
                Answer { status: "201 Created".to_owned(), headers: Vec::new(), body: String::new() }
            }
            ("PATCH", "") if job.closed => error(400, "INVALIDJOBSTATE"),
            ("PATCH", "") => {
                assert_eq!(got.body, r#"{"state":"UploadComplete"}"#);
                job.closed = true;
                Answer::json(200, &json!({"id": id, "state": "UploadComplete"}))
            }
            ("GET", "") if !job.closed => Answer::json(200, &json!({"id": id, "state": "Open"})),
            ("GET", "") => {
                job.polls += 1;
                let failed = job.rows().iter().filter(|row| row.is_bad()).count();
                let state = if job.polls > 1 { "JobComplete" } else { "InProgress" };
                Answer::json(200, &json!({"id": id, "state": state, "numberRecordsFailed": failed}))
            }
            ("GET", "failedResults") => {
                let mut table = "\"sf__Id\",\"sf__Error\",\"Ext__c\",\"Name\"\n".to_owned();
                // In no order.
                for row in job.rows().iter().rev().filter(|row| row.is_bad()) {
                    table.push_str(&format!(
                        "\"\",\"REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --\",\"{}\",\"\"\n",
                        row.0
                    ));
                }
                let headers = vec![("content-type".to_owned(), "text/csv".to_owned())];
                Answer { status: "200 OK".to_owned(), headers, body: table }
            }
            _ => panic!("{got:?}"),
        }
    }

    /// How often each row was processed: rows of closed jobs are, of open ones never.
    fn processed(&self) -> BTreeMap<String, u32> {
        let mut times = BTreeMap::new();
        for job in self.0.values().filter(|job| job.closed) {
            for row in job.rows().iter().filter(|row| !row.is_bad()) {
                *times.entry(row.0.clone()).or_default() += 1;
            }
        }
        times
    }
}

struct Record(String, String);

impl Record {
    fn is_bad(&self) -> bool {
        self.1.is_empty()
    }
}

impl Job {
    fn rows(&self) -> Vec<Record> {
        let data = self.data.as_deref().unwrap_or_default();
        let mut table = csv::Reader::from_reader(data.as_bytes());
        assert_eq!(table.headers().unwrap(), vec!["Ext__c", "Name"]);
        table
            .records()
            .map(|row| row.unwrap())
            .map(|row| Record(row[0].to_owned(), row[1].to_owned()))
            .collect()
    }
}

fn example(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/examples/{name}/profile.toml"));
    std::fs::read_to_string(path).unwrap()
}

/// Every row but each seventh has a name.
fn rows(count: u32) -> String {
    let row = |n| format!("r{n},{}\n", if n % 7 == 0 { "" } else { "\"Doe, J\"" });
    (1..=count).fold("Ext__c,Name\n".to_owned(), |text, n| text + &row(n))
}

struct Office {
    bench: Bench,
    org: Arc<Mutex<Org>>,
    server: Server,
    send: String,
}

impl Office {
    /// `fate`: of each request by its number, whether it is handled, and whether its answer comes.
    fn open(count: u32, fate: impl Fn(usize) -> (bool, bool) + Send + Sync + 'static) -> Self {
        let bench = Bench::with("x.csv", rows(count));
        bench.write("bulk.toml", example("salesforce-bulk").replace("every = \"5s\"", "every = \"10ms\""));
        let org = Arc::new(Mutex::new(Org::default()));
        let held = Arc::clone(&org);
        let server = Server::saying(move |got, before| {
            std::thread::sleep(Duration::from_millis(2));
            assert_eq!(got.header("authorization"), Some("Bearer t0ken"));
            let (handled, answered) = fate(before.len());
            let answer = if handled { Some(held.lock().unwrap().says(got)) } else { None };
            answer.filter(|_| answered)
        });
        let send = format!(
            "send x.csv --to ./bulk.toml --url {} --set object=Account --batch-rows 10 -j 4 --progress none --json",
            server.url()
        );
        Self { bench, org, server, send }
    }

    fn command(&self) -> std::process::Command {
        let mut command = self.bench.command(&self.send);
        command.env("BULKHAUL_TOKEN", "t0ken");
        command
    }

    #[track_caller]
    fn arrived(&self, said: crate::support::Said, count: u32) {
        let bad = u64::from(count / 7);
        said.exits(3).books([u64::from(count), u64::from(count) - bad, bad, 0, 0]);
        let expected = (1..=count).filter(|n| n % 7 != 0).map(|n| (format!("r{n}"), 1)).collect();
        assert_eq!(self.org.lock().unwrap().processed(), expected);
        let letters = self.bench.dead_letters("x.csv");
        assert_eq!(letters.len() as u64, bad);
        for letter in letters {
            assert_eq!(letter["error"]["code"], "REQUIRED_FIELD_MISSING", "{letter}");
            assert_eq!(letter["row"]["Name"], "", "{letter}");
        }
    }
}

#[test]
fn a_job_is_made_filled_closed_and_polled() {
    let office = Office::open(21, |_| (true, true));
    let said = said(office.command().output().unwrap());
    office.arrived(said, 21);
    let got = office.server.requests();
    for id in ["750000000", "750000001", "750000002"] {
        let of = |got: &&Got| got.path.contains(id);
        let steps: Vec<&str> = got.iter().filter(of).map(|got| got.method.as_str()).collect();
        assert_eq!(steps[..4], ["PUT", "PATCH", "GET", "GET"], "{id}: {got:#?}");
    }
    let made = got.iter().filter(|got| got.method == "POST").count();
    assert_eq!(made, 3, "one for each batch");
}

#[test]
fn lost_requests_lost_answers_and_two_kills_leave_each_record_once() {
    // Two of seven requests come to nothing: one is lost, of one the answer.
    let office = Office::open(210, |n| (n % 7 != 3, n % 7 != 5));
    for until in [25, 60] {
        let mut child = office.command().spawn().unwrap();
        while office.server.requests().len() < until {
            std::thread::sleep(Duration::from_millis(2));
            assert!(child.try_wait().unwrap().is_none(), "it was over before it could be killed");
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let said = said(office.command().output().unwrap());
    assert_eq!(said.summary()["resumed"], true);
    office.arrived(said, 210);
}

#[test]
fn what_a_step_told_is_there_after_a_kill_and_the_step_is_not_done_again() {
    // The answer to the upload never comes; the process is killed while it waits for it.
    let uploads = Arc::new(AtomicBool::new(false));
    let begun = Arc::clone(&uploads);
    let office = Office::open(7, move |n| {
        if n == 1 {
            begun.store(true, Ordering::Relaxed);
            std::thread::sleep(Duration::from_secs(2));
        }
        (true, true)
    });
    let mut child = office.command().spawn().unwrap();
    while !uploads.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let said = said(office.command().output().unwrap());
    office.arrived(said, 7);
    let got = office.server.requests();
    let puts: Vec<&str> = got.iter().filter(|got| got.method == "PUT").map(|got| got.path.as_str()).collect();
    let first = format!("{JOBS}/750000000/batches");
    assert_eq!(
        puts[..2],
        [first.as_str(), first.as_str()],
        "the job that was made is filled again: {puts:?}"
    );
}

#[test]
fn a_commit_that_was_heard_and_not_answered_is_known_when_it_is_made_again() {
    // Of the third request, which closes the job, the answer is lost.
    let office = Office::open(7, |n| (true, n != 2));
    let said = said(office.command().output().unwrap());
    office.arrived(said, 7);
    let closed = office.server.requests().iter().filter(|got| got.method == "PATCH").count();
    assert_eq!((closed, office.org.lock().unwrap().0.len()), (2, 1), "one job, closed twice");
}

#[test]
fn a_request_is_committed_by_a_step_behind_it_where_there_is_no_job() {
    let bench = Bench::with("x.ndjson", "{\"n\":1}\n");
    bench.write(
        "t.toml",
        "[profile]\nversion = 1\nname = \"t\"\n[params.base]\nrequired = true\n\
         [[before]]\nname = \"begin\"\nurl = \"${param.base}/tx\"\ncapture = { tx = \"/tx\" }\n\
         [[before]]\nname = \"lock\"\nurl = \"${param.base}/tx/${step.tx}/lock\"\ncapture = { lock = \"/lock\" }\n\
         [request]\nurl = \"${param.base}/tx/${step.tx}/rows\"\ncommit = \"after\"\n\
         body = '''{\"lock\":\"${step.lock}\",\"rows\":\"${rows}\"}'''\n[limits]\nrows = 1\n[flow]\nconcurrency = 1\n\
         [[after]]\nname = \"commit\"\nurl = \"${param.base}/tx/${step.tx}/commit\"\nbody = '''{\"lock\":\"${step.lock}\"}'''\n\
         [[response]]\nwhen = { status = [200] }\nthen = \"ok\"\n",
    );
    let server = Server::saying(|got, before| {
        let begun = before.iter().filter(|got| got.path == "/tx").count();
        Some(Answer::json(
            200,
            &match got.path.rsplit('/').next().unwrap() {
                "tx" => json!({"tx": format!("t{begun}")}),
                "lock" => json!({"lock": begun}),
                _ => json!({}),
            },
        ))
    });
    let send = format!("send x.ndjson --to ./t.toml --url {} --progress none --json", server.url());
    bench.run(&send).exits(0).books([1, 1, 0, 0, 0]);
    let paths: Vec<String> =
        server.requests().into_iter().map(|got| format!("{} {}", got.path, got.body)).collect();
    let expected = [
        "/tx ",
        "/tx/t0/lock ",
        "/tx/t0/rows {\"lock\":1,\"rows\":[{\"n\":1}]}",
        "/tx/t0/commit {\"lock\":1}",
    ];
    assert_eq!(paths, expected);
}

#[test]
fn a_signed_request_is_signed_anew_with_each_attempt_and_its_secret_stays_at_home() {
    let bench = Bench::with("x.ndjson", "{\"id\":1}\n{\"id\":2}\n{\"id\":3}\n");
    bench.write("firehose.toml", example("firehose"));
    let server = Server::saying(|got, before| {
        let signature = got.header("authorization").unwrap();
        assert!(
            signature.starts_with("AWS4-HMAC-SHA256 Credential=AKID-canary/")
                && signature.contains(
                    "/eu-central-1/firehose/aws4_request, SignedHeaders=content-type;host;x-amz-date;"
                ),
            "{signature}"
        );
        assert_eq!(got.header("x-amz-security-token"), Some("session-canary"));
        if before.is_empty() {
            return Some(Answer::json(500, &json!({"__type": "ServiceUnavailableException"})));
        }
        let body: Value = serde_json::from_str(&got.body).unwrap();
        let records = body["Records"].as_array().unwrap().len();
        let result = |at: usize| match (before.len(), at) {
            (1, 1) => json!({"ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow down."}),
            _ => json!({"RecordId": format!("a{at}")}),
        };
        let results: Vec<Value> = (0..records).map(result).collect();
        Some(Answer::json(200, &json!({"RequestResponses": results})))
    });
    let mut command = bench.command(&format!(
        "send x.ndjson --to ./firehose.toml --url {} --set stream=s --set region=eu-central-1 --progress none --json -v",
        server.url()
    ));
    command.env("AWS_ACCESS_KEY_ID", "AKID-canary").env("AWS_SECRET_ACCESS_KEY", "secret-canary");
    let said = said(command.env("AWS_SESSION_TOKEN", "session-canary").output().unwrap());
    assert!(!format!("{said:?}").contains("canary"), "{said:#?}");
    said.exits(0).books([3, 3, 0, 0, 0]);
    let sent: Vec<usize> = server.requests().iter().map(|got| got.body.matches("Data").count()).collect();
    assert_eq!(sent, [3, 3, 1]);
}
