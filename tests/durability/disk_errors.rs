//! The kernel says no: to a write, a sync, a cut, a read, a word to the server; once and for good. A failed commit is
//! an unknown one: the run ends with 74, and writes and sends nothing after it. Then a run on a sound machine ends all.

use super::scenario::Scenario;
use super::stage::{Play, Stage, in_parallel, shown, turn};
use super::tracer::{counts, factor, injection, is_here, say, traced};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Instant;

/// Calls on the ledger's files and on the dead-letter file.
const OF_THE_LEDGER: [&str; 4] = ["pwrite64", "fsync", "fdatasync", "ftruncate"];
/// Calls on the way to the server. `connect` says EINPROGRESS when all is well.
const OF_THE_WIRE: [&str; 4] = ["writev", "recvfrom", "connect", "socket"];

/// One thing that goes wrong.
#[derive(Clone, Debug)]
struct Case {
    stage: usize,
    call: &'static str,
    error: &'static str,
    when: String,
    /// Only calls on this file.
    on: Option<On>,
    /// How the run may end, beside as if nothing had happened.
    exits: &'static [i32],
}

#[derive(Clone, Copy, Debug)]
enum On {
    Letters,
    Ledger,
    Log,
    Input,
}

fn cases(number: usize, stage: &Stage) -> Vec<Case> {
    let play = stage.play();
    let log = stage.dir.path().join("trace");
    let rules = ["-e".to_owned(), format!("trace={},{}", OF_THE_LEDGER.join(","), OF_THE_WIRE.join(","))];
    let (status, said) = stage.finish(&mut traced(&play.command(), &rules, Some(&log))).unwrap();
    assert_eq!(status.code(), Some(stage.scenario.exit), "{said}");
    let counts = counts(&std::fs::read_to_string(&log).unwrap());
    let most = |call: &str| counts.get(call).copied().unwrap_or_default();
    let mut cases = Vec::new();
    let mut add = |call, error, when: String, on, exits| {
        cases.push(Case { stage: number, call, error, when, on, exits });
    };
    for call in OF_THE_LEDGER {
        // Every step of few; every fifth of many.
        let step = if most(call) > 20 { 5 } else { 1 };
        for nth in (1..=most(call)).step_by(step) {
            for error in ["EIO", "ENOSPC"] {
                add(call, error, nth.to_string(), None, &[74]);
                add(call, error, format!("{nth}+"), None, &[74]);
            }
        }
        add(call, "EINTR", "2".to_owned(), None, &[74]);
    }
    for nth in 1..=2_u32 {
        for error in ["EIO", "ENOSPC", "EINTR"] {
            add("write", error, nth.to_string(), Some(On::Letters), &[74]);
        }
        add("write", "ENOSPC", format!("{nth}+"), Some(On::Letters), &[74]);
        add("fsync", "EIO", nth.to_string(), Some(On::Letters), &[74]);
        add("fdatasync", "EIO", nth.to_string(), Some(On::Letters), &[74]);
        for on in [On::Ledger, On::Log, On::Letters] {
            add("openat", "EIO", nth.to_string(), Some(on), &[74]);
            add("openat", "EMFILE", format!("{nth}+"), Some(on), &[74]);
        }
        add("pread64", "EIO", nth.to_string(), Some(On::Ledger), &[74]);
        add("pread64", "EIO", format!("{nth}+"), Some(On::Log), &[74]);
        add("read", "EIO", nth.to_string(), Some(On::Input), &[1]);
        add("openat", "EACCES", nth.to_string(), Some(On::Input), &[1]);
    }
    for call in OF_THE_WIRE {
        for nth in 1..=most(call).min(6) {
            for error in ["ECONNRESET", "ETIMEDOUT", "EPIPE"] {
                add(call, error, nth.to_string(), None, &[]);
            }
            add(call, "ECONNRESET", format!("{nth}+"), None, &[4]);
        }
    }
    cases
}

