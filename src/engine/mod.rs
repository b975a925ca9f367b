//! The study: the verbs. [`Engine::step`] takes what happened and says what to do; it touches nothing.
//!
//! Time comes in with each event, chance from a seed, failure as an [`Event`]. Two steps with the same past and
//! the same event give the same commands: that is what makes the simulation, and so the promise, possible.
//! The engine never reads a clock, a file or a socket, and holds no row that is not in flight or next.

mod backoff;
mod batch;
mod batcher;
mod books;
mod children;
mod concurrency;
mod credential;
mod event;
mod gate;
mod group_state;
mod hand;
mod judge;
mod known;
mod line_ends;
mod pace;
mod policy;
mod polling;
mod pump;
mod recount;
mod recovery;
mod sending;
mod settle;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests;
mod uncertain;
mod wait;

pub use backoff::Backoff;
pub use batcher::{Assembler, BatchLimits, Formed};
pub use books::Books;
pub use concurrency::Concurrency;
pub use event::{Answer, Command, Ending, Event, NoCredential, Sent, StopCause};
pub use gate::{Gate, Rate};
pub use judge::WITHOUT_KEY_FIRST;
pub use policy::{MaxRejects, OnAmbiguous, Policy, sent_until};
pub use recount::{Recorded, Recount, Recounted, Refusal};
pub use wait::Wait;

use crate::model::{
    BatchSeq, Cursor, Entry, GroupId, ImportRecord, Moment, Noted, Now, Ordinal, Passed, Settled, StopKind,
};
use crate::target::GroupState;
use batch::{Batch, Kind, State};
use credential::Credential;
use hand::Hand;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// For a job that an earlier run of another profile left behind.
const DEFAULT_POLLING: crate::target::Polling = crate::target::Polling {
    every: Duration::from_secs(2),
    backoff: 1.5,
    every_max: Duration::from_secs(30),
    deadline: None,
    grace: Duration::from_secs(10),
    retention: None,
};

/// What a commit is about, so that its acknowledgement finds its way.
#[derive(Debug)]
enum Awaited {
    Plan(Vec<BatchSeq>, Vec<Settled>, Passed),
    Refuse(Vec<Settled>, Passed),
    Leave(BatchSeq),
    /// The request is whole; it waits for its passage.
    Prepare(BatchSeq),
    Stay,
    Step(BatchSeq),
    Accept(BatchSeq),
    Finish(Box<settle::Finished>),
    Park(BatchSeq),
    TakeUp(BatchSeq),
    Pause,
    Drained,
    Complete(u8),
}

/// How far the input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    Open,
    /// Its end was read; the ledger does not know yet.
    Ended(Cursor),
    Drained,
    /// Reading stopped before the end (limit, broken file, stop): the run can't complete the import.
    Cut,
}

/// Rows of which a share is taken at least, as long as nobody knows how many there are.
const EARLY: u64 = 100;

/// The deciding part of one run of one import.
#[derive(Debug)]
pub struct Engine {
    policy: Policy,
    assembler: Arc<Assembler>,
    import: ImportRecord,
    inputs: Arc<[String]>,
    gate: Gate,
    rng: fastrand::Rng,
    hand: Hand,
    ready: VecDeque<Formed>,
    /// Batches asked of the forming thread and not yet here.
    forming: usize,
    /// It was told to wait for no more input.
    stopped_waiting: bool,
    awaited: BTreeMap<u64, Awaited>,
    next_ticket: u64,
    next_seq: BatchSeq,
    input: Input,
    /// Why no new request may leave.
    stop: Option<StopCause>,
    /// Why no more is read, though the input has not ended: what was read is sent all the same.
    cut: Option<StopCause>,
    /// Rows told for `--results` and not known to be written.
    untold: usize,
    finished: bool,
    books: Books,
    /// Any row was delivered in this run: first contact has gone well.
    contact: bool,
    /// Batches in a row of which no answer told anything.
    blind: u32,
    credential: Credential,
    /// What went wrong last, for whoever watches.
    trouble: Option<wait::Trouble>,
    outage: Option<uncertain::Outage>,
    /// The end of the input was read in this run: nobody closed it before.
    is_whole: bool,
    /// States of groups that need not be asked for.
    known: HashMap<GroupId, GroupState>,
    /// Groups that lost a row, and the first one that they lost: what comes after it is refused.
    blocked: HashMap<GroupId, Ordinal>,
    started: Option<Moment>,
    taken: settle::Taken,
}

impl Engine {
    /// The engine of a run that goes on from what recovery found (a new import is one with nothing in it).
    pub fn new(
        policy: Policy,
        assembler: Arc<Assembler>,
        inputs: Arc<[String]>,
        seed: u64,
        recovered: crate::model::Recovered,
        now: Now,
    ) -> Self {
        recovery::engine(policy, assembler, inputs, seed, recovered, now)
    }

