//! The words of a plan about what a feed no longer has.

use super::curl::Curl;
use super::speech::{count, grouped};
use serde_json::{Value, json};

/// What would be deleted.
#[derive(Debug)]
pub struct PlannedDeletion {
    /// All of it.
    pub rows: u64,
    pub requests: u64,
    /// Rows of a deletion that was broken off, which would go first.
    pub first: u64,
    /// Why not all of it is.
    pub notes: Vec<String>,
    /// The first request.
    pub curl: Option<Curl>,
}

impl PlannedDeletion {
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        lines.push(match self.rows {
            0 => "  nothing would be deleted".to_owned(),
            rows => format!(
                "  {} would be deleted at the target before that, by {}{}",
                grouped(rows),
                count(self.requests, "request"),
                match self.first {
                    0 => String::new(),
                    first => format!("; first {} of a deletion that was broken off", grouped(first)),
                }
            ),
        });
        lines.extend(self.notes.iter().map(|note| format!("  note: {note}")));
        lines
    }

    pub(super) fn request(&self, whole: bool) -> Option<String> {
        let curl = self.curl.as_ref()?;
        Some(format!("\nthe first request that deletes:\n{}", curl.shown(whole)))
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "rows": self.rows, "requests": self.requests, "goes_on": self.first > 0, "notes": self.notes,
            "first_request": self.curl.as_ref().map(Curl::to_json), "curl": self.curl.as_ref().map(Curl::line),
        })
    }
}
