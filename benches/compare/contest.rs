//! Running one contestant: how long it took, how much memory and processor time it needed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How often a running process is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// What a run cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) took: Duration,
    /// Most memory held, bytes, as the kernel counted it; short of what came in the last few milliseconds.
    pub(crate) memory: u64,
}

/// This program, built as the bench was.
pub(crate) fn bulkhaul() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_bulkhaul"))
}

pub(crate) fn last_core() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from) - 1
}

fn has_taskset() -> bool {
    Command::new("taskset").arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// A command that is bound to one core, where that can be done.
pub(crate) fn on_core(core: usize, program: &Path) -> Command {
    if core == 0 || !has_taskset() {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.arg("-c").arg(core.to_string()).arg(program);
    command
}

/// Runs it to its end; what it says is dropped.
pub(crate) fn run(command: &mut Command) -> Cost {
    let started = Instant::now();
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let status = format!("/proc/{}/status", child.id());
    let mut memory = 0;
    let ended = loop {
        if let Some(ended) = child.try_wait().expect("it can be waited for") {
            break ended;
        }
        memory = memory.max(high_water(&status));
        std::thread::sleep(LOOK);
    };
    let took = started.elapsed();
    assert!(ended.success(), "{command:?} failed: {ended}");
    Cost { took, memory }
}

/// As `run`, without looking at it meanwhile: for what is over in milliseconds.
pub(crate) fn run_short(command: &mut Command) -> Duration {
    let started = Instant::now();
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("it starts");
    let took = started.elapsed();
    assert!(status.success(), "{command:?} failed: {status}");
    took
}

/// The shortest of several runs, each made ready anew.
pub(crate) fn best(times: u32, mut run: impl FnMut() -> Cost) -> Cost {
    let costs: Vec<Cost> = (0..times).map(|_| run()).collect();
    let memory = costs.iter().map(|cost| cost.memory).max().unwrap_or(0);
    let took = costs.iter().map(|cost| cost.took).min().expect("at least one run");
    Cost { took, memory }
}

fn high_water(status: &str) -> u64 {
    let text = std::fs::read_to_string(status).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).map_or(0, |kib: u64| kib << 10)
}

/// A line of the table.
pub(crate) fn line(name: &str, rows: u64, cost: Cost, against: &str) {
    let rate = rows as f64 / cost.took.as_secs_f64();
    let memory = if cost.memory > 0 { format!("{} MB", cost.memory >> 20) } else { String::new() };
    let millis = cost.took.as_secs_f64() * 1000.0;
    println!("{name:<44} {rate:>11.0} /s {millis:>9.1} ms {memory:>8}  {against}");
}

pub(crate) fn heading(text: &str) {
    println!("\n{text}");
}
