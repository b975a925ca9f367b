//! `[verify]`: how one asks whether a request was applied whose answer never came.
//!
//! It speaks of the request. Where answers take some rows of a request and refuse others, that it was applied does not
//! say which. It never decides what follows.

use super::params::Params;
use super::placeholder::Seat;
use super::rule::{Then, When};
use super::section::Section;
use super::slot::{FieldSet, RowNaming};
use super::target::Target;
use super::text::TextTemplate;

impl Target {
    /// Whether a request that was applied was so with all its rows: no answer, and no end of a job, speaks of single ones.
    pub fn applies_whole(&self) -> bool {
        let results = self.rules.iter().any(|rule| rule.then == Then::Results);
        let ended = self.job.iter().any(|job| job.readers().next().is_some());
        self.limits.rows == Some(1) || !(results || ended)
    }
}

/// A compiled `[verify]`.
#[derive(Clone, Debug)]
pub(super) struct Verify {
    pub(super) method: String,
    pub(super) url: TextTemplate,
    pub(super) fields: FieldSet,
    pub(super) applied: When,
    pub(super) not_applied: When,
}

impl Verify {
    pub(super) fn read(root: &Section<'_>, params: &Params<'_>, naming: &RowNaming) -> Option<Self> {
        let section = root.section("verify")?;
        let mut fields = FieldSet::default();
        let url = section.text("url").unwrap_or_default();
        if url.is_empty() {
            let remedy = "as in url = \"${param.base}/items/${batch.key}\"";
            section.wrong("url", "[verify] needs `url`", remedy);
        }
        let pieces = params.demand(url, Seat::Verify, &section.spot_of("url"));
        let when = |key: &'static str| {
            let Some(table) = section.section(key) else {
                section.wrong(
                    key,
                    format!("[verify] needs `{key}`"),
                    format!("as in {key} = {{ status = [200] }}"),
                );
                return When::default();
            };
            let when = When::read(&table, true);
            table.done();
            when
        };
        let verify = Self {
            method: section.method("GET").to_owned(),
            url: TextTemplate::of(pieces, naming.key.as_ref(), &mut fields),
            fields,
            applied: when("applied"),
            not_applied: when("not_applied"),
        };
        section.done();
        Some(verify)
    }
}
