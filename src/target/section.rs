//! A table of a profile while it is read: every key that was asked for is a known key, and every other is an
//! error, so that the list of what is allowed can never differ from what is read.
//!
//! It never guesses: a value of the wrong kind is told, and the default stands in for it until the end.

use super::document::{Node, Table, Value};
use super::errors::{Findings, Spot, nearest};
use super::header::{header_fault, typed_secret};
use std::cell::RefCell;
use std::time::Duration;

/// One table, its name, and which keys were asked for.
pub(super) struct Section<'a> {
    name: String,
    pub(super) spot: Spot,
    table: Option<&'a Table>,
    asked: RefCell<Vec<&'static str>>,
    pub(super) findings: &'a Findings,
}

impl<'a> Section<'a> {
    /// `name` as people read it; the whole file has none.
    pub(super) fn of(name: &str, node: &'a Node, findings: &'a Findings) -> Self {
        let table = match &node.value {
            Value::Table(table) => Some(table),
            other => {
                findings.add(&node.spot, format!("{name} must be a table, not {}", other.kind()), "");
                None
            }
        };
        let name = if name.is_empty() { "the profile" } else { name };
        let (name, spot) = (name.to_owned(), node.spot.clone());
        Self { name, spot, table, asked: RefCell::default(), findings }
    }

    fn get(&self, key: &'static str) -> Option<(&'a Spot, &'a Node)> {
        self.asked.borrow_mut().push(key);
        self.table?.get(key).map(|member| (&member.spot, &member.node))
    }