    /// Takes one event and appends what is to be done. An event only changes what is known; what to do is decided
    /// after it, at our own pace.
    pub fn step(&mut self, now: Now, event: Event, commands: &mut Vec<Command>) {
        if self.finished {
            return;
        }
        self.started.get_or_insert(now.tick);
        self.note(now, event, commands);
        self.pump(now, commands);
        debug_assert!(self.books.tally().balances(), "the books balance: {:?}", self.books.tally());
    }

    pub fn books(&self) -> &Books {
        &self.books
    }

    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    pub fn in_flight(&self) -> usize {
        self.hand.count(Kind::Out)
    }

    pub fn import(&self) -> &ImportRecord {
        &self.import
    }

    /// The graver of what stops the run and what cut its input short.
    pub fn stop_cause(&self) -> Option<&StopCause> {
        self.stop.iter().chain(&self.cut).max_by_key(|cause| cause.gravity())
    }

    fn note(&mut self, now: Now, event: Event, commands: &mut Vec<Command>) {
        match event {
            Event::Woke => {}
            Event::Formed(formed) => {
                self.forming -= 1;
                self.books.read(formed.rows_read(), formed.bytes_read());
                self.ready.push_back(formed);
            }
            Event::Idle => self.forming -= 1,
            Event::Drained { cursor } => {
                self.forming -= 1;
                self.drained(cursor);
            }
            Event::ReachedLimit => {
                self.forming -= 1;
                self.input = Input::Cut;
                self.cut = Some(StopCause::Limit);
            }
            Event::SourceFailed { why, hint, changed } => {
                self.forming -= 1;
                self.input = Input::Cut;
                let cause = StopCause::Source { why, hint, changed };
                if changed { self.stop_for(cause) } else { self.cut = Some(cause) }
            }
            Event::SourceMoves { why } => {
                self.forming -= 1;
                self.input = Input::Cut;
                self.cut = Some(StopCause::Moving { why });
            }
            Event::RebuildFailed { why, hint, changed } => {
                self.input = Input::Cut;
                self.stop_for(StopCause::Source { why, hint, changed });
            }
            Event::Told(None) => self.untold -= 1,
            Event::Told(Some(why)) => {
                self.untold -= 1;
                self.stop_for(StopCause::Results { why });
            }
            Event::Rebuilt { seq, load } => self.rebuilt(now, seq, load),
            Event::Recalled { seq, rows } => self.recalled(now, seq, &rows),
            Event::LookedUp { seq, begun } => self.looked_up(now, seq, begun),
            Event::Committed(ticket, noted) => self.committed(now, ticket, &noted, commands),
            Event::LedgerFailed(why) => {
                self.stop = Some(StopCause::Ledger(why));
            }
            Event::Answered { seq, answer } => self.answered(now, seq, answer, commands),
            Event::Polled { seq, outcome, status } => self.polled(now, seq, outcome, status, commands),
            Event::StateRead { seq, state } => self.state_read(now, seq, state, commands),
            Event::Verified { seq, applied } => self.verified(now, seq, applied, commands),
            Event::Renewed(result) => self.renewed(now, result),
            Event::StopAsked => self.stop_for(StopCause::Signal),
        }
    }

    /// The input's end: the whole one's, as far as anybody can know.
    fn drained(&mut self, cursor: Cursor) {
        let read = cursor.ordinal.0;
        match self.policy.expect_rows.filter(|expected| *expected != read) {
            None => self.input = Input::Ended(cursor),
            Some(expected) => {
                self.input = Input::Cut;
                self.cut = Some(StopCause::Unexpected { read, expected });
            }
        }
    }

    /// The first cause stands, unless a graver one comes.
    fn stop_for(&mut self, cause: StopCause) {
        if self.stop.as_ref().is_none_or(|known| cause.gravity() > known.gravity()) {
            self.stop = Some(cause);
        }
    }

    fn commit(&mut self, entry: Entry, awaited: Awaited, commands: &mut Vec<Command>) {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.awaited.insert(ticket, awaited);
        commands.push(Command::Commit { ticket, entry: Box::new(entry) });
    }

    fn batch(&mut self, seq: BatchSeq) -> &mut Batch {
        self.hand.get_mut(seq)
    }

