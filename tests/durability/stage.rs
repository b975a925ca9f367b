//! Where cases are played: a folder for all of them, the server, and the questions that are asked after each.

use super::oracle::{Case, Oracle};
use super::scenario::{PROFILES, Scenario, Start};
use super::tracer::{self, injection, traced};
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tempfile::TempDir;

/// Layers run one after the other: each uses all cores itself.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A scenario, ready to be played from its beginning as often as wanted.
pub(crate) struct Stage {
    pub(crate) scenario: Scenario,
    pub(crate) dir: TempDir,
    pub(crate) oracle: Oracle,
    pub(crate) opening: Case,
    next: AtomicU64,
}

/// One case: its state folder, and the server's view of it.
pub(crate) struct Play<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) token: String,
    pub(crate) state: PathBuf,
    pub(crate) case: Arc<Mutex<Case>>,
}

pub(crate) fn turn() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A folder on a tmpfs where there is one.
pub(crate) fn folder() -> TempDir {
    let shared = Path::new("/dev/shm");
    let made = if shared.is_dir() { tempfile::tempdir_in(shared) } else { tempfile::tempdir() };
    made.unwrap()
}

/// Calls each, two at a time for each core, as half of the time each waits; what went wrong comes back.
pub(crate) fn in_parallel<T: Sync>(
    cases: &[T],
    each: impl Fn(&T) -> Result<(), String> + Sync,
) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    let workers = 2 * std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(failure) = each(case) {
                        failures.lock().unwrap().push(failure);
                    }
                }
            });
        }
    });
    failures.into_inner().unwrap()
}

/// The first few, in words.
pub(crate) fn shown(failures: &[String]) -> String {
    let first: Vec<&str> = failures.iter().take(5).map(String::as_str).collect();
    format!("{} failures, the first:\n{}", failures.len(), first.join("\n\n"))
}

impl Stage {
    pub(crate) fn new(scenario: Scenario) -> Self {
        let dir = folder();
        std::fs::write(dir.path().join(scenario.file), &scenario.input).unwrap();
        for (name, text) in PROFILES {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        let opening = Case::new(scenario.max_rows);
        let mut stage = Self { scenario, dir, oracle: Oracle::start(), opening, next: AtomicU64::new(1) };
        stage.open();
        stage
    }

    /// Plays the part before the curtain.
    fn open(&mut self) {
        let opening = self.dir.path().join("opening.state");
        if self.scenario.start == Start::Fresh {
            return;
        }
        let case = self.oracle.begin("opening", self.opening.clone());
        if self.scenario.start == Start::KilledTwice {
            for (call, when) in [("recvfrom", "4"), ("pwrite64", "7")] {
                let command = self.command(&opening, "opening");
                let mut traced = traced(&command, &injection(call, "signal=KILL", when), None);
                let (status, said) = self.finish(&mut traced).unwrap();
                assert_eq!(status.signal(), Some(9), "{call} {when}: {said}");
            }
        } else {
            let mut command = self.command(&opening, "opening");
            let (status, said) = self.finish(command.args(["--limit", "0"])).unwrap();
            assert_eq!(status.code(), Some(0), "{said}");
        }
        // A request of the killed run may still be on its way; the server must have heard it before the case begins.
        std::thread::sleep(std::time::Duration::from_millis(50));
        self.opening = case.lock().unwrap().clone();
        self.oracle.end("opening");
    }

    /// As `tracer::finish`, with the input on its pipe where there is one.
    pub(crate) fn finish(&self, command: &mut Command) -> Option<(ExitStatus, String)> {
        tracer::finish(command, self.scenario.piped.then_some(&self.scenario.input))
    }

    /// The command that this import is, with its state there.
    pub(crate) fn command(&self, state: &Path, token: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bulkhaul"));
        command.current_dir(self.dir.path());
        let input =
            if self.scenario.piped { &["-", "--format", "ndjson"][..] } else { &[self.scenario.file] };
        command.arg("send").args(input).args(["-q", "--progress", "none", "--state"]).arg(state);
        command.args(self.scenario.arguments.replace("{url}", &self.oracle.url).split(' '));
        if self.scenario.letters_beside {
            command.arg("--dead-letter").arg(state.with_extension("letters"));
        }
        command.env("ORDERS_TOKEN", token).env("BULKHAUL_TOKEN", token);
        // The system's certificates take longer to read than all the rest, and nothing here has any.
        for certificate in ["/etc/ssl/certs/ISRG_Root_X1.pem", "/etc/ssl/certs/ca-certificates.crt"] {
            if Path::new(certificate).exists() {
                command.env("SSL_CERT_FILE", certificate).env("SSL_CERT_DIR", self.dir.path());
                break;
            }
        }
        command
    }

    /// A case, as it stands when the curtain rises.
    pub(crate) fn play(&self) -> Play<'_> {
        let token = format!("c{}", self.next.fetch_add(1, Ordering::Relaxed));
        let state = self.dir.path().join(format!("{token}.state"));
        let opening = self.dir.path().join("opening.state");
        if opening.is_dir() {
            copy(&opening, &state);
        }
        let letters = opening.with_extension("letters");
        if letters.is_file() {
            std::fs::copy(&letters, state.with_extension("letters")).unwrap();
        }
        let case = self.oracle.begin(&token, self.opening.clone());
        Play { stage: self, token, state, case }
    }
}

