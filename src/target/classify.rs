//! What an answer means: the fixed rules first (what is never the profile's to say), then the profile's rules in
//! their order, then what the status says by itself.
//!
//! It never counts attempts and never waits; it never takes an answer for more than it is.

use super::faults::{Attempt, Broken};
use super::reader::{Reading, Source};
use super::rule::{Rule, Then};
use super::scrub::{clean, mask};
use super::settings::Replays;
use super::target::Target;
use super::text::TextTemplate;
use super::wait;
use super::{job, raw};
use crate::model::{
    BodyState, Job, Limit, Load, Outcome, Pages, Rejection, Reply, RowVerdict, StopKind, Verdicts, WallTime,
};
use regex::Regex;
use std::time::Duration;

/// One answer while it is read.
pub(super) struct Answer<'a> {
    pub(super) target: &'a Target,
    pub(super) load: &'a Load,
    pub(super) reply: &'a Reply,
    /// The body, if it is whole and JSON.
    pub(super) json: Option<&'a str>,
    pub(super) wait: Option<Duration>,
    pub(super) attempt: Attempt,
    /// What was fetched beside it.
    pub(super) pages: Option<&'a Pages>,
}

impl Target {
    /// What an answer means. `now` serves only where the answer names a time and has no Date of its own.
    pub fn read(&self, load: &Load, reply: &Reply, now: WallTime) -> Outcome {
        self.read_attempt(load, reply, now, Attempt::default())
    }

    /// As [`Self::read`], where something is known of the attempts before.
    pub fn read_attempt(&self, load: &Load, reply: &Reply, now: WallTime, attempt: Attempt) -> Outcome {
        let wait = self.wait_of(reply, now);
        let whole = reply.is_whole();
        let json = if whole { raw::checked(&reply.body) } else { None };
        let answer = Answer { target: self, load, reply, json, wait, attempt, pages: None };
        if let Some(outcome) = answer.fixed(attempt) {
            return outcome;
        }
        let rules = self.rules.iter().filter(|rule| {
            rule.when.broken.is_empty()
                && rule.when.suits(attempt)
                && (!uncertain(reply.status) || rule.when.names(reply.status))
        });
        for rule in rules {
            if !whole && rule.needs_body() {
                if rule.when.may_read(reply.status) {
                    return answer.unread();
                }
            } else if rule.when.fits(reply, json, load.len()) {
                return answer.follow(rule);
            }
        }
        answer.by_status()
    }

    /// Whether the answer came from the target's memory of the key.
    pub fn replayed(&self, reply: &Reply) -> bool {
        let header = self.idempotency.replay_header.as_deref();
        header
            .and_then(|name| reply.header(name))
            .is_some_and(|value| !value.trim().eq_ignore_ascii_case("false"))
    }

    /// The longest wait that the answer names.
    pub(super) fn wait_of(&self, reply: &Reply, now: WallTime) -> Option<Duration> {
        let patient = matches!(reply.status, 429 | 503);
        let named = self.flow.waits.iter().enumerate().filter_map(|(at, (name, unit))| {
            // A reset header is sent with every answer; it is a wait only where one is asked for.
            if at > 0 && !patient && *unit != wait::Unit::RetryAfter {
                return None;
            }
            wait::read(reply.header(name)?, *unit, reply, now)
        });
        // Retry-After goes before what the target tells of its window.
        named.max().or_else(|| self.hint(reply, now).filter(|hint| patient && hint.remaining == 0)?.reset)
    }
}

/// Statuses that leave open whether the request was carried out, whatever the body says.
fn uncertain(status: u16) -> bool {
    status == 408 || status >= 500
}

