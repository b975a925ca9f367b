//! The words of a refusal: code, message and field, as the profile says them or as the answer does.

use super::document::{Node, Value};
use super::pointer::Pointer;
use super::raw;
use super::rule::{pointer, regex};
use super::scrub::clean;
use super::section::Section;
use regex::Regex;
use std::borrow::Cow;

/// A word of a refusal: as the profile says it, or from a place in the answer, the first that there is.
#[derive(Clone, Debug)]
pub(super) enum Wording {
    Said(String),
    Found(Pointer),
    /// What the first group of an expression finds in the text.
    Captured(Regex),
    First(Vec<Wording>),
}

impl Wording {
    pub(super) fn read(section: &Section<'_>, key: &'static str) -> Option<Self> {
        Self::of_node(section.node(key)?, section, key)
    }

    fn of_node(node: &Node, section: &Section<'_>, key: &'static str) -> Option<Self> {
        match &node.value {
            Value::Text(text) if text.starts_with('/') || text.is_empty() => {
                pointer(text, section, key).map(Self::Found)
            }
            Value::Text(text) => Some(Self::Said(text.clone())),
            Value::List(list) => {
                Some(Self::First(list.iter().filter_map(|node| Self::of_node(node, section, key)).collect()))
            }
            Value::Table(_) => {
                let table = Section::of(&format!("`{key}`"), node, section.findings);
                let pattern = table.text("regex");
                let found = pattern.and_then(|pattern| regex(pattern, section, &node.spot));
                if pattern.is_none() || found.as_ref().is_some_and(|regex| regex.captures_len() < 2) {
                    let remedy = "write an expression with a group: { regex = 'Code: (\\d+)' }";
                    section.findings.add(&node.spot, format!("`{key}` captures nothing"), remedy);
                }
                table.done();
                found.map(Self::Captured)
            }
            other => {
                let message = format!("`{key}` cannot be {}", other.kind());
                let remedy = "write words, a JSON Pointer, { regex = \"…\" }, or a list of them";
                section.findings.add(&node.spot, message, remedy);
                None
            }
        }
    }

    /// The words that an entry of an answer has, fit to be shown.
    pub(super) fn of_entry(&self, entry: &str, secrets: &[String]) -> Option<String> {
        let text = raw::string(entry).unwrap_or(entry.into());
        self.of(Some(entry), &text).map(|words| clean(&words, secrets))
    }

    /// The words; none if the answer has none there. `text` is all of what is spoken of, as it came.
    pub(super) fn of<'a>(&'a self, json: Option<&'a str>, text: &str) -> Option<Cow<'a, str>> {
        match self {
            Self::Said(text) => Some(text.into()),
            Self::Found(pointer) => {
                let value = pointer.find(json?).filter(|value| *value != "null")?;
                Some(raw::scalar(value).unwrap_or(value.into()))
            }
            Self::Captured(regex) => {
                Some(Cow::Owned(regex.captures(text)?.get(1)?.as_str().trim().to_owned()))
            }
            Self::First(list) => {
                list.iter().find_map(|wording| wording.of(json, text).filter(|word| !word.is_empty()))
            }
        }
    }
}
