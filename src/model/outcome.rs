//! What an answer means. The target language says it; the engine decides what follows.

use super::Rejection;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The meaning of one attempt at a batch.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Each row has its verdict.
    Settled(Verdicts),
    /// Taken on; the job's end decides.
    Accepted(Job),
    /// Not carried out, and the target asks for patience. Same key; not counted as an attempt. It closes the gate
    /// for every request to this target.
    Throttled { wait: Option<Duration>, why: String },
    /// Not a byte left, or the target surely did nothing (e.g. 425): same key.
    NotApplied { wait: Option<Duration>, why: String },
    /// Nobody can know: the same key and the same bytes, or what `--on-ambiguous` says.
    Unknown { wait: Option<Duration>, why: String },
    /// A whole, readable 2xx that does not fit what was sent. Asked for once more, then in doubt. `said`: how it
    /// begins.
    Misfit { why: String, said: String },
    /// A 4xx that no rule reads: the same key three times, then the run stops with the rows pending.
    Puzzling { why: String },
    /// Too large, nothing applied: halve it, and remember what was learned. One row alone is refused with this.
    Split { learned: Option<Limit>, refusal: Rejection },
    /// Refused as a whole without naming a row, nothing applied: halve it to find the row at fault.
    Bisect { refusal: Rejection },
    /// The group's state has moved on, nothing applied: read it again, then a new key.
    Refetch { why: String },
    /// The credential is no longer good: renew it once, then stop.
    Reauth { why: String },
    /// This key's recorded answer is a failure: sending it again can never succeed. In doubt.
    Doubtful { why: String },
    /// The run cannot go on.
    Stop { kind: StopKind, why: String, hint: Option<String> },
}

/// What kind of stop an answer asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopKind {
    /// The target refused us, or is not what the profile says: exit 1.
    Refused,
    /// Later it may go on (quota used up): exit 4.
    Pause,
}

/// A limit that an answer taught.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    Rows(u64),
    Bytes(u64),
}

/// Verdicts on the rows of a request, by their index in it: `others` for all that are not listed.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdicts {
    pub others: RowVerdict,
    /// Ascending by index, each once.
    pub listed: Vec<(u32, RowVerdict)>,
    /// What the server calls the rows it took, by index, ascending, where it told.
    pub ids: Vec<(u32, String)>,
    /// The answer came from the target's memory of this key.
    pub replayed: bool,
    /// A count without names: so many rows of the batch were refused, nobody knows which.
    pub unnamed_refusals: Option<(u64, Rejection)>,
    /// No rule of the profile knows what the answer says of any row.
    pub unread: bool,
}

impl Verdicts {
    pub fn all(verdict: RowVerdict) -> Self {
        Self {
            others: verdict,
            listed: Vec::new(),
            ids: Vec::new(),
            replayed: false,
            unnamed_refusals: None,
            unread: false,
        }
    }

    pub fn delivered() -> Self {
        Self::all(RowVerdict::Delivered)
    }

    /// The verdict on the row at `index`.
    pub fn of(&self, index: u32) -> &RowVerdict {
        match self.listed.binary_search_by_key(&index, |(i, _)| *i) {
            Ok(at) => &self.listed[at].1,
            Err(_) => &self.others,
        }
    }
}

/// What happened to one row.
#[derive(Clone, Debug, PartialEq)]
pub enum RowVerdict {
    Delivered,
    /// Refused for good.
    Rejected(Rejection),
    /// Already there. After an unknown attempt it is probably our own write; otherwise it is a refusal.
    Exists(Rejection),
    /// Not taken this time; it goes again under a new key and counts as an attempt of that row.
    Retry {
        wait: Option<Duration>,
        refusal: Rejection,
    },
    /// Failed, or was passed over, only because of a neighbour; it goes again, and nothing is counted.
    Resend,
    /// Nobody can know.
    InDoubt(String),
}

/// A job that the target took on. Durable before the first poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The target's name for it.
    pub id: String,
    /// Path (and query) to poll, checked to be on the target's own origin; empty if the profile's template makes it.
    pub path: String,
    /// What the steps around its request told, by name, as JSON text; durable with its batch.
    pub known: BTreeMap<String, String>,
    /// It has ended, and its results are being fetched. Not durable: a later run fetches them again.
    pub pages: Option<Arc<Pages>>,
}

impl Job {
    pub const fn new(id: String, path: String) -> Self {
        Self { id, path, known: BTreeMap::new(), pages: None }
    }
}

/// Results that an ended job has beside its answer, as far as they are fetched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pages {
    /// The answer that told of the end.
    pub answer: Bytes,
    /// What came, in its order: the resource's name, and a page of it.
    pub got: Vec<(String, Bytes)>,
    /// Resources that are not yet whole; the first is under way.
    pub left: Vec<String>,
    /// Path (and query) of its next page; empty for its first.
    pub next: String,
}

/// The meaning of one poll.
#[derive(Clone, Debug, PartialEq)]
pub enum PollOutcome {
    /// Not finished, or not readable: poll again.
    Again { wait: Option<Duration>, why: Option<String> },
    /// The target does not know the job. Soon after its acceptance that is no news; later nobody can know.
    Gone { why: String },
    /// Ended, and more of its results is to be fetched: go on with this job at once.
    More(Box<Job>),
    /// Ended: this is what the batch's outcome is.
    Ended(Box<Outcome>),
}
