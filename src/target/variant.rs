//! `[[variant]]`: a piece of profile that is laid over the rest where a parameter has a value, or a certain one,
//! so that one profile can insert and upsert, or go to a cloud and to a machine of one's own.
//!
//! A variant is merged as a child is over its parent; several go in the order of the file.

use super::document::{self, Node, Value};
use super::params::Params;
use super::section::Section;

/// The profile as the parameters want it.
pub(super) fn chosen(root: &Node, params: &Params<'_>) -> Node {
    let mut merged = root.without("variant");
    for node in variants(root) {
        if holds(node, params) {
            merged = document::merge(merged, node.without("only_if"));
        }
    }
    merged
}

/// Every profile that this one can be, for checking: as it is, with each variant, and with all of them.
pub(super) fn all(root: &Node, params: &Params<'_>) -> Vec<Node> {
    let plain = root.without("variant");
    if let Value::Table(table) = &root.value
        && let Some(member) = table.get("variant")
        && !matches!(member.node.value, Value::List(_))
    {
        let remedy = "write [[variant]], with two brackets";
        params.findings.add(&member.spot, "`variant` must be a list", remedy);
    }
    let mut roots = vec![plain.clone()];
    for node in variants(root) {
        holds(node, params);
        roots.push(document::merge(plain.clone(), node.without("only_if")));
    }
    if roots.len() > 2 {
        let every = variants(root).iter().map(|node| node.without("only_if"));
        roots.push(every.fold(plain, document::merge));
    }
    roots
}

fn variants(root: &Node) -> &[Node] {
    match &root.value {
        Value::Table(table) => match table.get("variant").map(|member| &member.node.value) {
            Some(Value::List(list)) => list,
            _ => &[],
        },
        _ => &[],
    }
}

/// Whether all of `only_if` holds; what is wrong with it is told.
fn holds(node: &Node, params: &Params<'_>) -> bool {
    let section = Section::of("[[variant]]", node, params.findings);
    let conditions = section.entries("only_if");
    if conditions.is_empty() && !section.has("only_if") {
        section.wrong("only_if", "a [[variant]] needs `only_if`", "as in only_if = { key = true }");
    }
    let mut all = true;
    for (name, spot, wanted) in conditions {
        let Ok(value) = params.known(name, spot) else { continue };
        for text in texts(&wanted.value) {
            params.check_value(name, text, spot);
        }
        all &= match &wanted.value {
            Value::Flag(flag) => value.is_some() == *flag,
            known @ (Value::Text(_) | Value::List(_)) => {
                texts(known).any(|text| value.as_deref() == Some(text))
            }
            _ => {
                let remedy = "write true, false, a text or a list of texts";
                params.findings.add(spot, "`only_if` compares parameters with text", remedy);
                false
            }
        };
    }
    all
}

/// A text, or those of a list.
fn texts(value: &Value) -> impl Iterator<Item = &str> {
    let list = if let Value::List(list) = value {
        list.iter().map(|node| &node.value).collect()
    } else {
        vec![value]
    };
    list.into_iter()
        .filter_map(|value| if let Value::Text(text) = value { Some(text.as_str()) } else { None })
}
