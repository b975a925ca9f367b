//! The words of `status`, and the same as JSON.

use super::Deletion;
use super::facts::{facts, pace};
use super::not_sent::NotSent;
use super::phrases::{rows_line, without_answer};
use super::since::{Replayed, earlier};
use super::speech::{tame, visible};
use super::summary::{Bytes, Summary};
use crate::edge::ledger::{Details, Found};
use crate::model::{ImportState, Sample, Tally, WallTime};
use crate::settings::repeats_harmlessly;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// An input as it was when the import began.
#[derive(Clone, Debug)]
pub struct Input {
    pub name: String,
    pub size: u64,
}

/// How an import stands.
#[derive(Debug)]
pub struct Standing {
    pub state: PathBuf,
    /// A process runs it.
    pub is_running: bool,
    /// What `status.json` says.
    pub told: Option<Value>,
    /// What the ledger says; not there while it runs, and before anything was written down.
    pub found: Option<(Found, Details)>,
    pub inputs: Vec<Input>,
    /// `None` if nothing was replayed.
    pub replayed: Option<Replayed>,
    /// Rows that were refused in earlier imports, and are still open.
    pub open_earlier: u64,
    /// What was deleted before the feed was sent.
    pub deletion: Option<Deletion>,
    pub now: WallTime,
}

impl Standing {
    /// What the last run told, if it is about this import.
    fn told(&self) -> Option<&Map<String, Value>> {
        let told = self.told.as_ref()?.as_object()?;
        let of_this = |(found, _): &(Found, Details)| {
            told.get("import_id").and_then(Value::as_str) == Some(found.import.id.hex().as_str())
        };
        (self.is_running || self.found.as_ref().is_some_and(of_this)).then_some(told)
    }

    fn told_text(&self, key: &str) -> Option<&str> {
        self.told()?.get(key)?.as_str()
    }

