//! Plays a play, and judges it.

use super::play::{End, Play, Signal, Step, What, csv, is_refused, newest};
use super::target::{Event, World, profile};
use crate::support::server::Server;
use crate::support::{Bench, Said, said};
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A run that takes longer has stuck.
const PATIENCE: Duration = Duration::from_secs(60);

struct Stage {
    play: Play,
    bench: Bench,
    server: Server,
    world: Arc<Mutex<World>>,
    /// The last replay, so that one that was broken off can be finished.
    replay: Option<String>,
}

/// A command that came to its end by itself, or was ended.
struct Ended {
    words: String,
    said: Said,
    met_signal: bool,
}

type Judged<T> = Result<T, String>;

macro_rules! hold {
    ($holds:expr, $($words:tt)*) => {
        if !$holds {
            return Err(format!($($words)*));
        }
    };
}

/// What happened; `Err`: and which promise was broken.
pub(super) fn walk(seed: u64) -> Judged<String> {
    let play = Play::of(seed);
    let bench = Bench::with("t.toml", profile(play.target));
    for (number, rows) in play.feeds.iter().enumerate() {
        bench.write(&format!("f{number}.csv"), csv(rows));
    }
    let (server, world) = World::start(play.target, seed);
    let mut stage = Stage { play, bench, server, world, replay: None };
    let judged = stage.play();
    let told = format!("{}{}", stage.play, stage.world.lock().unwrap().told);
    judged.map(|()| told.clone()).map_err(|why| format!("{told}BROKEN, SEED={seed}: {why}"))
}

impl Stage {
    fn play(&mut self) -> Judged<()> {
        for step in self.play.steps.clone() {
            let Some(ended) = self.command(&step)? else { continue };
            self.judge(&step, &ended)?;
        }
        self.bring_to_its_end()
    }

    fn to(&self) -> String {
        format!("--to ./t.toml --url {} --state s --progress none --json", self.server.url())
    }

    /// `None` where there is nothing to do.
    fn command(&mut self, step: &Step) -> Judged<Option<Ended>> {
        let (to, shape) = (self.to(), &step.shape);
        let words = match &step.what {
            What::Send { feed, policy, more } => {
                format!("send f{feed}.csv --sync id --on-ambiguous {policy}{more} {shape} {to}")
            }
            What::Replay { mended, in_doubt, policy } => {
                let Ok(letters) = std::fs::read_to_string(self.bench.path("s/dead-letters.ndjson")) else {
                    return Ok(None);
                };
                let more = if *in_doubt { "--in-doubt" } else { "" };
                let file = if *mended { "mended.ndjson" } else { "s/dead-letters.ndjson" };
                self.bench.write("mended.ndjson", letters.replace("\"value\":\"x", "\"value\":\"m"));
                format!("replay {file} {more} --on-ambiguous {policy} {shape} {to}")
            }
        };
        let ended = self.run(&words, step.trouble, step.end)?;
        if ended.said.exit != 6 && matches!(step.what, What::Replay { .. }) {
            self.replay = Some(words);
        }
        Ok(Some(ended))
    }

    fn run(&self, words: &str, trouble: u32, end: Option<End>) -> Judged<Ended> {
        let child = {
            // No request is met before the process is known.
            let mut world = self.world.lock().unwrap();
            world.turn_to(trouble, end);
            world.tell(&format!("  bulkhaul {}", words.split(" --to").next().unwrap()));
            let mut command = self.bench.command(words);
            let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            world.process = Some(child.id());
            child
        };
        let said = wait(child);
        let mut world = self.world.lock().unwrap();
        let met_signal = world.was_ended;
        let rows = serde_json::from_str::<Value>(&said.stdout).map(|it| it["rows"].to_string());
        world.tell(&format!("    -> {} {} {}", said.exit, rows.unwrap_or_default(), said.stderr.trim_end()));
        hold!(!said.stderr.contains("panicked"), "it panicked");
        Ok(Ended { words: words.to_owned(), said, met_signal })
    }

    /// After each command the books balance, and what it says is so.
    fn judge(&self, step: &Step, ended: &Ended) -> Judged<()> {
        let Ended { said, met_signal, .. } = ended;
        let is_killed = *met_signal && step.end.is_some_and(|end| end.signal == Signal::Kill);
        let waits = said.exit == 6 && said.stderr.contains("of this state is not finished");
        let is_replay = matches!(step.what, What::Replay { .. });
        let overtaken = is_replay && said.exit == 6;
        hold!(
            matches!(said.exit, 0 | 3 | 4 | 5) || is_killed && said.exit == -1 || waits || overtaken,
            "exit {}",
            said.exit
        );
        if !is_killed {
            hold!(said.stdout.is_empty() || balances(said), "the summary does not balance");
        }
        self.audit()?;
        if let What::Send { feed, .. } = step.what {
            if said.exit == -1 || said.exit == 4 {
                self.offer(feed);
            }
            if matches!(said.exit, 0 | 3 | 5) {
                self.compare(feed, ended)?;
            }
        } else if said.exit == -1 || said.exit == 4 {
            self.offer_all();
        }
        Ok(())
    }

    /// What a command that was ended may have sent, as far as it knows itself.
    fn offer(&self, feed: usize) {
        let rows = newest(&self.play.feeds[feed]);
        let offered = rows.into_iter().map(|(id, value)| Event::Offered(id, value));
        self.world.lock().unwrap().events.extend(offered);
    }

    fn offer_all(&self) {
        for feed in 0..self.play.feeds.len() {
            self.offer(feed);
        }
    }

