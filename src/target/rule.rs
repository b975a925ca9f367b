//! Conditions and rules: data, first match wins, no expressions.
//!
//! A condition never looks at anything but one answer, or one entry of a list of results.

use super::document::{Node, Value};
use super::errors::Spot;
use super::faults::{Attempt, Broken};
use super::pointer::Pointer;
use super::raw;
use super::section::Section;
use super::statuses::{StatusSet, class};
use super::wording::Wording;
use crate::model::Reply;
use regex::Regex;
use std::ops::RangeInclusive;

/// What is asked of a JSON value.
#[derive(Clone, Debug)]
enum Test {
    OneOf(Vec<String>),
    Exists(bool),
    Like(Regex),
}

impl Test {
    /// Whether it surely holds of every value of which the other does.
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::OneOf(words), Self::OneOf(theirs)) => theirs.iter().all(|word| words.contains(word)),
            (Self::Exists(wanted), Self::Exists(theirs)) => wanted == theirs,
            (Self::Like(regex), Self::Like(theirs)) => regex.as_str() == theirs.as_str(),
            _ => false,
        }
    }

    fn holds(&self, value: Option<&str>) -> bool {
        match self {
            Self::Exists(wanted) => value.is_some_and(|value| value != "null") == *wanted,
            Self::OneOf(words) => value.and_then(raw::scalar).is_some_and(|text| {
                words.iter().any(|word| {
                    *word == text
                        || class(word).is_some_and(|range| text.parse().is_ok_and(|n| range.contains(&n)))
                })
            }),
            Self::Like(regex) => {
                value.is_some_and(|value| regex.is_match(&raw::scalar(value).unwrap_or(value.into())))
            }
        }
    }
}

/// A condition; all of its parts hold.
#[derive(Clone, Debug, Default)]
pub(super) struct When {
    pub(super) status: StatusSet,
    header: Vec<(String, Regex)>,
    json: Vec<(Pointer, Test)>,
    text: Option<Regex>,
    one_row: Option<bool>,
    /// What kept an answer from coming; then there is none to be asked about.
    pub(super) broken: Vec<Broken>,
    after_ambiguous: Option<bool>,
    pub(super) begins: Option<bool>,
    /// Something in it cannot be read, and was told: what it asks for is not known.
    unread: bool,
}

/// A regular expression; what is wrong with it is told.
pub(super) fn regex(pattern: &str, section: &Section<'_>, spot: &Spot) -> Option<Regex> {
    match regex::RegexBuilder::new(pattern).size_limit(1 << 20).build() {
        Ok(regex) => Some(regex),
        Err(error) => {
            let why = error.to_string();
            let why = why.lines().last().unwrap_or_default().trim().to_owned();
            section.findings.add(spot, format!("`{pattern}` is no regular expression: {why}"), "");
            None
        }
    }
}

/// A pointer; what is wrong with it is told.
pub(super) fn pointer(text: &str, section: &Section<'_>, key: &str) -> Option<Pointer> {
    Pointer::parse(text).map_err(|why| section.wrong(key, why, "")).ok()
}

pub(super) fn pointer_at(section: &Section<'_>, key: &'static str) -> Option<Pointer> {
    section.text(key).and_then(|text| pointer(text, section, key))
}

impl When {
    /// `of_answer`: status, headers and text are there to be asked about; else only an entry's JSON is.
    pub(super) fn read(section: &Section<'_>, of_answer: bool) -> Self {
        let (mut when, told) = (Self::default(), section.findings.len());
        if of_answer {
            when.status = StatusSet::read(section, "status");
            for (name, spot, node) in section.entries("header") {
                if let Value::Text(pattern) = &node.value {
                    let test = regex(pattern, section, spot);
                    when.header.extend(test.map(|regex| (name.to_ascii_lowercase(), regex)));
                } else {
                    section.findings.add(spot, format!("`{name}` must be a regular expression"), "");
                }
            }
            when.one_row = section.word("sends", &[("one", true), ("many", false)]);
            when.broken = Broken::read(section);
            let attempts = [("first", false), ("after_ambiguous", true)];
            when.after_ambiguous = section.word("attempt", &attempts);
            when.begins = section.word("group", &[("new", true), ("begun", false)]);
        }
        if let Some(pattern) = section.text("text") {
            when.text = regex(pattern, section, &section.spot_of("text"));
        }
        for (at, spot, node) in section.entries("json") {
            if let (Some(pointer), Some(test)) = (pointer(at, section, "json"), test(section, spot, node)) {
                when.json.push((pointer, test));
            }
        }
        when.unread = section.findings.len() > told;
        when
    }

