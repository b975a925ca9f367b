//! What stands between a batch that is due and its request: its rows may have expired or be blocked, its key may be
//! too old, its group's state may be unknown, and the gate has to let it pass.

use super::batch::{Batch, Kind, Shown, State};
use super::event::{Command, StopCause};
use super::gate::{Passage, Weight};
use super::policy::OnAmbiguous;
use super::{Awaited, DEFAULT_POLLING, Engine};
use crate::model::{BatchSeq, Canary, Entry, Now, Outcome, Rejection, RowVerdict, Verdicts};
use std::sync::Arc;

/// What became of a batch's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Used, one way or another.
    Used,
    /// Others may go before it.
    Passed,
    /// Nobody may go now.
    Stuck,
}

impl Engine {
    /// All that are due and may pass, in the order of the input: the pieces of an early batch go before a later
    /// one, so that what is wrong with it shows before much else is sent.
    pub(super) fn send(&mut self, now: Now, commands: &mut Vec<Command>) {
        if self.credential.is_missing() {
            if self.hand.has_due() || self.hand.next_wake().is_some() {
                self.renew(commands);
            }
            return;
        }
        if self.assembler.is_ordered()
            && self.hand.count(Kind::Absent) + self.hand.count(Kind::Rebuilding) > 0
        {
            // Whose turn it is in their groups is known when all have their rows again.
            return;
        }
        let mut after = None;
        while let Some(due) = self.hand.next_due(now.tick, after) {
            if self.is_stopping() {
                return;
            }
            let turn = match self.hand.get(due.seq()).state {
                State::Polling(_) => self.send_poll(now, due.seq(), commands),
                _ => self.send_batch(now, due.seq(), commands),
            };
            match turn {
                Turn::Used => {}
                Turn::Passed => after = Some(due),
                Turn::Stuck => return,
            }
        }
    }

    /// Asks for a new credential, unless that is under way.
    pub(super) fn renew(&mut self, commands: &mut Vec<Command>) {
        if self.credential.start() {
            commands.push(Command::Renew);
        }
    }

    fn send_poll(&mut self, now: Now, seq: BatchSeq, commands: &mut Vec<Command>) -> Turn {
        if self.gate.pass_poll(now.tick) != Passage::Go {
            return Turn::Stuck;
        }
        self.books.requests_mut().polls += 1;
        self.hand.set(seq, State::PollInFlight);
        let serial = self.credential.serial();
        let every_max = self.policy.polling.unwrap_or(DEFAULT_POLLING).every_max;
        let batch = self.batch(seq);
        batch.credential = serial;
        if now.wall.age_of(batch.poll_due).is_some_and(|late| late > every_max) {
            batch.unended = 0;
        }
        let last = batch.polled_at.replace(now.tick).unwrap_or(now.tick);
        // A time in which nobody asked (the run was stopped, or the target wanted patience) is not counted here.
        batch.job_time += now.tick.since(last).min(every_max);
        let job = batch.job.clone().expect("a polled batch has a job");
        commands.push(Command::Poll { seq, job, load: batch.load().clone() });
        Turn::Used
    }

    fn send_batch(&mut self, now: Now, seq: BatchSeq, commands: &mut Vec<Command>) -> Turn {
        if self.hand.get(seq).taken_up {
            self.take_up(now, seq, commands);
            return Turn::Used;
        }
        if self.hand.get(seq).to_verify {
            return self.ask_if_applied(now, seq, commands);
        }
        if self.refuse_overdue(now, seq, commands) || self.refuse_blocked(now, seq, commands) {
            return Turn::Used;
        }
        if self.replace_forgotten(now, seq, commands) {
            return Turn::Used;
        }
        let jobs =
            self.hand.count(Kind::Polling) + self.hand.count(Kind::Accepting) + self.hand.count(Kind::Out);
        if self.policy.polling.is_some() && jobs >= self.policy.jobs_max {
            return Turn::Passed;
        }
        if self.lacks_beginning(seq) {
            return self.look_up(seq, commands);
        }
        if self.lacks_state(seq) {
            return self.ask_for_state(now, seq, commands);
        }
        if self.gate.pass(now.tick, self.hand.get(seq).weight()) != Passage::Go {
            return Turn::Stuck;
        }
        if self.hand.get(seq).planned.may_have_left {
            self.leave(now, seq, commands);
        } else {
            self.hand.set(seq, State::Leaving);
            self.commit(Entry::Leave { seq, form: None }, Awaited::Leave(seq), commands);
        }
        Turn::Used
    }

