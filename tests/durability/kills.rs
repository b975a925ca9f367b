//! Killed at every durable step, and at every word to the server.

use super::scenario::Scenario;
use super::stage::{Play, Stage, in_parallel, shown, turn};
use super::tracer::{counts, factor, injection, is_here, say, traced};
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Calls that write, sync, name, or talk. The writes of the dead-letter file are looked at by its path: other `write`s
/// are threads that wake one another.
const CALLS: [&str; 9] =
    ["pwrite64", "fsync", "fdatasync", "ftruncate", "writev", "recvfrom", "rename", "unlink", "mkdir"];

/// A point to kill at.
#[derive(Clone, Debug)]
struct Point {
    stage: usize,
    call: &'static str,
    on_letters: bool,
    when: u32,
}

/// The points of an undisturbed run.
fn points(number: usize, stage: &Stage) -> Vec<Point> {
    let play = stage.play();
    let log = stage.dir.path().join("trace");
    let rules = ["-y", "-e", &format!("trace=write,{}", CALLS.join(","))].map(str::to_owned);
    let (status, said) = stage.finish(&mut traced(&play.command(), &rules, Some(&log))).unwrap();
    assert_eq!(status.code(), Some(stage.scenario.exit), "{}: {said}", stage.scenario.name);
    let text = std::fs::read_to_string(&log).unwrap();
    let letters = play.letters().display().to_string();
    let is_letter = |line: &&str| line.contains(" write(") && line.contains(&letters);
    let mut points = Vec::new();
    let mut add = |call, on_letters, most: u32| {
        points.extend((1..=most).map(|when| Point { stage: number, call, on_letters, when }));
    };
    let counts = counts(&text);
    for call in CALLS {
        add(call, false, counts.get(call).copied().unwrap_or_default());
    }
    add("write", true, u32::try_from(text.lines().filter(is_letter).count()).unwrap());
    points
}

/// Kills at the point; whether it came to that.
fn kill(play: &Play<'_>, point: &Point) -> Result<bool, String> {
    let mut rules = injection(point.call, "signal=KILL", &point.when.to_string());
    if point.on_letters {
        rules.extend(["-P".to_owned(), play.letters().display().to_string()]);
    }
    if let Some(at) = play.stage.scenario.term_at {
        let term = format!("inject=writev:signal=TERM:when={at}");
        rules = ["-e", &format!("trace=writev,{}", point.call), "-e", &term].map(str::to_owned).to_vec();
        rules.extend(["-e".to_owned(), format!("inject={}:signal=KILL:when={}", point.call, point.when)]);
        if point.call == "writev" {
            // One rule for a call: beyond the signal at which it drains, it is killed at another kind of step.
            return Ok(false);
        }
    }
    let Some((status, said)) = play.stage.finish(&mut traced(&play.command(), &rules, None)) else {
        return Err("it does not come to an end".to_owned());
    };
    match (status.signal(), status.code()) {
        (Some(9), _) => Ok(true),
        // The threads went another way this time, and the point was not reached.
        (None, Some(code)) if play.stage.scenario.ends(code) || code == 4 => Ok(false),
        _ => Err(format!("it ended with {status}: {said}")),
    }
}

#[test]
fn killed_at_every_step_no_row_is_lost_and_none_is_doubled() {
    let layer = "kills at every durable step";
    if !is_here(layer) {
        return;
    }
    let _turn = turn();
    let begun = Instant::now();
    let stages: Vec<Stage> = Scenario::all().into_iter().map(Stage::new).collect();
    let mut cases: Vec<Vec<Point>> = Vec::new();
    let stride = (1.0 / factor()).max(1.0);
    for (number, stage) in stages.iter().enumerate() {
        let all = points(number, stage);
        // Pipes and targets without keys go the way of files with keys but for little: some of their steps will do.
        let thinned =
            [1.0, 2.0, 4.0][if stage.scenario.piped { 2 } else { usize::from(stage.scenario.keyless) }];
        let stride = stride * thinned;
        let wanted = (all.len() as f64 / stride).ceil() as usize;
        cases.extend((0..wanted).map(|n| vec![all[(n as f64 * stride) as usize].clone()]));
        // Chains: killed again in the run that was to make it good, up to five times.
        let chains = (6.0 * factor()).ceil() as usize;
        let mut chance = fastrand::Rng::with_seed(number as u64);
        for _ in 0..chains {
            let length = chance.usize(2..=5);
            cases.push((0..length).map(|_| all[chance.usize(..all.len())].clone()).collect());
        }
    }
    let kills = AtomicUsize::new(0);
    let failures = in_parallel(&cases, |chain| {
        let stage = &stages[chain[0].stage];
        let play = stage.play();
        let about = |why: String| format!("{}, {chain:?}: {why}", stage.scenario.name);
        for point in chain {
            if kill(&play, point).map_err(about)? {
                kills.fetch_add(1, Ordering::Relaxed);
            }
            play.audit().map_err(about)?;
        }
        play.converges().map_err(about)
    });
    let kills = kills.into_inner();
    say(&format!(
        "{layer}: {kills} kills in {} imports of {} scenarios, {} violations, {:.0} s",
        cases.len(),
        stages.len(),
        failures.len(),
        begun.elapsed().as_secs_f64()
    ));
    assert!(failures.is_empty(), "{}", shown(&failures));
    assert!(kills as f64 >= cases.len() as f64 * 0.7, "only {kills} kills of {} cases", cases.len());
}

/// The oracle is worth its name: it sees a row that is lost, one that is doubled, and one that was changed.
#[test]
fn a_lost_a_doubled_and_a_changed_row_are_seen() {
    let _turn = turn();
    let scenario = Scenario::all().swap_remove(1);
    let stage = Stage::new(scenario);
    let play = stage.play();
    play.converges().unwrap();
    let whole = play.case.lock().unwrap().applied.clone();
    let mut bent: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    bent.insert("lost", whole[1..].to_vec());
    bent.insert("doubled", [&whole[..], &whole[..1]].concat());
    bent.insert("changed", whole.iter().map(|row| row.replace("r7", "r8")).collect());
    for (what, applied) in bent {
        play.case.lock().unwrap().applied = applied;
        assert!(play.converges().is_err(), "{what}");
    }
    play.case.lock().unwrap().applied = whole;
    play.converges().unwrap();
    let state: &Path = &play.state;
    std::fs::write(state.join("dead-letters.ndjson"), "{}\n").unwrap();
    assert!(play.audit().is_err());
}
