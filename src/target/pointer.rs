//! JSON Pointers (RFC 6901), split once.
//!
//! Never an address into anything but the JSON it is asked about.

use super::encoding::member_names;
use super::errors::nearest;
use crate::model::Rejection;
use std::fmt;

/// A JSON Pointer: the root, or a way down.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Pointer {
    text: Box<str>,
    tokens: Box<[Box<str>]>,
}

impl Pointer {
    /// `""` is the whole; everything else begins with `/`. The error says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with('$') {
            return Err(format!(
                "`{text}` is a JSONPath, which may only stand in `from`; write a JSON Pointer (`/a/b`)"
            ));
        }
        if !text.is_empty() && !text.starts_with('/') {
            return Err(format!("`{text}` is no JSON Pointer; it begins with a slash, as in `/{text}`"));
        }
        let bad =
            text.match_indices('~').any(|(at, _)| !matches!(text.as_bytes().get(at + 1), Some(b'0' | b'1')));
        if bad {
            return Err(format!("`{text}` is no JSON Pointer; `~` is written `~0`, and `/` in a name `~1`"));
        }
        let tokens = text.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~").into());
        Ok(Self { text: text.into(), tokens: tokens.collect() })
    }

    /// Its steps, unescaped.
    pub fn tokens(&self) -> &[Box<str>] {
        &self.tokens
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The value in some valid JSON, as written; none if there is none.
    pub fn find<'a>(&self, json: &'a str) -> Option<&'a str> {
        super::raw::find(json, self)
    }

    /// Why a row that has no such field is refused, with what was probably meant.
    pub(super) fn missing_in(&self, row: &str) -> Rejection {
        let mut message = format!("field {} is missing", self.as_str());
        if let [name] = self.tokens() {
            let names = member_names(row);
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let near = nearest(name, &names).filter(|near| **near != **name);
            message.extend(near.map(|near| format!("; did you mean `{near}`?")));
        }
        Rejection { field: Some(self.as_str().to_owned()), ..Rejection::local("missing_field", message) }
    }
}

impl fmt::Debug for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pointer({})", self.text)
    }
}
