//! From what an answer means to what happens to the batch. Here the rule stands that all delivery rests on:
//! after an unknown outcome the same key and bytes; after a verdict never that key again.
//!
//! The taint rule (design: a refusal of the second attempt says nothing about the first): once an attempt may have
//! been carried out, a refusal of the whole request proves nothing, unless the target looks its keys up first.

use super::batch::State;
use super::event::{Command, StopCause};
use super::policy::OnAmbiguous;
use super::{Awaited, Engine, stop_cause};
use crate::model::{
    BatchSeq, ChildReason, Entry, Limit, Now, Outcome, Park, Rejection, RowVerdict, Verdicts,
};
use std::time::Duration;

/// Readable answers that do not fit are asked for once more.
const MISFITS_MAX: u32 = 2;
/// A refusal that no rule reads is asked for three times.
const PUZZLES_MAX: u32 = 3;

impl Engine {
    pub(super) fn judge(
        &mut self,
        now: Now,
        seq: BatchSeq,
        outcome: Outcome,
        status: Option<u16>,
        commands: &mut Vec<Command>,
    ) {
        match outcome {
            Outcome::Settled(verdicts) => self.verdict(now, seq, verdicts, status, commands),
            Outcome::Accepted(job) => {
                let batch = self.batch(seq);
                batch.job = Some(job.clone());
                batch.state = State::Accepting;
                self.commit(Entry::Accept { seq, job }, Awaited::Accept(seq), commands);
            }
            Outcome::Throttled { wait, why } => self.throttled(now, seq, wait, &why, commands),
            Outcome::NotApplied { wait, why } => self.again(now, seq, wait, why),
            Outcome::Unknown { wait, why } => self.unknown(now, seq, wait, why, commands),
            Outcome::Misfit { why } => {
                let repeatable = self.policy.repeatable;
                let batch = self.batch(seq);
                batch.tainted = true;
                batch.misfits += 1;
                if repeatable && batch.misfits < MISFITS_MAX && batch.job.is_none() {
                    batch.state = State::Waiting(now.tick);
                } else {
                    self.park(seq, why, commands);
                }
            }
            Outcome::Puzzling { why } => {
                let batch = self.batch(seq);
                batch.puzzles += 1;
                if batch.puzzles < PUZZLES_MAX {
                    self.again(now, seq, None, why);
                } else {
                    batch.state = State::Waiting(now.tick);
                    let hint =
                        "the profile has no rule for this answer; add a [[response]] for it".to_owned();
                    self.stop_for(StopCause::Refused { why, hint: Some(hint) });
                }
            }
            Outcome::Split { learned, refusal } => {
                self.halve(now, seq, ChildReason::Split, learned, refusal, commands);
            }
            Outcome::Bisect { refusal } => {
                self.halve(now, seq, ChildReason::Bisect, None, refusal, commands);
            }
            Outcome::Doubtful { why } => self.park(seq, why, commands),
            Outcome::Refetch { why } | Outcome::Reauth { why } => {
                self.batch(seq).state = State::Waiting(now.tick);
                self.stop_for(StopCause::Refused { why, hint: None });
            }
            Outcome::Stop { kind, why, hint } => {
                self.batch(seq).state = State::Waiting(now.tick);
                self.stop_for(stop_cause(kind, why, hint));
            }
        }
    }

    /// A whole refusal says nothing about an earlier attempt that may have been carried out.
    fn is_hollow(&self, seq: BatchSeq, status: Option<u16>) -> bool {
        let refused_whole = status.is_some_and(|status| status >= 400);
        refused_whole && !self.policy.key_first && self.batches[&seq].tainted
    }

    fn verdict(
        &mut self,
        now: Now,
        seq: BatchSeq,
        mut verdicts: Verdicts,
        status: Option<u16>,
        commands: &mut Vec<Command>,
    ) {
        let refuses = |verdict: &RowVerdict| matches!(verdict, RowVerdict::Rejected(_));
        let refused =
            refuses(&verdicts.others) || verdicts.listed.iter().any(|(_, verdict)| refuses(verdict));
        if refused && self.is_hollow(seq, status) {
            let why = "refused after an attempt whose outcome is unknown".to_owned();
            return self.park(seq, why, commands);
        }
        // "It is there already", after an attempt that may have been carried out, is our own write.
        let tainted = self.batches[&seq].tainted;
        let settle = |verdict: &mut RowVerdict| {
            if let RowVerdict::Exists(refusal) = verdict {
                *verdict = if tainted {
                    RowVerdict::Delivered
                } else {
                    RowVerdict::Rejected(std::mem::take(refusal))
                };
            }
        };
        settle(&mut verdicts.others);
        verdicts.listed.iter_mut().for_each(|(_, verdict)| settle(verdict));
        self.settle(now, seq, &verdicts, commands);
    }

