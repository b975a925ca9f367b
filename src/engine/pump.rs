//! What to do next, at our own pace: ends first, then what is owed, then what may leave, then more to read.

use super::batch::State;
use super::event::{Command, Ending, Settled, StopCause};
use super::gate::Passage;
use super::policy::OnAmbiguous;
use super::{Awaited, Batch, Engine, Input};
use crate::model::{BatchSeq, Entry, ImportState, Moment, Now, Planned};

/// Batches formed and not yet planned.
const READY_MAX: usize = 2;
/// Batches planned ahead of a slot.
const AHEAD_MAX: usize = 4;

impl Engine {
    pub(super) fn pump(&mut self, now: Now, commands: &mut Vec<Command>) {
        if self.finished {
            return;
        }
        self.watch_the_clock(now);
        if self.must_end_now() {
            return self.end(commands);
        }
        if !self.is_stopping() {
            self.rebuild(now, commands);
            self.plan(now, commands);
            self.send(now, commands);
            self.form(commands);
            self.complete(commands);
        }
        if self.is_stopping() && self.is_quiet() || self.is_spent() {
            return self.end(commands);
        }
        self.wake(now, commands);
    }

    fn watch_the_clock(&mut self, now: Now) {
        if let (Some(max), Some(started)) = (self.policy.max_elapsed, self.started)
            && now.tick.since(started) >= max
        {
            self.stop_for(StopCause::MaxElapsed);
        }
    }

    /// After a ledger failure nothing may be sent or written any more.
    fn must_end_now(&self) -> bool {
        matches!(self.stop, Some(StopCause::Ledger(_)))
    }

    /// No new request leaves. A reached limit and a broken file are no such stops: what was read before is sent.
    pub(super) fn is_stopping(&self) -> bool {
        !matches!(self.stop, None | Some(StopCause::Limit | StopCause::Source { changed: false, .. }))
    }

    /// Nothing is left to do: the import is complete, or all that could be read of it is settled.
    fn is_spent(&self) -> bool {
        let complete = self.import.state != ImportState::Open;
        complete
            || self.input == Input::Cut && self.batches.is_empty() && self.ready.is_empty() && self.is_quiet()
    }

    /// Batches of an earlier run get their bytes back, a few at a time.
    fn rebuild(&mut self, now: Now, commands: &mut Vec<Command>) {
        let room = self.gate.limit() + AHEAD_MAX;
        let mut in_hand = self.batches.values().filter(|batch| batch.state != State::Absent).count();
        let absent: Vec<BatchSeq> = self
            .batches
            .iter()
            .filter(|(_, batch)| batch.state == State::Absent)
            .map(|(seq, _)| *seq)
            .collect();
        for seq in absent {
            let batch = &self.batches[&seq];
            let unknown = batch.tainted && batch.job.is_none() && !batch.taken_up;
            if unknown
                && self.policy.on_ambiguous != OnAmbiguous::Resend
                && !self.may_repeat(now, &batch.planned)
            {
                let why = "the run that sent it ended before its answer came".to_owned();
                self.ambiguous(now, seq, None, why, commands);
                continue;
            }
            if in_hand >= room {
                break;
            }
            in_hand += 1;
            let batch = self.batch(seq);
            batch.state = State::Rebuilding;
            let (start, rows) = (batch.planned.start, batch.planned.rows.clone());
            commands.push(Command::Rebuild { seq, start, rows });
        }
    }

    /// Whether the same request may go again: the target still remembers its key, or repeating is harmless.
    fn may_repeat(&self, now: Now, planned: &Planned) -> bool {
        let fresh = match self.policy.key_age_max() {
            None => true,
            // A clock that went back knows no ages, so the key counts as too old.
            Some(max) => now.wall.age_of(planned.planned_at).is_some_and(|age| age < max),
        };
        self.policy.repeatable && fresh
    }

    /// Writes batches down, a few ahead of the slots.
    fn plan(&mut self, now: Now, commands: &mut Vec<Command>) {
        loop {
            let waits = |batch: &&Batch| matches!(batch.state, State::Planning | State::Waiting(_));
            let waiting = self.batches.values().filter(waits).count();
            let room = self.gate.free_slots() + self.gate.limit().min(AHEAD_MAX);
            let next_has_load = self.ready.front().is_some_and(|formed| formed.load.is_some());
            if self.ready.is_empty() || next_has_load && waiting >= room {
                return;
            }
            let formed = self.ready.pop_front().expect("it is not empty");
            self.books.note_reasons(&formed.refused);
            let refused_with: Vec<Settled> = formed.refused.iter().map(Settled::refused).collect();
            let Some((load, key, body_hash)) = formed.load else {
                let entry = Entry::Refuse { refused: formed.refused, cursor: formed.cursor };
                self.commit(entry, Awaited::Refuse(refused_with), commands);
                continue;
            };
            let seq = self.next_seq;
            self.next_seq = BatchSeq(seq.0 + 1);
            let planned = Planned {
                seq,
                parent: None,
                generation: 0,
                rows: load.row_set(),
                start: load.mark(0).place,
                source_bytes: load.source_bytes(),
                key,
                body_hash,
                planned_at: now.wall,
                may_have_left: self.policy.repeatable,
                row_attempts: 0,
                parked: None,
            };
            let mut batch = Batch::new(planned.clone(), Some(load), State::Planning);
            batch.refused_with = refused_with;
            self.batches.insert(seq, batch);
            let entry = Entry::Plan { batch: planned, refused: formed.refused, cursor: formed.cursor };
            self.commit(entry, Awaited::Plan(seq), commands);
        }
    }

