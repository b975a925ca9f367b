//! Statuses as a profile names them.

use super::document::Value;
use super::section::Section;
use std::ops::RangeInclusive;

/// Statuses: `409`, `"5xx"`, `"200-299"`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct StatusSet(pub(super) Vec<RangeInclusive<u16>>);

impl StatusSet {
    pub(super) fn read(section: &Section<'_>, key: &'static str) -> Self {
        let mut ranges = Vec::new();
        for node in section.list(key) {
            match status(&node.value) {
                Some(range) => ranges.push(range),
                None => section.findings.add(
                    &node.spot,
                    format!("`{key}` holds what is no status"),
                    "write statuses as in 409, \"5xx\" or \"200-299\"",
                ),
            }
        }
        Self(ranges)
    }

    pub(super) fn has(&self, status: u16) -> bool {
        self.0.iter().any(|range| range.contains(&status))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every status of the other is one of these. An empty set means all.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let ours = |status: u16| self.has(status);
        !self.is_empty() && !other.is_empty() && other.0.iter().all(|range| range.clone().all(ours))
    }
}

fn status(value: &Value) -> Option<RangeInclusive<u16>> {
    let known = |range: RangeInclusive<u16>| {
        (*range.start() >= 100 && *range.end() <= 599 && range.start() <= range.end()).then_some(range)
    };
    match value {
        Value::Integer(number) => u16::try_from(*number).ok().and_then(|status| known(status..=status)),
        Value::Text(text) => class(text).or_else(|| {
            let (from, to) = text.split_once('-')?;
            known(from.trim().parse().ok()?..=to.trim().parse().ok()?)
        }),
        _ => None,
    }
}

/// `2xx`.
pub(super) fn class(text: &str) -> Option<RangeInclusive<u16>> {
    let digit = text.strip_suffix("xx")?.parse::<u16>().ok().filter(|digit| (1..=5).contains(digit))?;
    Some(digit * 100..=digit * 100 + 99)
}
