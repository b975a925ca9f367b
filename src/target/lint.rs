//! What is well written and cannot be meant: a reader that nothing uses, a rule that no answer reaches, a value that
//! is captured and not used, or used and not captured.
//!
//! A profile is drawn several times, once for each of its variants; what is of use in one of them is of use. What
//! stands in a parent is the parent's affair.

use super::errors::{Findings, ProfileError, Spot};
use super::group::{PerRequest, Refresh};
use super::job::JobWay;
use super::placeholder::Source;
use super::profile::Profile;
use super::reader::Reader;
use super::rule::{Rule, Then, When};
use super::settings::{OnAmbiguous, Scope};
use super::target::Target;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Where a thing stands, and what it is called.
type Place = (String, u32, String);

/// What was met while a profile was drawn.
#[derive(Debug, Default)]
pub(super) struct Usage {
    holes: RefCell<Vec<(Source, bool, Spot)>>,
    /// What is written down, by its place and name: what to say if it is of no use, or none if it is.
    things: RefCell<BTreeMap<Place, Option<(String, &'static str)>>>,
}

impl Usage {
    /// A placeholder stands here; `optional` if it may be missing.
    pub(super) fn saw(&self, source: &Source, optional: bool, spot: &Spot) {
        self.holes.borrow_mut().push((source.clone(), optional, spot.clone()));
    }

    /// Whether rows are sent with keys that are made for them.
    fn names_rows(&self) -> bool {
        self.holes.borrow().iter().any(|(source, ..)| *source == Source::RowIdem)
    }

    fn thing(&self, spot: &Spot, name: &str, remedy: &'static str, useless: Option<String>) {
        let place = (spot.file.to_string(), spot.line, name.to_owned());
        let useless = useless.map(|message| (message, remedy));
        let mut things = self.things.borrow_mut();
        let known = things.entry(place).or_insert_with(|| useless.clone());
        if useless.is_none() {
            *known = None;
        }
    }

    /// Tells what was of no use in any variant, and stands in this file.
    pub(super) fn tell(&self, findings: &Findings, own: &Spot) {
        for ((file, line, _), useless) in self.things.borrow().iter() {
            if let Some((message, remedy)) = useless.as_ref().filter(|_| *file == *own.file) {
                findings.add(&Spot { line: *line, ..own.clone() }, message.clone(), *remedy);
            }
        }
    }

    /// Looks over one drawing of a profile.
    pub(super) fn check(&self, target: &Target, own: &Spot, findings: &Findings) {
        self.readers(target);
        self.rules(target, own, findings);
        self.states(target, findings);
        self.job(target);
        self.steps(target, own, findings);
        self.template(target);
        for (source, _, spot) in self.holes.borrow_mut().drain(..) {
            let Source::Group(pointer) = source else { continue };
            if spot.file != own.file {
                continue;
            }
            let text = format!("`${{group:{}}}`", pointer.as_str());
            match &target.group {
                None => {
                    let remedy = format!("write [group] with by = [\"{}\"]", pointer.as_str());
                    findings.add(&spot, format!("{text} without [group]"), remedy);
                }
                Some(group) if !group.by.contains(&pointer) => {
                    findings.add(&spot, format!("{text} is not in `by` of [group]"), "add it there");
                }
                Some(group)
                    if group.per_request != PerRequest::One
                        && target.limits.rows != Some(1)
                        && !group.by.is_empty() =>
                {
                    let message = format!("{text} differs among the rows of a request");
                    findings.add(&spot, message, "write per_request = \"one\" in [group]");
                }
                Some(_) => {}
            }
        }
        if target.idempotency.declared == Some(OnAmbiguous::Verify) && target.verify.is_none() {
            let remedy = "say in [verify] how one asks whether a request was applied";
            findings.add(own, "on_ambiguous = \"verify\" without [verify]", remedy);
        }
    }

    fn readers(&self, target: &Target) {
        let deletions = target.deletion.iter().flat_map(|deletion| &deletion.rules);
        let rules = target.rules.iter().chain(deletions).filter_map(|rule| rule.reader.as_deref());
        let ends = target.job.iter().flat_map(|job| job.readers().map(String::as_str));
        let mut used: Vec<&str> = rules.chain(ends).collect();
        let readers = used.iter().filter_map(|name| target.readers.get(*name));
        let more: Vec<&str> = readers.flat_map(Reader::also).collect();
        used.extend(more);
        // A name that is mistyped is told where it stands; that its reader is then unused is no news.
        let mistyped = used.iter().any(|name| !target.readers.contains_key(*name));
        for (name, reader) in &target.readers {
            let useless = format!("nothing uses the reader `{name}`");
            let remedy = "name it in a [[response]], or take it out";
            let idle = !mistyped && !used.contains(&name.as_str());
            self.thing(&reader.spot, name, remedy, idle.then_some(useless));
        }
    }

