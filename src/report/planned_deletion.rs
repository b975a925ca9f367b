//! The words of a plan about what a feed no longer has.

use super::curl::Curl;
use super::speech::{count, grouped};
use serde_json::{Value, json};

/// What would be deleted.
#[derive(Debug)]
pub struct PlannedDeletion {
    pub rows: u64,
    pub requests: u64,
    /// A deletion that was broken off would be brought to its end first.
    pub goes_on: bool,
    /// Why not all of it is.
    pub notes: Vec<String>,
    /// The first request.
    pub curl: Option<Curl>,
}

impl PlannedDeletion {
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.goes_on {
            let words = "what may have left of a deletion that was broken off would come to its end first";
            lines.push(format!("  {words}"));
        }
        lines.push(match self.rows {
            0 => "  nothing would be deleted".to_owned(),
            rows => format!(
                "  {} would be deleted at the target before that, by {}",
                grouped(rows),
                count(self.requests, "request")
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
            "rows": self.rows, "requests": self.requests, "goes_on": self.goes_on, "notes": self.notes,
            "first_request": self.curl.as_ref().map(Curl::to_json), "curl": self.curl.as_ref().map(Curl::line),
        })
    }
}
