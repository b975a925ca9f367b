//! `[[before]]` and `[[after]]`: requests that stand around a batch's own, as where a job is made, filled and closed.
//!
//! What their answers tell is written down before the next request leaves, so that a run which goes on does so behind
//! the last step that is known to be done. A step whose answer was lost is done again: before the commit that does no
//! harm, and of what comes after it `done_if` says how one knows that it was done before.

use super::classify::Answer;
use super::errors::Spot;
use super::faults::Attempt;
use super::form::tidy;
use super::group::pointers;
use super::job::origin;
use super::params::Params;
use super::placeholder::Seat;
use super::pointer::Pointer;
use super::raw;
use super::rule::When;
use super::section::Section;
use super::slot::{Facts, FieldSet, GroupState};
use super::target::Target;
use super::template::{Compiler, Template};
use super::text::{Frame, TextTemplate};
use crate::model::{
    Job, Load, Outcome, PollOutcome, Rejection, Reply, Request, StopKind, Verdicts, WallTime,
};
use bytes::Bytes;
use std::time::Duration;

/// Names under which what is known counts the steps that are done; no capture can be called so.
const BEFORE: &str = "#before";
const AFTER: &str = "#after";

/// A compiled step.
#[derive(Clone, Debug)]
pub(super) struct Step {
    name: String,
    method: String,
    url: TextTemplate,
    headers: Vec<(String, TextTemplate)>,
    body: Option<Template>,
    pub(super) capture: Vec<(String, Pointer)>,
    /// What else says that it is done.
    done_if: Option<When>,
    pub(super) spot: Spot,
    /// What the identity covers.
    shown: String,
}

impl Step {
    pub(super) fn read(root: &Section<'_>, key: &'static str, params: &Params<'_>) -> Vec<Self> {
        root.sections(key).into_iter().map(|section| Self::one(section, params)).collect()
    }

    fn one(section: Section<'_>, params: &Params<'_>) -> Self {
        let mut fields = FieldSet::default();
        let mut template = |text: &str, key: &str| {
            let pieces = params.demand(text, Seat::Step, &section.spot_of(key));
            TextTemplate::of(pieces, None, &mut fields)
        };
        let url = section.text("url").unwrap_or_default();
        if url.is_empty() {
            section.wrong("url", "a step needs `url`", "as in url = \"${param.base}/jobs\"");
        }
        let mut shown = params.shown(url);
        let url = template(url, "url");
        let headers = section.headers(|text| template(text, "headers"));
        let spot = section.spot_of("body");
        let body = section.text("body").and_then(|text| {
            shown.push_str(&params.shown(text));
            let compiler = Compiler { params, row_key: None, seat: Seat::Step, spot: &spot };
            compiler.compile(text, &mut FieldSet::default())
        });
        let capture = pointers(&section, "capture");
        let done_if = section.section("done_if").map(|table| {
            let when = When::read(&table, true);
            table.done();
            when
        });
        let step = Self {
            name: section.text("name").unwrap_or_default().to_owned(),
            method: section.method("POST").to_owned(),
            url,
            headers,
            body,
            capture,
            done_if,
            spot: section.spot.clone(),
            shown,
        };
        if step.name.is_empty() {
            section.wrong("name", "a step needs `name`", "as in name = \"create\"");
        }
        section.done();
        step
    }

    pub(super) fn identity(&self) -> String {
        format!("{} {}", self.method, self.shown)
    }

    fn request(&self, target: &Target, known: &GroupState, timeout: Duration) -> Result<Request, Rejection> {
        let facts = Facts { state: Some(known), ..Facts::default() };
        let mut url = String::new();
        self.url.fill(&facts, Frame::Path, &mut url)?;
        let url = tidy(&url);
        if origin(&url).0 != origin(target.mapping.url.head()).0 {
            let why = format!("the step `{}` is at another origin; the token does not go there", self.name);
            return Err(Rejection::local("bad_step", why));
        }
        let mut request = target.question(&self.method, url, &self.headers, &facts, timeout)?;
        if let Some(body) = &self.body {
            let mut bytes = Vec::new();
            body.fill(&facts, &mut bytes)?;
            request.body = Bytes::from(bytes);
            if !request.headers.iter().any(|(name, _)| name == "content-type") {
                request.headers.push(("content-type".to_owned(), "application/json".to_owned()));
            }
        }
        Ok(request)
    }

    /// What is known after this answer; none if it does not say that the step is done.
    fn done(&self, reply: &Reply, known: &GroupState, counter: &str) -> Option<GroupState> {
        let json = if reply.is_whole() { raw::checked(&reply.body) } else { None };
        let already = self.done_if.as_ref().is_some_and(|when| when.fits(reply, json, 1));
        if !(200..300).contains(&reply.status) && !already {
            return None;
        }
        let mut known = known.clone();
        for (name, at) in &self.capture {
            known.insert(name.clone(), at.find(json?).filter(|value| *value != "null")?.to_owned());
        }
        known.insert(counter.to_owned(), (count(&known, counter) + 1).to_string());
        Some(known)
    }
}

