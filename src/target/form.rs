//! Requests: rows become items, items a body, the body a request. The bytes are exact: what a row says is what
//! is sent.
//!
//! It never decides how many rows a request has, nor sends one.

use super::encoding::{fill_line, to_form};
use super::key_form::KeyFormat;
use super::mapping::{Compression, Format};
use super::raw;
use super::settings::{Idempotency, KeyPlace};
use super::slot::{Facts, FieldSet, GroupState, RowContext};
use super::target::Target;
use super::template::fill;
use super::text::{Frame, TextTemplate};
use crate::model::{BatchKey, Digest, Rejection, Request, WallTime};
use bytes::Bytes;
use std::fmt::Write as _;
use std::time::Duration;

/// What is known of a request beside its body.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    pub key: &'a BatchKey,
    pub rows: u64,
    pub first_sent: WallTime,
    pub timeout: Duration,
    /// The first row, for URLs and keys that name rows or groups.
    pub row: Option<&'a RowContext<'a>>,
    /// What is known of the rows' group.
    pub state: Option<&'a GroupState>,
    /// How many refusals of this row's natural key were settled before.
    pub refusals: u32,
    /// Which import of its state it belongs to, from 1: each has natural keys of its own, else the target would answer
    /// the second one from its memory.
    pub import: u64,
}

impl Target {
    /// Whether the one item of a row is the row.
    pub fn passes_rows(&self) -> bool {
        let plain = matches!(self.mapping.format, Format::Json | Format::Lines);
        plain
            && self.mapping.object_key.is_none()
            && matches!(self.mapping.items.as_slice(), [item] if item.is_row())
    }

    /// Items that one row becomes.
    pub fn items_per_row(&self) -> usize {
        self.mapping.items.len().max(1)
    }

    pub fn compression(&self) -> Compression {
        self.mapping.compression
    }

    /// The profile's own limit for one request.
    pub fn timeout(&self) -> Option<Duration> {
        self.mapping.timeout
    }

    pub fn method(&self) -> &str {
        &self.mapping.method
    }

    /// The address as people may see it.
    pub fn url_shown(&self) -> String {
        super::scrub::mask(&self.mapping.url.shown(), &self.secrets)
    }

    /// Whether a request's address names a row or a group: then 404 is about them.
    pub fn url_holds_fields(&self) -> bool {
        self.mapping.url.is_of_row() || self.mapping.query.iter().any(|(_, value)| value.is_of_row())
    }

    pub fn open_body(&self, body: &mut Vec<u8>) {
        self.open_body_with(&GroupState::new(), body);
    }

    pub fn close_body(&self, body: &mut Vec<u8>) {
        self.close_body_with(&GroupState::new(), body);
    }

    /// As [`Self::open_body`], with what is known of the group.
    pub fn open_body_with(&self, state: &GroupState, body: &mut Vec<u8>) {
        let blank = self.blank_key();
        self.open_with(&Facts { state: Some(state), key: Some(&blank), ..Facts::default() }, body);
    }

    pub(super) fn open_with(&self, facts: &Facts<'_>, body: &mut Vec<u8>) {
        // A state that is not there yet is left open; `request` refuses what then does not fit.
        let _ = fill(&self.mapping.before.parts, facts, body);
        match self.mapping.format {
            Format::Json if self.mapping.lone => {}
            Format::Json => body.push(if self.mapping.object_key.is_some() { b'{' } else { b'[' }),
            Format::Csv => self.mapping.csv.iter().for_each(|csv| csv.open(body)),
            Format::Lines | Format::Form | Format::Text | Format::Empty => {}
        }
    }

    pub fn close_body_with(&self, state: &GroupState, body: &mut Vec<u8>) {
        let blank = self.blank_key();
        self.close_with(&Facts { state: Some(state), key: Some(&blank), ..Facts::default() }, body);
    }

