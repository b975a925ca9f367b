//! Where an answer says a thing: at a place in its JSON, or in a header.

use super::document::Value;
use super::header::is_header_name;
use super::pointer::Pointer;
use super::raw;
use super::rule::{pointer, regex};
use super::section::Section;
use crate::model::Reply;
use regex::Regex;
use std::borrow::Cow;

/// `"/id"`, `{ header = "Location" }` or `{ header = "Location", regex = '([^/]+)$' }`: of several groups the first.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Json(Pointer),
    Header(String, Option<Regex>),
}

impl Place {
    pub(super) fn read(section: &Section<'_>, key: &'static str) -> Option<Self> {
        let node = section.node(key)?;
        match &node.value {
            Value::Text(text) => pointer(text, section, key).map(Self::Json),
            Value::Table(_) => {
                let table = Section::of(&format!("`{key}`"), node, section.findings);
                let name = table.text("header").unwrap_or_default();
                if !is_header_name(name) {
                    let remedy = "as in { header = \"Location\" }";
                    section.findings.add(&node.spot, format!("`{key}` names no header"), remedy);
                }
                let pattern = table.text("regex").and_then(|text| regex(text, section, &node.spot));
                if pattern.as_ref().is_some_and(|regex| regex.captures_len() < 2) {
                    let remedy = "write an expression with a group: regex = '([^/]+)$'";
                    section.findings.add(&node.spot, format!("`{key}` captures nothing"), remedy);
                }
                table.done();
                Some(Self::Header(name.to_ascii_lowercase(), pattern))
            }
            other => {
                let message = format!("`{key}` cannot be {}", other.kind());
                let remedy = "write a JSON Pointer, or { header = \"Location\" }";
                section.findings.add(&node.spot, message, remedy);
                None
            }
        }
    }

    pub(super) const fn is_header(&self) -> bool {
        matches!(self, Self::Header(..))
    }

    /// What stands there, if it is a text that is not empty.
    pub(super) fn of<'a>(&'a self, json: &'a str, reply: &'a Reply) -> Option<Cow<'a, str>> {
        let found = match self {
            Self::Json(pointer) => pointer.find(json).and_then(raw::scalar),
            Self::Header(name, None) => reply.header(name).map(|value| Cow::Borrowed(value.trim())),
            Self::Header(name, Some(regex)) => {
                regex.captures(reply.header(name)?.trim())?.get(1).map(|group| Cow::Borrowed(group.as_str()))
            }
        };
        found.filter(|text| !text.is_empty())
    }
}
