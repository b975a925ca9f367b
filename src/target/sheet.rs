//! Verdicts on rows while several readers speak.

use super::reader::Word;
use crate::model::RowVerdict;

/// What was said so far.
pub(super) struct Sheet {
    pub(super) rows: Vec<Option<RowVerdict>>,
    /// What the server calls rows that it took.
    pub(super) ids: Vec<(u32, String)>,
    /// Of some entry the profile knows what it means.
    pub(super) is_read: bool,
}

impl Sheet {
    pub(super) fn of(rows: usize) -> Self {
        Self { rows: vec![None; rows], ids: Vec::new(), is_read: false }
    }
}

/// The verdict on rows that nobody spoke of.
pub(super) fn unlisted(word: Word) -> RowVerdict {
    match word {
        Word::Ok => RowVerdict::Delivered,
        Word::Collateral => RowVerdict::Resend,
        _ => RowVerdict::InDoubt("the answer says nothing of this row".into()),
    }
}

/// Of a row's several items the worst counts.
pub(super) fn rank(verdict: &RowVerdict) -> u8 {
    match verdict {
        RowVerdict::Delivered => 0,
        RowVerdict::Resend => 1,
        RowVerdict::Retry { .. } => 2,
        RowVerdict::Exists(_) => 3,
        RowVerdict::Rejected(_) => 4,
        RowVerdict::InDoubt(_) => 5,
    }
}
