//! The words about guards of a feed: how it stands to `--max-shrink` and `--max-deletes`.

use super::speech::{count, grouped};
use crate::engine::MaxRejects;
use crate::error::Error;
use serde_json::{Value, json};

/// A guard, and how a feed stands to it.
#[derive(Clone, Debug)]
pub struct Guard {
    /// In the summary's word.
    pub name: &'static str,
    words: String,
    /// Rows that it would have to allow.
    pub needed: u64,
    pub stops: bool,
    /// The feed's files hold no byte: nobody meant that, most likely.
    pub(super) is_of_nothing: bool,
}

impl Guard {
    /// `--max-shrink`: of rows with different keys, so many `before` and so many `now`.
    pub fn of_shrinking(max: MaxRejects, before: u64, now: u64) -> Self {
        let needed = before.saturating_sub(now);
        let words = format!("the feed had {} last time and has {} now", count(before, "row"), grouped(now));
        Self { name: "max-shrink", words, needed, stops: exceeds(max, needed, before), is_of_nothing: false }
    }

    /// `--max-deletes`: so many of the rows that were delivered are `missing`.
    pub fn of_deleting(max: MaxRejects, known: u64, missing: u64) -> Self {
        let allowed = match max {
            MaxRejects::Rows(rows) => count(rows, "row"),
            MaxRejects::Percent(percent) => format!("{percent} % of them"),
        };
        let words = format!(
            "the feed lacks {} of {} that were delivered, and --max-deletes allows {allowed}",
            grouped(missing),
            count(known, "row")
        );
        Self {
            name: "max-deletes",
            words,
            needed: missing,
            stops: exceeds(max, missing, known),
            is_of_nothing: false,
        }
    }

    /// Whether the feed's files hold no byte.
    #[must_use]
    pub fn of_nothing(self, is_of_nothing: bool) -> Self {
        Self { is_of_nothing, ..self }
    }

    /// For a plan.
    pub(super) fn line(&self) -> String {
        let what = if self.stops { "would stop it" } else { "lets it pass" };
        format!("  --{} {what}: {}", self.name, self.words)
    }

    pub(super) fn to_json(&self) -> Value {
        json!({"guard": self.name, "stops": self.stops, "message": self.words, "needed": self.needed})
    }

    /// Why nothing of the feed is sent, if it is not.
    pub fn stop(guards: &[Self]) -> Option<Error> {
        let stops: Vec<&Self> = guards.iter().filter(|guard| guard.stops).collect();
        let first = stops.first()?;
        let words: Vec<&str> = stops.iter().map(|guard| guard.words.as_str()).collect();
        if stops.iter().any(|guard| guard.is_of_nothing) {
            let words =
                format!("the feed is an empty file, without as much as a header; {}", words.join("; "));
            let error = Error::stopped(first.name, words);
            return Some(error.hint("its producer has probably failed: get it again"));
        }
        let raised: Vec<(String, String)> =
            stops.iter().map(|guard| (format!("--{}", guard.name), guard.needed.to_string())).collect();
        let options: Vec<String> = raised.iter().map(|(option, value)| format!("{option} {value}")).collect();
        let error = Error::stopped(first.name, words.join("; ")).raising(raised);
        Some(error.hint(format!("is it whole? if it is: {}", options.join(" "))))
    }
}

/// Whether so many of so many are more than is allowed.
fn exceeds(max: MaxRejects, part: u64, whole: u64) -> bool {
    match max {
        MaxRejects::Rows(rows) => part > rows,
        MaxRejects::Percent(percent) => part as f64 * 100.0 > percent * whole as f64,
    }
}
