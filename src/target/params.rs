//! Parameters: what a profile wants to be told, and the values it was told.
//!
//! While a profile is only checked there are no values: every parameter then stands for `0`, which is a
//! number, a text and a pointer's end, and nothing is compared with it.

use super::errors::{Findings, Spot};
use super::filter::Filter;
use super::lint::Usage;
use super::placeholder::{Hole, Piece, Seat, Source, pieces};
use super::section::Section;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// A parameter as the profile declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParamSpec {
    pub name: String,
    /// What it may be; empty where it may be anything.
    pub values: Vec<String>,
    pub default: Option<String>,
    /// Environment variable that it is taken from; read by the caller.
    pub env: Option<String>,
    pub required: bool,
    pub secret: bool,
    pub help: Option<String>,
    pub line: u32,
}

impl ParamSpec {
    /// Whether it may have this value.
    pub fn takes(&self, value: &str) -> bool {
        self.values.is_empty() || self.values.iter().any(|known| known == value)
    }

    /// What it may be, in words, where it may not be this.
    pub fn choice(&self, value: &str) -> String {
        let known: Vec<&str> = self.values.iter().map(String::as_str).collect();
        let lower = value.to_ascii_lowercase();
        let meant = match lower.as_str() {
            "true" | "yes" | "1" | "enabled" => known.iter().find(|known| matches!(**known, "on" | "true")),
            "false" | "no" | "0" | "disabled" => {
                known.iter().find(|known| matches!(**known, "off" | "false"))
            }
            _ => None,
        };
        match meant.copied().or_else(|| super::errors::nearest(&lower, &known)) {
            Some(near) => format!("did you mean `{near}`? it takes {}", known.join(", ")),
            None => format!("it takes {}", known.join(", ")),
        }
    }
}

/// The parameters of a profile, with or without values.
pub(super) struct Params<'a> {
    pub(super) specs: &'a [ParamSpec],
    /// `None` while the profile is only checked.
    pub(super) values: Option<BTreeMap<String, String>>,
    /// Which were asked for.
    used: RefCell<BTreeSet<String>>,
    pub(super) usage: Usage,
    pub(super) findings: &'a Findings,
}

/// What became of a text's parameters.
pub(super) enum Filled {
    Pieces(Vec<Piece>),
    /// It needs a parameter that has no value and need not have one.
    Absent,
}

impl<'a> Params<'a> {
    pub(super) fn new(
        specs: &'a [ParamSpec],
        values: Option<BTreeMap<String, String>>,
        findings: &'a Findings,
    ) -> Self {
        Self { specs, values, used: RefCell::default(), usage: Usage::default(), findings }
    }

    pub(super) fn checking(&self) -> bool {
        self.values.is_none()
    }

    fn spec(&self, name: &str) -> Option<&ParamSpec> {
        self.specs.iter().find(|spec| spec.name == name)
    }

    /// The value: `Err` if there is no such parameter, `Ok(None)` if it has none.
    fn value(&self, name: &str) -> Result<Option<&str>, ()> {
        let spec = self.spec(name).ok_or(())?;
        self.used.borrow_mut().insert(name.to_owned());
        Ok(match &self.values {
            None => Some("0"),
            Some(values) => values.get(name).map(String::as_str).or(spec.default.as_deref()),
        })
    }

    /// The value of a parameter that a condition names: `Err` if there is no such parameter, which is told.
    pub(super) fn known(&self, name: &str, spot: &Spot) -> Result<Option<String>, ()> {
        let value = self.value(name).map_err(|()| {
            self.findings.add(spot, format!("`{name}` names no parameter"), self.declare(name));
        })?;
        Ok(value.filter(|value| !value.is_empty()).map(str::to_owned))
    }

    /// Tells that a condition asks for a value that the parameter cannot have.
    pub(super) fn check_value(&self, name: &str, value: &str, spot: &Spot) {
        if let Some(spec) = self.spec(name).filter(|spec| !spec.takes(value)) {
            let message = format!("`only_if` asks for `{name} = \"{value}\"`, which is not among its values");
            self.findings.add(spot, message, spec.choice(value));
        }
    }

    fn declare(&self, name: &str) -> String {
        let known: Vec<&str> = self.specs.iter().map(|spec| spec.name.as_str()).collect();
        super::errors::nearest(name, &known).map_or_else(
            || format!("declare it with [params.{name}]"),
            |near| format!("did you mean ${{param.{near}}}?"),
        )
    }

    /// The values of secret parameters.
    pub(super) fn secrets(&self) -> Vec<String> {
        let secret = self.specs.iter().filter(|spec| spec.secret);
        let mut values: Vec<String> = secret
            .filter_map(|spec| self.values.as_ref()?.get(&spec.name).or(spec.default.as_ref()).cloned())
            .collect();
        values.retain(|value| !value.is_empty());
        values
    }

