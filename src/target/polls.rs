//! Polls and other questions: requests that change nothing, and what their answers mean.
//!
//! An answer to a poll that cannot be read is never a verdict: one asks again.

use super::classify::Answer;
use super::encoding::{CsvShape, member_names};
use super::faults::Attempt;
use super::filter::encode;
use super::form::{About, fill_text, headers, tidy};
use super::job::{EndThen, JobWay, Polling, origin, path_of};
use super::raw;
use super::scrub::clean;
use super::selector;
use super::slot::{Facts, GroupState, RowContext};
use super::target::Target;
use super::text::{Frame, TextTemplate};
use crate::model::{
    Digest, Hasher, Job, Load, Outcome, PollOutcome, Rejection, Reply, Request, RowVerdict, StopKind,
    Verdicts, WallTime,
};
use bytes::Bytes;
use std::fmt::Write as _;
use std::time::Duration;

impl Target {
    /// When jobs are asked about, if there are any.
    pub fn polling(&self) -> Option<Polling> {
        self.job.as_ref().map(|way| way.polling)
    }

    pub(super) fn poll_url(&self, job: &Job) -> Result<String, String> {
        let (home, _) = origin(self.mapping.url.head());
        match self.job.as_ref().and_then(|way| way.url.as_ref()) {
            Some(template) => {
                let mut url = String::new();
                let facts = Facts { job: Some(&job.id), state: Some(&job.known), ..Facts::default() };
                template.fill(&facts, Frame::Path, &mut url).map_err(|refusal| refusal.message)?;
                let url = tidy(&url);
                if origin(&url).0 == home { Ok(url) } else { Err("the job is at another origin".to_owned()) }
            }
            // The ledger may say which job it was, never where to go: its path is looked at as an answer's link is.
            None if job.path.starts_with('/') && path_of(&job.path, home).as_ref() == Some(&job.path) => {
                Ok(tidy(&format!("{home}{}", job.path)))
            }
            None => Err(format!("`{}` is no path to a job", job.path)),
        }
    }

    /// The request that asks how a job stands.
    pub fn poll(&self, job: &Job, timeout: Duration) -> Result<Request, String> {
        if let Some(request) = self.after_request(job, timeout) {
            return request;
        }
        let url = match &job.pages {
            Some(pages) => self.page_url(job, pages)?,
            None => self.poll_url(job)?,
        };
        let method =
            self.job.as_ref().filter(|_| job.pages.is_none()).map_or("GET", |way| way.method.as_str());
        let own: &[(String, TextTemplate)] = self.job.as_ref().map_or(&[], |way| way.headers.as_slice());
        let facts = Facts { job: Some(&job.id), state: Some(&job.known), ..Facts::default() };
        self.question(method, url, own, &facts, timeout).map_err(|refusal| refusal.message)
    }

    /// A request without a body, with the headers of all requests that need no row.
    pub(super) fn question(
        &self,
        method: &str,
        mut url: String,
        own: &[(String, TextTemplate)],
        facts: &Facts<'_>,
        timeout: Duration,
    ) -> Result<Request, Rejection> {
        let shared = self.mapping.headers.iter().filter(|(name, value)| {
            !name.starts_with("content-") && !value.has_slots() && !own.iter().any(|(known, _)| known == name)
        });
        let list: Vec<(String, TextTemplate)> = shared.chain(own).cloned().collect();
        for (name, value) in &self.mapping.credential_query {
            url.push(if url.contains('?') { '&' } else { '?' });
            let _ = write!(url, "{}={}", encode(name), encode(value));
        }
        let (method, headers) = (method.to_owned(), headers(&list, facts)?);
        Ok(Request { method, url, headers, body: Bytes::new(), timeout })
    }

