//! The target, in code of its own: it keeps a log of what it applied, remembers keys, runs jobs, checks the lengths of
//! streams, and refuses what is bad. What goes wrong between it and the client is the wire's business.

use bulkhaul::model::Request;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

/// How it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `{"operations":[…]}`, a result for each, named by its id.
    Orders,
    /// All or none.
    Atomic,
    /// `{"items":[…]}`, taken on as a job.
    Imports,
    /// A stream for each path.
    Streams,
    /// One row.
    Single,
    /// `[…]`, all or none, and nobody is named.
    Bare,
    /// `{"records":[…]}`, taken on as a job that counts what is bad.
    Records,
    /// `[…]`, in a transaction.
    Steps,
}

/// What it does in its own way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manners {
    pub(crate) shape: Shape,
    /// Header of the key, if it honours keys at all.
    pub(crate) key_header: Option<&'static str>,
    /// Keys are looked up before limits and validation.
    pub(crate) key_first: bool,
    /// In microseconds.
    pub(crate) ttl: u64,
    /// A row that is there already is not applied again, but told.
    pub(crate) unique: bool,
    /// Rows of one `id` replace each other.
    pub(crate) upserts: bool,
    pub(crate) names_item: bool,
    /// It wants a token, and takes each for so long; in microseconds.
    pub(crate) tokens: Option<u64>,
}

#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn new(status: u16, body: impl Into<String>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }
}

#[derive(Debug)]
struct Remembered {
    body: Vec<u8>,
    answer: Answer,
    at: u64,
}

#[derive(Debug)]
struct Job {
    /// Told so far: state and body of its end.
    polls_needed: u32,
    end: Answer,
}

/// What of a row it looks at.
#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow, default)]
    id: Cow<'a, str>,
    #[serde(borrow, default)]
    fate: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Cow<'a, str>,
}

#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) manners: Manners,
    /// Rows as they arrived, in the order in which they were applied.
    pub(crate) applied: Vec<String>,
    pub(crate) max_rows: usize,
    memory: HashMap<String, Remembered>,
    /// First body under each key, for ever.
    bodies: HashMap<String, Vec<u8>>,
    jobs: Vec<Job>,
    streams: HashMap<String, u64>,
    tries: HashMap<String, u32>,
    stalled: bool,
    /// The token that it takes, and until when.
    token: (u32, u64),
    pub(crate) open: Vec<crate::steps::Transaction>,
    pub(crate) broken: Vec<String>,
    pub(crate) replays: u64,
}

impl Server {
    pub(crate) fn new(manners: Manners) -> Self {
        Self {
            manners,
            applied: Vec::new(),
            max_rows: usize::MAX,
            memory: HashMap::new(),
            bodies: HashMap::new(),
            jobs: Vec::new(),
            streams: HashMap::new(),
            tries: HashMap::new(),
            stalled: false,
            token: (0, 0),
            open: Vec::new(),
            broken: Vec::new(),
            replays: 0,
        }
    }

    /// The request is here; `now` is in microseconds. `job_fails`: should it take on a job, that job fails half way.
    pub(crate) fn handle(&mut self, request: &Request, now: u64, job_fails: bool) -> Answer {
        let token = format!("Bearer token-{}", self.token.0);
        let is_known = header(request, "authorization") == Some(&token) && now < self.token.1;
        if self.manners.tokens.is_some() && !is_known {
            return Answer::new(401, "{}");
        }
        let path = request.url.split_once("//").map_or("", |(_, rest)| rest);
        let path = path.find('/').map_or("/", |at| &path[at..]);
        if request.method == "GET" {
            return self.look(path);
        }
        if self.manners.shape == Shape::Steps {
            return self.step(path, request);
        }
        let key = self.manners.key_header.and_then(|name| header(request, name));
        if let Some(key) = key {
            let known = self.bodies.entry(key.to_owned()).or_insert_with(|| request.body.to_vec());
            if *known != request.body {
                self.broken.push(format!("I6: key {key} came with another body"));
            }
        }
        if self.manners.key_first
            && let Some(answer) = key.and_then(|key| self.recall(key, now))
        {
            return answer;
        }
        let (answer, settles) = self.carry_out(path, key, request, now, job_fails);
        if let Some(key) = key.filter(|_| settles) {
            self.remember(key, request, answer.clone(), now);
        }
        answer
    }