impl Answer<'_> {
    fn status(&self) -> u16 {
        self.reply.status
    }

    /// What is never the profile's to say.
    fn fixed(&self, attempt: Attempt) -> Option<Outcome> {
        let (status, idempotency) = (self.status(), &self.target.idempotency);
        if (300..400).contains(&status) {
            let to = self.reply.header("location").unwrap_or("nowhere");
            let why = format!("the target answered {status}, a redirection to {}", self.clean(to));
            return Some(self.stop(&why, "redirections are never followed; give the final address"));
        }
        let replayed = self.target.replayed(self.reply);
        if status >= 500 && replayed && idempotency.replay_errors != Replays::Reexecuted {
            let why =
                format!("the target recorded {status} for this key; sending it again cannot change that");
            return Some(Outcome::Doubtful { why });
        }
        if self.reply.body_state == BodyState::Cut && !self.tells_enough() {
            if status == 429 {
                return Some(self.throttled());
            }
            let why = format!("the answer ({status}) was cut off");
            let rows = self.load.len() as u64;
            let said = self.target.broken(Broken::Cut, Some(status), rows, attempt, &why);
            return Some(said.unwrap_or(Outcome::Unknown { wait: self.wait, why }));
        }
        if (200..300).contains(&status) && self.is_page() {
            let why =
                format!("the answer ({status}) is an HTML page, so it may not come from the target at all");
            return Some(Outcome::Unknown { wait: self.wait, why });
        }
        if idempotency.honoured() && idempotency.in_progress.has(status) && !self.is_spoken_of() {
            // The first request may come to its end yet: of this key nothing is known until then.
            let why = format!("{status}: a request with this key is still being carried out");
            return Some(Outcome::Unknown { wait: self.wait, why });
        }
        if idempotency.mismatch.has(status) {
            return Some(self.mismatch(attempt));
        }
        if idempotency.expired.has(status) {
            let why = format!("{status}: the target no longer remembers this key");
            return Some(Outcome::Doubtful { why });
        }
        None
    }

    /// Whether a rule names this status, and knows the answer by what it says.
    fn is_spoken_of(&self) -> bool {
        let knows = |rule: &Rule| {
            rule.when.names(self.status())
                && rule.when.needs_body()
                && rule.when.fits(self.reply, self.json, self.load.len())
        };
        self.target.rules.iter().any(knows)
    }

    /// The key is known with another body. A key that a row brings along by its name may be another import's, or an
    /// older row's: this row was refused. One that is made of the body can only be known because rows like these were
    /// sent before, from a ledger that is lost: nobody can know what became of them.
    fn mismatch(&self, attempt: Attempt) -> Outcome {
        let status = self.status();
        let why = format!("{status}: the target says that this key was used with another body");
        let named = self.target.mapping.key_template.as_ref().is_some_and(TextTemplate::is_of_row);
        if !named || attempt.after_ambiguous {
            return Outcome::Doubtful { why: format!("{why}; look there whether the rows are in") };
        }
        let message = format!("{why}, and what was sent then stands; a replay goes under another key");
        let refusal =
            Rejection { code: "key_mismatch".to_owned(), message, status: Some(status), field: None };
        self.all(RowVerdict::Rejected(refusal))
    }

    /// A 2xx whose status line is enough.
    fn tells_enough(&self) -> bool {
        self.target.mapping.ok_without_body && (200..300).contains(&self.status())
    }

    fn is_page(&self) -> bool {
        if self.target.is_bare {
            // Of a bare address nothing is known but that any 2xx delivers.
            return false;
        }
        let html = self.reply.header("content-type").is_some_and(|kind| kind.trim().starts_with("text/html"));
        html && self.reply.body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<')
    }

    /// A body that is needed, and is not all there.
    fn unread(&self) -> Outcome {
        let status = self.status();
        if self.reply.body_state == BodyState::TooLarge && (200..300).contains(&status) {
            let why = format!("the answer ({status}) is larger than can be held");
            return Outcome::Misfit { why, said: String::new() };
        }
        Outcome::Unknown { wait: self.wait, why: format!("the answer ({status}) did not come whole") }
    }

    fn clean(&self, text: &str) -> String {
        clean(text, &self.target.secrets)
    }

    fn stop(&self, why: &str, hint: impl Into<String>) -> Outcome {
        Outcome::Stop {
            kind: StopKind::Refused,
            why: mask(why, &self.target.secrets),
            hint: Some(hint.into()),
        }
    }

    fn throttled(&self) -> Outcome {
        let wait = self.wait.or(self.target.flow.cooldown);
        Outcome::Throttled { wait, why: format!("the target asked for patience ({})", self.status()) }
    }

    /// The beginning of the body, for people.
    pub(super) fn excerpt(&self) -> String {
        let body = &self.reply.body[..self.reply.body.len().min(4096)];
        let text = String::from_utf8_lossy(body);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        self.clean(&text)
    }

    fn said(&self) -> String {
        match self.excerpt() {
            text if text.is_empty() => format!("the target answered {}", self.status()),
            text => format!("the target answered {}: {text}", self.status()),
        }
    }

    fn refusal(&self, rule: Option<&Rule>, code: &str) -> Rejection {
        let text = String::from_utf8_lossy(&self.reply.body);
        let word = |wording: Option<&super::wording::Wording>| {
            wording.and_then(|wording| wording.of(self.json, &text)).map(|text| self.clean(&text))
        };
        Rejection {
            code: word(rule.and_then(|rule| rule.code.as_ref())).unwrap_or_else(|| code.to_owned()),
            message: word(rule.and_then(|rule| rule.message.as_ref())).unwrap_or_else(|| self.excerpt()),
            status: Some(self.status()),
            field: word(rule.and_then(|rule| rule.field.as_ref())),
        }
    }

    fn all(&self, verdict: RowVerdict) -> Outcome {
        let replayed = self.target.replayed(self.reply);
        Outcome::Settled(Verdicts { replayed, ..Verdicts::all(verdict) })
    }

    /// All rows are delivered. What the server calls a row that came alone is told where it says so, and missed nowhere.
    fn taken(&self, rule: &Rule) -> Outcome {
        let id = rule.id.as_ref().filter(|_| self.load.len() == 1);
        let id = id.and_then(|at| at.find(self.json?)).and_then(raw::scalar);
        let ids = id.map(|id| (0, self.clean(&id))).into_iter().collect();
        let replayed = self.target.replayed(self.reply);
        Outcome::Settled(Verdicts { ids, replayed, ..Verdicts::delivered() })
    }

    fn follow(&self, rule: &Rule) -> Outcome {
        let wait = self.wait.or(rule.wait);
        let status = self.status();
        match rule.then {
            Then::Ok if !self.target.after.is_empty() => {
                Outcome::Accepted(Job::new(String::new(), String::new()))
            }
            Then::Ok => self.taken(rule),
            Then::Results => self.results(rule.reader.as_deref().unwrap_or_default()),
            Then::Job => self.accepted(),
            Then::Retry if rule.not_applied || ((400..500).contains(&status) && status != 408) => {
                Outcome::NotApplied { wait, why: self.said() }
            }
            Then::Retry => Outcome::Unknown { wait, why: self.said() },
            Then::Throttle => {
                Outcome::Throttled { wait: wait.or(self.target.flow.cooldown), why: self.said() }
            }
            Then::Split => {
                Outcome::Split { learned: self.learned(rule), refusal: self.refusal(Some(rule), "too_large") }
            }
            Then::Bisect => Outcome::Bisect { refusal: self.refusal(Some(rule), "rejected") },
            Then::Reject => self.all(RowVerdict::Rejected(self.refusal(Some(rule), "rejected"))),
            Then::Exists => self.all(RowVerdict::Exists(self.refusal(Some(rule), "exists"))),
            Then::Refetch => self.conflict(Some(rule)),
            Then::Reauth => Outcome::Reauth { why: self.said() },
            Then::InDoubt => self.all(RowVerdict::InDoubt(self.said())),
            Then::Pause => Outcome::Stop { kind: StopKind::Pause, why: self.said(), hint: None },
            Then::Abort => Outcome::Stop { kind: StopKind::Refused, why: self.said(), hint: None },
        }
    }

    /// The group is not as the request says. One that had to be empty will not be so again: it is somebody else's.
    fn conflict(&self, rule: Option<&Rule>) -> Outcome {
        if self.attempt.begins {
            return self.all(RowVerdict::Exists(self.refusal(rule, "exists")));
        }
        Outcome::Refetch { why: self.said() }
    }

    fn learned(&self, rule: &Rule) -> Option<Limit> {
        let text = String::from_utf8_lossy(&self.reply.body);
        let number = |regex: &Option<Regex>| {
            let found = regex.as_ref()?.captures(&text)?;
            let digits: String = found.get(1)?.as_str().chars().filter(char::is_ascii_digit).collect();
            digits.parse::<u64>().ok().filter(|number| *number > 0)
        };
        let rows = number(&rule.learn_rows).filter(|rows| *rows < self.load.len() as u64).map(Limit::Rows);
        rows.or_else(|| {
            number(&rule.learn_bytes).filter(|bytes| *bytes < self.load.body().len() as u64).map(Limit::Bytes)
        })
    }

    /// What one of the profile's readers makes of the body.
    pub(super) fn results(&self, name: &str) -> Outcome {
        let Some(reader) = self.target.readers.get(name) else {
            return self.unfit("it has no reader");
        };
        let mut sources = Vec::new();
        for name in std::iter::once(name).chain(reader.also.iter().map(String::as_str)) {
            let Some(reader) = self.target.readers.get(name) else { continue };
            let bodies = self.bodies(name);
            let Some(texts) = bodies.into_iter().map(|body| reader.text(body)).collect() else {
                if (200..300).contains(&self.status()) {
                    let why = format!("the answer ({}) is not JSON", self.status());
                    return Outcome::Unknown { wait: self.wait, why };
                }
                return self.unfit("it is not JSON");
            };
            sources.push(Source { reader, texts });
        }
        let reading = Reading {
            load: self.load,
            status: self.status(),
            items: self.target.mapping.items.len().max(1),
            naming: &self.target.naming,
            secrets: &self.target.secrets,
        };
        match reader.verdicts(&sources, self.json.filter(|_| self.pages.is_some()), &reading) {
            Ok(verdicts) => {
                Outcome::Settled(Verdicts { replayed: self.target.replayed(self.reply), ..verdicts })
            }
            Err(why) => self.unfit(&why),
        }
    }

    fn unfit(&self, why: &str) -> Outcome {
        let why = mask(&format!("the answer ({}) does not fit: {why}", self.status()), &self.target.secrets);
        let said = self.excerpt();
        let is_good = (200..300).contains(&self.status());
        if is_good { Outcome::Misfit { why, said } } else { Outcome::Puzzling { why } }
    }

    fn accepted(&self) -> Outcome {
        let Some(way) = &self.target.job else { return self.unfit("a job, and no [job]") };
        let in_body = way.id.iter().chain(&way.url_from).any(|place| !place.is_header());
        if in_body && self.json.is_none() {
            let why = format!("the answer ({}) is not JSON", self.status());
            return Outcome::Unknown { wait: self.wait, why };
        }
        let json = self.json.unwrap_or_default();
        if let Some(id) = &way.id {
            return match id.of(json, self.reply) {
                Some(id) if self.target.poll_url(&Job::new(id.to_string(), String::new())).is_ok() => {
                    Outcome::Accepted(Job::new(id.into_owned(), String::new()))
                }
                _ => self.unfit("it names no job that could be asked about"),
            };
        }
        if way.url_from.is_none() {
            // What names it is known from a step.
            return Outcome::Accepted(Job::new(String::new(), String::new()));
        }
        let link = way.url_from.as_ref().and_then(|at| at.of(json, self.reply));
        let Some(link) = link else { return self.unfit("it names no job") };
        let base = self.target.mapping.url.shown();
        if let Some(path) = job::path_of(&link, &base) {
            return Outcome::Accepted(Job::new(path.clone(), path));
        }
        let why = format!("the target wants its job asked about at {}", self.clean(&link));
        self.stop(&why, "that is another origin; the token does not go there")
    }

    /// What a status means where the profile is silent (design §8.3; the contract prevails).
    pub(super) fn by_status(&self) -> Outcome {
        let status = self.status();
        match status {
            408 | 500..=599 => Outcome::Unknown { wait: self.wait, why: self.said() },
            429 => self.throttled(),
            200..=299 => self.success(),
            401 if self.target.wants_token() => Outcome::Reauth { why: self.said() },
            401 => self.stop(&self.said(), self.target.credential_hint.clone()),
            403 if self.wait.is_some() => self.throttled(),
            403 => {
                let hint = "the token is known, but may not do this; check what it is allowed to do";
                self.stop(&self.said(), hint)
            }
            404 | 410 if self.target.url_holds_fields() => self.all(RowVerdict::Rejected(
                self.refusal(None, if status == 404 { "not_found" } else { "gone" }),
            )),
            404 | 410 => {
                let hint = format!("check the address: {}", self.target.url_shown());
                self.stop(&self.said(), hint)
            }
            409 if self.target.group().is_some_and(|group| group.state.is_some()) => self.conflict(None),
            413 => Outcome::Split { learned: None, refusal: self.refusal(None, "too_large") },
            421 | 425 => Outcome::NotApplied { wait: self.wait, why: self.said() },
            400..=499 => Outcome::Puzzling { why: self.said() },
            _ => Outcome::Unknown { wait: self.wait, why: self.said() },
        }
    }

    /// A 2xx that no rule reads.
    fn success(&self) -> Outcome {
        let status = self.status();
        let whole = |rule: &&Rule| rule.when.broken.is_empty();
        let mut rules = self.target.rules.iter().filter(whole);
        let spoken = rules.any(|rule| (200..300).any(|known| rule.when.may_read(known)));
        if !spoken && !matches!(status, 202 | 207) {
            return self.all(RowVerdict::Delivered);
        }
        let wanted =
            self.target.rules.iter().any(|rule| rule.when.may_read(status) && rule.when.needs_json());
        if wanted && self.json.is_none() {
            let why = format!("the answer ({status}) is not JSON");
            return Outcome::Unknown { wait: self.wait, why };
        }
        self.unfit(&format!("no rule of the profile reads it: {}", self.excerpt()))
    }
}