    pub(super) fn close_with(&self, facts: &Facts<'_>, body: &mut Vec<u8>) {
        match self.mapping.format {
            Format::Form | Format::Empty => {}
            Format::Json if self.mapping.lone => {}
            Format::Json => body.push(if self.mapping.object_key.is_some() { b'}' } else { b']' }),
            Format::Lines | Format::Csv | Format::Text => body.push(b'\n'),
        }
        let _ = fill(&self.mapping.after.parts, facts, body);
    }

    /// Bytes that [`Self::close_body`] adds, at most.
    pub fn closing_len(&self) -> usize {
        let mut end = Vec::new();
        self.close_body(&mut end);
        end.len() + if self.group.as_ref().is_some_and(|group| group.state.is_some()) { 64 } else { 0 }
    }

    pub fn separate(&self, body: &mut Vec<u8>) {
        body.push(match self.mapping.format {
            Format::Json => b',',
            Format::Form | Format::Empty => b'&',
            Format::Lines | Format::Csv | Format::Text => b'\n',
        });
    }

    /// Appends a row's items; on `Err` the body is as it was.
    pub fn item(&self, row: &RowContext<'_>, body: &mut Vec<u8>) -> Result<(), Rejection> {
        let start = body.len();
        let own = if self.mapping.shows_key { self.natural_key(row) } else { Ok(None) };
        let blank = self.blank_key();
        let done = own.and_then(|own| self.append(row, (&blank, own.as_deref()), body));
        let done = done.and_then(|()| self.check_address(row));
        if done.is_err() {
            body.truncate(start);
        }
        done
    }

    /// `key` is the request's, and `idem` the row's own if it brings one along.
    pub(super) fn append(
        &self,
        row: &RowContext<'_>,
        (key, idem): (&str, Option<&str>),
        body: &mut Vec<u8>,
    ) -> Result<(), Rejection> {
        if self.passes_rows() {
            let start = body.len();
            body.extend_from_slice(row.text);
            self.keep_line(&mut body[start..]);
            return Ok(());
        }
        let text = text_of(row)?;
        let fields = self.mapping.item_fields.read(text);
        let facts = Facts { fields: &fields, key: Some(key), idem, ..self.facts(row, text) };
        if let Some(csv) = &self.mapping.csv {
            csv.row(text, row.index == 0, body);
            return Ok(());
        }
        if let Some(line) = &self.mapping.line {
            return fill_line(line, &facts, body);
        }
        if let Some(key) = &self.mapping.object_key {
            let mut name = String::new();
            key.fill(&facts, Frame::Plain, &mut name)?;
            body.push(b'"');
            raw::escape_into(&name, body);
            body.extend_from_slice(b"\":");
        }
        let start = body.len();
        for (at, item) in self.mapping.items.iter().enumerate() {
            if at > 0 {
                self.separate(body);
            }
            let begin = body.len();
            item.fill(&facts, body)?;
            self.keep_line(&mut body[begin..]);
        }
        if self.mapping.format == Format::Form { to_form(body, start) } else { Ok(()) }
    }

    /// Between values a line end is blank, and within strings there is none: an item stays on its line.
    fn keep_line(&self, mut item: &mut [u8]) {
        if self.mapping.format != Format::Lines {
            return;
        }
        while let Some(at) = memchr::memchr2(b'\n', b'\r', item) {
            item[at] = b' ';
            item = &mut item[at + 1..];
        }
    }

    fn facts<'a>(&'a self, row: &'a RowContext<'a>, text: &'a str) -> Facts<'a> {
        Facts { row: Some(row), row_text: text, naming: Some(&self.naming), rows: 1, ..Facts::default() }
    }