    fn send(&mut self, now: Now, commands: &mut Vec<Command>) {
        let due = |state: State| match state {
            State::Waiting(at) | State::Polling(at) => at <= now.tick,
            _ => false,
        };
        // In the order of the input: the pieces of an early batch go before a later one, so that what is wrong with
        // it shows before much else is sent.
        let mut due: Vec<_> = self
            .batches
            .iter()
            .filter(|(_, batch)| due(batch.state))
            .map(|(seq, batch)| (batch.planned.rows.first(), *seq))
            .collect();
        due.sort_unstable();
        for (_, seq) in due {
            let passed = match self.batches[&seq].state {
                State::Polling(_) => self.send_poll(now, seq, commands),
                _ => self.send_batch(now, seq, commands),
            };
            if !passed {
                return;
            }
        }
    }

    fn send_poll(&mut self, now: Now, seq: BatchSeq, commands: &mut Vec<Command>) -> bool {
        if self.gate.pass_poll(now.tick) != Passage::Go {
            return false;
        }
        self.books.requests_mut().polls += 1;
        let batch = self.batch(seq);
        batch.state = State::PollInFlight;
        let job = batch.job.clone().expect("a polled batch has a job");
        commands.push(Command::Poll { seq, job, load: batch.load().clone() });
        true
    }

    fn send_batch(&mut self, now: Now, seq: BatchSeq, commands: &mut Vec<Command>) -> bool {
        let batch = &self.batches[&seq];
        if batch.taken_up {
            self.resend_doubt(now, seq, commands);
            return true;
        }
        let asked_before = batch.tainted;
        if asked_before
            && self.policy.on_ambiguous != OnAmbiguous::Resend
            && !self.may_repeat(now, &batch.planned)
        {
            let why = "the target no longer remembers its key".to_owned();
            self.ambiguous(now, seq, None, why, commands);
            return true;
        }
        let rows = batch.planned.rows.len();
        if self.gate.pass(now.tick, rows) != Passage::Go {
            return false;
        }
        if batch.planned.may_have_left {
            self.leave(seq, commands);
        } else {
            self.batch(seq).state = State::Leaving;
            self.commit(Entry::Leave { seq }, Awaited::Leave(seq), commands);
        }
        true
    }

    /// The request goes out.
    pub(super) fn leave(&mut self, seq: BatchSeq, commands: &mut Vec<Command>) {
        let batch = self.batch(seq);
        batch.planned.may_have_left = true;
        batch.state = State::InFlight;
        batch.attempts += 1;
        let again = batch.attempts > 1;
        let load = batch.load().clone();
        let (key, planned_at) = (batch.planned.key, batch.planned.planned_at);
        self.books.sent(load.body().len(), again);
        commands.push(Command::Send { seq, key, load, planned_at });
    }

    fn form(&mut self, commands: &mut Vec<Command>) {
        while self.input == Input::Open && self.ready.len() + self.forming < READY_MAX {
            self.forming += 1;
            commands.push(Command::Form);
        }
    }

    fn complete(&mut self, commands: &mut Vec<Command>) {
        if !self.ready.is_empty() || self.stop.is_some() {
            return;
        }
        match self.input {
            Input::Ended(cursor) if !self.awaits(|awaited| matches!(awaited, Awaited::Drained)) => {
                self.commit(Entry::Drained { cursor }, Awaited::Drained, commands);
            }
            Input::Drained if self.batches.is_empty() && self.awaited.is_empty() => {
                let exit = self.exit_of_books();
                self.commit(Entry::Complete { exit }, Awaited::Complete(exit), commands);
            }
            _ => {}
        }
    }

    fn awaits(&self, what: impl Fn(&Awaited) -> bool) -> bool {
        self.awaited.values().any(what)
    }

    const fn exit_of_books(&self) -> u8 {
        let tally = self.books.tally();
        match (tally.in_doubt, tally.rejected) {
            (0, 0) => 0,
            (0, _) => 3,
            (_, _) => 5,
        }
    }

    fn end(&mut self, commands: &mut Vec<Command>) {
        self.finished = true;
        // What was read and never written down goes back to the input.
        let unread: u64 = self.ready.drain(..).map(|formed| formed.rows_read()).sum();
        self.books.unread(unread);
        let complete = self.import.state != ImportState::Open;
        let cause = if complete { None } else { self.stop.clone() };
        let exit = match &cause {
            None | Some(StopCause::Limit) => self.exit_of_books(),
            Some(StopCause::Ledger(_)) => 74,
            Some(StopCause::Source { changed: true, .. }) => 6,
            Some(StopCause::Source { .. } | StopCause::Refused { .. } | StopCause::Results { .. }) => 1,
            Some(_) => 4,
        };
        commands.push(Command::Finish(Ending { exit, cause }));
    }

    /// Ends without waiting for what is in flight (the drain took too long).
    pub fn cut_short(&mut self, commands: &mut Vec<Command>) {
        if !self.finished {
            self.stop_for(StopCause::Signal);
            self.end(commands);
        }
    }

    fn wake(&mut self, now: Now, commands: &mut Vec<Command>) {
        // A batch that may not be planned yet because the gate is closed waits for its opening, too.
        let opening = Some(self.gate.next_opening()).filter(|at| *at > now.tick && !self.ready.is_empty());
        let due = self.next_due(now.tick).into_iter().chain(opening).min();
        let limit = match (self.policy.max_elapsed, self.started) {
            (Some(max), Some(started)) => Some(started + max),
            _ => None,
        };
        let next: Option<Moment> = due.into_iter().chain(limit).min();
        if let Some(at) = next {
            commands.push(Command::WakeAt(at));
        }
    }
}
