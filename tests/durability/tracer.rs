//! `strace`: one that fails or kills at a call, and one that writes down what was called.

use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Longer than any run may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether there is one. Where there is none, a line says what was not tried.
pub(crate) fn is_here(layer: &str) -> bool {
    let here = Command::new("strace")
        .args(["-o", "/dev/null", "true"])
        .output()
        .is_ok_and(|said| said.status.success());
    if !here {
        say(&format!("{layer}: skipped, there is no strace that may trace here"));
    }
    here
}

/// A line past the test harness, which keeps what tests print to itself.
pub(crate) fn say(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// `FACTOR`: how much of it, or how much more.
pub(crate) fn factor() -> f64 {
    std::env::var("FACTOR")
        .ok()
        .and_then(|text| text.parse().ok())
        .filter(|factor| *factor > 0.0)
        .unwrap_or(1.0)
}

/// The command under strace. `rules` are its arguments that say what to trace and what to inject.
pub(crate) fn traced(command: &Command, rules: &[String], log: Option<&Path>) -> Command {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o"]).arg(log.unwrap_or(Path::new("/dev/null"))).args(rules);
    strace.arg("--").arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        strace.current_dir(folder);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => strace.env(name, value),
            None => strace.env_remove(name),
        };
    }
    strace
}

/// Trace only this call, and do this at it: at the N-th of a thread, or from the N-th on.
pub(crate) fn injection(call: &str, what: &str, when: &str) -> Vec<String> {
    ["-e", &format!("trace={call}"), "-e", &format!("inject={call}:{what}:when={when}")]
        .map(str::to_owned)
        .to_vec()
}

/// How a run ended that was fed this through a pipe, with what it said; `None` if it did not come to an end.
pub(crate) fn finish(command: &mut Command, fed: Option<&str>) -> Option<(ExitStatus, String)> {
    let stdin = if fed.is_some() { Stdio::piped() } else { Stdio::null() };
    let mut child = command.stdin(stdin).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    if let (Some(mut pipe), Some(fed)) = (child.stdin.take(), fed) {
        // It is smaller than a pipe's room, and a run that ends before it is read does no harm.
        assert!(fed.len() < 1 << 16);
        let _ = std::io::Write::write_all(&mut pipe, fed.as_bytes());
    }
    let mut stderr = child.stderr.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        let _ = std::io::Read::read_to_string(&mut stderr, &mut text);
        text
    });
    let begun = Instant::now();
    let mut pause = Duration::from_micros(500);
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Some((status, reader.join().unwrap()));
        }
        if begun.elapsed() > PATIENCE {
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(2));
    }
}

/// How often each call was made by the thread that made it most: strace counts by thread.
pub(crate) fn counts(log: &str) -> HashMap<String, u32> {
    let mut by_thread: HashMap<(&str, &str), u32> = HashMap::new();
    for line in log.lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        if let Some((call, _)) = rest.trim_start().split_once('(')
            && !call.starts_with(['<', '-', '+'])
        {
            *by_thread.entry((thread, call)).or_default() += 1;
        }
    }
    let mut counts: HashMap<String, u32> = HashMap::new();
    for ((_, call), number) in by_thread {
        let most = counts.entry(call.to_owned()).or_default();
        *most = number.max(*most);
    }
    counts
}
