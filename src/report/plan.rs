//! The words of `plan`, and the same as JSON.

use super::curl::Curl;
use super::groups::{self, Groups};
use super::guard::Guard;
use super::planned_deletion::PlannedDeletion;
use super::speech::{count, grouped, span};
use super::summary::{LeftOut, Words};
use crate::args::SendArgs;
use crate::engine::{BatchLimits, OnAmbiguous, Policy, Rate, sent_until};
use crate::error::{Error, exit};
use crate::model::{Letter, News, Passed};
use crate::settings::is_piped;
use crate::target::Target;
use serde_json::{Value, json};
use std::time::Duration;

/// Where nothing is known of the target's speed: what an API often takes, to reckon with.
const ANSWER: Duration = Duration::from_millis(200);

/// Of a target that may refuse before it looks a key up.
pub(super) const REFUSED_BEHIND: &str = "a refusal behind a lost answer leaves the rows in doubt: the first try may have been applied (its profile does not say key_first)";

/// What was found out without sending anything.
#[derive(Debug)]
pub struct Plan<'a> {
    args: &'a SendArgs,
    target: String,
    limits: BatchLimits,
    polls: bool,
    /// Names of the steps before each request, and behind it.
    steps: [Vec<String>; 2],
    /// What they tell, as it stands in the request that is shown.
    told: Vec<String>,
    /// Before each request the state of its group is read.
    pub reads_state: bool,
    /// A group's first request says that nobody has begun it, and reads nothing.
    pub begins_groups: bool,
    pub policy: Option<Policy>,
    pub unset_secrets: Vec<String>,
    /// Whoever is on the way can read the secrets.
    pub is_exposed: bool,
    /// It cannot be sent without them.
    pub needs_secrets: bool,
    pub curl: Option<Curl>,
    /// The command that sends.
    pub send: Option<String>,
    pub bytes_read: u64,
    rows: u64,
    batches: u64,
    body_bytes: u64,
    largest: u64,
    refused: Groups,
    passed: Passed,
    /// What is new in a feed.
    pub news: Option<News>,
    /// How it stands to what has to be so before anything of it is sent.
    pub guards: Vec<Guard>,
    /// What would be deleted.
    pub deletion: Option<PlannedDeletion>,
    /// Rows that an earlier run has read, and that go first.
    pub pending: u64,
    /// Why a replay does not take letters over.
    pub left_out: LeftOut,
}

impl<'a> Plan<'a> {
    pub fn new(args: &'a SendArgs, target: &Target, limits: BatchLimits) -> Self {
        Self {
            args,
            target: target.name().to_owned(),
            limits,
            polls: target.polling().is_some(),
            steps: target.steps().map(|names| names.into_iter().map(str::to_owned).collect()),
            told: target.steps_told().into_keys().map(|name| format!("step.{name}")).collect(),
            reads_state: false,
            begins_groups: false,
            policy: None,
            unset_secrets: Vec::new(),
            needs_secrets: false,
            is_exposed: target.is_exposed(),
            curl: None,
            send: None,
            bytes_read: 0,
            rows: 0,
            batches: 0,
            body_bytes: 0,
            largest: 0,
            refused: Groups::default(),
            passed: Passed::default(),
            news: None,
            guards: Vec::new(),
            deletion: None,
            pending: 0,
            left_out: LeftOut::default(),
        }
    }

    pub fn batch(&mut self, rows: u64, bytes: u64) {
        self.rows += rows;
        self.batches += 1;
        self.body_bytes += bytes;
        self.largest = self.largest.max(bytes);
    }

    /// Rows of a feed that would not be sent.
    pub const fn pass(&mut self, passed: Passed) {
        self.passed.add(passed);
    }

    pub fn refuse(&mut self, letter: &Letter) {
        self.refused.add(letter);
    }

    pub fn exit(&self) -> u8 {
        if self.guards.iter().any(|guard| guard.stops) {
            return exit::STOPPED;
        }
        if self.refused.is_empty() { exit::COMPLETE } else { exit::DEAD_LETTERS }
    }