    /// Whether it is about such an attempt.
    pub(super) fn suits(&self, attempt: Attempt) -> bool {
        self.after_ambiguous.is_none_or(|after| after == attempt.after_ambiguous)
            && self.begins.is_none_or(|begins| begins == attempt.begins)
    }

    /// Whether it is about this fault, of a request with so many rows.
    pub(super) fn fits_fault(&self, fault: Broken, status: Option<u16>, rows: u64) -> bool {
        self.broken.contains(&fault)
            && self.one_row.is_none_or(|one| one == (rows == 1))
            && status.is_none_or(|status| self.may_read(status))
    }

    /// Whether it asks for what only an answer has.
    pub(super) fn asks_answer(&self) -> bool {
        !self.header.is_empty() || self.needs_body()
    }

    /// Whether it surely holds wherever the other does: all that it asks for the other asks for, too.
    pub(super) fn swallows(&self, other: &Self) -> bool {
        let same = |one: &Regex, two: &Regex| one.as_str() == two.as_str();
        let asked =
            self.header.iter().all(|(name, regex)| {
                other.header.iter().any(|(known, theirs)| known == name && same(regex, theirs))
            }) && self.json.iter().all(|(at, test)| {
                other.json.iter().any(|(known, theirs)| known == at && test.covers(theirs))
            }) && self
                .text
                .as_ref()
                .is_none_or(|regex| other.text.as_ref().is_some_and(|theirs| same(regex, theirs)));
        // One that names no status never reads an uncertain one (5xx, 408), which others may name.
        let all = self.status.is_empty() && !other.status.is_empty() && {
            let certain = |status: u16| status < 500 && status != 408;
            other.status.0.iter().all(|range| range.clone().all(certain))
        };
        asked
            && !self.unread
            && !other.unread
            && self.broken.is_empty()
            && other.broken.is_empty()
            && self.after_ambiguous.is_none_or(|after| other.after_ambiguous == Some(after))
            && self.begins.is_none_or(|begins| other.begins == Some(begins))
            && self.one_row.is_none_or(|one| other.one_row == Some(one))
            && (all
                || (self.status.is_empty() && other.status.is_empty())
                || self.status.covers(&other.status))
    }

    /// Whether the body has to be read for it.
    pub(super) fn needs_json(&self) -> bool {
        !self.json.is_empty()
    }

    pub(super) fn needs_body(&self) -> bool {
        self.needs_json() || self.text.is_some()
    }

    pub(super) fn may_read(&self, status: u16) -> bool {
        self.status.is_empty() || self.status.has(status)
    }

    pub(super) fn names(&self, status: u16) -> bool {
        self.status.has(status)
    }

    /// `json` is the body, if it is JSON.
    pub(super) fn fits(&self, reply: &Reply, json: Option<&str>, rows: usize) -> bool {
        self.may_read(reply.status)
            && self.one_row.is_none_or(|one| one == (rows == 1))
            && self.header.iter().all(|(name, regex)| {
                reply.headers.iter().any(|(given, value)| given == name && regex.is_match(value))
            })
            && (self.json.is_empty() || json.is_some_and(|json| self.fits_json(json)))
            && self.text.as_ref().is_none_or(|regex| regex.is_match(&String::from_utf8_lossy(&reply.body)))
    }

    pub(super) fn fits_entry(&self, entry: &str) -> bool {
        self.fits_json(entry) && self.text.as_ref().is_none_or(|regex| regex.is_match(entry))
    }

    pub(super) fn fits_json(&self, json: &str) -> bool {
        self.json.iter().all(|(pointer, test)| test.holds(pointer.find(json)))
    }
}

fn test(section: &Section<'_>, spot: &Spot, node: &Node) -> Option<Test> {
    let words = match &node.value {
        Value::Table(_) => {
            let table = Section::of("the condition", node, section.findings);
            let test = match (table.flag("exists"), table.text("regex")) {
                (Some(exists), None) => Some(Test::Exists(exists)),
                (None, Some(pattern)) => regex(pattern, section, spot).map(Test::Like),
                _ => {
                    let remedy = "write a value, a list of values, { exists = true } or { regex = \"…\" }";
                    table.findings.add(spot, "the condition is not known", remedy);
                    None
                }
            };
            table.done();
            return test;
        }
        Value::List(list) => list.iter().map(|node| word(&node.value)).collect::<Option<Vec<_>>>(),
        value => word(value).map(|word| vec![word]),
    };
    if words.is_none() {
        section.findings.add(spot, "the condition compares with what is no text, number or truth value", "");
    }
    words.map(Test::OneOf)
}

