//! `[group]`: rows that belong together, what may share a request, and what must be known of a group first.
//!
//! Facts only: who waits for whom is the engine's.

use super::document::Value;
use super::errors::Spot;
use super::params::Params;
use super::placeholder::Seat;
use super::pointer::Pointer;
use super::rule::pointer;
use super::section::Section;
use super::slot::{FieldSet, GroupState};
use super::statuses::StatusSet;
use super::text::TextTemplate;

/// Which rows may share a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PerRequest {
    #[default]
    Any,
    /// Rows of one group only.
    One,
    /// No two rows of one group.
    Unique,
}

/// When a group's state is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Refresh {
    #[default]
    Never,
    /// Before its first request.
    First,
    /// Before each.
    Every,
    OnConflict,
}

/// What is known of `[group]`.
#[derive(Clone, Debug)]
pub struct Group {
    pub by: Vec<Pointer>,
    pub per_request: PerRequest,
    /// Rows of one group are applied in the order of the input: one request at a time.
    pub strict: bool,
    /// A refused row holds back the later rows of its group.
    pub blocks: bool,
    pub state: Option<StateWay>,
}

/// How a group's state is known.
#[derive(Clone, Debug)]
pub struct StateWay {
    pub refresh: Refresh,
    pub(super) method: String,
    pub(super) url: TextTemplate,
    pub(super) headers: Vec<(String, TextTemplate)>,
    pub(super) fields: FieldSet,
    pub(super) capture: Vec<(String, Pointer)>,
    /// What is captured or carried, and where that is said.
    names: Vec<(String, Spot)>,
    pub(super) missing: StatusSet,
    pub(super) missing_values: GroupState,
    pub(super) carry: Vec<(String, Pointer)>,
    /// What the import's first request to a group says: it has to be empty then, and is ours from there on.
    begin: Option<GroupState>,
}

impl Group {
    pub(super) fn read(root: &Section<'_>, params: &Params<'_>) -> Option<Self> {
        let section = root.section("group")?;
        let (mut by, told) = (Vec::new(), section.findings.len());
        match section.node("by").map(|node| &node.value) {
            // Names of fields in one text, as a parameter gives them: `tenant,id`.
            Some(Value::Text(text)) => {
                let text = params.fixed(text, &section.spot_of("by")).unwrap_or_default();
                for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
                    let name = name.replace('~', "~0").replace('/', "~1");
                    by.extend(pointer(&format!("/{name}"), &section, "by"));
                }
            }
            _ => {
                for (text, spot) in section.texts("by") {
                    let text = params.pointer(text, spot).unwrap_or_default();
                    by.extend(pointer(&text, &section, "by"));
                }
            }
        }
        if by.is_empty() && section.findings.len() == told {
            section.wrong("by", "[group] needs `by`", "as in by = [\"/customer_id\"]");
        }
        let ways = [("any", PerRequest::Any), ("one", PerRequest::One), ("unique", PerRequest::Unique)];
        let group = Self {
            by,
            per_request: section.word("per_request", &ways).unwrap_or_default(),
            strict: section.word("order", &[("free", false), ("strict", true)]).unwrap_or(false),
            blocks: section.word("after_reject", &[("continue", false), ("block", true)]).unwrap_or(false),
            state: section.section("state").and_then(|state| StateWay::read(state, params)),
        };
        let begins = group.state.as_ref().is_some_and(|state| state.begin.is_some());
        if begins && !(group.strict && group.per_request == PerRequest::One) {
            let remedy = "write per_request = \"one\" and order = \"strict\": what begins a group goes alone, and first";
            section.wrong(
                "state",
                "`begin` in [group.state] where several requests may be a group's first",
                remedy,
            );
        }
        section.done();
        Some(group)
    }
}

