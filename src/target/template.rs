//! JSON templates: JSON text whose strings may hold placeholders, compiled to bytes and slots.
//!
//! A string that is one placeholder becomes the value, as written in the row; a string that holds placeholders
//! is filled in and escaped. There is no splicing: what a row says can never end a string or begin a member.

use super::errors::Spot;
use super::filter::Piped;
use super::params::{Filled, Params};
use super::placeholder::{Piece, Seat, Source, pieces};
use super::pointer::Pointer;
use super::raw;
use super::slot::{Facts, FieldSet, Slot};
use crate::model::Rejection;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::HashSet;

#[derive(Clone, Debug)]
pub(super) enum Part {
    Fixed(Vec<u8>),
    /// A string that is one placeholder.
    Value(Slot),
    /// The inside of a string.
    Text(Vec<TextBit>),
    /// An object with members that may be missing.
    Object(Vec<Member>),
    /// A member beside the rows that may be missing, with its comma: before it, if it stands behind the rows.
    Maybe {
        member: Member,
        behind: bool,
    },
    /// The members of a row's object, and those of the template that it does not have.
    Spread(Vec<Member>, Slot),
    /// Where the rows go.
    Rows,
}

/// The name that stands for another object's members.
const SPREAD: &str = "...";

#[derive(Clone, Debug)]
pub(super) enum TextBit {
    Fixed(String),
    Slot(Slot),
}

#[derive(Clone, Debug)]
pub(super) struct Member {
    /// As it is written out, with quotes and colon.
    name: Vec<u8>,
    plain: String,
    value: Vec<Part>,
    /// The value is one optional placeholder.
    optional: bool,
}

/// A compiled JSON text.
#[derive(Clone, Debug, Default)]
pub(super) struct Template {
    pub(super) parts: Vec<Part>,
}

/// What a template is compiled with.
pub(super) struct Compiler<'a> {
    pub(super) params: &'a Params<'a>,
    pub(super) row_key: Option<&'a Pointer>,
    pub(super) seat: Seat,
    pub(super) spot: &'a Spot,
}