    /// What a key takes, for the page that lists them all: `tests/reference.rs` holds it to this.
    #[cfg(test)]
    fn note(&self, key: &str, kind: &str) {
        super::tests::reference::note(&self.name, key, kind);
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "only tests listen")]
    const fn note(&self, _key: &str, _kind: &str) {}

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.get(key).is_some())
    }

    /// Where a key stands, or else the table itself.
    pub(super) fn spot_of(&self, key: &str) -> Spot {
        let member = self.table.and_then(|table| table.get(key));
        member.map_or_else(|| self.spot.clone(), |member| member.spot.clone())
    }

    pub(super) fn wrong(&self, key: &str, message: impl Into<String>, remedy: impl Into<String>) {
        self.findings.add(&self.spot_of(key), message, remedy);
    }

    fn misfit(&self, key: &str, wanted: &str, node: &Node) {
        let message = format!("`{key}` in {} must be {wanted}, not {}", self.name, node.value.kind());
        let remedy = match &node.value {
            Value::Text(text) if wanted.starts_with("a list") => {
                format!("write {key} = [{}]", toml::Value::from(text.as_str()))
            }
            Value::Integer(number) if wanted.starts_with("a list") => format!("write {key} = [{number}]"),
            _ => String::new(),
        };
        self.findings.add(&node.spot, message, remedy);
    }

    pub(super) fn node(&self, key: &'static str) -> Option<&'a Node> {
        self.note(key, "");
        self.get(key).map(|(_, node)| node)
    }

    pub(super) fn text(&self, key: &'static str) -> Option<&'a str> {
        self.note(key, "text");
        self.any_text(key)
    }

    fn any_text(&self, key: &'static str) -> Option<&'a str> {
        let (_, node) = self.get(key)?;
        if let Value::Text(text) = &node.value {
            return Some(text);
        }
        self.misfit(key, "text", node);
        None
    }

    pub(super) fn flag(&self, key: &'static str) -> Option<bool> {
        self.note(key, "true or false");
        let (_, node) = self.get(key)?;
        if let Value::Flag(flag) = &node.value {
            return Some(*flag);
        }
        self.misfit(key, "true or false", node);
        None
    }

    /// A whole number of at least `least`.
    pub(super) fn count(&self, key: &'static str, least: u64) -> Option<u64> {
        self.note(key, "whole number");
        let (_, node) = self.get(key)?;
        match &node.value {
            Value::Integer(number) if u64::try_from(*number).is_ok_and(|number| number >= least) => {
                u64::try_from(*number).ok()
            }
            Value::Integer(number) => {
                self.wrong(key, format!("`{key}` is {number}"), format!("it must be at least {least}"));
                None
            }
            _ => {
                self.misfit(key, "a whole number", node);
                None
            }
        }
    }

    /// A number, whole or decimal.
    pub(super) fn decimal(&self, key: &'static str) -> Option<f64> {
        self.note(key, "number");
        let (_, node) = self.get(key)?;
        match &node.value {
            Value::Integer(number) => Some(*number as f64),
            Value::Float(number) if number.is_finite() => Some(*number),
            _ => {
                self.misfit(key, "a number", node);
                None
            }
        }
    }

    pub(super) fn duration(&self, key: &'static str) -> Option<Duration> {
        self.note(key, "duration");
        let text = self.any_text(key)?;
        let read = humantime::parse_duration(text).ok();
        if read.is_none() {
            let remedy = "write a number with its unit, as in \"90s\", \"24h\" or \"30days\"";
            self.wrong(key, format!("`{key} = \"{text}\"` is no duration"), remedy);
        }
        read
    }

    /// Bytes: a whole number, or text with a unit.
    pub(super) fn size(&self, key: &'static str) -> Option<u64> {
        self.note(key, "size");
        let (_, node) = self.get(key)?;
        let read = match &node.value {
            Value::Integer(number) => u64::try_from(*number).ok(),
            Value::Text(text) => size_of(text),
            _ => None,
        };
        let read = read.filter(|bytes| *bytes > 0);
        if read.is_none() {
            self.wrong(key, format!("`{key}` is no size"), "write bytes, as in 500000, \"1MB\" or \"1MiB\"");
        }
        read
    }

    /// One word of a closed list.
    pub(super) fn word<T: Copy>(&self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        self.note(key, &format!("one of {}", known.join(", ")));
        let text = self.any_text(key)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
        if found.is_none() {
            let message = format!("`{key} = \"{text}\"` in {} is not known", self.name);
            self.wrong(key, message, format!("it is one of {}", known.join(", ")));
        }
        found
    }

    pub(super) fn section(&self, key: &'static str) -> Option<Section<'a>> {
        self.note(key, "table");
        let (_, node) = self.get(key)?;
        let name = match self.name.as_str() {
            "the profile" => format!("[{key}]"),
            outer if outer.starts_with('[') => format!("[{}.{key}]", outer.trim_matches(['[', ']'])),
            _ => format!("`{key}`"),
        };
        Some(Section::of(&name, node, self.findings))
    }

    /// The tables of `[[key]]`.
    pub(super) fn sections(&self, key: &'static str) -> Vec<Section<'a>> {
        self.note(key, "list of tables");
        let name = match self.name.trim_matches(['[', ']']) {
            "the profile" => format!("[[{key}]]"),
            outer => format!("[[{outer}.{key}]]"),
        };
        self.any_list(key).iter().map(|node| Section::of(&name, node, self.findings)).collect()
    }

    pub(super) fn list(&self, key: &'static str) -> &'a [Node] {
        self.note(key, "list");
        self.any_list(key)
    }

    fn any_list(&self, key: &'static str) -> &'a [Node] {
        let Some((_, node)) = self.get(key) else { return &[] };
        if let Value::List(list) = &node.value {
            return list;
        }
        self.misfit(key, "a list", node);
        &[]
    }

    /// A text, or a list of several.
    pub(super) fn one_or_more(&self, key: &'static str) -> Vec<&'a str> {
        self.note(key, "text or a list of text");
        match self.get(key).map(|(_, node)| &node.value) {
            Some(Value::List(_)) => self.any_texts(key).into_iter().map(|(text, _)| text).collect(),
            Some(_) => self.any_text(key).into_iter().collect(),
            None => Vec::new(),
        }
    }

    pub(super) fn texts(&self, key: &'static str) -> Vec<(&'a str, &'a Spot)> {
        self.note(key, "list of text");
        self.any_texts(key)
    }

    fn any_texts(&self, key: &'static str) -> Vec<(&'a str, &'a Spot)> {
        let mut texts = Vec::new();
        for node in self.any_list(key) {
            match &node.value {
                Value::Text(text) => texts.push((text.as_str(), &node.spot)),
                _ => self.misfit(key, "a list of text", node),
            }
        }
        texts
    }

    /// The members of a table whose keys are free.
    pub(super) fn entries(&self, key: &'static str) -> Vec<(&'a str, &'a Spot, &'a Node)> {
        self.note(key, "names and values");
        let Some((_, node)) = self.get(key) else { return Vec::new() };
        if let Value::Table(table) = &node.value {
            return table.members.iter().map(|m| (m.name.as_str(), &m.spot, &m.node)).collect();
        }
        self.misfit(key, "a table", node);
        Vec::new()
    }

    /// The method of a request. One that is nearly a known one is mistyped; others may be the API's own.
    pub(super) fn method(&self, default: &'a str) -> &'a str {
        const KNOWN: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
        let method = self.text("method").unwrap_or(default);
        let near = nearest(method, &KNOWN).filter(|_| !KNOWN.contains(&method) && !method.contains("${"));
        if let Some(near) = near {
            self.wrong("method", format!("`{method}` is no known method"), format!("did you mean {near}?"));
        }
        method
    }

    /// The headers of a request: names in lower case, each with what is made of its text.
    pub(super) fn headers<T>(&self, mut of: impl FnMut(&'a str) -> T) -> Vec<(String, T)> {
        let mut headers = Vec::new();
        for (name, spot, node) in self.entries("headers") {
            match &node.value {
                Value::Text(text) => {
                    if let Some((message, remedy)) = header_fault(name) {
                        self.findings.add(spot, message, remedy);
                    }
                    if let Some((message, remedy)) = typed_secret(name, text) {
                        self.findings.add(spot, message, remedy);
                    }
                    headers.push((name.to_ascii_lowercase(), of(text)));
                }
                _ => self.findings.add(spot, format!("`{name}` in `headers` must be text"), ""),
            }
        }
        headers
    }

    /// Every key that nobody asked for is an error.
    pub(super) fn done(self) {
        let Some(table) = self.table else { return };
        let asked = self.asked.borrow();
        for member in table.members.iter().filter(|member| !asked.contains(&member.name.as_str())) {
            let remedy = nearest(&member.name, &asked).map_or_else(
                || {
                    let mut known = asked.clone();
                    known.sort_unstable();
                    known.dedup();
                    format!("it takes {}", known.join(", "))
                },
                |name| format!("did you mean `{name}`?"),
            );
            let message = format!("unknown key `{}` in {}", member.name, self.name);
            self.findings.add(&member.spot, message, remedy);
        }
    }
}

/// `500KB`, `1MiB`, `10 MB`, `4096`.
pub(super) fn size_of(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let unit: u64 = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return None,
    };
    text[..digits].parse::<u64>().ok()?.checked_mul(unit)
}
