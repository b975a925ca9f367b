//! Where the input is a feed: which of its rows are sent.

use super::cut::Cut;
use super::former::Former;
use crate::edge::watched::Watched;
use crate::engine::Event;
use crate::model::{Course, Courses, FeedKey, Mark, Rejection};

impl Former {
    /// The input is a feed, of which not all rows are sent.
    #[must_use]
    pub fn of_feed(mut self, key: FeedKey, courses: Courses) -> Self {
        self.feed = Some((key, courses));
        self
    }

    /// The input may be written to, and is looked after.
    #[must_use]
    pub fn watching(mut self, watched: Option<Watched>) -> Self {
        self.watched = watched;
        self
    }

    /// What was cut from the input, if it is still what it was when the courses of its rows were found.
    pub(super) fn unless_moved(&mut self, cut: Cut) -> Cut {
        let input = self.source.input() as usize;
        match self.watched.as_mut().and_then(|watched| watched.changed(input)) {
            None => cut,
            Some(path) => {
                let why = format!("`{}` is written to while it is sent", path.display());
                Cut::Other(Event::SourceMoves { why })
            }
        }
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
