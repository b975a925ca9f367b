//! The power goes at any moment of a run: what was not synced is gone, or half there. Then the same command again,
//! against the server as it was at that moment.

use super::disk::{Call, Disk, read};
use super::scenario::Scenario;
use super::stage::{Play, Stage, in_parallel, shown, turn};
use super::tracer::{factor, is_here, say, traced};
use bulkhaul::edge::ledger::{LedgerError, View};
use bulkhaul::model::{BatchPage, Digest};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

const CALLS: &str =
    "trace=pwrite64,write,fsync,fdatasync,ftruncate,unlink,rename,openat,mkdir,writev,sendto,recvfrom";

/// Crash states of each scenario at factor 1.
const STATES: f64 = 201.0;

/// A run that was written down.
struct Recording {
    stage: Stage,
    /// The state folder as the run had it.
    state: PathBuf,
    before: Disk,
    calls: Vec<Call>,
}

/// A request, in the order in which it left.
struct Request {
    path: String,
    key: String,
    body: String,
    left: usize,
    answered: Option<usize>,
}

fn record(scenario: Scenario) -> Recording {
    let stage = Stage::new(scenario);
    let play = stage.play();
    let log = stage.dir.path().join("trace");
    let before = Disk::of(&play.state, &play.state).with(&play.letters(), &play.letters());
    let rules = ["-y", "-xx", "-s", "10000000", "-e", CALLS].map(str::to_owned);
    let (status, said) = stage.finish(&mut traced(&play.command(), &rules, Some(&log))).unwrap();
    assert_eq!(status.code(), Some(stage.scenario.exit), "{}: {said}", stage.scenario.name);
    let text = std::fs::read_to_string(&log).unwrap();
    let calls = read(&text, stage.dir.path());
    std::fs::remove_file(log).unwrap();
    let state = play.state.clone();
    drop(play);
    Recording { stage, state, before, calls }
}

/// The requests that rows went out with, each with the moments of its leaving and of its answer.
fn requests(calls: &[Call]) -> Vec<Request> {
    let mut requests: Vec<(String, Request)> = Vec::new();
    for (moment, call) in calls.iter().enumerate() {
        match call {
            Call::Sent { socket, bytes } => {
                let text = String::from_utf8_lossy(bytes).into_owned();
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let mut lines = head.lines();
                let mut words = lines.next().unwrap_or_default().split(' ');
                if words.next() != Some("POST") {
                    continue;
                }
                let path = words.next().unwrap().to_owned();
                let key = lines
                    .find_map(|line| line.strip_prefix("idempotency-key: "))
                    .unwrap_or_default()
                    .to_owned();
                let request = Request { path, key, body: body.to_owned(), left: moment, answered: None };
                requests.push((socket.clone(), request));
            }
            Call::Came { socket } => {
                let waiting = requests
                    .iter_mut()
                    .rev()
                    .find(|(other, request)| other == socket && request.answered.is_none());
                if let Some((_, request)) = waiting {
                    request.answered = Some(moment);
                }
            }
            _ => {}
        }
    }
    requests.into_iter().map(|(_, request)| request).collect()
}

impl Recording {
    /// The power goes at this moment.
    fn cut(&self, moment: usize, requests: &[Request], seed: u64) -> Result<(), String> {
        let mut chance = fastrand::Rng::with_seed(seed);
        let keep = [0.0, 0.3, 0.6, 0.9][chance.usize(..4)];
        let mut disk = self.before.clone();
        self.calls[..moment].iter().for_each(|call| disk.call(call));
        let play = self.stage.play();
        let _ = std::fs::remove_dir_all(&play.state);
        let (ours, theirs) = (&play.state, &self.state);
        let letters = (play.letters(), theirs.with_extension("letters"));
        disk.lose(&mut chance, keep, |path| {
            if *path == letters.1 {
                return letters.0.clone();
            }
            path.strip_prefix(theirs).map_or_else(
                |_| self.stage.dir.path().join("elsewhere"),
                |name| if name.as_os_str().is_empty() { ours.clone() } else { ours.join(name) },
            )
        });
        let mut left = HashSet::new();
        {
            let mut case = play.case.lock().unwrap();
            for request in requests.iter().filter(|request| request.left < moment) {
                let was_answered = request.answered.is_some_and(|answered| answered < moment);
                left.insert(Digest::of(request.body.as_bytes()));
                // What left may have arrived.
                if was_answered || chance.bool() {
                    case.handle(&request.path, &request.key, &request.body);
                }
            }
        }
        planned_before_it_left(&play, &left)?;
        play.audit()?;
        play.converges()
    }
}