    /// What a row puts into the address is looked at before it joins a batch.
    fn check_address(&self, row: &RowContext<'_>) -> Result<(), Rejection> {
        let of_row = |(_, value): &(String, TextTemplate)| value.is_of_row();
        let mapping = &self.mapping;
        let key = mapping.key_template.as_ref().filter(|key| key.is_of_row());
        if key.is_none()
            && !self.url_holds_fields()
            && !mapping.headers.iter().any(of_row)
            && self.group.as_ref().is_none_or(|group| group.state.is_none())
        {
            return Ok(());
        }
        let text = text_of(row)?;
        let fields = mapping.address_fields.read(text);
        let no_state = GroupState::new();
        let facts = Facts { fields: &fields, state: Some(&no_state), key: Some(""), ..self.facts(row, text) };
        let own = if key.is_some() { Some(self.natural(&facts, 1, 0)?) } else { None };
        let facts = Facts { idem: own.as_deref(), ..facts };
        let mut out = String::new();
        if mapping.url.is_of_row() {
            mapping.url.fill(&facts, Frame::Path, &mut out)?;
        }
        for (_, value) in mapping.query.iter().filter(|pair| of_row(pair)) {
            value.fill(&facts, Frame::Query, &mut out)?;
        }
        for (name, value) in mapping.headers.iter().filter(|pair| of_row(pair)) {
            header(name, value, &facts)?;
        }
        Ok(())
    }

    /// The key that a row brings along by the profile's template, if there is one. Two rows of one import may
    /// not have the same.
    pub fn natural_key(&self, row: &RowContext<'_>) -> Result<Option<String>, Rejection> {
        if !self.mapping.key_template.as_ref().is_some_and(TextTemplate::is_of_row) {
            return Ok(None);
        }
        let text = text_of(row)?;
        let fields = self.mapping.address_fields.read(text);
        self.natural(&Facts { fields: &fields, key: Some(""), ..self.facts(row, text) }, 1, 0).map(Some)
    }

    fn natural(&self, facts: &Facts<'_>, import: u64, refusals: u32) -> Result<String, Rejection> {
        let mut key = String::new();
        if let Some(template) = &self.mapping.key_template {
            template.fill(facts, Frame::Plain, &mut key)?;
            if import > 1 && template.is_of_row() {
                let _ = write!(key, "~i{import}");
            }
        }
        if refusals > 0 {
            let _ = write!(key, "~{}", refusals + 1);
        }
        match self.idempotency.format.unwrap_or(KeyFormat::Raw) {
            KeyFormat::Raw => {}
            format => key = format.print(&Digest::of(key.as_bytes())),
        }
        if key.is_empty() || key.bytes().any(|byte| !(0x20..0x7f).contains(&byte)) {
            return Err(Rejection::local("bad_key", "the row's key is empty, or not plain ASCII text"));
        }
        if self.idempotency.max.is_some_and(|max| key.len() > max) {
            return Err(Rejection::local("bad_key", "the row's key is longer than the target takes"));
        }
        Ok(quoted(&self.idempotency, key))
    }

    /// A batch's key, as the target is shown it.
    pub fn key_text(&self, key: &BatchKey) -> String {
        let mut text = self.naming.format.print(&key.0);
        if let Some(max) = self.idempotency.max {
            text.truncate(max);
        }
        quoted(&self.idempotency, text)
    }

    /// A request of rows that nothing but the body speaks of.
    pub fn request(
        &self,
        body: Bytes,
        key: &BatchKey,
        rows: u64,
        first_sent: WallTime,
        timeout: Duration,
    ) -> Result<Request, Rejection> {
        let about = About { key, rows, first_sent, timeout, row: None, state: None, refusals: 0, import: 1 };
        self.request_about(body, &about)
    }

    /// The key that a request shows the target: made of the batch, or the one that its row brings along.
    pub fn key_shown(&self, about: &About<'_>) -> Result<String, Rejection> {
        let key = self.key_text(about.key);
        if self.mapping.key_template.is_none() {
            return Ok(key);
        }
        let text = about.row.map_or(Ok(""), text_of)?;
        let fields = self.mapping.address_fields.read(text);
        let facts = Facts { fields: &fields, key: Some(&key), ..self.facts_about(about, text) };
        self.natural(&facts, about.import, about.refusals)
    }

    pub(super) fn facts_about<'a>(&'a self, about: &'a About<'a>, text: &'a str) -> Facts<'a> {
        Facts {
            row: about.row,
            row_text: text,
            naming: Some(&self.naming),
            state: about.state,
            rows: about.rows,
            first_sent: about.first_sent,
            ..Facts::default()
        }
    }

