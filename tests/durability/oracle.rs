//! The server that knows what it applied. It is not the practice server, so that nothing of the product has a part in
//! the verdict: rows under keys, batches that are too large, jobs, and a log that nothing is taken out of.

use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

/// What the server holds for one case.
#[derive(Clone, Debug, Default)]
pub(crate) struct Case {
    max_rows: usize,
    /// Every row that was applied, as it came, in order.
    pub(crate) applied: Vec<String>,
    /// What must never happen, and did.
    pub(crate) violations: Vec<String>,
    answers: HashMap<String, (String, (u16, String))>,
    jobs: HashMap<String, (usize, String)>,
}

impl Case {
    /// Batches with more rows are refused with 413; 0 takes all.
    pub(crate) fn new(max_rows: usize) -> Self {
        Self { max_rows, ..Self::default() }
    }

    /// One request. `key` is empty where the target honours none.
    pub(crate) fn handle(&mut self, path: &str, key: &str, body: &str) -> (u16, String) {
        if let Some((polls, results)) = self.jobs.get_mut(path) {
            *polls += 1;
            return match *polls {
                1 => (200, json!({"status": "running"}).to_string()),
                _ => (200, format!("{{\"status\":\"completed\",\"results\":{results}}}")),
            };
        }
        if path == "/keyless" {
            let rows = rows(body);
            self.applied.extend(rows.iter().map(|row| row.get().to_owned()));
            return (200, "{}".to_owned());
        }
        if key.is_empty() {
            self.violations.push("a request came without its key".to_owned());
        }
        if let Some((known, answer)) = self.answers.get(key) {
            if known != body {
                self.violations.push(format!("key {key} came with other bytes"));
            }
            return answer.clone();
        }
        let answer = self.decide(path, key, &rows(body));
        self.answers.insert(key.to_owned(), (body.to_owned(), answer.clone()));
        answer
    }

    fn decide(&mut self, path: &str, key: &str, rows: &[Box<RawValue>]) -> (u16, String) {
        if self.max_rows > 0 && rows.len() > self.max_rows {
            return (413, json!({"error": "too_large", "message": "too much"}).to_string());
        }
        let mut results = Vec::new();
        for row in rows {
            let value: Value = serde_json::from_str(row.get()).unwrap();
            if value["bad"] == "yes" {
                results.push(json!({"id": value["id"], "status": "error", "error": "bad"}));
            } else {
                self.applied.push(row.get().to_owned());
                results.push(json!({"id": value["id"], "status": "ok"}));
            }
        }
        if path.contains("/imports/") {
            let job = format!("{path}/{key}");
            self.jobs.insert(job.clone(), (0, json!(results).to_string()));
            return (202, json!({"job_id": key, "status_url": job}).to_string());
        }
        (200, json!({"results": results}).to_string())
    }
}

/// The array in a body, bare or as an object's one member.
fn rows(body: &str) -> Vec<Box<RawValue>> {
    if body.starts_with('[') {
        return serde_json::from_str(body).unwrap();
    }
    let members: HashMap<String, Vec<Box<RawValue>>> = serde_json::from_str(body).unwrap();
    members.into_values().next().unwrap()
}

/// The server. A case is named by the token that comes with its requests, so that all cases share an address: it is
/// part of what an import is.
#[derive(Clone)]
pub(crate) struct Oracle {
    pub(crate) url: String,
    cases: Arc<Mutex<HashMap<String, Arc<Mutex<Case>>>>>,
}

impl Oracle {
    /// Listens on loopback until the test process ends.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let oracle = Self { url, cases: Arc::default() };
        let served = oracle.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let served = served.clone();
                std::thread::spawn(move || served.serve(&stream));
            }
        });
        oracle
    }

    pub(crate) fn begin(&self, token: &str, case: Case) -> Arc<Mutex<Case>> {
        let case = Arc::new(Mutex::new(case));
        self.cases.lock().unwrap().insert(token.to_owned(), Arc::clone(&case));
        case
    }

    pub(crate) fn end(&self, token: &str) {
        self.cases.lock().unwrap().remove(token);
    }

    fn serve(&self, stream: &TcpStream) -> Option<()> {
        stream.set_nodelay(true).ok()?;
        let mut reader = BufReader::new(stream);
        let mut writer = stream;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let path = line.split_whitespace().nth(1)?.to_owned();
            let (mut key, mut token, mut length) = (String::new(), String::new(), 0);
            loop {
                line.clear();
                if reader.read_line(&mut line).ok()? == 0 {
                    return None;
                }
                let Some((name, value)) = line.trim_end().split_once(": ") else { break };
                match name.to_ascii_lowercase().as_str() {
                    "content-length" => length = value.parse().ok()?,
                    "idempotency-key" => value.clone_into(&mut key),
                    "authorization" => value.trim_start_matches("Bearer ").clone_into(&mut token),
                    _ => {}
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).ok()?;
            // A request of a run that was killed long ago finds nobody at home.
            let case = self.cases.lock().unwrap().get(&token).cloned()?;
            let body = String::from_utf8(body).ok()?;
            let (status, answer) =
                case.lock().unwrap_or_else(PoisonError::into_inner).handle(&path, &key, &body);
            let length = answer.len();
            let head = format!("HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\n");
            write!(writer, "{head}content-length: {length}\r\n\r\n{answer}").ok()?;
        }
    }
}
