//! Where a reader's entries stand in an answer: a JSON Pointer to their list, or a `JSONPath` (RFC 9535) to themselves.

use super::pointer::Pointer;
use super::section::Section;
use serde_json::Value;
use serde_json_path::{JsonPath, PathElement};
use std::borrow::Cow;

#[derive(Clone, Debug)]
pub(super) enum Selector {
    /// Of several places the first that there is.
    Pointers(Vec<Pointer>),
    Path(JsonPath),
}

impl Selector {
    pub(super) fn read(section: &Section<'_>, key: &'static str) -> Option<Self> {
        let texts = section.one_or_more(key);
        let text = texts.first()?;
        if texts.len() > 1 || !text.starts_with('$') {
            let pointers = texts.iter().map(|text| super::rule::pointer(text, section, key));
            return pointers.collect::<Option<_>>().map(Self::Pointers);
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
            Self::Pointers(pointers) => shown(pointers).into(),
            Self::Path(path) => path.to_string().into(),
        }
    }

    /// The entries as JSON: what a pointer points to; a list of what a path selects, or an object of it by the names
    /// that it has where it stands.
    pub(super) fn find<'a>(&self, json: &'a str, named: bool) -> Option<Cow<'a, str>> {
        let path = match self {
            Self::Pointers(pointers) => return first(pointers, json).map(Cow::Borrowed),
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

/// What stands at the first of these places that there is.
pub(super) fn first<'a>(pointers: &[Pointer], json: &'a str) -> Option<&'a str> {
    pointers.iter().find_map(|pointer| pointer.find(json))
}

/// How people call such places.
pub(super) fn shown(pointers: &[Pointer]) -> String {
    let one =
        |pointer: &Pointer| if pointer.as_str().is_empty() { "the top" } else { pointer.as_str() }.to_owned();
    pointers.iter().map(one).collect::<Vec<_>>().join(" or ")
}
