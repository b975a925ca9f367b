//! What answers call rows: a field, several fields, or a text that is made of them. No two rows of a request are called
//! alike, else an answer that speaks of one could be taken for one that speaks of the other.

use super::job::JobWay;
use super::placeholder::{Piece, Seat, pieces};
use super::pointer::Pointer;
use super::raw;
use super::reader::Reader;
use super::rule::pointer;
use super::section::Section;
use super::slot::{Facts, FieldSet, RowContext, RowNaming};
use super::target::Target;
use super::text::{Frame, TextTemplate};
use std::borrow::Cow;
use std::collections::HashSet;

/// The row's side of a match.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Calling {
    Field(Pointer),
    Text(TextTemplate, FieldSet),
    /// Several fields together.
    Fields(Vec<Pointer>),
}

impl Calling {
    /// `row` of a match: a pointer, or placeholders.
    pub(super) fn read(text: &str, section: &Section<'_>, naming: &RowNaming) -> Option<Self> {
        if text.starts_with('/') {
            return pointer(text, section, "row").map(Self::Field);
        }
        let found = match pieces(text) {
            Ok(found) => found,
            Err((message, remedy)) => {
                section.wrong("row", message, remedy);
                return None;
            }
        };
        for piece in &found {
            if let Piece::Hole(hole) = piece
                && let Err((message, remedy)) = Seat::Match.check(hole)
            {
                section.wrong("row", message, remedy);
            }
        }
        let mut fields = FieldSet::default();
        Some(Self::Text(TextTemplate::of(found, naming.key.as_ref(), &mut fields), fields))
    }

    /// What a row is called; none if it has not what that takes.
    pub(super) fn of<'a>(&self, row: &RowContext<'a>, naming: &RowNaming) -> Option<Cow<'a, str>> {
        let text = std::str::from_utf8(row.text).ok()?;
        match self {
            Self::Field(pointer) => raw::scalar(pointer.find(text)?),
            Self::Fields(fields) => joined(fields, text).map(Cow::Owned),
            Self::Text(template, fields) => {
                let values = fields.read(text);
                let facts = Facts {
                    row: Some(row),
                    row_text: text,
                    fields: &values,
                    naming: Some(naming),
                    ..Facts::default()
                };
                let mut name = String::new();
                template.fill(&facts, Frame::Plain, &mut name).ok().map(|()| Cow::Owned(name))
            }
        }
    }
}

/// Several texts as one that no other several make.
pub(super) fn joined(fields: &[Pointer], json: &str) -> Option<String> {
    let texts = fields.iter().map(|field| {
        let text = raw::scalar(field.find(json)?)?;
        Some(format!("{}:{text}", text.len()))
    });
    texts.collect()
}

/// What the rows of a request are called, in each way in which any answer may call them.
pub type Called = HashSet<(usize, String)>;

impl Target {
    /// Whether answers call rows by what these hold.
    pub fn calls_rows(&self) -> bool {
        !self.callings.is_empty()
    }

    /// Takes a row among those of a request. False: an answer could not tell it from one of them, so that it goes with
    /// another request.
    pub fn tells_apart(&self, row: &RowContext<'_>, called: &mut Called) -> bool {
        self.callings.iter().enumerate().all(|(way, calling)| {
            calling.of(row, &self.naming).is_none_or(|name| called.insert((way, name.into_owned())))
        })
    }

    /// The ways in which any answer to a request, or the end of any job, may call its rows.
    pub(super) fn callings(&self) -> Vec<Calling> {
        let ended = self.job.iter().flat_map(JobWay::readers);
        let mut names: Vec<&str> = self
            .rules
            .iter()
            .filter_map(|rule| rule.reader.as_ref())
            .chain(ended)
            .map(String::as_str)
            .collect();
        let more = names.iter().filter_map(|name| self.readers.get(*name)).flat_map(Reader::also);
        let more: Vec<&str> = more.collect();
        names.extend(more);
        let mut callings = Vec::new();
        for calling in names.iter().filter_map(|name| self.readers.get(*name)?.calling()) {
            if !callings.contains(calling) {
                callings.push(calling.clone());
            }
        }
        callings
    }
}
