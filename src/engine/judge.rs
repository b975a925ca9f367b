//! From what an answer means to what happens to the batch. Here the rule stands that all delivery rests on:
//! after an unknown outcome the same key and bytes; after a verdict never that key again.
//!
//! The taint rule (design: a refusal of the second attempt says nothing about the first): once an attempt may have
//! been carried out, a refusal of the whole request proves nothing, unless the target looks its keys up first.

use super::batch::State;
use super::credential::Remedy;
use super::event::{Command, StopCause};
use super::policy::OnAmbiguous;
use super::{Awaited, Engine, stop_cause};
use crate::model::{
    BatchSeq, Begun, Canary, ChildReason, Entry, Job, Limit, Now, Outcome, Rejection, RowVerdict, Verdicts,
};
use crate::target::Attribution;
use std::time::Duration;

/// Waits from this on are written down.
const REMEMBERED: Duration = Duration::from_secs(1);
/// Readable answers that do not fit are asked for once more.
const MISFITS_MAX: u32 = 2;
/// A refusal that no rule reads is asked for three times.
const PUZZLES_MAX: u32 = 3;
/// What a person has to know of a refusal before sending its rows once more.
const BEFORE: &str = "; an attempt before, whose answer was lost, may have applied it";
const ANSWERED: &str = "the target refuses a request under whose key it has answered before";
/// Such a refusal would count if the profile said so; what that asks of the target is for whoever lists the rows to say.
pub const WITHOUT_KEY_FIRST: &str = " (its profile does not say key_first)";
const PUZZLED: &str = "check the address and the method; if the target means it, a [[response]] in a profile says what it means";

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
            Outcome::Accepted(_) if Canary::AcceptedDelivers.is_loose() => {
                self.settle(now, seq, &Verdicts::delivered(), commands);
            }
            Outcome::Accepted(job) => {
                let batch = self.batch(seq);
                batch.job = Some(Job { known: batch.group_state.clone().unwrap_or_default(), ..job.clone() });
                batch.accepted_at = now.wall;
                self.hand.set(seq, State::Accepting);
                self.commit(Entry::Accept { seq, job, at: now.wall }, Awaited::Accept(seq), commands);
            }
            Outcome::Throttled { wait, why: _ } => self.throttled(now, seq, wait, commands),
            Outcome::NotApplied { wait, why } if self.hand.get(seq).job.is_some() => {
                // The key's answer is the job that came to nothing; the rows need a new one.
                let refusal = Rejection::local("job_failed", why);
                let verdicts = Verdicts::all(RowVerdict::Retry { wait, refusal });
                self.settle(now, seq, &verdicts, commands);
            }
            Outcome::NotApplied { wait, why } => self.again(now, seq, wait, why, commands),
            Outcome::Unknown { wait, why } => self.unknown(now, seq, wait, why, commands),
            Outcome::Misfit { why, said } => self.misfits(now, seq, why, &said, commands),
            Outcome::Puzzling { why } => {
                // Asking again is only harmless where the target knows that it is the same request.
                let once = !self.policy.repeatable && self.policy.on_ambiguous != OnAmbiguous::Resend;
                let batch = self.batch(seq);
                batch.puzzles += 1;
                if batch.puzzles < PUZZLES_MAX && !once {
                    self.again(now, seq, None, why, commands);
                } else {
                    self.put_back(seq, now.tick);
                    self.came_back(seq, commands);
                    self.stop_for(StopCause::Refused { why, hint: Some(PUZZLED.to_owned()) });
                }
            }
            Outcome::Split { learned, refusal } => {
                self.halve(now, seq, ChildReason::Split, learned, refusal, commands);
            }
            Outcome::Bisect { refusal } => {
                self.halve(now, seq, ChildReason::Bisect, None, refusal, commands);
            }
            Outcome::Doubtful { why } => self.park(seq, why, commands),
            Outcome::Refetch { why } => self.refetch(now, seq, why, commands),
            Outcome::Reauth { why } => {
                self.put_back(seq, now.tick);
                self.came_back(seq, commands);
                match self.credential.refused(self.hand.get(seq).credential, now.tick) {
                    Remedy::Wait => {}
                    Remedy::Renew => self.renew(commands),
                    Remedy::None => {
                        let hint = "the credential is not taken; see that it is the right one".to_owned();
                        self.stop_for(StopCause::Refused { why, hint: Some(hint) });
                    }
                }
            }
            Outcome::Stop { kind, why, hint } => {
                let stop = stop_cause(kind, why.clone(), hint);
                self.halt(now, seq, why, status, commands);
                self.stop_for(stop);
            }
        }
    }

    /// The answer does not fit what was sent.
    fn misfits(&mut self, now: Now, seq: BatchSeq, why: String, said: &str, commands: &mut Vec<Command>) {
        self.taint(seq);
        let may_ask = self.policy.repeatable && self.hand.get(seq).job.is_none();
        let batch = self.batch(seq);
        batch.misfits += 1;
        if may_ask && (batch.misfits < MISFITS_MAX || self.is_blind()) {
            return self.hand.set(seq, State::Waiting(now.tick));
        }
        self.told_nothing(if why.contains(said) { why.clone() } else { format!("{why} in {said}") });
        self.park(seq, why, commands);
    }

    /// The answer ends the run, and may leave open what became of the batch.
    fn halt(
        &mut self,
        now: Now,
        seq: BatchSeq,
        why: String,
        status: Option<u16>,
        commands: &mut Vec<Command>,
    ) {
        // A 4xx says that nothing was applied, and so do those that want the same request at another address: many a
        // form answers 302 or 303 after it was.
        if status.is_some_and(|status| !matches!(status, 301 | 307 | 308 | 400..500)) {
            self.taint(seq);
        }
        let batch = self.hand.get(seq);
        let is_unknown = batch.tainted && batch.job.is_none() && !self.policy.repeatable;
        if is_unknown && self.policy.on_ambiguous == OnAmbiguous::Hold {
            // No later run could ask: it is in doubt now, and not pending.
            return self.park(seq, why, commands);
        }
        self.put_back(seq, now.tick);
        self.came_back(seq, commands);
    }

    /// A whole refusal says nothing about an earlier attempt that may have been carried out.
    pub(super) fn is_hollow(&self, seq: BatchSeq, status: Option<u16>) -> bool {
        let refused_whole = status.is_some_and(|status| status >= 400);
        let hollow = refused_whole && !self.policy.key_first && self.hand.get(seq).tainted;
        hollow && !Canary::TaintIgnored.is_loose()
    }

    /// Where writing a row twice is writing it once, its rows can be sent again in smaller requests, so that only those at
    /// fault stay in doubt: of them a refusal still says nothing.
    fn goes_on_doubtful(&mut self, seq: BatchSeq) -> bool {
        if self.policy.upserts {
            self.batch(seq).planned.doubtful = true;
        }
        self.policy.upserts
    }

    /// A whole refusal of a request that goes once more for the answer that it had: rows of it were applied.
    fn was_answered(&self, seq: BatchSeq, status: Option<u16>) -> bool {
        status.is_some_and(|status| status >= 400) && self.hand.get(seq).planned.request.is_some()
    }

    fn hollow(&self) -> String {
        // A bare URL has no profile that could.
        let has_profile = !self.assembler.target().name().contains("://");
        let remedy = if self.policy.repeatable && has_profile { WITHOUT_KEY_FIRST } else { "" };
        format!("refused after an attempt whose outcome is unknown{remedy}")
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
        let is_whole = refuses(&verdicts.others) && verdicts.listed.is_empty();
        if is_whole && self.was_answered(seq, status) {
            return self.park(seq, ANSWERED.to_owned(), commands);
        }
        let decided = self.hand.get(seq).decided;
        if refused && !decided && self.is_hollow(seq, status) && !self.goes_on_doubtful(seq) {
            return self.park(seq, self.hollow(), commands);
        }
        // "It is there already", after an attempt that may have been carried out, is our own write. A target that
        // looks keys up first would have repeated what it said then: there it is somebody else's.
        let doubtful = self.hand.get(seq).planned.doubtful;
        // A group that is there is no word on these rows, though: the attempt before may have met it, too.
        let untold = (self.hand.get(seq).tainted || doubtful) && !self.policy.key_first;
        let begun = self.hand.get(seq).begun;
        let begins = begun.is_some_and(|begun| begun != Begun::Yes);
        let ours = untold && !begins && !Canary::ExistsRefuses.is_loose();
        let perhaps_ours = begun == Some(Begun::Perhaps) || untold && begins;
        let upserts = self.policy.upserts;
        let settle = |verdict: &mut RowVerdict| {
            if let (true, RowVerdict::Exists(_)) = (ours, &*verdict) {
                *verdict = RowVerdict::Delivered;
            }
            // Without keys there is none under which more could be known.
            let counts = decided && (untold || upserts);
            if let (true, RowVerdict::Rejected(refusal)) = (counts, &mut *verdict) {
                refusal.message.push_str(if untold { BEFORE } else { "" });
            } else if let (true, RowVerdict::Rejected(refusal) | RowVerdict::Exists(refusal)) =
                (doubtful, &*verdict)
            {
                *verdict = RowVerdict::InDoubt(perhaps_applied(upserts, refusal));
            }
            if let (true, RowVerdict::Exists(refusal)) = (perhaps_ours, &*verdict) {
                let why =
                    format!("rows of its group are in doubt, and may be what is there: {}", refusal.message);
                *verdict = RowVerdict::InDoubt(why);
            }
            if let RowVerdict::Exists(refusal) = verdict {
                *verdict = RowVerdict::Rejected(std::mem::take(refusal));
            }
        };
        settle(&mut verdicts.others);
        if let Some((invalid, refusal)) = verdicts.unnamed_refusals.take() {
            return self.unnamed(now, seq, invalid, refusal, commands);
        }
        verdicts.listed.iter_mut().for_each(|(_, verdict)| settle(verdict));
        self.settle(now, seq, &verdicts, commands);
    }

    /// So many rows were refused, and nobody knows which.
    fn unnamed(
        &mut self,
        now: Now,
        seq: BatchSeq,
        invalid: u64,
        refusal: Rejection,
        commands: &mut Vec<Command>,
    ) {
        let rows = self.hand.get(seq).load().len() as u64;
        if invalid == 0 {
            return self.settle(now, seq, &Verdicts::delivered(), commands);
        }
        if invalid >= rows {
            return self.settle(now, seq, &Verdicts::all(RowVerdict::Rejected(refusal)), commands);
        }
        match self.assembler.target().attribution() {
            // Writing a row twice is writing it once: the halves are sent again until the rows stand alone.
            Attribution::Bisect => self.split(now, seq, ChildReason::Bisect, None, commands),
            Attribution::Batch => self.report(now, seq, invalid, &refusal, commands),
        }
    }

    fn throttled(&mut self, now: Now, seq: BatchSeq, wait: Option<Duration>, commands: &mut Vec<Command>) {
        self.books.requests_mut().throttled += 1;
        let wait = self.patience(wait);
        self.put_back(seq, now.tick + wait.min(self.policy.max_wait));
        self.came_back(seq, commands);
        self.pause(now, wait, commands);
    }

    /// The wait that a refusal named, or one of our own: that is never longer than what is obeyed, for only the
    /// target's word may end the run.
    fn patience(&mut self, named: Option<Duration>) -> Duration {
        let own = self.policy.backoff.after_refusal(self.gate.refusals(), &mut self.rng);
        named.filter(|wait| !wait.is_zero()).unwrap_or(own.min(self.policy.max_wait))
    }

    /// A poll was refused for being too fast: that is said of the whole target, as it is of any request.
    pub(super) fn poll_throttled(
        &mut self,
        now: Now,
        seq: BatchSeq,
        wait: Option<Duration>,
        commands: &mut Vec<Command>,
    ) {
        self.books.requests_mut().throttled += 1;
        let wait = self.patience(wait);
        self.hand.set(seq, State::Polling(now.tick + wait.min(self.policy.max_wait)));
        self.pause(now, wait, commands);
    }

    /// A request that must not be repeated came back unapplied: should the run die now, it is in no doubt.
    pub(super) fn came_back(&mut self, seq: BatchSeq, commands: &mut Vec<Command>) {
        let repeatable = self.policy.repeatable;
        let batch = self.batch(seq);
        if !repeatable && !batch.tainted && batch.job.is_none() && batch.planned.may_have_left {
            batch.planned.may_have_left = false;
            self.commit(Entry::Stay { seq }, Awaited::Stay, commands);
        }
    }

    /// The target asked for patience: the gate closes for everyone, and a wait worth remembering outlives the run.
    pub(super) fn pause(&mut self, now: Now, wait: Duration, commands: &mut Vec<Command>) {
        let obeyed = wait.min(self.policy.max_wait);
        self.gate.close(now.tick + obeyed);
        if wait > self.policy.max_wait {
            self.stop_for(StopCause::MaxWait { wait });
        }
        if obeyed >= REMEMBERED {
            self.commit(Entry::Pause { until: now.wall + obeyed }, Awaited::Pause, commands);
        }
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
        if self.was_answered(seq, Some(400)) {
            return self.park(seq, ANSWERED.to_owned(), commands);
        }
        let decided = self.hand.get(seq).decided;
        let is_one = self.hand.get(seq).planned.rows.len() == 1;
        if !decided && self.is_hollow(seq, Some(400)) && !self.goes_on_doubtful(seq) {
            return self.park(seq, self.hollow(), commands);
        }
        if is_one && self.hand.get(seq).planned.doubtful && !decided {
            return self.park(seq, perhaps_applied(self.policy.upserts, &refusal), commands);
        }
        if is_one {
            let verdicts = Verdicts::all(RowVerdict::Rejected(refusal));
            return self.verdict(now, seq, verdicts, None, commands);
        }
        self.split(now, seq, reason, learned, commands);
    }
}

/// A row was refused alone, and an earlier attempt may have applied it.
fn perhaps_applied(upserts: bool, refusal: &Rejection) -> String {
    let before = if upserts { "by an attempt whose answer was lost" } else { "under another key" };
    format!("refused, and perhaps applied before {before}: {}", refusal.message)
}
