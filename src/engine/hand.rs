//! The batches in hand, and which of them may go: those whose wait is over and whose groups have nothing earlier
//! in hand. Each question is answered without looking at every batch.

use super::batch::{Batch, Kind, State};
use crate::model::{BatchSeq, GroupId, Moment, Ordinal};
use std::collections::{BTreeMap, BTreeSet};

/// The order of the input: by the batch that was cut from it, then by the first row.
type Rank = (BatchSeq, Ordinal, BatchSeq);

#[derive(Debug, Default)]
pub(super) struct Hand {
    /// Apart from the tree, which is half full where numbers only rise.
    batches: BTreeMap<BatchSeq, Box<Batch>>,
    /// Waits that are not over, the shortest first.
    later: BTreeSet<(Moment, BatchSeq)>,
    /// May go now, as far as they are concerned.
    due: BTreeSet<Rank>,
    /// Due, and something earlier of one of their groups is in hand.
    behind: BTreeSet<BatchSeq>,
    absent: BTreeSet<BatchSeq>,
    /// Where the order within groups matters: who of each group is in hand.
    lanes: BTreeSet<(GroupId, Rank)>,
    counts: [usize; Kind::ALL],
    bytes: usize,
}

impl Hand {
    pub(super) fn insert(&mut self, seq: BatchSeq, batch: Batch) {
        let state = batch.state;
        self.bytes += batch.bytes();
        self.counts[state.kind() as usize] += 1;
        self.batches.insert(seq, Box::new(batch));
        self.join_lanes(seq);
        self.note(seq, state);
    }

    /// Takes a batch out for good; who waited behind it moves up.
    pub(super) fn remove(&mut self, seq: BatchSeq) -> Option<Batch> {
        let batch = self.batches.remove(&seq)?;
        self.forget(seq, &batch);
        self.counts[batch.state.kind() as usize] -= 1;
        self.bytes -= batch.bytes();
        let rank = rank(&batch);
        for group in &batch.groups {
            self.lanes.remove(&(*group, rank));
            if let Some(next) = self.first_of(*group)
                && self.behind.remove(&next.2)
            {
                self.due.insert(next);
            }
        }
        Some(*batch)
    }

    pub(super) fn get(&self, seq: BatchSeq) -> &Batch {
        self.batches.get(&seq).expect("an event names a batch in hand")
    }

    /// For everything but its state.
    pub(super) fn get_mut(&mut self, seq: BatchSeq) -> &mut Batch {
        self.batches.get_mut(&seq).expect("an event names a batch in hand")
    }

    pub(super) fn set(&mut self, seq: BatchSeq, state: State) {
        let batch = self.batches.get_mut(&seq).expect("an event names a batch in hand");
        let old = std::mem::replace(&mut batch.state, state);
        self.counts[old.kind() as usize] -= 1;
        self.counts[state.kind() as usize] += 1;
        if let State::Waiting(at) | State::Polling(at) = old {
            let rank = rank(batch);
            self.later.remove(&(at, seq));
            self.due.remove(&rank);
            self.behind.remove(&seq);
        }
        self.absent.remove(&seq);
        self.note(seq, state);
    }

    /// Its bytes are there (again), and with them its groups.
    pub(super) fn equip(&mut self, seq: BatchSeq, equip: impl FnOnce(&mut Batch)) {
        let batch = self.batches.get_mut(&seq).expect("an event names a batch in hand");
        self.bytes -= batch.bytes();
        equip(batch);
        self.bytes += batch.bytes();
        self.join_lanes(seq);
    }

    fn join_lanes(&mut self, seq: BatchSeq) {
        let batch = &self.batches[&seq];
        let rank = rank(batch);
        for group in &batch.groups {
            self.lanes.insert((*group, rank));
        }
    }

