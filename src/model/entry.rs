//! What is written into the ledger, and what is read back from it. One [`Entry`] is one transaction: all of it
//! is durable, or nothing.

use super::{
    BatchKey, BatchSeq, Close, Cursor, DeadLetter, Digest, GroupId, ImportRecord, InputStart, Job, Limit,
    Load, Ordinal, Passed, Place, RowSet, Tally, WallTime,
};

/// A batch as the ledger knows it: enough to make the same bytes again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    pub seq: BatchSeq,
    pub parent: Option<BatchSeq>,
    /// The batch that was cut from the input, this one or an ancestor. Among batches with rows of one group the one
    /// of lower rank goes first, and of one rank the one with the earlier row.
    pub rank: BatchSeq,
    /// Keys of its rows that were decided on before, in this import.
    pub generation: u32,
    pub rows: RowSet,
    /// Why it was closed; nothing depends on it.
    pub close: Close,
    /// Where the first of its rows begins; the others follow it.
    pub start: Place,
    /// Set where its request has other rows, too.
    pub request: Option<Asked>,
    /// Bytes of the input that its rows stood in.
    pub source_bytes: u64,
    pub key: BatchKey,
    pub body_hash: Digest,
    /// When it was planned: no byte of it left before, so its key is no older than this.
    pub planned_at: WallTime,
    /// Its first byte may leave without the ledger hearing of it again. Where repeating is harmless that holds from
    /// the plan on; elsewhere [`Entry::Leave`] and [`Entry::Stay`] say it, so that nothing is in doubt that never left.
    pub may_have_left: bool,
    /// Times its rows were given back by the target to be sent again.
    pub row_attempts: u32,
    /// What the body says of its group's state, as a JSON object; `None` before it was asked for.
    pub group_state: Option<String>,
    /// Settled refusals of its row's natural key in earlier imports.
    pub refusals: u32,
    /// Its rows may have been applied under another key: a refusal says nothing about them.
    pub doubtful: bool,
    /// Its rows are in the ledger until it has ended: they can't be read from the input again.
    pub kept: bool,
    /// Set for rows that go straight into doubt: they have this reason and are not sent.
    pub parked: Option<Park>,
}

/// The rows of a request that is asked for once more on behalf of some of them: the others have their end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Where the first of them begins.
    pub start: Place,
    pub rows: RowSet,
}

#[cfg(test)]
impl Planned {
    /// One row, and nothing out of the way about it.
    pub(crate) fn of_one_row(seq: u64) -> Self {
        let hash = Digest::of(&seq.to_le_bytes());
        Self {
            seq: BatchSeq(seq),
            parent: None,
            rank: BatchSeq(seq),
            generation: 0,
            rows: RowSet::range(super::Ordinal(seq), 1),
            start: Place::START,
            request: None,
            source_bytes: 100,
            key: BatchKey(hash),
            body_hash: hash,
            planned_at: WallTime::default(),
            may_have_left: true,
            row_attempts: 0,
            group_state: None,
            refusals: 0,
            doubtful: false,
            kept: false,
            close: Close::Rows,
            parked: None,
        }
    }
}

/// Why rows are in doubt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Park {
    pub why: String,
}

/// What a request became when the state of its group was known: new bytes, therefore a new key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    pub generation: u32,
    pub key: BatchKey,
    pub body_hash: Digest,
    /// As in [`Planned`].
    pub group_state: String,
    /// No byte of it left before.
    pub at: WallTime,
}

/// A key that a row brings along: a second row with it in one import is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NaturalKey {
    /// The batch of this one row.
    pub seq: BatchSeq,
    pub key: Digest,
    /// What is written instead of the batch if the key is taken.
    pub otherwise: DeadLetter,
}

/// Whether a group is ours, where it has to be empty before an import's first rows of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Begun {
    /// Nothing of this import is in it: whatever is there is somebody else's.
    No,
    /// Rows of this import that are in doubt may be in it.
    Perhaps,
    /// Its first rows are of this import.
    Yes,
}

/// What the ledger found while it wrote an entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Noted {
    /// Batches that are refused, not planned: their natural key is taken.
    pub taken: Vec<BatchSeq>,
    /// Batches whose natural key was refused in earlier imports, and how often.
    pub refusals: Vec<(BatchSeq, u32)>,
}