    fn committed(&mut self, now: Now, ticket: u64, noted: &Noted, commands: &mut Vec<Command>) {
        match self.awaited.remove(&ticket).expect("each ticket is acknowledged once") {
            Awaited::Plan(batches, refused, passed) => {
                self.plan_committed(now, batches, noted, commands);
                self.refused_here(refused, passed, commands);
            }
            Awaited::Refuse(refused, passed) => self.refused_here(refused, passed, commands),
            Awaited::Accept(seq) => {
                // The steps behind a request wait for nothing.
                let every = match self.policy.polling {
                    _ if self.assembler.target().has_steps_behind() => Duration::ZERO,
                    Some(polling) => polling.every,
                    None => Duration::from_secs(1),
                };
                self.hand.set(seq, State::Polling(now.tick + every));
            }
            Awaited::Finish(finished) => self.finish_committed(now, *finished, commands),
            Awaited::Park(seq) => {
                let batch = self.hand.remove(seq).expect("a parked batch was in hand");
                self.books.park(batch.planned.rows.len());
            }
            Awaited::TakeUp(seq) => {
                self.batch(seq).taken_up = false;
                self.put_back(seq, now.tick);
            }
            Awaited::Leave(seq) if self.is_stopping() || self.gate.is_closed(now.tick) => {
                // It never left after all: the target has asked for patience meanwhile, or the run ends.
                self.gate.turned_back();
                self.hand.set(seq, State::Waiting(now.tick));
                self.commit(Entry::Stay { seq }, Awaited::Stay, commands);
            }
            Awaited::Leave(seq) => self.leave(now, seq, commands),
            Awaited::Step(seq) => self.put_back(seq, now.tick),
            Awaited::Prepare(seq) => self.hand.set(seq, State::Waiting(now.tick)),
            Awaited::Pause | Awaited::Stay => {}
            Awaited::Drained => {
                self.input = Input::Drained;
                self.is_whole = true;
                self.watch_rejects();
            }
            Awaited::Complete(exit) => {
                self.import.state = crate::model::ImportState::Complete(exit);
            }
        }
    }

    /// Rows that were refused before they were sent; their end is durable.
    fn refused_here(&mut self, refused: Vec<Settled>, passed: Passed, commands: &mut Vec<Command>) {
        self.books.pass(passed);
        self.books.reject(refused.len() as u64);
        self.tell(refused, commands);
        self.watch_rejects();
    }

    fn tell(&mut self, settled: Vec<Settled>, commands: &mut Vec<Command>) {
        if self.policy.tell && !settled.is_empty() {
            self.untold += 1;
            commands.push(Command::Tell(settled));
        }
    }

    /// `--max-rejects`.
    fn watch_rejects(&mut self) {
        let tally = *self.books.tally();
        let of = if self.is_whole { tally.read } else { (tally.delivered + tally.rejected).max(EARLY) };
        if self.policy.max_rejects.is_some_and(|max| max.is_passed(tally.rejected, of)) {
            self.stop_for(StopCause::MaxRejects);
        }
    }

    /// Where a batch waits from this moment on: for its turn, or for its job's next poll.
    fn put_back(&mut self, seq: BatchSeq, at: Moment) {
        let polls = self.hand.get(seq).job.is_some();
        self.hand.set(seq, if polls { State::Polling(at) } else { State::Waiting(at) });
    }

    fn answered(&mut self, now: Now, seq: BatchSeq, answer: Answer, commands: &mut Vec<Command>) {
        let Answer { outcome, status, took, replayed, carried, hint } = answer;
        self.gate.landed(now.tick, took, &outcome);
        if let Some(hint) = hint {
            self.gate.hinted(now.tick, &hint);
        }
        if replayed {
            self.books.requests_mut().replayed += 1;
        }
        if matches!(outcome, crate::model::Outcome::Settled(_) | crate::model::Outcome::Accepted(_)) {
            let serial = self.hand.get(seq).credential;
            self.credential.taken(serial);
            self.trouble = None;
            self.books.requests_mut().multi_status += u64::from(status == Some(207));
        }
        if let Some(state) = carried {
            self.carry(seq, state);
        }
        self.judge(now, seq, outcome, status, commands);
    }

    fn renewed(&mut self, now: Now, result: Result<(), NoCredential>) {
        match result {
            Ok(()) => self.credential.renewed(now.tick),
            Err(NoCredential { why, passing: true, .. })
                if self.credential.failed() < self.policy.first_attempts =>
            {
                let wait = self.policy.backoff.wait(3, &mut self.rng);
                self.gate.close(now.tick + wait);
                let _ = why;
            }
            Err(NoCredential { why, passing: true, .. }) => self.stop_for(StopCause::TargetDown { why }),
            Err(NoCredential { why, hint, .. }) => self.stop_for(StopCause::Refused { why, hint }),
        }
    }

    /// Whether a run that has to end may do so now: nothing is on the wire or on its way to the disk, and nothing
    /// that can't be read again is anywhere else.
    fn is_quiet(&self) -> bool {
        let is_safe = !self.policy.keep_rows || self.forming == 0 && self.ready.is_empty();
        self.awaited.is_empty() && self.hand.count(Kind::Out) == 0 && is_safe
    }
}

/// A stop that an answer asked for.
fn stop_cause(kind: StopKind, why: String, hint: Option<String>) -> StopCause {
    match kind {
        StopKind::Refused => StopCause::Refused { why, hint },
        StopKind::Pause => StopCause::TargetDown { why },
    }
}