    fn note(&mut self, seq: BatchSeq, state: State) {
        match state {
            State::Absent => {
                self.absent.insert(seq);
            }
            State::Waiting(at) | State::Polling(at) => {
                self.later.insert((at, seq));
            }
            _ => {}
        }
    }

    fn forget(&mut self, seq: BatchSeq, batch: &Batch) {
        if let State::Waiting(at) | State::Polling(at) = batch.state {
            self.later.remove(&(at, seq));
            self.due.remove(&rank(batch));
            self.behind.remove(&seq);
        }
        self.absent.remove(&seq);
    }

    fn rank_of(&self, seq: BatchSeq) -> Rank {
        rank(&self.batches[&seq])
    }

    /// Who of a group comes before all others in hand.
    fn first_of(&self, group: GroupId) -> Option<Rank> {
        let from = (group, (BatchSeq(0), Ordinal(0), BatchSeq(0)));
        self.lanes.range(from..).next().filter(|(of, _)| *of == group).map(|(_, rank)| *rank)
    }

    /// Nothing of its groups that comes earlier is in hand.
    fn leads(&self, seq: BatchSeq) -> bool {
        let batch = &self.batches[&seq];
        let rank = rank(batch);
        batch.groups.iter().all(|group| self.first_of(*group) == Some(rank))
    }

    /// What may go at this moment, in the order of the input, from the one after `after` on.
    pub(super) fn next_due(&mut self, now: Moment, after: Option<Due>) -> Option<Due> {
        while let Some((at, seq)) = self.later.first().copied().filter(|(at, _)| *at <= now) {
            self.later.remove(&(at, seq));
            let rank = self.rank_of(seq);
            self.due.insert(rank);
        }
        loop {
            let next = match after {
                None => self.due.first().copied(),
                Some(Due(rank)) => {
                    let beyond = (std::ops::Bound::Excluded(rank), std::ops::Bound::Unbounded);
                    self.due.range(beyond).next().copied()
                }
            }?;
            // A poll changes nothing, so no order binds it.
            let polls = matches!(self.batches[&next.2].state, State::Polling(_));
            if polls || self.leads(next.2) {
                return Some(Due(next));
            }
            self.due.remove(&next);
            self.behind.insert(next.2);
        }
    }

    /// The first moment after `now` at which a wait is over.
    pub(super) fn next_wake(&self) -> Option<Moment> {
        self.later.first().map(|(at, _)| *at)
    }

    /// Batches that wait to be sent and surely were not applied, though the ledger says that they may have left.
    pub(super) fn unsent(&self) -> Vec<BatchSeq> {
        let is_unsent = |batch: &&Batch| {
            matches!(batch.state, State::Waiting(_))
                && batch.planned.may_have_left
                && !batch.tainted
                && !batch.taken_up
                && batch.job.is_none()
        };
        self.batches.values().map(Box::as_ref).filter(is_unsent).map(|batch| batch.planned.seq).collect()
    }

    pub(super) fn has_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// Some wait for earlier batches of their groups.
    pub(super) fn has_held_back(&self) -> bool {
        !self.behind.is_empty()
    }

    pub(super) fn first_absent(&self) -> Option<BatchSeq> {
        self.absent.first().copied()
    }

    pub(super) fn count(&self, kind: Kind) -> usize {
        self.counts[kind as usize]
    }

    /// Planned, and waiting for nothing but its turn.
    pub(super) fn ready(&self) -> usize {
        self.count(Kind::Planning) + self.count(Kind::Waiting) - self.behind.len()
    }

    pub(super) fn len(&self) -> usize {
        self.batches.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Memory that all of them hold.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }
}

/// A place among what is due.
#[derive(Clone, Copy, Debug)]
pub(super) struct Due(Rank);

impl Due {
    pub(super) const fn seq(self) -> BatchSeq {
        self.0.2
    }
}

fn rank(batch: &Batch) -> Rank {
    (batch.planned.rank, batch.planned.rows.first(), batch.planned.seq)
}
