//! The event store: events appended to one stream, all or none, under one check of its length.
//!
//! A rival, where there is one, has appended before the request is looked at. It must never write an event
//! of a request that it refuses, nor name an event where the request as a whole is wrong.

use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OptionalExtension};
use serde_json::json;
use serde_json::value::RawValue;

use crate::sandbox::answer::Answer;
use crate::sandbox::books::{Books, Entry};
use crate::sandbox::call::Call;
use crate::sandbox::reading;
use crate::sandbox::rules::{self, Rules};
use crate::sandbox::shape::Shape;

const RIVALS_EVENT: &str = r#"{"type":"was_touched_by_a_rival","data":{}}"#;

/// The name of a stream, from the two segments of its path.
pub(super) fn stream(kind: &str, id: &str) -> String {
    format!("{}/{}", decoded(kind), decoded(id))
}

/// The name of the stream that a path leads to.
pub(in crate::sandbox) fn stream_of(path: &str) -> String {
    let mut parts = path.trim_start_matches('/').splitn(2, '/');
    stream(parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

/// `GET /{type}/{id}/length`: a stream that nobody wrote to has none.
pub(in crate::sandbox) fn length(db: &Connection, stream: &str) -> rusqlite::Result<Answer> {
    Ok(Answer::passing(200, json!({ "ok": true, "length": long(db, stream)? }).to_string()))
}

/// `POST /{type}/{id}`.
pub(super) fn append(books: &mut Books<'_>, call: &Call, rules: &Rules) -> rusqlite::Result<Answer> {
    let stream = stream_of(&call.path);
    if call.rival {
        let mut rival = Books::open(books.db, Shape::Rival, &call.path, None)?;
        let place = Some(long(rival.db, &stream)?);
        rival.apply([Entry { identity: None, place, row: RIVALS_EVENT }])?;
        rival.close()?;
        lengthen(books.db, &stream, 1)?;
    }
    let batch = match batch(call, rules) {
        Ok(batch) => batch,
        Err(Refusal::Request(error)) => {
            return Ok(Answer::verdict(400, json!({ "ok": false, "error": error }).to_string()));
        }
        Err(Refusal::Event { index, path, error }) => {
            books.refuse(1);
            let body = json!({ "ok": false, "error": error, "event_index": index, "path": path });
            return Ok(Answer::verdict(400, body.to_string()));
        }
    };
    let length = long(books.db, &stream)?;
    if let Some(expected) = batch.previous_length.filter(|expected| *expected != length) {
        let error = format!("Stream has length {length}, but previous_length is {expected}");
        return Ok(Answer::verdict(409, json!({ "ok": false, "error": error }).to_string()));
    }
    let count = batch.events.len();
    let first = books.apply(batch.events.into_iter().zip(length..).map(|(event, place)| Entry {
        identity: Some(rules::identity(&call.path, None, event)),
        place: Some(place),
        row: event,
    }))?;
    lengthen(books.db, &stream, count as i64)?;
    let stamp = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64 + first;
    let ids: Vec<String> = (0..count).map(|event| format!("{stamp}-{event}")).collect();
    Ok(Answer::verdict(200, json!({ "ok": true, "stream_ids": ids, "count": count }).to_string()))
}

struct Batch<'a> {
    events: Vec<&'a str>,
    previous_length: Option<i64>,
}

enum Refusal {
    Request(&'static str),
    Event { index: usize, path: &'static str, error: &'static str },
}

fn batch<'a>(call: &'a Call, rules: &Rules) -> Result<Batch<'a>, Refusal> {
    let [events, metadata] = reading::members(call.text(), ["events", "metadata"])
        .map_err(|_| Refusal::Request("Request body is not a JSON object"))?;
    let events = reading::list(events).ok_or(Refusal::Request("Missing 'events' array in request body"))?;
    if events.is_empty() {
        return Err(Refusal::Request("Events array cannot be empty"));
    }
    let [actor, previous_length] = metadata
        .and_then(|metadata| reading::members(metadata.get(), ["actor", "previous_length"]).ok())
        .unwrap_or_default();
    let actor = actor.and_then(|actor| reading::members(actor.get(), ["type", "id"]).ok());
    if !actor.is_some_and(|[kind, id]| reading::word(kind).is_some() && reading::word(id).is_some()) {
        return Err(Refusal::Request("Missing 'metadata.actor' in request body"));
    }
    let previous_length = match reading::present(previous_length).map(|length| length.get().parse::<u32>()) {
        None => None,
        Some(Ok(length)) => Some(i64::from(length)),
        Some(Err(_)) => return Err(Refusal::Request("'metadata.previous_length' must be a whole number")),
    };
    let events: Vec<&str> = events.into_iter().map(RawValue::get).collect();
    match events.iter().enumerate().find_map(|(index, event)| Some((index, flaw(event, rules)?))) {
        Some((index, (path, error))) => Err(Refusal::Event { index, path, error }),
        None => Ok(Batch { events, previous_length }),
    }
}

fn flaw(event: &str, rules: &Rules) -> Option<(&'static str, &'static str)> {
    const SCHEMA: &str = "Event data failed schema validation";
    let Ok([kind, data]) = reading::members(event, ["type", "data"]) else {
        return Some(("", "Event must be an object"));
    };
    if reading::word(kind).is_none() {
        return Some(("type", "Event type is missing"));
    }
    if let Some(data) = data {
        let Ok([email]) = reading::members(data.get(), ["email"]) else { return Some(("data", SCHEMA)) };
        if email.is_some_and(|email| !email.get().starts_with('"') || !reading::scalar(email).contains('@')) {
            return Some(("data.email", SCHEMA));
        }
    }
    rules.rejects(event).then_some(("data", rules::REJECTED))
}

fn long(db: &Connection, stream: &str) -> rusqlite::Result<i64> {
    let mut length = db.prepare_cached("SELECT length FROM streams WHERE name = ?1")?;
    Ok(length.query_row((stream,), |row| row.get(0)).optional()?.unwrap_or(0))
}

fn lengthen(db: &Connection, stream: &str, by: i64) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO streams (name, length) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET length = length + ?2",
    )?
    .execute((stream, by))?;
    Ok(())
}

/// A segment of a path with its `%41`s read; what cannot be read stays.
fn decoded(segment: &str) -> String {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let [first, tail @ ..] = rest {
        let escape = tail.split_at_checked(2).filter(|_| *first == b'%');
        let escape = escape.and_then(|(hex, tail)| Some((hex_byte(hex)?, tail)));
        let (byte, left) = escape.unwrap_or((*first, tail));
        bytes.push(byte);
        rest = left;
    }
    String::from_utf8(bytes).unwrap_or_else(|_| segment.to_owned())
}

fn hex_byte(digits: &[u8]) -> Option<u8> {
    digits.iter().try_fold(0, |byte, digit| Some(byte << 4 | char::from(*digit).to_digit(16)? as u8))
}