    /// What a poll's answer means.
    pub fn read_poll(&self, load: &Load, job: &Job, reply: &Reply, now: WallTime) -> PollOutcome {
        if let Some(outcome) = self.read_after(load, job, reply, now) {
            return outcome;
        }
        let wait = self.wait_of(reply, now);
        let again = |why: String| PollOutcome::Again { wait, why: Some(clean(&why, &self.secrets)) };
        let stop = |why: String, hint: &str| {
            let kind = StopKind::Refused;
            PollOutcome::Ended(Box::new(Outcome::Stop { kind, why, hint: Some(hint.to_owned()) }))
        };
        let status = reply.status;
        match status {
            300..=399 => {
                return stop(format!("the poll was answered {status}"), "redirections are never followed");
            }
            401 if self.wants_token() => {
                let why = "the poll was answered 401".to_owned();
                return PollOutcome::Ended(Box::new(Outcome::Reauth { why }));
            }
            401 | 403 => return stop(format!("the poll was answered {status}"), &self.credential_hint),
            200..=299 => {}
            404 | 410 => {
                return PollOutcome::Gone { why: format!("the target knows no job {}", job.id) };
            }
            _ => return again(format!("the poll was answered {status}")),
        }
        if let Some(pages) = &job.pages {
            return self.read_page(load, job, pages, reply, now);
        }
        let Some(way) = &self.job else { return again("there is no [job]".to_owned()) };
        let json = if reply.is_whole() { raw::checked(&reply.body) } else { None };
        let Some(json) = json else { return again("the poll's answer cannot be read".to_owned()) };
        let Some(state) = selector::first(&way.state, json).and_then(raw::scalar) else {
            return again(format!("the poll's answer says nothing at {}", selector::shown(&way.state)));
        };
        let answer = Answer {
            target: self,
            load,
            reply,
            json: Some(json),
            wait,
            attempt: Attempt::default(),
            pages: None,
        };
        self.end(way, &state, job, &answer).unwrap_or(PollOutcome::Again { wait, why: None })
    }

    /// What it means that a job is in this state; none if that is no end.
    pub(super) fn end(
        &self,
        way: &JobWay,
        state: &str,
        job: &Job,
        answer: &Answer<'_>,
    ) -> Option<PollOutcome> {
        let end = way.ends.get(state)?;
        let end = end.rules.iter().find(|(when, _)| answer.json.is_some_and(|json| when.fits_entry(json)));
        let end = end.map_or(&way.ends.get(state)?.otherwise, |(_, end)| end);
        if !end.fetch.is_empty() && answer.pages.is_none() {
            return Some(Self::begin_pages(job, &end.fetch, answer.reply));
        }
        let text = String::from_utf8_lossy(&answer.reply.body);
        let why = format!("job {} ended as {state}", job.id);
        let word = |wording: &Option<super::wording::Wording>| {
            wording
                .as_ref()
                .and_then(|wording| wording.of(answer.json, &text))
                .map(|text| clean(&text, &self.secrets))
        };
        let refusal = Rejection {
            code: word(&end.code).unwrap_or_else(|| format!("job_{state}")),
            message: word(&end.message).unwrap_or_else(|| answer.excerpt()),
            status: Some(answer.reply.status),
            field: None,
        };
        let all = |verdict| Outcome::Settled(Verdicts::all(verdict));
        Some(PollOutcome::Ended(Box::new(match end.then {
            EndThen::Ok => all(RowVerdict::Delivered),
            EndThen::Results => answer.results(end.reader.as_deref().unwrap_or_default()),
            EndThen::Reject => all(RowVerdict::Rejected(refusal)),
            EndThen::Retry => all(RowVerdict::Retry { wait: None, refusal }),
            EndThen::Bisect => Outcome::Bisect { refusal },
            EndThen::InDoubt => all(RowVerdict::InDoubt(why)),
            EndThen::Abort => Outcome::Stop { kind: StopKind::Refused, why, hint: None },
        })))
    }

    /// What rows of one group have in common: the texts of their fields. `Err` refuses the row.
    pub fn group_key(&self, row: &RowContext<'_>) -> Result<Option<Vec<String>>, Rejection> {
        let Some(group) = &self.group else { return Ok(None) };
        let text = super::form::text_of(row)?;
        let value = |pointer: &super::pointer::Pointer| {
            let found = pointer.find(text).and_then(raw::scalar);
            found.map(std::borrow::Cow::into_owned).ok_or_else(|| pointer.missing_in(text))
        };
        group.by.iter().map(value).collect::<Result<_, _>>().map(Some)
    }

    /// What a row's members are called, in any order (in theirs, where they become columns), where all rows of a request must have the same; rows of
    /// different sets cannot share one. None where it does not matter.
    pub fn key_set(&self, row: &RowContext<'_>) -> Option<Digest> {
        let ordered = self.mapping.csv.as_ref().is_some_and(CsvShape::follows_rows);
        if !self.limits.uniform_keys && !ordered {
            return None;
        }
        let text = std::str::from_utf8(row.text).ok()?;
        let mut names = member_names(text);
        if !ordered {
            names.sort();
        }
        let hasher = Hasher::new("bulkhaul/keys");
        Some(names.iter().fold(hasher, |hasher, name| hasher.field(name.as_bytes())).finish())
    }

