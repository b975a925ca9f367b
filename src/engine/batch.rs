//! One batch in hand, from its plan to its end.

use super::event::Sent;
use super::gate::Weight;
use crate::model::{Begun, GroupId, Job, Load, Mark, Moment, Now, Planned, WallTime};
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

/// Since when the target may know a batch's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    Never,
    /// In an earlier run: not before it was planned.
    Before,
    /// In this run, first at this moment.
    Here(Now),
}

#[derive(Debug)]
pub(super) struct Batch {
    pub planned: Planned,
    pub load: Option<Load>,
    pub state: State,
    /// Attempts in this run.
    pub attempts: u32,
    /// When the target may first have seen its key.
    pub shown: Shown,
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
    /// When the next poll is due, by the clock that goes on while the machine sleeps.
    pub poll_due: WallTime,
    /// Answers that the job has not ended, since it is asked about without a pause.
    pub unended: u32,
    /// Time that the job has had in this run while it was asked about.
    pub job_time: Duration,
    /// When the job was taken on.
    pub accepted_at: WallTime,
    /// In doubt since an earlier run; a person decided to send its rows again.
    pub taken_up: bool,
    /// A person has looked at rows in doubt, and wants them sent again under the key that the target knows them by: what
    /// it says now counts, though it may look at other things before the key. Else nothing would ever end that doubt.
    pub decided: bool,
    /// Groups of its rows, where their order matters.
    pub groups: Vec<GroupId>,
    /// When the first of its rows expires.
    pub expires: Option<WallTime>,
    /// What its body says of its group.
    pub group_state: Option<GroupState>,
    /// What the steps before its request told, while some are to come.
    pub steps: GroupState,
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
            shown: Shown::Never,
            failures: 0,
            failures_at: 0,
            tainted: false,
            misfits: 0,
            puzzles: 0,
            polls: 0,
            job: None,
            polled_at: None,
            poll_due: WallTime::default(),
            unended: 0,
            job_time: Duration::ZERO,
            accepted_at: WallTime::default(),
            taken_up: false,
            decided: false,
            groups: Vec::new(),
            expires: None,
            group_state: None,
            steps: GroupState::new(),
            begun: None,
            conflicts: 0,
            credential: 0,
            to_verify: false,
        }
    }

    pub(super) fn load(&self) -> &Load {
        self.load.as_ref().expect("a batch that is sent has its bytes")
    }

    /// Which rows of its request are its own.
    pub(super) fn own(&self) -> Vec<usize> {
        let is_own = |mark: &Mark| self.planned.request.is_none() || self.planned.rows.contains(mark.ordinal);
        self.load().marks().enumerate().filter(|(_, mark)| is_own(mark)).map(|(index, _)| index).collect()
    }

    /// What its request says beside its body.
    pub(super) fn about(&self) -> Sent {
        Sent {
            key: self.planned.key,
            first_sent: self.planned.planned_at,
            state: self.group_state.clone(),
            refusals: self.planned.refusals + self.planned.generation,
            tainted: self.tainted,
            begins: self.begun.is_some_and(|begun| begun != Begun::Yes),
        }
    }

    /// What its request counts for, where rates count rows or bytes.
    pub(super) fn weight(&self) -> Weight {
        Weight { rows: self.load().len() as u64, bytes: self.load().body().len() as u64 }
    }

    /// How old its key may be at the target; `None` where a clock that went back knows no age. Within this run the
    /// clock that never goes back is asked, too, and the greater age counts: that one stands still while the machine
    /// sleeps.
    pub(super) fn key_age(&self, now: Now) -> Option<Duration> {
        match self.shown {
            Shown::Never => Some(Duration::ZERO),
            Shown::Before => now.wall.age_of(self.planned.planned_at),
            Shown::Here(first) => {
                let by_wall = now.wall.age_of(first.wall).unwrap_or_default();
                Some(now.tick.since(first.tick).max(by_wall))
            }
        }
    }

    /// Memory that it holds.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.load.as_ref().map_or(0, Load::memory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(tick: u64, wall: i64) -> Now {
        Now { tick: Moment::from_micros(tick * 1_000_000), wall: WallTime::from_millis(wall * 1000) }
    }

    fn planned(wall: i64) -> Batch {
        let planned = Planned { planned_at: WallTime::from_millis(wall * 1000), ..Planned::of_one_row(1) };
        Batch::new(planned, None, State::Absent)
    }

    #[test]
    fn a_key_ages_from_the_moment_at_which_the_target_may_have_seen_it() {
        let mut batch = planned(100);
        assert_eq!(batch.key_age(at(500, 600)), Some(Duration::ZERO), "nobody knows it");
        batch.shown = Shown::Here(at(500, 600));
        assert_eq!(batch.key_age(at(510, 610)), Some(Duration::from_secs(10)));
        assert_eq!(batch.key_age(at(510, 4210)), Some(Duration::from_secs(3610)), "the machine slept");
        assert_eq!(batch.key_age(at(510, 550)), Some(Duration::from_secs(10)), "the clock was set back");
        batch.shown = Shown::Before;
        assert_eq!(batch.key_age(at(0, 700)), Some(Duration::from_secs(600)));
        assert_eq!(batch.key_age(at(0, 99)), None);
    }
}
