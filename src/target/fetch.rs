//! `[[job.fetch]]`: results that an ended job has beside its answer, page by page.
//!
//! A page is asked for as a poll is: one at a time, again until it can be read, and at the target's own origin or not
//! at all.

use super::classify::Answer;
use super::faults::Attempt;
use super::form::tidy;
use super::job::{JobWay, origin, path_of};
use super::listing::{csv_rows, lines};
use super::params::Params;
use super::pointer::Pointer;
use super::raw;
use super::rule::pointer_at;
use super::section::Section;
use super::selector;
use super::slot::{Facts, FieldSet, RowNaming};
use super::target::Target;
use super::text::{Frame, TextTemplate};
use super::{errors::Spot, placeholder::Seat};
use crate::model::{BodyState, Job, Load, Outcome, Pages, PollOutcome, Reply, StopKind, WallTime};
use std::sync::Arc;

/// How a page is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Written {
    #[default]
    Json,
    Lines,
    Csv,
}

/// A compiled `[[job.fetch]]`.
#[derive(Clone, Debug)]
pub(super) struct Fetch {
    pub(super) name: String,
    url: TextTemplate,
    next: Option<Pointer>,
    written: Written,
    pub(super) spot: Spot,
}

/// Most pages of one job, and most bytes of them: 16 MiB, and 16 KiB for each row.
const MOST_PAGES: usize = 10_000;
const fn most_bytes(rows: usize) -> usize {
    (16 << 20) + rows * (16 << 10)
}

impl Fetch {
    pub(super) fn read(section: &Section<'_>, params: &Params<'_>, naming: &RowNaming) -> Vec<Self> {
        let one = |section: Section<'_>| {
            let need = |key: &'static str, remedy: &str| {
                let text = section.text(key);
                if text.is_none() && !section.has(key) {
                    section.wrong(key, format!("[[job.fetch]] needs `{key}`"), remedy);
                }
                text.unwrap_or_default()
            };
            let name = need("name", "as in name = \"errors\"").to_owned();
            let url = need("url", "as in url = \"${param.base}/jobs/${job.id}/errors\"");
            let pieces = params.demand(url, Seat::Job, &section.spot_of("url"));
            let kinds = [("json", Written::Json), ("ndjson", Written::Lines), ("csv", Written::Csv)];
            let fetch = Self {
                name,
                url: TextTemplate::of(pieces, naming.key.as_ref(), &mut FieldSet::default()),
                next: pointer_at(&section, "next"),
                written: section.word("format", &kinds).unwrap_or_default(),
                spot: section.spot.clone(),
            };
            if fetch.next.is_some() && fetch.written != Written::Json {
                section.wrong("next", "`next` points into JSON", "take it out, or write format = \"json\"");
            }
            section.done();
            fetch
        };
        section.sections("fetch").into_iter().map(one).collect()
    }

    fn is_readable(&self, reply: &Reply) -> bool {
        reply.is_whole()
            && match self.written {
                Written::Json => raw::checked(&reply.body).is_some(),
                Written::Lines => lines(&reply.body).is_some(),
                Written::Csv => csv_rows(&reply.body).is_some(),
            }
    }
}

impl Target {
    /// The job with its first page to come.
    pub(super) fn begin_pages(job: &Job, names: &[String], answer: &Reply) -> PollOutcome {
        let pages = Pages { answer: answer.body.clone(), left: names.to_vec(), ..Pages::default() };
        PollOutcome::More(Box::new(Job { pages: Some(Arc::new(pages)), ..job.clone() }))
    }

    fn fetch(&self, name: Option<&String>) -> Option<&Fetch> {
        self.job.as_ref()?.fetches.iter().find(|fetch| Some(&fetch.name) == name)
    }

