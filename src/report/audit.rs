//! The words of `audit`, and the same as JSON.

use super::Deletion;
use super::speech::{count, grouped, tame};
use crate::engine::{Recorded, Recounted};
use crate::model::ImportRecord;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;

/// Problems that people are shown; all that were kept are in the JSON.
const SHOWN: usize = 20;

/// What is known of the input.
#[derive(Clone, Copy, Debug, Default)]
pub struct InputState {
    /// What was read of it has the hash that the ledger holds.
    pub same: bool,
    /// It was read to its end.
    pub drained: bool,
}

/// What an audit found.
#[derive(Debug)]
pub struct Audited {
    pub state: PathBuf,
    pub import: ImportRecord,
    pub inputs: Arc<[String]>,
    /// What they were called when the import began.
    pub names_then: Vec<String>,
    pub found: Recounted,
    pub recorded: Recorded,
    pub input: InputState,
    /// Why the input cannot be the one that was read; then nothing else is worth a word.
    pub other: Option<String>,
    /// Dead letters of rows, and of whole requests.
    pub letters: u64,
    pub reports: u64,
    /// The file lacks some of them, and the next run writes them.
    pub letters_behind: bool,
    pub file: PathBuf,
    /// What was deleted before it, if it is of a feed.
    pub deletion: Option<Deletion>,
}

impl Audited {
    /// One sentence.
    pub fn verdict(&self) -> String {
        let state = self.state.display();
        if self.other.is_some() {
            let names = self.inputs.join(", ");
            return format!(
                "`{names}` is not what import {} of `{state}` read; nothing else was compared",
                self.import.number
            );
        }
        match self.found.problem_count {
            0 => format!("the books of {state} balance"),
            1 => format!("the books of {state} do not balance: one thing does not fit"),
            many => format!("the books of {state} do not balance: {} things do not fit", grouped(many)),
        }
    }

    pub fn words(&self) -> String {
        let (rows, bytes) = (&self.found.rows, &self.found.bytes);
        let names = tame(&self.inputs.join(", "));
        if let Some(why) = &self.other {
            return format!("{names}, import {}: {}", self.import.number, tame(why));
        }
        let state = if self.found.balances() { "the books balance" } else { "the books do not balance" };
        let mut lines = vec![format!("{names}, import {}: {state}", self.import.number)];
        lines.push(format!("  {:10} {:>14} {:>18}", "", "rows", "bytes of input"));
        let parts = [
            ("delivered", rows.delivered, bytes.delivered),
            ("refused", rows.rejected, bytes.rejected),
            ("unchanged", rows.unchanged, bytes.unchanged),
            ("in doubt", rows.in_doubt, bytes.in_doubt),
            ("pending", rows.pending, bytes.pending),
            ("read", rows.read, bytes.read),
        ];
        for (word, rows, bytes) in parts {
            lines.push(format!("  {word:10} {:>14} {:>18}", grouped(rows), grouped(bytes)));
        }
        lines.extend(self.facts());
        let found = &self.found;
        if !found.balances() {
            lines.push("what does not fit:".to_owned());
            lines.extend(found.problems.iter().take(SHOWN).map(|problem| format!("  {}", tame(problem))));
            let more = found.problem_count.saturating_sub(SHOWN as u64);
            if more > 0 {
                lines.push(format!("  and {} more", grouped(more)));
            }
        }
        lines.join("\n")
    }

    fn facts(&self) -> Vec<String> {
        let found = &self.found;
        let mut batches = format!("{} planned, {} settled", grouped(found.planned), grouped(found.settled));
        if found.split > 0 {
            batches.push_str(&format!(", {} halved", grouped(found.split)));
        }
        batches.push_str(&format!("; {} made again", count(found.keys, "key")));
        if found.other_keys > 0 {
            batches.push_str(&format!(
                ", {} follow from what the target said meanwhile",
                grouped(found.other_keys)
            ));
        }
        let mut lines = vec![format!("  batches    {batches}")];
        if self.letters + self.reports > 0 {
            let mut letters = format!("{} of rows", grouped(self.letters));
            if self.reports > 0 {
                letters.push_str(&format!(", {} of whole requests", grouped(self.reports)));
            }
            let file = tame(&self.file.display().to_string());
            if self.letters_behind {
                letters.push_str(&format!("; {file} lacks the last of them, the next run writes it"));
            } else {
                letters.push_str(&format!("; compared with {file}"));
            }
            lines.push(format!("  letters    {letters}"));
        }
        let input = match (self.input.same, self.input.drained) {
            (true, true) => "read to its end; its hash is the one in the ledger",
            (true, false) => "not read to its end; what was read has the hash that is in the ledger",
            (false, _) if self.recorded.cursor.is_none() => "nothing was read",
            (false, _) => "not the one that was read",
        };
        lines.push(format!("  input      {input}"));
        lines.extend(self.deletion.as_ref().map(|deletion| format!("  deleted    {}", deletion.words())));
        lines
    }

    pub fn to_json(&self) -> String {
        let found = &self.found;
        json!({
            "bulkhaul": env!("CARGO_PKG_VERSION"), "state_dir": self.state.display().to_string(),
            "import_id": self.import.id.hex(), "import": self.import.number, "inputs": &self.inputs[..],
            "balances": found.balances(), "rows": found.rows, "bytes": found.bytes,
            "batches": {"planned": found.planned, "settled": found.settled, "split": found.split},
            "keys": {"rebuilt": found.keys, "not_rebuilt": found.other_keys},
            "dead_letters": {
                "file": self.file.display().to_string(), "rows": self.letters, "requests": self.reports,
                "file_behind": self.letters_behind,
            },
            "input": {"same": self.input.same, "drained": self.input.drained},
            "deletes": self.deletion.as_ref().map(Deletion::to_json),
            "problems": found.problems, "problem_count": found.problem_count,
        })
        .to_string()
    }
}
