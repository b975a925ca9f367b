//! What is known of a group before a request to it is made: asked for, carried on, and asked for again after a
//! conflict.
//!
//! A request is only whole when the state is in its body, so its key and its bytes are written down then, and not
//! when it was planned. After an unknown outcome the same bytes go first: else our own write, which we did not hear
//! of, would be taken for somebody else's, and be made a second time.

use super::batch::{Shown, State};
use super::event::{Command, StopCause};
use super::sending::Turn;
use super::{Awaited, Engine};
use crate::model::{
    BatchKey, BatchSeq, Begun, ChildReason, Entry, Form, GroupId, Job, Now, Outcome, Rejection, RowVerdict,
    Verdicts,
};
use crate::target::{GroupState, Refresh};

/// States that are kept; beyond that they are asked for again.
const KNOWN_MAX: usize = 10_000;
/// Conflicts of one batch in a row before the run gives up.
const CONFLICTS_MAX: u32 = 100;

impl Engine {
    /// Whether the state of its group has to be known before this batch can be sent.
    pub(super) fn lacks_state(&self, seq: BatchSeq) -> bool {
        self.assembler.needs_state() && self.hand.get(seq).group_state.is_none()
    }

    fn group_of(&self, seq: BatchSeq) -> Option<GroupId> {
        let load = self.hand.get(seq).load();
        self.assembler.group(&self.assembler.row(load, 0)).ok().flatten()
    }

    fn refresh(&self) -> Refresh {
        let state = self.assembler.target().group().and_then(|group| group.state.as_ref());
        state.map_or(Refresh::Never, |state| state.refresh)
    }

    /// Whether its group is begun has to be known before this batch can be sent, first time or again.
    pub(super) fn lacks_beginning(&self, seq: BatchSeq) -> bool {
        self.assembler.begins_groups() && self.hand.get(seq).begun.is_none()
    }

    /// Groups are without number, so that the ledger knows who is begun, and not we. Nothing of its group that comes
    /// earlier is in hand now, so what the ledger says stays true until this batch has its end.
    pub(super) fn look_up(&mut self, seq: BatchSeq, commands: &mut Vec<Command>) -> Turn {
        let group = self.group_of(seq).expect("a row without its group was refused when it was read");
        self.hand.set(seq, State::LookingUp);
        commands.push(Command::LookUp { seq, group });
        Turn::Used
    }

    pub(super) fn looked_up(&mut self, now: Now, seq: BatchSeq, begun: Begun) {
        self.batch(seq).begun = Some(begun);
        self.hand.set(seq, State::Waiting(now.tick));
    }

    /// What a batch's end says of its group.
    pub(super) fn newly_begun(
        &self,
        seq: BatchSeq,
        delivered: bool,
        doubts: bool,
    ) -> Option<(GroupId, Begun)> {
        if delivered && self.assembler.begins_groups() && self.hand.get(seq).begun != Some(Begun::Yes) {
            return Some((self.group_of(seq)?, Begun::Yes));
        }
        self.perhaps_begun(seq).filter(|_| doubts).map(|group| (group, Begun::Perhaps))
    }

    /// The group of a batch that goes into doubt, if it may be begun by that.
    pub(super) fn perhaps_begun(&self, seq: BatchSeq) -> Option<GroupId> {
        let begins = self.assembler.begins_groups() && self.hand.get(seq).begun != Some(Begun::Yes);
        if begins { self.group_of(seq) } else { None }
    }

    /// The state, if it need not be asked for.
    pub(super) fn known_state(&self, seq: BatchSeq) -> Option<GroupState> {
        let way = self.assembler.target().group()?.state.as_ref()?;
        if self.hand.get(seq).begun.is_some_and(|begun| begun != Begun::Yes) {
            return way.begin().cloned();
        }
        if way.refresh == Refresh::Never {
            return Some(GroupState::new());
        }
        if self.refresh() == Refresh::Every {
            return None;
        }
        self.known.get(&self.group_of(seq)?).cloned()
    }

    /// An answer told how the group stands now.
    pub(super) fn carry(&mut self, seq: BatchSeq, state: GroupState) {
        let Some(group) = self.group_of(seq) else { return };
        if self.known.len() >= KNOWN_MAX {
            self.known.clear();
        }
        self.known.insert(group, state);
    }

