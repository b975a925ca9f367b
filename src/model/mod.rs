//! The hall: the nouns that every room knows. Their invariants live in their constructors; there is no I/O here,
//! no clock, no chance and no policy.

mod batch;
mod canary;
mod dead_letter;
mod digest;
mod edited_rows;
mod entry;
mod exchange;
mod feed;
mod import;
mod kept;
mod key;
mod letter;
mod moment;
mod outcome;
mod page;
mod row;
mod sample;
mod settled;
mod tally;

pub use batch::{BatchSeq, Load, LoadBuilder, Room, RowSet};
pub use canary::Canary;
pub use dead_letter::{Circumstances, DeadLetter, Rejection};
pub use digest::{Digest, Hasher};
pub use entry::{
    Asked, BatchEnd, Begun, Entry, Form, NaturalKey, Noted, Park, Planned, Recovered, Unsettled,
    UnsettledState,
};
pub use exchange::{BodyState, Fault, Reply, Request};
pub use feed::{Course, Courses, FeedEntry, FeedKey, News, Passed};
pub use import::{Close, Cursor, ImportRecord, ImportState};
pub use kept::KeptRows;
pub use key::{BatchKey, ChildReason, FORMAT_VERSION, GroupId, ImportId, RowKey};
pub use letter::{IN_DOUBT, Letter, LetterError, LetterId, LetterSource};
pub use moment::{Moment, Now, WallTime};
pub use outcome::{Job, Limit, Outcome, Pages, PollOutcome, RowVerdict, StopKind, Verdicts};
pub use page::{BatchPage, BatchState, LetterPage};
pub use row::{BadRow, Mark, Ordinal, Place};
pub use sample::Sample;
pub use settled::{InputStart, Settled};
pub use tally::{Counters, Requests, Tally};