    fn throttled(
        &mut self,
        now: Now,
        seq: BatchSeq,
        wait: Option<Duration>,
        why: &str,
        commands: &mut Vec<Command>,
    ) {
        self.books.requests_mut().throttled += 1;
        let wait = wait.filter(|wait| !wait.is_zero()).unwrap_or_else(|| {
            let failures = self.batches[&seq].attempts.min(6);
            Duration::from_millis(50) + self.policy.backoff.wait(failures + 1, &mut self.rng)
        });
        let obeyed = wait.min(self.policy.max_wait);
        self.gate.close(now.tick + obeyed);
        self.batch(seq).state = State::Waiting(now.tick + obeyed);
        if wait > self.policy.max_wait {
            self.stop_for(StopCause::MaxWait { wait });
        } else if why.is_empty() {
            return;
        }
        if wait >= Duration::from_secs(1) {
            self.commit(Entry::Pause { until: now.wall + obeyed }, Awaited::Pause, commands);
        }
    }

    /// The same request again, after a wait; too many of these without any success end the run.
    fn again(&mut self, now: Now, seq: BatchSeq, wait: Option<Duration>, why: String) {
        let successes = self.gate.successes();
        let allowed = if self.contact { self.policy.attempts } else { self.policy.first_attempts };
        let batch = self.batches.get_mut(&seq).expect("an event names a batch in hand");
        if batch.failures_at != successes {
            batch.failures_at = successes;
            batch.failures = 0;
        }
        batch.failures += 1;
        let jittered = self.policy.backoff.wait(batch.failures, &mut self.rng);
        let asked = wait.unwrap_or_default();
        let pause = jittered.max(asked.min(self.policy.max_wait));
        batch.state = State::Waiting(now.tick + pause);
        let exhausted = batch.failures >= allowed;
        if asked > self.policy.max_wait {
            self.stop_for(StopCause::MaxWait { wait: asked });
        } else if exhausted {
            self.stop_for(StopCause::TargetDown { why });
        }
        if !asked.is_zero() {
            self.gate.close(now.tick + asked.min(self.policy.max_wait));
        }
    }

    fn unknown(
        &mut self,
        now: Now,
        seq: BatchSeq,
        wait: Option<Duration>,
        why: String,
        commands: &mut Vec<Command>,
    ) {
        self.batch(seq).tainted = true;
        if self.policy.repeatable {
            return self.again(now, seq, wait, why);
        }
        self.ambiguous(now, seq, wait, why, commands);
    }

    /// Nobody can know, and no key tells the target that it is the same: what a person or the profile decided.
    pub(super) fn ambiguous(
        &mut self,
        now: Now,
        seq: BatchSeq,
        wait: Option<Duration>,
        why: String,
        commands: &mut Vec<Command>,
    ) {
        match self.policy.on_ambiguous {
            OnAmbiguous::Resend => self.again(now, seq, wait, why),
            OnAmbiguous::Hold | OnAmbiguous::Verify => self.park(seq, why, commands),
            OnAmbiguous::Stop => {
                self.batch(seq).state = State::Waiting(now.tick);
                self.stop_for(StopCause::Ambiguous { why });
            }
        }
    }

    pub(super) fn park(&mut self, seq: BatchSeq, why: String, commands: &mut Vec<Command>) {
        self.batch(seq).state = State::Settling;
        self.commit(Entry::Park { seq, park: Park { why } }, Awaited::Park(seq), commands);
    }

    fn halve(
        &mut self,
        now: Now,
        seq: BatchSeq,
        reason: ChildReason,
        learned: Option<Limit>,
        refusal: Rejection,
        commands: &mut Vec<Command>,
    ) {
        if self.is_hollow(seq, Some(400)) {
            let why = "refused after an attempt whose outcome is unknown".to_owned();
            return self.park(seq, why, commands);
        }
        if self.batches[&seq].load().len() == 1 {
            let verdicts = Verdicts::all(RowVerdict::Rejected(refusal));
            return self.settle(now, seq, &verdicts, commands);
        }
        self.split(now, seq, reason, learned, commands);
    }
}
