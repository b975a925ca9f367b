//! A batch's end: its dead letters, its children and its numbers, made into one transaction.

use super::batch::{Batch, State};
use super::event::{Command, Settled};
use super::{Awaited, Engine};
use crate::model::{
    BatchEnd, BatchSeq, ChildReason, Circumstances, DeadLetter, Entry, Limit, Load, Moment, Now, Park,
    Planned, RowVerdict, Verdicts,
};
use std::time::Duration;

/// What follows when the transaction is durable.
#[derive(Debug)]
pub(super) struct Finished {
    seq: BatchSeq,
    end: BatchEnd,
    children: Vec<(Planned, Load, Duration)>,
    told: Vec<Settled>,
}

/// Rows of a batch, sorted by what becomes of them.
#[derive(Default)]
struct Sorted {
    delivered: u64,
    refused: Vec<DeadLetter>,
    retry: Vec<usize>,
    resend: Vec<usize>,
    doubt: Vec<usize>,
    doubt_why: String,
    wait: Duration,
    told: Vec<Settled>,
}

impl Engine {
    /// Every row of the batch has its verdict.
    pub(super) fn settle(
        &mut self,
        now: Now,
        seq: BatchSeq,
        verdicts: &Verdicts,
        commands: &mut Vec<Command>,
    ) {
        let sorted = self.sort(now, seq, verdicts);
        self.books.note_reasons(&sorted.refused);
        let load = self.batches[&seq].load().clone();
        let mut children = Vec::new();
        let mut add = |engine: &mut Self, rows: &[usize], reason, wait, row_attempts, park: Option<Park>| {
            if !rows.is_empty() {
                children.push(engine.child(now, seq, &load, rows, reason, wait, row_attempts, park));
            }
        };
        let row_attempts = self.batches[&seq].planned.row_attempts;
        let pause = self.policy.backoff.wait(row_attempts + 1, &mut self.rng).max(sorted.wait);
        let resend_reason = if sorted.refused.is_empty() { ChildReason::Retry } else { ChildReason::Fix };
        add(self, &sorted.retry, ChildReason::Retry, pause, row_attempts + 1, None);
        add(self, &sorted.resend, resend_reason, Duration::ZERO, row_attempts, None);
        let park = Park { why: sorted.doubt_why };
        add(self, &sorted.doubt, ChildReason::Doubt, Duration::ZERO, row_attempts, Some(park));
        let end =
            BatchEnd { delivered: sorted.delivered, rejected: sorted.refused.len() as u64, split: false };
        self.finish(seq, end, sorted.refused, children, None, sorted.told, commands);
    }