/// How a batch ended. Its rows are where the numbers say; the children have the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchEnd {
    pub delivered: u64,
    pub rejected: u64,
    /// Of the delivered: they may have been applied before, by a request of which nobody knows.
    pub may_be_doubled: u64,
    /// Ended by being halved; nothing of it was applied.
    pub split: bool,
}

/// One transaction (design names in brackets).
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// [T1] Batches cut from the input, the rows refused on the way to them, and the cursor past them all.
    Plan {
        batches: Vec<Planned>,
        natural: Vec<NaturalKey>,
        refused: Vec<DeadLetter>,
        cursor: Cursor,
        /// Rows of those batches that are [`Planned::kept`].
        kept: Vec<(BatchSeq, Load)>,
        passed: Passed,
        /// Inputs that were begun on the way.
        starts: Vec<InputStart>,
    },
    /// [T1] Rows refused or passed over with no batch to go with, and the cursor past them.
    Refuse { refused: Vec<DeadLetter>, cursor: Cursor, passed: Passed, starts: Vec<InputStart> },
    /// [T1] The first byte of a request that must not be repeated, or was only now made whole, is about to leave.
    Leave { seq: BatchSeq, form: Option<Form> },
    /// It came back, and surely nothing of it was applied.
    Stay { seq: BatchSeq },
    /// A step before or behind its request is done; what is known now, as in [`Planned::group_state`].
    Step { seq: BatchSeq, known: String },
    /// [T2] The target took the batch on as a job.
    Accept { seq: BatchSeq, job: Job, at: WallTime },
    /// [T3, T4] The batch has ended: refused rows, children, and what was learned, all in one.
    Finish {
        seq: BatchSeq,
        end: BatchEnd,
        refused: Vec<DeadLetter>,
        children: Vec<Planned>,
        /// What it went under, as dead letters say it; `None` without any.
        shown: Option<String>,
        /// Rows of kept children; its own are let go of.
        kept: Vec<(BatchSeq, Load)>,
        learned: Option<Limit>,
        /// A refusal that names no row: a line in the dead-letter file, and its rows are children in doubt.
        report: Option<DeadLetter>,
        /// Groups that lost this row: the rows that come after it are refused from now on.
        blocked: Vec<(GroupId, Ordinal)>,
        /// The group of its rows is begun by this, or perhaps; more is known of a group than before, or as much.
        begun: Option<(GroupId, Begun)>,
    },
    /// [T5] Nobody can know. `begun` is its group, which may be begun by it.
    Park { seq: BatchSeq, park: Park, begun: Option<GroupId> },
    /// A person took rows out of doubt: the same request goes again, or its job is asked about again.
    TakeUp { seq: BatchSeq },
    /// The target asked not to be called before this.
    Pause { until: WallTime },
    /// [T7] The input's end was read.
    Drained { cursor: Cursor },
    /// [T8] The import is complete.
    Complete { exit: u8 },
}

/// A batch that has no end yet, as recovery finds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Unsettled {
    pub batch: Planned,
    pub state: UnsettledState,
}

impl Unsettled {
    /// Nobody can know whether it was applied; else its rows surely were not.
    pub fn may_have_left(&self) -> bool {
        self.state != UnsettledState::Prepared || self.batch.may_have_left || self.batch.doubtful
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum UnsettledState {
    /// Sent, or about to be: nobody can know without asking.
    Prepared,
    Accepted {
        job: Job,
        at: WallTime,
    },
    Parked {
        park: Park,
        job: Option<(Job, WallTime)>,
    },
}

/// What recovery finds.
#[derive(Clone, Debug, PartialEq)]
pub struct Recovered {
    pub import: ImportRecord,
    pub cursor: Option<Cursor>,
    /// The input's end has been read.
    pub drained: bool,
    pub tally: Tally,
    /// Bytes of the input that the rows read stand in.
    pub bytes_read: u64,
    /// In order of their numbers.
    pub unsettled: Vec<Unsettled>,
    pub next_seq: BatchSeq,
    /// By group, with the first row that was refused.
    pub blocked: Vec<(GroupId, Ordinal)>,
    pub pause_until: Option<WallTime>,
    pub learned_rows: Option<u64>,
    pub learned_bytes: Option<u64>,
    pub batches_planned: u64,
    pub batches_settled: u64,
    pub batches_split: u64,
}