    fn is_url(&self) -> bool {
        self.args.to.contains("://")
    }

    /// Requests if nothing goes wrong; polls are not among them.
    fn requests(&self) -> u64 {
        // How many are a group's first is not counted: it would take memory for every group.
        let each = 1 + u64::from(self.reads_state && !self.begins_groups);
        self.batches * (each + self.steps.iter().map(|names| names.len() as u64).sum::<u64>())
    }

    /// The time that the rates ask for, and the rate that asks for most.
    fn time(&self) -> Option<(Duration, String)> {
        let policy = self.policy.as_ref()?;
        let at = |rates: &[Rate], amount: u64, noun: &str| {
            let longest = rates.iter().map(|rate| {
                let time = rate.per.as_secs_f64() * amount as f64 / f64::from(rate.amount.get());
                let words = format!("{} {}", count(u64::from(rate.amount.get()), noun), per(rate.per));
                (Duration::try_from_secs_f64(time).unwrap_or(Duration::MAX), words)
            });
            longest.max_by_key(|(time, _)| *time)
        };
        let requests = at(&policy.request_rates, self.requests(), "request");
        let rows = at(&policy.row_rates, self.rows, "row");
        requests.into_iter().chain(rows).max_by_key(|(time, _)| *time)
    }

    pub fn words(&self, whole: bool) -> String {
        let total = self.total();
        let inputs: Vec<String> = self.args.inputs.iter().map(|path| path.display().to_string()).collect();
        let to = if self.is_url() { &self.args.to } else { &self.target };
        let mut lines = vec![format!("{} to {to}: {}", inputs.join(", "), count(total, "row"))];
        if total == 0 {
            lines.push("  the input has no rows: nothing would be sent".to_owned());
            if self.news.is_none() {
                return lines.join("\n");
            }
        }
        lines.extend(self.before());
        if total == 0 {
            // Said already.
        } else if self.batches == 0 && self.news.is_some() && self.refused.is_empty() {
            lines.push("  nothing would be sent".to_owned());
        } else if self.batches == 0 {
            lines.push("  none of them can be sent".to_owned());
        } else {
            lines.extend(self.amounts());
            lines.extend(self.promises());
        }
        if let Some(curl) = &self.curl {
            lines.push(format!("\nthe first request:\n{}", curl.shown(whole)));
            if !self.told.is_empty() {
                let told = self.told.join(", ");
                lines
                    .push(format!("  (what the steps before it tell is not known yet: it stands as {told})"));
            }
        } else if self.batches > 0 {
            lines.push("\nthe first request cannot be shown: it needs what only the target knows".to_owned());
        }
        lines.extend(self.deletion.as_ref().and_then(|deletion| deletion.request(whole)));
        if !self.refused.is_empty() {
            let rows = count(self.refused.rows(), "row");
            let words = groups::words(&groups::numbered(&self.refused.sorted()));
            lines.push(format!("\n{rows} would be refused before anything is sent:\n{words}"));
        }
        lines.push("\nnothing was sent, and nothing was written".to_owned());
        let is_in_vain = self.batches == 0 && !self.refused.is_empty() && self.deletion.is_none();
        let is_of_nothing = self.guards.iter().any(|guard| guard.stops && guard.is_of_nothing);
        if let Some(send) = self.send.as_ref().filter(|_| !is_in_vain && !is_of_nothing) {
            let is_stopped = self.guards.iter().any(|guard| guard.stops);
            let when = if is_stopped { " all the same, once you have seen that it is whole" } else { "" };
            lines.push(format!("to send it{when}:\n  {send}"));
        }
        lines.join("\n")
    }

    fn total(&self) -> u64 {
        self.rows + self.refused.rows() + self.passed.rows()
    }

