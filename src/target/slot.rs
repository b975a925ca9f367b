//! Placeholders once compiled, and the facts that fill them.
//!
//! A row is walked once for all fields that a template wants; nothing of it is built or copied before it is
//! written out. A value that is not there is a refusal of that row, never an empty text.

use super::filter::{Filter, Piped};
use super::key_form::KeyFormat;
use super::placeholder::{Hole, Source};
use super::pointer::Pointer;
use super::raw;
use crate::model::{ImportId, Ordinal, Rejection, RowKey, WallTime};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A row on its way into a request.
#[derive(Clone, Copy, Debug)]
pub struct RowContext<'a> {
    pub ordinal: Ordinal,
    /// The row as a JSON object.
    pub text: &'a [u8],
    /// Its place in the request, from 0.
    pub index: u32,
    pub import: ImportId,
}

/// What is known of a group: values by name, as JSON text.
pub type GroupState = BTreeMap<String, String>;

/// The fields that a template wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FieldSet(Vec<Pointer>);

impl FieldSet {
    fn index_of(&mut self, pointer: &Pointer) -> usize {
        self.0.iter().position(|known| known == pointer).unwrap_or_else(|| {
            self.0.push(pointer.clone());
            self.0.len() - 1
        })
    }

    /// All of them in one walk, as written.
    pub(super) fn read<'a>(&self, row: &'a str) -> Vec<Option<&'a str>> {
        let mut values = vec![None; self.0.len()];
        if self.0.is_empty() {
            return values;
        }
        for (name, value) in raw::members(row).into_iter().flatten() {
            let escaped = raw::is_escaped(name);
            for (pointer, found) in self.0.iter().zip(&mut values) {
                if let Some((head, rest)) = pointer.tokens().split_first()
                    && (name == &**head || (escaped && raw::same_name(name, head)))
                {
                    *found = rest.iter().try_fold(value, |value, token| raw::step(value, token));
                }
            }
        }
        values
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Want {
    Row,
    Field(usize, Pointer),
    RowKey,
    RowNumber,
    RowIdem,
    State(String),
    JobId,
    BatchKey,
    BatchRows,
    BatchFirstSent,
}

/// A compiled placeholder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    want: Want,
    pub(super) optional: bool,
    filters: Vec<Filter>,
    pub(super) text: String,
}

/// How rows are named.
#[derive(Clone, Debug)]
pub(super) struct RowNaming {
    /// Where a row's key stands; without one it is the row's number in the import.
    pub(super) key: Option<Pointer>,
    pub(super) format: KeyFormat,
}

/// All that is known when a template is filled in.
#[derive(Clone, Copy, Default)]
pub(super) struct Facts<'a> {
    pub(super) row: Option<&'a RowContext<'a>>,
    pub(super) row_text: &'a str,
    pub(super) fields: &'a [Option<&'a str>],
    pub(super) naming: Option<&'a RowNaming>,
    pub(super) state: Option<&'a GroupState>,
    pub(super) job: Option<&'a str>,
    pub(super) key: Option<&'a str>,
    /// The key that the row brings along, where the profile says how it is made.
    pub(super) idem: Option<&'a str>,
    pub(super) rows: u64,
    pub(super) first_sent: WallTime,
}

impl Slot {
    /// `row_key` is where `${row.key}` stands.
    pub(super) fn of(hole: &Hole, row_key: Option<&Pointer>, fields: &mut FieldSet) -> Option<Self> {
        let want = match &hole.source {
            Source::Row(pointer) if pointer.tokens().is_empty() => Want::Row,
            Source::Row(pointer) | Source::Group(pointer) => {
                Want::Field(fields.index_of(pointer), pointer.clone())
            }
            Source::RowKey => match row_key {
                Some(pointer) => Want::Field(fields.index_of(pointer), pointer.clone()),
                None => Want::RowKey,
            },
            Source::RowNumber => Want::RowNumber,
            Source::RowIdem => Want::RowIdem,
            Source::State(name) | Source::Step(name) => Want::State(name.clone()),
            Source::JobId => Want::JobId,
            Source::BatchKey => Want::BatchKey,
            Source::BatchRows => Want::BatchRows,
            Source::BatchFirstSent => Want::BatchFirstSent,
            Source::Rows | Source::Param(_) => return None,
        };
        Some(Self { want, optional: hole.optional, filters: hole.filters.clone(), text: hole.text.clone() })
    }

    pub(super) fn is_whole_row(&self) -> bool {
        matches!(self.want, Want::Row) && self.filters.is_empty()
    }

    /// Whether it stands for something of the row itself.
    pub(super) fn is_of_row(&self) -> bool {
        matches!(self.want, Want::Row | Want::Field(..) | Want::RowKey | Want::RowNumber | Want::RowIdem)
    }

    fn found<'a>(&self, facts: &Facts<'a>) -> Option<Piped<'a>> {
        let number = |number: u64| Piped::Json(Cow::Owned(number.to_string()));
        match &self.want {
            Want::Row => Some(Piped::Json(Cow::Borrowed(facts.row_text))),
            Want::Field(at, _) => {
                facts.fields.get(*at).copied().flatten().map(|v| Piped::Json(Cow::Borrowed(v)))
            }
            Want::RowKey => facts.row.map(|row| number(row.ordinal.0)),
            Want::RowNumber => facts.row.map(|row| number(u64::from(row.index))),
            Want::RowIdem => {
                if let Some(key) = facts.idem {
                    return Some(Piped::Text(Cow::Borrowed(key)));
                }
                let (row, naming) = (facts.row?, facts.naming?);
                let key = RowKey::derive(row.import, row.ordinal, row.text);
                Some(Piped::Text(Cow::Owned(naming.format.print(&key.0))))
            }
            Want::State(name) => match facts.state.and_then(|state| state.get(name)) {
                Some(value) => Some(Piped::Json(Cow::Borrowed(value.as_str()))),
                None if self.optional => None,
                None => Some(Piped::Json(Cow::Borrowed("null"))),
            },
            Want::JobId => facts.job.map(|id| Piped::Text(Cow::Borrowed(id))),
            Want::BatchKey => facts.key.map(|key| Piped::Text(Cow::Borrowed(key))),
            Want::BatchRows => Some(number(facts.rows)),
            Want::BatchFirstSent => Some(Piped::Time(facts.first_sent)),
        }
    }

    /// The value; none if it is missing and may be. `Err` refuses the row.
    pub(super) fn value<'a>(&self, facts: &Facts<'a>) -> Result<Option<Piped<'a>>, Rejection> {
        let mut value = self.found(facts);
        for filter in &self.filters {
            if let Filter::Default(text) = filter {
                if value.as_ref().is_none_or(|value| matches!(value, Piped::Json(json) if json == "null")) {
                    value = Some(Piped::Text(Cow::Owned(text.clone())));
                }
            } else if let Some(found) = value {
                value = Some(filter.apply(found).map_err(|why| self.refusal("bad_value", why))?);
            }
        }
        if value.is_none() && !self.optional {
            return Err(self.missing(facts));
        }
        Ok(value)
    }

    fn missing(&self, facts: &Facts<'_>) -> Rejection {
        match &self.want {
            Want::Field(_, pointer) => pointer.missing_in(facts.row_text),
            _ => self.refusal("missing_field", format!("{} is missing", self.text)),
        }
    }

    pub(super) fn refusal(&self, code: &str, message: String) -> Rejection {
        let field = match &self.want {
            Want::Field(_, pointer) => Some(pointer.as_str().to_owned()),
            _ => None,
        };
        Rejection { field, ..Rejection::local(code, message) }
    }
}