    fn audit(&self) -> Judged<()> {
        if !self.bench.path("s/ledger.db").exists() {
            return Ok(());
        }
        let status = self.bench.run("status s --json");
        let Ok(status) = serde_json::from_str::<Value>(&status.stdout) else { return Ok(()) };
        let inputs: Vec<&str> =
            status["inputs"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let said = self.bench.run(&format!("audit s {}", inputs.join(" ")));
        hold!(said.exit == 0, "audit s {}: {said:#?}", inputs.join(" "));
        let Ok(replays) = std::fs::read_dir(self.bench.path("s/replays")) else { return Ok(()) };
        for replay in replays {
            let folder = format!("s/replays/{}", replay.unwrap().file_name().into_string().unwrap());
            if self.bench.path(&folder).join("rows.ndjson").exists() {
                let said = self.bench.run(&format!("audit {folder}"));
                hold!(said.exit == 0, "audit {folder}: {said:#?}");
            }
        }
        Ok(())
    }

    /// A feed that came to its end is what the target has, but for what it has refused and what is in doubt.
    fn compare(&self, feed: usize, ended: &Ended) -> Judged<()> {
        let summary = ended.said.summary();
        if summary["state"] != "complete" {
            return Ok(());
        }
        let world = self.world.lock().unwrap();
        let rows = newest(&self.play.feeds[feed]);
        let [in_doubt, rejected] =
            ["in_doubt", "rejected"].map(|name| summary["rows"][name].as_u64().unwrap() as usize);
        let other: Vec<_> = rows.iter().filter(|(id, value)| world.store.get(*id) != Some(value)).collect();
        let unsaid =
            other.iter().filter(|(id, value)| !world.refused.contains(&((*id).clone(), (*value).clone())));
        hold!(
            other.len() <= in_doubt + rejected && unsaid.count() <= in_doubt,
            "f{feed} is complete, and of these rows the target has others: {other:?}"
        );
        let deletes = &summary["deletes"];
        let left = ["rejected", "in_doubt"].iter().filter_map(|name| deletes[name].as_u64()).sum::<u64>();
        let more: Vec<_> = world.store.keys().filter(|id| !rows.contains_key(*id)).collect();
        hold!(
            !ended.words.contains("--deletes") || more.len() as u64 <= left,
            "f{feed} is complete with {left} deletions refused or in doubt, and the target still has {more:?}"
        );
        Ok(())
    }

    /// No more trouble: the newest feed comes to its end, and then there is nothing to do.
    fn bring_to_its_end(&mut self) -> Judged<()> {
        let feed = self.play.feeds.len() - 1;
        let policy = self.play.policies.last().unwrap();
        let more = if self.play.target.deletes { " --deletes --max-deletes 100" } else { "" };
        let words = format!("send f{feed}.csv --sync id --on-ambiguous {policy}{more} -j 2 {}", self.to());
        let mut last = None;
        for _ in 0..6 {
            let ended = self.run(&words, 0, None)?;
            self.audit()?;
            if ended.said.exit == 6 && ended.said.stderr.contains("of this state is not finished") {
                let replay = self.replay.clone().unwrap();
                self.run(&replay, 0, None)?;
                continue;
            }
            if matches!(ended.said.exit, 0 | 3 | 5) {
                let is_decided = ended.said.exit != 5 || *policy == "hold";
                last = Some(ended);
                if is_decided {
                    break;
                }
            }
        }
        let Some(last) = last else { return Err("it never ends".into()) };
        self.compare(feed, &last)?;
        let mut sent = Vec::new();
        // What the target did not want then may be good now.
        let was_refused = last.said.summary()["rows"]["rejected"] != 0;
        for _ in 0..=u8::from(was_refused) {
            let before = self.world.lock().unwrap().events.len();
            let further = self.run(&words, 0, None)?;
            hold!(matches!(further.said.exit, 0 | 3 | 5), "a further run does not end");
            self.compare(feed, &further)?;
            let world = self.world.lock().unwrap();
            let is_idle = |event: &&Event| !matches!(event, Event::Reached(_, value) if is_refused(value));
            sent = world.events[before..].iter().filter(is_idle).cloned().collect();
        }
        hold!(sent.is_empty(), "a further run has sent {sent:?}");
        if self.play.is_strict() { self.nothing_twice() } else { Ok(()) }
    }

    /// No row is applied twice with none of another content in between, or one that may have been.
    fn nothing_twice(&self) -> Judged<()> {
        let world = self.world.lock().unwrap();
        let mut last: BTreeMap<&str, &str> = BTreeMap::new();
        for event in &world.events {
            match event {
                Event::Applied(id, value) => {
                    let before = last.insert(id, value);
                    hold!(before != Some(value), "{id}={value} was applied twice");
                }
                Event::Reached(id, value) | Event::Offered(id, value) => {
                    if last.get(&**id).is_some_and(|before| before != value) {
                        last.remove(&**id);
                    }
                }
                Event::Deleted(id) => {
                    last.remove(&**id);
                }
            }
        }
        Ok(())
    }
}

fn balances(said: &Said) -> bool {
    let Ok(summary) = serde_json::from_str::<Value>(&said.stdout) else { return false };
    let rows = &summary["rows"];
    let of = |name: &str| rows[name].as_u64().unwrap_or_default();
    of("read") == ["delivered", "rejected", "unchanged", "in_doubt", "pending"].map(of).iter().sum::<u64>()
}

fn wait(mut child: Child) -> Said {
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > PATIENCE {
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    said(child.wait_with_output().unwrap())
}