    fn rules<'a>(&self, target: &'a Target, own: &Spot, findings: &Findings) {
        let conditions =
            |rules: &'a [Rule]| rules.iter().map(|rule| (&rule.when, &rule.spot)).collect::<Vec<_>>();
        let hidden = self.reached("answer", &conditions(&target.rules));
        if let Some(deletion) = &target.deletion {
            // The last one is nobody's: see there.
            let written = deletion.rules.len().saturating_sub(1);
            self.reached("answer", &conditions(&deletion.rules[..written]));
        }
        for reader in target.readers.values() {
            self.reached("entry", &reader.conditions());
        }
        for rules in target.job.iter().flat_map(JobWay::conditions) {
            self.reached("answer", &rules);
        }
        for (rule, hidden) in target.rules.iter().zip(hidden) {
            let no_state = !target.needs_state();
            let begins = target.group.as_ref().and_then(|group| group.state.as_ref()?.begin()).is_some();
            if rule.when.begins.is_some() && !begins && rule.spot.file == own.file {
                let remedy = "say in [group.state] what a group's first request says: begin = { length = 0 }";
                findings.add(&rule.spot, "`group` in `when` without `begin`", remedy);
            }
            if rule.id.is_some()
                && rule.then == Then::Ok
                && target.limits.rows != Some(1)
                && rule.spot.file == own.file
            {
                let remedy = "write rows = 1 in [limits], or read each row's id in [results]";
                findings.add(&rule.spot, "`id` names one row, and a request may hold several", remedy);
            }
            if rule.then == Then::Refetch && no_state && !hidden && rule.spot.file == own.file {
                let remedy = "say in [group.state] what is read, and how";
                findings.add(&rule.spot, "then = \"refetch\" without [group.state]", remedy);
            }
        }
    }

    /// Tells of each rule that an earlier one hides; which these are.
    fn reached(&self, what: &str, rules: &[(&When, &Spot)]) -> Vec<bool> {
        let hidden = |(at, (when, spot)): (usize, &(&When, &Spot))| {
            let earlier = rules[..at].iter().find(|(earlier, _)| earlier.swallows(when));
            // What a child says over its parent is meant to hide the parent's.
            let earlier = earlier.filter(|(_, earlier)| earlier.file == spot.file);
            let useless = earlier.map(|(_, earlier)| {
                format!("no {what} reaches this rule: the one at line {} takes them all", earlier.line)
            });
            let is_hidden = useless.is_some();
            self.thing(spot, "", "put it before the other, or take it out", useless);
            is_hidden
        };
        rules.iter().enumerate().map(hidden).collect()
    }

    /// A key that is made and goes nowhere protects nothing.
    fn template(&self, target: &Target) {
        let Some((_, spot)) = &target.idempotency.template else { return };
        let shown = |(source, _, seen): &(Source, bool, Spot)| {
            matches!(source, Source::RowIdem | Source::BatchKey) && seen != spot
        };
        let shown = target.idempotency.place.is_some() || self.holes.borrow().iter().any(shown);
        let useless = (!shown).then(|| "a key is made by this template, and no request shows it".to_owned());
        let remedy =
            "put ${row.idem} into `item` where the API looks for a row's key, or say in `send` where it goes";
        self.thing(spot, "template", remedy, useless);
    }

    fn job(&self, target: &Target) {
        let Some(job) = &target.job else { return };
        let idle = !target.rules.iter().any(|rule| rule.then == Then::Job);
        let useless = idle.then(|| "no [[response]] leads to this job".to_owned());
        self.thing(&job.spots.0, "job", "write one with then = \"job\", or take it out", useless);
        let used = self.holes.borrow().iter().any(|(source, ..)| *source == Source::JobId);
        let useless = (job.id.is_some() && !used).then(|| "`id` is captured, and never used".to_owned());
        self.thing(&job.spots.1, "job.id", "use it as ${job.id} in `url`, or take it out", useless);
    }

