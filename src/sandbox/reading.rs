//! Reads as much of a body as is needed, and leaves the rest as the bytes that came.
//!
//! Rows are never turned into trees: an object is walked once, the members asked for are borrowed as they
//! are written, the others are skipped. It must never change, reorder or re-print what a row says.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The members of that name, as written; of several of one name the last. An error if it is not one object.
pub(super) fn members<'a, const N: usize>(
    text: &'a str,
    names: [&str; N],
) -> serde_json::Result<[Option<&'a RawValue>; N]> {
    let mut source = serde_json::Deserializer::from_str(text);
    let found = source.deserialize_map(Members(names))?;
    source.end()?;
    Ok(found)
}

/// The only member that is an array, if one is; an error if there are several, or if it is not one object.
pub(super) fn array_within(text: &str) -> serde_json::Result<Option<&RawValue>> {
    let mut source = serde_json::Deserializer::from_str(text);
    let found = source.deserialize_map(OnlyArray)?;
    source.end()?;
    Ok(found)
}

/// The elements of an array, as written.
pub(super) fn elements(array: &str) -> serde_json::Result<Vec<&RawValue>> {
    serde_json::from_str(array)
}

/// The elements of a member that has to be an array.
pub(super) fn list(member: Option<&RawValue>) -> Option<Vec<&RawValue>> {
    elements(member?.get()).ok()
}

/// The values of a body of lines; the error says which line is none.
pub(super) fn lines(text: &str) -> Result<Vec<&RawValue>, String> {
    text.split('\n')
        .enumerate()
        .map(|(at, line)| (at, line.trim()))
        .filter(|(_, line)| !line.is_empty())
        .map(|(at, line)| serde_json::from_str(line).map_err(|error| format!("line {}: {error}", at + 1)))
        .collect()
}

/// A scalar as text: a string without its quotes and escapes, everything else as written.
pub(super) fn scalar(value: &RawValue) -> Cow<'_, str> {
    let text = value.get();
    if text.starts_with('"') {
        serde_json::from_str::<String>(text).map_or(Cow::Borrowed(text), Cow::Owned)
    } else {
        Cow::Borrowed(text)
    }
}

/// The text of a string that is not empty.
pub(super) fn word(value: Option<&RawValue>) -> Option<String> {
    serde_json::from_str::<String>(value?.get()).ok().filter(|word| !word.is_empty())
}

/// Present and not `null`.
pub(super) fn present(value: Option<&RawValue>) -> Option<&RawValue> {
    value.filter(|value| value.get() != "null")
}

struct Members<'n, const N: usize>([&'n str; N]);

impl<'de, const N: usize> Visitor<'de> for Members<'_, N> {
    type Value = [Option<&'de RawValue>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = [None; N];
        while let Some(place) = map.next_key_seed(Place(&self.0))? {
            match place.and_then(|place| found.get_mut(place)) {
                Some(slot) => *slot = Some(map.next_value()?),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }
}

/// Where a name stands in the list of names looked for.
struct Place<'n>(&'n [&'n str]);

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = Option<usize>;

    fn deserialize<D: serde::Deserializer<'de>>(self, source: D) -> Result<Self::Value, D::Error> {
        source.deserialize_str(self)
    }
}

impl Visitor<'_> for Place<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|wanted| *wanted == name))
    }
}

struct OnlyArray;

impl<'de> Visitor<'de> for OnlyArray {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while map.next_key::<IgnoredAny>()?.is_some() {
            let value: &RawValue = map.next_value()?;
            if value.get().starts_with('[') && found.replace(value).is_some() {
                return Err(A::Error::custom("several members are arrays, and the rows may be any of them"));
            }
        }
        Ok(found)
    }
}
