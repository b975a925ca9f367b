//! Imports that one command brings to their end, one after the other.

use crate::error::exit;

/// What a run is in its command: most are all of it.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// Exit code of the import that was ended before this one.
    pub before: u8,
    /// Another import follows this one.
    pub is_rest: bool,
}

impl Part {
    /// Dead letters and doubts of the import before are no less true for this one's good end.
    pub(super) fn exit(self, code: u8) -> u8 {
        worse(self.before, code)
    }
}

/// The exit code of two imports, of which the one `before` came to its end.
pub const fn worse(before: u8, code: u8) -> u8 {
    match (code, before) {
        (exit::COMPLETE, before) => before,
        (exit::DEAD_LETTERS, exit::IN_DOUBT) => exit::IN_DOUBT,
        (code, _) => code,
    }
}
