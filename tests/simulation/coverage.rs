//! What struck where: a simulation that never met a fault in some state has proved nothing about it.

use crate::chance::Hazard;
use bulkhaul::model::Entry;
use std::collections::BTreeMap;

/// What goes on when something strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// The ledger is being opened, and recovery is under way.
    Opening,
    Forming,
    Rebuilding,
    Sending,
    /// After an attempt that may have been carried out.
    SendingAgain,
    ReadingState,
    Verifying,
    Polling,
    /// A token is being got.
    Renewing,
    // On the way to the disk.
    Planning,
    Refusing,
    Leaving,
    Staying,
    Stepping,
    Accepting,
    Finishing,
    Splitting,
    Parking,
    TakingUp,
    Pausing,
    Draining,
    Completing,
    /// Between the commit and the synced dead-letter file.
    Letters,
}

impl Stage {
    pub(crate) const COMMITS: [Self; 13] = [
        Self::Planning,
        Self::Refusing,
        Self::Leaving,
        Self::Staying,
        Self::Stepping,
        Self::Accepting,
        Self::Finishing,
        Self::Splitting,
        Self::Parking,
        Self::TakingUp,
        Self::Pausing,
        Self::Draining,
        Self::Completing,
    ];
    pub(crate) const CALLS: [Self; 5] =
        [Self::Sending, Self::SendingAgain, Self::ReadingState, Self::Verifying, Self::Polling];

    pub(crate) const fn of(entry: &Entry) -> Self {
        match entry {
            Entry::Plan { .. } => Self::Planning,
            Entry::Refuse { .. } => Self::Refusing,
            Entry::Leave { .. } => Self::Leaving,
            Entry::Stay { .. } => Self::Staying,
            Entry::Step { .. } => Self::Stepping,
            Entry::Accept { .. } => Self::Accepting,
            Entry::Finish { end, .. } if end.split => Self::Splitting,
            Entry::Finish { .. } => Self::Finishing,
            Entry::Park { .. } => Self::Parking,
            Entry::TakeUp { .. } => Self::TakingUp,
            Entry::Pause { .. } => Self::Pausing,
            Entry::Drained { .. } => Self::Draining,
            Entry::Complete { .. } => Self::Completing,
        }
    }
}

/// Counts of pairs.
#[derive(Debug, Default)]
pub(crate) struct Coverage(BTreeMap<(Stage, Hazard), u64>);

impl Coverage {
    pub(crate) fn count(&mut self, hazard: Hazard, stage: Stage) {
        *self.0.entry((stage, hazard)).or_default() += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (pair, count) in &other.0 {
            *self.0.entry(*pair).or_default() += count;
        }
    }

    pub(crate) fn pairs(&self) -> usize {
        self.0.len()
    }

    /// Pairs that can be met and were not.
    pub(crate) fn missing(&self) -> Vec<(Stage, Hazard)> {
        expected().into_iter().filter(|pair| !self.0.contains_key(pair)).collect()
    }
}

/// Every pair of a stage and a hazard that can strike there.
fn expected() -> Vec<(Stage, Hazard)> {
    let mut pairs = Vec::new();
    for stage in Stage::COMMITS {
        pairs.extend(
            [Hazard::Crash, Hazard::CommitFails, Hazard::CommitFailsDurable].map(|hazard| (stage, hazard)),
        );
    }
    for stage in Stage::CALLS {
        let always = [
            Hazard::Crash,
            Hazard::NotSent,
            Hazard::RequestLost,
            Hazard::AnswerLost,
            Hazard::Throttled,
            Hazard::FailedBefore,
            Hazard::FailedAfter,
            Hazard::Unauthorized,
            Hazard::Puzzling,
            Hazard::Garbage,
            Hazard::Cut,
            Hazard::TooLong,
            Hazard::Signal,
            Hazard::CutShort,
        ];
        pairs.extend(always.map(|hazard| (stage, hazard)));
    }
    for stage in [Stage::Sending, Stage::SendingAgain] {
        let sends = [
            Hazard::RequestLate,
            Hazard::Twice,
            Hazard::FailedForGood,
            Hazard::InProgress,
            Hazard::Redirected,
            Hazard::Misfitting,
            Hazard::Shrinks,
            Hazard::JobFails,
        ];
        pairs.extend(sends.map(|hazard| (stage, hazard)));
    }
    pairs.extend([Stage::Sending, Stage::ReadingState].map(|stage| (stage, Hazard::Rival)));
    pairs.extend([Hazard::JobGone, Hazard::JobStalls].map(|hazard| (Stage::Polling, hazard)));
    let opening =
        [Hazard::Crash, Hazard::ClockForward, Hazard::ClockBack, Hazard::TakesUp, Hazard::OtherLimits];
    pairs.extend(opening.map(|hazard| (Stage::Opening, hazard)));
    let renewing = [
        Hazard::Crash,
        Hazard::NotSent,
        Hazard::AnswerLost,
        Hazard::Throttled,
        Hazard::FailedBefore,
        Hazard::Garbage,
    ];
    pairs.extend(renewing.map(|hazard| (Stage::Renewing, hazard)));
    for stage in [Stage::Forming, Stage::Rebuilding, Stage::Letters] {
        pairs.push((stage, Hazard::Crash));
    }
    pairs.extend([(Stage::Letters, Hazard::PowerLoss), (Stage::Forming, Hazard::Aged)]);
    pairs
}
