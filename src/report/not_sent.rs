//! A feed of which nothing was sent, as `status` tells it: until the next one is sent, `status.json` says so beside what
//! the last run told.

use super::speech::tame;
use crate::error::Error;
use crate::model::WallTime;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Which, when and why.
#[derive(Debug, Serialize, Deserialize)]
pub struct NotSent {
    inputs: Vec<String>,
    at: String,
    exit: u8,
    stopped_by: Option<String>,
    message: String,
    hint: Option<String>,
}

impl NotSent {
    pub fn new(inputs: Vec<String>, at: WallTime, error: &Error) -> Self {
        Self {
            inputs,
            at: at.rfc3339(),
            exit: error.exit,
            stopped_by: error.stopped_by.map(str::to_owned),
            message: error.message.clone(),
            hint: error.hint.clone(),
        }
    }

    pub(super) fn read(told: &Value) -> Option<Self> {
        Self::deserialize(told).ok()
    }

    /// What the last run `told`, with this.
    pub fn beside(&self, told: &str) -> Option<String> {
        let mut told: Value = serde_json::from_str(told).ok()?;
        told.as_object_mut()?.insert("not_sent".to_owned(), serde_json::to_value(self).ok()?);
        Some(told.to_string())
    }

    pub(super) fn words(&self) -> String {
        format!("{}, at {}: {}", tame(&self.inputs.join(", ")), tame(&self.at), tame(&self.message))
    }
}
