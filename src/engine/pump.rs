//! What to do next, at our own pace: ends first, then what is owed, then what may leave, then more to read.

use super::batch::{Kind, State};
use super::event::{Command, Ending, StopCause};
use super::policy::OnAmbiguous;
use super::{Awaited, Batch, Engine, Formed, Input};
use crate::model::{
    Asked, BatchKey, BatchSeq, Canary, Circumstances, Close, DeadLetter, Digest, Entry, ImportState, Load,
    Moment, NaturalKey, Noted, Now, Passed, Planned, Rejection, Settled,
};

/// Batches formed and not yet planned.
const READY_MAX: usize = 2;
/// Batches planned ahead of a slot.
const AHEAD_MAX: usize = 4;
/// Batches cut and written down in one go, where they are small: a row in a request of its own would else cost a turn
/// of every thread.
const TOGETHER_MAX: usize = 64;
/// Bytes in hand, above which nothing is added while batches wait for earlier ones of their groups.
const HELD_BACK_MAX: usize = 12 << 20;
/// Bytes in hand, above which no next stretch of rows is sorted into groups while there is enough to send: a stretch is
/// held in memory twice while it is sorted.
const STRETCH_BESIDE_MAX: usize = 4 << 20;
/// Batches that a fast target takes while a stretch is sorted.
const TAKEN_MEANWHILE: usize = 512;

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
        } else if self.policy.keep_rows {
            self.write_down_all(now, commands);
        }
        if self.is_stopping() && self.is_quiet() && !self.stay_all(commands) || self.is_spent() {
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
    pub const fn is_stopping(&self) -> bool {
        self.stop.is_some()
    }

    /// Nothing is left to do: the import is complete, or all that could be read of it is settled.
    fn is_spent(&self) -> bool {
        let complete = self.import.state != ImportState::Open;
        complete
            || self.input == Input::Cut && self.hand.is_empty() && self.ready.is_empty() && self.is_quiet()
    }

    /// Batches of an earlier run get their bytes back, a few at a time; all, where their order matters.
    fn rebuild(&mut self, now: Now, commands: &mut Vec<Command>) {
        let room = if self.assembler.is_ordered() {
            usize::MAX
        } else {
            self.gate.limit().saturating_add(AHEAD_MAX)
        };
        while let Some(seq) = self.hand.first_absent() {
            let batch = self.hand.get(seq);
            let unknown = batch.tainted && batch.job.is_none() && !batch.taken_up;
            // Nobody needs the bytes of a batch whose doubt is not going to end.
            let stays = matches!(self.policy.on_ambiguous, OnAmbiguous::Hold | OnAmbiguous::Stop);
            // Where groups have a beginning, it has to be known whose they are, and for that what is in it.
            let nameless = unknown && stays && !self.assembler.begins_groups();
            if nameless && !self.may_repeat(now, batch) {
                let why = "the run that sent it ended before its answer came".to_owned();
                self.ambiguous(now, seq, why, commands);
                if self.is_stopping() {
                    return;
                }
                continue;
            }
            if self.hand.len() - self.hand.count(Kind::Absent) >= room {
                break;
            }
            let command = if batch.planned.kept {
                Command::Recall { seq }
            } else {
                let own = || Asked { start: batch.planned.start, rows: batch.planned.rows.clone() };
                let Asked { start, rows } = batch.planned.request.clone().unwrap_or_else(own);
                Command::Rebuild { seq, start, rows, state: batch.group_state.clone() }
            };
            self.hand.set(seq, State::Rebuilding);
            commands.push(command);
        }
    }

    /// What was read and can't be read again goes into the ledger before the run ends, sent or not.
    fn write_down_all(&mut self, now: Now, commands: &mut Vec<Command>) {
        if self.forming > 0 && !std::mem::replace(&mut self.stopped_waiting, true) {
            commands.push(Command::StopWaiting);
        }
        while let Some(formed) = self.ready.pop_front() {
            self.plan_formed(now, formed, commands);
        }
    }

    /// Writes batches down, a few ahead of the slots.
    fn plan(&mut self, now: Now, commands: &mut Vec<Command>) {
        if self.assembler.is_ordered()
            && self.hand.count(Kind::Absent) + self.hand.count(Kind::Rebuilding) > 0
        {
            return;
        }
        loop {
            let together = self.ready.front().map_or(0, |formed| formed.loads.len());
            let room = self.room(together);
            let jobs = self.hand.count(Kind::Polling) + self.hand.count(Kind::Accepting);
            let full = self.hand.ready() >= room
                || jobs >= self.policy.jobs_max && self.hand.ready() > 0
                || self.hand.bytes() > HELD_BACK_MAX && self.hand.has_held_back();
            let next_has_load = self.ready.front().is_some_and(|formed| !formed.loads.is_empty());
            if self.ready.is_empty() || next_has_load && full {
                return;
            }
            let formed = self.ready.pop_front().expect("it is not empty");
            self.plan_formed(now, formed, commands);
        }
    }

    /// Batches that may wait for a slot, where so many come together.
    fn room(&self, together: usize) -> usize {
        self.gate.free_slots() + self.gate.limit().min(AHEAD_MAX.max(together))
    }

    /// Writes one cut of the input down.
    fn plan_formed(&mut self, now: Now, formed: Formed, commands: &mut Vec<Command>) {
        let refused_with: Vec<Settled> = formed.refused.iter().map(refused_here).collect();
        if formed.loads.is_empty() {
            let Formed { refused, cursor, passed, starts, .. } = formed;
            let entry = Entry::Refuse { refused, cursor, passed, starts };
            return self.commit(entry, Awaited::Refuse(refused_with, passed), commands);
        }
        let Formed { loads, closes, refused, passed, starts, cursor } = formed;
        let mut batches = Vec::with_capacity(loads.len());
        let (mut natural, mut kept) = (Vec::new(), Vec::new());
        for ((load, key, body_hash), close) in loads.into_iter().zip(closes) {
            let planned = self.plan_one(now, &load, key, body_hash, close);
            natural.extend(self.natural_key(now, &planned, &load));
            let mut batch = Batch::new(planned.clone(), None, State::Planning);
            batch.groups = self.assembler.groups(&load);
            batch.expires = self.assembler.expires(&load);
            if planned.kept {
                kept.push((planned.seq, load.clone()));
            }
            batch.load = Some(load);
            if Canary::SentBeforePlanned.is_loose() {
                batch.state = State::Waiting(now.tick);
            }
            self.hand.insert(planned.seq, batch);
            batches.push(planned);
        }
        let seqs = batches.iter().map(|planned| planned.seq).collect();
        if Canary::CursorBeforeRows.is_loose() {
            let none = Passed::default();
            let ahead = Entry::Refuse { refused: Vec::new(), cursor, passed: none, starts: Vec::new() };
            self.commit(ahead, Awaited::Refuse(Vec::new(), none), commands);
        }
        let entry = Entry::Plan { batches, natural, refused, cursor, kept, passed, starts };
        self.commit(entry, Awaited::Plan(seqs, refused_with, passed), commands);
    }

    /// The plan is durable; what the ledger found meanwhile counts.
    pub(super) fn plan_committed(
        &mut self,
        now: Now,
        batches: Vec<BatchSeq>,
        noted: &Noted,
        commands: &mut Vec<Command>,
    ) {
        for seq in batches {
            if noted.taken.contains(&seq) {
                let batch = self.hand.remove(seq).expect("it was being planned");
                let place = batch.load().mark(0).place;
                let taken = Settled::new(place, Settled::REJECTED, None);
                self.refused_here(vec![taken], Passed::default(), commands);
                continue;
            }
            self.hand.set(seq, State::Waiting(now.tick));
            self.books.planned();
        }
        for (seq, refusals) in &noted.refusals {
            self.batch(*seq).planned.refusals = *refusals;
        }
    }

    fn plan_one(&mut self, now: Now, load: &Load, key: BatchKey, body_hash: Digest, close: Close) -> Planned {
        let seq = self.next_seq;
        self.next_seq = BatchSeq(seq.0 + 1);
        Planned {
            seq,
            parent: None,
            rank: seq,
            generation: 0,
            rows: load.row_set(),
            close,
            start: load.mark(0).place,
            request: None,
            source_bytes: load.source_bytes(),
            key,
            body_hash,
            planned_at: now.wall,
            may_have_left: self.policy.repeatable && !self.assembler.needs_state() && !self.is_stopping(),
            row_attempts: 0,
            group_state: None,
            refusals: 0,
            doubtful: false,
            kept: self.policy.keep_rows,
            parked: None,
        }
    }

    /// The key that the one row of a batch brings along, and what is written if another row has it.
    fn natural_key(&self, now: Now, planned: &Planned, load: &Load) -> Option<NaturalKey> {
        let key = self.assembler.target().natural_key(&self.assembler.row(load, 0)).ok()??;
        let why = format!("another row of this import has the key `{key}`");
        let mark = load.mark(0);
        let about = Circumstances {
            input: &self.inputs[mark.place.input as usize],
            import_id: &self.import.id.hex(),
            batch: None,
            attempt: 0,
            at: now.wall,
        };
        let refusal = Rejection::local("duplicate_key", why);
        let otherwise = DeadLetter::of_row(mark, load.text(0), &refusal, &about);
        Some(NaturalKey { seq: planned.seq, key: Digest::of(key.as_bytes()), otherwise })
    }

    /// An orderly end: batches that surely were not applied are in no doubt on the next run, though they were
    /// planned to leave. Whether anything was written for that.
    fn stay_all(&mut self, commands: &mut Vec<Command>) -> bool {
        if self.must_end_now() {
            return false;
        }
        let stays = self.hand.unsent();
        for seq in &stays {
            self.batch(*seq).planned.may_have_left = false;
            self.commit(Entry::Stay { seq: *seq }, Awaited::Stay, commands);
        }
        !stays.is_empty()
    }

    fn form(&mut self, commands: &mut Vec<Command>) {
        // Where rows are sorted into groups, one cut is many batches.
        let sorts = self.assembler.target().group().is_some();
        let ready_max = if sorts { 1 } else { READY_MAX };
        let enough = self.room(usize::MAX).max(TAKEN_MEANWHILE);
        if sorts && self.hand.bytes() > STRETCH_BESIDE_MAX && self.hand.ready() >= enough {
            return;
        }
        while self.input == Input::Open && self.ready.len() + self.forming < ready_max {
            self.forming += 1;
            commands.push(Command::Form { batches: self.gate.paces().clamp(1, TOGETHER_MAX) });
        }
    }

    fn complete(&mut self, commands: &mut Vec<Command>) {
        if !self.ready.is_empty() || self.stop.is_some() || self.untold > 0 {
            return;
        }
        match self.input {
            Input::Ended(cursor) if !self.awaits(|awaited| matches!(awaited, Awaited::Drained)) => {
                self.commit(Entry::Drained { cursor }, Awaited::Drained, commands);
            }
            Input::Drained if self.hand.is_empty() && self.awaited.is_empty() => {
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
        for formed in self.ready.drain(..) {
            self.books.unread(formed.rows_read(), formed.bytes_read());
        }
        let complete = self.import.state != ImportState::Open;
        let cause = if complete { None } else { self.stop_cause().cloned() };
        let exit = match &cause {
            None => self.exit_of_books(),
            Some(StopCause::Limit) => 0,
            Some(StopCause::Ledger(_)) => 74,
            Some(StopCause::Source { changed: true, .. }) => 6,
            Some(
                StopCause::Source { .. }
                | StopCause::Refused { .. }
                | StopCause::Unread { .. }
                | StopCause::Results { .. },
            ) => 1,
            Some(_) => 4,
        };
        commands.push(Command::Finish(Ending { exit, cause }));
    }

    /// Ends without waiting for what is in flight (the drain took too long).
    pub fn cut_short(&mut self, commands: &mut Vec<Command>) {
        if !self.finished {
            self.stop_for(StopCause::Signal);
            if self.stop == Some(StopCause::Signal) {
                self.stop = Some(StopCause::CutShort);
            }
            self.end(commands);
        }
    }

    fn wake(&mut self, now: Now, commands: &mut Vec<Command>) {
        // A batch that may not be planned yet because the gate is closed waits for its opening, too.
        let opening = self.gate.next_opening();
        let opens = Some(opening).filter(|_| self.hand.has_due() || !self.ready.is_empty());
        let due = self.hand.next_wake().map(|at| at.max(opening));
        let limit = match (self.policy.max_elapsed, self.started) {
            (Some(max), Some(started)) => Some(started + max),
            _ => None,
        };
        let next: Option<Moment> =
            due.into_iter().chain(opens).chain(limit).filter(|at| *at > now.tick).min();
        if let Some(at) = next {
            commands.push(Command::WakeAt(at));
        }
    }
}

/// A row that was refused before it was sent.
const fn refused_here(letter: &DeadLetter) -> Settled {
    Settled::new(letter.mark.place, Settled::REJECTED, None)
}