/// Plan before send: what has left stands in what was synced.
fn planned_before_it_left(play: &Play<'_>, left: &HashSet<Digest>) -> Result<(), String> {
    if left.is_empty() {
        return Ok(());
    }
    let known = bodies(&play.state).map_err(|error| format!("the ledger cannot be read: {error}"))?;
    match left.iter().find(|body| !known.contains(body)) {
        Some(_) => Err("a batch has left that the ledger does not know".to_owned()),
        None => Ok(()),
    }
}

fn bodies(state: &Path) -> Result<HashSet<Digest>, LedgerError> {
    let view = View::open(&state.join("ledger.db"))?;
    let mut bodies = HashSet::new();
    view.families::<LedgerError>(1, &mut |family: Vec<BatchPage>| {
        bodies.extend(family.iter().map(|batch| batch.body_hash));
        Ok(())
    })?;
    Ok(bodies)
}

#[test]
fn after_a_power_cut_at_any_moment_no_row_is_lost_and_none_is_doubled() {
    let layer = "power loss";
    if !is_here(layer) {
        return;
    }
    let _turn = turn();
    let begun = Instant::now();
    let scenarios = Scenario::all().into_iter().filter(|scenario| scenario.term_at.is_none());
    let recordings: Vec<(Recording, Vec<Request>)> = scenarios
        .map(|scenario| {
            let recording = record(scenario);
            let requests = requests(&recording.calls);
            assert!(requests.len() > 1, "{}: nothing was seen to leave", recording.stage.scenario.name);
            (recording, requests)
        })
        .collect();
    let states = (STATES * factor()).ceil() as usize * recordings.len();
    let mut chance = fastrand::Rng::with_seed(7);
    let cases: Vec<(usize, usize, u64)> = (0..states)
        .map(|number| {
            let which = number % recordings.len();
            (which, chance.usize(1..=recordings[which].0.calls.len()), chance.u64(..))
        })
        .collect();
    let failures = in_parallel(&cases, |(which, moment, seed)| {
        let (recording, requests) = &recordings[*which];
        recording.cut(*moment, requests, *seed).map_err(|why| {
            let last = &recording.calls[moment - 1];
            let last: String = format!("{last:?}").chars().take(200).collect();
            format!(
                "{}, call {moment} of {}, seed {seed}, behind {last}: {why}",
                recording.stage.scenario.name,
                recording.calls.len()
            )
        })
    });
    let calls: usize = recordings.iter().map(|(recording, _)| recording.calls.len()).sum();
    say(&format!(
        "{layer}: {states} states of {} runs with {calls} calls, {} violations, {:.0} s",
        recordings.len(),
        failures.len(),
        begun.elapsed().as_secs_f64()
    ));
    assert!(failures.is_empty(), "{}", shown(&failures));
}

/// Found by the layer above: neither the name of a new state folder nor that of a new dead-letter file was synced, so
/// that a power cut could take the ledger with it, or leave a finished import without its dead letters for ever.
#[test]
fn what_was_synced_is_enough_to_find_the_ledger_and_the_dead_letters_again() {
    let layer = "names of new files";
    if !is_here(layer) {
        return;
    }
    let _turn = turn();
    let recording = record(Scenario::all().swap_remove(0));
    let mut disk = recording.before.clone();
    recording.calls.iter().for_each(|call| disk.call(call));
    let after = recording.stage.dir.path().join("after");
    disk.lose(&mut fastrand::Rng::with_seed(1), 0.0, |path| {
        path.strip_prefix(&recording.state)
            .map_or_else(|_| after.with_extension("x"), |name| after.join(name))
    });
    for name in ["ledger.db", "dead-letters.ndjson"] {
        assert!(after.join(name).metadata().is_ok_and(|data| data.len() > 0), "{name} is lost");
    }
}

/// The disk is harsh: without its syncs a run loses what it said.
#[test]
fn a_run_whose_syncs_are_left_out_is_caught() {
    let layer = "power loss without syncs";
    if !is_here(layer) {
        return;
    }
    let _turn = turn();
    let mut recording = record(Scenario::all().pop().unwrap());
    let synced = recording.calls.len();
    recording
        .calls
        .retain(|call| !matches!(call, Call::Sync { path } if path.to_string_lossy().ends_with("-wal")));
    assert!(recording.calls.len() < synced);
    let requests = requests(&recording.calls);
    let caught = (0..40_u64).filter(|seed| {
        let moment = recording.calls.len() * (*seed as usize + 20) / 60;
        recording.cut(moment, &requests, *seed).is_err()
    });
    assert!(caught.count() > 10);
}
