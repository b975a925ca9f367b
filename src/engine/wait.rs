//! Why nothing leaves at this moment, for whoever watches. Nothing is decided by it.

use super::Engine;
use super::batch::Kind;
use crate::model::Moment;

/// What a run waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait<'a> {
    /// The target asked not to be called before this moment.
    Asked(Moment),
    /// The target does not answer well; it is tried again at this moment. So many failures in a row are too many.
    Trouble { why: &'a str, until: Moment, failures: u32, allowed: u32 },
    /// What the target said it allows, or was seen to bear, lets the next request pass at this moment.
    Allowance(Moment),
    /// The rate that was set lets the next request pass at this moment.
    Rate(Moment),
    /// So many jobs that the target has taken on.
    Jobs(usize),
}

/// The last failure, if nothing went well since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub why: String,
    pub until: Moment,
    pub failures: u32,
    pub allowed: u32,
}

impl Engine {
    /// Why the last try failed, if none has come through since.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_ref().map(|trouble| trouble.why.as_str())
    }

    /// `None` while requests are out, or about to be, and go well.
    pub fn wait(&self, now: Moment) -> Option<Wait<'_>> {
        let closed = self.gate.closed_until();
        let is_own = self.outage.is_some_and(|outage| outage.until == closed);
        if closed > now && !is_own {
            return Some(Wait::Asked(closed));
        }
        // One may fail while others come through; several in a row tell what all of them are waiting for.
        let is_waiting = |trouble: &&Trouble| trouble.until > now && self.in_flight() == 0;
        let trouble = self.trouble.as_ref().filter(|trouble| trouble.failures > 1 || is_waiting(trouble));
        if let Some(Trouble { why, until, failures, allowed }) = trouble {
            return Some(Wait::Trouble { why, until: *until, failures: *failures, allowed: *allowed });
        }
        if self.in_flight() > 0 {
            return None;
        }
        let opening = self.gate.next_opening();
        if opening > now && !self.hand.is_empty() {
            let by_target = self.gate.opens_by_target();
            return Some(if by_target { Wait::Allowance(opening) } else { Wait::Rate(opening) });
        }
        let jobs = self.hand.count(Kind::Polling);
        (jobs > 0).then_some(Wait::Jobs(jobs))
    }
}
