//! The engine's whole vocabulary: what can happen, and what can be asked for. Two closed enums.

use super::Formed;
use crate::model::{
    BatchKey, BatchSeq, Cursor, DeadLetter, Entry, Job, Load, Moment, Outcome, Place, PollOutcome, RowSet,
    WallTime,
};
use std::time::Duration;

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// A moment that was waited for has come.
    Woke,
    /// Rows were read, and a batch (or only refusals) made of them.
    Formed(Formed),
    /// The input's end was read.
    Drained { cursor: Cursor },
    /// `--limit` rows were read, and there are more.
    ReachedLimit,
    /// The input cannot be read on, or is not the one this import began with.
    SourceFailed { why: String, hint: Option<String>, changed: bool },
    /// A batch of an earlier run can't be made again.
    RebuildFailed { why: String, hint: Option<String>, changed: bool },
    /// `--results` can't be written: rows whose producer waits for them must not be settled unheard.
    TellFailed { why: String },
    /// A batch of an earlier run has its bytes again.
    Rebuilt { seq: BatchSeq, load: Load },
    /// The entry with this ticket is durable.
    Committed(u64),
    /// The ledger failed. What was asked of it last may or may not be durable.
    LedgerFailed(String),
    /// An attempt has come to its end.
    Answered { seq: BatchSeq, outcome: Outcome, status: Option<u16>, took: Duration, replayed: bool },
    /// A poll has come to its end.
    Polled { seq: BatchSeq, outcome: PollOutcome, status: Option<u16> },
    /// Finish what is in flight, then end.
    StopAsked,
}

/// What is to be done.
#[derive(Debug)]
pub enum Command {
    /// Cut one more batch from the input.
    Form,
    /// Make a batch of an earlier run again.
    Rebuild {
        seq: BatchSeq,
        start: Place,
        rows: RowSet,
    },
    Commit {
        ticket: u64,
        entry: Box<Entry>,
    },
    Send {
        seq: BatchSeq,
        key: BatchKey,
        load: Load,
        planned_at: WallTime,
    },
    Poll {
        seq: BatchSeq,
        job: Job,
        load: Load,
    },
    /// Step again at this moment, if nothing else happens before.
    WakeAt(Moment),
    /// Rows whose end is now durable, for `--results`.
    Tell(Vec<Settled>),
    /// The run is over.
    Finish(Ending),
}

/// One row whose end is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    pub place: Place,
    pub verdict: &'static str,
    pub id: Option<String>,
}

impl Settled {
    /// A row that was refused before it was sent.
    pub(super) fn refused(letter: &DeadLetter) -> Self {
        Self { place: letter.mark.place, verdict: "rejected", id: None }
    }
}

/// Why a run ends before the import does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopCause {
    /// `--limit`.
    Limit,
    Signal,
    /// `--max-rejects`.
    MaxRejects,
    /// `--max-elapsed`.
    MaxElapsed,
    /// The target asked for a wait longer than `--max-wait`.
    MaxWait {
        wait: Duration,
    },
    /// No answer, or none that helps, for too long.
    TargetDown {
        why: String,
    },
    /// `--on-ambiguous stop`.
    Ambiguous {
        why: String,
    },
    /// 401, 403, 404, or an answer that the profile does not know.
    Refused {
        why: String,
        hint: Option<String>,
    },
    Source {
        why: String,
        hint: Option<String>,
        changed: bool,
    },
    /// `--results` can't be written.
    Results {
        why: String,
    },
    Ledger(String),
}

impl StopCause {
    /// Later causes replace earlier ones of less weight, as the exit codes are ordered.
    pub(super) const fn gravity(&self) -> u8 {
        match self {
            Self::Limit => 0,
            Self::Signal
            | Self::MaxRejects
            | Self::MaxElapsed
            | Self::MaxWait { .. }
            | Self::TargetDown { .. }
            | Self::Ambiguous { .. } => 1,
            Self::Refused { .. } | Self::Results { .. } | Self::Source { changed: false, .. } => 2,
            Self::Source { changed: true, .. } => 3,
            Self::Ledger(_) => 4,
        }
    }

    /// As `stopped_by` in the summary.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::Signal => "signal",
            Self::MaxRejects => "max-rejects",
            Self::MaxElapsed => "max-elapsed",
            Self::MaxWait { .. } => "max-wait",
            Self::TargetDown { .. } => "target",
            Self::Ambiguous { .. } => "ambiguous",
            Self::Refused { .. } => "refused",
            Self::Source { .. } => "input",
            Self::Results { .. } => "results",
            Self::Ledger(_) => "ledger",
        }
    }
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// The process's exit code.
    pub exit: u8,
    /// `None` when the import is complete.
    pub cause: Option<StopCause>,
}
