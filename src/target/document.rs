//! A profile's text as a tree that knows its lines, and how a child's tree lies over its parent's.
//!
//! It never looks at what the keys mean, save for the three alternatives that replace each other.

use super::errors::{Findings, Spot};
use std::sync::Arc;
use toml::de::{DeTable, DeValue};

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) spot: Spot,
    pub(super) value: Value,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(String),
    Integer(i64),
    Float(f64),
    Flag(bool),
    List(Vec<Node>),
    Table(Table),
    /// A kind of value that the language does not have.
    Foreign(&'static str),
}

impl Value {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Integer(_) => "a whole number",
            Self::Float(_) => "a decimal number",
            Self::Flag(_) => "true or false",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Foreign(kind) => kind,
        }
    }
}

/// Members in the order of the file.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    pub(super) members: Vec<Member>,
}

#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) spot: Spot,
    pub(super) node: Node,
}

impl Table {
    pub(super) fn get(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }
}

/// Reads TOML; what does not parse is told with its line.
pub(super) fn read(file: &str, text: &str, findings: &Findings) -> Option<Node> {
    let file: Arc<str> = Arc::from(file);
    let starts: Vec<usize> =
        std::iter::once(0).chain(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1)).collect();
    let line = |at: usize| starts.partition_point(|start| *start <= at) as u32;
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        let spot = Spot { file: Arc::clone(&file), line: 1 };
        return Some(Node { spot, value: Value::Table(table_of(table.get_ref(), &file, &line)) });
    }
    for error in errors {
        let spot = Spot { file: Arc::clone(&file), line: error.span().map_or(0, |span| line(span.start)) };
        let message = error.message().trim();
        // A bare word is read as the beginning of `true` or `false`.
        let remedy = if message.starts_with("invalid boolean") {
            "text stands in quotes; a number, true and false do not"
        } else {
            ""
        };
        findings.add(&spot, format!("not TOML: {message}"), remedy);
    }
    None
}

fn table_of(table: &DeTable<'_>, file: &Arc<str>, line: &dyn Fn(usize) -> u32) -> Table {
    let mut members: Vec<(usize, Member)> = table
        .iter()
        .map(|(name, value)| {
            let start = name.span().start;
            let spot = Spot { file: Arc::clone(file), line: line(start) };
            // A table begins where its header names it, however its members are spread.
            let node = Node { spot: spot.clone(), value: value_of(value.get_ref(), file, line) };
            (start, Member { name: name.get_ref().to_string(), spot, node })
        })
        .collect();
    members.sort_by_key(|(start, _)| *start);
    Table { members: members.into_iter().map(|(_, member)| member).collect() }
}

fn value_of(value: &DeValue<'_>, file: &Arc<str>, line: &dyn Fn(usize) -> u32) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Integer(number),
            Err(_) => Value::Foreign("a number beyond 64 bits"),
        },
        DeValue::Float(number) => number.as_str().parse().map_or(Value::Foreign("no number"), Value::Float),
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Datetime(_) => Value::Foreign("a date"),
        DeValue::Array(list) => Value::List(
            list.iter()
                .map(|element| Node {
                    spot: Spot { file: Arc::clone(file), line: line(element.span().start) },
                    value: value_of(element.get_ref(), file, line),
                })
                .collect(),
        ),
        DeValue::Table(table) => Value::Table(table_of(table, file, line)),
    }
}

impl Node {
    /// The same table without one of its members.
    pub(super) fn without(&self, name: &str) -> Self {
        let mut node = self.clone();
        if let Value::Table(table) = &mut node.value {
            table.members.retain(|member| member.name != name);
        }
        node
    }
}

/// Lays a child over its parent: tables merge, everything else is replaced, and the child's responses go first,
/// its variants last.
pub(super) fn merge(parent: Node, child: Node) -> Node {
    let (Value::Table(mut base), Value::Table(over)) = (parent.value, child.value.clone()) else {
        return child;
    };
    for member in over.members {
        for (one, other) in [("item", "items"), ("items", "item"), ("id", "url_from"), ("url_from", "id")] {
            if member.name == one {
                base.members.retain(|inherited| inherited.name != other);
            }
        }
        match base.members.iter_mut().find(|inherited| inherited.name == member.name) {
            None => base.members.push(member),
            Some(inherited) => *inherited = merge_member(inherited.clone(), member),
        }
    }
    Node { spot: child.spot, value: Value::Table(base) }
}

fn merge_member(parent: Member, child: Member) -> Member {
    let node = match (parent.node.value, child.node.value) {
        (Value::List(rest), Value::List(mut first)) if child.name == "response" => {
            first.extend(rest);
            Node { spot: child.node.spot, value: Value::List(first) }
        }
        (Value::List(mut first), Value::List(rest)) if child.name == "variant" => {
            first.extend(rest);
            Node { spot: child.node.spot, value: Value::List(first) }
        }
        (parent_value @ Value::Table(_), child_value @ Value::Table(_)) => merge(
            Node { spot: parent.node.spot, value: parent_value },
            Node { spot: child.node.spot, value: child_value },
        ),
        (_, value) => Node { spot: child.node.spot, value },
    };
    Member { name: child.name, spot: child.spot, node }
}
