//! What the language promises.

#![allow(clippy::unwrap_used)]

mod answers;
mod bad_input;
mod builtins;
mod deletions;
mod encodings;
mod faults;
mod fetching;
mod fixtures;
mod forming;
mod hints;
mod jobs_and_groups;
mod lints;
mod loading;
mod modes;
mod oauth;
mod readers;
pub(super) mod reference;
mod unmeant;

use super::{Called, Overrides, Profile, RowContext, Target};
use crate::model::{BodyState, ImportId, Load, LoadBuilder, Mark, Ordinal, Outcome, Place, Reply, WallTime};
use bytes::Bytes;

pub(super) const HEAD: &str = "[profile]\nversion = 1\nname = \"t\"\n";
pub(super) const REQUEST: &str = "[request]\nurl = \"https://a.test/items\"\n";
pub(super) const NOW: WallTime = WallTime::from_millis(1_000_000);

/// A target from a profile text, with values for its parameters.
pub(super) fn target(text: &str, values: &[(&str, &str)]) -> Target {
    let profile = Profile::parse("t.toml", text, &|_| None).unwrap_or_else(|errors| panic!("{errors}"));
    compiled(&profile, values)
}

pub(super) fn compiled(profile: &Profile, values: &[(&str, &str)]) -> Target {
    let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let overrides = Overrides { unsigned: true, ..Overrides::default() };
    Target::compile(profile, &values, &[], &overrides).unwrap_or_else(|errors| panic!("{errors}"))
}

pub(super) fn builtin(name: &str, values: &[(&str, &str)]) -> Target {
    compiled(&Profile::builtin(name).unwrap(), values)
}

/// A target whose profile is the head, a plain request, and this.
pub(super) fn plain(rest: &str) -> Target {
    target(&format!("{HEAD}{REQUEST}{rest}"), &[])
}

pub(super) fn import() -> ImportId {
    ImportId::fixed("test", 1)
}

pub(super) fn row(text: &str, index: u32) -> RowContext<'_> {
    RowContext { ordinal: Ordinal(u64::from(index)), text: text.as_bytes(), index, import: import() }
}

/// A batch of these rows, as the target forms it.
pub(super) fn load(target: &Target, rows: &[&str]) -> Load {
    let mut builder = LoadBuilder::default();
    target.open_body(&mut builder.body);
    for (at, text) in rows.iter().enumerate() {
        if at > 0 {
            target.separate(&mut builder.body);
        }
        target.item(&row(text, at as u32), &mut builder.body).unwrap();
        let start = builder.texts.len();
        builder.texts.extend_from_slice(text.as_bytes());
        let mark = Mark { ordinal: Ordinal(at as u64), place: Place::START, end: 1 };
        builder.push(mark, start..start + text.len());
    }
    target.close_body(&mut builder.body);
    builder.finish().unwrap()
}

pub(super) fn body(target: &Target, rows: &[&str]) -> String {
    String::from_utf8(load(target, rows).body().to_vec()).unwrap()
}

pub(super) fn reply(status: u16, body: &str) -> Reply {
    Reply {
        status,
        headers: Vec::new(),
        body: Bytes::copy_from_slice(body.as_bytes()),
        body_state: BodyState::Whole,
    }
}

pub(super) fn with(mut reply: Reply, name: &str, value: &str) -> Reply {
    reply.headers.push((name.to_owned(), value.to_owned()));
    reply
}

/// Which of these rows go with those before them.
pub(super) fn apart(target: &Target, rows: &[&str]) -> Vec<bool> {
    let mut called = Called::new();
    rows.iter().zip(0..).map(|(text, at)| target.tells_apart(&row(text, at), &mut called)).collect()
}

/// What an answer to two plain rows means.
pub(super) fn read(target: &Target, reply: &Reply) -> Outcome {
    target.read(&load(target, &[r#"{"id":1}"#, r#"{"id":"b"}"#]), reply, NOW)
}

/// What is wrong with a profile.
pub(super) fn errors(text: &str) -> String {
    match Profile::parse("t.toml", text, &|_| None) {
        Ok(_) => panic!("it loads"),
        Err(errors) => errors.to_string(),
    }
}

pub(super) fn base64(text: &str) -> String {
    super::filter::base64(text.as_bytes())
}
