//! Where the input is a feed: which of its rows are sent.

use super::former::Former;
use crate::model::{Course, Courses, FeedKey, Mark, Rejection};

impl Former {
    /// The input is a feed, of which not all rows are sent.
    #[must_use]
    pub fn of_feed(mut self, key: FeedKey, courses: Courses) -> Self {
        self.feed = Some((key, courses));
        self
    }

    /// What becomes of a row of a feed. One without its key is refused: nobody would know it again.
    pub(super) fn course(&self, mark: Mark, text: &[u8]) -> Result<Course, Rejection> {
        let Some((key, courses)) = &self.feed else { return Ok(Course::Send) };
        let course = courses.of(mark.ordinal);
        if course == Course::Send
            && let Err(field) = key.entry(text)
        {
            let why = format!("the row has no `{field}`, by which --sync knows it");
            let field = Some(format!("/{field}"));
            return Err(Rejection { field, ..Rejection::local("missing_key", why) });
        }
        Ok(course)
    }
}