    /// Declared parameters that nothing asked for are errors: a typing slip would go unseen.
    pub(super) fn unused(&self, spot: impl Fn(&ParamSpec) -> Spot) {
        let used = self.used.borrow();
        for spec in self.specs.iter().filter(|spec| !used.contains(&spec.name)) {
            let message = format!("parameter `{}` is never used", spec.name);
            let remedy = format!("use it as ${{param.{}}}, or take it out", spec.name);
            self.findings.add(&spot(spec), message, remedy);
        }
    }

    /// Takes a text apart and fills in its parameters; what may not stand in this seat is told.
    pub(super) fn fill(&self, text: &str, seat: Seat, spot: &Spot) -> Filled {
        let found = match pieces(text) {
            Ok(found) => found,
            Err((message, remedy)) => {
                self.findings.add(spot, message, remedy);
                return Filled::Pieces(Vec::new());
            }
        };
        let mut filled: Vec<Piece> = Vec::with_capacity(found.len());
        let mut absent = false;
        for piece in found {
            let piece = match piece {
                Piece::Text(text) => Piece::Text(text),
                Piece::Hole(hole) => {
                    if let Err((message, remedy)) = seat.check(&hole) {
                        self.findings.add(spot, message, remedy);
                        continue;
                    }
                    let Source::Param(name) = &hole.source else {
                        self.usage.saw(&hole.source, hole.optional, spot);
                        filled.push(Piece::Hole(hole));
                        continue;
                    };
                    let Some(text) = self.param(name, &hole, spot) else {
                        absent |= !hole.optional;
                        continue;
                    };
                    Piece::Text(text)
                }
            };
            join(&mut filled, piece);
        }
        if absent { Filled::Absent } else { Filled::Pieces(filled) }
    }

    fn param(&self, name: &str, hole: &Hole, spot: &Spot) -> Option<String> {
        let Ok(value) = self.value(name) else {
            self.findings.add(spot, format!("`{}` names no parameter", hole.text), self.declare(name));
            return Some(String::new());
        };
        let mut value = super::filter::Piped::Text(value?.into());
        if self.checking() {
            return Some("0".to_owned());
        }
        for filter in &hole.filters {
            match filter.apply(value) {
                Ok(next) => value = next,
                Err(why) => {
                    self.findings.add(spot, format!("in `{}`: {why}", hole.text), "");
                    return Some(String::new());
                }
            }
        }
        Some(value.into_text().into_owned())
    }

    /// Whether a string is one parameter that may be missing, and is.
    pub(super) fn is_left_out(&self, text: &str) -> bool {
        match pieces(text).as_deref() {
            Ok([Piece::Hole(Hole { source: Source::Param(name), optional: true, .. })]) => {
                matches!(self.value(name), Ok(None))
            }
            _ => false,
        }
    }

    /// The JSON that a string stands for if it is one parameter with filters that give JSON.
    pub(super) fn typed(&self, text: &str, spot: &Spot) -> Option<String> {
        let found = pieces(text).ok()?;
        let [Piece::Hole(hole)] = found.as_slice() else { return None };
        let Source::Param(name) = &hole.source else { return None };
        let literal =
            matches!(hole.filters.last(), Some(Filter::Int | Filter::Num | Filter::Bool | Filter::Json));
        if literal { self.param(name, hole, spot) } else { None }
    }

    /// Parameters that are no secrets, with their values.
    pub(super) fn open(&self) -> Vec<(String, String)> {
        let open = self.specs.iter().filter(|spec| !spec.secret);
        let value = |spec: &ParamSpec| {
            let given = self.values.as_ref()?.get(&spec.name);
            given.or(spec.default.as_ref()).cloned()
        };
        open.filter_map(|spec| Some((spec.name.clone(), value(spec)?))).collect()
    }

    /// A text as the identity knows it: parameters filled in, secrets masked, all else as it was written.
    pub(super) fn shown(&self, text: &str) -> String {
        let Ok(found) = pieces(text) else { return text.to_owned() };
        let mut shown = Vec::new();
        for piece in found {
            let text = match piece {
                Piece::Text(text) => text,
                Piece::Hole(Hole { source: Source::Param(name), .. })
                    if self.spec(&name).is_some_and(|spec| spec.secret) =>
                {
                    "***".to_owned()
                }
                Piece::Hole(Hole { source: Source::Param(name), .. }) => {
                    self.value(&name).ok().flatten().unwrap_or_default().to_owned()
                }
                Piece::Hole(hole) => hole.text,
            };
            join(&mut shown, Piece::Text(text));
        }
        plain(&shown)
    }

