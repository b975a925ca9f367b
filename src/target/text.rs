//! Text templates: URLs, query values, headers, keys.
//!
//! What a row puts into a URL can never leave its segment: characters that have a meaning there refuse the row.

use super::filter::encode;
use super::placeholder::{Hole, Piece};
use super::pointer::Pointer;
use super::slot::{Facts, FieldSet, Slot};
use crate::model::Rejection;

/// A compiled text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TextTemplate {
    parts: Vec<TextPart>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TextPart {
    Text(String),
    Slot(Slot),
}

/// What the text becomes part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    Plain,
    Path,
    Query,
}

/// The longest value of a row within a path.
const MOST_PATH_BYTES: usize = 256;

impl TextTemplate {
    pub(super) fn of(pieces: Vec<Piece>, row_key: Option<&Pointer>, fields: &mut FieldSet) -> Self {
        let slot = |hole: &Hole, fields: &mut FieldSet| Slot::of(hole, row_key, fields);
        let parts = pieces.into_iter().filter_map(|piece| match piece {
            Piece::Text(text) => Some(TextPart::Text(text)),
            Piece::Hole(hole) => slot(&hole, fields).map(TextPart::Slot),
        });
        Self { parts: parts.collect() }
    }

    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self { parts: vec![TextPart::Text(text.into())] }
    }

    /// Whether it holds a value of a row.
    pub(super) fn is_of_row(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, TextPart::Slot(slot) if slot.is_of_row()))
    }

    pub(super) fn has_slots(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, TextPart::Slot(_)))
    }

    /// The text up to the first placeholder.
    pub(super) fn head(&self) -> &str {
        match self.parts.first() {
            Some(TextPart::Text(text)) => text,
            _ => "",
        }
    }

    /// The template as one writes it, parameters filled in.
    pub(super) fn shown(&self) -> String {
        let part = |part: &TextPart| match part {
            TextPart::Text(text) => text.clone(),
            TextPart::Slot(slot) => slot.text.clone(),
        };
        self.parts.iter().map(part).collect()
    }

    /// Appends the filled text.
    pub(super) fn fill(&self, facts: &Facts<'_>, frame: Frame, out: &mut String) -> Result<(), Rejection> {
        for part in &self.parts {
            match part {
                TextPart::Text(text) if frame == Frame::Query => out.push_str(&encode(text)),
                TextPart::Text(text) => out.push_str(text),
                TextPart::Slot(slot) => {
                    let Some(value) = slot.value(facts)? else { continue };
                    let value = value.into_text();
                    match frame {
                        Frame::Plain => out.push_str(&value),
                        Frame::Query => out.push_str(&encode(&value)),
                        Frame::Path => {
                            if let Some(why) = unfit_for_path(&value) {
                                return Err(slot.refusal("bad_path_value", format!("the value {why}")));
                            }
                            out.push_str(&encode(&value));
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

fn unfit_for_path(value: &str) -> Option<&'static str> {
    if value.is_empty() {
        return Some("is empty, and it is part of the URL");
    }
    if value.len() > MOST_PATH_BYTES {
        return Some("is longer than 256 bytes, and it is part of the URL");
    }
    if value == "." || value == ".." {
        return Some("is a dot segment, and it is part of the URL");
    }
    let bad = |c: char| matches!(c, '/' | '\\' | '%' | '?' | '#') || c.is_control();
    value.contains(bad).then_some("holds a character that has a meaning in URLs")
}
