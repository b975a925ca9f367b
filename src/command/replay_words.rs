//! What a replay says of its letters, and of one before it that is not finished.

use super::another_mapping::identity;
use super::replay::Desk;
use super::replay_request::Request;
use crate::edge::ledger::Found;
use crate::error::{Error, exit};
use crate::report::{Replayed, speech};

impl Desk<'_> {
    pub(super) fn say_what_is_taken(&self, replay: &Replayed) {
        let left_out = replay.left_out.words().map_or(String::new(), |words| format!("; left out: {words}"));
        speech::say(&format!("replaying {}{left_out}", speech::count(replay.taken, "row")));
        if self.origin.is_none() && self.args.send.state.is_some() {
            let place = self.request.replay.of.as_str();
            speech::say(&format!(
                "note: there is no ledger of an import in `{place}`: what was sent of these rows since they were refused \
                 nobody knows here"
            ));
        }
        let is_other = self.origin.as_ref().is_some_and(|origin| {
            let layout = origin.inputs.first().and_then(|facts| facts.layout.as_ref());
            layout.is_some_and(|layout| {
                identity(self.target.identity(), layout) != origin.newest.import.identity
            })
        });
        if is_other {
            speech::say("note: this is not the target that refused them, or it maps rows another way now");
        }
    }

    pub(super) fn say_what_is_closed(&self, number: u64) {
        if !self.args.send.quiet {
            speech::say(&format!(
                "note: replay {number} was stopped, with no row pending; it is closed, and what it has not sent is open"
            ));
        }
    }

    /// The last replay is not finished, and something else is asked for.
    pub(super) fn other(&self, number: u64, found: &Found, before: &Request) -> Error {
        let what = if found.import.identity != self.identity {
            "goes to another target, or maps its rows another way"
        } else if before.content != self.request.content {
            "began with other dead letters than these"
        } else if before.is(&self.request) {
            "is not finished"
        } else {
            "began with another --reason, --in-doubt, --type, --null or format"
        };
        let rows = found.tally.pending;
        let words = format!("replay {number} {what}, and {rows} of the rows that it read are pending");
        Error::new(exit::NOT_THE_SAME, words).hint(
            "the same command as then finishes it; with --abandon it is given up, and what is open goes with the next",
        )
    }
}
