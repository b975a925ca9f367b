//! Which columns a table has: found out by looking at all letters once, before the first is written.

use super::COLUMNS_MAX;
use crate::model::Letter;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;
use std::collections::{HashMap, HashSet};

/// The columns of a table.
#[derive(Debug, Default)]
pub struct Columns {
    pub(super) names: Vec<String>,
    index: HashMap<String, usize>,
    /// Rows that have each of them.
    rows_with: Vec<u64>,
    rows: u64,
    pub(super) json: bool,
    pub(super) order: bool,
    pub(super) kinds: bool,
    pub(super) raw_hex: bool,
    pub(super) invalid: bool,
}

/// A member of a row.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: String,
    value: Box<RawValue>,
}

/// How a letter stands in the table.
#[derive(Debug)]
pub(super) enum Shape {
    Cells(Vec<Member>),
    /// Of this kind, with this text.
    Text(&'static str, String),
}

impl Member {
    /// The cell's text, and whether it is JSON.
    pub(super) fn cell(&self) -> (String, bool) {
        let written = self.value.get();
        match serde_json::from_str::<String>(written) {
            Ok(text) => (text, false),
            Err(_) => (written.to_owned(), true),
        }
    }
}

impl Columns {
    /// Takes a letter's columns in.
    pub fn note(&mut self, letter: &Letter) {
        self.raw_hex |= letter.raw_hex.is_some();
        self.invalid |= letter.invalid.is_some();
        let members = match shape(letter) {
            Shape::Cells(members) => members,
            Shape::Text(..) => return self.kinds = true,
        };
        let new = members.iter().filter(|member| !self.index.contains_key(&member.name)).count();
        if self.names.len() + new > COLUMNS_MAX {
            return self.kinds = true;
        }
        self.rows += 1;
        let mut last = None;
        for member in members {
            let at = *self.index.entry(member.name.clone()).or_insert_with(|| {
                self.names.push(member.name.clone());
                self.rows_with.push(0);
                self.names.len() - 1
            });
            self.rows_with[at] += 1;
            self.order |= last.is_some_and(|last| at < last);
            self.json |= member.cell().1;
            last = Some(at);
        }
    }

    /// Whether some row lacks some column.
    pub(super) fn absences(&self) -> bool {
        self.rows_with.iter().any(|rows| *rows < self.rows)
    }

    pub(super) fn index_of(&self, name: &str) -> Option<usize> {
        self.index.get(name).copied()
    }

    /// As [`shape`], within these columns.
    pub(super) fn fit(&self, letter: &Letter) -> Shape {
        match (shape(letter), &letter.row) {
            (Shape::Cells(members), Some(row))
                if members.iter().any(|member| self.index_of(&member.name).is_none()) =>
            {
                Shape::Text("whole", row.get().to_owned())
            }
            (shape, _) => shape,
        }
    }
}

fn shape(letter: &Letter) -> Shape {
    if let Some(row) = &letter.row {
        return match members(row.get()) {
            Some(members) => Shape::Cells(members),
            None => Shape::Text("whole", row.get().to_owned()),
        };
    }
    match (&letter.raw, &letter.rows) {
        (Some(raw), _) => Shape::Text("raw", raw.clone()),
        (None, Some(rows)) => Shape::Text("rows", rows.get().to_owned()),
        (None, None) => Shape::Text("raw", String::new()),
    }
}

/// The members of an object; none if it is no object, has a name twice, or none at all.
fn members(row: &str) -> Option<Vec<Member>> {
    struct Members;
    impl<'de> Visitor<'de> for Members {
        type Value = Vec<Member>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<Member>, A::Error> {
            let mut members = Vec::new();
            while let Some((name, value)) = map.next_entry()? {
                members.push(Member { name, value });
            }
            Ok(members)
        }
    }
    let mut reader = serde_json::Deserializer::from_str(row);
    let members = serde::Deserializer::deserialize_map(&mut reader, Members).ok()?;
    let names: HashSet<&str> = members.iter().map(|member| member.name.as_str()).collect();
    (!members.is_empty() && names.len() == members.len()).then_some(members)
}