    /// What else there is beside the rows that would be sent.
    fn before(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(news) = self.news {
            let [new, changed, unchanged] = [news.new, news.changed, news.unchanged].map(grouped);
            let mut line = format!("  {new} new, {changed} changed, {unchanged} unchanged");
            let others = [
                (news.read, "read by the run that goes on"),
                (news.again, "sent once more as they are"),
                (news.held, "still in doubt and held"),
                (self.passed.superseded, "superseded by a later one"),
                (news.gone, "no longer there"),
            ];
            for (rows, what) in others.into_iter().filter(|(rows, _)| *rows > 0) {
                line.push_str(&format!(", {} {what}", grouped(rows)));
            }
            lines.push(line);
        }
        lines.extend(self.guards.iter().map(Guard::line));
        lines.extend(self.deletion.iter().flat_map(PlannedDeletion::lines));
        lines.extend(self.left_out.words().map(|words| format!("  left out: {words}")));
        if self.pending > 0 {
            let rows = count(self.pending, "row");
            lines.push(format!(
                "  an earlier run was broken off: {rows} that it has read would be sent first"
            ));
        }
        lines
    }

    fn amounts(&self) -> Vec<String> {
        let limits = self.limits;
        let mut requests = format!(
            "  {} of at most {} and {} bytes: {} bytes in all",
            count(self.batches, "request"),
            count(limits.rows, "row"),
            grouped(limits.bytes),
            grouped(self.body_bytes)
        );
        if self.largest > limits.bytes {
            requests
                .push_str(&format!(", the largest {} (a row that is larger alone)", grouped(self.largest)));
        }
        let mut lines = vec![requests];
        if self.reads_state && self.begins_groups {
            let each = "one before each that is not its group's first";
            lines.push(format!("  and requests that read the state of a group, {each}"));
        } else if self.reads_state {
            let reads = count(self.batches, "request");
            lines.push(format!("  and {reads} that read the state of a group, one before each"));
        }
        for (names, place) in
            self.steps.iter().zip(["before", "behind"]).filter(|(names, _)| !names.is_empty())
        {
            let steps = count(names.len() as u64, "request");
            lines.push(format!("  and {steps} {place} each: {}", names.join(", ")));
        }
        if self.polls {
            lines.push(
                "  each is taken on as a job and asked about until it ends: polls come on top".to_owned(),
            );
        }
        lines.push(match self.time() {
            Some((time, rate)) => format!("  at {rate} that takes {}, if the target keeps up", span(time)),
            None => format!(
                "  how long that takes is up to the target: {} if an answer takes {} and they come one by one, \
                 less with several in flight (-j)",
                span(ANSWER.saturating_mul(u32::try_from(self.requests()).unwrap_or(u32::MAX))),
                span(ANSWER)
            ),
        });
        lines
    }

    /// What is taken for granted.
    fn promises(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.assumptions().into_iter().map(|line| format!("  {line}")).collect();
        if self.is_exposed {
            lines.push(
                "  note: the token goes over plain http, and whoever is on the way can read it".to_owned(),
            );
        }
        for name in &self.unset_secrets {
            lines.push(if self.needs_secrets {
                format!("  note: ${name} is not set; `send` needs it")
            } else {
                format!("  note: ${name} is not set, so requests go without a token")
            });
        }
        lines
    }

