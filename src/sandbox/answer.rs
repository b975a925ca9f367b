//! What the server says back, before any fault touches it.
//!
//! An [`Answer`] is a status and a body of JSON, and whether it settles the key it was given under. It must
//! never know about connections.

use serde_json::json;

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    /// Whether it is remembered under the request's idempotency key.
    pub(super) settles: bool,
    /// Whether it was remembered, and is told again.
    pub(super) replayed: bool,
    /// Further headers.
    pub(super) headers: Vec<(&'static str, String)>,
}

impl Answer {
    /// A verdict: remembered under the request's key.
    pub(super) fn verdict(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, body: body.into(), settles: true, replayed: false, headers: Vec::new() }
    }

    /// An answer that decides nothing about the request.
    pub(super) fn passing(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { settles: false, ..Self::verdict(status, body) }
    }

    /// `{"error":…,"message":…}`, as a verdict.
    pub(super) fn refusal(status: u16, error: &str, message: &str) -> Self {
        Self::verdict(status, json!({ "error": error, "message": message }).to_string())
    }

    /// A remembered answer.
    pub(super) fn replay(status: u16, body: Vec<u8>) -> Self {
        Self { replayed: true, ..Self::passing(status, body) }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}
