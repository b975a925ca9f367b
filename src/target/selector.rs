//! Where a reader's entries stand in an answer: a JSON Pointer to their list, or a `JSONPath` (RFC 9535) to themselves.

use super::pointer::Pointer;
use super::section::Section;
use serde_json::Value;
use serde_json_path::{JsonPath, PathElement};
use std::borrow::Cow;

#[derive(Clone, Debug)]
pub(super) enum Selector {
    Pointer(Pointer),
    Path(JsonPath),
}

impl Selector {
    pub(super) fn read(section: &Section<'_>, key: &'static str) -> Option<Self> {
        let text = section.text(key)?;
        if !text.starts_with('$') {
            return super::rule::pointer(text, section, key).map(Self::Pointer);
        }
        match JsonPath::parse(text) {
            Ok(path) => Some(Self::Path(path)),
            Err(error) => {
                section.wrong(
                    key,
                    format!("`{text}` is no JSONPath: {error}"),
                    "as in \"$.data[*].errors[*]\"",
                );
                None
            }
        }
    }

    /// How people call it.
    pub(super) fn shown(&self) -> Cow<'_, str> {
        match self {
            Self::Pointer(pointer) if pointer.as_str().is_empty() => "the top".into(),
            Self::Pointer(pointer) => pointer.as_str().into(),
            Self::Path(path) => path.to_string().into(),
        }
    }

    /// The entries as JSON: what a pointer points to; a list of what a path selects, or an object of it by the names
    /// that it has where it stands.
    pub(super) fn find<'a>(&self, json: &'a str, named: bool) -> Option<Cow<'a, str>> {
        let path = match self {
            Self::Pointer(pointer) => return pointer.find(json).map(Cow::Borrowed),
            Self::Path(path) => path,
        };
        let value: Value = serde_json::from_str(json).ok()?;
        let one = |node: serde_json_path::LocatedNode<'_>| {
            let entry = node.node().to_string();
            if !named {
                return entry;
            }
            let name = match node.location().last() {
                Some(PathElement::Name(name)) => (*name).to_owned(),
                Some(PathElement::Index(index)) => index.to_string(),
                None => String::new(),
            };
            format!("{}:{entry}", Value::from(name))
        };
        let entries: Vec<String> = path.query_located(&value).into_iter().map(one).collect();
        let entries = entries.join(",");
        Some(Cow::Owned(if named { format!("{{{entries}}}") } else { format!("[{entries}]") }))
    }
}