fn count(known: &GroupState, counter: &str) -> usize {
    known.get(counter).and_then(|text| text.parse().ok()).unwrap_or(0)
}

impl Target {
    /// Nothing that a request does is there before the steps behind it have committed it.
    pub const fn commits_after(&self) -> bool {
        self.commits_after
    }

    /// Steps follow a request before its rows are delivered, or its job is asked about.
    pub const fn has_steps_behind(&self) -> bool {
        !self.after.is_empty()
    }

    /// The names of the steps before a request, and of those behind it.
    pub fn steps(&self) -> [Vec<&str>; 2] {
        [&self.before, &self.after].map(|steps| steps.iter().map(|step| step.name.as_str()).collect())
    }

    /// What the steps before a request would tell, each thing called by its name, for showing a request that was not
    /// made yet.
    pub fn steps_told(&self) -> GroupState {
        let names = self.before.iter().flat_map(|step| &step.capture).map(|(name, _)| name);
        names.map(|name| (name.clone(), format!("\"step.{name}\""))).collect()
    }

    /// Something has to be known before a request can be made: of its group, or from the steps before it.
    pub fn needs_state(&self) -> bool {
        !self.before.is_empty() || self.group.as_ref().is_some_and(|group| group.state.is_some())
    }

    /// Whether steps before the request are still to be done.
    pub fn lacks_steps(&self, known: &GroupState) -> bool {
        count(known, BEFORE) < self.before.len()
    }

    pub(super) fn step_before(&self, known: &GroupState) -> Option<&Step> {
        self.before.get(count(known, BEFORE))
    }

    fn step_after(&self, job: &Job) -> Option<&Step> {
        self.after.get(count(&job.known, AFTER))
    }

    /// The request of the next step before a batch's own.
    pub(super) fn step_request(
        &self,
        step: &Step,
        known: &GroupState,
        timeout: Duration,
    ) -> Result<Request, Rejection> {
        step.request(self, known, timeout)
    }

    /// What is known after a step before the request; `Err` is what its answer means instead.
    pub(super) fn read_step(
        &self,
        step: &Step,
        known: &GroupState,
        load: &Load,
        reply: &Reply,
        now: WallTime,
    ) -> Result<GroupState, Box<Outcome>> {
        if let Some(known) = step.done(reply, known, BEFORE) {
            return Ok(known);
        }
        let why = format!("the step `{}` was answered {}", step.name, reply.status);
        Err(Box::new(match self.told_by_status(load, reply, now) {
            Outcome::Settled(_) | Outcome::Misfit { .. } => Outcome::NotApplied {
                wait: self.wait_of(reply, now),
                why: format!("{why}, and tells no result"),
            },
            other => other,
        }))
    }

    /// What an answer means by its status that is not the batch's own: no row was in the request.
    pub(super) fn told_by_status(&self, load: &Load, reply: &Reply, now: WallTime) -> Outcome {
        let (wait, attempt) = (self.wait_of(reply, now), Attempt::default());
        let json = if reply.is_whole() { raw::checked(&reply.body) } else { None };
        match (Answer { target: self, load, reply, json, wait, attempt, pages: None }).by_status() {
            Outcome::Unknown { wait, why } => Outcome::NotApplied { wait, why },
            Outcome::Refetch { why } | Outcome::Split { refusal: Rejection { message: why, .. }, .. } => {
                Outcome::Puzzling { why }
            }
            other => other,
        }
    }

    /// The request of the next step behind a batch's own, if there is one.
    pub(super) fn after_request(&self, job: &Job, timeout: Duration) -> Option<Result<Request, String>> {
        let step = self.step_after(job)?;
        Some(step.request(self, &job.known, timeout).map_err(|refusal| refusal.message))
    }

    /// What the answer to a step behind the request means; none if there is no such step.
    pub(super) fn read_after(
        &self,
        load: &Load,
        job: &Job,
        reply: &Reply,
        now: WallTime,
    ) -> Option<PollOutcome> {
        let step = self.step_after(job)?;
        if let Some(known) = step.done(reply, &job.known, AFTER) {
            let next = Job { known, ..job.clone() };
            if self.job.is_none() && self.step_after(&next).is_none() {
                return Some(PollOutcome::Ended(Box::new(Outcome::Settled(Verdicts::delivered()))));
            }
            return Some(PollOutcome::More(Box::new(next)));
        }
        let wait = self.wait_of(reply, now);
        let why = format!("the step `{}` was answered {}", step.name, reply.status);
        Some(match self.told_by_status(load, reply, now) {
            outcome @ (Outcome::Stop { .. } | Outcome::Reauth { .. }) => {
                PollOutcome::Ended(Box::new(outcome))
            }
            // It may be refused because it was done before, unheard: only the profile can tell.
            Outcome::Puzzling { .. } | Outcome::Split { .. } | Outcome::Refetch { .. } => {
                let hint =
                    "if that says that it was done before, `done_if` of the step tells so in the profile";
                let (kind, hint) = (StopKind::Refused, Some(hint.to_owned()));
                PollOutcome::Ended(Box::new(Outcome::Stop { kind, why, hint }))
            }
            _ => PollOutcome::Again { wait, why: Some(why) },
        })
    }
}