impl Case {
    fn rules(&self, play: &Play<'_>) -> Vec<String> {
        let mut rules = injection(self.call, &format!("error={}", self.error), &self.when);
        // All that is written and sent is seen, to know what comes after the error.
        rules[1] = "trace=pwrite64,write,writev,".to_owned() + self.call;
        rules.insert(0, "-y".to_owned());
        let file = match self.on {
            None => return rules,
            Some(On::Letters) => play.letters(),
            Some(On::Ledger) => play.state.join("ledger.db"),
            Some(On::Log) => play.state.join("ledger.db-wal"),
            Some(On::Input) => PathBuf::from(play.stage.scenario.file),
        };
        rules.extend(["-P".to_owned(), file.display().to_string()]);
        rules
    }

    fn play(&self, stage: &Stage, ends: &Mutex<BTreeMap<i32, usize>>) -> Result<(), String> {
        let play = stage.play();
        let log = play.state.with_extension("trace");
        let Some((status, said)) = stage.finish(&mut traced(&play.command(), &self.rules(&play), Some(&log)))
        else {
            return Err("it does not come to an end".to_owned());
        };
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        let _ = std::fs::remove_file(&log);
        let code = status.code().unwrap_or(-1);
        *ends.lock().unwrap().entry(code).or_default() += 1;
        // A folder that could not be made, or its name not synced, is no matter of the ledger yet.
        let is_before = code == 1
            && ["cannot use the state folder", "cannot be copied"].iter().any(|words| said.contains(words));
        if !stage.scenario.ends(code) && !self.exits.contains(&code) && !is_before {
            return Err(format!("it ended with {status}: {said}"));
        }
        if code == 74 {
            nothing_follows(&text, &play)?;
        }
        play.audit()?;
        play.converges()
    }
}

/// Behind the error nothing is written to the ledger's log or the dead letters. What was durable may have been on its way to
/// the server: as many requests as there are slots.
fn nothing_follows(log: &str, play: &Play<'_>) -> Result<(), String> {
    let kept = [play.state.join("ledger.db-wal"), play.letters()].map(|path| format!("<{}>", path.display()));
    let lines: Vec<&str> = log.lines().collect();
    let last = lines.iter().rposition(|line| line.contains("(INJECTED)")).unwrap_or(lines.len());
    let behind = lines.into_iter().skip(last + 1);
    let mut sent = 0;
    for line in behind.filter(|line| !line.contains("<... ")) {
        let writes = [" pwrite64(", " write("].iter().any(|call| line.contains(call));
        if writes && kept.iter().any(|file| line.contains(file)) {
            return Err(format!("written after the error: {line}"));
        }
        sent += usize::from(line.contains(" writev("));
    }
    if sent > 2 { Err(format!("{sent} requests after the error")) } else { Ok(()) }
}

/// The scenarios that write most kinds of things.
fn stages() -> Vec<Stage> {
    let wanted = [
        "a file, from nothing",
        "dead letters in a file beside",
        "the resumption of a resumption",
        "a target without keys",
        "a pipe",
        "a copied pipe",
    ];
    Scenario::all().into_iter().filter(|scenario| wanted.contains(&scenario.name)).map(Stage::new).collect()
}

#[test]
fn whatever_call_fails_the_run_stops_and_the_next_one_ends_all() {
    let layer = "syscall errors";
    if !is_here(layer) {
        return;
    }
    let _turn = turn();
    let begun = Instant::now();
    let stages = stages();
    let all: Vec<Case> = stages.iter().enumerate().flat_map(|(number, stage)| cases(number, stage)).collect();
    // At factor 1 every other one; all of them at 2.
    let stride = (2.0 / factor()).max(1.0);
    let wanted = (all.len() as f64 / stride).ceil() as usize;
    let chosen: Vec<&Case> = (0..wanted).map(|n| &all[(n as f64 * stride) as usize]).collect();
    let ends = Mutex::new(BTreeMap::new());
    let failures = in_parallel(&chosen, |case| {
        let stage = &stages[case.stage];
        case.play(stage, &ends).map_err(|why| format!("{}, {case:?}: {why}", stage.scenario.name))
    });
    let ends = ends.into_inner().unwrap();
    say(&format!(
        "{layer}: {} errors (exits {ends:?}), {} violations, {:.0} s",
        chosen.len(),
        failures.len(),
        begun.elapsed().as_secs_f64()
    ));
    assert!(failures.is_empty(), "{}", shown(&failures));
    assert!(
        ends.get(&74).copied().unwrap_or_default() * 3 > chosen.len(),
        "the errors were not met: {ends:?}"
    );
}