    /// The words of the contract: `complete`, `running`, `stopped`.
    pub(super) fn word(&self) -> &'static str {
        match &self.found {
            _ if self.is_running => "running",
            Some((Found { import, .. }, _)) if matches!(import.state, ImportState::Complete(_)) => "complete",
            _ => "stopped",
        }
    }

    /// Why the last run ended before the import did.
    fn stopped_by(&self) -> Option<&str> {
        let (found, _) = self.found.as_ref()?;
        match (found.import.state, self.told_text("state")) {
            (ImportState::Complete(_), _) => None,
            (ImportState::Abandoned, _) => Some("abandon"),
            (ImportState::Open, Some("running")) => Some("crash"),
            (ImportState::Open, _) => self.told_text("stopped_by"),
        }
    }

    pub(super) fn exit(&self) -> Option<u64> {
        let (found, _) = self.found.as_ref()?;
        match (found.import.state, self.told_text("state")) {
            (ImportState::Complete(exit), _) => Some(u64::from(exit)),
            (ImportState::Abandoned, _) => Some(0),
            (ImportState::Open, Some("stopped")) => self.told()?.get("exit")?.as_u64(),
            _ => None,
        }
    }

    pub(super) fn tally(&self) -> Tally {
        self.found.as_ref().map_or_else(|| self.told_as("rows"), |(found, _)| found.tally)
    }

    /// What is told under this name, as far as it reads as that.
    fn told_as<T: DeserializeOwned + Default>(&self, key: &str) -> T {
        let told = self.told_value(key);
        told.and_then(|told| serde_json::from_value(told.clone()).ok()).unwrap_or_default()
    }

    fn input_names(&self) -> Vec<String> {
        if self.found.is_some() {
            return self.inputs.iter().map(|input| input.name.clone()).collect();
        }
        let told = self.told().and_then(|told| told.get("inputs")).and_then(Value::as_array);
        told.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// The inputs as people call them.
    fn names(&self) -> String {
        let called = |name: String| if name == "-" { "standard input".to_owned() } else { name };
        let names: Vec<String> = self.input_names().into_iter().map(called).collect();
        if names.is_empty() { self.state.display().to_string() } else { names.join(", ") }
    }

    fn dead_letters(&self) -> String {
        self.told_text("dead_letters")
            .map_or_else(|| self.state.join("dead-letters.ndjson").display().to_string(), str::to_owned)
    }

    /// The share of the input that was read, where its size on disk tells.
    fn share(&self) -> Option<u64> {
        let (found, _) = self.found.as_ref()?;
        let packed = |input: &Input| [".gz", ".zst"].iter().any(|ending| input.name.ends_with(ending));
        let total: u64 = self.inputs.iter().map(|input| input.size).sum();
        if found.drained || total == 0 || self.inputs.iter().any(packed) {
            return None;
        }
        let place = found.cursor?.place;
        let before: u64 = self.inputs.iter().take(place.input as usize).map(|input| input.size).sum();
        Some((before + place.byte) * 100 / total)
    }

    /// The summary of the contract, §7, with what else is known.
    pub fn to_json(&self) -> Value {
        let mut summary = Map::new();
        let blank = json!({
            "bulkhaul": env!("CARGO_PKG_VERSION"), "import_id": null, "import": null, "state": null, "exit": null,
            "target": null, "inputs": [], "rows": null, "batches": {"planned": 0, "settled": 0, "split": 0},
            "requests": {"sent": 0, "retried": 0, "throttled": 0, "replayed": 0, "polls": 0},
            "bytes": {"read": 0, "sent": 0}, "elapsed_s": 0.0, "rows_per_s": 0.0, "resumed": false,
            "stopped_by": null, "dead_letters": null, "resume": null,
        });
        summary.extend(blank.as_object().cloned().unwrap_or_default());
        summary.extend(self.told().cloned().unwrap_or_default());
        let mut set = |key: &str, value: Value| summary.insert(key.to_owned(), value);
        set("state", self.word().into());
        set("exit", self.exit().into());
        set("stopped_by", self.stopped_by().into());
        set("rows", json!(self.tally()));
        set("inputs", self.input_names().into());
        set("dead_letters", self.dead_letters().into());
        set("state_dir", self.state.display().to_string().into());
        if let Some((found, details)) = &self.found {
            set("import_id", found.import.id.hex().into());
            set("import", found.import.number.into());
            let counts =
                json!({"planned": details.planned, "settled": details.settled, "split": details.split});
            set("batches", counts);
            let Bytes { sent, .. } = self.told_as("bytes");
            set("bytes", json!(Bytes { read: found.bytes_read, sent }));
            set("drained", found.drained.into());
            set("jobs", json!({"open": details.jobs, "rows": details.job_rows}));
            set("learned", json!({"rows": details.learned_rows, "bytes": details.learned_bytes}));
            set("pause_until", details.pause_until.map(WallTime::rfc3339).into());
            let doubts = details.doubts.iter().map(|(why, rows)| json!({"why": why, "rows": rows}));
            set("doubts", doubts.collect());
            set("told_applied", details.told_applied.into());
            let earlier = json!({"in_doubt": details.doubts_earlier, "pending": details.pending_earlier});
            set("earlier_streams", earlier);
        }
        if let Some(Replayed { delivered, open, is_running }) = self.replayed {
            let replayed = json!({"delivered": delivered, "open": open, "running": is_running});
            summary.insert("replayed".to_owned(), replayed);
        }
        if self.found.is_some() {
            summary.insert("open_earlier".to_owned(), self.open_earlier.into());
        }
        if let Some(deletion) = &self.deletion {
            summary.insert("deletes".to_owned(), deletion.to_json());
        }
        let is_over = self.found.as_ref().is_some_and(|(found, _)| found.import.state != ImportState::Open);
        if is_over && self.told_text("state") != Some("complete") {
            summary.insert("resume".to_owned(), Value::Null);
        }
        Value::Object(summary)
    }

    /// Tells a summary what is known of the import.
    pub fn fill(&self, summary: &mut Summary) {
        summary.import_id = self.import_id();
        summary.rows = self.tally();
        (summary.import, summary.batches, summary.bytes.read) = match &self.found {
            Some((found, _)) => (Some(found.import.number), found.batches, found.bytes_read),
            None => (self.told_as("import"), self.told_as("batches"), self.told_as::<Bytes>("bytes").read),
        };
        for (key, field) in [("target", &mut summary.target), ("dead_letters", &mut summary.dead_letters)] {
            if let Some(told) = self.told_text(key) {
                told.clone_into(field);
            }
        }
    }

    /// `customers.csv to orders-batch`.
    pub(super) fn title(&self) -> String {
        let names = self.names();
        self.told_text("target").map_or_else(|| names.clone(), |target| format!("{names} to {target}"))
    }

    pub(super) fn import_id(&self) -> Option<String> {
        let found = self.found.as_ref().map(|(found, _)| found.import.id.hex());
        found.or_else(|| self.told_text("import_id").map(str::to_owned))
    }

    /// What was typed, as far as it is told.
    pub(super) fn command(&self) -> Option<String> {
        self.told_text("command").map(str::to_owned)
    }

    pub(super) fn told_value(&self, key: &str) -> Option<&Value> {
        self.told()?.get(key)
    }

    /// What else the ledger says, by name.
    pub(super) fn facts(&self) -> Vec<(&'static str, String)> {
        let Some((found, details)) = &self.found else { return Vec::new() };
        let settings = self.told_value("settings");
        let on_ambiguous = settings.and_then(|settings| settings.get("on_ambiguous")).and_then(Value::as_str);
        let keys = settings.and_then(|settings| settings.get("keys")).and_then(Value::as_str);
        let is_natural = settings.is_some_and(repeats_harmlessly);
        let on_ambiguous = on_ambiguous.or(is_natural.then_some("natural"));
        let has_keys = keys.is_some_and(|keys| keys.starts_with("one "));
        let kept = settings.filter(|_| has_keys).and_then(|settings| settings.get("keys_remembered"));
        let unanswered = without_answer(on_ambiguous, kept.and_then(Value::as_str));
        facts(found, details, &unanswered, self.now)
    }

    /// Stretches that `status.json` tells of, for a run that is on.
    pub fn told_history(&self) -> Vec<Sample> {
        self.told_as("history")
    }

    pub fn words(&self) -> String {
        let state = self.state.display();
        if self.found.is_none() && !self.is_running {
            return format!("{state}: nothing was written down yet; the first run ended before it began");
        }
        let names = tame(&self.names());
        let target = self.told_text("target").map_or(String::new(), |target| format!(" to {}", tame(target)));
        let mut lines = vec![format!("{names}{target}: {}", self.heading())];
        let mut line = |name: &str, words: String| lines.push(format!("  {name:8} {words}"));
        line("rows", self.rows());
        if self.found.is_some() {
            for (name, words) in self.facts() {
                line(name, words);
            }
        } else if let Some(told) = self.told() {
            line("pace", pace(told));
        }
        if self.tally().rejected > 0 {
            line(
                "refused",
                format!("bulkhaul rejects {state} says why; the rows are in {}", tame(&self.dead_letters())),
            );
        }
        if let Some(deletion) = &self.deletion {
            lines.push(format!("  {:8} {}", "deleted", deletion.words()));
        }
        if let Some(not_sent) = self.told_value("not_sent").and_then(NotSent::read) {
            lines.push(format!("  {:8} {}", "not sent", not_sent.words()));
        }
        // A replay of an earlier feed's rows says nothing about this one.
        let of_this = |replayed: &Replayed| replayed.is_running || replayed.delivered + replayed.open > 0;
        if let Some(replayed) = self.replayed.filter(of_this) {
            lines.push(format!("  {:8} {}", "replays", replayed.words()));
        }
        if self.open_earlier > 0 {
            lines.push(format!("  {:8} {}", "earlier", earlier(self.open_earlier, &self.state)));
        }
        lines.extend(self.what_next());
        lines.join("\n")
    }

    pub(super) fn heading(&self) -> String {
        let Some((found, _)) = &self.found else {
            return if self.told().is_some() { "running".into() } else { "a run has just begun".into() };
        };
        match (found.import.state, self.stopped_by()) {
            (ImportState::Complete(0), _) => {
                self.deletion.as_ref().map_or("complete", Deletion::heading).to_owned()
            }
            (ImportState::Complete(3), _) if self.replayed.is_some_and(|since| since.open == 0) => {
                "complete, and what was refused was delivered since".to_owned()
            }
            (ImportState::Complete(5), _) => "complete, but rows are in doubt".to_owned(),
            (ImportState::Complete(_), _) => "complete, with dead letters".to_owned(),
            (ImportState::Abandoned, _) => "abandoned".to_owned(),
            (ImportState::Open, Some("crash")) => {
                "stopped: the last run was killed, or the machine went down".to_owned()
            }
            (ImportState::Open, Some("signal")) => "stopped by Ctrl-C or a signal".to_owned(),
            (ImportState::Open, Some(cause)) => format!("stopped ({})", tame(cause)),
            (ImportState::Open, None) => "stopped".to_owned(),
        }
    }

    fn rows(&self) -> String {
        let drained = self.found.as_ref().is_some_and(|(found, _)| found.drained);
        let line = rows_line(&self.tally(), drained);
        match self.share() {
            Some(share) => format!("{line}; {share} % of the input was read"),
            None => line,
        }
    }

    fn what_next(&self) -> Vec<String> {
        let Some((found, _)) = &self.found else { return Vec::new() };
        let mut lines = Vec::new();
        if found.import.state == ImportState::Open {
            match self.told_text("resume") {
                Some(resume) => {
                    // A copied stream is there, and of a queue the next comes.
                    let is_whole = [" --spool", " --new-stream"].iter().any(|option| resume.contains(option));
                    let is_stream = self.input_names().iter().any(|name| name == "-");
                    let fed = "to go on, feed the same stream again from its start to:";
                    let words = if is_stream && !is_whole { fed } else { "to go on:" };
                    lines.extend([words.to_owned(), visible(resume, 8000)]);
                }
                None => lines.push("to go on: run the same `bulkhaul send` command again".to_owned()),
            }
        } else if let Some(command) = self.deletion.as_ref().and_then(Deletion::to_go_on) {
            lines.extend(["to go on:".to_owned(), visible(&command, 8000)]);
        } else if found.tally.in_doubt > 0 {
            lines.push(format!(
                "bulkhaul rejects {} says what is known of the rows in doubt, and what ends the doubt",
                self.state.display()
            ));
        }
        lines
    }
}