    /// Halves a batch of at least two rows, nothing of which was applied.
    pub(super) fn split(
        &mut self,
        now: Now,
        seq: BatchSeq,
        reason: ChildReason,
        learned: Option<Limit>,
        commands: &mut Vec<Command>,
    ) {
        let load = self.batches[&seq].load().clone();
        let row_attempts = self.batches[&seq].planned.row_attempts;
        let rows: Vec<usize> = (0..load.len()).collect();
        let half = rows.len().div_ceil(2);
        // A target that names its limit gets pieces of that size, else halves.
        let piece = match learned {
            Some(Limit::Rows(rows)) => (rows.max(1) as usize).min(half),
            _ => half,
        };
        let children: Vec<_> = rows
            .chunks(piece)
            .map(|rows| self.child(now, seq, &load, rows, reason, Duration::ZERO, row_attempts, None))
            .collect();
        // What was cut from the input was too large, and no number was named: its halves are the new measure. What
        // a child teaches may be about one large row among small ones.
        let is_root = self.batches[&seq].planned.generation == 0;
        let largest = children.iter().map(|(_, load, _)| load.body().len() as u64).max();
        let guessed = largest.filter(|_| is_root && reason == ChildReason::Split).map(Limit::Bytes);
        let learned = learned.or(guessed);
        if let Some(limit) = learned {
            self.assembler.learn(limit);
        }
        let end = BatchEnd { split: true, ..BatchEnd::default() };
        self.finish(seq, end, Vec::new(), children, learned, Vec::new(), commands);
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of one transaction")]
    fn finish(
        &mut self,
        seq: BatchSeq,
        end: BatchEnd,
        refused: Vec<DeadLetter>,
        children: Vec<(Planned, Load, Duration)>,
        learned: Option<Limit>,
        told: Vec<Settled>,
        commands: &mut Vec<Command>,
    ) {
        self.batch(seq).state = State::Settling;
        let planned = children.iter().map(|(planned, ..)| planned.clone()).collect();
        let entry = Entry::Finish { seq, end, refused, children: planned, learned };
        let finished = Finished { seq, end, children, told };
        self.commit(entry, Awaited::Finish(Box::new(finished)), commands);
    }

    pub(super) fn finish_committed(&mut self, now: Now, finished: Finished, commands: &mut Vec<Command>) {
        let Finished { seq, end, children, told } = finished;
        self.batches.remove(&seq).expect("a settled batch was in hand");
        self.books.settled(end.split);
        self.books.deliver(end.delivered);
        self.books.reject(end.rejected);
        self.contact |= end.delivered > 0;
        for (planned, load, wait) in children {
            self.books.planned();
            if planned.parked.is_some() {
                self.books.park(planned.rows.len());
                continue;
            }
            let state = State::Waiting(now.tick + wait);
            self.batches.insert(planned.seq, Batch::new(planned, Some(load), state));
        }
        self.tell(told, commands);
        self.watch_rejects();
    }

    fn sort(&self, now: Now, seq: BatchSeq, verdicts: &Verdicts) -> Sorted {
        let batch = &self.batches[&seq];
        let load = batch.load();
        let key = batch.planned.key.hex();
        let import_id = self.import.id.hex();
        let mut sorted = Sorted::default();
        for index in 0..load.len() {
            let mark = load.mark(index);
            let verdict = match verdicts.of(index as u32) {
                RowVerdict::Delivered => {
                    sorted.delivered += 1;
                    "delivered"
                }
                RowVerdict::Rejected(refusal) | RowVerdict::Exists(refusal) => {
                    let about = Circumstances {
                        input: &self.inputs[mark.place.input as usize],
                        import_id: &import_id,
                        batch: Some(&key),
                        attempt: batch.attempts.max(1),
                        at: now.wall,
                    };
                    sorted.refused.push(DeadLetter::of_row(mark, load.text(index), refusal, &about));
                    "rejected"
                }
                RowVerdict::Retry { wait, refusal: _ } => {
                    sorted.wait = sorted.wait.max(wait.unwrap_or_default()).min(self.policy.max_wait);
                    sorted.retry.push(index);
                    continue;
                }
                RowVerdict::Resend => {
                    sorted.resend.push(index);
                    continue;
                }
                RowVerdict::InDoubt(why) => {
                    sorted.doubt_why.clone_from(why);
                    sorted.doubt.push(index);
                    continue;
                }
            };
            if self.policy.tell {
                let id = verdicts.ids.binary_search_by_key(&(index as u32), |(i, _)| *i).ok();
                let id = id.map(|at| verdicts.ids[at].1.clone());
                sorted.told.push(Settled { place: mark.place, verdict, id });
            }
        }
        sorted
    }

    #[expect(clippy::too_many_arguments, reason = "what makes a child different from its parent")]
    fn child(
        &mut self,
        now: Now,
        parent: BatchSeq,
        load: &Load,
        rows: &[usize],
        reason: ChildReason,
        wait: Duration,
        row_attempts: u32,
        parked: Option<Park>,
    ) -> (Planned, Load, Duration) {
        let load = self.assembler.assemble(rows.iter().map(|index| (load.mark(*index), load.text(*index))));
        let parent = &self.batches[&parent].planned;
        let generation = parent.generation + 1;
        let rows = load.row_set();
        let body_hash = load.body_hash();
        let planned = Planned {
            seq: self.next_seq,
            parent: Some(parent.seq),
            generation,
            key: parent.key.child(reason, generation, &rows, body_hash),
            start: load.mark(0).place,
            source_bytes: load.source_bytes(),
            rows,
            body_hash,
            planned_at: now.wall,
            may_have_left: self.policy.repeatable,
            row_attempts,
            parked,
        };
        self.next_seq = BatchSeq(self.next_seq.0 + 1);
        (planned, load, wait)
    }

    /// Rows in doubt that a person decided to send again: the same rows under a new key.
    pub(super) fn resend_doubt(&mut self, now: Now, seq: BatchSeq, commands: &mut Vec<Command>) {
        let load = self.batches[&seq].load().clone();
        let rows: Vec<usize> = (0..load.len()).collect();
        let child = self.child(now, seq, &load, &rows, ChildReason::Resend, Duration::ZERO, 0, None);
        self.finish(seq, BatchEnd::default(), Vec::new(), vec![child], None, Vec::new(), commands);
    }

    /// The first moment after `now` at which a waiting batch may leave, if any. One that is due already waits for a
    /// slot, and an answer frees that.
    pub(super) fn next_due(&self, now: Moment) -> Option<Moment> {
        let opening = self.gate.next_opening();
        self.batches
            .values()
            .filter_map(|batch| match batch.state {
                State::Waiting(at) | State::Polling(at) => Some(at.max(opening)),
                _ => None,
            })
            .filter(|at| *at > now)
            .min()
    }
}
