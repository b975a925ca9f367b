//! A profile as it is told to people: what it says, before any parameter has a value.
//!
//! It never compiles and never judges; the words for its verbs are the report's.

use super::document::{Member, Node, Value};
use super::errors::ProfileErrors;
use super::profile::Profile;
use super::target::{Overrides, Target};
use std::collections::BTreeMap;

/// See the module. Texts are as they stand in the profile.
#[derive(Clone, Debug)]
pub struct Outline {
    pub docs: String,
    pub method: String,
    pub url: String,
    /// `None` where rows go as lines.
    pub body: Option<String>,
    pub items: Vec<String>,
    /// Of one request, as written.
    pub rows: Option<String>,
    pub bytes: Option<String>,
    /// Fields that rows are grouped by, and the word for what may share a request.
    pub group: Option<(String, String)>,
    /// The word for what the target remembers.
    pub scope: String,
    /// The target looks a key up before all else.
    pub key_first: bool,
    /// Where the key goes, as in `header Idempotency-Key`.
    pub key: Option<String>,
    pub ttl: Option<String>,
    /// Rates and limits of `[flow]`, as written.
    pub requests: Option<String>,
    pub row_rates: Option<String>,
    pub byte_rates: Option<String>,
    pub concurrency: Option<String>,
    pub answers: Vec<OutlineRule>,
    /// How a request of unknown outcome is asked about, and whether that is done unless the caller says otherwise.
    pub verify: Option<(String, bool)>,
    /// The ends of a job.
    pub ends: Vec<OutlineRule>,
    /// Method, address and rows of the requests of `[delete]`.
    pub delete: Option<(String, String, Option<String>)>,
}

/// One rule: its condition, its verb, and the reader of results that it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutlineRule {
    pub when: String,
    pub then: String,
    pub reader: Option<String>,
}

impl Profile {
    /// One line of what it is; empty if the profile does not say.
    pub fn docs(&self) -> &str {
        at(self.root(), &["profile", "docs"]).and_then(text).unwrap_or_default()
    }

    pub fn outline(&self) -> Outline {
        let request = |key| at(self.root(), &["request", key]);
        let said = |key, default: &str| request(key).and_then(text).unwrap_or(default).to_owned();
        let lines = said("format", "json") == "ndjson";
        let items = match (request("item").and_then(text), request("items").map(|node| &node.value)) {
            (Some(item), _) => vec![item.to_owned()],
            (None, Some(Value::List(list))) => list.iter().filter_map(text).map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        let written = |way: &[&str]| at(self.root(), way).map(|node| plain(&node.value));
        let group = written(&["group", "by"]).map(|by| {
            let word = written(&["group", "per_request"]).unwrap_or_else(|| "any".to_owned());
            (by.replace(", ", " and "), word)
        });
        Outline {
            docs: self.docs().to_owned(),
            method: said("method", "POST"),
            url: said("url", ""),
            body: (!lines).then(|| said("body", "\"${rows}\"")),
            items,
            rows: written(&["limits", "rows"]),
            bytes: written(&["limits", "bytes"]),
            group,
            scope: written(&["idempotency", "scope"]).unwrap_or_else(|| "none".to_owned()),
            key_first: written(&["idempotency", "key_first"]).as_deref() == Some("true"),
            key: self.key_place(),
            ttl: written(&["idempotency", "ttl"]),
            requests: written(&["flow", "requests"]),
            row_rates: written(&["flow", "rows"]),
            byte_rates: written(&["flow", "bytes"]),
            concurrency: written(&["flow", "concurrency"]),
            answers: rules(self.root()),
            verify: written(&["verify", "url"]).map(|url| {
                let method = written(&["verify", "method"]).unwrap_or_else(|| "GET".to_owned());
                let declared = written(&["idempotency", "on_ambiguous"]);
                (format!("{method} {url}"), declared.as_deref() == Some("verify"))
            }),
            ends: ends(self.root()),
            delete: written(&["delete", "url"]).map(|url| {
                let method = written(&["delete", "method"]).unwrap_or_else(|| "POST".to_owned());
                (method, url, written(&["delete", "rows"]))
            }),
        }
    }

    /// What only shows once parameters have values: compiled with those that were `given`, and likely ones, where there must
    /// be any.
    pub fn try_out(&self, given: &BTreeMap<String, String>) -> Result<(), ProfileErrors> {
        let begins = |key: &str, spec: &str| {
            let written = at(self.root(), &["request", key]).and_then(text).unwrap_or_default();
            written.starts_with(&format!("${{param.{spec}"))
        };
        let url = at(self.root(), &["request", "url"]).and_then(text).unwrap_or_default();
        let mut values: BTreeMap<String, String> = self
            .params()
            .iter()
            .filter(|spec| spec.required && spec.default.is_none())
            .map(|spec| {
                let likely = if let Some(value) = spec.values.first() {
                    value
                } else if begins("url", &spec.name) {
                    "https://api.example.com"
                } else if url.contains(&format!("}}${{param.{}", spec.name)) {
                    "/0"
                } else if begins("method", &spec.name) {
                    "POST"
                } else {
                    "0"
                };
                (spec.name.clone(), likely.to_owned())
            })
            .collect();
        values.extend(given.clone());
        Target::compile(self, &values, &[], &Overrides::default()).map(|_| ())
    }

    fn key_place(&self) -> Option<String> {
        let place = |kind: &str| {
            let name = at(self.root(), &["idempotency", "send", kind]).and_then(text)?;
            Some(format!("{kind} {name}"))
        };
        place("header").or_else(|| place("query")).or_else(|| place("body"))
    }
}

fn at<'a>(node: &'a Node, way: &[&str]) -> Option<&'a Node> {
    way.iter().try_fold(node, |node, key| match &node.value {
        Value::Table(table) => table.get(key).map(|member| &member.node),
        _ => None,
    })
}