    /// A new token; the one before is none any more.
    pub(crate) fn give_token(&mut self, now: u64) -> Answer {
        let life = self.manners.tokens.unwrap_or_default();
        self.token = (self.token.0 + 1, now + life);
        let (serial, seconds) = (self.token.0, life / 1_000_000);
        let token = format!("\"access_token\":\"token-{serial}\",\"token_type\":\"Bearer\"");
        Answer::new(200, format!("{{{token},\"expires_in\":{seconds}}}"))
    }

    /// The answer that it is going to give under this key is a failure.
    pub(crate) fn record_failure(&mut self, request: &Request, now: u64) -> Answer {
        let answer = Answer::new(500, "{}");
        if let Some(key) = self.manners.key_header.and_then(|name| header(request, name)) {
            if let Some(known) = self.recall(key, now) {
                return known;
            }
            self.bodies.entry(key.to_owned()).or_insert_with(|| request.body.to_vec());
            self.remember(key, request, answer.clone(), now);
        }
        answer
    }

    /// Somebody else writes into the stream of this path.
    pub(crate) fn rival(&mut self, url: &str) {
        let path =
            url.split_once("//").and_then(|(_, rest)| rest.split_once('/')).map_or("", |(_, path)| path);
        *self.streams.entry(path.trim_end_matches("/length").to_owned()).or_default() += 1;
    }

    pub(crate) fn stall(&mut self, stalled: bool) {
        self.stalled = stalled;
    }

    fn recall(&mut self, key: &str, now: u64) -> Option<Answer> {
        let known = self.memory.get(key)?;
        if now.saturating_sub(known.at) >= self.manners.ttl {
            self.memory.remove(key);
            return None;
        }
        self.replays += 1;
        let mut answer = known.answer.clone();
        answer.headers.push(("idempotency-replayed", "true".to_owned()));
        answer.headers.push(("x-idempotency-replayed", "true".to_owned()));
        Some(answer)
    }

    fn remember(&mut self, key: &str, request: &Request, answer: Answer, now: u64) {
        self.memory.insert(key.to_owned(), Remembered { body: request.body.to_vec(), answer, at: now });
    }

    /// The answer, and whether it settles the key.
    fn carry_out(
        &mut self,
        path: &str,
        key: Option<&str>,
        request: &Request,
        now: u64,
        job_fails: bool,
    ) -> (Answer, bool) {
        let Some(rows) = rows(self.manners.shape, &request.body) else {
            self.broken.push(format!("I4: a body that is none: {}", String::from_utf8_lossy(&request.body)));
            return (Answer::new(400, "{}"), true);
        };
        if rows.len() > self.max_rows {
            return (self.too_many(rows.len()), self.manners.key_first);
        }
        if let Some(refusal) = self.refuse_whole(path, &rows, &request.body) {
            return (refusal, self.manners.key_first);
        }
        if !self.manners.key_first
            && let Some(answer) = key.and_then(|key| self.recall(key, now))
        {
            return (answer, false);
        }
        (self.apply(path, &rows, job_fails), true)
    }