    /// A text that consists of nothing but parameters and plain text. Absent: none.
    pub(super) fn fixed(&self, text: &str, spot: &Spot) -> Option<String> {
        match self.fill(text, Seat::Fixed, spot) {
            Filled::Absent => None,
            Filled::Pieces(pieces) => Some(plain(&pieces)),
        }
    }

    /// As [`Self::fixed`], of a JSON Pointer: what a parameter says is one step, whatever characters it is made of.
    pub(super) fn pointer(&self, text: &str, spot: &Spot) -> Option<String> {
        let mut pointer = String::new();
        for piece in
            pieces(text).map_err(|(message, remedy)| self.findings.add(spot, message, remedy)).ok()?
        {
            match piece {
                Piece::Text(text) => pointer.push_str(&text),
                Piece::Hole(hole) => {
                    let value = self.fixed(&hole.text, spot)?;
                    pointer.push_str(&value.replace('~', "~0").replace('/', "~1"));
                }
            }
        }
        Some(pointer)
    }

    /// The value of the parameter that a text begins with; none while a profile is only checked.
    pub(super) fn leading(&self, text: &str) -> Option<String> {
        let found = pieces(text).ok()?;
        let Some(Piece::Hole(Hole { source: Source::Param(name), .. })) = found.first() else { return None };
        let value = if self.checking() { None } else { self.value(name).ok()? };
        value.map(|value| value.trim_end_matches('/').to_owned())
    }

    /// As [`Self::fill`], where a parameter must have a value.
    pub(super) fn demand(&self, text: &str, seat: Seat, spot: &Spot) -> Vec<Piece> {
        match self.fill(text, seat, spot) {
            Filled::Pieces(pieces) => pieces,
            Filled::Absent => {
                let message = format!("`{text}` needs a parameter that has no value");
                self.findings.add(spot, message, "give it with --set NAME=VALUE");
                Vec::new()
            }
        }
    }
}

/// Neighbouring texts become one; `https://a/` before `/b` loses its slash.
fn join(pieces: &mut Vec<Piece>, piece: Piece) {
    match (pieces.last_mut(), piece) {
        (Some(Piece::Text(before)), Piece::Text(after)) => {
            if after.starts_with('/') && before.contains("://") {
                before.truncate(before.trim_end_matches('/').len());
            }
            before.push_str(&after);
        }
        (_, piece) => pieces.push(piece),
    }
}

/// The text of pieces that have no holes.
pub(super) fn plain(pieces: &[Piece]) -> String {
    pieces.iter().map(|piece| if let Piece::Text(text) = piece { text.as_str() } else { "" }).collect()
}

/// The `[params.X]` tables.
pub(super) fn specs(root: &Section<'_>) -> Vec<(ParamSpec, Spot)> {
    let mut specs = Vec::new();
    for (name, spot, node) in root.entries("params") {
        let section = Section::of(&format!("[params.{name}]"), node, root.findings);
        let spec = ParamSpec {
            name: name.to_owned(),
            values: section.texts("values").into_iter().map(|(value, _)| value.to_owned()).collect(),
            default: section.text("default").map(str::to_owned),
            env: section.text("env").map(str::to_owned),
            required: section.flag("required").unwrap_or(false),
            secret: section.flag("secret").unwrap_or(false),
            help: section.text("help").map(str::to_owned),
            line: spot.line,
        };
        if spec.secret && spec.default.is_some() {
            section.wrong(
                "default",
                format!("parameter `{name}` is secret and has a default"),
                "name an `env` instead",
            );
        }
        if let Some(default) = spec.default.as_deref().filter(|default| !spec.takes(default)) {
            let message = format!("the default `{default}` of parameter `{name}` is not among its values");
            section.wrong("default", message, spec.choice(default));
        }
        // A child may give its parent's parameter a default.
        if spec.required
            && spec.default.is_some()
            && section.spot_of("required").file == section.spot_of("default").file
        {
            let message = format!("parameter `{name}` is required, and has a default");
            section.wrong(
                "default",
                message,
                "take out one of the two: with a default it always has a value",
            );
        }
        if name == "base" && spec.default.as_deref().is_some_and(|default| default.ends_with('/')) {
            let remedy = "take it off: what is put behind it begins with one";
            section.wrong("default", "the default of `base` ends in a slash", remedy);
        }
        if spec.secret && !spec.values.is_empty() {
            section.wrong(
                "values",
                format!("parameter `{name}` is secret, and its values are written down"),
                "take them out",
            );
        }
        section.done();
        specs.push((spec, spot.clone()));
    }
    specs
}
