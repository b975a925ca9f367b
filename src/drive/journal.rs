//! The log of a run: what left, what came back, what was decided, each line with its request and its key. It says what
//! happened to whom, never what was in a header, an address or a row.

use crate::engine::{Answer, Assembler, Command, Event, Sent, StopCause};
use crate::model::{BatchSeq, Entry, Load, Outcome, Planned, PollOutcome};
use std::collections::HashMap;
use std::sync::Arc;
use tracing::{Level, debug, enabled, info, warn};

/// Numbers the requests of a run, and remembers those that are out.
#[derive(Debug)]
pub(super) struct Journal {
    assembler: Arc<Assembler>,
    last: u64,
    out: HashMap<BatchSeq, Out>,
}

/// A request that was made for a batch; its number is that of its last attempt.
#[derive(Debug)]
struct Out {
    request: u64,
    key: String,
    attempts: u32,
}

impl Journal {
    /// With the batches that an earlier run left behind.
    pub(super) fn new<'a>(assembler: Arc<Assembler>, unsettled: impl Iterator<Item = &'a Planned>) -> Self {
        let mut journal = Self { assembler, last: 0, out: HashMap::new() };
        for batch in unsettled {
            journal.know(batch);
        }
        journal
    }

    fn know(&mut self, batch: &Planned) {
        let key = self.assembler.target().key_text(&batch.key);
        self.out.insert(batch.seq, Out { request: 0, key, attempts: 0 });
    }

    /// Nobody reads it.
    fn is_idle() -> bool {
        !enabled!(Level::WARN)
    }

    pub(super) fn command(&mut self, command: &Command) {
        if Self::is_idle() {
            return;
        }
        match command {
            Command::Send { seq, load, about } => self.leaves(*seq, load, about),
            Command::Commit { entry, .. } => self.written(entry),
            Command::ReadState { seq, .. } => {
                debug!(batch = seq.0, "asks for the state of its group");
            }
            Command::Verify { seq, .. } => {
                let Out { request, key, .. } = self.of(*seq);
                debug!(request, batch = seq.0, %key, "asks whether it was applied");
            }
            Command::Poll { seq, job, .. } => {
                let Out { request, key, .. } = self.of(*seq);
                debug!(request, batch = seq.0, %key, job = tame(&job.id), "asks about the job");
            }
            Command::Renew => debug!("asks for a new credential"),
            Command::Finish(ending) => {
                let by = ending.cause.as_ref().map_or("complete", StopCause::word);
                info!(exit = ending.exit, by, "the run ends");
            }
            _ => {}
        }
    }

    pub(super) fn event(&mut self, event: &Event) {
        if Self::is_idle() {
            return;
        }
        match event {
            Event::Answered { seq, answer } => self.answered(*seq, answer),
            Event::Polled { seq, outcome, status } => self.polled(*seq, outcome, *status),
            Event::StopAsked => info!("asked to stop"),
            Event::LedgerFailed(why) => warn!(why = tame(why), "the ledger failed"),
            Event::SourceFailed { why, .. }
            | Event::SourceMoves { why }
            | Event::RebuildFailed { why, .. } => {
                warn!(why = tame(why), "the input cannot be read on");
            }
            Event::Renewed(Err(no)) => warn!(why = tame(&no.why), "no credential"),
            _ => {}
        }
    }

    fn leaves(&mut self, seq: BatchSeq, load: &Load, about: &Sent) {
        self.last += 1;
        let attempts = self.out.get(&seq).map_or(0, |out| out.attempts) + 1;
        let key = self.assembler.shown_key(load, about);
        let out = Out { request: self.last, key, attempts };
        debug!(
            request = out.request,
            batch = seq.0,
            key = %out.key,
            rows = load.len(),
            bytes = load.body().len(),
            attempt = attempts,
            "leaves"
        );
        self.out.insert(seq, out);
    }

    /// The last request for a batch. Batches of earlier runs may have had none in this one.
    fn of(&mut self, seq: BatchSeq) -> &Out {
        self.out.entry(seq).or_insert_with(|| Out { request: 0, key: String::new(), attempts: 0 })
    }

    fn answered(&mut self, seq: BatchSeq, answer: &Answer) {
        let Out { request, key, attempts } = self.of(seq);
        let status = answer.status;
        let millis = answer.took.as_millis() as u64;
        let (word, why) = words(&answer.outcome);
        let why = tame(&why);
        let why = (!why.is_empty()).then_some(why.as_str());
        if is_trouble(&answer.outcome) {
            warn!(request, batch = seq.0, %key, attempt = attempts, status, millis, why, "{word}");
        } else {
            debug!(request, batch = seq.0, %key, attempt = attempts, status, millis, why, "{word}");
        }
    }

    fn polled(&mut self, seq: BatchSeq, outcome: &PollOutcome, status: Option<u16>) {
        let Out { request, key, .. } = self.of(seq);
        let (word, why) = match outcome {
            PollOutcome::Ended(outcome) => words(outcome),
            PollOutcome::Again { why, .. } => ("the job has not ended", why.clone().unwrap_or_default()),
            PollOutcome::More(_) => ("the job has ended, its results are fetched", String::new()),
            PollOutcome::Gone { why } => ("the job is not there", why.clone()),
        };
        let why = tame(&why);
        let why = (!why.is_empty()).then_some(why.as_str());
        debug!(request, batch = seq.0, %key, status, why, "{word}");
    }

    fn written(&mut self, entry: &Entry) {
        match entry {
            Entry::Plan { batches, .. } => {
                for batch in batches {
                    let (first, rows) = (batch.rows.first().0 + 1, batch.rows.len());
                    self.know(batch);
                    let Out { key, .. } = self.of(batch.seq);
                    debug!(batch = batch.seq.0, %key, first, rows, "is planned");
                }
            }
            Entry::Accept { seq, job, .. } => {
                let Out { request, key, .. } = self.of(*seq);
                debug!(request, batch = seq.0, %key, job = tame(&job.id), "was taken on as a job");
            }
            Entry::Finish { seq, end, children, .. } => {
                let Out { request, key, .. } = self.of(*seq);
                let (delivered, rejected) = (end.delivered, end.rejected);
                let parts = children.len();
                debug!(request, batch = seq.0, %key, delivered, rejected, parts, "has its end");
                self.out.remove(seq);
                for child in children {
                    self.know(child);
                }
            }
            Entry::Park { seq, park, .. } => {
                let Out { request, key, .. } = self.of(*seq);
                warn!(request, batch = seq.0, %key, why = tame(&park.why), "is in doubt");
                self.out.remove(seq);
            }
            Entry::Pause { until } => {
                info!(until = until.rfc3339(), "the target asks not to be called before");
            }
            _ => {}
        }
    }
}

