//! What one go over the input gives, and what it is made of while it goes on.

use crate::engine::{Assembler, Event, Formed};
use crate::model::{Close, DeadLetter, Digest, Load, LoadBuilder, Passed};
use crate::target::Called;

/// What one go over the input gives. Keys are made apart: hashing a body takes about half as long as making it.
#[derive(Debug)]
pub(super) enum Cut {
    /// Batches that have no keys yet.
    Batches(Formed<Load>),
    /// Something else to be told.
    Other(Event),
}

impl Cut {
    pub(super) fn into_event(self, assembler: &Assembler) -> Event {
        match self {
            Self::Batches(formed) => Event::Formed(formed.identified(assembler)),
            Self::Other(event) => event,
        }
    }
}

/// What becomes of the row at hand.
pub(super) enum Taken {
    In,
    Refused,
    /// The batch is full, or the row does not go with it; the row, whose text this is, waits for the next.
    Carried(Vec<u8>),
}

/// What one cut gives, and the batch that is being formed for it.
#[derive(Default)]
pub(super) struct Forms {
    pub(super) loads: Vec<Load>,
    /// Why each was closed, and why the one at hand will be.
    pub(super) closes: Vec<Close>,
    pub(super) close: Close,
    /// The time of the one at hand runs.
    pub(super) aging: bool,
    /// Of all loads.
    pub(super) bytes: usize,
    pub(super) builder: LoadBuilder,
    pub(super) refused: Vec<DeadLetter>,
    pub(super) refused_bytes: usize,
    pub(super) passed: Passed,
    pub(super) called: Called,
    /// What the rows' members are called, where that must be alike.
    pub(super) keys: Option<Digest>,
}

impl Forms {
    pub(super) fn carry(&mut self, text: Vec<u8>, close: Close) -> Taken {
        self.close = close;
        Taken::Carried(text)
    }

    pub(super) fn refuse(&mut self, letter: DeadLetter) -> Taken {
        self.refused_bytes += letter.line.len();
        self.refused.push(letter);
        Taken::Refused
    }
}
