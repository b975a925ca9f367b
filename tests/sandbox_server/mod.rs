//! The practice server, asked over real HTTP: what it promises to the systems' descriptions, and to the
//! truth.

mod experiture;
mod faults;
mod imports;
mod j17;
mod keys;
mod orders;
mod rows;
mod store;

use std::future::Future;
use std::time::Duration;

use bulkhaul::sandbox::{Options, Sandbox};
use serde_json::Value;

/// One answer, read to its end.
#[derive(Debug, Clone, PartialEq)]
struct Reply {
    status: u16,
    replayed: bool,
    text: String,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }
}

/// A client of one server, with a runtime of its own.
struct Caller {
    sandbox: Sandbox,
    runtime: tokio::runtime::Runtime,
    client: reqwest::Client,
}

impl Caller {
    fn to(options: Options) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).no_proxy().build().unwrap();
        Self { sandbox: Sandbox::start(options).unwrap(), runtime, client }
    }

    fn plain() -> Self {
        Self::to(Options::default())
    }

    fn with_faults(spec: &str) -> Self {
        Self::to(Options { faults: spec.parse().unwrap(), seed: 7, ..Options::default() })
    }

    fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method.parse().unwrap(), format!("{}{path}", self.sandbox.url()))
    }

    fn ask(&self, request: reqwest::RequestBuilder) -> Reply {
        self.run(send(request)).unwrap()
    }

    fn post(&self, path: &str, body: &str) -> Reply {
        self.ask(self.request("POST", path).body(body.to_owned()))
    }

    fn post_keyed(&self, path: &str, key: &str, body: &str) -> Reply {
        let header = if path.starts_with("/user/") { "X-Idempotency-Key" } else { "Idempotency-Key" };
        self.ask(self.request("POST", path).header(header, key).body(body.to_owned()))
    }

    fn get(&self, path: &str) -> Reply {
        self.ask(self.request("GET", path))
    }

    /// The sums of the truth.
    fn truth(&self) -> Value {
        self.get("/_sandbox/truth").json()
    }

    /// The lines of the truth.
    fn lines(&self) -> Vec<String> {
        self.get("/_sandbox/truth?rows=1").text.lines().map(str::to_owned).collect()
    }

    fn applied(&self) -> i64 {
        self.truth()["rows"]["applied"].as_i64().unwrap()
    }

    /// Polls until the job has ended; every answer on the way.
    fn poll(&self, path: &str, state: &str) -> Vec<Value> {
        let mut seen = Vec::new();
        loop {
            let answer = self.get(path).json();
            let ended = matches!(answer.pointer(state).unwrap().as_str().unwrap(), "completed" | "failed");
            seen.push(answer);
            if ended {
                return seen;
            }
            assert!(seen.len() < 10, "no end in sight: {seen:?}");
        }
    }
}

async fn send(request: reqwest::RequestBuilder) -> reqwest::Result<Reply> {
    let answer = request.send().await?;
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let replayed = headers.get("X-Idempotency-Replayed").is_some_and(|value| value == "true");
    assert_eq!(replayed, headers.contains_key("Idempotency-Replayed"));
    Ok(Reply { status, replayed, text: answer.text().await? })
}

/// A JSON array under a name.
fn wrapped(name: &str, rows: &[&str]) -> String {
    format!(r#"{{"{name}":[{}]}}"#, rows.join(","))
}