impl Compiler<'_> {
    /// `None` if the text is no JSON; that is then told.
    pub(super) fn compile(&self, text: &str, fields: &mut FieldSet) -> Option<Template> {
        match serde_json::from_str::<Value>(text) {
            Ok(value) => {
                if let Some((message, remedy)) = doubled(text) {
                    self.params.findings.add(self.spot, message, remedy);
                }
                let mut parts = Vec::new();
                self.value(&value, fields, &mut parts);
                Some(Template { parts })
            }
            Err(error) => {
                let remedy = "placeholders stand inside quotes, as in {\"name\":\"${row:/name}\"}";
                self.params.findings.add(self.spot, format!("the template is not JSON: {error}"), remedy);
                None
            }
        }
    }

    fn value(&self, value: &Value, fields: &mut FieldSet, parts: &mut Vec<Part>) {
        match value {
            Value::String(text) => self.string(text, fields, parts),
            Value::Array(list) => {
                for (at, element) in list.iter().enumerate() {
                    fixed(parts, if at == 0 { b"[" } else { b"," });
                    self.value(element, fields, parts);
                }
                fixed(parts, if list.is_empty() { b"[]" } else { b"]" });
            }
            Value::Object(object) => {
                let kept = object.iter().filter(|(name, value)| {
                    name.as_str() != SPREAD
                        && !value.as_str().is_some_and(|text| self.params.is_left_out(text))
                });
                let members: Vec<Member> =
                    kept.map(|(name, value)| self.member(name, value, fields)).collect();
                match object.get(SPREAD) {
                    Some(value) => {
                        let slot = self.spread(value, fields);
                        parts.extend(slot.map(|slot| Part::Spread(members, slot)));
                    }
                    None if members.iter().any(|member| member.optional) => {
                        match members.iter().position(Member::holds_rows) {
                            Some(at) => around_rows(members, at, parts),
                            None => parts.push(Part::Object(members)),
                        }
                    }
                    None => flatten(members, parts),
                }
            }
            plain => fixed(parts, plain.to_string().as_bytes()),
        }
    }

    /// `"...": "${row}"`: the members of a row's object, among those of the template.
    fn spread(&self, value: &Value, fields: &mut FieldSet) -> Option<Slot> {
        let found = value.as_str().and_then(|text| pieces(text).ok());
        if let Some([Piece::Hole(hole)]) = found.as_deref()
            && matches!(hole.source, Source::Row(_))
            && hole.filters.is_empty()
            && self.seat.check(hole).is_ok()
        {
            return Slot::of(hole, self.row_key, fields);
        }
        let remedy = "it stands for the members of a row, or of an object in it: \"...\":\"${row}\"";
        self.params.findings.add(self.spot, "the member `...` is not one field of a row", remedy);
        None
    }

    fn member(&self, name: &str, value: &Value, fields: &mut FieldSet) -> Member {
        let (mut quoted, mut plain) = (vec![b'"'], String::new());
        match self.params.fill(name, self.seat, self.spot) {
            Filled::Pieces(pieces) if pieces.iter().all(|piece| matches!(piece, Piece::Text(_))) => {
                plain = super::params::plain(&pieces);
                raw::escape_into(&plain, &mut quoted);
            }
            _ => {
                let message = format!("the name `{name}` of a member holds a placeholder");
                self.params.findings.add(self.spot, message, "names are fixed, save for parameters");
            }
        }
        quoted.extend_from_slice(b"\":");
        let mut parts = Vec::new();
        self.value(value, fields, &mut parts);
        let optional = matches!(parts.as_slice(), [Part::Value(slot)] if slot.optional);
        Member { name: quoted, plain, value: parts, optional }
    }

    fn string(&self, text: &str, fields: &mut FieldSet, parts: &mut Vec<Part>) {
        if let Ok([Piece::Hole(hole)]) = pieces(text).as_deref()
            && !matches!(hole.source, Source::Param(_))
        {
            if let Err((message, remedy)) = self.seat.check(hole) {
                self.params.findings.add(self.spot, message, remedy);
            } else if hole.source == Source::Rows {
                parts.push(Part::Rows);
            } else if let Some(slot) = Slot::of(hole, self.row_key, fields) {
                self.params.usage.saw(&hole.source, hole.optional, self.spot);
                parts.push(Part::Value(slot));
            }
            return;
        }
        if let Some(json) = self.params.typed(text, self.spot) {
            return fixed(parts, json.as_bytes());
        }
        let bits =
            self.params.demand(text, self.seat, self.spot).into_iter().filter_map(|piece| match piece {
                Piece::Text(text) => Some(TextBit::Fixed(text)),
                Piece::Hole(hole) if hole.source == Source::Rows => {
                    let message = format!("`${{rows}}` is only a part of \"{text}\"");
                    self.params.findings.add(self.spot, message, "it stands alone: \"${rows}\"");
                    None
                }
                Piece::Hole(hole) => Slot::of(&hole, self.row_key, fields).map(TextBit::Slot),
            });
        let bits: Vec<TextBit> = bits.collect();
        fixed(parts, b"\"");
        match bits.as_slice() {
            [] => {}
            [TextBit::Fixed(text)] => {
                let mut inside = Vec::new();
                raw::escape_into(text, &mut inside);
                fixed(parts, &inside);
            }
            _ => parts.push(Part::Text(bits)),
        }
        fixed(parts, b"\"");
    }
}

/// Why some JSON cannot be meant: a member stands in it twice, of which the last alone would count.
pub(super) fn doubled(json: &str) -> Option<(String, &'static str)> {
    let mut seen = HashSet::new();
    for (name, value) in raw::members(json).into_iter().flatten() {
        let plain = raw::string(&format!("\"{name}\"")).map_or(name.to_owned(), Cow::into_owned);
        if !seen.insert(plain) {
            return Some((format!("the member `{name}` stands twice in one object"), "keep one of the two"));
        }
        if let Some(found) = doubled(value) {
            return Some(found);
        }
    }
    raw::elements(json).into_iter().flatten().find_map(doubled)
}

fn fixed(parts: &mut Vec<Part>, bytes: &[u8]) {
    if let Some(Part::Fixed(before)) = parts.last_mut() {
        before.extend_from_slice(bytes);
    } else {
        parts.push(Part::Fixed(bytes.to_vec()));
    }
}

impl Member {
    fn holds_rows(&self) -> bool {
        self.value.iter().any(|part| matches!(part, Part::Rows))
    }

    fn flatten(self, parts: &mut Vec<Part>) {
        fixed(parts, &self.name);
        for part in self.value {
            match part {
                Part::Fixed(bytes) => fixed(parts, &bytes),
                part => parts.push(part),
            }
        }
    }
}

fn flatten(members: Vec<Member>, parts: &mut Vec<Part>) {
    fixed(parts, b"{");
    for (at, member) in members.into_iter().enumerate() {
        if at > 0 {
            fixed(parts, b",");
        }
        member.flatten(parts);
    }
    fixed(parts, b"}");
}