/// Short writes, without strace or root: a limit to the size of files cuts a write in its middle, and refuses the next.
#[test]
fn a_write_that_is_cut_short_is_a_failed_one() {
    let _turn = turn();
    let begun = Instant::now();
    let stages = stages();
    let steps = (60.0 * factor()).ceil() as usize;
    let cases: Vec<(usize, usize)> = (0..stages.len())
        .flat_map(|stage| (0..steps).map(move |step| (stage, 1 + step * 300 / steps)))
        .collect();
    let failures = in_parallel(&cases, |(stage, blocks)| {
        let stage = &stages[*stage];
        let play = stage.play();
        let whole = play.command();
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' XFSZ; ulimit -f $0; exec \"$@\"", &blocks.to_string()]);
        command.arg(whole.get_program()).args(whole.get_args()).current_dir(stage.dir.path());
        for (name, value) in whole.get_envs() {
            value.map(|value| command.env(name, value));
        }
        ends_or_stops(&play, &mut command)
            .map_err(|why| format!("{}, files of {blocks} blocks: {why}", stage.scenario.name))
    });
    say(&format!(
        "short writes: {} limits, {} violations, {:.0} s",
        cases.len(),
        failures.len(),
        begun.elapsed().as_secs_f64()
    ));
    assert!(failures.is_empty(), "{}", shown(&failures));
}

fn ends_or_stops(play: &Play<'_>, command: &mut Command) -> Result<(), String> {
    let Some((status, said)) = play.stage.finish(command) else {
        return Err("it does not come to an end".to_owned());
    };
    let code = status.code().unwrap_or(-1);
    // A copy that is not whole is no matter of the ledger yet.
    let is_before = code == 1 && said.contains("cannot be copied");
    if code != 74 && !play.stage.scenario.ends(code) && !is_before {
        return Err(format!("it ended with {status}: {said}"));
    }
    play.audit()?;
    play.converges()
}

/// A small disk of its own, as long as this lives.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path, kib: usize) -> Option<Self> {
        std::fs::create_dir(at).unwrap();
        let size = format!("size={kib}k,mode=700");
        let done = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at).output();
        if done.is_ok_and(|said| said.status.success()) {
            return Some(Self(at.to_owned()));
        }
        std::fs::remove_dir(at).unwrap();
        None
    }

    fn grow(&self) {
        let done = Command::new("mount").args(["-o", "remount,size=16m"]).arg(&self.0).status();
        assert!(done.unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
        let _ = std::fs::remove_dir(&self.0);
    }
}

#[test]
fn a_disk_that_is_full_stops_the_run_and_loses_nothing() {
    let _turn = turn();
    let begun = Instant::now();
    let stage = Stage::new(
        Scenario::all().into_iter().find(|scenario| scenario.start == super::scenario::Start::Fresh).unwrap(),
    );
    let probe = stage.dir.path().join("probe");
    if SmallDisk::mount(&probe, 64).is_none() {
        return say("full disk: skipped, no tmpfs can be mounted here (it takes root)");
    }
    let step = (4.0 / factor()).ceil() as usize;
    let sizes: Vec<usize> = (4..160).step_by(step.clamp(4, 40)).collect();
    let failures = in_parallel(&sizes, |kib| {
        let mut play = stage.play();
        let disk = SmallDisk::mount(&play.state.with_extension("disk"), *kib).unwrap();
        play.state = disk.0.join("state");
        let full = stage.finish(&mut play.command());
        let about = |why: String| format!("a disk of {kib} KiB: {why}");
        let Some((status, said)) = full else { return Err(about("it does not come to an end".to_owned())) };
        // Too full for the folder itself is no matter of the ledger.
        let code = status.code().unwrap_or(-1);
        if code != 74 && !stage.scenario.ends(code) && !(code == 1 && said.contains("state folder")) {
            return Err(about(format!("it ended with {status}: {said}")));
        }
        play.audit().map_err(about)?;
        disk.grow();
        play.converges().map_err(about)
    });
    say(&format!(
        "full disk: {} sizes, {} violations, {:.0} s",
        sizes.len(),
        failures.len(),
        begun.elapsed().as_secs_f64()
    ));
    assert!(failures.is_empty(), "{}", shown(&failures));
}