fn text(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

fn rules(root: &Node) -> Vec<OutlineRule> {
    match at(root, &["response"]).map(|node| &node.value) {
        Some(Value::List(list)) => list.iter().map(|rule| outlined(rule, condition(rule))).collect(),
        _ => Vec::new(),
    }
}

fn ends(root: &Node) -> Vec<OutlineRule> {
    match at(root, &["job", "end"]).map(|node| &node.value) {
        Some(Value::Table(table)) => {
            let words = |end: &Member| {
                let also = at(&end.node, &["also"]).map(|also| format!(", {}", plain(&also.value)));
                format!("{}{}", end.name, also.unwrap_or_default())
            };
            table.members.iter().map(|end| outlined(&end.node, words(end))).collect()
        }
        _ => Vec::new(),
    }
}

fn outlined(rule: &Node, when: String) -> OutlineRule {
    let said = |key| at(rule, &[key]).and_then(text).map(str::to_owned);
    OutlineRule { when, then: said("then").unwrap_or_default(), reader: said("results") }
}

/// `409`, `2xx with /ok = true`.
fn condition(rule: &Node) -> String {
    let mut parts = Vec::new();
    if let Some(status) = at(rule, &["when", "status"]) {
        parts.push(plain(&status.value));
    }
    let tables = [("header", "header "), ("json", "")];
    for (key, prefix) in tables {
        if let Some(Node { value: Value::Table(table), .. }) = at(rule, &["when", key]) {
            parts.extend(
                table.members.iter().map(|member| format!("{prefix}{} {}", member.name, asked(&member.node))),
            );
        }
    }
    if let Some(pattern) = at(rule, &["when", "text"]).and_then(text) {
        parts.push(format!("text like {pattern}"));
    }
    if let Some(rows) = at(rule, &["when", "sends"]).and_then(text) {
        parts.push(if rows == "one" { "one row was sent".into() } else { "several rows were sent".into() });
    }
    if let Some(group) = at(rule, &["when", "group"]).and_then(text) {
        parts.push(if group == "new" { "its group not ours".into() } else { "its group ours".into() });
    }
    parts.join(" with ")
}

fn asked(node: &Node) -> String {
    if let Value::Table(table) = &node.value
        && let [member] = table.members.as_slice()
    {
        return match (member.name.as_str(), &member.node.value) {
            ("exists", Value::Flag(true)) => "there".to_owned(),
            ("exists", _) => "not there".to_owned(),
            (_, value) => format!("like {}", plain(value)),
        };
    }
    format!("= {}", plain(&node.value))
}

fn plain(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Flag(flag) => flag.to_string(),
        Value::List(list) => {
            let list: Vec<String> = list.iter().map(|node| plain(&node.value)).collect();
            list.join(", ")
        }
        Value::Table(_) | Value::Foreign(_) => "…".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_told_with_its_parents_rules_behind_its_own() {
        let outline = Profile::builtin("imports-async").unwrap().outline();
        assert_eq!(outline.url, "${param.base}/api/imports/batch");
        assert_eq!(outline.rows.as_deref(), Some("1000"));
        assert_eq!(outline.key.as_deref(), Some("header Idempotency-Key"));
        let whens: Vec<&str> = outline.answers.iter().map(|rule| rule.when.as_str()).collect();
        assert_eq!(whens, ["202", "/error = batch_too_large", "413", "200, 207"]);
        assert!(outline.ends[0].when.starts_with("completed, complete, done"), "{:?}", outline.ends[0]);
    }

    #[test]
    fn every_built_in_profile_compiles_with_likely_values() {
        for name in Profile::builtin_names() {
            if let Err(errors) = Profile::builtin(name).unwrap().try_out(&BTreeMap::new()) {
                panic!("{name}: {errors}");
            }
        }
    }
}
