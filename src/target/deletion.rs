//! `[delete]`: how rows are deleted that a feed no longer has.
//!
//! A deletion is a target like the other: rows (as they were when they were last delivered) become requests, and
//! answers become verdicts. It writes as `[request]` does, with `rows` for how many a request may hold. A row that
//! is not there any more is deleted. One that the target refuses to delete ([`REFUSALS`], where no rule says another) is
//! told and tried again with the next feed: it holds nothing up.

use super::auth::Auth;
use super::mapping::Mapping;
use super::params::Params;
use super::rule::{Rule, Then};
use super::section::Section;
use super::settings::{Idempotency, Scope};
use super::slot::RowNaming;
use super::target::{Overrides, Target};

/// Bad request, conflict, precondition failed, not processable, locked: of these rows, and not of the whole target.
const REFUSALS: [u16; 5] = [400, 409, 412, 422, 423];

/// A compiled `[delete]`.
pub(super) struct Deletion {
    mapping: Mapping,
    rules: Vec<Rule>,
    rows: Option<u64>,
}

impl Deletion {
    pub(super) fn read(
        root: &Section<'_>,
        params: &Params<'_>,
        auth: &Auth,
        headers: &[(String, String, bool)],
        naming: &RowNaming,
    ) -> Option<Self> {
        let section = root.section("delete")?;
        let rows = section.count("rows", 1);
        let mut rules: Vec<Rule> = section.sections("response").into_iter().map(Rule::read).collect();
        let spot = section.spot.clone();
        let keys = Idempotency::default();
        let mapping = Mapping::read(section, params, auth, headers, naming, &keys, rows == Some(1));
        if rules.is_empty() {
            let mut done = vec![200..=299];
            // An address without a row would hide that it is wrong.
            if mapping.url.is_of_row() {
                done.extend([404..=404, 410..=410]);
            }
            rules.push(Rule::plain(done, Then::Ok, &spot));
        }
        Some(Self { mapping, rules, rows })
    }

    pub(super) fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The target that deletes what the other writes.
    pub(super) fn of(self, target: &Target, overrides: &Overrides, headers: &[(String, String)]) -> Target {
        let mut rules = self.rules;
        // Deleting twice is deleting once, so the halves of a request can go again until the row at fault is alone.
        let then = if self.rows == Some(1) { Then::Reject } else { Then::Bisect };
        if let Some(spot) = rules.last().map(|rule| rule.spot.clone()) {
            let statuses = REFUSALS.into_iter().map(|status| status..=status).collect();
            rules.push(Rule::plain(statuses, then, &spot));
        }
        let mut deletion = Target {
            mapping: self.mapping,
            rules,
            idempotency: Idempotency { scope: Scope::Natural, ..Idempotency::default() },
            job: None,
            verify: None,
            before: Vec::new(),
            after: Vec::new(),
            commits_after: false,
            deletion: None,
            ..target.clone()
        };
        deletion.callings = deletion.callings();
        deletion.limits.rows = self.rows.or(deletion.limits.rows);
        deletion.identity = deletion.identify(overrides.origin_identity.as_deref(), headers);
        deletion
    }
}

impl Target {
    /// The target by which rows are deleted that are no longer there, if the profile says how.
    pub fn deletion(&self) -> Option<&Target> {
        self.deletion.as_deref()
    }
}