fn word(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Flag(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// What an answer means, in the profile's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    Ok,
    Results,
    Job,
    Retry,
    Throttle,
    Split,
    Bisect,
    Reject,
    Exists,
    Refetch,
    Reauth,
    InDoubt,
    Pause,
    Abort,
}

/// One `[[response]]`.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) when: When,
    pub(super) then: Then,
    pub(super) reader: Option<String>,
    pub(super) wait: Option<std::time::Duration>,
    /// Of a `retry`: the target surely did nothing.
    pub(super) not_applied: bool,
    pub(super) learn_rows: Option<Regex>,
    pub(super) learn_bytes: Option<Regex>,
    pub(super) code: Option<Wording>,
    pub(super) message: Option<Wording>,
    pub(super) field: Option<Wording>,
    /// Of an `ok` for one row: what the server calls it, where it tells.
    pub(super) id: Option<Pointer>,
    pub(super) spot: Spot,
}

impl Rule {
    /// A rule that nobody wrote: these statuses, and nothing else asked.
    pub(super) fn plain(statuses: Vec<RangeInclusive<u16>>, then: Then, spot: &Spot) -> Self {
        Self {
            when: When { status: StatusSet(statuses), ..When::default() },
            then,
            reader: None,
            wait: None,
            not_applied: false,
            learn_rows: None,
            learn_bytes: None,
            code: None,
            message: None,
            field: None,
            id: None,
            spot: spot.clone(),
        }
    }

    pub(super) fn read(section: Section<'_>) -> Self {
        let verbs = [
            ("ok", Then::Ok),
            ("results", Then::Results),
            ("job", Then::Job),
            ("retry", Then::Retry),
            ("throttle", Then::Throttle),
            ("split", Then::Split),
            ("bisect", Then::Bisect),
            ("reject", Then::Reject),
            ("exists", Then::Exists),
            ("duplicate", Then::Ok),
            ("refetch", Then::Refetch),
            ("reauth", Then::Reauth),
            ("in_doubt", Then::InDoubt),
            ("pause", Then::Pause),
            ("abort", Then::Abort),
        ];
        let when = section.section("when").map(|table| {
            let when = When::read(&table, true);
            table.done();
            when
        });
        if when.is_none() {
            section.wrong("when", "a [[response]] needs `when`", "as in when = { status = [\"2xx\"] }");
        }
        let then = section.word("then", &verbs);
        if then.is_none() && !section.has("then") {
            section.wrong("then", "a [[response]] needs `then`", "as in then = \"ok\"");
        }
        let (mut learn_rows, mut learn_bytes) = (None, None);
        if let Some(learn) = section.section("learn") {
            let read = |key| {
                let found = regex(learn.text(key)?, &learn, &learn.spot_of(key))?;
                if found.captures_len() < 2 {
                    let remedy = "write an expression with a group: 'Maximum (\\d+) items'";
                    learn.wrong(key, format!("`{key}` captures no number"), remedy);
                }
                Some(found)
            };
            (learn_rows, learn_bytes) = (read("rows"), read("bytes"));
            learn.done();
        }
        let rule = Self {
            when: when.unwrap_or_default(),
            then: then.unwrap_or(Then::Ok),
            reader: section.text("results").map(str::to_owned),
            wait: section.duration("wait"),
            not_applied: section.word("applied", &[("none", true), ("unknown", false)]).unwrap_or(false),
            learn_rows,
            learn_bytes,
            code: Wording::read(&section, "code"),
            message: Wording::read(&section, "message"),
            field: Wording::read(&section, "field"),
            id: pointer_at(&section, "id"),
            spot: section.spot.clone(),
        };
        if rule.then == Then::Results && rule.reader.is_none() {
            section.wrong("then", "then = \"results\" without a reader", "name it: results = \"items\"");
        }
        let goes =
            [("results", "results", Then::Results), ("learn", "split", Then::Split), ("id", "ok", Then::Ok)];
        for (key, verb, goes) in goes {
            if section.has(key) && rule.then != goes && then.is_some() {
                section.wrong(
                    key,
                    format!("`{key}` goes with then = \"{verb}\""),
                    "take it out, or write that",
                );
            }
        }
        super::faults::check(&rule, &section);
        if section.has("applied") && rule.then != Then::Retry {
            section.wrong("applied", "`applied` goes with then = \"retry\"", "take it out");
        }
        section.done();
        rule
    }

    pub(super) fn needs_body(&self) -> bool {
        self.when.needs_body() || matches!(self.then, Then::Results | Then::Job)
    }
}