impl StateWay {
    fn read(section: Section<'_>, params: &Params<'_>) -> Option<Self> {
        let times = [
            ("never", Refresh::Never),
            ("first", Refresh::First),
            ("every", Refresh::Every),
            ("on_conflict", Refresh::OnConflict),
        ];
        let refresh = section.word("refresh", &times).unwrap_or(Refresh::Every);
        let wanted = wanted(&section, params);
        let mut way = Self {
            refresh,
            method: "GET".to_owned(),
            url: TextTemplate::default(),
            headers: Vec::new(),
            fields: FieldSet::default(),
            capture: Vec::new(),
            names: Vec::new(),
            missing: StatusSet::default(),
            missing_values: GroupState::new(),
            carry: pointers(&section, "carry"),
            begin: None,
        };
        way.names = names(&section, "carry");
        if section.has("begin") {
            way.names.extend(names(&section, "begin"));
            way.begin = Some(values(&section, "begin"));
        }
        match section.section("fetch") {
            Some(fetch) => way.read_fetch(fetch, params),
            None if refresh != Refresh::Never => {
                section.wrong("refresh", "the state is never fetched", "add [group.state.fetch]");
            }
            None => {}
        }
        section.done();
        if !wanted {
            way.refresh = Refresh::Never;
        }
        (way.refresh != Refresh::Never || way.begin.is_some()).then_some(way)
    }

    /// What is said of a group that this import has not begun; `None` if it may have begun before.
    pub fn begin(&self) -> Option<&GroupState> {
        self.begin.as_ref()
    }

    pub(super) fn named(&self) -> impl Iterator<Item = (&str, &Spot)> {
        self.names.iter().map(|(name, spot)| (name.as_str(), spot))
    }

    fn read_fetch(&mut self, fetch: Section<'_>, params: &Params<'_>) {
        fetch.method("GET").clone_into(&mut self.method);
        let mut fields = FieldSet::default();
        let mut template = |text: &str, key: &str| {
            let pieces = params.demand(text, Seat::State, &fetch.spot_of(key));
            TextTemplate::of(pieces, None, &mut fields)
        };
        match fetch.text("url") {
            Some(url) => self.url = template(url, "url"),
            None if fetch.has("url") => {}
            None => {
                let remedy = "as in url = \"${param.base}/${group:/id}/version\"";
                fetch.wrong("url", "[group.state.fetch] needs `url`", remedy);
            }
        }
        self.headers.extend(fetch.headers(|text| template(text, "headers")));
        self.fields = fields;
        self.capture = pointers(&fetch, "capture");
        self.names.extend(names(&fetch, "capture"));
        if let Some(missing) = fetch.section("missing") {
            self.missing = StatusSet::read(&missing, "status");
            self.missing_values = values(&missing, "values");
            missing.done();
        }
        fetch.done();
    }
}

/// Values by name, as JSON text.
fn values(section: &Section<'_>, key: &'static str) -> GroupState {
    let mut values = GroupState::new();
    for (name, spot, node) in section.entries(key) {
        let value = match &node.value {
            Value::Integer(number) => number.to_string(),
            Value::Text(text) => serde_json::Value::from(text.as_str()).to_string(),
            Value::Flag(flag) => flag.to_string(),
            other => {
                section.findings.add(spot, format!("`{name}` cannot be {}", other.kind()), "");
                continue;
            }
        };
        values.insert(name.to_owned(), value);
    }
    values
}

/// `only_if = { occ = "on" }`: the state is used only if the parameter has this value.
fn wanted(section: &Section<'_>, params: &Params<'_>) -> bool {
    let mut wanted = true;
    for (name, spot, node) in section.entries("only_if") {
        let value = params.fixed(&format!("${{param.{name}}}"), spot).unwrap_or_default();
        match &node.value {
            Value::Text(text) => {
                params.check_value(name, text, spot);
                wanted &= params.checking() || *text == value;
            }
            _ => section.findings.add(spot, "`only_if` compares parameters with text", ""),
        }
    }
    wanted
}

fn names(section: &Section<'_>, key: &'static str) -> Vec<(String, Spot)> {
    section.entries(key).into_iter().map(|(name, spot, _)| (name.to_owned(), spot.clone())).collect()
}

pub(super) fn pointers(section: &Section<'_>, key: &'static str) -> Vec<(String, Pointer)> {
    let mut list = Vec::new();
    for (name, spot, node) in section.entries(key) {
        match &node.value {
            Value::Text(text) => match Pointer::parse(text) {
                Ok(pointer) => list.push((name.to_owned(), pointer)),
                Err(why) => section.findings.add(spot, why, ""),
            },
            _ => section.findings.add(spot, format!("`{name}` must be a JSON Pointer"), ""),
        }
    }
    list
}
