//! The small language the tests are written in: a folder of its own for each test, the real binary in it, and
//! what it said.

pub(crate) mod scripted;
pub(crate) mod server;
pub(crate) mod sink;

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A folder with inputs in it, and the program to run there.
pub(crate) struct Bench {
    dir: TempDir,
}

/// What a run said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) exit: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    /// With one file in it.
    pub(crate) fn with(name: &str, content: impl AsRef<[u8]>) -> Self {
        let bench = Self::new();
        bench.write(name, content);
        bench
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// The binary with these arguments (split at blanks), in the folder; of tokens its environment has just those that
    /// the seeds' targets cannot do without.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bulkhaul"));
        command.args(arguments.split_whitespace()).current_dir(self.dir.path()).stdin(Stdio::null());
        for name in ["ORDERS_TOKEN", "J17_API_KEY", "EXPERITURE_API_KEY"] {
            command.env(name, "a-token-of-the-tests");
        }
        command.env_remove("BULKHAUL_TOKEN");
        command
    }

    pub(crate) fn run(&self, arguments: &str) -> Said {
        said(self.command(arguments).output().unwrap())
    }

    pub(crate) fn start(&self, arguments: &str) -> Child {
        self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// The lines of the dead-letter file, as values.
    pub(crate) fn dead_letters(&self, input: &str) -> Vec<Value> {
        let path = self.path(&format!("{input}.bulkhaul/dead-letters.ndjson"));
        match std::fs::read_to_string(path) {
            Ok(text) => text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
            Err(_) => Vec::new(),
        }
    }

    /// Rows that the sandbox of this import holds, in order of application: each as it was received, and how
    /// often. The sandbox is started again on its store, without faults.
    pub(crate) fn sandbox_rows(&self, input: &str) -> Vec<Applied> {
        applied(&self.path(&format!("{input}.bulkhaul/sandbox.db")))
    }
}

/// A figure, past the test harness, which keeps what tests print to itself.
pub(crate) fn figure(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// The most memory that a process has held when it ends, in KiB, as the kernel counted it.
pub(crate) fn peak(child: &mut Child) -> u64 {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let held = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        peak = held.unwrap_or(peak);
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    peak
}

pub(crate) fn said(output: std::process::Output) -> Said {
    Said {
        exit: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Said {
    /// The one JSON object on stdout.
    pub(crate) fn summary(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.exit, code, "{self:#?}");
        self
    }

    /// The books of the summary balance, and are these (read, delivered, rejected, in doubt, pending).
    #[track_caller]
    pub(crate) fn books(self, expected: [u64; 5]) -> Self {
        let rows = &self.summary()["rows"];
        let of = |name: &str| rows[name].as_u64().unwrap();
        let found = ["read", "delivered", "rejected", "in_doubt", "pending"].map(of);
        assert_eq!(found, expected, "read, delivered, rejected, in doubt, pending");
        assert_eq!(
            of("read"),
            of("delivered") + of("rejected") + of("unchanged") + of("in_doubt") + of("pending")
        );
        self
    }
}

/// A row in the sandbox.
#[derive(Clone, Debug)]
pub(crate) struct Applied {
    pub(crate) row: String,
    pub(crate) times: u64,
}

/// What a sandbox's store says was really applied.
pub(crate) fn applied(store: &Path) -> Vec<Applied> {
    use bulkhaul::sandbox::{Options, Sandbox};
    let options = Options { store: Some(store.to_owned()), ..Options::default() };
    let server = Sandbox::start(options).unwrap();
    let text = get(&format!("{}/_sandbox/truth?rows=1", server.url()));
    let of = |line: &str| {
        let line: std::collections::HashMap<String, Box<serde_json::value::RawValue>> =
            serde_json::from_str(line).unwrap();
        Applied { row: line["row"].get().to_owned(), times: line["times"].get().parse().unwrap() }
    };
    text.lines().map(of).collect()
}

pub(crate) fn get(url: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    runtime.block_on(async { reqwest::Client::new().get(url).send().await.unwrap().text().await.unwrap() })
}

/// A CSV of `rows` rows with the columns id, city, amount.
pub(crate) fn csv(rows: u64) -> String {
    let mut text = "id,city,amount\n".to_owned();
    for row in 1..=rows {
        text.push_str(&format!("r{row},\"Zürich, \"\"{row}\"\"\",{row}.50\n"));
    }
    text
}
