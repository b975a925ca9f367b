//! One batch in hand, from its plan to its end.

use super::gate::Weight;
use crate::model::{Begun, GroupId, Job, Load, Moment, Planned, WallTime};
use crate::target::GroupState;
use std::time::Duration;

/// Where a batch stands. It leaves a state only by an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// From an earlier run: its bytes are to be made again.
    Absent,
    Rebuilding,
    /// Its plan is on the way to the disk.
    Planning,
    /// Whether its group is begun is being looked up.
    LookingUp,
    /// Durable; may leave from this moment on, when the gate is open.
    Waiting(Moment),
    /// The state of its group is being read; it holds its slot.
    Asking,
    /// That it leaves is on the way to the disk; it holds its slot.
    Leaving,
    InFlight,
    /// It is asked if it was applied.
    Verifying,
    /// The job's id is on the way to the disk.
    Accepting,
    /// The next poll is due at this moment.
    Polling(Moment),
    PollInFlight,
    /// Its end is on the way to the disk.
    Settling,
}

/// A state without its moment, for counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Absent,
    Rebuilding,
    Planning,
    Waiting,
    /// On the wire, or holding a slot.
    Out,
    Accepting,
    Polling,
    Settling,
}

impl Kind {
    pub(super) const ALL: usize = 8;
}

impl State {
    pub(super) const fn kind(self) -> Kind {
        match self {
            Self::Absent => Kind::Absent,
            Self::Rebuilding => Kind::Rebuilding,
            Self::Planning | Self::LookingUp => Kind::Planning,
            Self::Waiting(_) => Kind::Waiting,
            Self::Asking | Self::Leaving | Self::InFlight | Self::Verifying | Self::PollInFlight => Kind::Out,
            Self::Accepting => Kind::Accepting,
            Self::Polling(_) => Kind::Polling,
            Self::Settling => Kind::Settling,
        }
    }
}

#[derive(Debug)]
pub(super) struct Batch {
    pub planned: Planned,
    pub load: Option<Load>,
    pub state: State,
    /// Attempts in this run.
    pub attempts: u32,
    /// The target may have seen its key, in this run or an earlier one.
    pub shown: bool,
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
    /// When this run last asked about the job.
    pub polled_at: Option<Moment>,
    /// Time that the job has had while it was asked about.
    pub job_time: Duration,
    /// When the job was taken on.
    pub accepted_at: WallTime,
    /// In doubt since an earlier run; a person decided to send its rows again.
    pub taken_up: bool,
    /// Groups of its rows, where their order matters.
    pub groups: Vec<GroupId>,
    /// When the first of its rows expires.
    pub expires: Option<WallTime>,
    /// What its body says of its group.
    pub group_state: Option<GroupState>,
    /// Whether its group is begun, once that was looked up, where it had to be empty.
    pub begun: Option<Begun>,
    /// Conflicts in a row: the group's state has moved on each time.
    pub conflicts: u32,
    /// The credential that it went out with.
    pub credential: u32,
    /// Whether it was applied is to be asked before anything else.
    pub to_verify: bool,
}

impl Batch {
    pub(super) fn new(planned: Planned, load: Option<Load>, state: State) -> Self {
        Self {
            planned,
            load,
            state,
            attempts: 0,
            shown: false,
            failures: 0,
            failures_at: 0,
            tainted: false,
            misfits: 0,
            puzzles: 0,
            polls: 0,
            job: None,
            polled_at: None,
            job_time: Duration::ZERO,
            accepted_at: WallTime::default(),
            taken_up: false,
            groups: Vec::new(),
            expires: None,
            group_state: None,
            begun: None,
            conflicts: 0,
            credential: 0,
            to_verify: false,
        }
    }

    pub(super) fn load(&self) -> &Load {
        self.load.as_ref().expect("a batch that is sent has its bytes")
    }

    /// What its request counts for, where rates count rows or bytes.
    pub(super) fn weight(&self) -> Weight {
        Weight { rows: self.planned.rows.len(), bytes: self.load().body().len() as u64 }
    }

    /// Memory that it holds.
    pub(super) fn bytes(&self) -> usize {
        self.load.as_ref().map_or(0, Load::memory)
    }
}