    pub fn request_about(&self, body: Bytes, about: &About<'_>) -> Result<Request, Rejection> {
        let key = self.key_text(about.key);
        let text = about.row.map_or(Ok(""), text_of)?;
        let fields = self.mapping.address_fields.read(text);
        let empty = GroupState::new();
        let facts = Facts {
            fields: &fields,
            state: Some(about.state.unwrap_or(&empty)),
            key: Some(&key),
            ..self.facts_about(about, text)
        };
        let sent = match &self.mapping.key_template {
            Some(_) => self.natural(&facts, about.import, about.refusals)?,
            None => key.clone(),
        };
        let own = self.mapping.key_template.as_ref().filter(|key| key.is_of_row()).map(|_| sent.as_str());
        let facts = Facts { idem: own, ..facts };
        let mut url = String::new();
        self.mapping.url.fill(&facts, Frame::Path, &mut url)?;
        url = tidy(&url);
        for (name, value) in &self.mapping.query {
            add_query(&mut url, name, |url| value.fill(&facts, Frame::Query, url))?;
        }
        let mut headers = headers(&self.mapping.headers, &facts)?;
        match &self.idempotency.place {
            Some(KeyPlace::Header(name)) => {
                headers.retain(|(known, _)| known != name);
                headers.push((name.clone(), sent.clone()));
            }
            Some(KeyPlace::Query(name)) => add_query(&mut url, name, |url| {
                url.push_str(&super::filter::encode(&sent));
                Ok(())
            })?,
            Some(KeyPlace::Body(_)) | None => {}
        }
        let body = if self.mapping.keyed || self.mapping.shows_key {
            self.with_key(&body, &Facts { key: Some(&sent), ..facts })?
        } else {
            body
        };
        Ok(Request { method: self.mapping.method.clone(), url, headers, body, timeout: about.timeout })
    }
}

fn quoted(idempotency: &Idempotency, key: String) -> String {
    if idempotency.quoted { format!("\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\"")) } else { key }
}

pub(super) fn text_of<'a>(row: &RowContext<'a>) -> Result<&'a str, Rejection> {
    std::str::from_utf8(row.text).map_err(|_| Rejection::local("invalid_utf8", "the row is not UTF-8"))
}

/// Fields of a row for a template.
pub(super) fn fill_text(
    template: &TextTemplate,
    fields: &FieldSet,
    row: &str,
    frame: Frame,
) -> Result<String, Rejection> {
    let values = fields.read(row);
    let mut out = String::new();
    template.fill(&Facts { row_text: row, fields: &values, ..Facts::default() }, frame, &mut out)?;
    Ok(out)
}

/// Blanks and other characters that no address may hold, percent-encoded; what is written stays.
pub(super) fn tidy(url: &str) -> String {
    let fits = |byte: u8| byte > 0x20 && byte < 0x7f && !b"\"<>\\^`{}|".contains(&byte);
    if url.bytes().all(fits) {
        return url.to_owned();
    }
    let mut out = String::with_capacity(url.len() + 16);
    for byte in url.bytes() {
        if fits(byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

fn add_query(
    url: &mut String,
    name: &str,
    value: impl FnOnce(&mut String) -> Result<(), Rejection>,
) -> Result<(), Rejection> {
    url.push(if url.contains('?') { '&' } else { '?' });
    url.push_str(&super::filter::encode(name));
    url.push('=');
    value(url)
}

fn header(name: &str, value: &TextTemplate, facts: &Facts<'_>) -> Result<String, Rejection> {
    let mut text = String::new();
    value.fill(facts, Frame::Plain, &mut text)?;
    if text.bytes().any(|byte| byte < 0x20 && byte != b'\t' || byte == 0x7f) {
        let message = format!("the value of header {name} holds a control character");
        return Err(Rejection::local("bad_header_value", message));
    }
    Ok(text)
}

pub(super) fn headers(
    list: &[(String, TextTemplate)],
    facts: &Facts<'_>,
) -> Result<Vec<(String, String)>, Rejection> {
    list.iter().map(|(name, value)| Ok((name.clone(), header(name, value, facts)?))).collect()
}
