//! Dead letters by reason: how many of each kind, and one to look at. Memory is bounded, whatever they say.

use super::pattern::pattern;
use super::speech::{count, grouped, tame};
use crate::model::Letter;
use serde_json::{Value, json};
use std::collections::HashMap;

/// Kinds that are told apart; what comes later is counted in one for all.
const GROUPS_MAX: usize = 2000;
/// Fields of one kind that are told apart.
const FIELDS_MAX: usize = 8;
/// Examples of one kind beside the first.
const OTHERS_MAX: usize = 2;
/// The kind of everything beyond.
const OTHERS: &str = "other reasons";

/// What has become of refused rows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Since {
    pub open: u64,
    /// Of these, the ones that are not in doubt.
    pub sure: u64,
    pub delivered: u64,
}

impl std::ops::AddAssign for Since {
    fn add_assign(&mut self, other: Self) {
        self.open += other.open;
        self.sure += other.sure;
        self.delivered += other.delivered;
    }
}

/// Refusals of one kind.
#[derive(Clone, Debug)]
pub struct Group {
    pub code: String,
    pub pattern: String,
    pub rows: u64,
    /// What has become of these.
    pub since: Since,
    /// They are in doubt: so many of them were refused, and nobody knows which.
    pub doubt: Option<u64>,
    /// The fields at fault, each with its rows; not all of them if there are many.
    fields: Vec<(String, u64)>,
    example: Example,
    /// A few more, for those who have the room.
    others: Vec<Example>,
    /// Not all of them say the same.
    varied: bool,
    /// Number of its first letter, from 0.
    first: u64,
}

#[derive(Clone, Debug)]
struct Example {
    input: String,
    row: u64,
    line: u64,
    field: Option<String>,
    message: String,
    status: Option<u16>,
}

/// Counts refusals.
#[derive(Debug, Default)]
pub struct Groups {
    map: HashMap<Kind, Group>,
    letters: u64,
    rows: u64,
}

impl Groups {
    pub fn add(&mut self, letter: &Letter) {
        let open = letter.count();
        let sure = if letter.is_doubt() { 0 } else { open };
        self.add_as(letter, Since { open, sure, delivered: 0 });
    }

    /// This has become of its rows.
    pub fn add_as(&mut self, letter: &Letter, since: Since) {
        let mut key = kind_of(letter);
        if self.map.len() >= GROUPS_MAX && !self.map.contains_key(&key) {
            key = (OTHERS.to_owned(), String::new(), letter.is_doubt());
        }
        let first = self.letters;
        let rows = letter.count();
        self.letters += 1;
        self.rows += rows;
        let group = self.map.entry(key).or_insert_with_key(|(code, pattern, doubt)| Group {
            code: code.clone(),
            pattern: pattern.clone(),
            rows: 0,
            since: Since::default(),
            doubt: doubt.then_some(0),
            fields: Vec::new(),
            example: Example::of(letter),
            others: Vec::new(),
            varied: false,
            first,
        });
        group.varied |= !letter.error.message.starts_with(&group.example.message);
        group.rows += rows;
        if let Some(refused) = &mut group.doubt {
            *refused += letter.invalid.unwrap_or(1);
        }
        if first != group.first && group.others.len() < OTHERS_MAX {
            group.others.push(Example::of(letter));
        }
        group.since += since;
        if let Some(field) = &letter.error.field {
            group.count_field(field, rows);
        }
    }

    pub fn rows(&self) -> u64 {
        self.rows
    }

    pub fn is_empty(&self) -> bool {
        self.letters == 0
    }

    /// The most frequent first.
    pub fn sorted(&self) -> Vec<Group> {
        let mut groups: Vec<Group> = self.map.values().cloned().collect();
        groups.sort_by_key(|group| (std::cmp::Reverse(group.rows), group.first));
        groups
    }
}

impl Group {
    /// Some of its refusals: where, and what the target said.
    pub fn examples(&self) -> impl Iterator<Item = (String, &str)> {
        let examples = std::iter::once(&self.example).chain(&self.others);
        examples.map(|example| (example.place(), example.message.as_str()))
    }

    fn count_field(&mut self, field: &str, rows: u64) {
        let field: String = field.chars().take(80).collect();
        if let Some((_, count)) = self.fields.iter_mut().find(|(known, _)| *known == field) {
            *count += rows;
        } else if self.fields.len() < FIELDS_MAX {
            self.fields.push((field, rows));
        }
    }
}

/// By what letters are grouped: code, pattern, and whether nobody knows which rows they are about.
pub type Kind = (String, String, bool);

pub fn kind_of(letter: &Letter) -> Kind {
    let error = &letter.error;
    let code: String = error.code.chars().take(80).collect();
    (code, pattern(&error.message, error.field.as_deref()), letter.is_doubt())
}

impl Example {
    fn of(letter: &Letter) -> Self {
        let source = letter.source.as_ref();
        let cut = |text: &str| text.chars().take(500).collect::<String>();
        Self {
            input: source.map(|source| cut(&source.input)).unwrap_or_default(),
            row: source.map_or(0, |source| source.row),
            line: source.map_or(0, |source| source.line),
            field: letter.error.field.as_deref().map(cut),
            message: cut(&letter.error.message),
            status: letter.error.status,
        }
    }