    fn assumptions(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.is_url() {
            lines.push("any 2xx is taken to deliver all rows of a request".to_owned());
            lines.push(
                "400 and 422 are taken to have applied nothing: the request is halved until the row at fault is alone"
                    .to_owned(),
            );
        }
        let policy = self.policy.as_ref();
        // Others have no key that a refusal could be the answer to.
        let decides_nothing =
            |policy: &Policy| policy.repeatable && policy.key_ttl.is_some() && !policy.key_first;
        if !self.is_url()
            && policy.is_some_and(|policy| decides_nothing(policy) && not_again(policy).is_none())
        {
            lines.push(REFUSED_BEHIND.to_owned());
        }
        let sends_again = |policy: &Policy| policy.repeatable || policy.on_ambiguous == OnAmbiguous::Resend;
        if self.is_url() && policy.is_some_and(sends_again) {
            lines.push(
                "but behind a lost answer they leave the rows in doubt: the first try may have been applied"
                    .to_owned(),
            );
        }
        if is_piped(self.args) {
            lines.push(
                "each import of standard input has keys of its own: those shown here are only like them"
                    .to_owned(),
            );
        }
        let unrepeated = policy.and_then(|policy| Some((policy, not_again(policy)?)));
        if let Some((policy, why)) = unrepeated {
            let what = match policy.on_ambiguous {
                OnAmbiguous::Resend => "are sent again, and may be doubled",
                OnAmbiguous::Verify => "are asked about, and sent again if they were not applied",
                OnAmbiguous::Hold => "are held as in doubt",
                OnAmbiguous::Stop => "end the run",
            };
            lines.push(format!("{why}, rows whose answer is lost {what}"));
        }
        lines
    }

    pub fn to_json(&self) -> String {
        let curl = self.curl.as_ref();
        let time = self.time();
        json!({
            "bulkhaul": env!("CARGO_PKG_VERSION"),
            "exit": self.exit(),
            "target": self.target,
            "inputs": self.args.inputs.iter().map(|path| path.display().to_string()).collect::<Vec<_>>(),
            "rows": {"read": self.total(), "sendable": self.rows, "refused": self.refused.rows()},
            "feed": self.news.map(|news| json!({
                "new": news.new, "changed": news.changed, "unchanged": news.unchanged, "again": news.again,
                "in_doubt": news.held, "superseded": self.passed.superseded, "gone": news.gone, "read": news.read,
            })),
            "guards": self.guards.iter().map(Guard::to_json).collect::<Vec<_>>(),
            "deletes": self.deletion.as_ref().map(PlannedDeletion::to_json),
            "left_out": self.left_out,
            "pending": self.pending,
            "batches": self.batches,
            "requests": self.requests(),
            "polls": self.polls,
            "steps": {"before": self.steps[0], "behind": self.steps[1]},
            "limits": {"rows": self.limits.rows, "bytes": self.limits.bytes},
            "bytes": {"read": self.bytes_read, "bodies": self.body_bytes, "largest": self.largest},
            "rate": time.as_ref().map(|(_, rate)| rate),
            "estimate_s": time.as_ref().map(|(time, _)| (time.as_secs_f64() * 1000.0).round() / 1000.0),
            "assumptions": self.assumptions(),
            "unset": self.unset_secrets,
            "first_request": curl.map(Curl::to_json),
            "curl": curl.map(Curl::line),
            "refused": groups::to_json(&groups::numbered(&self.refused.sorted())),
            "send": self.send,
        })
        .to_string()
    }
}

/// A plan that could not be made.
pub fn error_json(args: &SendArgs, error: &Error) -> String {
    let words = Words { message: error.message.clone(), hint: error.hint.clone() };
    let inputs: Vec<Value> = args.inputs.iter().map(|path| path.display().to_string().into()).collect();
    json!({
        "bulkhaul": env!("CARGO_PKG_VERSION"), "exit": error.exit, "target": args.to, "inputs": inputs,
        "error": words,
    })
    .to_string()
}

/// `a second`, `in 10 s`.
fn per(time: Duration) -> String {
    match time.as_secs() {
        1 => "a second".to_owned(),
        60 => "a minute".to_owned(),
        3600 => "an hour".to_owned(),
        _ => format!("in {}", span(time)),
    }
}

/// Why no request goes again as it is, if none does.
fn not_again(policy: &Policy) -> Option<String> {
    if !policy.repeatable {
        return Some("without idempotency keys".to_owned());
    }
    let ttl = policy.key_ttl.filter(|ttl| sent_until(*ttl).is_zero())?;
    Some(format!("with keys that are remembered for {}, and not sent in their last 5 min", span(ttl)))
}