fn is_trouble(outcome: &Outcome) -> bool {
    !matches!(outcome, Outcome::Settled(_) | Outcome::Accepted(_) | Outcome::Throttled { .. })
}

fn words(outcome: &Outcome) -> (&'static str, String) {
    match outcome {
        Outcome::Settled(_) => ("is answered", String::new()),
        Outcome::Accepted(_) => ("is taken on", String::new()),
        Outcome::Throttled { why, .. } => ("is to wait", why.clone()),
        Outcome::NotApplied { why, .. } => ("was not applied", why.clone()),
        Outcome::Unknown { why, .. } => ("has an unknown outcome", why.clone()),
        Outcome::Split { refusal, .. } => ("is too large", refusal.message.clone()),
        Outcome::Bisect { refusal } => ("is refused as a whole", refusal.message.clone()),
        Outcome::Misfit { why, .. } => ("has an answer that does not fit", why.clone()),
        Outcome::Puzzling { why } => ("has an answer that no rule reads", why.clone()),
        Outcome::Doubtful { why } => ("has a doubtful answer", why.clone()),
        Outcome::Refetch { why } => ("needs the state of its group anew", why.clone()),
        Outcome::Reauth { why } => ("needs another credential", why.clone()),
        Outcome::Stop { why, .. } => ("stops the run", why.clone()),
    }
}

/// Words of a target without what a terminal would obey.
fn tame(text: &str) -> String {
    text.chars().take(500).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