    fn steps(&self, target: &Target, own: &Spot, findings: &Findings) {
        let steps = || target.before.iter().chain(&target.after);
        let mut told: Vec<&str> = Vec::new();
        for step in steps() {
            for (name, _) in &step.capture {
                if told.contains(&name.as_str()) {
                    findings.add(
                        &step.spot,
                        format!("two steps capture `{name}`"),
                        "give one of them another name",
                    );
                }
                told.push(name);
            }
        }
        for (source, _, spot) in self.holes.borrow().iter() {
            if let Source::Step(name) = source
                && !told.contains(&name.as_str())
            {
                let remedy = format!("capture it in a [[before]]: capture = {{ {name} = \"/…\" }}");
                findings.add(spot, format!("`${{step.{name}}}` is never captured"), remedy);
            }
        }
        if target.commits_after && target.after.is_empty() {
            findings.add(
                own,
                "commit = \"after\" without [[after]]",
                "write the step that commits what was sent",
            );
        }
        let has_state = target.group.as_ref().is_some_and(|group| group.state.is_some());
        if let Some(step) = target.before.first().filter(|_| has_state) {
            findings.add(
                &step.spot,
                "[[before]] beside [group.state]",
                "a request waits for one of them: take one out",
            );
        }
    }

    fn states(&self, target: &Target, findings: &Findings) {
        let state = target.group.as_ref().and_then(|group| group.state.as_ref());
        let holes = self.holes.borrow();
        let used = |name: &str| {
            holes.iter().any(|(source, ..)| matches!(source, Source::State(known) if known == name))
        };
        for (name, spot) in state.iter().flat_map(|state| state.named()) {
            let useless = (!used(name)).then(|| format!("`{name}` is captured, and never used"));
            self.thing(spot, name, "use it as ${state.…}, or take it out", useless);
        }
        for (source, optional, spot) in holes.iter() {
            let Source::State(name) = source else { continue };
            let known = state.is_some_and(|state| state.named().any(|(captured, _)| captured == name));
            let unread = state.is_some_and(|state| state.refresh == Refresh::Never);
            if known && unread && !optional {
                let remedy =
                    format!("write `${{state.{name}?}}`, or say in [group.state.fetch] how it is read");
                let message = format!("`${{state.{name}}}` is known of a group's first request alone");
                findings.add(spot, message, remedy);
            }
            if !known && !optional {
                let remedy = format!("capture it: capture = {{ {name} = \"/…\" }} in [group.state.fetch]");
                findings.add(spot, format!("`${{state.{name}}}` is never captured"), remedy);
            }
        }
    }
}

impl Profile {
    /// What loads and works, and could be better said.
    pub fn hints(&self) -> Vec<ProfileError> {
        let (plain, usage) = self.drawn();
        let mut hints = Vec::new();
        if plain.idempotency.scope == Scope::Row && plain.idempotency.place.is_none() && !usage.names_rows() {
            let spot = self.spot_of("idempotency", "scope");
            hints.push(ProfileError {
                file: spot.file.to_string(),
                line: spot.line,
                message:
                    "scope = \"row\", and no request shows its rows' keys: what is sent again after a lost \
                          answer may be applied twice"
                        .to_owned(),
                remedy:
                    "put ${row.idem} into `item` where the API looks for a row's key, or write rows = 1 and \
                         send = { header = \"…\" }; leave it if each row brings a key of its own"
                        .to_owned(),
            });
        }
        let mut hint = |message: &str, remedy: &str| {
            let spot = self.spot();
            let (message, remedy) = (message.to_owned(), remedy.to_owned());
            hints.push(ProfileError { file: spot.file.to_string(), line: 0, message, remedy });
        };
        if plain.idempotency.scope == Scope::None && plain.idempotency.declared.is_none() {
            hint(
                "it sends no keys, so that a request whose answer is lost leaves its rows in doubt",
                "if the API honours keys, or a row written twice is written once, say so in [idempotency]",
            );
        }
        if plain.verify.is_some() && !plain.applies_whole() {
            hint(
                "[verify] says whether a request came through, not which of its rows were taken: if it did, they are in doubt",
                "write rows = 1 in [limits] to have them delivered by its word",
            );
        }
        if plain.rules.is_empty() {
            hint(
                "it has no [[response]], so that every 2xx delivers all rows",
                "say what refusals look like, and which answers speak of single rows",
            );
        }
        for (name, _) in plain.readers.iter().filter(|(_, reader)| reader.refuses_unsaid) {
            hint(
                &format!("an entry that no rule of [results.{name}] reads is a refusal, whatever it says"),
                "say which are refusals, with then = \"reject\" in a rule, and default = \"in_doubt\" for all others",
            );
        }
        let url = self.outline().url;
        let addresses = self.params().iter().filter_map(|spec| spec.default.as_deref()).chain([url.as_str()]);
        let in_the_clear = |url: &str| url.starts_with("http://") && !super::target::is_loopback(url);
        if self.params().iter().any(|spec| spec.secret) && addresses.into_iter().any(in_the_clear) {
            hint("its token goes over plain http, where whoever is on the way can read it", "write https://");
        }
        if plain.limits.rows.is_none() {
            hint("it does not say how many rows a request may hold", "write rows = N in [limits]");
        }
        hints
    }
}