    /// Where the next page is.
    pub(super) fn page_url(&self, job: &Job, pages: &Pages) -> Result<String, String> {
        let (home, _) = origin(self.mapping.url.head());
        if !pages.next.is_empty() {
            return Ok(tidy(&format!("{home}{}", pages.next)));
        }
        let fetch = self.fetch(pages.left.first()).ok_or("the profile no longer fetches this")?;
        let facts = Facts { job: Some(&job.id), state: Some(&job.known), ..Facts::default() };
        let mut url = String::new();
        fetch.url.fill(&facts, Frame::Path, &mut url).map_err(|refusal| refusal.message)?;
        let url = tidy(&url);
        if origin(&url).0 == home { Ok(url) } else { Err("the results are at another origin".to_owned()) }
    }

    /// What a page's answer means: the next one, or with the last the job's end. Its status was looked at.
    pub(super) fn read_page(
        &self,
        load: &Load,
        job: &Job,
        pages: &Pages,
        reply: &Reply,
        now: WallTime,
    ) -> PollOutcome {
        let wait = self.wait_of(reply, now);
        let again = |why: &str| PollOutcome::Again { wait, why: Some(why.to_owned()) };
        let (Some(way), Some(fetch)) = (&self.job, self.fetch(pages.left.first())) else {
            return again("the profile no longer fetches this");
        };
        if !fetch.is_readable(reply) {
            return again("a page of the job's results cannot be read");
        }
        let mut pages = pages.clone();
        pages.got.push((fetch.name.clone(), reply.body.clone()));
        let link =
            fetch.next.as_ref().and_then(|at| at.find(raw::checked(&reply.body)?)).and_then(raw::scalar);
        if let Some(link) = link.filter(|link| !link.is_empty()) {
            let Some(path) = path_of(&link, &self.page_url(job, &pages).unwrap_or_default()) else {
                let why = "the job's results go on at another origin".to_owned();
                let hint = Some("the token does not go there".to_owned());
                return ended(Outcome::Stop { kind: StopKind::Refused, why, hint });
            };
            pages.next = path;
        } else {
            pages.left.remove(0);
            pages.next.clear();
        }
        let bytes: usize = pages.got.iter().map(|(_, page)| page.len()).sum();
        if pages.got.len() > MOST_PAGES || bytes > most_bytes(load.len()) {
            let why = "the job's results are more than can be held".to_owned();
            return ended(Outcome::Misfit { why, said: String::new() });
        }
        if pages.left.is_empty() {
            return self.end_with_pages(way, load, job, &pages, reply.status);
        }
        PollOutcome::More(Box::new(Job { pages: Some(Arc::new(pages)), ..job.clone() }))
    }

    /// Everything is there: the answer that told of the end is read again, with the pages beside it.
    fn end_with_pages(
        &self,
        way: &JobWay,
        load: &Load,
        job: &Job,
        pages: &Pages,
        status: u16,
    ) -> PollOutcome {
        let body = pages.answer.clone();
        let told = Reply { status, headers: Vec::new(), body, body_state: BodyState::Whole };
        let json = raw::checked(&told.body);
        let answer = Answer {
            target: self,
            load,
            reply: &told,
            json,
            wait: None,
            attempt: Attempt::default(),
            pages: Some(pages),
        };
        let state = json.and_then(|json| selector::first(&way.state, json)).and_then(raw::scalar);
        state.and_then(|state| self.end(way, &state, job, &answer)).unwrap_or(PollOutcome::Again {
            wait: None,
            why: Some("the job's answer cannot be read".to_owned()),
        })
    }
}

fn ended(outcome: Outcome) -> PollOutcome {
    PollOutcome::Ended(Box::new(outcome))
}

impl Answer<'_> {
    /// Bodies that a reader of this name reads: pages of the resource of its name, else those of the first that was
    /// fetched; without pages, the answer.
    pub(super) fn bodies(&self, reader: &str) -> Vec<&[u8]> {
        let Some(pages) = self.pages else { return vec![&self.reply.body] };
        let is_named = self.target.fetch(Some(&reader.to_owned())).is_some();
        let first = pages.got.first().map(|(name, _)| name.as_str()).unwrap_or_default();
        let wanted = if is_named { reader } else { first };
        pages.got.iter().filter(|(name, _)| name == wanted).map(|(_, page)| page.as_ref()).collect()
    }
}
