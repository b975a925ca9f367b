//! The engine of a run that goes on from what the ledger holds. A new import is one whose ledger is empty, so
//! there is one way in, not two.

use super::batch::{Batch, Shown, State};
use super::credential::Credential;
use super::event::StopCause;
use super::gate::Rates;
use super::hand::Hand;
use super::policy::OnAmbiguous;
use super::{Assembler, Books, Engine, Gate, Input, Policy};
use crate::model::{BatchSeq, Counters, ImportState, KeptRows, Limit, Load, Now, Recovered, UnsettledState};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

pub(super) fn engine(
    policy: Policy,
    assembler: Arc<Assembler>,
    inputs: Arc<[String]>,
    seed: u64,
    recovered: Recovered,
    now: Now,
) -> Engine {
    let rates = Rates {
        requests: &policy.request_rates,
        rows: &policy.row_rates,
        bytes: &policy.byte_rates,
        batch_rows: policy.batch_rows,
        batch_bytes: policy.batch_bytes,
    };
    let mut gate = Gate::new(policy.concurrency, rates);
    if let Some(until) = recovered.pause_until {
        // What is left of the wait; a clock that jumped can't make it longer than what was obeyed.
        let left = until.age_of(now.wall).unwrap_or_default().min(policy.max_wait);
        gate.close(now.tick + left);
    }
    if let Some(rows) = recovered.learned_rows {
        assembler.learn(Limit::Rows(rows));
    }
    if let Some(bytes) = recovered.learned_bytes {
        assembler.learn(Limit::Bytes(bytes));
    }
    let counters = Counters {
        planned: recovered.batches_planned,
        settled: recovered.batches_settled,
        split: recovered.batches_split,
    };
    let mut books = Books::new(recovered.tally, recovered.bytes_read, counters);
    let mut hand = Hand::default();
    for unsettled in recovered.unsettled {
        let planned = unsettled.batch;
        let seq = planned.seq;
        let mut batch = match unsettled.state {
            UnsettledState::Parked { .. } if !takes_up(&policy, planned.may_have_left) => continue,
            UnsettledState::Parked { job, .. } => {
                books.take_up(planned.rows.len());
                let mut batch = Batch::new(planned, None, State::Absent);
                batch.taken_up = true;
                batch.decided = policy.repeatable && policy.on_ambiguous == OnAmbiguous::Resend;
                if let Some((job, at)) = job {
                    (batch.job, batch.accepted_at) = (Some(job), at);
                }
                batch
            }
            UnsettledState::Prepared => Batch::new(planned, None, State::Absent),
            UnsettledState::Accepted { job, at } => {
                let mut batch = Batch::new(planned, None, State::Absent);
                (batch.job, batch.accepted_at) = (Some(job), at);
                batch
            }
        };
        batch.shown = Shown::Before;
        // It may have been sent, and nobody saw the answer.
        batch.tainted = batch.planned.may_have_left;
        batch.group_state =
            batch.planned.group_state.as_deref().and_then(|text| serde_json::from_str(text).ok());
        recall_steps(&mut batch, &assembler);
        // What is not committed is not there.
        batch.tainted &= !policy.commits_after || batch.job.is_some();
        hand.insert(seq, batch);
    }
    let mut engine = Engine {
        contact: false,
        blind: 0,
        trouble: None,
        outage: None,
        is_whole: false,
        credential: Credential::new(policy.renewable),
        known: HashMap::new(),
        blocked: recovered.blocked.into_iter().collect(),
        policy,
        assembler,
        import: recovered.import.clone(),
        inputs,
        gate,
        rng: fastrand::Rng::with_seed(seed),
        hand,
        ready: VecDeque::new(),
        forming: 0,
        stopped_waiting: false,
        awaited: BTreeMap::new(),
        next_ticket: 0,
        next_seq: recovered.next_seq,
        input: if recovered.drained { Input::Drained } else { Input::Open },
        stop: None,
        cut: None,
        untold: 0,
        finished: recovered.import.state != ImportState::Open,
        books,
        started: None,
        taken: super::settle::Taken::default(),
    };
    if !engine.finished {
        // What earlier runs had refused counts before anything more is sent.
        engine.watch_rejects();
    }
    engine
}

/// Whether this run decides about rows in doubt. Of rows that never left under their own key there is nothing to ask.
fn takes_up(policy: &Policy, may_have_left: bool) -> bool {
    policy.take_up_doubt && (policy.on_ambiguous != OnAmbiguous::Verify || may_have_left)
}

/// Steps around its request that were done in an earlier run are not done again.
fn recall_steps(batch: &mut Batch, assembler: &Assembler) {
    let Some(known) = &batch.group_state else { return };
    if let Some(job) = &mut batch.job {
        job.known.clone_from(known);
    } else if assembler.target().lacks_steps(known) {
        batch.steps = batch.group_state.take().unwrap_or_default();
        batch.planned.group_state = None;
    }
}

impl Engine {
    /// The ledger has given back a batch's rows.
    pub(super) fn recalled(&mut self, now: Now, seq: BatchSeq, rows: &KeptRows) {
        let state = self.hand.get(seq).group_state.clone();
        match self.assembler.try_assemble(state.as_ref(), rows.iter()) {
            Ok(load) => self.rebuilt(now, seq, load),
            Err(refusal) => {
                let cause = StopCause::Source { why: refusal.message, hint: None, changed: true };
                self.stop_for(cause);
            }
        }
    }

    /// A batch of an earlier run has its bytes again, if they are the same.
    pub(super) fn rebuilt(&mut self, now: Now, seq: BatchSeq, load: Load) {
        let planned = &self.hand.get(seq).planned;
        if load.body_hash() != planned.body_hash {
            let rows = &planned.rows;
            let why = format!(
                "rows {} to {} no longer make the bytes that were sent before",
                rows.first().0 + 1,
                rows.last().0 + 1
            );
            self.stop_for(StopCause::Source { why, hint: None, changed: true });
            return;
        }
        let (groups, expires) = (self.assembler.groups(&load), self.assembler.expires(&load));
        self.hand.equip(seq, |batch| {
            batch.load = Some(load);
            batch.groups = groups;
            batch.expires = expires;
        });
        if self.hand.get(seq).taken_up {
            // Its job, if it has one, is not asked about before the ledger knows that it is taken up.
            return self.hand.set(seq, State::Waiting(now.tick));
        }
        self.put_back(seq, now.tick);
    }
}
