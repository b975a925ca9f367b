//! The study: the verbs. [`Engine::step`] takes what happened and says what to do; it touches nothing.
//!
//! Time comes in with each event, chance from a seed, failure as an [`Event`]. Two steps with the same past and
//! the same event give the same commands: that is what makes the simulation, and so the promise, possible.
//! The engine never reads a clock, a file or a socket, and holds no row that is not in flight or next.

mod backoff;
mod batch;
mod batcher;
mod books;
mod concurrency;
mod event;
mod gate;
mod judge;
mod policy;
mod pump;
mod recovery;
mod settle;

pub use backoff::Backoff;
pub use batcher::{Assembler, BatchLimits, Formed};
pub use books::{Books, Counters};
pub use concurrency::Concurrency;
pub use event::{Command, Ending, Event, Settled, StopCause};
pub use gate::{Gate, Rate};
pub use policy::{MaxRejects, OnAmbiguous, Policy};

use crate::model::{BatchSeq, Cursor, Entry, ImportRecord, Moment, Now, Outcome, PollOutcome, StopKind};
use batch::{Batch, State};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// What a commit is about, so that its acknowledgement finds its way.
#[derive(Debug)]
enum Awaited {
    Plan(BatchSeq),
    Refuse(Vec<Settled>),
    Leave(BatchSeq),
    Stay,
    Accept(BatchSeq),
    Finish(Box<settle::Finished>),
    Park(BatchSeq),
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

/// The deciding part of one run of one import.
#[derive(Debug)]
pub struct Engine {
    policy: Policy,
    assembler: Arc<Assembler>,
    import: ImportRecord,
    inputs: Arc<[String]>,
    gate: Gate,
    rng: fastrand::Rng,
    batches: BTreeMap<BatchSeq, Batch>,
    ready: VecDeque<Formed>,
    /// Batches asked of the forming thread and not yet here.
    forming: usize,
    awaited: BTreeMap<u64, Awaited>,
    next_ticket: u64,
    next_seq: BatchSeq,
    input: Input,
    stop: Option<StopCause>,
    finished: bool,
    books: Books,
    /// Any row was delivered in this run: first contact has gone well.
    contact: bool,
    started: Option<Moment>,
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
        self.batches.values().filter(|batch| batch.is_in_flight()).count()
    }

    pub fn import(&self) -> &ImportRecord {
        &self.import
    }

    pub fn stop_cause(&self) -> Option<&StopCause> {
        self.stop.as_ref()
    }

