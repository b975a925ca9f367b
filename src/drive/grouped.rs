//! Batches of a target whose requests depend on the groups of their rows: cut from a stretch of the input at once.

use super::cut::Cut;
use super::former::{Former, PASSED_MAX, REFUSED_BYTES_MAX};
use super::window::group_of;
use crate::edge::source::{SourceError, Step};
use crate::engine::Formed;
use crate::model::{Close, Course, DeadLetter, Passed, WallTime};
use crate::target::PerRequest;

impl Former {
    /// A stretch ends where it is large enough, or where its first row has waited long enough.
    pub(super) fn cut_window(
        &mut self,
        sharing: PerRequest,
        scratch: &mut Vec<u8>,
        wall: WallTime,
    ) -> Result<Cut, SourceError> {
        let mut window = std::mem::take(&mut self.window);
        let mut refused = Vec::new();
        let mut refused_bytes = 0;
        let mut close = Close::Rows;
        let mut aging = false;
        let mut passed = Passed::default();
        while !window.is_full() && refused_bytes < REFUSED_BYTES_MAX && passed.rows() < PASSED_MAX {
            if self.ended || self.is_at_limit() {
                close = if self.ended { Close::End } else { Close::Limit };
                break;
            }
            self.age(&mut aging, !window.is_empty() || !refused.is_empty());
            let known = refused.len();
            scratch.clear();
            match self.source.next(scratch) {
                Ok(Step::Row { mark, text }) => {
                    let text = &scratch[text];
                    let course = self.course(mark, text);
                    if let Ok(course @ (Course::Unchanged | Course::Superseded | Course::Held)) = course {
                        passed.count(course, mark.bytes());
                        continue;
                    }
                    let checked = course.and_then(|_| self.check(text, wall));
                    match checked.and_then(|()| group_of(&self.assembler, mark, text)) {
                        Ok(Some(group)) if sharing == PerRequest::One => window.add_to_own(group, mark, text),
                        Ok(Some(group)) => window.add_unique(group, mark, text),
                        Ok(None) => unreachable!("a target with groups names one, or refuses the row"),
                        Err(refusal) => refused.push(self.letter(mark, text, &refusal, wall)),
                    }
                }
                Ok(Step::Bad { mark, bad }) => {
                    refused.push(DeadLetter::of_record(mark, &bad, &self.about(mark, wall)));
                }
                Ok(Step::Idle) => {
                    close = self.why_idle();
                    self.idle = Some(close);
                    break;
                }
                Ok(Step::End) => self.ended = true,
                Err(error) => {
                    (self.broken, close) = (Some(error), Close::End);
                    break;
                }
            }
            refused_bytes +=
                refused.iter().skip(known).map(|letter: &DeadLetter| letter.line.len()).sum::<usize>();
        }
        if window.is_empty() && refused.is_empty() && passed.rows() == 0 {
            return self.after_the_last(scratch).map(Cut::Other);
        }
        let loads = window.cut(&self.assembler, &mut |mark, text, refusal| {
            refused.push(self.letter(mark, text, refusal, wall));
        });
        if !self.ended {
            self.window = window;
        }
        let closes = vec![close; loads.len()];
        let (starts, cursor) = (self.source.take_starts(), self.source.cursor());
        Ok(Cut::Batches(Formed { loads, refused, passed, starts, cursor, closes }))
    }
}
