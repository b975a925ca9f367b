//! A profile: its text read, its parents laid under it, and all of it checked, before any value is known.
//!
//! It never opens a file: the caller hands over the text of a parent by its name.

use super::builtin;
use super::document::{self, Node, Value};
use super::errors::{Findings, ProfileErrors, Spot};
use super::lint::Usage;
use super::params::{self, ParamSpec, Params};
use super::section::Section;
use super::target::{Overrides, Target};
use super::variant;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A profile that was read and checked.
#[derive(Clone, Debug)]
pub struct Profile {
    name: String,
    root: Node,
    params: Vec<ParamSpec>,
}

/// How deep parents may lie.
const DEPTH: usize = 8;

impl Profile {
    /// Reads a profile. `file` is how errors call it; `parent` gives the text of what `extends` names, and
    /// built-ins are known without it.
    pub fn parse(
        file: &str,
        text: &str,
        parent: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ProfileErrors> {
        let findings = Findings::default();
        let root = load(file, text, parent, &findings, DEPTH);
        let Some(root) = root else {
            return Err(findings.verdict().err().unwrap_or(ProfileErrors(Vec::new())));
        };
        let mut profile = Self { name: String::new(), root, params: Vec::new() };
        profile.name = profile.read_name(&findings);
        let section = Section::of("", &profile.root, &findings);
        let specs = params::specs(&section);
        profile.params = specs.iter().map(|(spec, _)| spec.clone()).collect();
        let params = Params::new(&profile.params, None, &findings);
        let own = Spot { line: 0, file: Arc::from(file) };
        for root in variant::all(&profile.root, &params) {
            let target = Target::draw(&profile, &root, &params, &[], &Overrides::default());
            params.usage.check(&target, &own, &findings);
        }
        params.usage.tell(&findings, &own);
        params.unused(|spec| {
            let spot = specs.iter().find(|(known, _)| known.name == spec.name).map(|(_, spot)| spot.clone());
            spot.unwrap_or_else(|| profile.spot())
        });
        drop(section);
        findings.verdict()?;
        Ok(profile)
    }

    /// A profile that comes with the program.
    pub fn builtin(name: &str) -> Option<Self> {
        let text = builtin::text(name)?;
        Self::parse(&format!("{name}.toml"), text, &|_| None).ok()
    }

    pub fn builtin_names() -> &'static [&'static str] {
        builtin::NAMES
    }

    pub fn builtin_text(name: &str) -> Option<&'static str> {
        builtin::text(name)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn params(&self) -> &[ParamSpec] {
        &self.params
    }

    /// As it is where parameters have these values: of its variants those that they choose.
    pub fn with(&self, values: &BTreeMap<String, String>) -> Self {
        let findings = Findings::default();
        let params = Params::new(&self.params, Some(values.clone()), &findings);
        Self { root: variant::chosen(&self.root, &params), ..self.clone() }
    }

    pub(super) fn root(&self) -> &Node {
        &self.root
    }

    /// The profile as it is without any values, and what was met on the way.
    pub(super) fn drawn(&self) -> (Target, Usage) {
        let findings = Findings::default();
        let params = Params::new(&self.params, None, &findings);
        let target = Target::draw(self, &self.root.without("variant"), &params, &[], &Overrides::default());
        (target, params.usage)
    }

    pub(super) fn spot(&self) -> Spot {
        Spot { line: 0, ..self.root.spot.clone() }
    }

    /// Where this key of that table stands.
    pub(super) fn spot_of(&self, table: &'static str, key: &str) -> Spot {
        let findings = Findings::default();
        let section = Section::of("", &self.root, &findings).section(table);
        section.map_or_else(|| self.spot(), |section| section.spot_of(key))
    }

    fn read_name(&self, findings: &Findings) -> String {
        let root = Section::of("", &self.root, findings);
        let Some(section) = root.section("profile") else {
            root.wrong("profile", "there is no [profile]", "begin with [profile], version = 1 and a name");
            return String::new();
        };
        let section = Section::of("[profile]", root.node("profile").unwrap_or(&self.root), section.findings);
        match section.count("version", 0) {
            Some(1) => {}
            Some(version) => {
                let message = format!("version {version} of the profile language is not known");
                section.wrong("version", message, "this program reads version 1");
            }
            None if section.has("version") => {}
            None => section.wrong("version", "[profile] needs `version`", "write version = 1"),
        }
        let name = section.text("name").unwrap_or_default().to_owned();
        if name.is_empty() {
            section.wrong("name", "[profile] needs `name`", "");
        }
        section.text("docs");
        section.text("extends");
        section.done();
        name
    }
}

fn load(
    file: &str,
    text: &str,
    parent: &dyn Fn(&str) -> Option<String>,
    findings: &Findings,
    depth: usize,
) -> Option<Node> {
    let node = document::read(file, text, findings)?;
    let Value::Table(table) = &node.value else { return Some(node) };
    let extends = table.get("profile").and_then(|member| match &member.node.value {
        Value::Table(head) => head.get("extends"),
        _ => None,
    });
    let Some(member) = extends else { return Some(node) };
    let Value::Text(name) = &member.node.value else { return Some(node) };
    if depth == 0 {
        findings.add(&member.spot, "`extends` goes in a circle, or too deep", "");
        return Some(node);
    }
    let plain = name.strip_suffix(".toml").unwrap_or(name);
    let Some(text) = parent(name).or_else(|| builtin::text(plain).map(str::to_owned)) else {
        let remedy = "name a profile beside this one, or a built-in (bulkhaul targets list)";
        findings.add(&member.spot, format!("`extends = \"{name}\"`: there is no such profile"), remedy);
        return Some(node);
    };
    let file = format!("{plain}.toml");
    let base = load(&file, &text, parent, findings, depth - 1)?;
    Some(document::merge(base, node))
}