    fn too_many(&self, rows: usize) -> Answer {
        let message = format!("Maximum {} items per batch; received {rows}", self.max_rows);
        match self.manners.shape {
            Shape::Orders | Shape::Atomic | Shape::Imports => {
                Answer::new(400, format!(r#"{{"error":"batch_too_large","message":"{message}"}}"#))
            }
            _ => Answer::new(413, "{}"),
        }
    }

    /// A refusal of all of it, with nothing applied.
    fn refuse_whole(&mut self, path: &str, rows: &[&str], body: &[u8]) -> Option<Answer> {
        let bad = rows.iter().position(|row| fate(self.manners.shape, row) == "bad");
        match (self.manners.shape, bad) {
            (Shape::Atomic, Some(at)) if self.manners.names_item => {
                let error = format!("Item {} invalid: bad", at + 1);
                Some(Answer::new(422, format!(r#"{{"status":"failed","error":"{error}"}}"#)))
            }
            (Shape::Atomic, Some(_)) => {
                Some(Answer::new(422, r#"{"status":"failed","error":"one is invalid"}"#))
            }
            (Shape::Bare, Some(_)) => Some(Answer::new(422, r#"{"error":"invalid"}"#)),
            (Shape::Single, Some(_)) => Some(Answer::new(422, r#"{"code":"bad","message":"bad"}"#)),
            (Shape::Streams, Some(at)) => {
                let body = format!(r#"{{"ok":false,"error":"bad","event_index":{at},"path":"data"}}"#);
                Some(Answer::new(400, body))
            }
            (Shape::Streams, None) => {
                let length = self.streams.get(path.trim_start_matches('/')).copied().unwrap_or_default();
                let wanted = previous_length(body).filter(|wanted| *wanted != length)?;
                let error = format!("Stream has length {length}, but previous_length is {wanted}");
                Some(Answer::new(409, format!(r#"{{"ok":false,"error":"{error}"}}"#)))
            }
            _ => None,
        }
    }

    fn apply(&mut self, path: &str, rows: &[&str], job_fails: bool) -> Answer {
        match self.manners.shape {
            Shape::Orders => {
                let results = self.results(rows, rows.len());
                Answer::new(200, format!(r#"{{"results":[{}]}}"#, results.join(",")))
            }
            Shape::Imports => {
                let reached = if job_fails { rows.len() / 2 } else { rows.len() };
                let results = self.results(rows, reached);
                let state = if job_fails { "failed" } else { "completed" };
                let end = format!(r#"{{"status":"{state}","results":[{}]}}"#, results.join(","));
                let at = self.take_on(end);
                let link = format!("/api/imports/batch/{at}");
                Answer::new(202, format!(r#"{{"job_id":"{link}","status_url":"{link}"}}"#))
            }
            Shape::Records => {
                let results = self.results(rows, rows.len());
                let bad = results.iter().filter(|result| result.contains("error")).count();
                let state = if job_fails { "failed" } else { "completed" };
                let end = format!(r#"{{"data":{{"state":"{state}","metrics":{{"invalidRows":{bad}}}}}}}"#);
                let at = self.take_on(end);
                Answer::new(202, format!(r#"{{"data":{{"jobId":"{at}"}}}}"#))
            }
            Shape::Streams => {
                self.applied.extend(rows.iter().map(|row| (*row).to_owned()));
                *self.streams.entry(path.trim_start_matches('/').to_owned()).or_default() +=
                    rows.len() as u64;
                let ids: Vec<String> = (0..rows.len()).map(|at| format!(r#""e-{at}""#)).collect();
                let (ids, count) = (ids.join(","), rows.len());
                Answer::new(200, format!(r#"{{"ok":true,"stream_ids":[{ids}],"count":{count}}}"#))
            }
            Shape::Atomic | Shape::Single | Shape::Bare | Shape::Steps => {
                self.applied.extend(rows.iter().map(|row| (*row).to_owned()));
                Answer::new(200, r#"{"status":"ok"}"#)
            }
        }
    }

    fn take_on(&mut self, end: String) -> usize {
        let polls_needed = (self.jobs.len() % 3) as u32;
        self.jobs.push(Job { polls_needed, end: Answer::new(200, end) });
        self.jobs.len() - 1
    }

    /// A result for each row up to `reached`; what is good among them is applied.
    fn results(&mut self, rows: &[&str], reached: usize) -> Vec<String> {
        let mut results = Vec::with_capacity(reached);
        for row in &rows[..reached] {
            let Ok(Item { id, fate }) = serde_json::from_str::<Item<'_>>(row) else { continue };
            let status = match &*fate {
                "bad" => "error",
                "slow" if self.is_slow(row) => "busy",
                _ if self.manners.unique && self.applied.iter().any(|known| known == row) => "exists",
                _ => {
                    self.applied.push((*row).to_owned());
                    "ok"
                }
            };
            let error = if status == "error" { r#","error":"bad""# } else { "" };
            results.push(format!(r#"{{"id":"{id}","status":"{status}"{error}}}"#));
        }
        results
    }

    /// The first time it has no time for such a row.
    fn is_slow(&mut self, row: &str) -> bool {
        let tries = self.tries.entry(row.to_owned()).or_default();
        *tries += 1;
        *tries == 1
    }

    /// Questions that change nothing.
    fn look(&mut self, path: &str) -> Answer {
        if let Some(stream) = path.strip_suffix("/length") {
            let length = self.streams.get(stream.trim_start_matches('/')).copied().unwrap_or_default();
            return Answer::new(200, format!(r#"{{"ok":true,"length":{length}}}"#));
        }
        let last = path.rsplit('/').next().unwrap_or_default();
        if path.contains("/rows/") {
            let id = format!(r#""id":"{last}""#);
            let there = self.applied.iter().any(|row| row.contains(&id));
            return Answer::new(if there { 200 } else { 404 }, "{}");
        }
        let running = match self.manners.shape {
            Shape::Records => r#"{"data":{"state":"running"}}"#,
            _ => r#"{"status":"processing"}"#,
        };
        match last.parse::<usize>().ok().and_then(|at| self.jobs.get_mut(at)) {
            None => Answer::new(404, "{}"),
            Some(_) if self.stalled => Answer::new(200, running),
            Some(job) if job.polls_needed > 0 => {
                job.polls_needed -= 1;
                Answer::new(200, running)
            }
            Some(job) => job.end.clone(),
        }
    }

    /// How often each row was applied.
    pub(crate) fn times(&self) -> BTreeMap<&str, u64> {
        let mut times = BTreeMap::new();
        for row in &self.applied {
            *times.entry(row.as_str()).or_default() += 1;
        }
        times
    }

    /// The same bytes under the same key, as far as its memory goes.
    pub(crate) fn memory_is_sound(&self) -> bool {
        self.memory.iter().all(|(key, known)| self.bodies.get(key).is_some_and(|body| *body == known.body))
    }
}

pub(crate) fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

pub(crate) fn rows(shape: Shape, body: &[u8]) -> Option<Vec<&str>> {
    let text = std::str::from_utf8(body).ok()?;
    let list: Vec<&RawValue> = match shape {
        Shape::Single => return serde_json::from_str::<&RawValue>(text).ok().map(|_| vec![text]),
        Shape::Bare | Shape::Steps => serde_json::from_str(text).ok()?,
        Shape::Orders | Shape::Atomic | Shape::Imports | Shape::Records | Shape::Streams => {
            let members: BTreeMap<&str, &RawValue> = serde_json::from_str(text).ok()?;
            let name = match shape {
                Shape::Imports => "items",
                Shape::Records => "records",
                Shape::Streams => "events",
                _ => "operations",
            };
            serde_json::from_str(members.get(name)?.get()).ok()?
        }
    };
    Some(list.into_iter().map(RawValue::get).collect())
}

pub(crate) fn bad(row: &str) -> bool {
    fate(Shape::Steps, row) == "bad"
}

fn fate(shape: Shape, row: &str) -> Cow<'_, str> {
    if shape == Shape::Streams {
        return serde_json::from_str::<Event<'_>>(row).map(|event| event.kind).unwrap_or_default();
    }
    serde_json::from_str::<Item<'_>>(row).map(|item| item.fate).unwrap_or_default()
}

fn previous_length(body: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Body {
        metadata: Metadata,
    }
    #[derive(Deserialize)]
    struct Metadata {
        previous_length: Option<u64>,
    }
    serde_json::from_slice::<Body>(body).ok()?.metadata.previous_length
}