/// The files of a state folder, with their modes.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

impl Play<'_> {
    pub(crate) fn command(&self) -> Command {
        self.stage.command(&self.state, &self.token)
    }

    pub(crate) fn letters(&self) -> PathBuf {
        if self.stage.scenario.letters_beside {
            self.state.with_extension("letters")
        } else {
            self.state.join("dead-letters.ndjson")
        }
    }

    /// Whatever happened: the books balance as they stand.
    pub(crate) fn audit(&self) -> Result<(), String> {
        let mut audit = Command::new(env!("CARGO_BIN_EXE_bulkhaul"));
        audit.current_dir(self.stage.dir.path()).arg("audit").arg(&self.state).arg(self.stage.scenario.file);
        audit.arg("--dead-letter").arg(self.letters());
        let output = audit.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        match output.status.code() {
            Some(0) => Ok(()),
            Some(1) if said.contains("there is no import in") || said.contains("no import has begun") => {
                Ok(())
            }
            code => {
                let words = String::from_utf8_lossy(&output.stdout);
                Err(format!("audit: {code:?}\n{words}{said}"))
            }
        }
    }

    /// The same command again, to its end; then what the server applied decides.
    pub(crate) fn converges(&self) -> Result<(), String> {
        let scenario = &self.stage.scenario;
        let Some((status, said)) = self.stage.finish(&mut self.command()) else {
            return Err("the next run does not come to an end".to_owned());
        };
        if !status.code().is_some_and(|code| scenario.ends(code)) {
            return Err(format!("the next run ended with {status}, not {}: {said}", scenario.exit));
        }
        self.audit()?;
        self.verdict(status.code() == Some(5))
    }

    fn verdict(&self, doubt: bool) -> Result<(), String> {
        let scenario = &self.stage.scenario;
        let case = self.case.lock().unwrap().clone();
        if let Some(violation) = case.violations.first() {
            return Err(violation.clone());
        }
        let mut times: BTreeMap<&str, i64> = scenario.good.iter().map(|row| (row.as_str(), 0)).collect();
        for row in &case.applied {
            match times.get_mut(row.as_str()) {
                Some(times) => *times += 1,
                None => return Err(format!("a row was applied that the input does not have: {row}")),
            }
        }
        let wrong =
            |times: i64| if scenario.keyless { times > 1 || times == 0 && !doubt } else { times != 1 };
        if let Some((row, times)) = times.iter().find(|(_, times)| wrong(**times)) {
            return Err(format!("applied {times} times: {row}"));
        }
        let letters = std::fs::read_to_string(self.letters()).unwrap_or_default();
        if letters.lines().count() != scenario.rejected || !(letters.is_empty() || letters.ends_with('\n')) {
            let lines = letters.lines().count();
            return Err(format!(
                "{lines} dead letters in the file, and {} rows are refused",
                scenario.rejected
            ));
        }
        Ok(())
    }
}

impl Drop for Play<'_> {
    fn drop(&mut self) {
        self.stage.oracle.end(&self.token);
        let _ = std::fs::remove_dir_all(&self.state);
        let _ = std::fs::remove_file(self.state.with_extension("letters"));
    }
}