    /// `customers.csv line 19, row 17, field /amount`.
    fn place(&self) -> String {
        let mut text = String::new();
        if !self.input.is_empty() {
            text.push_str(&format!("{} line {}, row {}", tame(&self.input), self.line, grouped(self.row)));
        }
        if let Some(field) = &self.field {
            text.push_str(&format!("{}field {}", if text.is_empty() { "" } else { ", " }, tame(field)));
        }
        text
    }

    /// As [`Example::place`], and what was said; a field that this begins with is not named twice.
    fn words(&self) -> String {
        let message = tame(&self.message);
        let named = |field: &String| self.message.starts_with(&format!("field {field} "));
        let place = match &self.field {
            Some(field) if named(field) => Self { field: None, ..self.clone() }.place(),
            _ => self.place(),
        };
        if place.is_empty() { message } else { format!("{place}: {message}") }
    }
}

/// The groups with their places in the list.
pub fn numbered(groups: &[Group]) -> Vec<(usize, &Group)> {
    groups.iter().enumerate().collect()
}

/// Each kind on a line with its number (the places count from 0), and an example below it.
pub fn words(groups: &[(usize, &Group)]) -> String {
    let mut text = String::new();
    let wide = groups.first().map_or(0, |(_, group)| grouped(group.rows).len());
    for (index, group) in groups {
        let number = format!("{:>3}", index + 1);
        let rows = count(group.rows, "row");
        let pad = " ".repeat(wide.saturating_sub(grouped(group.rows).len()));
        let doubt = group.doubt.map_or(String::new(), |refused| {
            format!(" (in doubt: {} of them refused, nobody knows which)", grouped(refused))
        });
        let status = group.example.status.map_or(String::new(), |status| format!(" [{status}]"));
        let open = match group.since.open {
            open if open == group.rows => String::new(),
            0 if group.since.delivered == group.rows => " (all delivered since)".to_owned(),
            0 => " (none still open)".to_owned(),
            open => format!(" ({} still open)", grouped(open)),
        };
        text.push_str(&format!("{number}  {pad}{rows}  {}{status}{doubt}{open}\n", tame(&group.code)));
        if group.varied && !group.pattern.is_empty() {
            text.push_str(&format!("     {}\n", tame(&group.pattern)));
        }
        if group.fields.len() > 1 {
            let fields: Vec<String> = group
                .fields
                .iter()
                .map(|(field, rows)| format!("{} {}", tame(field), grouped(*rows)))
                .collect();
            text.push_str(&format!("     fields: {}\n", fields.join(", ")));
        }
        text.push_str(&format!("     e.g. {}\n", group.example.words()));
    }
    text.truncate(text.trim_end().len());
    text
}

pub fn to_json(groups: &[(usize, &Group)]) -> Value {
    let one = |(index, group): &(usize, &Group)| {
        let example = &group.example;
        let fields: serde_json::Map<String, Value> =
            group.fields.iter().map(|(field, rows)| (field.clone(), Value::from(*rows))).collect();
        json!({
            "reason": index + 1, "code": group.code, "pattern": group.pattern, "rows": group.rows,
            "open": group.since.open,
            "in_doubt": group.doubt.is_some(), "refused_of_them": group.doubt, "fields": fields,
            "example": {
                "input": example.input, "row": example.row, "line": example.line, "field": example.field,
                "message": example.message, "status": example.status,
            },
        })
    };
    groups.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(code: &str, message: &str, field: &str) -> Letter {
        let value = json!({"row": {}, "error": {"code": code, "message": message, "field": field}});
        Letter::read(&value.to_string()).unwrap()
    }

    #[test]
    fn the_most_frequent_kind_comes_first_with_its_first_letter_as_the_example() {
        let mut groups = Groups::default();
        groups.add(&letter("rare", "once", "/a"));
        for row in 0..5 {
            groups.add(&letter("often", &format!("amount {row} is too low"), "/amount"));
        }
        let sorted = groups.sorted();
        assert_eq!((sorted[0].rows, sorted[0].pattern.as_str()), (5, "amount N is too low"));
        assert_eq!(sorted[0].example.message, "amount 0 is too low");
        assert_eq!(sorted[1].code, "rare");
        assert_eq!(groups.rows(), 6);
    }

    #[test]
    fn kinds_without_number_are_bounded_and_none_is_lost() {
        let mut groups = Groups::default();
        for row in 0..GROUPS_MAX + 500 {
            let word: String = row.to_string().bytes().map(|b| char::from(b'a' + b - b'0')).collect();
            groups.add(&letter("x", &word, "/a"));
        }
        let sorted = groups.sorted();
        assert_eq!(sorted.len(), GROUPS_MAX + 1);
        assert_eq!(sorted.iter().map(|group| group.rows).sum::<u64>(), GROUPS_MAX as u64 + 500);
        assert_eq!((sorted[0].code.as_str(), sorted[0].rows), (OTHERS, 500));
    }

    #[test]
    fn nothing_a_target_says_reaches_the_terminal_as_it_is() {
        let mut groups = Groups::default();
        groups.add(&letter("\u{1b}[31m", "\u{1b}]0;x\u{7}", "/\u{202e}a"));
        assert!(!words(&numbered(&groups.sorted())).contains(['\u{1b}', '\u{7}', '\u{202e}']));
    }
}