    fn note(&mut self, now: Now, event: Event, commands: &mut Vec<Command>) {
        match event {
            Event::Woke => {}
            Event::Formed(formed) => {
                self.forming -= 1;
                self.books.read(formed.rows_read());
                self.ready.push_back(formed);
            }
            Event::Drained { cursor } => {
                self.forming -= 1;
                self.input = Input::Ended(cursor);
            }
            Event::ReachedLimit => {
                self.forming -= 1;
                self.input = Input::Cut;
                self.stop_for(StopCause::Limit);
            }
            Event::SourceFailed { why, hint, changed } => {
                self.forming -= 1;
                self.input = Input::Cut;
                self.stop_for(StopCause::Source { why, hint, changed });
            }
            Event::RebuildFailed { why, hint, changed } => {
                self.input = Input::Cut;
                self.stop_for(StopCause::Source { why, hint, changed });
            }
            Event::TellFailed { why } => self.stop_for(StopCause::Results { why }),
            Event::Rebuilt { seq, load } => self.rebuilt(now, seq, load),
            Event::Committed(ticket) => self.committed(now, ticket, commands),
            Event::LedgerFailed(why) => {
                self.stop = Some(StopCause::Ledger(why));
            }
            Event::Answered { seq, outcome, status, took, replayed } => {
                self.answered(now, seq, outcome, status, took, replayed, commands);
            }
            Event::Polled { seq, outcome, status } => self.polled(now, seq, outcome, status, commands),
            Event::StopAsked => self.stop_for(StopCause::Signal),
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
        self.batches.get_mut(&seq).expect("an event names a batch in hand")
    }

    fn committed(&mut self, now: Now, ticket: u64, commands: &mut Vec<Command>) {
        match self.awaited.remove(&ticket).expect("each ticket is acknowledged once") {
            Awaited::Plan(seq) => {
                let batch = self.batch(seq);
                batch.state = State::Waiting(now.tick);
                let refused = std::mem::take(&mut batch.refused_with);
                self.books.planned();
                self.refused_here(refused, commands);
            }
            Awaited::Refuse(refused) => self.refused_here(refused, commands),
            Awaited::Accept(seq) => {
                let every = self.policy.poll_every;
                self.batch(seq).state = State::Polling(now.tick + every);
            }
            Awaited::Finish(finished) => self.finish_committed(now, *finished, commands),
            Awaited::Park(seq) => {
                let batch = self.batches.remove(&seq).expect("a parked batch was in hand");
                self.books.park(batch.planned.rows.len());
            }
            Awaited::Leave(seq) if self.is_stopping() => {
                // It never left after all.
                self.gate.turned_back();
                self.batch(seq).state = State::Waiting(now.tick);
                self.commit(Entry::Stay { seq }, Awaited::Stay, commands);
            }
            Awaited::Leave(seq) => self.leave(seq, commands),
            Awaited::Pause | Awaited::Stay => {}
            Awaited::Drained => self.input = Input::Drained,
            Awaited::Complete(exit) => {
                self.import.state = crate::model::ImportState::Complete(exit);
            }
        }
    }

    /// Rows that were refused before they were sent; their end is durable.
    fn refused_here(&mut self, refused: Vec<Settled>, commands: &mut Vec<Command>) {
        self.books.reject(refused.len() as u64);
        self.tell(refused, commands);
        self.watch_rejects();
    }

    fn tell(&self, settled: Vec<Settled>, commands: &mut Vec<Command>) {
        if self.policy.tell && !settled.is_empty() {
            commands.push(Command::Tell(settled));
        }
    }

    /// `--max-rejects`.
    fn watch_rejects(&mut self) {
        let tally = *self.books.tally();
        let settled = tally.delivered + tally.rejected;
        if self.policy.max_rejects.is_some_and(|max| max.is_passed(tally.rejected, settled)) {
            self.stop_for(StopCause::MaxRejects);
        }
    }

    fn rebuilt(&mut self, now: Now, seq: BatchSeq, load: crate::model::Load) {
        let batch = self.batch(seq);
        if load.body_hash() != batch.planned.body_hash {
            let rows = &batch.planned.rows;
            let why = format!(
                "rows {} to {} no longer make the bytes that were sent before",
                rows.first().0 + 1,
                rows.last().0 + 1
            );
            self.stop_for(StopCause::Source { why, hint: None, changed: true });
            return;
        }
        batch.load = Some(load);
        batch.state = match &batch.job {
            Some(_) => State::Polling(now.tick),
            None => State::Waiting(now.tick),
        };
    }

    fn polled(
        &mut self,
        now: Now,
        seq: BatchSeq,
        outcome: PollOutcome,
        status: Option<u16>,
        commands: &mut Vec<Command>,
    ) {
        self.gate.landed_poll();
        match outcome {
            PollOutcome::Again { wait, why: _ } => {
                let batch = self.batches.get_mut(&seq).expect("a polled batch is in hand");
                batch.polls += 1;
                let grown = self.policy.poll_every.mul_f64(1.5_f64.powi(batch.polls.min(16) as i32));
                let pause = wait.unwrap_or(grown.min(self.policy.poll_every_max));
                batch.state = State::Polling(now.tick + pause.min(self.policy.max_wait));
            }
            PollOutcome::Ended(outcome) => self.judge(now, seq, *outcome, status, commands),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of one event")]
    fn answered(
        &mut self,
        now: Now,
        seq: BatchSeq,
        outcome: Outcome,
        status: Option<u16>,
        took: std::time::Duration,
        replayed: bool,
        commands: &mut Vec<Command>,
    ) {
        self.gate.landed(now.tick, took, &outcome);
        if replayed {
            self.books.requests_mut().replayed += 1;
        }
        self.judge(now, seq, outcome, status, commands);
    }

    /// Whether a run that has to end may do so now: nothing is on the wire or on its way to the disk.
    fn is_quiet(&self) -> bool {
        self.awaited.is_empty() && !self.batches.values().any(Batch::is_in_flight)
    }
}

/// A stop that an answer asked for.
fn stop_cause(kind: StopKind, why: String, hint: Option<String>) -> StopCause {
    match kind {
        StopKind::Refused => StopCause::Refused { why, hint },
        StopKind::Pause => StopCause::TargetDown { why },
    }
}
