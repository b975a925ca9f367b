//! The summary as a value: `--json`, `status.json`.

use super::speech::{count, grouped};
use crate::args::SendArgs;
use crate::error::Error;
use crate::model::{Counters, Requests, Tally};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::Duration;

/// See the contract, §7. Fields may be added, never renamed.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    pub bulkhaul: &'static str,
    pub import_id: Option<String>,
    pub import: Option<u64>,
    pub state: &'static str,
    pub exit: Option<u8>,
    pub target: String,
    pub inputs: Vec<String>,
    pub rows: Tally,
    pub batches: Counters,
    pub requests: Requests,
    pub bytes: Bytes,
    pub elapsed_s: f64,
    pub rows_per_s: f64,
    pub resumed: bool,
    pub stopped_by: Option<&'static str>,
    pub dead_letters: String,
    pub resume: Option<String>,
    /// What was typed, less what holds for one run only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// What was decided before the run began, as people read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings: Option<serde_json::Value>,
    /// Of a replay only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay: Option<Replayed>,
    /// Under `--deletes` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletes: Option<Deleted>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Words>,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Bytes {
    /// That the rows read stand in, over all runs: unpacked, with their line ends; no header and no blank line, which are
    /// no rows.
    pub read: u64,
    /// Of bodies, in this run.
    pub sent: u64,
}

/// Which letters a replay took over, and which not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replayed {
    /// The state of the import whose dead letters these are.
    pub of: String,
    pub taken: u64,
    pub left_out: LeftOut,
}

/// Rows that a replay did not take over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LeftOut {
    /// By earlier replays.
    pub delivered: u64,
    /// By the import itself, which took them out of doubt.
    pub settled: u64,
    /// The import has taken them out of doubt, and has not ended.
    pub pending: u64,
    pub in_doubt: u64,
    /// Refused in an import whose rows a later one of the same state has taken over.
    pub earlier_imports: u64,
    /// Of imports that the state does not know.
    pub other_states: u64,
    /// Not meant by `--reason`.
    pub other_reasons: u64,
    /// A letter that stands in the file before.
    pub repeated: u64,
    /// Letters, each about a whole request.
    pub too_long: u64,
}

impl LeftOut {
    /// `3 delivered by earlier replays, 2 in doubt (--in-doubt takes them, too)`; nothing if none was left out.
    pub fn words(&self) -> Option<String> {
        let parts = [
            (self.delivered, "delivered by earlier replays"),
            (self.settled, "no longer in doubt: the import has sent them again"),
            (self.pending, "pending in the import, which has taken them up again"),
            (self.in_doubt, "in doubt (--in-doubt takes them, too)"),
            (self.earlier_imports, "of earlier imports, whose rows a later one has taken over"),
            (self.other_states, "of imports that this state does not know (--state DIR names theirs)"),
            (self.other_reasons, "refused for other reasons"),
            (self.repeated, "in the file twice"),
        ];
        let too_long = (self.too_long > 0).then(|| {
            let letters = count(self.too_long, "letter");
            format!(
                "{letters} about a whole request, longer than 128 MiB (the command that sent those rows sends them again with \
                 --on-ambiguous resend)"
            )
        });
        let parts: Vec<String> = parts
            .iter()
            .filter(|(rows, _)| *rows > 0)
            .map(|(rows, what)| format!("{} {what}", grouped(*rows)))
            .chain(too_long)
            .collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

/// Rows that a feed no longer had.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Deleted {
    /// All of them.
    pub missing: u64,
    pub deleted: u64,
    pub rejected: u64,
    pub in_doubt: u64,
    pub dead_letters: String,
}

impl Deleted {
    /// `folder`: the state of the deletion.
    pub fn of(rows: &Tally, folder: &Path) -> Self {
        let Tally { delivered, rejected, in_doubt, .. } = *rows;
        let missing = delivered + rejected + in_doubt;
        let dead_letters = folder.join("dead-letters.ndjson").display().to_string();
        Self { missing, deleted: delivered, rejected, in_doubt, dead_letters }
    }

    pub(super) fn words(&self) -> String {
        let missing = grouped(self.missing);
        let mut words = format!(
            "deleted at the target: {} of {missing} that the feed no longer has",
            grouped(self.deleted)
        );
        if self.rejected > 0 {
            words.push_str(&format!("; {} refused, see {}", grouped(self.rejected), self.dead_letters));
        }
        if self.in_doubt > 0 {
            words.push_str(&format!("; {} in doubt", grouped(self.in_doubt)));
        }
        words
    }
}

/// As it is told: to the millisecond.
pub(super) fn in_seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}

/// What earlier imports of a command have sent, and the time that they took: a run is all of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    requests: Requests,
    bytes: u64,
    elapsed_s: f64,
}

impl Spent {
    pub(super) const fn of(summary: &Summary) -> Self {
        let Summary { requests, bytes, elapsed_s, .. } = summary;
        Self { requests: *requests, bytes: bytes.sent, elapsed_s: *elapsed_s }
    }

    pub(super) fn add_to(&self, summary: &mut Summary) {
        summary.requests.add(self.requests);
        summary.bytes.sent += self.bytes;
        summary.elapsed_s = in_seconds(Duration::from_secs_f64(summary.elapsed_s + self.elapsed_s));
    }

    /// Less the time that a later import of the command tells, too.
    pub(super) fn without(self, ahead: Duration) -> Self {
        Self { elapsed_s: (self.elapsed_s - ahead.as_secs_f64()).max(0.0), ..self }
    }

    pub(super) const fn add(&mut self, other: Self) {
        self.requests.add(other.requests);
        self.bytes += other.bytes;
        self.elapsed_s += other.elapsed_s;
    }
}

/// What went wrong.
#[derive(Clone, Debug, Serialize)]
pub struct Words {
    pub message: String,
    pub hint: Option<String>,
}

impl Summary {
    /// A run that could not begin.
    pub fn of_error(args: &SendArgs, error: &Error) -> Self {
        Self {
            bulkhaul: env!("CARGO_PKG_VERSION"),
            import_id: None,
            import: None,
            state: "stopped",
            exit: Some(error.exit),
            target: args.to.clone(),
            inputs: args.inputs.iter().map(|path| path.display().to_string()).collect(),
            rows: Tally::default(),
            batches: Counters::default(),
            requests: Requests::default(),
            bytes: Bytes::default(),
            elapsed_s: 0.0,
            rows_per_s: 0.0,
            resumed: false,
            stopped_by: Some("error"),
            dead_letters: String::new(),
            resume: None,
            command: None,
            settings: None,
            replay: None,
            deletes: None,
            error: Some(Words { message: error.message.clone(), hint: error.hint.clone() }),
        }
    }

    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a summary is plain data")
    }
}
