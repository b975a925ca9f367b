//! The summary as a value: `--json`, `status.json`.

use crate::args::SendArgs;
use crate::engine::Counters;
use crate::error::Error;
use crate::model::{Requests, Tally};
use serde::Serialize;

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
    /// What was decided before the run began, as people read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Words>,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Bytes {
    pub read: u64,
    pub sent: u64,
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
            settings: None,
            error: Some(Words { message: error.message.clone(), hint: error.hint.clone() }),
        }
    }

    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a summary is plain data")
    }
}
