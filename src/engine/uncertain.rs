//! Requests that came to no end: those that go again as they are, and those of which nobody can know what became.

use super::batch::State;
use super::event::{Command, StopCause};
use super::policy::OnAmbiguous;
use super::wait::Trouble;
use super::{Awaited, Engine};
use crate::model::{BatchSeq, Canary, Entry, Moment, Now, Park, Rejection, RowVerdict, Verdicts};
use std::time::Duration;

/// Unknown outcomes of requests that are not sent again, since the target last answered well.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outage {
    /// Good answers before it.
    since: u64,
    /// How often something came to nothing, what was on its way together counted once.
    failures: u32,
    /// Until then nothing new leaves.
    pub(super) until: Moment,
}

/// So many batches in a row of which no answer told anything end a run that has delivered nothing: the profile reads
/// another target than this one.
const BLIND_MAX: u32 = 5;

impl Engine {
    /// An answer was heard out, and told nothing of any row of its batch. Where the first ones are so, more requests would
    /// only bring more rows into doubt.
    pub(super) fn told_nothing(&mut self, why: String) {
        self.blind += 1;
        if self.is_blind() {
            self.stop_for(StopCause::Unread { why });
        }
    }

    /// No answer to this import could be read. What may be asked for again stays pending then.
    pub(super) fn is_blind(&self) -> bool {
        self.books.tally().delivered == 0 && self.blind >= BLIND_MAX
    }

    /// The same request again, after a wait; too many of these without any success end the run.
    pub(super) fn again(
        &mut self,
        now: Now,
        seq: BatchSeq,
        wait: Option<Duration>,
        why: String,
        commands: &mut Vec<Command>,
    ) {
        let (successes, allowed) = (self.gate.successes(), self.failures_allowed());
        let batch = self.hand.get_mut(seq);
        if batch.failures_at != successes {
            batch.failures_at = successes;
            batch.failures = 0;
        }
        batch.failures += 1;
        let jittered = self.policy.backoff.wait(batch.failures, &mut self.rng);
        let asked = wait.unwrap_or_default();
        let pause = jittered.max(asked.min(self.policy.max_wait));
        let exhausted = batch.failures >= allowed;
        let failures = batch.failures;
        self.trouble = Some(Trouble { why: why.clone(), until: now.tick + pause, failures, allowed });
        self.put_back(seq, now.tick + pause);
        self.came_back(seq, commands);
        if exhausted {
            self.stop_for(StopCause::TargetDown { why });
        }
        self.obey(now, wait, commands);
    }

    /// A target that names a wait means all of its requests.
    fn obey(&mut self, now: Now, wait: Option<Duration>, commands: &mut Vec<Command>) {
        if let Some(asked) = wait.filter(|wait| !wait.is_zero()) {
            self.pause(now, asked, commands);
        }
    }

    /// So many failures without any success in between are too many.
    const fn failures_allowed(&self) -> u32 {
        if self.contact { self.policy.attempts } else { self.policy.first_attempts }
    }

    pub(super) fn unknown(
        &mut self,
        now: Now,
        seq: BatchSeq,
        wait: Option<Duration>,
        why: String,
        commands: &mut Vec<Command>,
    ) {
        if Canary::NewKeyAfterTimeout.is_loose() {
            return self.resend(now, seq, commands);
        }
        if Canary::TimeoutRefuses.is_loose() {
            let verdicts = Verdicts::all(RowVerdict::Rejected(Rejection::local("timeout", why)));
            return self.settle(now, seq, &verdicts, commands);
        }
        self.taint(seq);
        if self.hand.get(seq).job.is_some() {
            // The same key would only name the same job again.
            return self.park(seq, why, commands);
        }
        if self.policy.repeatable {
            return self.again(now, seq, wait, why, commands);
        }
        if self.policy.on_ambiguous != OnAmbiguous::Resend {
            self.went_unanswered(now, &why);
        }
        self.obey(now, wait, commands);
        self.ambiguous(now, seq, why, commands);
    }

    /// A request that is not sent again came to nothing that can be known. Where that happens time and again, the next ones
    /// wait, and then the run ends: else all rows of a file would be in doubt because a gateway was down for a moment.
    fn went_unanswered(&mut self, now: Now, why: &str) {
        let (successes, allowed) = (self.gate.successes(), self.failures_allowed());
        let mut outage = self.outage.filter(|outage| outage.since == successes).unwrap_or(Outage {
            since: successes,
            failures: 0,
            until: now.tick,
        });
        // What was on its way together is one failure.
        if now.tick >= outage.until {
            outage.failures += 1;
            outage.until = now.tick + self.policy.backoff.wait(outage.failures, &mut self.rng);
        }
        self.outage = Some(outage);
        let Outage { failures, until, .. } = outage;
        self.trouble = Some(Trouble { why: why.to_owned(), until, failures, allowed });
        if failures > 1 {
            self.gate.close(until);
        }
        if failures >= allowed {
            self.stop_for(StopCause::TargetDown { why: why.to_owned() });
        }
    }

    /// Nobody can know, and no key tells the target that it is the same: what a person or the profile decided.
    pub(super) fn ambiguous(&mut self, now: Now, seq: BatchSeq, why: String, commands: &mut Vec<Command>) {
        let target = self.assembler.target();
        let verifies = target.verifies()
            && matches!(self.policy.on_ambiguous, OnAmbiguous::Resend | OnAmbiguous::Verify);
        if verifies && !self.hand.get(seq).to_verify {
            self.batch(seq).to_verify = true;
            let wait = self.policy.backoff.wait(1, &mut self.rng);
            return self.put_back(seq, now.tick + wait);
        }
        match self.policy.on_ambiguous {
            _ if Canary::BlindRepetition.is_loose() => self.again(now, seq, None, why, commands),
            OnAmbiguous::Resend => self.again(now, seq, None, why, commands),
            OnAmbiguous::Hold | OnAmbiguous::Verify => self.park(seq, why, commands),
            OnAmbiguous::Stop => {
                self.put_back(seq, now.tick);
                self.stop_for(StopCause::Ambiguous { why });
            }
        }
    }

    /// An attempt may have been carried out. Where steps behind a request commit it, one that has no job did nothing yet.
    pub(super) fn taint(&mut self, seq: BatchSeq) {
        let counts = !self.policy.commits_after || self.hand.get(seq).job.is_some();
        self.batch(seq).tainted |= counts;
    }

    pub(super) fn park(&mut self, seq: BatchSeq, why: String, commands: &mut Vec<Command>) {
        self.hand.set(seq, State::Settling);
        let begun = self.perhaps_begun(seq);
        self.commit(Entry::Park { seq, park: Park { why }, begun }, Awaited::Park(seq), commands);
    }
}
