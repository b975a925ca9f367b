//! What an audit knows of a feed's rows that no batch has: what was delivered of their keys, as it is known by now.

use crate::model::{Course, Courses, Mark, Tally};

/// See the module.
#[derive(Debug)]
pub(super) struct Known {
    courses: Courses,
    /// More has happened since the feed was read through than that held rows came to an end.
    is_followed: bool,
    /// Rows that are known otherwise, their bytes, and the first of them.
    others: u64,
    bytes: u64,
    marks: Vec<Mark>,
}

impl Known {
    pub(super) const fn new(courses: Courses, is_followed: bool) -> Self {
        Self { courses, is_followed, others: 0, bytes: 0, marks: Vec::new() }
    }

    /// A row that stands nowhere; of those that are known otherwise up to `most` are kept to be named.
    pub(super) fn meet(&mut self, mark: &Mark, most: usize) -> Course {
        let course = self.courses.of(mark.ordinal);
        if course == Course::Send {
            self.others += 1;
            self.bytes += mark.bytes();
            if self.marks.len() < most {
                self.marks.push(*mark);
            }
        }
        course
    }

    /// What the ledger counts, as it would by now: rows that were held may have come to an end, and where more has happened
    /// nobody can tell any more what was known of a row. `Err` is of how many rows that says nothing, and the first of them.
    pub(super) fn counted(
        self,
        counted: &mut Tally,
        found: &mut Tally,
        bytes: &mut Tally,
    ) -> Result<(), (u64, Vec<Mark>)> {
        let decided = counted.in_doubt.saturating_sub(found.in_doubt);
        if self.is_followed || decided > 0 {
            counted.unchanged = (counted.unchanged + counted.in_doubt).saturating_sub(found.in_doubt);
            counted.in_doubt = found.in_doubt;
        }
        if !self.is_followed && self.others > decided {
            return Err((self.others, self.marks));
        }
        found.unchanged += self.others;
        bytes.unchanged += self.bytes;
        Ok(())
    }
}
