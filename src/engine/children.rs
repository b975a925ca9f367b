//! What follows a batch for rows that have no end yet: other requests, each under a key of its own, or the same once more.

use super::Engine;
use crate::model::{Asked, BatchSeq, ChildReason, Close, Load, Mark, Now, Park, Planned, RowSet};
use std::time::Duration;

impl Engine {
    /// The same request on behalf of these of its rows: what it was answered is read once more, since the target repeats
    /// that as long as it remembers the key. The other rows have their end.
    pub(super) fn same(
        &mut self,
        seq: BatchSeq,
        load: &Load,
        rows: &[usize],
        park: Park,
    ) -> (Planned, Load, Duration) {
        let parent = &self.hand.get(seq).planned;
        let marks: Vec<Mark> = rows.iter().map(|index| load.mark(*index)).collect();
        let whole = || Asked { start: parent.start, rows: parent.rows.clone() };
        let planned = Planned {
            seq: self.next_seq,
            parent: Some(parent.seq),
            rows: RowSet::from_ordinals(marks.iter().map(|mark| mark.ordinal))
                .expect("some rows, in their order"),
            close: Close::Child,
            start: marks[0].place,
            request: Some(parent.request.clone().unwrap_or_else(whole)),
            source_bytes: marks.iter().map(Mark::bytes).sum(),
            parked: Some(park),
            ..parent.clone()
        };
        self.next_seq = BatchSeq(self.next_seq.0 + 1);
        (planned, load.clone(), Duration::ZERO)
    }

    #[expect(clippy::too_many_arguments, reason = "what makes a child different from its parent")]
    pub(super) fn child(
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
        let load =
            self.assembler.assemble(None, rows.iter().map(|index| (load.mark(*index), load.text(*index))));
        let tainted = self.hand.get(parent).tainted || self.hand.get(parent).taken_up;
        // A verdict settles what was unknown, since the key says that it is about the same request. Without keys it is
        // about the last attempt alone; and what was taken out of doubt, or goes into it, stays unknown.
        // A limit says nothing of it either: it may have been another one then.
        let is_limit =
            reason == ChildReason::Split && self.hand.get(parent).decided && !self.policy.key_first;
        let unsettled = reason == ChildReason::Resend || !self.policy.repeatable || is_limit;
        let doubtful = parked.is_some() || unsettled && tainted;
        let parent = &self.hand.get(parent).planned;
        // Nothing was decided under a key that only grew old: a row that brings its own goes under the same again.
        let is_decided = reason != ChildReason::Resend || tainted;
        let generation = parent.generation + u32::from(is_decided);
        let rows = load.row_set();
        let body_hash = load.body_hash();
        let planned = Planned {
            seq: self.next_seq,
            parent: Some(parent.seq),
            rank: parent.rank,
            generation,
            key: parent.key.child(reason, generation, &rows, body_hash),
            start: load.mark(0).place,
            request: None,
            source_bytes: load.source_bytes(),
            rows,
            close: Close::Child,
            body_hash,
            planned_at: now.wall,
            may_have_left: self.policy.repeatable && !self.assembler.needs_state() && parked.is_none(),
            row_attempts,
            group_state: None,
            refusals: parent.refusals,
            doubtful: parent.doubtful || doubtful,
            kept: parent.kept,
            parked,
        };
        self.next_seq = BatchSeq(self.next_seq.0 + 1);
        (planned, load, wait)
    }
}