    /// The request goes out.
    pub(super) fn leave(&mut self, now: Now, seq: BatchSeq, commands: &mut Vec<Command>) {
        self.hand.set(seq, State::InFlight);
        let serial = self.credential.serial();
        let batch = self.hand.get_mut(seq);
        batch.planned.may_have_left = true;
        batch.attempts += 1;
        if batch.shown == Shown::Never {
            batch.shown = Shown::Here(now);
        }
        batch.credential = serial;
        let load = batch.load().clone();
        let about = batch.about();
        let again = batch.attempts > 1;
        self.books.sent(load.body().len(), again);
        commands.push(Command::Send { seq, load, about });
    }

    fn ask_for_state(&mut self, now: Now, seq: BatchSeq, commands: &mut Vec<Command>) -> Turn {
        if let Some(state) = self.known_state(seq) {
            self.prepare(now, seq, state, commands);
            return Turn::Used;
        }
        if self.gate.pass(now.tick, Weight::default()) != Passage::Go {
            return Turn::Stuck;
        }
        self.books.requests_mut().sent += 1;
        self.hand.set(seq, State::Asking);
        let serial = self.credential.serial();
        let batch = self.batch(seq);
        batch.credential = serial;
        let known = batch.steps.clone();
        commands.push(Command::ReadState { seq, load: batch.load().clone(), known });
        Turn::Used
    }

    fn ask_if_applied(&mut self, now: Now, seq: BatchSeq, commands: &mut Vec<Command>) -> Turn {
        if self.gate.pass(now.tick, Weight::default()) != Passage::Go {
            return Turn::Stuck;
        }
        self.books.requests_mut().sent += 1;
        self.hand.set(seq, State::Verifying);
        let serial = self.credential.serial();
        let batch = self.batch(seq);
        batch.credential = serial;
        commands.push(Command::Verify { seq, load: batch.load().clone(), about: batch.about() });
        Turn::Used
    }

    pub(super) fn verified(
        &mut self,
        now: Now,
        seq: BatchSeq,
        applied: Result<Option<bool>, Box<Outcome>>,
        commands: &mut Vec<Command>,
    ) {
        self.gate.turned_back();
        let applied = match applied {
            Ok(applied) => applied,
            Err(outcome) => return self.judge(now, seq, *outcome, None, commands),
        };
        if applied.is_some() {
            self.credential.taken(self.hand.get(seq).credential);
        }
        match applied {
            Some(true) if !self.assembler.target().applies_whole() => {
                let why = "the target says that the request came through, and not which of its rows it took";
                self.park(seq, why.to_owned(), commands);
            }
            Some(true) => self.settle(now, seq, &Verdicts::delivered(), commands),
            // The same request goes again: whoever asks about its key later is told of each attempt.
            Some(false) => {
                let batch = self.batch(seq);
                (batch.tainted, batch.to_verify) = (false, false);
                let why = "the target says that it was not applied".to_owned();
                self.again(now, seq, None, why, commands);
            }
            None => {
                let batch = self.batch(seq);
                batch.failures += 1;
                let failures = batch.failures;
                if failures >= self.policy.attempts {
                    let why = "whether it was applied could not be found out".to_owned();
                    return self.park(seq, why, commands);
                }
                let wait = self.policy.backoff.wait(failures, &mut self.rng);
                self.put_back(seq, now.tick + wait);
            }
        }
    }

    /// Whether the same request may go again: the target still remembers its key, or repeating is harmless.
    pub(super) fn may_repeat(&self, now: Now, batch: &Batch) -> bool {
        self.policy.repeatable && self.is_fresh(now, batch)
    }

    fn is_fresh(&self, now: Now, batch: &Batch) -> bool {
        if Canary::OldKeysSent.is_loose() || batch.shown == Shown::Never {
            return true; // a key that nobody knows can't be forgotten
        }
        // One of unknown age counts as too old.
        self.policy.key_age_max().is_none_or(|max| batch.key_age(now).is_some_and(|age| age < max))
    }

