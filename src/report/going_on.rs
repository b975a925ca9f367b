//! The command with which a run that was stopped goes on, and what is to be seen to before.

use super::Closing;
use super::causes::command_behind;
use super::speech::{count, grouped, say_command};
use crate::engine::StopCause;
use crate::model::Tally;
use crate::settings::is_live;

impl Closing<'_> {
    pub(super) fn at_the_limit(&self, rows: &Tally) {
        let of = |some: u64| format!("{} of {}", grouped(some), count(rows.read, "row"));
        let trouble = match (rows.rejected, rows.in_doubt) {
            (0, 0) => None,
            (refused, 0) => Some(format!("{} were refused: mend that first", of(refused))),
            (0, doubt) => Some(format!("{} are in doubt: find out first why", of(doubt))),
            (refused, doubt) => Some(format!(
                "{} were refused and {} are in doubt: find out first why",
                of(refused),
                grouped(doubt)
            )),
        };
        let fed = if self.is_fed_again() {
            ", feed the same stream again from its start (what was read of it is passed over) to"
        } else {
            ""
        };
        let words = match trouble {
            None => format!("--limit is reached; to go on behind it{fed}:"),
            Some(trouble) => {
                format!("--limit is reached, and {trouble}; to go on behind them all the same{fed}:")
            }
        };
        say_command(&words, &command_behind(Some(&StopCause::Limit), self.args, &self.arguments, false));
    }

    /// Whoever goes on has to have the stream once more: nobody has copied it.
    fn is_fed_again(&self) -> bool {
        is_live(self.args) && !self.args.new_stream
    }

    /// The command that goes on, as the last line.
    pub(super) fn to_go_on(&self, command: &str) {
        let words = if self.is_fed_again() {
            "to go on, feed the same stream again from its start (what was read of it is passed over) to:"
        } else {
            "to go on:"
        };
        say_command(words, command);
    }
}
