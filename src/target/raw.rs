//! Walks JSON text without building anything: members, elements and values are slices of what came.
//!
//! It expects valid JSON (rows are checked by their source, answers by [`checked`]) and never panics on
//! anything else; it never recurses, so that depth costs nothing.

use super::pointer::Pointer;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The text of one JSON value, if that is what the bytes are.
pub(super) fn checked(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    serde_json::from_str::<&RawValue>(text).ok().map(RawValue::get)
}

fn blank(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}

/// The end of the string that begins at `at` (its opening quote).
fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    // Most strings are short: a plain loop ends before a vectorised search has begun.
    for _ in 0..24 {
        match bytes.get(at) {
            Some(b'"') => return at + 1,
            Some(b'\\') => at += 2,
            Some(_) => at += 1,
            None => return bytes.len(),
        }
    }
    while let Some(rest) = bytes.get(at..) {
        match memchr::memchr2(b'"', b'\\', rest) {
            Some(found) if rest[found] == b'"' => return at + found + 1,
            Some(found) => at += found + 2,
            None => break,
        }
    }
    bytes.len()
}

/// The end of the value that begins at `at`.
fn value_end(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at) {
        Some(b'"') => string_end(bytes, at),
        Some(b'{' | b'[') => {
            let (mut at, mut depth) = (at, 0_usize);
            while let Some(byte) = bytes.get(at) {
                match byte {
                    b'"' => {
                        at = string_end(bytes, at);
                        continue;
                    }
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => {
                        depth -= 1;
                        if depth == 0 {
                            return at + 1;
                        }
                    }
                    _ => {}
                }
                at += 1;
            }
            bytes.len()
        }
        _ => {
            let mut at = at;
            while let Some(byte) = bytes.get(at) {
                if matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r') {
                    break;
                }
                at += 1;
            }
            at
        }
    }
}

/// The members of an object: name as written (without its quotes) and value as written.
pub(super) struct Members<'a> {
    text: &'a str,
    at: usize,
}

/// None for what is no object.
pub(super) fn members(text: &str) -> Option<Members<'_>> {
    let start = blank(text.as_bytes(), 0);
    (text.as_bytes().get(start) == Some(&b'{')).then_some(Members { text, at: start + 1 })
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.text.as_bytes();
        let mut at = blank(bytes, self.at);
        if bytes.get(at) == Some(&b',') {
            at = blank(bytes, at + 1);
        }
        if bytes.get(at) != Some(&b'"') {
            return None;
        }
        let name_end = string_end(bytes, at);
        let name = self.text.get(at + 1..name_end.checked_sub(1)?)?;
        let colon = blank(bytes, name_end);
        let start = blank(bytes, colon + 1);
        let end = value_end(bytes, start);
        self.at = end;
        Some((name, self.text.get(start..end)?))
    }
}

/// The elements of an array, as written.
pub(super) struct Elements<'a> {
    text: &'a str,
    at: usize,
}

/// None for what is no array.
pub(super) fn elements(text: &str) -> Option<Elements<'_>> {
    let start = blank(text.as_bytes(), 0);
    (text.as_bytes().get(start) == Some(&b'[')).then_some(Elements { text, at: start + 1 })
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.text.as_bytes();
        let mut at = blank(bytes, self.at);
        if bytes.get(at) == Some(&b',') {
            at = blank(bytes, at + 1);
        }
        if matches!(bytes.get(at), None | Some(b']')) {
            return None;
        }
        let end = value_end(bytes, at);
        if end <= at {
            return None;
        }
        self.at = end;
        self.text.get(at..end)
    }
}

/// Whether a member's written name is this name.
pub(super) fn same_name(written: &str, name: &str) -> bool {
    written == name || (is_escaped(written) && unescape(written) == name)
}

/// Whether a written name or text holds escapes.
pub(super) fn is_escaped(written: &str) -> bool {
    written.bytes().any(|byte| byte == b'\\')
}

fn unescape(inner: &str) -> Cow<'_, str> {
    serde_json::from_str::<String>(&format!("\"{inner}\"")).map_or(Cow::Borrowed(inner), Cow::Owned)
}

/// The content of a JSON string; none if it is not one.
pub(super) fn string(value: &str) -> Option<Cow<'_, str>> {
    let inner = value.strip_prefix('"')?.strip_suffix('"')?;
    Some(if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        Cow::Borrowed(inner)
    } else {
        unescape(inner)
    })
}

/// A scalar as text: a string's content, a number or truth value as written. None for null, arrays and objects.
pub(super) fn scalar(value: &str) -> Option<Cow<'_, str>> {
    match value.as_bytes().first()? {
        b'"' => string(value),
        b'{' | b'[' | b'n' => None,
        _ => Some(Cow::Borrowed(value)),
    }
}

/// The value at a pointer; of several members of one name the last.
pub(super) fn find<'a>(text: &'a str, pointer: &Pointer) -> Option<&'a str> {
    let start = blank(text.as_bytes(), 0);
    let mut value = text.get(start..value_end(text.as_bytes(), start))?;
    for token in pointer.tokens() {
        value = step(value, token)?;
    }
    Some(value)
}

/// One step down: a member of an object, or an element of an array.
pub(super) fn step<'a>(value: &'a str, token: &str) -> Option<&'a str> {
    if let Some(members) = members(value) {
        return members.filter(|(name, _)| same_name(name, token)).last().map(|(_, value)| value);
    }
    let index = match token {
        "0" => 0,
        _ if token.starts_with(['0', '+']) => return None,
        _ => token.parse::<usize>().ok()?,
    };
    elements(value)?.nth(index)
}

/// Writes text as the inside of a JSON string.
pub(super) fn escape_into(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let mut start = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if *byte >= 0x20 && *byte != b'"' && *byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[start..at]);
        start = at + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                out.extend_from_slice(b"\\u00");
                out.push(b"0123456789abcdef"[usize::from(byte >> 4)]);
                out.push(b"0123456789abcdef"[usize::from(byte & 15)]);
            }
        }
    }
    out.extend_from_slice(&bytes[start..]);
}
