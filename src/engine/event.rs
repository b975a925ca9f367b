//! The engine's whole vocabulary: what can happen, and what can be asked for. Two closed enums.

use super::Formed;
use crate::model::{
    BatchKey, BatchSeq, Begun, Cursor, Entry, GroupId, Job, KeptRows, Load, Moment, Noted, Outcome, Place,
    PollOutcome, RowSet, Settled, WallTime,
};
use crate::target::{Attempt, GroupState, RateHint};
use std::time::Duration;

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// A moment that was waited for has come.
    Woke,
    /// Rows were read, and a batch (or only refusals) made of them.
    Formed(Formed),
    /// Waiting for input was ended, and no row was at hand.
    Idle,
    /// The input's end was read.
    Drained { cursor: Cursor },
    /// `--limit` rows were read, and there are more.
    ReachedLimit,
    /// The input cannot be read on, or is not the one this import began with.
    SourceFailed { why: String, hint: Option<String>, changed: bool },
    /// Somebody writes to the input while it is read. What came of it before is whole.
    SourceMoves { why: String },
    /// A batch of an earlier run can't be made again.
    RebuildFailed { why: String, hint: Option<String>, changed: bool },
    /// Rows were written to the `--results`, or why not: rows whose producer waits for them must not be settled
    /// unheard.
    Told(Option<String>),
    /// A batch of an earlier run has its bytes again.
    Rebuilt { seq: BatchSeq, load: Load },
    /// The rows that the ledger kept for a batch of an earlier run.
    Recalled { seq: BatchSeq, rows: KeptRows },
    /// Whether the group of a batch is begun, by all that is durable.
    LookedUp { seq: BatchSeq, begun: Begun },
    /// The entry with this ticket is durable; what the ledger found on the way.
    Committed(u64, Noted),
    /// The ledger failed. What was asked of it last may or may not be durable.
    LedgerFailed(String),
    /// An attempt has come to its end.
    Answered { seq: BatchSeq, answer: Answer },
    /// A poll has come to its end.
    Polled { seq: BatchSeq, outcome: PollOutcome, status: Option<u16> },
    /// The state of a batch's group was read, or why not: nothing was sent, so that settles nothing.
    StateRead { seq: BatchSeq, state: Result<GroupState, Box<Outcome>> },
    /// The target was asked if a batch was applied; `None` if the answer does not tell, `Err` if it is about us (a token
    /// that is no longer taken).
    Verified { seq: BatchSeq, applied: Result<Option<bool>, Box<Outcome>> },
    /// A new credential is there, or why none.
    Renewed(Result<(), NoCredential>),
    /// Finish what is in flight, then end.
    StopAsked,
}

/// What came of one attempt.
#[derive(Debug)]
pub struct Answer {
    pub outcome: Outcome,
    /// `None` without an answer.
    pub status: Option<u16>,
    pub took: Duration,
    /// It came from the target's memory of the key.
    pub replayed: bool,
    /// What it says of the group, for the next request.
    pub carried: Option<GroupState>,
    /// What it says of the target's patience.
    pub hint: Option<Box<RateHint>>,
}

impl Answer {
    /// One that says nothing beside its meaning.
    pub const fn plain(outcome: Outcome, status: Option<u16>, took: Duration) -> Self {
        Self { outcome, status, took, replayed: false, carried: None, hint: None }
    }
}

/// Why there is no new credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoCredential {
    pub why: String,
    pub hint: Option<String>,
    /// Another try may help.
    pub passing: bool,
}

/// What is to be done.
#[derive(Debug)]
pub enum Command {
    /// Cut more from the input: so many batches at most.
    Form {
        batches: usize,
    },
    /// Wait for no more input: what was read is wanted now.
    StopWaiting,
    /// Make a batch of an earlier run again.
    Rebuild {
        seq: BatchSeq,
        start: Place,
        rows: RowSet,
        state: Option<GroupState>,
    },
    /// Read the rows that the ledger keeps for a batch.
    Recall {
        seq: BatchSeq,
    },
    /// Look up whether this import has begun the group of a batch.
    LookUp {
        seq: BatchSeq,
        group: GroupId,
    },
    Commit {
        ticket: u64,
        entry: Box<Entry>,
    },
    Send {
        seq: BatchSeq,
        load: Load,
        about: Sent,
    },
    /// Read the state of its group, or make the next step before its request; this is known from those made.
    ReadState {
        seq: BatchSeq,
        load: Load,
        known: GroupState,
    },
    /// Ask if the request that is described was applied.
    Verify {
        seq: BatchSeq,
        load: Load,
        about: Sent,
    },
    /// Get a new credential.
    Renew,
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

/// What a request says beside its body.
#[derive(Clone, Debug)]
pub struct Sent {
    pub key: BatchKey,
    pub first_sent: WallTime,
    pub state: Option<GroupState>,
    /// Settled refusals of its row's natural key.
    pub refusals: u32,
    /// An earlier attempt may have been carried out.
    pub tainted: bool,
    /// It says that nobody has begun its group.
    pub begins: bool,
}

impl Sent {
    /// What is known beside the answer when the answer is read.
    pub const fn attempt(&self) -> Attempt {
        Attempt { after_ambiguous: self.tainted, begins: self.begins }
    }
}

/// Why a run ends before the import does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopCause {
    /// `--limit`.
    Limit,
    Signal,
    /// A signal, and what was in flight took too long to wait for.
    CutShort,
    /// The input ended, and has not the rows of `--expect-rows`.
    Unexpected {
        read: u64,
        expected: u64,
    },
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
    /// The profile can read none of the answers.
    Unread {
        why: String,
    },
    Source {
        why: String,
        hint: Option<String>,
        changed: bool,
    },
    /// The input is written to while it is read.
    Moving {
        why: String,
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
            | Self::CutShort
            | Self::MaxRejects
            | Self::Unexpected { .. }
            | Self::MaxElapsed
            | Self::MaxWait { .. }
            | Self::TargetDown { .. }
            | Self::Ambiguous { .. }
            | Self::Moving { .. } => 1,
            Self::Refused { .. }
            | Self::Unread { .. }
            | Self::Results { .. }
            | Self::Source { changed: false, .. } => 2,
            Self::Source { changed: true, .. } => 3,
            Self::Ledger(_) => 4,
        }
    }

    /// As `stopped_by` in the summary.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::Signal | Self::CutShort => "signal",
            Self::MaxRejects => "max-rejects",
            Self::Unexpected { .. } => "expect-rows",
            Self::MaxElapsed => "max-elapsed",
            Self::MaxWait { .. } => "max-wait",
            Self::TargetDown { .. } => "target",
            Self::Ambiguous { .. } => "ambiguous",
            Self::Refused { .. } => "refused",
            Self::Unread { .. } => "profile",
            Self::Source { .. } | Self::Moving { .. } => "input",
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