    /// A request that may not go again as it is. Whether that was dealt with here.
    fn replace_forgotten(&mut self, now: Now, seq: BatchSeq, commands: &mut Vec<Command>) -> bool {
        let batch = self.hand.get(seq);
        let fresh = self.is_fresh(now, batch);
        if !batch.tainted {
            // It came back unapplied each time (429s, for instance), longer than a key lives: a new key is safe.
            if !fresh {
                self.resend(now, seq, commands);
                return true;
            }
            return false;
        }
        if self.policy.repeatable && fresh {
            return false;
        }
        let resends = self.policy.on_ambiguous == OnAmbiguous::Resend;
        if resends && !self.assembler.target().verifies() {
            if self.policy.repeatable {
                // A person decided that doubling is better than missing; an old key is sent in no case.
                self.resend(now, seq, commands);
                return true;
            }
            return false;
        }
        let why = if self.policy.repeatable {
            "the target no longer remembers its key"
        } else {
            "the run that sent it ended before its answer came"
        };
        self.ambiguous(now, seq, why.to_owned(), commands);
        true
    }

    /// A person decided that rows in doubt go again: under their own key while the target remembers it, since that
    /// doubles nothing, else under a new one. Or it is to be asked whether they were applied.
    fn take_up(&mut self, now: Now, seq: BatchSeq, commands: &mut Vec<Command>) {
        let batch = self.hand.get(seq);
        let asks = self.policy.on_ambiguous == OnAmbiguous::Verify;
        if batch.planned.may_have_left && (asks || self.may_repeat(now, batch)) {
            self.hand.set(seq, State::Settling);
            self.commit(Entry::TakeUp { seq }, Awaited::TakeUp(seq), commands);
        } else {
            self.resend(now, seq, commands);
        }
    }

    /// Rows whose time is over are refused, and never sent; those that may have been sent are in doubt.
    fn refuse_overdue(&mut self, now: Now, seq: BatchSeq, commands: &mut Vec<Command>) -> bool {
        let batch = self.hand.get(seq);
        if batch.expires.is_none_or(|at| at > now.wall) {
            return false;
        }
        if batch.tainted || batch.planned.doubtful {
            let why = "its time was over before anybody knew whether it was applied".to_owned();
            self.park(seq, why, commands);
            return true;
        }
        let target = Arc::clone(self.assembler.target());
        let is_over = |text: &[u8]| target.expiry(text).ok().flatten().is_some_and(|at| at <= now.wall);
        let over = Rejection::local("expired", "its time was over before it could be sent");
        self.refuse_some(now, seq, |_, text| is_over(text).then(|| over.clone()), commands)
    }

    /// Later rows of a group that lost one.
    fn refuse_blocked(&mut self, now: Now, seq: BatchSeq, commands: &mut Vec<Command>) -> bool {
        let batch = self.hand.get(seq);
        if self.blocked.is_empty()
            || batch.tainted
            || batch.planned.doubtful
            || !batch.groups.iter().any(|g| self.blocked.contains_key(g))
        {
            return false;
        }
        let load = batch.load().clone();
        // Rows that stand before the refused one are as good as ever.
        let is_blocked = |index| {
            let group = self.assembler.group(&self.assembler.row(&load, index)).ok().flatten();
            group
                .and_then(|group| self.blocked.get(&group))
                .is_some_and(|first| load.mark(index).ordinal > *first)
        };
        let blocked: Vec<bool> = (0..load.len()).map(is_blocked).collect();
        let why = Rejection::local("blocked", "an earlier row of its group was refused");
        self.refuse_some(now, seq, |index, _| blocked[index].then(|| why.clone()), commands)
    }

    fn refuse_some(
        &mut self,
        now: Now,
        seq: BatchSeq,
        refusal: impl Fn(usize, &[u8]) -> Option<Rejection>,
        commands: &mut Vec<Command>,
    ) -> bool {
        let load = self.hand.get(seq).load().clone();
        let listed: Vec<(u32, RowVerdict)> = (0..load.len())
            .filter_map(|index| Some((index as u32, RowVerdict::Rejected(refusal(index, load.text(index))?))))
            .collect();
        if listed.is_empty() {
            return false;
        }
        let verdicts = Verdicts { listed, ..Verdicts::all(RowVerdict::Resend) };
        self.settle(now, seq, &verdicts, commands);
        true
    }

    /// What ends a run whose target gives the same rows back again and again.
    pub(super) fn give_up_on_rows(&mut self, why: String) {
        self.stop_for(StopCause::TargetDown { why });
    }
}
