//! One batch in hand, from its plan to its end.

use super::event::Settled;
use crate::model::{Job, Load, Moment, Planned};

/// Where a batch stands. It leaves a state only by an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// From an earlier run: its bytes are to be made again.
    Absent,
    Rebuilding,
    /// Its plan is on the way to the disk.
    Planning,
    /// Durable; may leave from this moment on, when the gate is open.
    Waiting(Moment),
    /// That it leaves is on the way to the disk; it holds its slot.
    Leaving,
    InFlight,
    /// The job's id is on the way to the disk.
    Accepting,
    /// The next poll is due at this moment.
    Polling(Moment),
    PollInFlight,
    /// Its end is on the way to the disk.
    Settling,
}

#[derive(Debug)]
pub(super) struct Batch {
    pub planned: Planned,
    pub load: Option<Load>,
    pub state: State,
    /// Attempts in this run.
    pub attempts: u32,
    /// Attempts since the target last took anything; bounded by the policy.
    pub failures: u32,
    /// The target's successes when the last failure came: another's success in between starts the count anew.
    pub failures_at: u64,
    /// Some attempt may have been carried out and nobody knows.
    pub tainted: bool,
    pub misfits: u32,
    pub puzzles: u32,
    pub polls: u32,
    pub job: Option<Job>,
    /// Rows refused on the way to this batch, durable with its plan.
    pub refused_with: Vec<Settled>,
    /// In doubt since an earlier run; a person decided to send its rows again.
    pub taken_up: bool,
}

impl Batch {
    pub(super) fn new(planned: Planned, load: Option<Load>, state: State) -> Self {
        Self {
            planned,
            load,
            state,
            attempts: 0,
            failures: 0,
            failures_at: 0,
            tainted: false,
            misfits: 0,
            puzzles: 0,
            polls: 0,
            job: None,
            refused_with: Vec::new(),
            taken_up: false,
        }
    }

    pub(super) fn is_in_flight(&self) -> bool {
        matches!(self.state, State::InFlight | State::PollInFlight)
    }

    pub(super) fn load(&self) -> &Load {
        self.load.as_ref().expect("a batch that is sent has its bytes")
    }
}
