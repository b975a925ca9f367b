//! Where a batch ends that is not full: at the end of the input, at its limit, or where nobody waits any longer.

use super::former::Former;
use crate::edge::source::{Bell, SourceError, Step};
use crate::engine::Event;
use crate::model::Close;

impl Former {
    /// The time of a batch runs from its first row on.
    pub(super) fn age(&self, aging: &mut bool, is_begun: bool) {
        if is_begun && !*aging && self.age.is_some() {
            self.source.wait_for(self.age);
            *aging = true;
        }
    }

    /// Waiting has ended, at its time or because somebody wants to go.
    pub(super) fn why_idle(&self) -> Close {
        if self.source.bell().is_some_and(Bell::has_rung) { Close::Stop } else { Close::Age }
    }

    /// Nothing could be read: the input's end, its limit, or what is wrong with it. That is told when all before it
    /// is in the engine's hands.
    pub(super) fn after_the_last(&mut self, scratch: &mut Vec<u8>) -> Result<Event, SourceError> {
        match self.broken.take() {
            Some(error) => Err(error),
            None if self.ended => Ok(Event::Drained { cursor: self.source.cursor() }),
            None if self.idle.is_some() => Ok(Event::Idle),
            None => Ok(self.at_limit(scratch)),
        }
    }

    pub(super) fn is_at_limit(&self) -> bool {
        self.limit.is_some_and(|limit| self.source.ordinal().0 >= limit)
    }

    /// The limit is reached: is there anything behind it?
    fn at_limit(&mut self, scratch: &mut Vec<u8>) -> Event {
        if self.beyond {
            return Event::ReachedLimit;
        }
        let cursor = self.source.cursor();
        // Nobody waits for a row that is not wanted: the end of a stream that ends here comes soon.
        self.source.wait_for(self.age);
        let step = self.source.next(scratch);
        if let Ok(Step::End) = step {
            self.ended = true;
            return Event::Drained { cursor };
        }
        // What stands there, broken or not, is a later run's business. It is read once only.
        self.beyond = true;
        Event::ReachedLimit
    }
}