/// As `flatten`, where a member may be missing. The rows are always there, so that it is known where a comma goes.
fn around_rows(members: Vec<Member>, rows: usize, parts: &mut Vec<Part>) {
    fixed(parts, b"{");
    for (at, member) in members.into_iter().enumerate() {
        if member.optional {
            parts.push(Part::Maybe { member, behind: at > rows });
            continue;
        }
        if at > rows {
            fixed(parts, b",");
        }
        member.flatten(parts);
        if at < rows {
            fixed(parts, b",");
        }
    }
    fixed(parts, b"}");
}

impl Template {
    /// Whether it is exactly `"${row}"`.
    pub(super) fn is_row(&self) -> bool {
        matches!(self.parts.as_slice(), [Part::Value(slot)] if slot.is_whole_row())
    }

    /// Appends the filled text; on `Err` what was appended is the caller's to take back.
    pub(super) fn fill(&self, facts: &Facts<'_>, out: &mut Vec<u8>) -> Result<(), Rejection> {
        fill(&self.parts, facts, out)
    }

    /// What stands before and after `${rows}`; `None` if it is not there exactly once.
    pub(super) fn halves(self) -> Option<(Self, Self)> {
        let mut places = self.parts.iter().enumerate().filter(|(_, part)| matches!(part, Part::Rows));
        let (at, _) = places.next()?;
        if places.next().is_some() {
            return None;
        }
        let mut before = self.parts;
        let after = before.split_off(at + 1);
        before.pop();
        Some((Self { parts: before }, Self { parts: after }))
    }
}

pub(super) fn fill(parts: &[Part], facts: &Facts<'_>, out: &mut Vec<u8>) -> Result<(), Rejection> {
    for part in parts {
        match part {
            Part::Fixed(bytes) => out.extend_from_slice(bytes),
            Part::Value(slot) => match slot.value(facts)? {
                Some(value) => write(value, out),
                None => out.extend_from_slice(b"null"),
            },
            Part::Text(bits) => {
                for bit in bits {
                    match bit {
                        TextBit::Fixed(text) => raw::escape_into(text, out),
                        TextBit::Slot(slot) => {
                            if let Some(value) = slot.value(facts)? {
                                raw::escape_into(&value.into_text(), out);
                            }
                        }
                    }
                }
            }
            Part::Object(members) => object(members, facts, out, None)?,
            Part::Maybe { member, behind } => {
                if let [Part::Value(slot)] = member.value.as_slice()
                    && let Some(value) = slot.value(facts)?
                {
                    let comma = |out: &mut Vec<u8>, here: bool| out.extend(here.then_some(b','));
                    comma(out, *behind);
                    out.extend_from_slice(&member.name);
                    write(value, out);
                    comma(out, !behind);
                }
            }
            Part::Spread(members, slot) => spread(members, slot, facts, out)?,
            Part::Rows => {}
        }
    }
    Ok(())
}

/// A template's object, and the members of `other`, which go before the template's of the same name.
fn object(
    members: &[Member],
    facts: &Facts<'_>,
    out: &mut Vec<u8>,
    other: Option<&str>,
) -> Result<(), Rejection> {
    out.push(b'{');
    let mut first = true;
    let theirs = || other.and_then(raw::members).into_iter().flatten();
    for member in members {
        if theirs().any(|(name, _)| raw::same_name(name, &member.plain)) {
            continue;
        }
        let value = match member.value.as_slice() {
            [Part::Value(slot)] if member.optional => match slot.value(facts)? {
                Some(value) => Some(value),
                None => continue,
            },
            _ => None,
        };
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        out.extend_from_slice(&member.name);
        match value {
            Some(value) => write(value, out),
            None => fill(&member.value, facts, out)?,
        }
    }
    for (name, value) in theirs() {
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        out.push(b'"');
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        out.extend_from_slice(value.as_bytes());
    }
    out.push(b'}');
    Ok(())
}

fn spread(members: &[Member], slot: &Slot, facts: &Facts<'_>, out: &mut Vec<u8>) -> Result<(), Rejection> {
    match slot.value(facts)? {
        Some(Piped::Json(json)) if raw::members(&json).is_some() => object(members, facts, out, Some(&json)),
        Some(_) => Err(slot.refusal("bad_value", "the value is no object".to_owned())),
        None => object(members, facts, out, None),
    }
}

fn write(value: Piped<'_>, out: &mut Vec<u8>) {
    match value {
        Piped::Json(json) => out.extend_from_slice(json.as_bytes()),
        other => {
            out.push(b'"');
            raw::escape_into(&other.into_text(), out);
            out.push(b'"');
        }
    }
}
