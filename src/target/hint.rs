//! What an answer tells of the target's patience before it is at an end: how many requests are left, and until when.
//!
//! Names and units that differ from target to target are the profile's to say. The headers of the IETF's drafts
//! (draft-ietf-httpapi-ratelimit-headers, <https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/>)
//! are read in all their forms: `RateLimit: "default";r=50;t=30` with `RateLimit-Policy: "default";q=100;w=60`,
//! `RateLimit: limit=100, remaining=50, reset=30`, and the three headers RateLimit-Limit, -Remaining and -Reset.

use super::target::Target;
use super::wait::{self, Unit};
use crate::model::{Reply, WallTime};
use std::time::Duration;

/// How much a target still allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateHint {
    /// Requests that are left in this window.
    pub remaining: u64,
    /// Until the next window; `None` if that is not told.
    pub reset: Option<Duration>,
    /// Requests that a window allows.
    pub limit: Option<u64>,
    /// How long a window is.
    pub window: Option<Duration>,
}

impl Target {
    /// What an answer tells of rates; of several limits the one that is nearest.
    pub fn hint(&self, reply: &Reply, now: WallTime) -> Option<RateHint> {
        let mut hints = Vec::new();
        hints.extend(self.named_hint(reply, now));
        if self.flow.ietf {
            hints.extend(policies(reply, now));
            hints.extend(pairs(reply, now));
            hints.extend(triple(reply, now));
        }
        hints.into_iter().min_by_key(|hint| (hint.remaining, std::cmp::Reverse(hint.reset)))
    }

    fn named_hint(&self, reply: &Reply, now: WallTime) -> Option<RateHint> {
        let named = |name: &Option<String>| reply.header(name.as_deref()?).and_then(count);
        let remaining = named(&self.flow.remaining)?;
        let reset = self.flow.waits.iter().find(|(_, unit)| *unit != Unit::RetryAfter);
        let reset = reset.and_then(|(name, unit)| wait::read(reply.header(name)?, *unit, reply, now));
        Some(RateHint { remaining, reset, limit: named(&self.flow.limit), window: None })
    }
}

/// The whole number at the beginning: `100`, `100, 100;w=60`.
fn count(value: &str) -> Option<u64> {
    let digits = value.trim_start().split(|c: char| !c.is_ascii_digit()).next()?;
    match digits.parse() {
        Ok(number) => Some(number),
        Err(_) if digits.is_empty() => None,
        Err(_) => Some(u64::MAX),
    }
}

fn seconds(value: &str, reply: &Reply, now: WallTime) -> Option<Duration> {
    wait::read(value, Unit::Seconds, reply, now)
}

/// All values of a header, as one list.
fn list<'a>(reply: &'a Reply, name: &'a str) -> impl Iterator<Item = &'a str> {
    let values = reply.headers.iter().filter(move |(known, _)| known == name);
    values.flat_map(|(_, value)| split(value, ','))
}

/// Parts between separators that stand outside of quotes.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut start, mut quoted) = (Vec::new(), 0, false);
    for (at, c) in text.char_indices() {
        if c == '"' {
            quoted = !quoted;
        } else if c == separator && !quoted {
            parts.push(text[start..at].trim());
            start = at + 1;
        }
    }
    parts.push(text[start..].trim());
    parts
}

/// `"name";k=v;…` as name and parameters.
fn item(text: &str) -> (&str, Vec<(&str, &str)>) {
    let mut parts = split(text, ';').into_iter();
    let name = parts.next().unwrap_or_default().trim_matches('"');
    (name, parts.filter_map(|part| part.split_once('=')).collect())
}

fn of<'a>(parameters: &[(&'a str, &'a str)], name: &str) -> Option<&'a str> {
    parameters.iter().find(|(known, _)| known.trim() == name).map(|(_, value)| value.trim())
}

/// `RateLimit` as a list of policies.
fn policies(reply: &Reply, now: WallTime) -> Vec<RateHint> {
    let known: Vec<_> = list(reply, "ratelimit-policy").map(item).collect();
    let hint = |text: &str| {
        let (name, parameters) = item(text);
        let policy = known.iter().find(|(known, _)| *known == name).map(|(_, parameters)| parameters);
        Some(RateHint {
            remaining: of(&parameters, "r").and_then(count)?,
            reset: of(&parameters, "t").and_then(|value| seconds(value, reply, now)),
            limit: policy.and_then(|policy| of(policy, "q")).and_then(count),
            window: policy.and_then(|policy| of(policy, "w")).and_then(|value| seconds(value, reply, now)),
        })
    };
    list(reply, "ratelimit").filter_map(hint).collect()
}

/// `RateLimit` as a dictionary.
fn pairs(reply: &Reply, now: WallTime) -> Option<RateHint> {
    let members: Vec<(&str, &str)> =
        list(reply, "ratelimit").filter_map(|member| member.split_once('=')).collect();
    Some(RateHint {
        remaining: of(&members, "remaining").and_then(count)?,
        reset: of(&members, "reset").and_then(|value| seconds(value, reply, now)),
        limit: of(&members, "limit").and_then(count),
        window: None,
    })
}

/// Three headers.
fn triple(reply: &Reply, now: WallTime) -> Option<RateHint> {
    Some(RateHint {
        remaining: reply.header("ratelimit-remaining").and_then(count)?,
        reset: reply.header("ratelimit-reset").and_then(|value| seconds(value, reply, now)),
        limit: reply.header("ratelimit-limit").and_then(count),
        window: None,
    })
}