    /// The request that reads the state of a row's group, or makes the next step before the batch's own; `known` is what
    /// earlier steps told. None if there is no state.
    pub fn state_request(
        &self,
        row: &RowContext<'_>,
        known: &GroupState,
        timeout: Duration,
    ) -> Result<Option<Request>, Rejection> {
        if let Some(step) = self.step_before(known) {
            return self.step_request(step, known, timeout).map(Some);
        }
        let Some(way) = self.group.as_ref().and_then(|group| group.state.as_ref()) else { return Ok(None) };
        let text = super::form::text_of(row)?;
        let url = tidy(&fill_text(&way.url, &way.fields, text, Frame::Path)?);
        let values = way.fields.read(text);
        let facts = Facts { row_text: text, fields: &values, ..Facts::default() };
        self.question(&way.method, url, &way.headers, &facts, timeout).map(Some)
    }

    /// The state that an answer tells; `Err` is what the answer means instead. Nothing was sent, so a failure
    /// here settles nothing.
    pub fn read_state(
        &self,
        load: &Load,
        known: &GroupState,
        reply: &Reply,
        now: WallTime,
    ) -> Result<GroupState, Box<Outcome>> {
        if let Some(step) = self.step_before(known) {
            return self.read_step(step, known, load, reply, now);
        }
        let Some(way) = self.group.as_ref().and_then(|group| group.state.as_ref()) else {
            return Ok(GroupState::new());
        };
        if way.missing.has(reply.status) {
            return Ok(way.missing_values.clone());
        }
        if (200..300).contains(&reply.status) {
            let json = if reply.is_whole() { raw::checked(&reply.body) } else { None };
            let found = json.and_then(|json| capture(&way.capture, json));
            let why = "the answer does not tell the group's state".to_owned();
            return found
                .ok_or_else(|| Box::new(Outcome::NotApplied { wait: self.wait_of(reply, now), why }));
        }
        Err(Box::new(self.told_by_status(load, reply, now)))
    }

    /// The state that a successful answer leaves behind, if the profile carries it on.
    pub fn carried(&self, reply: &Reply) -> Option<GroupState> {
        let way = self.group.as_ref()?.state.as_ref()?;
        if way.carry.is_empty() || !reply.is_whole() {
            return None;
        }
        capture(&way.carry, raw::checked(&reply.body)?)
    }

    /// Whether it can be asked if a request was applied.
    pub fn verifies(&self) -> bool {
        self.verify.is_some()
    }

    /// The request that asks whether the request that `about` describes was applied: under the key that it showed.
    pub fn verify_request(&self, about: &About<'_>) -> Result<Option<Request>, Rejection> {
        let Some(verify) = &self.verify else { return Ok(None) };
        let key = self.key_shown(about)?;
        let text = about.row.map_or(Ok(""), super::form::text_of)?;
        let values = verify.fields.read(text);
        let facts = Facts { fields: &values, key: Some(&key), ..self.facts_about(about, text) };
        let mut url = String::new();
        verify.url.fill(&facts, Frame::Path, &mut url)?;
        self.question(&verify.method, tidy(&url), &[], &facts, about.timeout).map(Some)
    }

    /// Whether the request was applied, if the answer tells.
    /// `Err` is what the answer means where it is about us, and not about the request: nothing is known of that then.
    pub fn read_verify(
        &self,
        load: &Load,
        reply: &Reply,
        now: WallTime,
    ) -> Result<Option<bool>, Box<Outcome>> {
        let Some(verify) = self.verify.as_ref().filter(|_| reply.is_whole()) else { return Ok(None) };
        let json = raw::checked(&reply.body);
        if verify.applied.fits(reply, json, load.len()) {
            return Ok(Some(true));
        }
        if verify.not_applied.fits(reply, json, load.len()) {
            return Ok(Some(false));
        }
        if !matches!(reply.status, 401 | 403) {
            return Ok(None);
        }
        let (wait, attempt) = (self.wait_of(reply, now), Attempt::default());
        Err(Box::new(Answer { target: self, load, reply, json, wait, attempt, pages: None }.by_status()))
    }
}

fn capture(list: &[(String, super::pointer::Pointer)], json: &str) -> Option<GroupState> {
    list.iter().map(|(name, at)| Some((name.clone(), at.find(json)?.to_owned()))).collect()
}