    pub(super) fn state_read(
        &mut self,
        now: Now,
        seq: BatchSeq,
        state: Result<GroupState, Box<Outcome>>,
        commands: &mut Vec<Command>,
    ) {
        self.gate.turned_back();
        match state {
            Ok(state) => {
                self.credential.taken(self.hand.get(seq).credential);
                if self.assembler.target().lacks_steps(&state) {
                    return self.step_done(seq, state, commands);
                }
                if self.refresh() != Refresh::Every {
                    self.carry(seq, state.clone());
                }
                self.prepare(now, seq, state, commands);
            }
            Err(outcome) => self.judge(now, seq, *outcome, None, commands),
        }
    }

    /// A step before the request is done, and others are to come: what it told is durable before they are.
    fn step_done(&mut self, seq: BatchSeq, known: GroupState, commands: &mut Vec<Command>) {
        let text = serde_json::to_string(&known).expect("texts by name are plain data");
        self.batch(seq).steps = known;
        self.hand.set(seq, State::Leaving);
        self.commit(Entry::Step { seq, known: text }, Awaited::Step(seq), commands);
    }

    /// A step behind the request is done. Its job goes on when that is durable.
    pub(super) fn step_behind(&mut self, seq: BatchSeq, job: Job, commands: &mut Vec<Command>) {
        let known = serde_json::to_string(&job.known).expect("texts by name are plain data");
        let batch = self.batch(seq);
        batch.group_state = Some(job.known.clone());
        batch.planned.group_state = Some(known.clone());
        batch.job = Some(job);
        self.hand.set(seq, State::Accepting);
        self.commit(Entry::Step { seq, known }, Awaited::Step(seq), commands);
    }

    /// The request is made whole, and written down before it leaves.
    pub(super) fn prepare(
        &mut self,
        now: Now,
        seq: BatchSeq,
        state: GroupState,
        commands: &mut Vec<Command>,
    ) {
        let batch = self.hand.get(seq);
        let load = batch.load().clone();
        let rows = (0..load.len()).map(|index| (load.mark(index), load.text(index)));
        let whole = self.assembler.assemble(Some(&state), rows);
        let planned = &batch.planned;
        let body_hash = whole.body_hash();
        let is_first = planned.group_state.is_none() && planned.parent.is_none();
        let (generation, key) = if is_first {
            let key = BatchKey::root(self.import.id, planned.rows.first(), planned.rows.len(), body_hash);
            (planned.generation, key)
        } else {
            let generation = planned.generation + 1;
            (generation, planned.key.child(ChildReason::Refetch, generation, &planned.rows, body_hash))
        };
        let group_state = serde_json::to_string(&state).expect("texts by name are plain data");
        let form = Form { generation, key, body_hash, group_state: group_state.clone(), at: now.wall };
        self.hand.equip(seq, |batch| {
            batch.load = Some(whole);
            batch.group_state = Some(state);
            let planned = &mut batch.planned;
            (planned.generation, planned.key, planned.body_hash) = (generation, key, body_hash);
            (planned.group_state, planned.planned_at) = (Some(group_state), now.wall);
            planned.may_have_left = true;
            batch.shown = Shown::Never;
        });
        self.hand.set(seq, State::Leaving);
        self.commit(Entry::Leave { seq, form: Some(form) }, Awaited::Prepare(seq), commands);
    }

    /// The group has moved on, and nothing was applied: its state is read again, and the request gets a new key.
    pub(super) fn refetch(&mut self, now: Now, seq: BatchSeq, why: String, commands: &mut Vec<Command>) {
        if self.is_hollow(seq, Some(409)) {
            let why = format!("a conflict after an attempt whose outcome is unknown: {why}");
            return self.park(seq, why, commands);
        }
        if !self.assembler.needs_state() {
            // There is nothing to read again; and the target may repeat for this key what it has said.
            let verdicts =
                Verdicts::all(RowVerdict::Retry { wait: None, refusal: Rejection::local("conflict", why) });
            return self.settle(now, seq, &verdicts, commands);
        }
        if let Some(group) = self.group_of(seq) {
            self.known.remove(&group);
        }
        let batch = self.batch(seq);
        batch.group_state = None;
        batch.steps.clear();
        batch.tainted = false;
        batch.conflicts += 1;
        let conflicts = batch.conflicts;
        let wait = match conflicts {
            0..=2 => std::time::Duration::ZERO,
            _ => self.policy.backoff.wait(conflicts - 2, &mut self.rng),
        };
        self.put_back(seq, now.tick + wait);
        self.came_back(seq, commands);
        if conflicts >= CONFLICTS_MAX {
            self.stop_for(StopCause::TargetDown { why });
        }
    }
}
